"""Exhaustive tests: every value in `make test`; one value in `make test-fast`, which fails when the guard is lost."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import pytest


def slow_except(
    fast: Collection[Any], values: Iterable[Any], *, by: Callable[[Any], Any] = lambda value: value
) -> list[Any]:
    """The values for `pytest.mark.parametrize`, marked `slow` but for those whose `by` is in `fast`.

    Raises ValueError where one of `fast` is not among them.
    """
    every = [(by(value), value) for value in values]
    if missing := set(fast) - {name for name, _ in every}:
        raise ValueError(f"not among the values: {missing}")
    return [value if name in fast else _slow(value) for name, value in every]


def _slow(value: object) -> object:
    values = value if isinstance(value, tuple) else (value,)
    return pytest.param(*values, marks=pytest.mark.slow)
