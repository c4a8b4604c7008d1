"""Programs of the operator over the API: what a scope allows is done in the client's name, everything else is 403."""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask

from admin.interface.audit_rows import names_of_actors
from admin.operations.settings import Settings
from governance.audit.queries import events
from governance.commands import ApprovalRequested
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.ids import new_id
from governance.permissions import OPERATOR_SCOPES, Role
from tenancy.clients.commands import ClientRegistered, RegisterClient, register_client
from tenancy.keycloak.keys import SigningKey
from tenancy.keycloak.port import Realm
from tests.actors import Actors
from tests.admin.api.conftest import Caller
from tests.admin.issuer import Issuer
from tests.database_rows import recorded, rows
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
