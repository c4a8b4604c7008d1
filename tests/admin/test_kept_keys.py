"""The realms' keys in the database: a process that starts while Keycloak is away goes on, and nobody names a signer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from joserfc import jwt
from joserfc.jwk import RSAKey
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from admin.bootstrap import settings_of
from admin.identity.blueprint import IdentityServices
from admin.identity.jwks_cache import TTL_SECONDS, JwksCache
from admin.identity.kept_keys import TRUSTED_FOR, DatabaseKeyStore, KeptKeySet
from admin.identity.realms import realm_endpoints
from admin.identity.tokens import TokenVerifier
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.errors import DependencyUnavailable
from governance.kernel.ids import new_id
from tenancy.clients.states import ClientState
from tenancy.clients.tables import ServiceClient
from tenancy.keycloak.port import Realm
from tests.admin.issuer import KEYS, Issuer
from tests.admin.live_app import add_probe_views
from tests.admin.visitors import Visit, visit
from tests.factories import Visitors
from tests.kept_connections import KEPT_DATABASE
from tests.servers import PostgreSQL, libpq

PUBLIC_URL = "https://moyai.example.jp"
STRANGER = RSAKey.generate_key(2048, {"kid": "a stranger's", "use": "sig", "alg": "RS256"})
OURS = str(KEYS[Realm.TENANTS].kid)


@pytest.fixture(scope="module")
def probe_app(make_kept_app: Callable[[], Flask]) -> Flask:
    app = make_kept_app()
    add_probe_views(app)
    return app


@pytest.fixture
def owner(postgresql: PostgreSQL) -> Iterator[psycopg.Connection[Any]]:
    """The database's superuser, whom no policy holds back; without any row of keys before and after."""
    address = postgresql.superuser_url.rpartition("/")[0] + f"/{KEPT_DATABASE}"
    with psycopg.connect(libpq(address), autocommit=True) as connection:
        connection.execute("DELETE FROM realm_keys")
        yield connection
        connection.execute("DELETE FROM realm_keys")


@pytest.fixture
def web(probe_app: Flask, database: Flask, owner: psycopg.Connection[Any], issuer: Issuer) -> Iterator[Flask]:
    """The application on an emptied database, with nothing in memory; Keycloak is back afterwards."""
    start_afresh(probe_app)
    yield probe_app
    issuer.is_away = False


def start_afresh(app: Flask) -> None:
    """What a web process that was just started has in memory: no key of any realm."""
    services: IdentityServices = app.extensions["moyai.identity"]
    settings = settings_of(app)
    verifier = TokenVerifier(realm_endpoints(settings.keycloak_url), DatabaseKeyStore(settings.session_secret))
    app.extensions["moyai.identity"] = replace(services, token_verifier=verifier)


@pytest.fixture
def client_id(operator_tenant: UUID, visitors: Visitors) -> tuple[UUID, UUID]:
    """A municipality and its service client, which may read its quotas."""
    municipality, client_id = visitors.municipality("432083", "山鹿市"), new_id()
    with system_transaction(OPERATOR) as session:
        session.add(
            ServiceClient(
                id=client_id,
                tenant_id=municipality,
                name="水道料金システム",
                jwks="{}",
                scopes=["moyai:quota.read"],
                state=ClientState.ACTIVE.value,
                valid_from=clock.today(),
                registered_by="test",
                registered_at=clock.now(),
            )
        )
    return municipality, client_id


@pytest.fixture
def ask(web: Flask, client_id: tuple[UUID, UUID], issuer: Issuer) -> Callable[..., int]:
    """The status that the client's token is answered with, signed by Keycloak's key unless another is given."""

    def status(key: RSAKey | None = None) -> int:
        visitor: Visit = visit(web, PUBLIC_URL, None)
        token = issuer.token_of_client(*client_id, "moyai:quota.read")
        if key is not None:
            claims = jwt.decode(token, KEYS[Realm.TENANTS]).claims
            token = jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)
        return visitor.get("/api/v1/who", headers={"Authorization": f"Bearer {token}"}).status_code

    return status


def _rows(owner: psycopg.Connection[Any]) -> list[tuple[str, set[str]]]:
    found = owner.execute("SELECT address, jwks FROM realm_keys ORDER BY address").fetchall()
    return [(address, {key["kid"] for key in json.loads(jwks)["keys"]}) for address, jwks in found]


def test_a_process_that_starts_while_keycloak_is_away_verifies_with_the_keys_that_were_kept(
    web: Flask, ask: Callable[..., int], issuer: Issuer, owner: psycopg.Connection[Any]
) -> None:
    assert ask() == 200
    assert _rows(owner) == [(realm_endpoints(issuer.url)[Realm.TENANTS].keys, {OURS})]
    issuer.is_away = True
    start_afresh(web)

    assert ask() == 200
    assert ask(STRANGER) == 401

    owner.execute("DELETE FROM realm_keys")
    start_afresh(web)
    assert ask() == 503, "nothing in memory, nothing kept, and nobody to ask"


@pytest.mark.parametrize("keycloak_is_away", [False, True])
def test_whoever_can_write_the_row_names_no_signer(
    web: Flask, ask: Callable[..., int], issuer: Issuer, owner: psycopg.Connection[Any], keycloak_is_away: bool
) -> None:
    assert ask() == 200
    theirs = json.dumps({"keys": [STRANGER.as_dict(private=False)]})
    assert owner.execute("UPDATE realm_keys SET jwks = %s", [theirs]).rowcount == 1
    issuer.is_away = keycloak_is_away
    start_afresh(web)

    with capture_logs() as logs:
        statuses = ask(STRANGER), ask()

    assert statuses == ((503, 503) if keycloak_is_away else (401, 200))
    said = [one for one in logs if one["event"] == "jwks.kept_forged"]
    assert said, "an operator finds it in the log"
    assert {one["log_level"] for one in said} == {"error"}
    if not keycloak_is_away:
        assert [kids for _, kids in _rows(owner)] == [{OURS}], "what Keycloak gives has taken its place"


@pytest.mark.parametrize(
    "change",
    [
        "fetched_at = fetched_at + interval '1 second'",
        "signature = repeat('0', 64)",
        "signature = ''",
        "signature = 'é'",
        'jwks = replace(jwks, \'"e":"AQAB"\', \'"e":"Aw"\')',
        "jwks = '{'",
    ],
)
def test_no_part_of_the_row_can_be_changed(
    web: Flask, issuer: Issuer, owner: psycopg.Connection[Any], change: str
) -> None:
    address = realm_endpoints(issuer.url)[Realm.TENANTS].keys
    store = DatabaseKeyStore(settings_of(web).session_secret)
    JwksCache(address, store).find(OURS)
    assert store.load(address) is not None

    owner.execute(f"UPDATE realm_keys SET {change}".encode())

    assert store.load(address) is None


def test_a_row_counts_for_its_own_address_and_installation_only(
    web: Flask, issuer: Issuer, owner: psycopg.Connection[Any]
) -> None:
    realms = realm_endpoints(issuer.url)
    store = DatabaseKeyStore(settings_of(web).session_secret)
    JwksCache(realms[Realm.TENANTS].keys, store).find(OURS)
    owner.execute("UPDATE realm_keys SET address = %s", [realms[Realm.OPERATORS].keys])

    assert store.load(realms[Realm.OPERATORS].keys) is None

    owner.execute("UPDATE realm_keys SET address = %s", [realms[Realm.TENANTS].keys])
    assert store.load(realms[Realm.TENANTS].keys) is not None
    assert DatabaseKeyStore("the secret of another installation").load(realms[Realm.TENANTS].keys) is None


def test_a_row_that_was_put_back_counts_no_longer_than_it_would_have(
    web: Flask, issuer: Issuer, owner: psycopg.Connection[Any]
) -> None:
    address = realm_endpoints(issuer.url)[Realm.TENANTS].keys
    store = DatabaseKeyStore(settings_of(web).session_secret)
    JwksCache(address, store).find(OURS)
    began = clock.now()

    for after, counts in (
        (TRUSTED_FOR - timedelta(minutes=1), True),
        (TRUSTED_FOR + timedelta(minutes=1), False),
        # By a clock that is wrong, or of a host whose clock was.
        (-timedelta(minutes=1), True),
        (-timedelta(minutes=10), False),
    ):
        with clock.at(began + after):
            assert (store.load(address) is not None) is counts, after


def test_a_key_that_keycloak_no_longer_uses_counts_neither_in_memory_nor_in_the_database(
    web: Flask, ask: Callable[..., int], issuer: Issuer, owner: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask() == 200
    former = KEYS[Realm.TENANTS]
    monkeypatch.setitem(KEYS, Realm.TENANTS, RSAKey.generate_key(2048, {"kid": "next", "use": "sig", "alg": "RS256"}))
    start_afresh(web)

    assert (ask(), ask(former)) == (200, 401)
    assert [kids for _, kids in _rows(owner)] == [{"next"}]
    issuer.is_away = True
    start_afresh(web)
    assert (ask(), ask(former)) == (200, 401)


def test_keys_in_memory_end_too_where_keycloak_stays_away(
    web: Flask, issuer: Issuer, owner: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = JwksCache(
        realm_endpoints(issuer.url)[Realm.TENANTS].keys, DatabaseKeyStore(settings_of(web).session_secret)
    )
    assert cache.find(OURS) is not None
    issuer.is_away = True
    began, later = clock.now(), cache._fetched_at
    monkeypatch.setattr("admin.identity.jwks_cache.monotonic", lambda: later)

    later += TRUSTED_FOR.total_seconds() - 1
    with clock.at(began + TRUSTED_FOR - timedelta(seconds=1)):
        assert cache.find(OURS) is not None
    later += 62
    with clock.at(began + TRUSTED_FOR + timedelta(minutes=1)):
        assert not cache.has_keys
        with pytest.raises(DependencyUnavailable):
            cache.find(OURS)


def test_of_two_processes_the_one_that_missed_a_rotation_learns_of_it_from_the_other(
    web: Flask, issuer: Issuer, owner: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = realm_endpoints(issuer.url)[Realm.TENANTS].keys
    one, other = (JwksCache(address, DatabaseKeyStore(settings_of(web).session_secret)) for _ in range(2))
    assert one.find(OURS) is not None
    monkeypatch.setitem(KEYS, Realm.TENANTS, RSAKey.generate_key(2048, {"kid": "next", "use": "sig", "alg": "RS256"}))
    assert other.find("next") is not None
    issuer.is_away = True
    began = one._fetched_at
    monkeypatch.setattr("admin.identity.jwks_cache.monotonic", lambda: began + 31)

    assert one.find("next") is not None
    assert one.find(OURS) is None


def test_the_row_is_written_again_when_it_changes_or_grows_old_and_not_each_time(
    web: Flask, issuer: Issuer, owner: psycopg.Connection[Any]
) -> None:
    address = realm_endpoints(issuer.url)[Realm.TENANTS].keys
    store = DatabaseKeyStore(settings_of(web).session_secret)
    began = clock.now()
    first = KeptKeySet(address, '{"keys":[]}', began)

    def kept_at() -> timedelta:
        found = owner.execute("SELECT fetched_at FROM realm_keys").fetchone()
        assert found is not None
        kept: datetime = found[0]
        return kept - began

    for jwks, seconds, written in (
        (first.jwks, 0, 0),
        (first.jwks, 60, 0),
        ('{"keys":[ ]}', 61, 61),
        ('{"keys":[ ]}', 62, 61),
        ('{"keys":[ ]}', 61 + TTL_SECONDS, 61 + TTL_SECONDS),
    ):
        with clock.at(began + timedelta(seconds=seconds)):
            store.save(KeptKeySet(address, jwks, clock.now()))
        assert kept_at() == timedelta(seconds=written)


def test_a_database_that_does_not_answer_keeps_nobody_from_the_keys_of_keycloak(
    web: Flask, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(scope: object) -> None:
        raise OperationalError("SELECT", {}, Exception("away"))

    monkeypatch.setattr("admin.identity.kept_keys.system_transaction", fail)
    cache = JwksCache(
        realm_endpoints(issuer.url)[Realm.TENANTS].keys, DatabaseKeyStore(settings_of(web).session_secret)
    )

    assert cache.find(OURS) is not None
    issuer.is_away = True
    cache._fetch_again_at = float("-inf")
    assert cache.find("another") is None
    assert cache.find(OURS) is not None
