"""Programs of the operator over the API: what a scope allows is done in the client's name, everything else is 403."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from urllib.parse import urlencode
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Engine, event, text

from admin.interface.audit_rows import names_of_actors
from admin.operations.settings import Settings
from governance.audit.queries import events
from governance.commands import ApprovalRequested, system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.ids import new_id
from governance.permissions import OPERATOR_SCOPES, Role
from tenancy.clients.commands import ClientRegistered, RegisterClient, register_client
from tenancy.clients.queries import service_client
from tenancy.keycloak.keys import SigningKey
from tenancy.keycloak.port import Realm, service_client_name
from tenancy.tenants.states import TenantState
from tests.actors import Actors
from tests.admin.api.conftest import Caller
from tests.admin.issuer import Issuer
from tests.database_rows import recorded, rows
from tests.factories import Factory
from tests.second_person import approved

CITY = {"kind": "city", "code": "432083", "name": "山鹿市", "kana": "ヤマガシ"}
SUBJECTS = {
    "moyai:tenants.read": "/tenants",
    "moyai:audit.read": "/audit-feed",
    "moyai:ledger.read": "/ledger/books?fiscal_year=2025",
    "moyai:costs.read": "/costs?fiscal_year=2025",
    "moyai:notices.read": "/notices",
    "moyai:rules.read": "/rule-versions",
    "moyai:agreements.read": "/agreement-versions",
}


@pytest.fixture
def program(web: Flask, settings: Settings, issuer: Issuer, actors: Actors) -> Callable[..., tuple[UUID, Caller]]:
    """A program of the operator's with these scopes."""

    def make(*scopes: str) -> tuple[UUID, Caller]:
        command = RegisterClient(
            tenant_id=actors.operator_tenant,
            name=f"システム {len(rows('service_client'))}",
            jwks=SigningKey.generate().public_jwks,
            scopes=tuple(sorted(scopes)),
        )
        made = approved(register_client, command, ClientRegistered, actor=actors.onboarding, by=actors.security)
        token = issuer.token_of_client(actors.operator_tenant, made.client_id, *scopes, realm=Realm.OPERATORS)
        return made.client_id, Caller(web, settings.public_url, token)

    return make


def test_a_program_reads_the_subjects_of_its_scopes_and_nothing_else(
    program: Callable[..., tuple[UUID, Caller]],
) -> None:
    for scope in SUBJECTS:
        _, caller = program(scope)
        found = {other: caller.get(path).status_code for other, path in SUBJECTS.items()}
        assert found == {other: 200 if other == scope else 403 for other in SUBJECTS}


def test_what_a_program_does_is_recorded_in_its_name(program: Callable[..., tuple[UUID, Caller]]) -> None:
    client_id, caller = program("moyai:tenants.write")

    answer = caller.send("/tenants", CITY)

    assert answer.status_code == 201, answer.text
    (event,) = recorded("tenant.registered")
    assert (event.actor, event.actor_kind) == (str(client_id), "client")
    assert caller.get("/tenants").status_code == 403


def test_a_program_with_every_scope_decides_nothing(
    program: Callable[..., tuple[UUID, Caller]], actors: Actors
) -> None:
    _, caller = program(*OPERATOR_SCOPES)
    command = RegisterClient(
        tenant_id=actors.operator_tenant, name="もう一つ", jwks=SigningKey.generate().public_jwks, scopes=()
    )
    asked = register_client(command, actor=actors.onboarding)
    assert isinstance(asked, ApprovalRequested)
    before = rows("approval_request")
    body = {"digest": asked.digest, "decision": "approved", "reason": "x"}

    answer = caller.send(f"/approvals/{asked.approval_id}/decision", body)

    assert answer.status_code == 403
    assert caller.send("/tenants/430005/service-clients", {"name": "x", "jwks": "{}"}).status_code == 403
    assert rows("approval_request") == before


def test_the_audit_page_names_the_program(program: Callable[..., tuple[UUID, Caller]], web: Flask) -> None:
    client_id, caller = program("moyai:tenants.write")
    assert caller.send("/tenants", CITY).status_code == 201

    with web.app_context(), tenant_scope(OPERATOR):
        assert names_of_actors(events(db.session(), event="tenant.registered")) == {str(client_id): "システム 0"}


def test_the_feed_refuses_a_place_of_another_reader(callers: Callable[..., Caller]) -> None:
    auditor = callers(Role.OPERATOR_AUDITOR)

    refused = auditor.get("/audit-feed?after=s1")
    assert (refused.status_code, json.loads(refused.data)["code"]) == (422, "api.cursor_wrong")
    assert auditor.get(f"/audit-feed?tenant_id={new_id()}").get_json() == {"events": [], "after": "p0"}


def test_the_gateway_asks_whether_a_client_may_call_and_each_refusal_has_its_reason(
    program: Callable[..., tuple[UUID, Caller]], factory: Factory
) -> None:
    _, gateway = program("moyai:access.read")
    kumamoto, aso = factory.add_member("431001", "熊本市"), factory.add_member("432148", "阿蘇市")
    client_id, suspended, stopped, ended, limited = (
        factory.add_service_client(kumamoto, name) for name in "一二三四五"
    )
    of_suspended = factory.add_service_client(aso)
    with system_transaction(OPERATOR) as session:
        for clause, which in (
            ("state = 'suspended', suspension_cause = 'decided'", suspended),
            ("state = 'stopped'", stopped),
            ("valid_from = '2020-01-01', valid_until = '2020-02-01'", ended),
            ('networks = \'["192.0.2.0/24"]\', secret_ends = \'{"1": "2020-01-01", "2": "9999-01-01"}\'', limited),
        ):
            session.execute(text(f"UPDATE service_client SET {clause} WHERE id = :id"), {"id": which})
    factory.change_state(aso, TenantState.SUSPENDED)

    def ask(client: str, address: str = "192.0.2.7", scope: str = "moyai:usage.read") -> tuple[bool, str | None]:
        asked = urlencode({"client": client, "scope": scope, "address": address})
        answer = gateway.get(f"/access-decisions?{asked}")
        assert answer.status_code == 200, answer.text
        found = answer.get_json()
        assert found["client"] == client
        return found["is_allowed"], found["reason"]

    def name(which: UUID, tenant_id: UUID = kumamoto, secret: int | None = None) -> str:
        return service_client_name(tenant_id, which, secret)

    assert ask(name(client_id)) == (True, None)
    assert ask(name(client_id), scope="moyai:audit.read") == (False, "scope")
    for unknown in (name(new_id()), name(client_id, aso), f"{name(client_id)}-s0", "svc-", "moyai-console", "' OR 1=1"):
        assert ask(unknown) == (False, "unknown-client"), unknown
    assert ask(name(suspended)) == (False, "suspended")
    assert ask(name(stopped)) == (False, "stopped")
    assert ask(name(ended)) == (False, "not-in-force")
    assert ask(name(of_suspended, aso)) == (False, "tenant-state")
    assert ask(name(limited)) == (True, None)
    assert ask(name(limited), "192.0.3.1") == (False, "source-network")
    assert ask(name(limited, secret=2)) == (True, None)
    assert ask(name(limited, secret=1)) == (False, "secret")
    assert ask(name(client_id, secret=1)) == (False, "secret")
    assert gateway.get("/access-decisions?client=x&scope=y&address=here").status_code == 422
    assert gateway.get("/tenants").status_code == 403
    for scope in set(OPERATOR_SCOPES) - {"moyai:access.read"}:
        _, other = program(scope)
        assert other.get(f"/access-decisions?client={name(client_id)}&scope=x&address=192.0.2.7").status_code == 403


def test_an_answer_to_the_gateway_writes_nothing_but_once_a_day_that_the_client_called(
    program: Callable[..., tuple[UUID, Caller]], factory: Factory
) -> None:
    _, gateway = program("moyai:access.read")
    tenant_id = factory.add_member("431001", "熊本市")
    client_id = factory.add_service_client(tenant_id)
    path = (
        f"/access-decisions?client={service_client_name(tenant_id, client_id)}&scope=moyai:usage.read&address=192.0.2.7"
    )
    refused = path.replace("usage", "audit")
    assert gateway.get(refused).get_json()["is_allowed"] is False
    assert _last_used(tenant_id, client_id) is None, "a refused call is no use"

    assert gateway.get(path).get_json()["is_allowed"] is True
    assert _last_used(tenant_id, client_id) == clock.today()
    before = {table: rows(table) for table in ("service_client", "audit_event", "job", "idempotency_key")}
    statements: list[str] = []
    event.listen(Engine, "before_cursor_execute", note := lambda *given: statements.append(given[2]))
    try:
        assert gateway.get(path).get_json()["is_allowed"] is True
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    reads = [one for one in statements if one.lstrip().upper().startswith(("SELECT", "WITH"))]
    assert (len(reads), reads) == (len(statements), statements)
    assert 2 <= len(reads) <= 6, reads
    assert {table: rows(table) for table in before} == before


def _last_used(tenant_id: UUID, client_id: UUID) -> date | None:
    with tenant_scope(OPERATOR):
        return service_client(db.session(), tenant_id, client_id).last_used_on
