"""Exhaustive tests: every value in `make test`; one value in `make test-fast`, which fails when the guard is lost."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def slow_except(fast: Collection[Any], values: Iterable[Any]) -> list[Any]:
    """The values for `pytest.mark.parametrize`, all but `fast` marked `slow`; ValueError where one is not of them."""
    every = list(values)
    if not set(fast) <= set(every):
        raise ValueError(f"not among the values: {set(fast) - set(every)}")
    return [value if value in fast else _slow(value) for value in every]


def _slow(value: object) -> object:
    values = value if isinstance(value, tuple) else (value,)
    return pytest.param(*values, marks=pytest.mark.slow)
