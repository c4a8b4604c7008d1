"""The weights of the members in one component of a split, and how part years count.

Pure. A weight comes with its origin: the figures it was made of and how, so that the workings can say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from functools import cache

from billing.allocation.exact_amounts import ExactAmounts
from billing.allocation.staged_case import FigureEntry, MemberEntry, StagedCase
from governance.kernel.errors import Invalid, message
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.yen import printable
from governance.rules.cost_sharing import BasisDate
from governance.rules.split_components import (
    Component,
    Factors,
    StagedAloneComponent,
    StagedEqualByKindComponent,
    StagedEqualComponent,
    StagedFixedComponent,
    StagedInclusion,
    StagedStatisticComponent,
    StagedUsageComponent,
)
from governance.rules.stage_values import Average, CountedBy, Leaving, Period, Power

NO_FIGURE = message(
    "case.no_figure",
    ja="{member} の「{basis}」の基準値がありません（{by}まで）。",
    en="There is no figure “{basis}” for {member} (up to {by}).",
)
NO_USAGE = message(
    "case.no_usage",
    ja="{member} の「{basis}」の実績が {first} から {last} までにありません。使っていない場合は 0 を入力してください。",
    en="There is no usage “{basis}” of {member} from {first} to {last}; enter 0 where it used nothing.",
)
WINDOW_TOO_EARLY = message(
    "case.window_before_data",
    ja="「{basis}」の実績は、{first} から {last} までの期間にひとつもありません。",
    en="There is no usage “{basis}” at all from {first} to {last}.",
)
NO_WEIGHT = message(
    "case.no_weight",
    ja="この按分基準の基準値がすべて 0 か、対象の団体がありません。",
    en="The weights of this component are all 0, or it has no members.",
)
NO_KIND = message(
    "case.no_kind",
    ja="{member} の種別「{kind}」の重みが、規程にありません。",
    en="The rule has no weight for the kind “{kind}” of {member}.",
)
NOBODY_IN_PERIOD = message(
    "case.nobody_in_period",
    ja="{period} には、この按分基準で負担する団体がありません。",
    en="In {period} no member bears anything by this component.",
)
ALONE_BELOW_SEPARABLE = message(
    "case.alone_below_separable",
    ja="{member} の単独費用 {alone} が、分離費用 {separable} を下回っています。",
    en="The stand-alone cost {alone} of {member} is below its separable cost {separable}.",
)
NOTHING_TO_SHARE_BY = message(
    "case.nothing_to_share_by",
    ja="残余便益の合計が 0 のため、残りの費用 {left} を按分できません。",
    en="The remaining benefits add up to 0: there is nothing to share the remaining cost {left} by.",
)
BELOW_ZERO = message(
    "case.share_below_zero",
    ja="{member} の負担額が 0 円を下回ります。",
    en="The share of {member} would be below 0 yen.",
)


@dataclass(frozen=True, slots=True)
class Origin:
    """How one weight was made: the formula of the workings, the figures it takes, and what the rule adds."""

    formula: str
    figures: tuple[FigureEntry, ...] = ()
    numbers: tuple[tuple[str, Fraction], ...] = ()
    """Numbers of the rule, each with what it is."""


@dataclass(frozen=True)
class ComponentWeights:
    """The weights of one component by position of the case's members; who is left out, or counts in part, is named."""

    weights: ExactAmounts
    origins: Sequence[Origin]
    excluded: Mapping[int, str] = field(default_factory=dict)
    """Position → why the member does not share this component."""


@dataclass(frozen=True, slots=True)
class PartYear:
    """What part of the year a member takes part in, and what its waiver leaves, both 0 to 1."""

    time: Fraction
    waiver: Fraction

    @property
    def factor(self) -> Fraction:
        return self.time * self.waiver


def included(case: StagedCase, inclusion: StagedInclusion | None) -> dict[int, str]:
    """Position → why a member is left out of a component."""
    if inclusion is None:
        return {}
    found = {}
    for position, (code, member) in enumerate(case.members.items()):
        if not _includes(inclusion, code, member):
            found[position] = "inclusion"
    return found


def _includes(inclusion: StagedInclusion, code: str, member: MemberEntry) -> bool:
    if inclusion.only is not None:
        return code in inclusion.only
    if inclusion.except_ is not None:
        return code not in inclusion.except_
    if inclusion.kinds is not None:
        return member.kind in inclusion.kinds
    return inclusion.users_of in member.services


def component_weights(case: StagedCase, component: Component, *, at: str) -> ComponentWeights:
    """The weights before any factor of a part year. Raises Invalid, naming the place `at` in the rule."""
    excluded = included(case, component.inclusion)
    values: list[Fraction] = []
    origins: list[Origin] = []
    shares = _mean_of_shares(case, component, excluded, at) if _takes_mean(component) else None
    for position, (code, member) in enumerate(case.members.items()):
        if position in excluded:
            values.append(Fraction(0))
            origins.append(Origin("excluded"))
            continue
        if shares is not None:
            value, origin = shares[position]
        else:
            value, origin = _weight(case, component, code, member, at)
        values.append(value)
        origins.append(origin)
    if isinstance(component, StagedAloneComponent) and component.method == "tiers":
        values = _tiers(values, excluded)
    if not any(values):
        raise Invalid(NO_WEIGHT, field=at)
    return ComponentWeights(ExactAmounts.of(values), origins, excluded)


def _takes_mean(component: Component) -> bool:
    return isinstance(component, StagedUsageComponent) and component.average is Average.MEAN_OF_SHARES


def _weight(case: StagedCase, component: Component, code: str, member: MemberEntry, at: str) -> tuple[Fraction, Origin]:
    match component:
        case StagedEqualComponent():
            return Fraction(1), Origin("figure", numbers=(("equal", Fraction(1)),))
        case StagedEqualByKindComponent():
            weight = component.weights.get(member.kind or "")
            if weight is None:
                raise Invalid(NO_KIND, field=f"{at}.weights", member=code, kind=member.kind or "")
            return weight, Origin("figure", numbers=((f"kind:{member.kind}", weight),))
        case StagedFixedComponent():
            if component.weights is None:
                figure = newest_figure(case, component.basis, code, None, at=at)
                return figure.value, Origin("figure", (figure,))
            weight = component.weights.get(code, Fraction(0))
            return weight, Origin("figure", numbers=(("fixed", weight),))
        case StagedUsageComponent():
            return _usage(case, component, code, member, at)
        case StagedStatisticComponent():
            figure = newest_figure(case, component.basis, code, component.at, at=at)
            return _powered(component.power, figure.value, (figure,))
        case StagedAloneComponent():
            figure = newest_figure(case, "alone", code, component.at, at=at)
            return figure.value, Origin("figure", (figure,))
    raise AssertionError(component)


def newest_figure(case: StagedCase, basis: str, code: str, day: BasisDate | None, *, at: str) -> FigureEntry:
    """The newest figure of a member as of a date not after the day (or the last of the year). Raises Invalid."""
    latest = case.fiscal_year.last_day if day is None else day.of(case.fiscal_year)
    for on, figure in reversed(case.figures.get((basis, code), ())):
        if on <= latest:
            return figure
    raise Invalid(NO_FIGURE, field=f"{at}.basis", member=code, basis=basis, by=latest)


def _used(case: StagedCase, basis: str, code: str, period: Period) -> tuple[FigureEntry, ...]:
    return tuple(figure for on, figure in case.figures.get((basis, code), ()) if on in period)


def _usage_by_period(
    case: StagedCase, component: StagedUsageComponent, code: str, member: MemberEntry, at: str
) -> list[tuple[FigureEntry, ...]]:
    """The figures of each period of the window. A member that had not joined by its end used nothing in it."""
    found = []
    for period in component.at.periods(case.fiscal_year):
        figures = _used(case, component.basis, code, period)
        if not figures and not (member.joined_on is not None and member.joined_on > period.ends_on):
            anybody = any(_used(case, component.basis, other, period) for other in case.members)
            raise Invalid(
                NO_USAGE if anybody else WINDOW_TOO_EARLY,
                field=f"{at}.basis" if anybody else f"{at}.at",
                member=code,
                basis=component.basis,
                first=period.starts_on,
                last=period.ends_on,
            )
        found.append(figures)
    return found


def _usage(
    case: StagedCase, component: StagedUsageComponent, code: str, member: MemberEntry, at: str
) -> tuple[Fraction, Origin]:
    figures = tuple(one for period in _usage_by_period(case, component, code, member, at) for one in period)
    value = sum((figure.value for figure in figures), Fraction(0))
    if component.power is None:
        return value, Origin("sum", figures)
    return _powered(component.power, value, figures)


def _mean_of_shares(
    case: StagedCase, component: Component, excluded: Mapping[int, str], at: str
) -> dict[int, tuple[Fraction, Origin]]:
    if not isinstance(component, StagedUsageComponent):
        raise AssertionError(component)
    by_member = {
        position: [
            (sum((figure.value for figure in figures), Fraction(0)), figures)
            for figures in _usage_by_period(case, component, code, member, at)
        ]
        for position, (code, member) in enumerate(case.members.items())
        if position not in excluded
    }
    periods = component.at.periods(case.fiscal_year)
    totals = [sum((found[number][0] for found in by_member.values()), Fraction(0)) for number in range(len(periods))]
    if not all(totals):
        raise Invalid(NO_WEIGHT, field=at)
    shares = {}
    for position, found in by_member.items():
        mean = sum((used / total for (used, _), total in zip(found, totals, strict=True)), Fraction(0)) / len(periods)
        figures = tuple(figure for _, one in found for figure in one)
        numbers = tuple(
            pair
            for (used, _), total in zip(found, totals, strict=True)
            for pair in (("used", used), ("used_by_all", total))
        )
        shares[position] = mean, Origin("mean_of_shares", figures, numbers)
    return shares


def _powered(power: Power | None, value: Fraction, figures: tuple[FigureEntry, ...]) -> tuple[Fraction, Origin]:
    if power is None:
        return value, Origin("figure", figures)
    exponent = ("power", power.power) if power.power is not None else ("doubling", power.doubling or Fraction(0))
    numbers = (exponent, ("reference", power.reference), ("places", Fraction(power.places)))
    return powered(value, power), Origin("power", figures, numbers)


_DIGITS = 50


@cache
def powered(value: Fraction, power: Power) -> Fraction:
    """(value / reference) to the power, in decimals of 50 digits, rounded half even to the rule's places."""
    if not value:
        return Fraction(0)
    with localcontext() as context:
        context.prec = _DIGITS
        if power.power is not None:
            exponent = _decimal(power.power)
        else:
            exponent = _decimal(power.doubling or Fraction(0)).ln() / Decimal(2).ln()
        raised = (_decimal(value / power.reference).ln() * exponent).exp()
        context.prec = 1000
        return Fraction(raised.quantize(Decimal(1).scaleb(-power.places), ROUND_HALF_EVEN))


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def _tiers(alone: Sequence[Fraction], excluded: Mapping[int, str]) -> list[Fraction]:
    """Each step of stand-alone cost is shared equally by those who need it: the Shapley value of a runway."""
    order = sorted((cost, position) for position, cost in enumerate(alone) if position not in excluded)
    shares = [Fraction(0)] * len(alone)
    below = reached = Fraction(0)
    for place, (cost, position) in enumerate(order):
        reached += (cost - below) / (len(order) - place)
        below = cost
        shares[position] = reached
    return shares


def separable_costs(case: StagedCase, component: StagedAloneComponent, amount: Fraction, *, at: str) -> list[Fraction]:
    """SCRB: each member's separable cost, and the rest by the benefits that remain.

    Raises Invalid, naming the member, where alone is cheaper than separable.
    """
    excluded = included(case, component.inclusion)
    codes = [code for position, code in enumerate(case.members) if position not in excluded]
    if not codes:
        raise Invalid(NO_WEIGHT, field=at)
    alone = {code: newest_figure(case, "alone", code, component.at, at=at).value for code in codes}
    separable = {code: amount - newest_figure(case, "alone:without", code, component.at, at=at).value for code in codes}
    for code in codes:
        if alone[code] < separable[code]:
            raise Invalid(
                ALONE_BELOW_SEPARABLE,
                field=f"{at}.basis",
                member=code,
                alone=printable(alone[code]),
                separable=printable(separable[code]),
            )
    left = amount - sum(separable.values())
    benefits = {code: alone[code] - separable[code] for code in codes}
    total = sum(benefits.values(), Fraction(0))
    if not total and left:
        raise Invalid(NOTHING_TO_SHARE_BY, field=f"{at}.basis", left=printable(left))
    shares = {code: separable[code] + (left * benefits[code] / total if total else 0) for code in codes}
    for code, share in shares.items():
        if share < 0:
            raise Invalid(BELOW_ZERO, field=f"{at}.basis", member=code)
    return [shares.get(code, Fraction(0)) for code in case.members]


def part_years(case: StagedCase, factors: Factors) -> list[PartYear]:
    """The part of the year of each member, by position; a whole one for members that the factors do not concern."""
    whole = moments(case.fiscal_year, factors.by)
    found = []
    for code, member in case.members.items():
        if factors.members is not None and code not in factors.members:
            found.append(PartYear(Fraction(1), Fraction(1)))
            continue
        first, last = presence(case.fiscal_year, factors, member)
        found.append(PartYear(Fraction(last - first + 1, whole), waiver(case.fiscal_year, factors, member)))
    return found


def moments(year: FiscalYear, by: CountedBy) -> int:
    """How many months or days a fiscal year has; 1 where part years are not counted."""
    match by:
        case CountedBy.MONTHS:
            return 12
        case CountedBy.DAYS:
            return (year.ends_before - year.starts_on).days
    return 1


def presence(year: FiscalYear, factors: Factors, member: MemberEntry) -> tuple[int, int]:
    """The first and last moment of the year, counted from 0, in which a member takes part."""
    last = moments(year, factors.by) - 1
    if factors.by is CountedBy.YEAR:
        return 0, last
    first = 0
    if member.joined_on is not None and member.joined_on > year.starts_on:
        first = _moment(year, factors.by, member.joined_on)
    if factors.leaving is Leaving.UNTIL_LEAVING and member.left_on is not None and member.left_on in year:
        last = _moment(year, factors.by, member.left_on)
    return first, last


def _moment(year: FiscalYear, by: CountedBy, day: date) -> int:
    if by is CountedBy.DAYS:
        return (day - year.starts_on).days
    return (day.year - year.year) * 12 + day.month - 4


def waiver(year: FiscalYear, factors: Factors, member: MemberEntry) -> Fraction:
    """What a waiver leaves of a member's part in this year; 1 without one, and when its years are over."""
    if member.joined_on is None:
        return Fraction(1)
    joined = FiscalYear.of(member.joined_on).year
    own = [one for one in factors.waivers if one.joined_fiscal_year == joined]
    found = own or [one for one in factors.waivers if one.joined_fiscal_year is None]
    place = year.year - joined
    if not found or not 0 <= place < len(found[0].factors):
        return Fraction(1)
    return found[0].factors[place]


def month_label(year: FiscalYear, by: CountedBy, moment: int) -> str:
    """What a moment of the year is called in a message."""
    if by is CountedBy.DAYS:
        return (year.starts_on + timedelta(days=moment)).isoformat()
    month = year.starts_on.month - 1 + moment
    return f"{year.year + month // 12}-{month % 12 + 1:02}"
