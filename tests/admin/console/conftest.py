"""A prefecture with its costs for the pages: three members, a cohort of two, a posted run, people of every role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from flask import Flask

from admin.core.csrf import new_secret
from admin.identity.commands import OpenSession, open_session
from admin.identity.sessions import new_cookie
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
from governance.kernel.ids import new_id
from governance.permissions import Role
from governance.rules.queries import rule_versions
from tenancy.access_reviews.commands import (
    DecideAccessReview,
    SignAccessReview,
    StartAccessReview,
    decide_access_review,
    sign_access_review,
    start_access_review,
)
from tenancy.access_reviews.queries import review_lines
from tenancy.access_reviews.states import LineDecision
from tenancy.drift_checks.commands import (
    RecordDriftCheck,
    RequestDriftCheck,
    record_drift_check,
    request_drift_check,
)
from tenancy.keycloak.port import IdentityProviderKind, Realm
from tenancy.people.break_glass import BreakGlassStarted, StartBreakGlass, start_break_glass
from tenancy.people.identity_providers.commands import RegisterIdentityProvider, register_identity_provider
from tenancy.people.queries import members
from tenancy.people.role_changes import GrantRole, RoleGranted, grant_role
from tenancy.people.scim.tokens import IssueScimToken, issue_scim_token
from tenancy.people.sections import ChangeSection, change_section
from tenancy.preferences.filters import SaveFilter, save_filter
from tenancy.quotas.queries import dimensions, plans
from tenancy.tenants.renamings import RenameTenant, rename_tenant
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
from tests.second_person import approved
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
    token_id: UUID
    grant_id: UUID
    change_id: UUID
    check_id: UUID
    application_id: UUID
    attachment_id: UUID
    renaming_id: UUID
    review_id: UUID
    session_id: UUID
    hour_id: UUID
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
    register_provider(tenant_id, people[Role.TENANT_OWNER])
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
        issue_token(tenant_id, people[Role.TENANT_OWNER]),
        prepare_role(tenant_id, member_id, actors),
        prepare_section(tenant_id, member_id, actors),
        keep_check(people[Role.OPERATOR_SECURITY], actors),
        application_id := factory.apply(),
        factory.attach(application_id),
        plan_renaming(tenant_id, actors),
        review_access(tenant_id, people[Role.TENANT_OWNER]),
        sign_in_elsewhere(people[Role.OPERATOR_ONBOARDING]),
        start_emergency_hour(people, actors),
        joining,
    )


def register_provider(tenant_id: UUID, owner: Actor) -> None:
    """The tenant's own identity provider, which was not checked yet."""
    command = RegisterIdentityProvider(
        tenant_id=tenant_id,
        kind=IdentityProviderKind.SAML,
        name="職員認証基盤",
        metadata_url="https://idp.town.example.lg.jp/.well-known/openid-configuration",
        claim="mail",
        domains="example.lg.jp",
    )
    register_identity_provider(command, actor=owner)


def issue_token(tenant_id: UUID, owner: Actor) -> UUID:
    """A token of the tenant's directory; returns its id."""
    command = IssueScimToken(tenant_id=tenant_id, valid_until=clock.today() + timedelta(days=90))
    return issue_scim_token(command, actor=owner).token_id


def plan_renaming(tenant_id: UUID, actors: Actors) -> UUID:
    """A name that this tenant is to get on a day to come; returns the plan's id."""
    command = RenameTenant(
        tenant_id=tenant_id,
        code="431001",
        name="新熊本市",
        kana="シンクマモトシ",
        name_en=None,
        valid_from=date(2026, 4, 1),
        reason="廃置分合",
    )
    return rename_tenant(command, actor=actors.onboarding).renaming_id


def keep_check(asked_by: Actor, actors: Actors) -> UUID:
    """A comparison with Keycloak that found nothing; returns its id."""
    check_id = request_drift_check(RequestDriftCheck(), actor=asked_by).check_id
    record_drift_check(RecordDriftCheck(check_id=check_id, looked_at=clock.now(), findings=[]), actor=actors.worker)
    return check_id


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


def prepare_section(tenant_id: UUID, member_id: UUID, actors: Actors) -> UUID:
    """A section that this person is to work in on a day to come; returns the change's id."""
    command = ChangeSection(
        tenant_id=tenant_id, member_id=member_id, section="財政課", valid_from=date(2026, 4, 1), reason="人事異動"
    )
    return change_section(command, actor=actors.security).change_id


def review_access(tenant_id: UUID, owner: Actor) -> UUID:
    """A review of the tenant's access that was signed, with nothing withdrawn; returns its id."""
    started = start_access_review(
        StartAccessReview(tenant_id=tenant_id, as_of=clock.today(), due_on=clock.today()), actor=owner
    )
    keep_all_access(tenant_id, started.review_id, owner)
    return started.review_id


def keep_all_access(tenant_id: UUID, review_id: UUID, owner: Actor) -> None:
    """Every line of an open review is kept, and the owner signs."""
    with tenant_scope(tenant_id):
        lines = review_lines(db.session(), tenant_id, review_id, clock.now())
    keep = DecideAccessReview(
        tenant_id=tenant_id,
        review_id=review_id,
        line_ids=tuple(sorted(one.id for one in lines)),
        decision=LineDecision.KEEP,
    )
    decide_access_review(keep, actor=owner)
    sign_access_review(SignAccessReview(tenant_id=tenant_id, review_id=review_id), actor=owner)


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


def sign_in_elsewhere(actor: Actor) -> UUID:
    """Another browser in which the person is signed in; returns the session's id."""
    command = OpenSession(
        realm=Realm.OPERATORS,
        sid=str(new_id()),
        sub=actor.id,
        person_id=UUID(actor.id),
        roles=actor.roles,
        secret_hash=new_cookie(actor.tenant_id)[1],
        csrf_secret=new_secret(),
        id_token_encrypted="sealed",
    )
    return open_session(command, actor=actor).session_id


def start_emergency_hour(people: dict[Role, Actor], actors: Actors) -> UUID:
    """An hour in which the operator's auditor holds the emergency role; returns its id."""
    auditor = people[Role.OPERATOR_AUDITOR]
    command = StartBreakGlass(tenant_id=auditor.tenant_id, member_id=UUID(auditor.id), reason="担当者と連絡が取れない")
    done = approved(start_break_glass, command, BreakGlassStarted, actor=actors.security, by=actors.approver)
    return done.hour_id


def keep_filter(actor: Actor) -> UUID:
    command = SaveFilter(address="/tenants?state=active", name="熊本市")
    return save_filter(command, actor=actor).filter_id


def _agreed(factory: Factory, code: str, name: str, population: int) -> UUID:
    tenant_id = factory.register_applicant(code, name, population=population)
    factory.change_state(tenant_id, TenantState.SCREENING, TenantState.AGREED)
    return tenant_id
