"""A prefecture with its costs for the pages: three members, a cohort of two, a posted run, people of every role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import pytest
from flask import Flask

from admin.interface.keycloak_port import PORT
from billing.costs.queries import cost_items
from billing.ledger.queries import entries
from billing.notices.commands import IssueNotices, issue_notices
from billing.runs.queries import run_by_id
from governance.actors import Actor
from governance.agreements.queries import versions
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.fiscal_year import FiscalYear
from governance.permissions import Role
from governance.rules.queries import rule_versions
from tenancy.keycloak import port
from tenancy.people.queries import members
from tenancy.quotas.commands import AssignPlan, DefinePlan, RequestQuota, assign_plan, define_plan, request_quota
from tenancy.quotas.queries import dimensions
from tenancy.tenants.commands import (
    ChangeTenantState,
    DefineCohort,
    RegisterTenant,
    StatisticInput,
    change_tenant_state,
    define_cohort,
    register_tenant,
)
from tenancy.tenants.states import StatisticKind, TenantKind, TenantState
from tests.actors import Actors
from tests.admin.visitors import Visit, Visitors
from tests.billing.factories import CENSUS, CENSUS_DAY, IN_FISCAL_YEAR_2025, THIRTEEN, BillingFactory

MEMBERS: Final = {code: THIRTEEN[code] for code in ("431001", "432024", "434434")}
JOINING: Final = {"432032": ("人吉市", 31108), "435058": ("多良木町", 9076)}


@dataclass
class ConsoleSample:
    """The factory, its people by role, and what the pages are about."""

    factory: BillingFactory
    people: dict[Role, Actor]
    tenant_id: UUID
    other_id: UUID
    run_id: UUID
    share_id: UUID
    other_share_id: UUID
    notice_id: UUID
    other_notice_id: UUID
    quota_request_id: UUID
    version_id: UUID
    member_id: UUID
    item_id: UUID
    rule_version_id: UUID
    entry_id: UUID
    joining: dict[str, UUID] = field(default_factory=dict)


class EmptyKeycloak:
    """A Keycloak in which none of the tenants is. The pages' plan needs no more of it."""

    def describe_tenant(self, tenant_id: UUID, *, holders_of: frozenset[str] = frozenset()) -> port.KeycloakTenantFacts:
        return port.KeycloakTenantFacts(None, (), (), ())


@pytest.fixture
def web(kept_web: Flask) -> Flask:
    """The application with all its blueprints."""
    return kept_web


@pytest.fixture
def factory(actors: Actors) -> Iterator[BillingFactory]:
    """Nobody takes part yet. It is 2 June 2025."""
    with clock.at(IN_FISCAL_YEAR_2025):
        yield BillingFactory(actors)


@pytest.fixture
def sample(web: Flask, factory: BillingFactory, visitors: Visitors, monkeypatch: pytest.MonkeyPatch) -> ConsoleSample:
    """Everything the pages show, made through the commands."""
    actors = factory.actors
    factory.add_members(MEMBERS)
    factory.adopt(factory.draft())
    factory.record(24_000_000)
    prepared = factory.prepare()
    factory.approve(prepared)
    issued = issue_notices(IssueNotices(run_id=prepared.run_id, is_example=True), actor=actors.finance)
    tenant_id, other_id = factory.ids["431001"], factory.ids["432024"]
    with tenant_scope(OPERATOR):
        names = [dimension.name for dimension in dimensions(db.session())]
        shares = run_by_id(db.session(), prepared.run_id).shares
    define_plan(
        DefinePlan(name="standard", label="標準プラン", quotas=dict.fromkeys(names, 100)), actor=actors.onboarding
    )
    assign_plan(AssignPlan(tenant_id=tenant_id, plan="standard"), actor=actors.onboarding)
    asked = request_quota(
        RequestQuota(tenant_id=tenant_id, dimension=names[0], value=200, reason="利用が増えるため"),
        actor=actors.onboarding,
    )
    joining = {code: _agreed(factory, code, *facts) for code, facts in JOINING.items()}
    define_cohort(
        DefineCohort(name="fy2025-two", label="令和7年度参加", fiscal_year=2025, tenant_ids=tuple(joining.values())),
        actor=actors.onboarding,
    )
    people = {role: visitors.person(actors.operator_tenant, role) for role in Role if role.startswith("operator-")}
    people |= {role: visitors.person(tenant_id, role) for role in Role if role.startswith("tenant-")}
    with tenant_scope(OPERATOR):
        version_id = versions(db.session())[0].id
        member_id = members(db.session(), tenant_id, clock.now())[0].id
        item_id = cost_items(db.session(), FiscalYear(2025))[0].id
        rule_version_id = rule_versions(db.session())[0].id
        entry_id = entries(db.session(), tenant_id, fiscal_year=2025, limit=1)[0].id
    monkeypatch.setitem(web.extensions, PORT, EmptyKeycloak())
    return ConsoleSample(
        factory,
        people,
        tenant_id,
        other_id,
        prepared.run_id,
        next(share.id for share in shares if share.tenant_id == tenant_id),
        next(share.id for share in shares if share.tenant_id == other_id),
        issued.notices["431001"],
        issued.notices["432024"],
        asked.request_id,
        version_id,
        member_id,
        item_id,
        rule_version_id,
        entry_id,
        joining,
    )


@pytest.fixture
def visit_as(sample: ConsoleSample, signed_in: Callable[[Actor], Visit]) -> Callable[[Role], Visit]:
    """A browser in which the person of this role is signed in."""
    return lambda role: signed_in(sample.people[role])


def _agreed(factory: BillingFactory, code: str, name: str, population: int) -> UUID:
    figure = StatisticInput(kind=StatisticKind.POPULATION, value=str(population), basis_date=CENSUS_DAY, source=CENSUS)
    tenant_id = register_tenant(
        RegisterTenant(
            code=code,
            name=name,
            kana="ダンタイ",
            kind=TenantKind.CITY if name.endswith("市") else TenantKind.TOWN,
            statistics=(figure,),
        ),
        actor=factory.actors.onboarding,
    ).tenant_id
    for state in (TenantState.SCREENING, TenantState.AGREED):
        change_tenant_state(
            ChangeTenantState(tenant_id=tenant_id, to=state, reason="参加"), actor=factory.actors.onboarding
        )
    return tenant_id
