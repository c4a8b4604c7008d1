"""Reads the input of a fiscal year's allocation: costs, the rules in force, members and their statistics.

Everything returned is frozen, so that `preview` computes from it without a database session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.costs.queries import CostItemFacts, cost_items
from billing.runs.states import RunState
from billing.runs.tables import AllocationRun, AllocationShare
from governance.kernel.errors import Conflict, message
from governance.kernel.fiscal_year import FiscalYear
from governance.rules import queries as rules
from governance.rules.cost_sharing import CostSharing, StatisticComponent, read_cost_sharing
from governance.rules.queries import RuleVersionFacts
from tenancy import directory
from tenancy.directory import StatisticKind, StatisticValue, TenantFacts

NO_COST = message(
    "allocation.no_cost",
    ja="{label}の経費がまだ登録されていないため、按分できません。",
    en="No costs of fiscal year {year} have been recorded yet, so there is nothing to allocate.",
    hint_ja="経費を登録してください。",
    hint_en="Record its costs first.",
)
NO_MEMBERS = message(
    "allocation.no_members",
    ja="{label}に費用を負担する参加団体がありません。",
    en="No member pays costs in fiscal year {year}.",
    hint_ja="参加手続を終えた団体があるか確かめてください。",
    hint_en="Check that onboarding of at least one member is complete.",
)
RULE_NOT_ADOPTED = message(
    "allocation.rule_not_adopted",
    ja="経費区分「{pool}」の算定規程には、{on} に適用される、議決された版がありません。",
    en="No adopted version of the rule of cost pool “{pool}” is in force on {on}.",
    hint_ja="規程の版について協議会の議決を記録してから、もう一度行ってください。",
    hint_en="Record the decision that adopts a version, then try again.",
)

UNKNOWN_STATISTIC = message(
    "allocation.unknown_statistic",
    ja="規程「{rule}」が使う統計値「{given}」はありません。使えるもの: {known}。",
    en="The rule “{rule}” uses the unknown statistic “{given}”; the known ones are {known}.",
)


@dataclass(frozen=True, slots=True)
class CostsByRule:
    """The costs of a year that one rule allocates, and the statistics that its components use.

    `figures` maps a component's name to the statistic of each member by tenant id; a member without one is absent.
    """

    rule: RuleVersionFacts
    sharing: CostSharing
    items: tuple[CostItemFacts, ...]
    figures: Mapping[str, Mapping[UUID, StatisticValue]]


@dataclass(frozen=True, slots=True)
class PostedSplit:
    """The last posted allocation of the year, which a revision is compared with. Amounts in yen."""

    run_id: UUID
    revision: int
    digest: str
    former_members: tuple[TenantFacts, ...]
    """Tenants that have a share of it and are not among the members now."""
    shares_yen: Mapping[UUID, int]
    total_yen: int
    operator_yen: int
    operator_residual_yen: int
    deductions_yen: int


@dataclass(frozen=True, slots=True)
class Inputs:
    """The input of one fiscal year's allocation; members by label, costs by the rule's name."""

    fiscal_year: FiscalYear
    members: tuple[TenantFacts, ...]
    costs: tuple[CostsByRule, ...]
    posted: PostedSplit | None


def read_inputs(session: Session, fiscal_year: FiscalYear, members: Sequence[TenantFacts]) -> Inputs:
    """Read the input of the year's allocation to these members.

    Raises Conflict without any cost, without a member, for a cost pool whose rule has no adopted version in force on
    1 April of the year, and for a rule that names an unknown statistic.
    """
    items = cost_items(session, fiscal_year)
    if not items:
        raise Conflict(NO_COST, field="fiscal_year", label=fiscal_year.shown, year=fiscal_year.year)
    if not members:
        raise Conflict(NO_MEMBERS, field="fiscal_year", label=fiscal_year.shown, year=fiscal_year.year)
    return Inputs(
        fiscal_year,
        tuple(sorted(members, key=label_of)),
        tuple(_costs_by_rule(session, fiscal_year, items, members)),
        _posted_split(session, fiscal_year, {member.id for member in members}),
    )


def label_of(member: TenantFacts) -> str:
    """The member's label in an allocation input: its code, or its id where it has none."""
    return member.code or str(member.id)


def _posted_split(session: Session, fiscal_year: FiscalYear, members: set[UUID]) -> PostedSplit | None:
    """The posted run of the year with the highest number; None without one."""
    run = session.scalars(
        select(AllocationRun)
        .where(AllocationRun.fiscal_year == fiscal_year.year, AllocationRun.state == RunState.POSTED)
        .order_by(AllocationRun.number.desc())
        .limit(1)
    ).first()
    if run is None:
        return None
    shares = {
        row.tenant_id: row.share_yen
        for row in session.execute(
            select(AllocationShare.tenant_id, AllocationShare.share_yen).where(AllocationShare.run_id == run.id)
        )
    }
    former_members = directory.tenants_by_id(session, [tenant_id for tenant_id in shares if tenant_id not in members])
    return PostedSplit(
        run.id,
        run.revision,
        run.digest,
        tuple(former_members.values()),
        shares,
        run.total_yen,
        run.operator_yen,
        run.operator_residual_yen,
        run.deductions_yen,
    )


def _costs_by_rule(
    session: Session, year: FiscalYear, items: Sequence[CostItemFacts], members: Sequence[TenantFacts]
) -> list[CostsByRule]:
    """The items by the rule of their pool. A rule allocates all its pools in one calculation, and so rounds once."""
    found = []
    for rule_id in dict.fromkeys(item.pool.rule_id for item in items):
        of_rule = tuple(item for item in items if item.pool.rule_id == rule_id)
        rule = rules.in_force(session, rule_id, year.starts_on)
        if rule is None:
            raise Conflict(RULE_NOT_ADOPTED, field="rule", pool=of_rule[0].pool.label, on=year.starts_on)
        sharing = read_cost_sharing(rule.body)
        found.append(CostsByRule(rule, sharing, of_rule, _figures(session, year, rule, sharing, members)))
    return sorted(found, key=lambda costs: costs.rule.name)


def _figures(
    session: Session, year: FiscalYear, rule: RuleVersionFacts, sharing: CostSharing, members: Sequence[TenantFacts]
) -> dict[str, dict[UUID, StatisticValue]]:
    ids = [member.id for member in members]
    found = {}
    for part in sharing.components:
        if not isinstance(part, StatisticComponent):
            continue
        if part.statistic not in list(StatisticKind):
            raise Conflict(
                UNKNOWN_STATISTIC,
                field=part.name,
                rule=rule.label,
                given=part.statistic,
                known=tuple(StatisticKind),
            )
        found[part.name] = directory.statistic_values(
            session, StatisticKind(part.statistic), ids, part.basis_date.of(year)
        )
    return found
