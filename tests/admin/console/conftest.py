"""A prefecture with its costs for the pages: three members, a cohort of two, a posted run, people of every role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from flask import Flask

from admin.interface.keycloak_port import PORT
from admin.operations.settings import Settings
from billing.costs.queries import cost_items
from billing.ledger.commands import post_entry
from billing.ledger.queries import entries
from billing.runs.queries import run_by_id
from governance.actors import Actor
from governance.agreements.queries import versions
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.fiscal_year import FiscalYear
from governance.permissions import Role
from governance.rules.queries import rule_versions
from tenancy.keycloak.port import Realm
from tenancy.people.queries import members
from tenancy.people.role_changes import GrantRole, RoleGranted, grant_role
from tenancy.preferences.filters import SaveFilter, save_filter
from tenancy.quotas.queries import dimensions, plans
from tenancy.tenants.states import TenantState
from tests.actors import Actors, seed_operator
from tests.admin.api.conftest import Caller
from tests.admin.cli.command_line import Moyai
from tests.admin.empty_keycloak import EmptyKeycloak
from tests.admin.issuer import Issuer
from tests.admin.visitors import Visit
from tests.billing.ledger.books import contribution
from tests.conftest import Contents, KeptDatabase, on_database
from tests.factories import IN_FISCAL_YEAR_2025, THIRTEEN, Factory, Visitors
from tests.kept_connections import KEPT_DATABASE
from tests.servers import PostgreSQL
from tests.webhooks import Webhooks

MEMBERS: Final = {code: THIRTEEN[code] for code in ("431001", "432024", "434434")}
JOINING: Final = {"432032": ("人吉市", 31108), "435058": ("多良木町", 9076)}


@dataclass
class ConsoleSample:
    """The factory, its people by role, and what the pages are about."""

    factory: Factory
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
    approval_id: UUID
    operators_client_id: UUID
    client_id: UUID
    webhook_id: UUID
    plan_id: UUID
    announcement_id: UUID
    filter_id: UUID
    grant_id: UUID
    joining: dict[str, UUID] = field(default_factory=dict)


@pytest.fixture
def web(kept_web: Flask) -> Flask:
    """The application with all its blueprints."""
    return kept_web


@pytest.fixture(scope="session")
def kept_sample(postgresql: PostgreSQL, kept_database: KeptDatabase) -> tuple[ConsoleSample, Contents]:
    """The sample and the rows it consists of: made once a session, since to put them back takes a tenth as long."""
    kept_database.empty()
    with on_database(postgresql, KEPT_DATABASE), clock.at(IN_FISCAL_YEAR_2025):
        sample = make_sample(Factory(Actors(seed_operator())), Visitors())
        return sample, kept_database.contents()


@pytest.fixture
def sample(
    web: Flask,
    kept_database: KeptDatabase,
    kept_sample: tuple[ConsoleSample, Contents],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ConsoleSample]:
    """Everything the pages show, in the test's database. It is 2 June 2025."""
    sample, contents = kept_sample
    kept_database.restore(contents)
    monkeypatch.setitem(web.extensions, PORT, EmptyKeycloak())
    with clock.at(IN_FISCAL_YEAR_2025):
        yield deepcopy(sample)


def make_sample(factory: Factory, visitors: Visitors) -> ConsoleSample:
    """Everything the pages show, made through the commands."""
    actors = factory.actors
    factory.add_members(MEMBERS)
    factory.adopt(factory.draft())
    factory.record(24_000_000)
    prepared = factory.prepare()
    factory.approve(prepared)
    issued = factory.issue_notices(prepared.run_id)
    tenant_id, other_id = factory.ids["431001"], factory.ids["432024"]
    with tenant_scope(OPERATOR):
        names = [dimension.name for dimension in dimensions(db.session())]
        shares = run_by_id(db.session(), prepared.run_id).shares
    factory.define_standard(IN_FISCAL_YEAR_2025.date(), label="標準プラン", **dict.fromkeys(names, 100))
    factory.put_on_standard(tenant_id, IN_FISCAL_YEAR_2025.date())
    quota_request_id = factory.request_quota(tenant_id, names[0], 200)
    requested = post_entry(contribution(other_id, 1_000), actor=actors.finance)
    joining = {code: _agreed(factory, code, *facts) for code, facts in JOINING.items()}
    factory.define_cohort("fy2025-two", "令和7年度参加", *joining.values())
    people = {role: visitors.person(actors.operator_tenant, role) for role in Role if role.startswith("operator-")}
    people |= {role: visitors.person(tenant_id, role) for role in Role if role.startswith("tenant-")}
    with tenant_scope(OPERATOR):
        version_id = versions(db.session())[0].id
        plan_id = plans(db.session(), clock.today())[0].id
        member_id = members(db.session(), tenant_id, clock.now())[0].id
        item_id = cost_items(db.session(), FiscalYear(2025))[0].id
        rule_version_id = rule_versions(db.session())[0].id
        entry_id = entries(db.session(), tenant_id, fiscal_year=2025, limit=1)[0].id
    return ConsoleSample(
        factory,
        people,
        tenant_id,
        other_id,
        prepared.run_id,
        next(share.id for share in shares if share.tenant_id == tenant_id),
        next(share.id for share in shares if share.tenant_id == other_id),
        issued["431001"],
        issued["432024"],
        quota_request_id,
        version_id,
        member_id,
        item_id,
        rule_version_id,
        entry_id,
        requested.approval_id,
        factory.add_service_client(actors.operator_tenant),
        factory.add_service_client(tenant_id, "住民サービス連携"),
        Webhooks(actors).without_secret(),
        plan_id,
        factory.announce(),
        keep_filter(people[Role.OPERATOR_ONBOARDING]),
        prepare_role(tenant_id, member_id, actors),
        joining,
    )


def prepare_role(tenant_id: UUID, member_id: UUID, actors: Actors) -> UUID:
    """A role that this person is to get on a day to come; returns the grant's id."""
    command = GrantRole(
        tenant_id=tenant_id,
        member_id=member_id,
        role=Role.TENANT_CLIENT_ADMIN,
        valid_from=date(2026, 4, 1),
        reason="人事異動",
    )
    prepared = grant_role(command, actor=actors.security)
    assert isinstance(prepared, RoleGranted)
    return prepared.grant_id


@pytest.fixture
def visit_as(sample: ConsoleSample, signed_in: Callable[[Actor], Visit]) -> Callable[[Role], Visit]:
    """A browser in which the person of this role is signed in."""
    return lambda role: signed_in(sample.people[role])


@pytest.fixture
def moyai(postgresql: PostgreSQL, database_name: str, tmp_path: Path) -> Moyai:
    home = str(tmp_path / "home")
    return Moyai({"MOYAI_HOME": home, **postgresql.urls(database_name), "MOYAI_EXAMPLE": "1"})


@pytest.fixture
def caller_as(web: Flask, settings: Settings, issuer: Issuer, sample: ConsoleSample) -> Callable[[Role], Caller]:
    def call(role: Role) -> Caller:
        actor = sample.people[role]
        realm = Realm.OPERATORS if actor.is_operator else Realm.TENANTS
        token = issuer.token_of_person(actor.tenant_id, UUID(actor.id), *actor.roles, realm=realm)
        return Caller(web, settings.public_url, token, actor)

    return call


def keep_filter(actor: Actor) -> UUID:
    command = SaveFilter(address="/tenants?state=active", name="熊本市")
    return save_filter(command, actor=actor).filter_id


def _agreed(factory: Factory, code: str, name: str, population: int) -> UUID:
    tenant_id = factory.register_applicant(code, name, population=population)
    factory.change_state(tenant_id, TenantState.SCREENING, TenantState.AGREED)
    return tenant_id
