"""Cells of files that people open in a spreadsheet: text that it would run as a formula (CSV injection, CWE-1236).

The signs are those of OWASP's page "CSV Injection", the full-width forms that Excel takes for them, and the line feed.
"""

from __future__ import annotations

from typing import Final

FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet could run the text of a cell."""
    return text.startswith(FORMULA_SIGNS)


def escape_formula(text: str) -> str:
    """The text with an apostrophe before it where a spreadsheet could run it. For text alone: numbers are ours."""
    return f"'{text}" if is_formula(text) else text
