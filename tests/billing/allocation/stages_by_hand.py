"""A case of stages worked as a clerk would write it down: fractions, one paragraph a stage, from the contract alone.

It imports nothing of billing or governance and reads the JSON as it is, so that a mistake in the calculator's reading
is seen, too. Raises `Impossible` where the case cannot be shared.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from math import floor
from typing import Any

Json = dict[str, Any]


class Impossible(Exception):
    """The case cannot be shared."""


def by_year(value: Any, year: int) -> Any:
    """A number of the rule in a fiscal year."""
    if not isinstance(value, list):
        return value
    begun = [entry["value"] for entry in value if entry["from_fiscal_year"] <= year]
    if not begun:
        raise Impossible("no value yet")
    return begun[-1]


def number(value: Any) -> Fraction:
    return Fraction(value)


def day(text: str, year: int) -> date:
    head, month, day_of_month = text.split("-")
    calendar_year = {"year": year, "previous": year - 1}.get(head) or int(head)
    return date(calendar_year, int(month), int(day_of_month))


def months_of_year(year: int) -> Iterator[tuple[int, int]]:
    for month in range(4, 16):
        yield (year, month) if month <= 12 else (year + 1, month - 12)


def days_of_year(year: int) -> list[date]:
    first, last = date(year, 4, 1), date(year + 1, 3, 31)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


class Hand:
    """One case on its way through the stages."""

    def __init__(self, case: Json) -> None:
        self.case = case
        self.year: int = case["fiscal_year"]
        self.members = sorted(case["members"])
        self.split: dict[str, list[Fraction]] = {m: [Fraction(0)] for m in self.members}
        self.finished = dict.fromkeys(self.members, Fraction(0))
        self.direct = dict.fromkeys(self.members, 0)
        self.rounded = False
        self.operator = Fraction(0)
        self.residual = Fraction(0)
        self.carried = Fraction(0)
        self.deducted = 0
        self.attributed: set[object] = set()
        self.rest = Fraction(0)
        self.pools = Fraction(0)
        self.limits: list[tuple[dict[str, Fraction], dict[str, Fraction | None], str | None]] = []
        self.rows: list[tuple[str, Fraction, Fraction, Fraction, Fraction]] = []
        self.instalments: dict[str, list[int]] = {}

    # What is borne so far, for the equation of each stage.
    def borne(self) -> tuple[Fraction, Fraction]:
        members = sum((sum(parts, Fraction(0)) for parts in self.split.values()), Fraction(0))
        members += sum(self.finished.values()) + sum(self.direct.values()) + self.deducted
        return members, self.operator + self.residual

    def work(self) -> Hand:
        stages = self.case["rule"]["stages"]
        for place, stage in enumerate(stages):
            before = self.borne()
            incoming = self.rest + self.carried
            match stage["stage"]:
                case "pool":
                    if self.rest:
                        raise Impossible("money nobody bears")
                    incoming = self.begin_pool(stage) + self.carried
                case "deduct":
                    self.deduct(stage)
                case "attribute":
                    self.attribute(stage)
                case "operator":
                    self.bear_as_operator(stage)
                case "split":
                    self.share(stage)
                case "limit":
                    unit = next(later.get("unit_yen", 1) for later in stages[place:] if later["stage"] == "round")
                    self.limit(stage, unit)
                case "round":
                    self.round(stage)
                case "instalments":
                    self.pay(stage)
            after = self.borne()
            row = (stage["id"], incoming, after[0] - before[0], after[1] - before[1], self.rest + self.carried)
            assert row[1] == row[2] + row[3] + row[4], row
            self.rows.append(row)
        if self.rest:
            raise Impossible("money nobody bears")
        return self

    def begin_pool(self, stage: Json) -> Fraction:
        classes = stage.get("cost_classes", "all")
        self.classes = {c["class"] for c in self.case["costs"]} if classes == "all" else set(classes)
        if self.rounded:
            for member, parts in self.split.items():
                self.finished[member] += sum(parts)
            self.split = {m: [Fraction(0)] for m in self.members}
            self.rounded = False
            self.limits = []
            self.pools = Fraction(0)
        self.rest = Fraction(sum(int(c["yen"]) for c in self.case["costs"] if c["class"] in self.classes))
        self.pools += self.rest
        return self.rest

    def deduct(self, stage: Json) -> None:
        amount = sum(
            int(one["yen"])
            for one in self.case.get("deductions_yen", [])
            if one["kind"] in stage["kinds"] and ("class" not in one or one["class"] in self.classes)
        )
        if amount > self.rest:
            if stage.get("below_zero", "refuse") == "refuse":
                raise Impossible("deductions above the pool")
            amount = int(self.rest)
        self.deducted += amount
        self.rest -= amount

    def attribute(self, stage: Json) -> None:
        to = stage.get("to")
        if isinstance(to, str):
            yen = sum(int(c["yen"]) for c in self.case["costs"] if c["class"] == stage["what"])
            amounts = {to: yen}
        elif to is not None:
            amounts = to
        else:
            amounts = {f["member"]: int(f["value"]) for f in self.case["figures"] if f["basis"] == stage["basis"]}
        if not amounts:
            raise Impossible("no amount")
        if sum(amounts.values()) > self.rest:
            raise Impossible("more than the pool")
        for member, yen in amounts.items():
            if (stage["what"], member) in self.attributed or (isinstance(to, str) and stage["what"] in self.attributed):
                raise Impossible("attributed twice")
            self.attributed |= {(stage["what"], member)} | ({stage["what"]} if isinstance(to, str) else set())
            self.direct[member] += yen
            self.rest -= yen

    def operator_takes(self, stage: Json) -> Fraction:
        match stage["bears"]:
            case "all":
                return self.rest
            case "none":
                return Fraction(0)
            case "first_up_to":
                return min(self.rest, number(by_year(stage["yen"], self.year)))
        ratio = number(by_year(stage["ratio"], self.year))
        if stage.get("odd_yen", "operator") == "members":
            return Fraction(floor(self.rest * ratio))
        return self.rest - floor(self.rest * (1 - ratio))

    def bear_as_operator(self, stage: Json) -> None:
        part = self.operator_takes(stage)
        self.operator += part
        self.rest -= part

    # -- the split --

    def share(self, stage: Json) -> None:
        total = self.rest
        printed = stage.get("ratios_as_printed", False)
        if isinstance(printed, dict):
            for member, ratio in printed.items():
                self.take(member, total * number(ratio))
            return
        if printed:
            ratios = dict.fromkeys(self.members, Fraction(0))
            for component in stage["components"]:
                weights = self.factored(component, self.weights(component))
                part, whole = number(by_year(component["ratio"], self.year)), self.total_of(weights)
                for member, weight in weights.items():
                    ratios[member] += part * weight / whole
            scale = 10 ** stage["places"]
            for member, ratio in ratios.items():
                self.take(member, total * Fraction(floor(ratio * scale + Fraction(1, 2)), scale))
            return
        for component in stage["components"]:
            self.share_component(component, total * number(by_year(component["ratio"], self.year)))

    def take(self, member: str, amount: Fraction) -> None:
        self.split[member].append(amount)
        self.rest -= amount

    @staticmethod
    def total_of(weights: dict[str, Fraction]) -> Fraction:
        total = sum(weights.values(), Fraction(0))
        if not total:
            raise Impossible("no weight")
        return total

    def share_component(self, component: Json, amount: Fraction) -> None:
        if component["basis"] == "alone" and component["method"] == "scrb":
            for member, part in self.scrb(component, amount).items():
                self.take(member, part)
            return
        weights = self.weights(component)
        factors: Json = component.get("factors", {"joining": "weight"})
        manner = factors["joining"]
        if manner == "weight":
            weights = self.factored(component, weights)
            total = self.total_of(weights)
            for member, weight in weights.items():
                self.take(member, amount * weight / total)
        elif manner == "discount":
            total = self.total_of(weights)
            parts = self.factored(component, dict.fromkeys(weights, Fraction(1)))
            for member, weight in weights.items():
                whole = amount * weight / total
                self.take(member, whole * parts[member])
                left = whole * (1 - parts[member])
                self.rest -= left
                if factors["borne_by"] == "operator":
                    self.operator += left
                elif factors["borne_by"] == "carry_over":
                    self.carried += left
                else:
                    self.split[factors["member"]].append(left)
        else:
            moments = self.moments(factors)
            charged = dict.fromkeys(weights, Fraction(0))
            for moment in moments:
                here = {m: w * self.waiver(m, factors) for m, w in weights.items() if self.present(m, moment, factors)}
                total = self.total_of(here)
                for member, weight in here.items():
                    charged[member] += amount / len(moments) * weight / total
            for member, part in charged.items():
                self.take(member, part)

    def moments(self, factors: Json) -> list[Any]:
        match factors.get("by", "months"):
            case "months":
                return list(months_of_year(self.year))
            case "days":
                return list(days_of_year(self.year))
        return [None]

    def present(self, member: str, moment: Any, factors: Json) -> bool:
        if moment is None or ("members" in factors and member not in factors["members"]):
            return True
        facts = self.case["members"][member]
        joined, left = facts.get("joined_on"), facts.get("left_on")
        begins = date.fromisoformat(joined) if joined else date.min
        ends = date.max
        if left and factors.get("leaving", "whole_year") == "until_leaving":
            ends = date.fromisoformat(left)
        if isinstance(moment, date):
            return begins <= moment <= ends
        month: tuple[int, int] = moment
        return (begins.year, begins.month) <= month <= (ends.year, ends.month)

    def waiver(self, member: str, factors: Json) -> Fraction:
        joined = self.case["members"][member].get("joined_on")
        if joined is None or ("members" in factors and member not in factors["members"]):
            return Fraction(1)
        when = date.fromisoformat(joined)
        cohort = when.year if when.month >= 4 else when.year - 1
        found = [w for w in factors.get("waivers", []) if w.get("joined_fiscal_year") == cohort]
        found = found or [w for w in factors.get("waivers", []) if w.get("joined_fiscal_year") is None]
        if not found or not 0 <= self.year - cohort < len(found[0]["factors"]):
            return Fraction(1)
        return number(found[0]["factors"][self.year - cohort])

    def factored(self, component: Json, weights: dict[str, Fraction]) -> dict[str, Fraction]:
        factors = component.get("factors")
        if not factors:
            return weights
        moments = self.moments(factors)
        return {
            member: weight
            * self.waiver(member, factors)
            * Fraction(sum(self.present(member, moment, factors) for moment in moments), len(moments))
            for member, weight in weights.items()
        }

    def included(self, component: Json) -> list[str]:
        inclusion = component.get("inclusion")
        facts = self.case["members"]
        if not inclusion:
            return self.members
        if "only" in inclusion:
            return [m for m in self.members if m in inclusion["only"]]
        if "except" in inclusion:
            return [m for m in self.members if m not in inclusion["except"]]
        if "kinds" in inclusion:
            return [m for m in self.members if facts[m].get("kind") in inclusion["kinds"]]
        return [m for m in self.members if inclusion["users_of"] in facts[m].get("services", [])]

    def figure(self, basis: str, member: str, at: str | None) -> Fraction:
        limit = day(at, self.year) if at else date(self.year + 1, 3, 31)
        found = [
            (f["on"], number(f["value"]))
            for f in self.case["figures"]
            if f["basis"] == basis and f["member"] == member and date.fromisoformat(f["on"]) <= limit
        ]
        if not found:
            raise Impossible(f"no figure {basis} {member}")
        return max(found)[1]

    def weights(self, component: Json) -> dict[str, Fraction]:
        members = self.included(component)
        basis: str = component["basis"]
        if basis == "equal":
            return dict.fromkeys(members, Fraction(1))
        if basis == "equal_by_kind":
            kinds = {m: self.case["members"][m].get("kind") for m in members}
            if any(kind not in component["weights"] for kind in kinds.values()):
                raise Impossible("a kind without weight")
            return {m: number(component["weights"][kinds[m]]) for m in members}
        if basis == "fixed" and "weights" not in component:
            return {m: self.figure("fixed", m, None) for m in members}
        if basis == "fixed":
            return {m: number(component["weights"].get(m, 0)) for m in members}
        if basis == "alone":
            return self.tiers({m: self.figure("alone", m, component.get("at")) for m in members})
        if basis.startswith("usage:"):
            return self.usage(component, members)
        return {m: self.powered(component, self.figure(basis, m, component.get("at"))) for m in members}

    def powered(self, component: Json, value: Fraction) -> Fraction:
        power = component.get("power")
        if power is None:
            return value
        if not isinstance(power, dict):
            power = {"power": power}
        if not value:
            return Fraction(0)
        with localcontext() as context:
            context.prec = 50

            def decimal(given: Any) -> Decimal:
                exact = Fraction(given)
                return Decimal(exact.numerator) / Decimal(exact.denominator)

            exponent = (
                decimal(power["doubling"]).ln() / Decimal(2).ln() if "doubling" in power else decimal(power["power"])
            )
            base = decimal(value / number(power.get("reference", 1)))
            raised = (base.ln() * exponent).exp()
            return Fraction(raised.quantize(Decimal(1).scaleb(-power.get("places", 12)), ROUND_HALF_EVEN))

    def usage(self, component: Json, members: list[str]) -> dict[str, Fraction]:
        at = component["at"]
        y = self.year

        def fiscal(n: int) -> tuple[date, date]:
            return date(n, 4, 1), date(n + 1, 3, 31)

        if isinstance(at, dict) and "years" in at:
            periods = [fiscal(y - back) for back in range(at["years"], 0, -1)]
        elif isinstance(at, dict):
            periods = [(day(at["from"], y), day(at["to"], y))]
        else:
            periods = [
                {
                    "previous_fiscal_year": fiscal(y - 1),
                    "fiscal_year": fiscal(y),
                    "previous_calendar_year": (date(y - 1, 1, 1), date(y - 1, 12, 31)),
                    "calendar_year": (date(y, 1, 1), date(y, 12, 31)),
                }[at]
            ]
        used: list[dict[str, Fraction]] = []
        for first, last in periods:
            of_period: dict[str, Fraction] = {}
            for member in members:
                found = [
                    number(f["value"])
                    for f in self.case["figures"]
                    if f["basis"] == component["basis"]
                    and f["member"] == member
                    and first <= date.fromisoformat(f["on"]) <= last
                ]
                joined = self.case["members"][member].get("joined_on")
                if not found and not (joined and date.fromisoformat(joined) > last):
                    raise Impossible("no usage")
                of_period[member] = sum(found, Fraction(0))
            used.append(of_period)
        if component.get("average", "sum_of_years") == "sum_of_years":
            return {m: self.powered(component, sum((one[m] for one in used), Fraction(0))) for m in members}
        shares = [{m: one[m] / self.total_of(one) for m in members} for one in used]
        return {m: sum((one[m] for one in shares), Fraction(0)) / len(shares) for m in members}

    @staticmethod
    def tiers(alone: dict[str, Fraction]) -> dict[str, Fraction]:
        """Each step of cost is shared by those who need it."""
        parts = dict.fromkeys(alone, Fraction(0))
        below = Fraction(0)
        for step in sorted(set(alone.values())):
            needing = [m for m, cost in alone.items() if cost >= step]
            for member in needing:
                parts[member] += (step - below) / len(needing)
            below = step
        return parts

    def scrb(self, component: Json, amount: Fraction) -> dict[str, Fraction]:
        members = self.included(component)
        alone = {m: self.figure("alone", m, component.get("at")) for m in members}
        separable = {m: amount - self.figure("alone:without", m, component.get("at")) for m in members}
        benefits = {m: alone[m] - separable[m] for m in members}
        if any(benefit < 0 for benefit in benefits.values()):
            raise Impossible("alone is cheaper than separable")
        left = amount - sum(separable.values())
        total = sum(benefits.values())
        if not total:
            if left:
                raise Impossible("nothing to share by")
            shares = separable
        else:
            shares = {m: separable[m] + left * benefits[m] / total for m in members}
        if any(part < 0 for part in shares.values()):
            raise Impossible("below zero")
        return shares

    # -- limits --

    def limit(self, stage: Json, unit: int) -> None:
        exact = {m: sum(parts, Fraction(0)) for m, parts in self.split.items()}
        free = stage["member"] if stage["excess_to"] == "member" else None
        lower: dict[str, Fraction] = {}
        upper: dict[str, Fraction | None] = {}
        for member in self.members:
            low, high = self.bound(stage, "floor", member), self.bound(stage, "cap", member)
            taken = self.direct[member] + self.finished[member] if stage.get("on", "split") == "total" else 0
            lower[member] = Fraction(max(0, -floor(-((low or 0) - taken) / unit) * unit))
            upper[member] = None if high is None else Fraction(max(0, floor((high - taken) / unit) * unit))
            highest = upper[member]
            if member != free and highest is not None and highest < lower[member]:
                raise Impossible("cap below floor")
        self.rounded = False
        self.limits.append((lower, upper, free))
        total = sum(exact.values(), Fraction(0))

        def clamp(member: str, value: Fraction) -> Fraction:
            if member == free:
                return value
            high = upper[member]
            value = max(value, lower[member])
            return value if high is None else min(value, high)

        if stage["excess_to"] != "others":
            clamped = {m: clamp(m, exact[m]) for m in self.members}
            left = total - sum(clamped.values())
            if stage["excess_to"] == "operator":
                self.operator += left
            elif stage["excess_to"] == "carry_over":
                self.carried += left
            else:
                clamped[stage["member"]] += left
                if clamped[stage["member"]] < 0:
                    raise Impossible("below zero")
        else:
            clamped = self.refill(exact, total, lower, upper)
        self.split = {m: [clamped[m]] for m in self.members}

    def refill(
        self, exact: dict[str, Fraction], total: Fraction, lower: dict[str, Fraction], upper: dict[str, Fraction | None]
    ) -> dict[str, Fraction]:
        """One level t for all, found between the breakpoints by trying every stretch."""

        def at(t: Fraction) -> dict[str, Fraction]:
            found = {}
            for m in self.members:
                value = max(t * exact[m], lower[m])
                found[m] = value if upper[m] is None else min(value, upper[m] or Fraction(0))
            return found

        points = sorted(
            {Fraction(0)}
            | {lower[m] / exact[m] for m in self.members if exact[m]}
            | {(upper[m] or Fraction(0)) / exact[m] for m in self.members if exact[m] and upper[m] is not None}
        )
        for place, here in enumerate(points):
            if sum(at(here).values()) == total:
                return at(here)
            following = points[place + 1] if place + 1 < len(points) else here + 1
            below, above = sum(at(here).values()), sum(at(following).values())
            beyond = place + 1 == len(points) and above > below
            if below < total and (total < above or beyond):
                return at(here + (total - below) * (following - here) / (above - below))
        raise Impossible("caps or floors leave money that nobody bears")

    def bound(self, stage: Json, name: str, member: str) -> Fraction | None:
        given = stage.get(name)
        if isinstance(given, dict):
            given = given.get(member)
        if given is None:
            return None
        value = number(by_year(given, self.year))
        match stage["measure"]:
            case "yen":
                return value
            case "per_head":
                return value * self.figure(stage.get("basis", "statistic:population"), member, stage.get("at"))
        previous = self.case.get("previous_yen", {}).get(member)
        return None if previous is None else value * previous

    # -- yen --

    def round(self, stage: Json) -> None:
        unit = stage.get("unit_yen", 1)
        if 0 < self.pools < unit:
            raise Impossible("the unit is above the pool")
        policy, to = stage["policy"], stage.get("remainder_to", "operator")
        if "__" in policy:
            policy, _, to = policy.partition("__residual_to_")
            to = {"largest_share": "largest"}.get(to, to)
        exact = {m: sum(parts, Fraction(0)) for m, parts in self.split.items()}
        total = sum(exact.values(), Fraction(0))
        if policy == "floor_each_component":
            shares = {m: sum(floor(part / unit) * unit for part in parts) for m, parts in self.split.items()}
        elif policy == "round_half_up":
            shares = {m: floor(exact[m] / unit + Fraction(1, 2)) * unit for m in self.members}
        else:
            shares = {m: floor(exact[m] / unit) * unit for m in self.members}
        if policy == "largest_remainder":
            units = (floor(total) - sum(shares.values())) // unit
            for member in sorted(self.members, key=lambda m: (shares[m] - exact[m], m))[:units]:
                shares[member] += unit
        exactly_left = total - sum(shares.values()) + self.rest
        self.rest = Fraction(0)
        left = floor(exactly_left)
        # What is below a yen stays with who took an exact excess: the operator, else what is carried over.
        if self.operator.denominator != 1:
            self.operator += exactly_left - left + self.carried - floor(self.carried)
            self.carried = Fraction(floor(self.carried))
        else:
            self.carried += exactly_left - left
        assert self.operator.denominator == self.carried.denominator == 1
        if to == "operator":
            self.residual += left
        elif to == "carry_over":
            self.carried += left
        elif left:
            chosen = stage["member"] if to == "member" else min(self.members, key=lambda m: (-exact[m], m))
            shares[chosen] += int(left)
        for lower, upper, free in self.limits:
            for member in self.members:
                high = upper[member]
                if member != free and (shares[member] < lower[member] or (high is not None and shares[member] > high)):
                    raise Impossible("the remainder breaks a bound")
        if any(share < 0 for share in shares.values()):
            raise Impossible("below zero")
        self.split = {m: [Fraction(shares[m])] for m in self.members}
        self.rounded = True
        self.limits = []

    def pay(self, stage: Json) -> None:
        count, unit = stage["count"], stage.get("unit_yen", 1)
        for member, share in self.shares().items():
            if share <= stage.get("not_above_yen", -1):
                self.instalments[member] = [share]
                continue
            part = Fraction(share, count)
            one = (floor(part / unit) if stage.get("round", "down") == "down" else -floor(-part / unit)) * unit
            odd = share - one * (count - 1)
            if odd < 0:
                raise Impossible("an instalment below zero")
            others = [one] * (count - 1)
            self.instalments[member] = [odd, *others] if stage.get("odd_to", "first") == "first" else [*others, odd]

    def shares(self) -> dict[str, int]:
        found = {m: sum(self.split[m], Fraction(0)) + self.finished[m] + self.direct[m] for m in self.members}
        assert all(amount.denominator == 1 for amount in found.values())
        return {m: int(amount) for m, amount in found.items()}


def work_by_hand(case: Json) -> Hand:
    """The case, worked through all its stages. Raises Impossible."""
    return Hand(case).work()
