"""What the stages of a case hand on: the rest, the members' amounts, who bears what so far, and the workings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from billing.allocation.exact_amounts import ExactAmounts
from billing.allocation.staged_case import MEMBER_UNKNOWN, StagedCase
from billing.allocation.staged_workings import Input, Workings, number_input, reduced
from governance.kernel.errors import Invalid
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.yen import printable
from governance.rules.stages import Stage
from governance.rules.yearly import Yearly


@dataclass(frozen=True, slots=True)
class StageResult:
    """What one stage did, exactly: `in_yen == charged_yen + operator_yen + rest_yen`.

    `charged_yen` is what the stage changed of the members' amounts, with what revenue bears (deductions);
    `rest_yen` is what the next stages get, with what is carried over.
    """

    id: str
    in_yen: Fraction
    charged_yen: Fraction
    operator_yen: Fraction
    rest_yen: Fraction


@dataclass(frozen=True, slots=True)
class Instalment:
    """One payment of a share; `due` is month and day as the rule has it, or None."""

    due: str | None
    yen: int


@dataclass
class Limits:
    """The bounds that a limit drew, by position; the one who bears the excess has none."""

    lower: list[int]
    upper: list[int | None]
    free: int | None


@dataclass
class Shares:
    """The members' split amounts that wait for rounding: by component, with the ids of their workings by position."""

    components: list[ExactAmounts] = field(default_factory=list)
    sources: list[list[str]] = field(default_factory=list)
    limits: list[Limits] = field(default_factory=list)
    is_rounded: bool = False


class StagedState:
    """One case on its way through the stages."""

    def __init__(self, case: StagedCase, workings: Workings | None) -> None:
        self.case = case
        self.workings = workings
        self.members = tuple(case.members)
        self.positions = {code: position for position, code in enumerate(self.members)}
        self.rest = Fraction(0)
        self.pools_yen = 0
        """The costs of the pools that the next rounding makes yen of."""
        self.shares = self.no_shares()
        self.finished = [0] * len(self.members)
        """Yen of pools that are rounded, by position."""
        self.direct = [0] * len(self.members)
        self.final_sources: list[list[str]] = [[] for _ in self.members]
        self.operator = Fraction(0)
        self.residual = 0
        self.carried = Fraction(0)
        self.deducted = 0
        self.attributed: set[tuple[str, str]] = set()
        self.rest_source = ""
        self.operator_sources: list[str] = []
        self.residual_sources: list[str] = []
        self.carried_sources: list[str] = []
        self.deducted_sources: list[str] = []
        self.total_sources: list[str] = []
        self.classes: frozenset[str] = frozenset()
        self.instalments: dict[str, tuple[Instalment, ...]] = {}
        self.results: list[StageResult] = []

    @property
    def year(self) -> FiscalYear:
        """The fiscal year of the case."""
        return self.case.fiscal_year

    def no_shares(self) -> Shares:
        """Nothing split yet."""
        return Shares(sources=[[] for _ in self.members])

    def charged(self) -> Fraction:
        """What members and deductions bear so far."""
        split = sum((component.total for component in self.shares.components), Fraction(0))
        return split + sum(self.finished) + sum(self.direct) + self.deducted

    def value(self, yearly: Yearly, name: str, field: str) -> tuple[Fraction, Input]:
        """A number of the rule in this fiscal year, and what the workings say of it: where it stands in writing."""
        found = yearly.of(self.year, field=field)
        more: dict[str, Any] = {}
        if found.from_fiscal_year is not None:
            more["from_fiscal_year"] = found.from_fiscal_year
        if found.reference is not None:
            more["reference"] = found.reference.model_dump(exclude_none=True)
        return found.value, number_input(found.value, name, **more)

    def add(self, *args: Any, **more: Any) -> str:
        """Add an entry of the workings and give its id; without workings nothing, and an empty id."""
        return "" if self.workings is None else self.workings.add(*args, **more)

    def finish_pools(self) -> None:
        """Rounded amounts become final; unrounded ones wait for a rounding of several pools together."""
        if not self.shares.is_rounded:
            return
        for component in self.shares.components:
            for position, yen in enumerate(component.over(1)):
                self.finished[position] += yen
        for position, sources in enumerate(self.shares.sources):
            self.final_sources[position].extend(sources)
        self.shares = self.no_shares()
        self.pools_yen = 0

    def lower_rest(self, stage: Stage, by: Fraction, rows: Sequence[str]) -> None:
        """Take an amount off the rest; `rows` are the workings that took it."""
        self.rest -= by
        self.rest_source = self.add(f"{stage.id}/rest", stage.id, "difference", [self.rest_source, *rows], self.rest)

    def give(self, shares: ExactAmounts, rows: Sequence[str]) -> None:
        """Add amounts to the members' split amounts, with the workings' ids by position."""
        self.shares.components.append(shares)
        for position, row in enumerate(rows):
            self.shares.sources[position].append(row)

    def position(self, code: str | None, at: str) -> int:
        """The position of a member. Raises Invalid for a code that is not one."""
        position = self.positions.get(code or "")
        if position is None:
            raise Invalid(MEMBER_UNKNOWN, field=at, given=printable(code))
        return position

    def amount_rows(self, stage: Stage, amounts: ExactAmounts, what: str) -> list[str]:
        """One row for each member's amount; the row it has, where it is one row already."""
        if self.workings is None:
            return []
        return [
            sources[0]
            if len(sources) == 1
            else self.add(
                f"{stage.id}/{what}/{code}",
                stage.id,
                "sum",
                sources,
                reduced(amounts.numerators[position], amounts.denominator),
                member=code,
            )
            for position, (code, sources) in enumerate(zip(self.members, self.shares.sources, strict=True))
        ]


def whole_yen(amount: Fraction) -> int:
    """The yen of an exact amount. Raises ArithmeticError where it is not whole: a stage has gone wrong."""
    if amount.denominator != 1:
        raise ArithmeticError(f"{amount} is not whole yen")
    return amount.numerator
