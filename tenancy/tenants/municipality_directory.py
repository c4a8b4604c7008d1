"""The municipalities that sign-in offers: all of the operator's prefecture, whether they take part or not.

Which of them take part is nobody's business before the sign-in, so the list does not come from the tenants where it
need not: `municipalities.csv` has the code (全国地方公共団体コード), name and kana of the prefectures it covers. Its
source is 総務省's list, CC BY 4.0. Of another prefecture the registered municipalities are offered.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy.orm import Session

from governance.kernel.codes import LocalGovernmentCode
from tenancy.tenants.eligibility import ADMITTED_PREFECTURES
from tenancy.tenants.models import TenantFacts
from tenancy.tenants.queries import tenants_in_prefectures
from tenancy.tenants.states import TenantKind

_FILE: Final = Path(__file__).with_name("municipalities.csv")
_KINDS: Final = frozenset({TenantKind.CITY, TenantKind.TOWN, TenantKind.VILLAGE})
_KINDS_IN_NAME: Final = re.compile(r"(市|町|村|区)$")
_KINDS_IN_KANA: Final = re.compile(r"(シ|マチ|チョウ|ムラ|ソン|ク)$")
_TO_KATAKANA: Final = {code: code + 0x60 for code in range(0x3041, 0x3097)}


@dataclass(frozen=True, slots=True)
class Municipality:
    """One municipality: its six-digit code, name and kana."""

    code: str
    name: str
    kana: str


def municipalities(session: Session, operator: TenantFacts) -> tuple[Municipality, ...]:
    """Those of the admitted prefectures, in the order of the kana. Needs the operator's scope."""
    own = frozenset() if operator.code is None else frozenset({operator.code[:2]})
    admitted = ADMITTED_PREFECTURES.get() or own
    covered = _by_prefecture()
    found = [one for prefecture in sorted(admitted & covered.keys()) for one in covered[prefecture]]
    found += [
        Municipality(tenant.code, tenant.name, tenant.kana)
        for tenant in tenants_in_prefectures(session, admitted - covered.keys(), _KINDS)
        if tenant.code is not None
    ]
    return tuple(sorted(found, key=lambda one: (one.kana, one.code)))


def search(offered: Iterable[Municipality], words: str) -> Sequence[Municipality]:
    """Those that the words mean: one of exactly this name, kana or code, else those that contain them.

    Full width and half width, hiragana and katakana are one; 市, 町 or 村 may be left out.
    """
    wanted = _normalized(words)
    if not wanted:
        return []
    every = list(offered)
    exact = [one for one in every if wanted in _spellings(one)]
    if exact:
        return exact
    return [one for one in every if any(wanted in text for text in (_normalized(one.name), one.kana, one.code))]


def code_typed(words: str) -> str | None:
    """The digits, where the words are nothing else; None for a name."""
    digits = _normalized(words)
    return digits if re.fullmatch(r"[0-9]+", digits) else None


def name_of(offered: Iterable[Municipality], code: LocalGovernmentCode) -> str | None:
    """The name of the municipality offered under this code."""
    return next((one.name for one in offered if one.code == code.digits), None)


def _spellings(one: Municipality) -> set[str]:
    name = _normalized(one.name)
    return {name, one.kana, one.code, _KINDS_IN_NAME.sub("", name), _KINDS_IN_KANA.sub("", one.kana)}


def _normalized(words: str) -> str:
    """NFKC without spaces, hiragana as katakana."""
    return "".join(unicodedata.normalize("NFKC", words).translate(_TO_KATAKANA).split())


@cache
def _by_prefecture() -> dict[str, tuple[Municipality, ...]]:
    found: dict[str, list[Municipality]] = {}
    with _FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["code"][:2], []).append(Municipality(row["code"], row["name"], row["kana"]))
    return {prefecture: tuple(rows) for prefecture, rows in found.items()}
