"""The input of an allocation: amounts in yen, components with their ratios and weights, deductions.

`AllocationInput` and `Components` check themselves when they are made, so that computing one never fails. Members are
labels, as a rule municipality codes; whether such a tenant exists is not checked here, so that anyone can recompute an
allocation without the database. Amounts may be up to 2**63 - 1 yen; the ledger's own bound (`yen.MAX_YEN`) is lower.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import lcm
from types import MappingProxyType
from typing import Final

from governance.kernel.errors import Invalid, message
from governance.kernel.split import Proportions, Rounding
from governance.kernel.yen import MAX_YEN, printable, whole_yen

MAX_TOTAL_YEN: Final = 2**63 - 1
MAX_LABEL_LENGTH: Final = 100
MAX_DENOMINATOR_BITS: Final = 3_000
"""Bits of the largest common denominator that is accepted (about 900 decimal digits): it bounds time and memory."""

NO_COMPONENT = message(
    "allocation.no_component",
    ja="按分基準がひとつもありません。",
    en="There is no component to allocate by.",
)
RATIO_SUM = message(
    "allocation.ratio_sum",
    ja="按分割合の合計を 100％（1）にしてください（現在の合計: {given}）。",
    en="The ratios must add up to exactly 1; they add up to {given}.",
)
RATIO_RANGE = message(
    "allocation.ratio_range",
    ja="割合は 0％ から 100％（0 から 1）までで指定してください（指定された値: {given}）。",
    en="A ratio must be between 0 and 1; {given} is not.",
)
NO_WEIGHT = message(
    "allocation.no_weight",
    ja="按分基準「{component}」の基準値がすべて 0 か、団体がありません。",
    en="The weights of “{component}” are all 0, or it has no members.",
)
NEGATIVE_WEIGHT = message(
    "allocation.negative_weight",
    ja="基準値に負の数は使えません（指定された値: {given}）。",
    en="A weight cannot be negative; {given} is.",
)
DUPLICATE_COMPONENT = message(
    "allocation.component_twice",
    ja="按分基準「{given}」が二度あります。",
    en="The component “{given}” appears twice.",
)
LABEL = message(
    "allocation.label",
    ja="名称は制御文字を含まない 1 文字以上 {most} 文字以下で指定してください（指定された値: 「{given}」）。",
    en="A name must have 1 to {most} characters and no control characters; “{given}” does not.",
)
DENOMINATOR = message(
    "allocation.denominator",
    ja="分数の公分母が大きすぎます。小数か、分母の小さい分数で指定してください。",
    en="These fractions have too large a common denominator; use decimals or smaller denominators.",
)
DEDUCTIONS_EXCEED = message(
    "allocation.deductions_exceed",
    ja="控除の合計 {given} 円が総額 {total} 円を超えています。",
    en="The deductions of {given} yen exceed the total of {total} yen.",
)


@dataclass(frozen=True, slots=True)
class Component:
    """One basis of an allocation (按分基準): its ratio of the pool, and the weight by member; a missing one is 0."""

    name: str
    ratio: Fraction
    weights: Mapping[str, Fraction]


@dataclass(frozen=True)
class Components:
    """The components of a rule with the weights of its members; independent of the amount to allocate.

    Raises Invalid, naming the field: no component, a name twice or not printable, a ratio outside 0 to 1, ratios that
    do not add up to 1, a negative weight, weights that are all 0, too large a common denominator. Raises TypeError for
    a float.
    """

    parts: tuple[Component, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise Invalid(NO_COMPONENT, field="components")
        object.__setattr__(self, "parts", tuple(map(_frozen, self.parts)))
        names: set[str] = set()
        for place, part in enumerate(self.parts):
            _check(part, f"components[{place}]")
            if part.name in names:
                raise Invalid(DUPLICATE_COMPONENT, field=f"components[{place}].name", given=part.name)
            names.add(part.name)
        _common_denominator([part.ratio for part in self.parts], "components")
        if (total := sum((part.ratio for part in self.parts), Fraction())) != 1:
            raise Invalid(RATIO_SUM, field="components", given=printable(total))

    @cached_property
    def members(self) -> tuple[str, ...]:
        """The members named in any component, in the order of their labels (code points)."""
        return tuple(sorted(set().union(*(part.weights for part in self.parts))))

    @cached_property
    def proportions(self) -> Proportions:
        """The fraction of a pool that each of `members` pays, in that order; they add up to 1."""
        zero = Fraction()
        return Proportions.of(
            [(part.ratio, [part.weights.get(member, zero) for member in self.members]) for part in self.parts]
        )


@dataclass(frozen=True, slots=True)
class Deduction:
    """An amount that reduces the total before it is allocated, such as a grant (交付金). `yen` is 0 or more."""

    name: str
    yen: int


@dataclass(frozen=True)
class AllocationInput:
    """One cost pool to allocate: total, smallest unit of a share (both in yen), rounding, components, deductions.

    `operator_ratio` (0 to 1) is what the operator pays of the total after deductions. Raises Invalid, naming the
    field, for an amount or ratio out of range and for deductions above the total.
    """

    total_yen: int
    unit_yen: int
    rounding: Rounding
    components: Components
    operator_ratio: Fraction = field(default_factory=Fraction)
    deductions: tuple[Deduction, ...] = ()

    def __post_init__(self) -> None:
        whole_yen(self.total_yen, field="total_yen", most=MAX_TOTAL_YEN)
        whole_yen(self.unit_yen, field="unit_yen", most=MAX_YEN)
        object.__setattr__(self, "operator_ratio", _exact(self.operator_ratio))
        if not 0 <= self.operator_ratio <= 1:
            raise Invalid(RATIO_RANGE, field="operator_ratio", given=printable(self.operator_ratio))
        for place, deduction in enumerate(self.deductions):
            check_label(deduction.name, field=f"deductions_yen[{place}].name")
            whole_yen(deduction.yen, field=f"deductions_yen[{place}].yen", least=0, most=MAX_TOTAL_YEN)
        if self.deductions_yen > self.total_yen:
            raise Invalid(DEDUCTIONS_EXCEED, field="deductions_yen", given=self.deductions_yen, total=self.total_yen)

    @property
    def deductions_yen(self) -> int:
        """The sum of the deductions, in yen."""
        return sum(deduction.yen for deduction in self.deductions)

    @property
    def pool_yen(self) -> int:
        """What the members pay together, in yen: total less deductions, less the operator's ratio, rounded down.

        The operator pays the remainder of that rounding.
        """
        rest_yen = self.total_yen - self.deductions_yen
        of_members = 1 - self.operator_ratio
        return rest_yen * of_members.numerator // of_members.denominator


def check_label(given: str, *, field: str) -> None:
    """Raise Invalid for a name that is blank, longer than MAX_LABEL_LENGTH, or has control or invisible characters."""
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    if not given.strip() or len(given) > MAX_LABEL_LENGTH or any(unicodedata.category(c) in hidden for c in given):
        raise Invalid(LABEL, field=field, given=printable(given), most=MAX_LABEL_LENGTH)


def _check(part: Component, where: str) -> None:
    check_label(part.name, field=f"{where}.name")
    if not 0 <= part.ratio <= 1:
        raise Invalid(RATIO_RANGE, field=f"{where}.ratio", given=printable(part.ratio))
    for member, weight in part.weights.items():
        at = f"{where}.weights.{printable(member)}"
        check_label(member, field=at)
        if weight < 0:
            raise Invalid(NEGATIVE_WEIGHT, field=at, given=printable(weight))
    if not any(part.weights.values()):
        raise Invalid(NO_WEIGHT, field=f"{where}.weights", component=part.name)
    _common_denominator(part.weights.values(), f"{where}.weights")


def _common_denominator(fractions: Iterable[Fraction], where: str) -> None:
    common = 1
    for fraction in fractions:
        common = lcm(common, fraction.denominator)
        if common.bit_length() > MAX_DENOMINATOR_BITS:
            raise Invalid(DENOMINATOR, field=where)


def _frozen(part: Component) -> Component:
    weights = {member: _exact(weight) for member, weight in part.weights.items()}
    return Component(part.name, _exact(part.ratio), MappingProxyType(weights))


def _exact(number: Fraction) -> Fraction:
    """The number as a Fraction. Raises TypeError for a float, whose rounding could change a share by a yen."""
    if isinstance(number, bool) or not isinstance(number, int | Fraction):
        raise TypeError(f"a ratio or weight is exact, not a {type(number).__name__}")
    return Fraction(number)
