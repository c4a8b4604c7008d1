"""What a cost-sharing rule can say, read strictly from its body.

Pure. A body is JSON as the decision adopted it; here it becomes a frozen value or is refused with the field named.
Ratios and weights are exact: an integer, or a string holding a decimal or a fraction. Which figures the members have
and what the split becomes is decided in billing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final, TypeVar

from governance.kernel.errors import Invalid, message
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.split import Rounding
from governance.kernel.yen import printable, whole_yen

KEYS = message(
    "rule.keys",
    ja="運用ルールの「{where}」に使える項目は {known} です（指定された項目: {given}）。",
    en="“{where}” of a rule takes {known}; given: {given}.",
)
VALUE = message(
    "rule.value",
    ja="「{given}」は使えません。使えるのは {known} です。",
    en="“{given}” is not allowed here; allowed: {known}.",
)
NUMBER = message(
    "rule.number",
    ja='「{given}」は割合や重みとして読めません。整数か "60.00"・"1/10" のような文字列で、0 以上で指定してください。',
    en='“{given}” is not a ratio or weight; give a non-negative integer, or a string such as "60.00" or "1/10".',
)
RATIO_SUM = message(
    "rule.ratio_sum",
    ja="按分割合の合計は 1 でなければなりません（現在の合計: {given}）。",
    en="The ratios of the components must add up to exactly 1; they add up to {given}.",
)
OPERATOR_RATIO = message(
    "rule.operator_ratio",
    ja="運営者の負担割合は 0 以上 1 未満で指定してください（指定された値: {given}）。",
    en="The operator's ratio must be at least 0 and less than 1; {given} is not.",
)
NAME = message(
    "rule.component_name",
    ja="按分基準には、1〜100 文字の重複しない名称が必要です（指定された値: {given}）。",
    en="Each component needs a name of its own, of 1 to 100 characters; given: {given}.",
)
BASIS_DATE = message(
    "rule.basis_date",
    ja="基準日「{given}」は使えません。2020-10-01、year-04-01（その年度）、previous-10-01（前年）の形で指定してください。",
    en="“{given}” is not a basis date; write 2020-10-01, year-04-01 (that year's) or previous-10-01 (the year before).",
)


class BasisKind(StrEnum):
    """What a component goes by (按分基準)."""

    EQUAL = "equal"
    """Everybody counts the same."""
    EQUAL_BY_KIND = "equal_by_kind"
    """Everybody of one kind of body counts the same: a city 100, a town 50."""
    STATISTIC = "statistic"
    """A dated figure of each member, such as the census population."""
    FIXED = "fixed"
    """Weights that stand in the rule itself, by the members' codes."""


class Inclusion(StrEnum):
    MEMBERS_OF_YEAR = "members_of_year"
    """Everybody who bears cost at any time of the fiscal year, for the whole year."""


class DeductionKind(StrEnum):
    """Money that can come off before the split."""

    GRANT = "grant"
    OTHER_REVENUE = "other_revenue"
    CARRY_OVER = "carry_over"


@dataclass(frozen=True, slots=True)
class BasisDate:
    """The day a figure is taken at: a fixed one, or a month and day of the year named by `offset`."""

    text: str
    fixed: date | None
    offset: int
    month: int
    day: int

    def of(self, year: FiscalYear) -> date:
        """The day for one fiscal year; `year` means the calendar year in which it begins."""
        return self.fixed or date(year.year + self.offset, self.month, self.day)


@dataclass(frozen=True, slots=True)
class RuleComponent:
    """One component: its part of the pool, and what it goes by."""

    name: str
    ratio: Fraction
    basis: BasisKind
    statistic: str | None = None
    basis_date: BasisDate | None = None
    source: str | None = None
    """Words the source of each figure must hold, such as 国勢調査; for a fixed basis, where its weights are from."""
    weights: Mapping[str, Fraction] = field(default_factory=dict)

    @property
    def basis_text(self) -> str:
        """As the body writes it: `equal`, `statistic:population`."""
        return f"{self.basis.value}:{self.statistic}" if self.statistic else self.basis.value


@dataclass(frozen=True, slots=True)
class CostSharing:
    """A cost-sharing rule. The ratios of its components add up to exactly 1."""

    components: tuple[RuleComponent, ...]
    operator_ratio: Fraction
    rounding: Rounding
    unit_yen: int
    deductions: frozenset[DeductionKind]
    inclusion: Inclusion


Choice = TypeVar("Choice", bound=StrEnum)

_NUMBER: Final = re.compile(r"[0-9]{1,40}(?:\.[0-9]{1,40}|/[0-9]{1,40})?")
_BASIS_DATE: Final = re.compile(r"([0-9]{4}|year|previous)-([0-9]{2})-([0-9]{2})")
_STATISTIC: Final = re.compile(r"statistic:([a-z][a-z0-9_]{0,39})")
_KEYS_OF_BASIS: Final = {
    BasisKind.EQUAL: (),
    BasisKind.EQUAL_BY_KIND: ("weights",),
    BasisKind.STATISTIC: ("basis_date",),
    BasisKind.FIXED: ("weights",),
}


def read_cost_sharing(body: Any) -> CostSharing:
    """The rule that a body says. Raises Invalid, naming the field as `body.components[1].ratio`."""
    given = _keys(body, "body", ("components", "rounding"), ("operator_ratio", "unit_yen", "deductions", "inclusion"))
    if not isinstance(given["components"], list) or not given["components"]:
        raise Invalid(VALUE, field="body.components", given=printable(given["components"]), known="[{…}, …]")
    components = tuple(_component(part, f"body.components[{n}]") for n, part in enumerate(given["components"]))
    names = [component.name for component in components]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise Invalid(NAME, field=f"body.components[{place}].name", given=printable(name))
    if (total := sum((component.ratio for component in components), Fraction())) != 1:
        raise Invalid(RATIO_SUM, field="body.components", given=printable(total))
    operator_ratio = _number(given.get("operator_ratio", 0), "body.operator_ratio")
    if operator_ratio >= 1:
        raise Invalid(OPERATOR_RATIO, field="body.operator_ratio", given=printable(operator_ratio))
    deductions = given.get("deductions", [])
    if not isinstance(deductions, list):
        raise Invalid(VALUE, field="body.deductions", given=printable(deductions), known=", ".join(DeductionKind))
    return CostSharing(
        components=components,
        operator_ratio=operator_ratio,
        rounding=_one_of(Rounding, given["rounding"], "body.rounding"),
        unit_yen=whole_yen(given.get("unit_yen", 1), field="body.unit_yen", most=10**9),
        deductions=frozenset(_one_of(DeductionKind, kind, "body.deductions") for kind in deductions),
        inclusion=_one_of(Inclusion, given.get("inclusion", Inclusion.MEMBERS_OF_YEAR.value), "body.inclusion"),
    )


def _component(given: Any, where: str) -> RuleComponent:
    if not isinstance(given, dict) or not isinstance(given.get("basis"), str):
        raise Invalid(KEYS, field=where, where=where, known="name, ratio, basis, …", given=printable(given))
    basis, statistic = _basis(given["basis"], f"{where}.basis")
    part = _keys(given, where, ("name", "ratio", "basis", *_KEYS_OF_BASIS[basis]), ("source",))
    name = part["name"]
    if not isinstance(name, str) or not name.strip() or len(name) > 100 or not name.isprintable():
        raise Invalid(NAME, field=f"{where}.name", given=printable(name))
    source = part.get("source")
    if source is not None and (not isinstance(source, str) or not source.strip()):
        raise Invalid(VALUE, field=f"{where}.source", given=printable(source), known='"国勢調査"')
    return RuleComponent(
        name=name,
        ratio=_number(part["ratio"], f"{where}.ratio"),
        basis=basis,
        statistic=statistic,
        basis_date=_basis_date(part["basis_date"], f"{where}.basis_date") if "basis_date" in part else None,
        source=source,
        weights=_weights(part["weights"], f"{where}.weights") if "weights" in part else {},
    )


def _basis(given: str, where: str) -> tuple[BasisKind, str | None]:
    if statistic := _STATISTIC.fullmatch(given):
        return BasisKind.STATISTIC, statistic[1]
    if given in (BasisKind.EQUAL, BasisKind.EQUAL_BY_KIND, BasisKind.FIXED):
        return BasisKind(given), None
    known = "equal, equal_by_kind, fixed, statistic:population, …"
    raise Invalid(VALUE, field=where, given=printable(given), known=known)


def _basis_date(given: Any, where: str) -> BasisDate:
    found = _BASIS_DATE.fullmatch(given) if isinstance(given, str) else None
    try:
        if found and found[1].isdigit():
            fixed = date.fromisoformat(found[0])
            return BasisDate(found[0], fixed, 0, fixed.month, fixed.day)
        if found:
            # 29 February exists in no year one could rely on, so a year without it decides.
            day = date(2025, int(found[2]), int(found[3]))
            return BasisDate(found[0], None, {"year": 0, "previous": -1}[found[1]], day.month, day.day)
    except ValueError:
        pass
    raise Invalid(BASIS_DATE, field=where, given=printable(given))


def _weights(given: Any, where: str) -> dict[str, Fraction]:
    if not isinstance(given, dict) or not given:
        raise Invalid(VALUE, field=where, given=printable(given), known='{"431001": "60.00", …}')
    return {str(label): _number(weight, f"{where}.{printable(label)}") for label, weight in given.items()}


def _number(given: Any, where: str) -> Fraction:
    if type(given) is int and 0 <= given < 10**40:
        return Fraction(given)
    if isinstance(given, str) and _NUMBER.fullmatch(given):
        try:
            return Fraction(given)
        except ZeroDivisionError:
            pass
    raise Invalid(NUMBER, field=where, given=printable(given))


def _one_of(choices: type[Choice], given: Any, where: str) -> Choice:
    try:
        return choices(given)
    except ValueError:
        raise Invalid(VALUE, field=where, given=printable(given), known=", ".join(choices)) from None


def _keys(given: Any, where: str, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, Any]:
    known = ", ".join(required + optional)
    if not isinstance(given, dict):
        raise Invalid(KEYS, field=where, where=where, known=known, given=printable(given))
    for key in [
        *(key for key in given if key not in required + optional),
        *(key for key in required if key not in given),
    ]:
        raise Invalid(
            KEYS, field=f"{where}.{printable(key)}", where=where, known=known, given=", ".join(map(printable, given))
        )
    return given
