"""The tenants' intent, seen by two municipalities: nobody sees, writes or points at what is the other's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from governance.kernel.database import db, tenant_scope
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy import directory
from tenancy.clients.commands import RegisterClient, register_client
from tenancy.keycloak.keys import SigningKey
from tenancy.people.commands import AddMember, add_member
from tenancy.quotas.commands import RequestQuota, request_quota
from tenancy.tenants.commands import RecordContact, RecordStatistic, record_contact, record_statistic
from tenancy.tenants.states import ContactPurpose, StatisticKind, TenantState
from tests.actors import Actors
from tests.factories import Factory
from tests.slow import slow_except

TABLES = (
    "acceptance",
    "contact",
    "member",
    "quota_request",
    "service_client",
    "statistic",
    "tenant_state_change",
    "tenant_plan",
)
WRITTEN_BY_TENANTS = ("contact", "member", "quota_request", "service_client")


@dataclass
class Two:
    a: UUID
    b: UUID


@pytest.fixture
def two(actors: Actors, factory: Factory) -> Two:
    """熊本市 and 阿蘇市, each with a row in every table of this layer that commands fill."""
    both = Two(factory.kumamoto_city(), factory.aso_city())
    version = factory.publish()
    factory.define_standard()
    for tenant_id in (both.a, both.b):
        factory.change_state(tenant_id, TenantState.SCREENING)
        factory.accept(tenant_id, version)
        factory.put_on_standard(tenant_id)
        record_contact(
            RecordContact(
                tenant_id=tenant_id, purpose=ContactPurpose.GENERAL, section="課", name="名", email="a@city.lg.jp"
            ),
            actor=actors.onboarding,
        )
        record_statistic(
            RecordStatistic.model_validate(
                {
                    "tenant_id": tenant_id,
                    "kind": StatisticKind.POPULATION,
                    "value": "1",
                    "basis_date": date(2020, 10, 1),
                    "source": "国勢調査",
                }
            ),
            actor=actors.onboarding,
        )
        add_member(
            AddMember(
                tenant_id=tenant_id,
                family_name="肥後",
                given_name="花子",
                email="owner@city.lg.jp",
                roles=(Role.TENANT_OWNER,),
            ),
            actor=actors.onboarding,
        )
        register_client(
            RegisterClient(
                tenant_id=tenant_id, name="連携", jwks=SigningKey.generate().public_jwks, scopes=("moyai:quota.read",)
            ),
            actor=actors.onboarding,
        )
        request_quota(
            RequestQuota(tenant_id=tenant_id, dimension="users", value=9, reason="増員"), actor=actors.onboarding
        )
    return both


@pytest.mark.parametrize("table", slow_except({"member"}, TABLES))
def test_a_tenant_sees_its_own_row_and_none_of_the_other(two: Two, table: str) -> None:
    with tenant_scope(two.a):
        seen = set(db.session.execute(text(f"SELECT tenant_id FROM {table}")).scalars())
    with tenant_scope(None):
        unscoped = db.session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()

    assert (seen, unscoped) == ({two.a}, 0)


@pytest.mark.parametrize("table", slow_except({"member"}, WRITTEN_BY_TENANTS))
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET tenant_id = tenant_id WHERE tenant_id = :b", "DELETE FROM {} WHERE tenant_id = :b"]
)
def test_a_tenant_touches_no_row_of_the_other(two: Two, table: str, statement: str) -> None:
    with tenant_scope(two.a):
        touched = db.session.execute(text(statement.format(table) + " RETURNING id"), {"b": two.b}).all()

    assert touched == []


@pytest.mark.parametrize("table", slow_except({"member"}, WRITTEN_BY_TENANTS))
def test_a_tenant_cannot_hand_a_row_to_the_other(two: Two, table: str) -> None:
    with tenant_scope(two.a), pytest.raises(DBAPIError, match="row-level security"):
        db.session.execute(text(f"UPDATE {table} SET tenant_id = :b"), {"b": two.b})


def test_a_foreign_key_cannot_reach_the_others_row(two: Two) -> None:
    with tenant_scope(two.b):
        request = db.session.execute(text("SELECT id FROM quota_request")).scalar_one()
        figure = db.session.execute(text("SELECT id FROM statistic")).scalar_one()

    with tenant_scope(two.a), pytest.raises(IntegrityError, match="fk_quota_override"):
        db.session.execute(
            text(
                "INSERT INTO quota_override (id, tenant_id, dimension, value, valid_from, request_id) "
                "VALUES (:id, :a, 'users', 1, '2025-04-01', :request)"
            ),
            {"id": new_id(), "a": two.a, "request": request},
        )
    with tenant_scope(two.a), pytest.raises(IntegrityError, match="fk_statistic"):
        db.session.execute(
            text(
                "INSERT INTO statistic (id, tenant_id, kind, value, basis_date, source, supersedes_id, recorded_by, "
                "recorded_at) VALUES (:id, :a, 'population', '1', '2020-10-01', 'x', :figure, 'x', now())"
            ),
            {"id": new_id(), "a": two.a, "figure": figure},
        )


def test_the_directory_shows_a_tenant_itself_alone(two: Two) -> None:
    with tenant_scope(two.a):
        session = db.session()
        found = directory.tenants_by_id(session, [two.a, two.b])
        figures = directory.statistic_values(session, StatisticKind.POPULATION, [two.a, two.b], date(2025, 4, 1))

    assert set(found) == set(figures) == {two.a}
