"""Lists whose order and repetitions mean nothing, brought to one form so that equal commands have equal digests."""

from __future__ import annotations

from typing import Any, Final

from pydantic import AfterValidator


def _sorted_unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(sorted(set(values)))


SORTED_UNIQUE: Final = AfterValidator(_sorted_unique)
"""For `Annotated[tuple[X, ...], SORTED_UNIQUE]`: the elements in ascending order, each once.

Runs after the elements have been validated: what arrives in a request need be neither hashable nor comparable, and a
refusal names the element's place as it was sent.
"""
