"""Values of statistics as published: decimal text that becomes an exact fraction, and never a float. Pure."""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction
from typing import Final

from governance.kernel.era import DATE_BOUNDS
from governance.kernel.errors import Invalid, message
from governance.kernel.japanese_numbers import narrow, parse_number
from governance.kernel.labels import Label
from governance.kernel.yen import printable
from tenancy.tenants.states import StatisticKind

NOT_A_STATISTIC = message(
    "statistic.invalid_value",
    ja="「{given}」は {kind} の値として使えません。{form}で入力してください。",
    en="“{given}” is not a valid {kind}; enter {form}.",
)
BASIS_DATE_WRONG = message(
    "statistic.basis_date_wrong",
    ja="基準日 {given} は {least} から {most} までの日付で指定してください。",
    en="The basis date {given} must be between {least} and {most}.",
)

MAX_SOURCE_LENGTH: Final = 500
"""Characters of the publication that a statistic comes from."""

_FORMS: Final = {
    StatisticKind.POPULATION: (r"0|[1-9][0-9]{0,8}", Label("整数（例: 24930、2.5万）", "a whole number such as 24930")),
    StatisticKind.HOUSEHOLDS: (r"0|[1-9][0-9]{0,8}", Label("整数（例: 9874、1.2万）", "a whole number such as 9874")),
    StatisticKind.AREA_KM2: (
        r"(?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,6})?",
        Label("平方キロメートルの数（例: 376.30）", "a number such as 376.30"),
    ),
    StatisticKind.FISCAL_INDEX: (
        r"[0-9]{1,2}(?:\.[0-9]{1,6})?",
        Label("小数（例: 0.36）", "a decimal such as 0.36"),
    ),
}
_GROUPED: Final = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+")
_UNIT: Final = re.compile(r"(?<=[0-9万千])(?:人|世帯|km2|平方キロメートル)$")


def statistic_text(kind: StatisticKind, text: str, *, field: str) -> str:
    """The value as it will be stored: `text` itself. Raises Invalid unless it is in the form of its kind.

    The forms: half-width digits, without leading zeros for counts, at most six decimals for area and index.
    """
    form, in_words = _FORMS[kind]
    if not re.fullmatch(form, text):
        raise Invalid(NOT_A_STATISTIC, field=field, given=printable(text), kind=kind, form=in_words)
    return text


def read_statistic(text: str) -> str:
    """A value as a person types it, in the digits that are stored: ７３８，８６５人 is 738865, 2.5万 is 25000.

    Decimals are kept as published. What is no such value stays as it is, for `statistic_text` to refuse.
    """
    typed = _UNIT.sub("", narrow(text))
    if _GROUPED.fullmatch(typed):
        return typed.replace(",", "")
    if re.search("[億万千]", typed):
        exact = parse_number(typed)
        return text if exact is None or exact.denominator != 1 else str(exact)
    return typed if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", typed) else text


def statistic_from_cell(kind: StatisticKind, cell: str, *, field: str) -> str:
    """The value in a spreadsheet's cell, read as `read_statistic` does. Raises Invalid with the cell as it is."""
    read = read_statistic(cell)
    try:
        return statistic_text(kind, read, field=field)
    except Invalid:
        return statistic_text(kind, cell, field=field)


def statistic_fraction(text: str) -> Fraction:
    """The exact value of a stored statistic."""
    return Fraction(text)


def grouped(text: str) -> str:
    """A stored value as people read it: 738,865 or 390.32."""
    whole, dot, rest = text.partition(".")
    return f"{int(whole):,}{dot}{rest}"


def basis_date(day: date, *, today: date, field: str = "basis_date") -> date:
    """Return `day`, a reference date. Raises Invalid for one outside DATE_BOUNDS or after `today`."""
    if not DATE_BOUNDS[0] <= day <= today:
        raise Invalid(
            BASIS_DATE_WRONG,
            field=field,
            given=day.isoformat(),
            least=DATE_BOUNDS[0].isoformat(),
            most=today.isoformat(),
        )
    return day
