"""The named type of a quota's value: a whole number of the dimension's unit, or unlimited."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from governance.kernel.errors import Language
from governance.kernel.field_types import COUNT_OR_UNLIMITED, UNLIMITED

QuotaValue = Annotated[Annotated[int, Field(ge=0, le=10**12)] | None, COUNT_OR_UNLIMITED]
"""A whole number of the dimension's unit, 10^12 at most; None is unlimited, 0 is nothing."""


def quota_text(value: int | None, language: Language) -> str:
    """A value as people read it, and as they type it."""
    return UNLIMITED.text(language) if value is None else str(value)
