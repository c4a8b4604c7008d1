"""Service clients and a real Keycloak: from "suspend" to refusal with real tokens, and one key after another."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from admin.identity.realms import realm_endpoints
from admin.workflows.job_handlers import handlers, periodic_tasks
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.clients.client_secrets import (
    ClientSecretMade,
    MakeClientSecret,
    RemoveClientSecret,
    make_client_secret,
    remove_client_secret,
)
from tenancy.clients.commands import ClientRegistered, RegisterClient, register_client
from tenancy.clients.ownership import SYNC_CLIENT
from tenancy.clients.rotation import MakeClientKey, make_client_key
from tenancy.clients.stopping import StopClient, stop_client
from tenancy.clients.suspension import ResumeClient, SuspendClient, resume_client, suspend_client
from tenancy.clients.sync import record_keycloak_id
from tenancy.keycloak.comparison import TenantDifference
from tenancy.keycloak.drift import TenantIntent, tenant_drift
from tenancy.keycloak.keys import ASSERTION_TYPE, SigningKey
from tenancy.keycloak.port import Realm, service_client_name
from tenancy.onboarding.intents import read_intent
from tenancy.people.commands import DisableMember, ResumeMember, disable_member, resume_member
from tests.admin.live_app import LiveApp


class System:
    """A service client of a municipality, in Keycloak with a key of its own."""

    def __init__(self, live_app: LiveApp, tenant_id: UUID, name: str, owner: UUID | None = None) -> None:
        self.live_app, self.key = live_app, SigningKey.generate()
        command = RegisterClient(
            tenant_id=tenant_id,
            name=name,
            jwks=self.key.public_jwks,
            scopes=("moyai:quota.read",),
            owner_member_id=owner,
        )
        made = register_client(command, actor=live_app.factory.actors.security)
        assert isinstance(made, ClientRegistered)
        self.id, self.client_name = made.client_id, made.client_name
        with tenant_scope(OPERATOR):
            wanted = read_intent(db.session(), tenant_id, on=clock.today(), now=clock.now()).service_clients
        ensured = live_app.identities.ensure_service_clients(tenant_id, wanted)
        with system_transaction(OPERATOR) as session:
            for one, result in zip(wanted, ensured, strict=True):
                record_keycloak_id(session, tenant_id, one.service_client_id, result.found.id)

    def ask_for_token(self, key: SigningKey | None = None) -> httpx.Response:
        realm = realm_endpoints(self.live_app.settings.keycloak_url)[Realm.TENANTS]
        assertion = (key or self.key).assertion(self.client_name, realm.issuer)
        form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
        return httpx.post(realm.token, data={**form, "client_assertion": assertion})

    def token(self) -> str:
        answer = self.ask_for_token()
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


def bring_to_keycloak(live_app: LiveApp) -> None:
    """What the worker does about clients: its jobs, in their order."""
    with tenant_scope(OPERATOR):
        jobs = db.session.scalars(select(Job).where(Job.name == SYNC_CLIENT).order_by(Job.id)).all()
        payloads = [job.payload for job in jobs]
    for payload in payloads:
        handlers(live_app.identities)[SYNC_CLIENT](payload)


def test_the_tokens_of_a_suspended_persons_clients_are_refused_at_the_next_request(
    live_app: LiveApp, municipality: UUID
) -> None:
    security = live_app.factory.actors.security
    person = live_app.person(municipality)
    owned = System(live_app, municipality, "本人のシステム", person.member_id)
    shared = System(live_app, municipality, "団体のシステム")
    token, others = owned.token(), shared.token()
    assert (live_app.asks(token), live_app.asks(others)) == (200, 200)

    disable_member(DisableMember(tenant_id=municipality, member_id=person.member_id, reason="休職"), actor=security)

    assert (live_app.asks(token), live_app.asks(others)) == (401, 200), "before any job: Moyai's own row decides"
    assert owned.ask_for_token().status_code == 200
    bring_to_keycloak(live_app)
    assert (owned.ask_for_token().status_code, shared.ask_for_token().status_code) == (401, 200)

    resume_member(ResumeMember(tenant_id=municipality, member_id=person.member_id, reason="復職"), actor=security)
    bring_to_keycloak(live_app)
    assert live_app.asks(token) == 401
    assert owned.ask_for_token().status_code == 401, "a client does not come back with its owner"

    resume_client(ResumeClient(tenant_id=municipality, client_id=owned.id, reason="引継ぎ済み"), actor=security)
    bring_to_keycloak(live_app)
    assert live_app.asks(owned.token()) == 200

    suspend_client(SuspendClient(tenant_id=municipality, client_id=shared.id, reason="点検"), actor=security)
    assert live_app.asks(others) == 401
    bring_to_keycloak(live_app)
    assert shared.ask_for_token().status_code == 401


def test_a_new_key_is_let_in_beside_the_old_one_until_its_last_day_and_then_alone(
    live_app: LiveApp, municipality: UUID
) -> None:
    system = System(live_app, municipality, "帳票")
    token = system.token()

    made = make_client_key(
        MakeClientKey(tenant_id=municipality, client_id=system.id, former_until=clock.today() + timedelta(days=7)),
        actor=live_app.factory.actors.security,
    )
    bring_to_keycloak(live_app)

    assert made.private_key is not None
    new = SigningKey(made.private_key)
    assert [system.ask_for_token(key).status_code for key in (system.key, new)] == [200, 200]
    with clock.at(clock.now() + timedelta(days=7)):
        periodic_tasks(live_app.identities)[1]()
        bring_to_keycloak(live_app)
    assert system.ask_for_token().status_code in (400, 401)
    assert system.ask_for_token(new).status_code == 200
    assert live_app.asks(token) == 200, "a token that was given counts until it runs out"


def test_two_secrets_overlap_and_a_client_that_was_stopped_for_good_is_gone(
    live_app: LiveApp, municipality: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenancy.keycloak.client_secrets.secrets_key", lambda: b"k" * 32)
    admin = live_app.factory.actors.municipal(municipality, Role.TENANT_CLIENT_ADMIN)
    system = System(live_app, municipality, "鍵を使えないシステム")
    realm = realm_endpoints(live_app.settings.keycloak_url)[Realm.TENANTS]

    def ask(made: ClientSecretMade, secret: str | None = None) -> httpx.Response:
        form = {"grant_type": "client_credentials", "client_id": made.client_name}
        return httpx.post(realm.token, data={**form, "client_secret": secret or str(made.secret)})

    first, second = (
        make_client_secret(
            MakeClientSecret(
                tenant_id=municipality, client_id=system.id, valid_until=clock.today() + timedelta(days=days)
            ),
            actor=admin,
        )
        for days in (7, 90)
    )
    bring_to_keycloak(live_app)
    tokens = [str(ask(one).json()["access_token"]) for one in (first, second)]
    assert [live_app.asks(token) for token in (*tokens, system.token())] == [200, 200, 200]
    assert ask(first, second.secret).status_code == 401
    assert ask(first, "guessed").status_code == 401
    assert drift_of(live_app, municipality) == []

    remove_client_secret(
        RemoveClientSecret(tenant_id=municipality, client_id=system.id, number=1, reason="切替え済み"), actor=admin
    )
    assert [live_app.asks(token) for token in tokens] == [401, 200], "before any job: Moyai's own row decides"
    bring_to_keycloak(live_app)
    assert [ask(one).status_code for one in (first, second)] == [401, 200]
    assert drift_of(live_app, municipality) == []

    suspend_client(SuspendClient(tenant_id=municipality, client_id=system.id, reason="点検"), actor=admin)
    bring_to_keycloak(live_app)
    assert (ask(second).status_code, live_app.asks(tokens[1])) == (401, 401)
    resume_client(ResumeClient(tenant_id=municipality, client_id=system.id, reason="点検済み"), actor=admin)
    bring_to_keycloak(live_app)
    last = system.token()
    assert (ask(second).status_code, live_app.asks(last)) == (200, 200)

    stop_client(StopClient(tenant_id=municipality, client_id=system.id, reason="更新"), actor=admin)
    assert [live_app.asks(token) for token in (tokens[1], last)] == [401, 401]
    bring_to_keycloak(live_app)
    assert ask(second).status_code == 401
    assert system.ask_for_token().status_code in (400, 401)
    prefix = service_client_name(municipality, system.id)
    there = live_app.identities.describe_tenants([]).service_clients
    assert [one for one in there if one.client_id.startswith(prefix)] == []


def drift_of(live_app: LiveApp, tenant_id: UUID) -> list[TenantDifference]:
    """What of the tenant's service clients in Keycloak is not as it is wanted."""
    with tenant_scope(OPERATOR):
        wanted = read_intent(db.session(), tenant_id, on=clock.today(), now=clock.now())
    found = live_app.identities.describe_tenant(tenant_id)
    differences = tenant_drift(TenantIntent(wanted.organization, (), wanted.service_clients), found)
    return [one for one in differences if one.object.startswith("service client")]
