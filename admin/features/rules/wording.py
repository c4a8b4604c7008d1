"""What a person writes in the form of a rule, as its body has it, and back: percent, 「前年の10月1日」, kinds.

Pure. What is not understood stays as it was typed, so that the rule's own reading refuses it.
"""

from __future__ import annotations

import re
import unicodedata
from calendar import month_name
from fractions import Fraction
from typing import Final

from governance.kernel.era import parse_day, show_day
from governance.kernel.errors import DomainError, Language
from governance.rules.cost_sharing import BasisDate
from tenancy.tenants.states import TenantKind

_PERCENT: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,10})?)\s*%")
_YEARLY_JA: Final = re.compile(r"(前年|その年度|当該年度|当年度)の?([0-9]{1,2})月([0-9]{1,2})日")
_YEARLY_EN: Final = re.compile(r"([0-9]{1,2})\s+([a-z]{3,9})\s+of\s+(the year before|that year)")
_MONTHS: Final = {name.lower(): number for number, name in enumerate(month_name) if name}
_DECIMALS: Final = 6
"""A ratio with at most so many decimals of a percent is shown as percent; another one as a fraction, which is exact."""


def narrow(text: str) -> str:
    """The text with full-width digits and signs as ASCII (NFKC), without spaces at its ends."""
    return unicodedata.normalize("NFKC", text).strip()


def read_ratio(text: str) -> str:
    """The ratio as a rule has it: `40％` is 2/5, also in full-width digits; `0.4` and `2/5` stay."""
    found = _PERCENT.fullmatch(narrow(text))
    return str(Fraction(found[1]) / 100) if found else narrow(text)


def ratio_text(ratio: Fraction | str) -> str:
    """The ratio as percent where that is exact: 40％, 12.5％; else the fraction."""
    percent = Fraction(ratio) * 100
    scaled = percent * 10**_DECIMALS
    if scaled.denominator != 1:
        return str(Fraction(ratio))
    whole, decimals = divmod(scaled.numerator, 10**_DECIMALS)
    tail = f"{decimals:0{_DECIMALS}}".rstrip("0")
    return f"{whole}{'.' if tail else ''}{tail}％"


def read_basis_date(text: str) -> str:
    """The day a statistic is taken at, as a rule has it: 「前年の10月1日」 is previous-10-01."""
    plain = narrow(text)
    if found := _YEARLY_JA.fullmatch(plain):
        return f"{'previous' if found[1] == '前年' else 'year'}-{int(found[2]):02}-{int(found[3]):02}"
    if (found := _YEARLY_EN.fullmatch(plain.lower())) and found[2] in _MONTHS:
        return f"{'previous' if found[3] == 'the year before' else 'year'}-{_MONTHS[found[2]]:02}-{int(found[1]):02}"
    try:
        return parse_day(plain, field="basis_date").isoformat()
    except DomainError:
        return plain


def basis_date_text(day: BasisDate, language: Language) -> str:
    """The day a statistic is taken at as people write it, which `read_basis_date` understands."""
    if day.fixed is not None:
        return show_day(day.fixed) if language == "ja" else day.fixed.isoformat()
    if language == "ja":
        return f"{'前年' if day.offset else 'その年度'}の{day.month}月{day.day}日"
    return f"{day.day} {month_name[day.month]} of {'the year before' if day.offset else 'that year'}"


def read_weight_name(text: str) -> str:
    """Whom a weight is of: a kind of tenants in words (市, city) as its stored name; a code stays."""
    plain = narrow(text)
    return next((str(kind) for kind in TenantKind if plain in (kind.ja, kind.en)), plain)


def weight_name(name: str, language: Language) -> str:
    """A kind of tenants in words; a code stays."""
    return TenantKind(name).label(language) if name in list(TenantKind) else name
