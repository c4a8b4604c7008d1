"""The decision over a year's inputs: what each bears, why, and the digest that ties preview to posting.

Pure. A preview for the screen, the approval's recomputation and a replay call the same `decide`, so the same inputs
come to the same yen and the same digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from billing.allocation.calculation import Allocation, compute
from billing.allocation.input import AllocationInput, Component, Components, Deduction
from billing.allocation.workings import ShareWorking, share_workings, workings
from billing.costs.queries import CostItemFacts
from billing.costs.states import ItemKind
from billing.documents.formatting import basis_label
from billing.runs.inputs import CostsByRule, Inputs, label_of, read_inputs
from governance.kernel.digest import digest_of
from governance.kernel.era import show_day
from governance.kernel.errors import Conflict, message
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.models import ReadModel
from governance.kernel.yen import whole_yen
from governance.rules.cost_sharing import (
    DeductionKind,
    EqualByKindComponent,
    EqualComponent,
    FixedComponent,
    RuleComponent,
    StatisticComponent,
)
from tenancy.directory import TenantFacts

NO_FIGURE = message(
    "allocation.no_figure",
    ja="{member}（{code}）には、按分基準「{component}」に使う {on_ja} 現在の「{basis_ja}」がありません。",
    en="{member} ({code}) has no statistic for “{component}” ({basis} on {on}).",
    hint_ja="団体の統計値を、基準日と出典を付けて登録してください。",
    hint_en="Record that member's statistic with its date and source.",
)
WRONG_SOURCE = message(
    "allocation.wrong_source",
    ja="{member}（{code}）の「{component}」の基準値は出典が「{given}」です。規程は「{expected}」を求めています。",
    en="The statistic of {member} ({code}) for “{component}” is from “{given}”; the rule requires “{expected}”.",
)
DATES_DIFFER = message(
    "allocation.dates_differ",
    ja="{member}（{code}）の「{component}」の基準値は {given} 現在で、他の団体の {expected} 現在とそろっていません。",
    en="The statistic of {member} ({code}) for “{component}” is dated {given}; the others are dated {expected}.",
    hint_ja="同じ基準日の統計値を登録してください。",
    hint_en="Record a statistic of the same date.",
)
NOT_A_MEMBER = message(
    "allocation.weight_of_no_member",
    ja="規程の「{component}」に割合がある {code} は、この年度の負担団体ではありません。",
    en="The rule gives {code} a weight in “{component}”, but it pays no costs in this year.",
)
ONLY_DEDUCTIONS = message(
    "allocation.only_deductions",
    ja="「{rule}」で按分する経費がなく、控除だけが登録されています。",
    en="Only deductions and no costs are recorded for “{rule}”.",
)
DEDUCTION_WITHOUT_RULE = message(
    "allocation.deduction_not_in_rule",
    ja="控除「{name}」を按分前に差し引くことを、「{rule}」第{number}版は定めていません。",
    en="Version {number} of “{rule}” does not allow the deduction “{name}” ({kind}).",
)


class ItemVersion(NamedTuple):
    """A cost item of a run; stored as a JSON array in this order."""

    item_id: UUID
    pool: str
    kind: ItemKind
    yen: int


class FigureVersion(NamedTuple):
    """A statistic of a run, `member` being its label; stored as a JSON array in this order."""

    component: str
    member: str
    statistic_id: UUID
    value: str
    basis_date: date
    source: str


class RuleVersions(ReadModel):
    """A version of a rule with the cost items and statistics it was applied to, each sorted.

    `decision` is who decided, under which number and when.
    """

    rule: str
    version: int
    version_id: UUID
    body_hash: str
    decision: tuple[str, str, date] | None
    items: tuple[ItemVersion, ...]
    figures: tuple[FigureVersion, ...]


class InputVersions(ReadModel):
    """The versions of everything a run rests on. Part of the run's digest, so its JSON form never changes.

    `members` has each member's id and label, lower label first; `revises` is the digest of the run that was posted
    before, or None.
    """

    fiscal_year: int
    members: tuple[tuple[UUID, str], ...]
    rules: tuple[RuleVersions, ...]
    revises: str | None


@dataclass(frozen=True, slots=True)
class WorkingLine:
    """One component of one member's share, with the date and source of the member's statistic."""

    component: str
    basis: str
    figure_date: date | None
    figure_source: str | None
    pool_yen: int
    ratio: Fraction
    weight: Fraction
    weight_total: Fraction
    exact_yen: Fraction


@dataclass(frozen=True)
class RuleAllocation:
    """What one rule in force shared: its costs, and the allocation they came to."""

    costs: CostsByRule
    allocation: Allocation
    labels: dict[UUID, str]

    @cached_property
    def pools_yen(self) -> dict[str, int]:
        """The costs by pool, under the pool's label."""
        totals: dict[str, int] = {}
        for item in self.costs.items:
            if item.kind is ItemKind.COST:
                totals[item.pool.label] = totals.get(item.pool.label, 0) + item.yen
        return totals

    @cached_property
    def deductions(self) -> list[CostItemFacts]:
        """What came off before the split, oldest first."""
        return [item for item in self.costs.items if item.kind is not ItemKind.COST]

    @cached_property
    def steps(self) -> dict[str, ShareWorking]:
        """Each member's step from exact to whole yen, by its label."""
        return {step.member: step for step in share_workings(self.allocation)}

    @cached_property
    def lines(self) -> dict[str, list[WorkingLine]]:
        """Each member's components in the order of the rule, by its label."""
        parts = {part.name: part for part in self.costs.sharing.components}
        ids = {label: tenant_id for tenant_id, label in self.labels.items()}
        found: dict[str, list[WorkingLine]] = {label: [] for label in ids}
        for working in workings(self.allocation):
            part = parts[working.component]
            figure = self.costs.figures.get(part.name, {}).get(ids[working.member])
            found[working.member].append(
                WorkingLine(
                    working.component,
                    part.basis_text,
                    figure.basis_date if figure else None,
                    figure.source if figure else part.source,
                    self.allocation.pool_yen,
                    working.ratio,
                    working.weight,
                    working.weight_total,
                    working.exact_yen,
                )
            )
        return found


@dataclass(frozen=True)
class Preview:
    """A whole year's split. `sum(shares_yen) + operator_yen + operator_residual_yen + deductions_yen == total_yen`."""

    inputs: Inputs
    divisions: tuple[RuleAllocation, ...]

    @property
    def fiscal_year(self) -> FiscalYear:
        return self.inputs.fiscal_year

    @cached_property
    def members(self) -> tuple[TenantFacts, ...]:
        """Who has a row: the members of the year, and who bore something by the split before and bears nothing now."""
        former_members = self.inputs.posted.former_members if self.inputs.posted else ()
        return tuple(sorted(self.inputs.members + former_members, key=label_of))

    @cached_property
    def shares_yen(self) -> dict[UUID, int]:
        """What each member bears of the year, all rules together; 0 for one that no longer takes part."""
        return {
            member.id: sum(
                rule_allocation.allocation.shares_yen.get(label_of(member), 0) for rule_allocation in self.divisions
            )
            for member in self.members
        }

    @cached_property
    def previous_yen(self) -> dict[UUID, int]:
        """What each member bears by the split posted last; 0 where nothing was."""
        posted = self.inputs.posted.shares_yen if self.inputs.posted else {}
        return {member.id: posted.get(member.id, 0) for member in self.members}

    @property
    def total_yen(self) -> int:
        return sum(rule_allocation.allocation.total_yen for rule_allocation in self.divisions)

    @property
    def operator_yen(self) -> int:
        return sum(rule_allocation.allocation.operator_yen for rule_allocation in self.divisions)

    @property
    def operator_residual_yen(self) -> int:
        """What rounding leaves to the operator; negative when rounding half up gave out more than there was."""
        return sum(rule_allocation.allocation.operator_residual_yen for rule_allocation in self.divisions)

    @property
    def deductions_yen(self) -> int:
        return sum(rule_allocation.allocation.deductions_yen for rule_allocation in self.divisions)

    @cached_property
    def versions(self) -> InputVersions:
        """The named versions of all inputs, as the run stores them."""
        return InputVersions(
            fiscal_year=self.fiscal_year.year,
            members=tuple((member.id, label_of(member)) for member in self.inputs.members),
            rules=tuple(_versions_of(rule_allocation) for rule_allocation in self.divisions),
            revises=self.inputs.posted.digest if self.inputs.posted else None,
        )

    @cached_property
    def digest(self) -> str:
        """Names the inputs' versions and the yen they came to, together."""
        outcome = [rule_allocation.allocation.digest for rule_allocation in self.divisions]
        inputs = self.versions.model_dump(mode="json")
        return digest_of({"form": "moyai.allocation-run/1", "inputs": inputs, "outcome": outcome})

    @property
    def differs(self) -> bool:
        """Whether posting it would change anything against the split posted last."""
        posted = self.inputs.posted
        return posted is None or (
            self.shares_yen != self.previous_yen
            or (self.total_yen, self.operator_yen, self.operator_residual_yen, self.deductions_yen)
            != (posted.total_yen, posted.operator_yen, posted.operator_residual_yen, posted.deductions_yen)
        )


def preview(session: Session, fiscal_year: int, members: Sequence[TenantFacts]) -> Preview:
    """What the fiscal year's split over these members would be now. Reads; changes nothing.

    Raises Conflict for a year without cost or members, for a pool whose rule nobody adopted, for a member without a
    figure (naming member and figure); Invalid for a year that is none.
    """
    return compute_preview(read_inputs(session, FiscalYear(fiscal_year), members))


def compute_preview(inputs: Inputs) -> Preview:
    """Share the inputs. Pure; the order of members and items changes nothing."""
    labels = {member.id: label_of(member) for member in inputs.members}
    divisions = tuple(
        RuleAllocation(costs, compute(_allocation_input(costs, inputs)), labels) for costs in inputs.costs
    )
    found = Preview(inputs, divisions)
    distributed_yen = sum(found.shares_yen.values()) + found.operator_yen + found.operator_residual_yen
    if distributed_yen + found.deductions_yen != found.total_yen:
        raise ArithmeticError("the shares do not add up to the total")
    return found


def _allocation_input(costs: CostsByRule, inputs: Inputs) -> AllocationInput:
    sharing = costs.sharing
    total_yen = sum(item.yen for item in costs.items if item.kind is ItemKind.COST)
    if not total_yen:
        raise Conflict(ONLY_DEDUCTIONS, rule=costs.rule.label)
    deductions = []
    for item in costs.items:
        if item.kind is ItemKind.COST:
            continue
        if DeductionKind(item.kind.value) not in sharing.deductions:
            raise Conflict(
                DEDUCTION_WITHOUT_RULE,
                field="deductions",
                name=item.name,
                kind=item.kind,
                rule=costs.rule.label,
                number=costs.rule.number,
            )
        deductions.append(Deduction(item.name, item.yen))
    return AllocationInput(
        total_yen=whole_yen(total_yen, field="total_yen"),
        unit_yen=sharing.unit_yen,
        rounding=sharing.rounding,
        components=Components(
            tuple(Component(part.name, part.ratio, _weights(part, costs, inputs)) for part in sharing.components)
        ),
        operator_ratio=sharing.operator_ratio,
        deductions=tuple(deductions),
    )


def _weights(part: RuleComponent, costs: CostsByRule, inputs: Inputs) -> dict[str, Fraction]:
    """Every member's weight in a component, by label. A member without one is refused, never taken as 0."""
    members = inputs.members
    match part:
        case EqualComponent():
            return {label_of(member): Fraction(1) for member in members}
        case EqualByKindComponent():
            return {
                label_of(member): _require_weight(part.weights.get(member.kind), part, member, inputs)
                for member in members
            }
        case FixedComponent():
            labels = {label_of(member) for member in members}
            for label in part.weights:
                if label not in labels:
                    raise Conflict(NOT_A_MEMBER, field=part.name, component=part.name, code=label)
            return {
                label_of(member): _require_weight(part.weights.get(label_of(member)), part, member, inputs)
                for member in members
            }
        case StatisticComponent():
            return _figures(part, costs, inputs)


def _figures(part: StatisticComponent, costs: CostsByRule, inputs: Inputs) -> dict[str, Fraction]:
    """The dated figures of a statistic: of one date for all, and from the source that the rule asks for."""
    own = costs.figures[part.name]
    newest = max((figure.basis_date for figure in own.values()), default=None)
    weights: dict[str, Fraction] = {}
    for member in inputs.members:
        label = label_of(member)
        figure = own.get(member.id)
        if figure is None:
            raise _no_figure(part, member, inputs)
        facts = {"component": part.name, "member": member.name, "code": label}
        if part.source is not None and part.source not in figure.source:
            raise Conflict(WRONG_SOURCE, field=part.name, given=figure.source, expected=part.source, **facts)
        if figure.basis_date != newest:
            raise Conflict(DATES_DIFFER, field=part.name, given=figure.basis_date, expected=newest, **facts)
        weights[label] = Fraction(figure.value)
    return weights


def _require_weight(weight: Fraction | None, part: RuleComponent, member: TenantFacts, inputs: Inputs) -> Fraction:
    if weight is None:
        raise _no_figure(part, member, inputs)
    return weight


def _no_figure(part: RuleComponent, member: TenantFacts, inputs: Inputs) -> Conflict:
    year = inputs.fiscal_year
    on = part.basis_date.of(year) if isinstance(part, StatisticComponent) else year.starts_on
    return Conflict(
        NO_FIGURE,
        field=part.name,
        member=member.name,
        code=label_of(member),
        component=part.name,
        basis=part.basis_text,
        basis_ja=basis_label(part.basis_text),
        on=on,
        on_ja=show_day(on),
    )


def _versions_of(rule_allocation: RuleAllocation) -> RuleVersions:
    rule = rule_allocation.costs.rule
    decision = rule.decision
    return RuleVersions(
        rule=rule.name,
        version=rule.number,
        version_id=rule.id,
        body_hash=rule.body_hash,
        decision=(decision.decided_by, decision.number, decision.on) if decision else None,
        items=tuple(
            ItemVersion(item.id, item.pool.name, item.kind, item.yen)
            for item in sorted(rule_allocation.costs.items, key=lambda item: str(item.id))
        ),
        figures=tuple(
            sorted(
                FigureVersion(
                    component,
                    rule_allocation.labels[tenant_id],
                    figure.statistic_id,
                    str(figure.value),
                    figure.basis_date,
                    figure.source,
                )
                for component, figures in rule_allocation.costs.figures.items()
                for tenant_id, figure in figures.items()
            )
        ),
    )
