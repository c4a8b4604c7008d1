"""Numbers as offices type them: 1,234, １２３４, 120万, 1億2,000万. Signs and units are the caller's."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from typing import Final

_NUMBER: Final = r"(?:[0-9]{1,19}|[0-9]{1,3}(?:,[0-9]{3}){1,6})(?:\.[0-9]{1,8})?"
_FORM: Final = re.compile(
    rf"(?:(?P<oku>{_NUMBER})億)?(?:(?P<man>{_NUMBER})万)?(?:(?P<sen>{_NUMBER})千)?(?P<one>{_NUMBER})?"
)
_UNITS: Final = {"oku": 10**8, "man": 10**4, "sen": 10**3, "one": 1}


def narrow(text: str) -> str:
    """The text with full-width digits, letters and signs as half-width ones (NFKC), and without any space."""
    return unicodedata.normalize("NFKC", text).replace(" ", "")


def parse_number(text: str) -> Fraction | None:
    """The exact number that a `narrow` text says, with 億, 万 and 千; None where it says none."""
    found = _FORM.fullmatch(text)
    parts = {name: found[name] for name in _UNITS if found[name]} if found else {}
    if not parts:
        return None
    return sum((Fraction(part.replace(",", "")) * _UNITS[name] for name, part in parts.items()), Fraction(0))
