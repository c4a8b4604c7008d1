"""Last days of service clients and keys: changed, and warned of 30 and 7 days before, once each, to the right."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from admin.workflows.last_day_warnings import enqueue_warnings
from admin.workflows.tenant_mails import mail_handlers
from governance.commands import system_transaction
from governance.declaration import build_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Invalid, NotAllowed
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.clients.last_days import (
    WARN_OF_LAST_DAY,
    LastDayWarning,
    SetClientLastDay,
    due_warnings,
    set_client_last_day,
)
from tenancy.clients.stopping import StopClient, stop_client
from tenancy.clients.suspension import SetClientOwner, set_client_owner
from tenancy.people.queries import member
from tenancy.preferences.commands import SavePreferences, save_preferences
from tenancy.preferences.models import PreferencesFacts
from tenancy.preferences.states import ScreenLanguage
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import Factory, Visitors

MONDAY = datetime(2025, 6, 2, 0, 0, tzinfo=UTC)
"""Nine o'clock in Japan."""
TODAY = date(2025, 6, 2)


def _last_day(tenant_id: UUID, client_id: UUID, day: date | None) -> SetClientLastDay:
    end = None if day is None else day + timedelta(days=1)
    return build_command(
        SetClientLastDay, tenant_id=tenant_id, client_id=client_id, valid_until=end, reason="契約の延長"
    )


@pytest.mark.parametrize(
    ("left", "due"), [(31, None), (30, 30), (8, 30), (7, 7), (0, 7), (-1, None)], ids=lambda value: str(value)
)
def test_a_warning_is_due_30_and_7_days_before_the_last_day(left: int, due: int | None) -> None:
    ends = TODAY + timedelta(days=left + 1)

    found = due_warnings({"k": ends}, {}, TODAY)

    assert found == ([] if due is None else [LastDayWarning("k", ends, due)])
    for one in found:
        said = {"k": f"{ends.isoformat()}/{one.days}"}
        assert due_warnings({"k": ends}, said, TODAY) == []
        assert due_warnings({"k": ends}, {"k": f"{TODAY.isoformat()}/7"}, TODAY) == found, "of another last day"
    if due == 7:
        assert due_warnings({"k": ends}, {"k": f"{ends.isoformat()}/30"}, TODAY) == found


class _Post:
    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []

    def __call__(self, recipient: str, subject: str, words: str) -> None:
        self.sent.append((recipient, subject, words))


def _work(at: datetime) -> list[tuple[str, str, str]]:
    """What the worker does at this instant; the mails."""
    post = _Post()
    handler = mail_handlers(post, "https://moyai.example")[WARN_OF_LAST_DAY]
    with clock.at(at):
        enqueue_warnings()
        with system_transaction(OPERATOR) as session:
            jobs = session.query(Job).filter(Job.name == WARN_OF_LAST_DAY, Job.state == "queued").all()
            payloads = [dict(job.payload) for job in jobs]
            for job in jobs:
                job.state, job.ended_at = "done", clock.now()
        for payload in payloads:
            handler(payload)
    return sorted(post.sent)


def _address(tenant_id: UUID, person: str) -> str:
    with tenant_scope(OPERATOR):
        return member(db.session(), tenant_id, UUID(person), clock.now()).email


def test_who_looks_after_a_client_is_mailed_once_at_30_and_once_at_7_days(factory: Factory) -> None:
    with clock.at(MONDAY):
        kumamoto, aso = factory.add_member("431001", "熊本市"), factory.add_member("432148", "阿蘇市")
        visitors = Visitors()
        owner, admin, finance = (
            visitors.person(kumamoto, role)
            for role in (Role.TENANT_OWNER, Role.TENANT_CLIENT_ADMIN, Role.TENANT_FINANCE)
        )
        visitors.person(aso, Role.TENANT_OWNER)
        save_preferences(SavePreferences(**dict(PreferencesFacts(language=ScreenLanguage.ENGLISH))), actor=admin)
        client_id = factory.add_service_client(kumamoto, "帳票")
        factory.add_service_client(kumamoto, "期限のないシステム")
        set_client_last_day(_last_day(kumamoto, client_id, date(2025, 7, 4)), actor=owner)
        mail_of = {one: _address(kumamoto, one.id) for one in (owner, admin, finance)}

    assert _work(MONDAY) == [], "32 days before"
    assert _work(MONDAY + timedelta(days=2, hours=-2)) == [], "before eight in the morning"
    [to_admin, to_owner] = sorted(_work(MONDAY + timedelta(days=2)), key=lambda one: one[0] == mail_of[owner])
    assert (to_admin[0], to_owner[0]) == (mail_of[admin], mail_of[owner])
    assert to_admin[1] == "[Moyai] The service client 帳票 ends on 4 July 2025"
    assert to_owner[1] == "【Moyai】連携システム「帳票」の最終日は 令和7年7月4日 です".replace(
        "令和7年7月4日", to_owner[1].partition("最終日は ")[2].partition(" です")[0]
    )
    assert f"https://moyai.example/tenants/{kumamoto}/clients/{client_id}\n" in to_owner[2]
    assert _work(MONDAY + timedelta(days=3)) == []

    with clock.at(MONDAY):
        set_client_owner(
            SetClientOwner(tenant_id=kumamoto, client_id=client_id, owner_member_id=UUID(finance.id)), actor=owner
        )
    again = _work(MONDAY + timedelta(days=28))
    assert [one[0] for one in again] == sorted(mail_of.values()), "and whose system it is"
    assert _work(MONDAY + timedelta(days=29)) == []


def test_no_mail_goes_out_about_what_was_changed_or_stopped_meanwhile(factory: Factory) -> None:
    with clock.at(MONDAY):
        tenant_id = factory.add_member("431001", "熊本市")
        owner = Visitors().person(tenant_id, Role.TENANT_OWNER)
        client_ids = [factory.add_service_client(tenant_id, name) for name in ("一", "二")]
        for client_id in client_ids:
            set_client_last_day(_last_day(tenant_id, client_id, date(2025, 6, 20)), actor=owner)
        enqueue_warnings()
        with tenant_scope(OPERATOR):
            assert db.session.query(Job).filter(Job.name == WARN_OF_LAST_DAY).count() == 2
        set_client_last_day(_last_day(tenant_id, client_ids[0], date(2026, 3, 31)), actor=owner)
        stop_client(StopClient(tenant_id=tenant_id, client_id=client_ids[1], reason="更新"), actor=owner)

    assert _work(MONDAY) == []


def test_keys_and_secrets_are_warned_of_by_name(factory: Factory) -> None:
    with clock.at(MONDAY):
        tenant_id = factory.add_member("431001", "熊本市")
        Visitors().person(tenant_id, Role.TENANT_OWNER)
        client_id = factory.add_service_client(tenant_id, "帳票")
        with system_transaction(OPERATOR) as session:
            [kid] = session.scalars(text("SELECT jwks::jsonb->'keys'->0->>'kid' FROM service_client"))
            session.execute(
                text("UPDATE service_client SET key_ends = :keys, secret_ends = :ends"),
                {"keys": json.dumps({kid: "2025-06-10"}), "ends": '{"3": "2025-06-20"}'},
            )

    of_key, of_secret = sorted(_work(MONDAY), key=lambda one: "シークレット" in one[1])

    assert kid in of_key[2]
    assert f"/clients/{client_id}/documents" in of_key[2]
    assert "シークレット（番号 3）" in of_secret[2]
    assert _work(MONDAY) == []


def test_the_last_day_is_changed_by_who_may_to_a_day_to_come(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    admin = actors.municipal(tenant_id, Role.TENANT_CLIENT_ADMIN)
    client_id = factory.add_service_client(tenant_id)
    operators = factory.add_service_client(actors.operator_tenant)
    day = clock.today() + timedelta(days=9)

    done = set_client_last_day(_last_day(tenant_id, client_id, day), actor=admin)

    assert (done.before, done.valid_until) == (None, day + timedelta(days=1))
    facts = recorded("client.last_day_set")[-1].facts
    assert (facts["valid_until"], facts["reason"]) == ((day + timedelta(days=1)).isoformat(), "契約の延長")
    before = rows("service_client")
    with pytest.raises(Conflict) as same:
        set_client_last_day(_last_day(tenant_id, client_id, day), actor=admin)
    assert same.value.code == "client.same_last_day"
    with pytest.raises(Invalid):
        set_client_last_day(_last_day(tenant_id, client_id, clock.today() - timedelta(days=1)), actor=admin)
    with pytest.raises(NotAllowed):
        set_client_last_day(_last_day(tenant_id, client_id, None), actor=actors.finance)
    with pytest.raises(Conflict) as of_operator:
        set_client_last_day(_last_day(actors.operator_tenant, operators, day), actor=actors.security)
    assert of_operator.value.code == "client.last_day_of_the_operators"
    assert rows("service_client") == before
    with system_transaction(OPERATOR) as session:
        session.execute(text("""UPDATE service_client SET scopes = '["moyai:audit.read"]'"""))
    with pytest.raises(NotAllowed) as above:
        set_client_last_day(_last_day(tenant_id, client_id, None), actor=admin)
    assert above.value.code == "client.scope_above_own"
    owner = actors.municipal(tenant_id, Role.TENANT_OWNER)
    assert set_client_last_day(_last_day(tenant_id, client_id, None), actor=owner).valid_until is None
