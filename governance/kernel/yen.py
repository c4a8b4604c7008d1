"""Whole yen: the only money there is here.

An amount is an integer, never a float and never text. Columns are `bigint` with a check on the same bound.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import Field

from governance.kernel.errors import Invalid, message
from governance.kernel.japanese_numbers import narrow, parse_number

MAX_YEN: Final = 10**15
"""No amount in the books is further from zero than this, so that sums of thousands of them stay within a bigint."""

Yen = Annotated[int, Field(strict=True, ge=-MAX_YEN, le=MAX_YEN)]
"""An amount in a command; negative only where a command says what that means."""

PositiveYen = Annotated[int, Field(strict=True, ge=1, le=MAX_YEN)]
"""An amount of one yen or more in a command."""

NOT_WHOLE = message(
    "yen.not_whole",
    ja="金額は引用符や小数点のない円単位の整数で指定してください（指定された値: {given}）。",
    en="An amount must be a whole number of yen, without quotes or a decimal point; {given} is not.",
)
OUT_OF_RANGE = message(
    "yen.out_of_range",
    ja="金額は {least} 円以上 {most} 円以下で指定してください（指定された値: {given}）。",
    en="The amount must be between {least} and {most} yen; {given} is not.",
)
NOT_AN_AMOUNT = message(
    "yen.not_an_amount",
    ja="「{given}」は金額ではありません。1234、1,234円、120万円 のように入力してください。",
    en="“{given}” is not an amount. Enter it as 1234 or 1,234.",
)

_FORM: Final = re.compile(r"(?P<minus>-|▲|△)?¥?(?P<number>[^円]+)円?")
_MINUS: Final = str.maketrans("−‐–ー", "----")
"""Signs that keyboards give for minus and that NFKC leaves as they are."""


def whole_yen(value: object, *, field: str, least: int = 1, most: int = MAX_YEN) -> int:
    """A JSON value as yen. true, "5", 5.0 and everything out of range are refused with the field named."""
    if type(value) is not int:
        given = f'"{printable(value)}"' if isinstance(value, str) else printable(value)
        raise Invalid(NOT_WHOLE, field=field, given=given)
    if not least <= value <= most:
        raise Invalid(OUT_OF_RANGE, field=field, given=printable(value), least=least, most=most)
    return value


def yen_from_form(text: str, *, field: str, least: int = 1, most: int = MAX_YEN) -> int:
    """The text of a form field or a CSV cell as yen: 24000000, 24,000,000円, ２４００万円, 1億2,000万円, ▲500千円.

    Whoever enters it sees how it was understood on the next page, before anything is recorded. What does not come to
    whole yen is refused.
    """
    found = _FORM.fullmatch(narrow(text).translate(_MINUS))
    exact = parse_number(found["number"]) if found else None
    if found is None or exact is None or exact.denominator != 1:
        raise Invalid(NOT_AN_AMOUNT, field=field, given=printable(text))
    amount = -exact.numerator if found["minus"] else exact.numerator
    return whole_yen(amount, field=field, least=least, most=most)


def format_yen(amount: int) -> str:
    """As the documents write it: 1,234円, and ▲1,234円 below zero."""
    return f"{format_amount(amount)}円"


def format_amount(amount: int) -> str:
    """As a column of amounts writes it: 1,234, and ▲1,234 below zero."""
    return f"▲{-amount:,}" if amount < 0 else f"{amount:,}"


def printable(value: object) -> str:
    """What was given, short enough and plain enough for a message."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int) and value.bit_length() > 256:
        return f"{value.bit_length() * 3 // 10} digits"
    if isinstance(value, list | dict):
        return "[…]" if isinstance(value, list) else "{…}"
    text = str(value)
    plain = "".join(character if character.isprintable() else "�" for character in text[:41])
    return plain if len(text) <= 40 else f"{plain[:40]}…"
