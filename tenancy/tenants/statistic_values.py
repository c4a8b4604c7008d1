"""Values of statistics as published: decimal text that becomes an exact fraction, and never a float. Pure."""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction
from typing import Final

from governance.kernel.era import DATE_BOUNDS
from governance.kernel.errors import Invalid, message
from governance.kernel.yen import printable
from tenancy.tenants.states import StatisticKind

NOT_A_STATISTIC = message(
    "statistic.invalid_value",
    ja="「{given}」は {kind} の値として使えません。{form}を半角で入力してください。",
    en="“{given}” is not a valid {kind}; enter {form_en} in half-width digits.",
)
BASIS_DATE_WRONG = message(
    "statistic.basis_date_wrong",
    ja="基準日 {given} は {least} から {most} までの日付で指定してください。",
    en="The basis date {given} must be between {least} and {most}.",
)

MAX_SOURCE_LENGTH: Final = 500
"""Characters of the publication that a statistic comes from."""

_FORMS: Final = {
    StatisticKind.POPULATION: (r"0|[1-9][0-9]{0,8}", "整数", "a whole number"),
    StatisticKind.HOUSEHOLDS: (r"0|[1-9][0-9]{0,8}", "整数", "a whole number"),
    StatisticKind.AREA_KM2: (r"(?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,6})?", "小数", "a decimal"),
    StatisticKind.FISCAL_INDEX: (r"[0-9]{1,2}(?:\.[0-9]{1,6})?", "小数", "a decimal"),
}
_GROUPED: Final = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+")


def statistic_text(kind: StatisticKind, text: str, *, field: str) -> str:
    """The value as it will be stored: `text` itself. Raises Invalid unless it is in the form of its kind.

    The forms: half-width digits, without leading zeros for counts, at most six decimals for area and index.
    """
    form, in_words, in_words_en = _FORMS[kind]
    if not re.fullmatch(form, text):
        raise Invalid(
            NOT_A_STATISTIC, field=field, given=printable(text), kind=kind, form=in_words, form_en=in_words_en
        )
    return text


def statistic_from_cell(kind: StatisticKind, cell: str, *, field: str) -> str:
    """The value in a spreadsheet's cell: as `statistic_text`, with well-formed grouping (738,865) removed first."""
    return statistic_text(kind, cell.replace(",", "") if _GROUPED.fullmatch(cell) else cell, field=field)


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
