"""What a fiscal year's split rests on, read in one place: costs, rules in force, members and their dated figures.

Reads only. Everything it returns is frozen, so that the decision over it (`preview`) needs no session.
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
    hint_ja="参加手続きを終えた団体があるか確かめてください。",
    hint_en="Check that onboarding of at least one member is complete.",
)
RULE_NOT_ADOPTED = message(
    "allocation.rule_not_adopted",
    ja="経費区分「{pool}」の按分ルールには、{on} に適用される、議決された版がありません。",
    en="No adopted version of the rule of cost pool “{pool}” is in force on {on}.",
    hint_ja="ルールの版について協議会の議決を記録してから、もう一度行ってください。",
    hint_en="Record the decision that adopts a version, then try again.",
)

UNKNOWN_STATISTIC = message(
    "allocation.unknown_statistic",
    ja="ルール「{rule}」が使う統計値「{given}」はありません。使えるもの: {known}。",
    en="The rule “{rule}” uses the unknown statistic “{given}”; the known ones are {known}.",
)


@dataclass(frozen=True, slots=True)
class CostsByRule:
    """The costs of a year that one rule in force shares, and the figures its components ask for.

    `figures` maps a component's name to each member's figure; a member without one is not in it.
    """

    rule: RuleVersionFacts
    sharing: CostSharing
    items: tuple[CostItemFacts, ...]
    figures: Mapping[str, Mapping[UUID, StatisticValue]]


@dataclass(frozen=True, slots=True)
class PostedSplit:
    """What was posted last for the year: the split a revision starts from."""

    run_id: UUID
    number: int
    digest: str
    former_members: tuple[TenantFacts, ...]
    """Who bore a share of it and is no longer among the members."""
    shares_yen: Mapping[UUID, int]
    total_yen: int
    operator_yen: int
    operator_residual_yen: int
    deductions_yen: int


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything a split of one fiscal year rests on."""

    fiscal_year: FiscalYear
    members: tuple[TenantFacts, ...]
    costs: tuple[CostsByRule, ...]
    posted: PostedSplit | None


def read_inputs(session: Session, fiscal_year: FiscalYear, members: Sequence[TenantFacts]) -> Inputs:
    """Read what the year's split over these members rests on.

    Raises Conflict when there is no cost, no member, or a pool whose rule nobody adopted for 1 April of the year.
    """
    items = cost_items(session, fiscal_year)
    if not items:
        raise Conflict(NO_COST, field="fiscal_year", label=fiscal_year.label, year=fiscal_year.year)
    if not members:
        raise Conflict(NO_MEMBERS, field="fiscal_year", label=fiscal_year.label, year=fiscal_year.year)
    return Inputs(
        fiscal_year,
        tuple(sorted(members, key=label_of)),
        tuple(_costs_by_rule(session, fiscal_year, items, members)),
        _posted_split(session, fiscal_year, {member.id for member in members}),
    )


def label_of(member: TenantFacts) -> str:
    """What the member is called in a case: its code, or its id where it has none."""
    return member.code or str(member.id)


def _posted_split(session: Session, fiscal_year: FiscalYear, members: set[UUID]) -> PostedSplit | None:
    """The newest posted split of the year."""
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
        run.number,
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
    """The items by the rule that shares them. One rule shares its pools together, so that it rounds once."""
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
            known = ", ".join(StatisticKind)
            raise Conflict(UNKNOWN_STATISTIC, field=part.name, rule=rule.label, given=part.statistic, known=known)
        found[part.name] = directory.statistic_values(
            session, StatisticKind(part.statistic), ids, part.basis_date.of(year)
        )
    return found
