"""Forged and misdirected tokens: each is refused with 401, whatever is wrong with it, and nothing says what it was."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

import pytest
from flask import Flask
from joserfc import jwt
from joserfc.jwk import RSAKey
from sqlalchemy import text
from werkzeug.test import TestResponse

from admin.core.rate_limits import reset_rate_limits
from admin.identity.bearer import _actor_of
from admin.identity.jwks_cache import BACKOFF_SECONDS, JwksCache
from admin.identity.kept_keys import KeptKeySet
from admin.identity.lifetimes import LONGEST
from admin.identity.oidc_login import KEYCLOAK_AWAY
from admin.identity.persons import PersonClaims
from admin.identity.realms import realm_endpoints
from admin.identity.sessions import delete_expired_sessions
from admin.identity.tables import SignInNetworks, TokenSession
from admin.identity.token_sessions import PersonTokens, end_token_sessions
from admin.identity.tokens import TokenRejected, TokenVerifier, VerifiedToken
from admin.interface.keycloak_port import PORT
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import DependencyUnavailable, NotAllowed
from governance.permissions import Role
from tenancy.clients.queries import service_client
from tenancy.clients.suspension import SuspendClient, suspend_client
from tenancy.keycloak.port import IssuedToken, Realm, organization_alias
from tenancy.tenants.states import TenantState
from tests.admin.forgeries import ELSEWHERE, FORGERIES, UNISSUED, Whose, now
from tests.admin.issuer import KEYS, Issuer
from tests.admin.live_app import add_probe_views
from tests.admin.token_checks import removals
from tests.admin.visitors import Visit
from tests.factories import Factory, Visitors

TWICE: Final = {
    "TokenVerifier._verify: if key is None:     raise TokenRejected('kid')": "without a key no signature verifies",
}
"""Checks whose absence no forged token shows → what else refuses it."""


class Sessions:
    """A Keycloak that answers only whether somebody has a session; it counts how often it is asked."""

    def __init__(self, *live: tuple[str, str]) -> None:
        self.live = set(live)
        self.asked: list[tuple[str, str]] = []

    def has_session(self, realm: Realm, user: str, sid: str) -> bool:
        self.asked.append((user, sid))
        return (user, sid) in self.live

    def was_issued(self, realm: Realm, token: IssuedToken) -> bool:
        return not token.token_id.startswith(UNISSUED)


class NothingKept:
    """A process on its own: tests/admin/test_kept_keys.py has what several keep together."""

    def load(self, address: str) -> None:
        return None

    def save(self, found: KeptKeySet) -> None:
        return None


@pytest.fixture
def reader(issuer: Issuer) -> TokenVerifier:
    return TokenVerifier(realm_endpoints(issuer.url), NothingKept())


@pytest.fixture
def municipality(operator_tenant: UUID, visitors: Visitors) -> UUID:
    return visitors.municipality("432083", "山鹿市")


@pytest.fixture
def probe_views(web: Flask) -> None:
    add_probe_views(web)


@pytest.fixture
def whose(
    municipality: UUID,
    visitors: Visitors,
    operator_tenant: UUID,
    factory: Factory,
    issuer: Issuer,
    monkeypatch: pytest.MonkeyPatch,
) -> Whose:
    """People and systems here and elsewhere. Every token that is not said to be somebody else's is the owner's."""
    security = factory.actors.security
    other, suspended, limited = (
        visitors.municipality("432148", "阿蘇市"),
        visitors.municipality("432024", "八代市", TenantState.SUSPENDED),
        visitors.municipality("432059", "水俣市"),
    )
    owner, colleague, gone, back = (visitors.person(municipality, Role.TENANT_OWNER).id for _ in range(4))
    clients = [factory.add_service_client(municipality, name) for name in ("一", "二", "三", "四")]
    suspend_client(SuspendClient(tenant_id=municipality, client_id=clients[1], reason="点検"), actor=security)
    with system_transaction(OPERATOR) as session:
        session.execute(
            text("""UPDATE service_client SET networks = '["192.0.2.0/24"]' WHERE id = :id"""), {"id": clients[3]}
        )
        session.execute(
            text("UPDATE service_client SET secret_ends = :ends WHERE id = :id"),
            {"id": clients[0], "ends": json.dumps({"1": clock.today().isoformat(), "2": "9999-01-01"})},
        )
        session.execute(text("UPDATE member SET state = 'suspended' WHERE keycloak_id = :id"), {"id": gone})
        session.execute(
            text("UPDATE member SET withdrawn_at = :then WHERE keycloak_id = :id"),
            {"then": clock.now() - timedelta(seconds=30), "id": back},
        )
        session.execute(
            text("UPDATE service_client SET valid_from = :day, valid_until = :day WHERE id = :id"),
            {"day": clock.today(), "id": clients[2]},
        )
        session.add(
            SignInNetworks(tenant_id=limited, networks=["192.0.2.0/24"], set_by=security.id, set_at=clock.now())
        )
    found = Whose(
        municipality,
        owner,
        colleague,
        gone,
        back,
        clients[0],
        clients[1],
        clients[2],
        clients[3],
        other,
        visitors.person(other, Role.TENANT_OWNER).id,
        factory.add_service_client(other),
        suspended,
        visitors.person(suspended, Role.TENANT_OWNER).id,
        factory.add_service_client(suspended),
        operator_tenant,
        visitors.person(operator_tenant, Role.OPERATOR_SECURITY).id,
        factory.add_service_client(operator_tenant),
        limited,
        visitors.person(limited, Role.TENANT_OWNER).id,
    )
    monkeypatch.setattr(issuer, "whose", found.claims())
    return found


def _good_tokens(issuer: Issuer, whose: Whose) -> list[str]:
    """People's and systems', of a municipality and of the operator: only what is wrong can be why one is refused."""
    return [
        issuer.sign(issuer.claims()),
        issuer.sign(issuer.claims(Realm.OPERATORS, **whose.claims_of_operator()), Realm.OPERATORS),
        issuer.token_of_client(whose.tenant_id, whose.client, "moyai:usage.read"),
        issuer.token_of_secret(whose.tenant_id, whose.client, 2, "moyai:usage.read"),
        issuer.token_of_client(
            whose.operator_tenant, whose.operators_client, "moyai:usage.read", realm=Realm.OPERATORS
        ),
    ]


def test_every_forged_or_misdirected_token_is_refused_alike(
    web: Flask,
    probe_views: None,
    whose: Whose,
    issuer: Issuer,
    stranger: Visit,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(web.extensions, PORT, Sessions())

    def ask(token: str) -> TestResponse:
        return stranger.get("/api/v1/who", headers={"Authorization": f"Bearer {token}".encode().decode("latin-1")})

    assert [ask(token).status_code for token in _good_tokens(issuer, whose)] == [200] * 5
    bodies = set()
    for name, forge in FORGERIES.items():
        reset_rate_limits(web)
        answer = ask(forge(issuer, whose))
        if name == ELSEWHERE:
            assert (answer.status_code, answer.get_json()["code"]) == (403, "client.source_not_allowed")
            continue
        assert answer.status_code == 401, name
        bodies.add((answer.text.replace(answer.headers["X-Request-Id"], ""), answer.headers["WWW-Authenticate"]))

    assert len(bodies) == 1
    assert len(FORGERIES) >= 80


def _noticed_by(reader: TokenVerifier, issuer: Issuer, whose: Whose) -> str | None:
    """The first forged token that is not refused, or breaks something, or the first right one that is refused.

    None where all is as it should be.
    """
    people = PersonTokens(Sessions)
    for token in _good_tokens(issuer, whose):
        try:
            _actor_of(reader.verify_access_token(token), people, None)
        except (TokenRejected, NotAllowed):
            return "a token that is right"
    for name, forge in FORGERIES.items():
        try:
            _actor_of(reader.verify_access_token(forge(issuer, whose)), people, None)
        except (TokenRejected, NotAllowed):
            continue
        except Exception as broken:
            return f"{name} ({type(broken).__name__})"
        return name
    return None


@pytest.mark.slow
def test_without_any_one_check_some_forged_token_is_not_refused(
    web: Flask, reader: TokenVerifier, whose: Whose, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # From which network a token comes is known in a request only.
    with web.test_request_context(environ_base={"REMOTE_ADDR": "127.0.0.1"}):
        assert _noticed_by(reader, issuer, whose) is None
        unnoticed = set()
        for removal in removals():
            with monkeypatch.context() as without:
                without.setattr(removal.function, "__code__", removal.code)
                if _noticed_by(reader, issuer, whose) is None:
                    unnoticed.add(str(removal))

        assert unnoticed == set(TWICE)
        assert _noticed_by(reader, issuer, whose) is None


@dataclass(frozen=True)
class _Decoding:
    """joserfc's `jwt` with another `decode`."""

    decode: Callable[..., Any]


class EveryIssuer(dict[str, Any]):
    """A realm of every issuer."""

    def get(self, name: str, default: object = None) -> Realm:
        return Realm.TENANTS


def _unverified(token: str, key: object, algorithms: list[str]) -> Any:
    return SimpleNamespace(claims=json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "==")))


def _any_algorithm(token: str, key: Any, algorithms: list[str]) -> Any:
    # The keys of the realms say themselves that they are for RS256.
    bare = RSAKey.import_key(KEYS[Realm.TENANTS].as_pem(private=False))
    return jwt.decode(token, bare, algorithms=["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])


@pytest.mark.parametrize(
    ("without", "gets_through"),
    [
        (lambda patch, reader: patch.setattr("admin.identity.tokens.jwt", _Decoding(_unverified)), "no signature"),
        (lambda patch, reader: patch.setattr("admin.identity.tokens.jwt", _Decoding(_any_algorithm)), "RS384"),
        (lambda patch, reader: patch.setattr(reader, "_realms", EveryIssuer()), "another issuer"),
        (
            lambda patch, reader: patch.setattr(
                JwksCache, "find", lambda *_: RSAKey.import_key(KEYS[Realm.TENANTS].as_dict(private=False))
            ),
            "a kid we do not know",
        ),
    ],
    ids=["signature", "algorithm", "issuer", "key"],
)
def test_without_what_makes_it_a_signed_token_of_ours_a_forged_one_gets_through(
    without: Callable[[pytest.MonkeyPatch, TokenVerifier], None],
    gets_through: str,
    reader: TokenVerifier,
    whose: Whose,
    issuer: Issuer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask() -> bool:
        try:
            _actor_of(reader.verify_access_token(FORGERIES[gets_through](issuer, whose)), PersonTokens(Sessions), None)
        except TokenRejected:
            return False
        return True

    assert not ask()
    without(monkeypatch, reader)
    assert ask()


@pytest.mark.parametrize("is_live", [True, False])
def test_keycloak_is_asked_once_about_a_session_that_was_not_opened_here(
    web: Flask,
    probe_views: None,
    municipality: UUID,
    visitors: Visitors,
    issuer: Issuer,
    stranger: Visit,
    monkeypatch: pytest.MonkeyPatch,
    is_live: bool,
) -> None:
    owner, other = visitors.person(municipality, Role.TENANT_OWNER), visitors.person(municipality)
    sessions = Sessions((owner.id, "of-owner")) if is_live else Sessions()
    monkeypatch.setitem(web.extensions, PORT, sessions)

    def ask(sub: str) -> int:
        named = {organization_alias(municipality): {"tenant_id": [str(municipality)]}}
        token = issuer.sign(issuer.claims(sub=sub, sid="of-owner", organization=named))
        return stranger.get("/api/v1/who", headers={"Authorization": f"Bearer {token}"}).status_code

    for _ in range(3):
        assert ask(owner.id) == (200 if is_live else 401)
    assert sessions.asked == [(owner.id, "of-owner")]
    assert ask(other.id) == 401, "the session of somebody else"
    assert ask(owner.id) == (200 if is_live else 401), "which ends nothing"


def test_while_keycloak_is_away_only_sessions_that_are_known_pass(
    web: Flask,
    probe_views: None,
    municipality: UUID,
    visitors: Visitors,
    issuer: Issuer,
    stranger: Visit,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner = visitors.person(municipality, Role.TENANT_OWNER)
    known = issuer.token_of_person(municipality, UUID(owner.id))
    unknown = issuer.sign(jwt.decode(known, KEYS[Realm.TENANTS]).claims | {"sid": "another"})

    class Away:
        def has_session(self, realm: Realm, user: str, sid: str) -> bool:
            raise DependencyUnavailable(KEYCLOAK_AWAY)

        was_issued = Sessions().was_issued

    monkeypatch.setitem(web.extensions, PORT, Away())

    answers = [stranger.get("/api/v1/who", headers={"Authorization": f"Bearer {token}"}) for token in (known, unknown)]
    assert [answer.status_code for answer in answers] == [200, 503]


def test_keycloak_is_asked_once_about_each_token(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[IssuedToken] = []

    class Record(Sessions):
        def was_issued(self, realm: Realm, token: IssuedToken) -> bool:
            asked.append(token)
            return super().was_issued(realm, token)

    monkeypatch.setattr("admin.identity.token_sessions.MAX_ISSUED", 2)
    tokens = PersonTokens(Record)
    one, two, three = (VerifiedToken(Realm.TENANTS, issuer.claims()) for _ in range(3))
    forged = VerifiedToken(Realm.TENANTS, {**one.claims, "sub": "somebody else", "jti": UNISSUED})

    for token in (one, one, two, one):
        assert tokens.require_issued(token).token_id == token.claims["jti"]
    assert len(asked) == 2
    for _ in range(2):
        with pytest.raises(TokenRejected, match="jti"):
            tokens.require_issued(forged)
    assert len(asked) == 4
    tokens.require_issued(three)
    tokens.require_issued(one)
    assert len(asked) == 6, "the oldest was forgotten"


def test_what_ended_stays_ended_and_is_forgotten_when_no_token_of_it_can_be_left(
    issuer: Issuer, municipality: UUID, visitors: Visitors
) -> None:
    owner = visitors.person(municipality, Role.TENANT_OWNER)
    person = PersonClaims(Realm.TENANTS, municipality, owner.id, frozenset(), clock.now())
    sessions = Sessions((owner.id, "one"))
    tokens = PersonTokens(lambda: sessions)

    def is_live(sid: str) -> bool:
        try:
            tokens.require_live(VerifiedToken(Realm.TENANTS, issuer.claims(sub=owner.id, sid=sid)), person)
        except TokenRejected:
            return False
        return True

    assert is_live("one")
    end_token_sessions(Realm.TENANTS, "one", None)
    assert not is_live("one")
    assert is_live(owner.id)
    end_token_sessions(Realm.TENANTS, None, owner.id)
    assert not is_live(owner.id)

    assert sessions.asked == [(owner.id, "one")]
    with tenant_scope(OPERATOR):
        assert db.session.query(TokenSession).count() == 2
    delete_expired_sessions(clock.now() + LONGEST)
    with tenant_scope(OPERATOR):
        assert db.session.query(TokenSession).count() == 0


def test_a_session_that_ends_while_keycloak_is_asked_about_it_does_not_count_afterwards(
    issuer: Issuer, municipality: UUID, visitors: Visitors
) -> None:
    owner = visitors.person(municipality, Role.TENANT_OWNER)
    person = PersonClaims(Realm.TENANTS, municipality, owner.id, frozenset(), clock.now())
    token = VerifiedToken(Realm.TENANTS, issuer.claims(sub=owner.id, sid="one"))

    class EndsMeanwhile(Sessions):
        def has_session(self, realm: Realm, user: str, sid: str) -> bool:
            end_token_sessions(realm, sid, user)
            return True

    tokens = PersonTokens(EndsMeanwhile)

    for _ in range(2):
        with pytest.raises(TokenRejected, match="sid"):
            tokens.require_live(token, person)


def test_a_token_that_is_right_passes_until_five_seconds_after_its_end(
    probe_views: None, municipality: UUID, visitors: Visitors, issuer: Issuer, stranger: Visit
) -> None:
    owner = visitors.person(municipality, Role.TENANT_OWNER)
    headers = {"Authorization": f"Bearer {issuer.token_of_person(municipality, UUID(owner.id), Role.TENANT_OWNER)}"}
    start = clock.now()

    for seconds, status in ((0, 200), (299, 200), (303, 200), (306, 401)):
        with clock.at(start + timedelta(seconds=seconds)):
            assert stranger.get("/api/v1/who", headers=headers).status_code == status, seconds


def test_other_schemes_are_refused(probe_views: None, issuer: Issuer, stranger: Visit) -> None:
    for header in ("Basic bW95YWk6bW95YWk=", "Bearer", "bearer ", issuer.sign(issuer.claims())):
        assert stranger.get("/api/v1/who", headers={"Authorization": header}).status_code == 401, header


def test_a_token_in_the_address_is_not_looked_at(
    probe_views: None, municipality: UUID, visitors: Visitors, issuer: Issuer, stranger: Visit
) -> None:
    owner = visitors.person(municipality, Role.TENANT_OWNER)
    token = issuer.token_of_person(municipality, UUID(owner.id), Role.TENANT_OWNER)

    assert stranger.get(f"/api/v1/who?access_token={token}").status_code == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "moyai-api"},
        {"aud": ["moyai-console", "moyai-api"]},
        {"azp": "another"},
        {"typ": "Bearer"},
    ],
)
def test_an_id_token_of_another_sign_in_is_refused(
    wrong: dict[str, object], reader: TokenVerifier, issuer: Issuer
) -> None:
    right = issuer.claims(aud="moyai-console", typ="ID", nonce="ours")
    assert reader.verify_id_token(issuer.sign(right), Realm.TENANTS, "ours")["sub"] == right["sub"]

    with pytest.raises(TokenRejected):
        reader.verify_id_token(issuer.sign(right | wrong), Realm.TENANTS, "ours")
    with pytest.raises(TokenRejected):
        reader.verify_id_token(issuer.sign(right), Realm.OPERATORS, "ours")


@pytest.mark.parametrize(
    "wrong",
    [
        {"typ": "ID"},
        {"aud": "another"},
        {"events": None},
        {"events": {"http://example.jp/another": {}}},
        {"nonce": "one"},
        {"sid": None, "sub": None},
        {"iat": None},
    ],
)
def test_a_logout_token_of_another_kind_is_refused(
    wrong: dict[str, object], reader: TokenVerifier, issuer: Issuer
) -> None:
    events: dict[str, object] = {"http://schemas.openid.net/event/backchannel-logout": {}}
    right = issuer.claims(aud="moyai-console", typ="Logout", events=events)
    assert reader.verify_logout_token(issuer.sign(right)).claims["sid"] == right["sid"]

    with pytest.raises(TokenRejected):
        reader.verify_logout_token(issuer.sign(right | wrong))


def test_an_old_logout_token_is_refused(reader: TokenVerifier, issuer: Issuer) -> None:
    events: dict[str, object] = {"http://schemas.openid.net/event/backchannel-logout": {}}
    old = issuer.claims(aud="moyai-console", typ="Logout", events=events, iat=now() - 130)

    with pytest.raises(TokenRejected, match="iat"):
        reader.verify_logout_token(issuer.sign(old))


def test_unknown_keys_do_not_make_us_ask_keycloak_again_and_again(issuer: Issuer) -> None:
    ring = JwksCache(realm_endpoints(issuer.url)[Realm.TENANTS].keys, NothingKept())
    before = issuer.asked

    for number in range(200):
        assert ring.find(f"unknown-{number}") is None

    assert issuer.asked - before == 1
    assert ring.find(str(KEYS[Realm.TENANTS].kid)) is not None
    assert issuer.asked - before == 1


def test_keys_are_kept_while_keycloak_is_away_and_asked_for_again_when_old(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = JwksCache(realm_endpoints(issuer.url)[Realm.TENANTS].keys, NothingKept())
    kid = str(KEYS[Realm.TENANTS].kid)
    assert ring.find(kid) is not None
    before = issuer.asked
    later = [ring._fetched_at + 301]
    monkeypatch.setattr("admin.identity.jwks_cache.monotonic", lambda: later[0])
    issuer.is_away = True
    try:
        assert ring.find(kid) is not None
        assert ring.find(kid) is not None
        assert issuer.asked - before == 1
    finally:
        issuer.is_away = False

    later[0] += BACKOFF_SECONDS
    assert ring.find(kid) is not None
    assert issuer.asked - before == 2


def test_a_token_just_seen_is_not_verified_again_but_its_end_is_looked_at(
    reader: TokenVerifier, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    verify = reader._verify

    def counted(token: str) -> VerifiedToken:
        verified.append(token)
        return verify(token)

    monkeypatch.setattr(reader, "_verify", counted)
    token = issuer.sign(issuer.claims(exp=now() + 20))
    start = clock.now()

    for _ in range(3):
        reader.verify_access_token(token)
    assert len(verified) == 1
    with clock.at(start + timedelta(seconds=27)), pytest.raises(TokenRejected, match="exp"):
        reader.verify_access_token(token)


def test_the_memory_of_tokens_is_bounded(
    reader: TokenVerifier, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("admin.identity.tokens.MAX_CACHED_TOKENS", 3)

    for _ in range(5):
        reader.verify_access_token(issuer.sign(issuer.claims()))

    assert len(reader._verified) == 3


def test_a_system_is_let_in_from_its_networks_only_and_the_day_of_its_last_call_is_kept(
    probe_views: None, whose: Whose, issuer: Issuer, stranger: Visit
) -> None:
    def ask(address: str) -> int:
        token = issuer.token_of_client(whose.tenant_id, whose.limited_client, "moyai:usage.read")
        headers = {"Authorization": f"Bearer {token}"}
        return stranger.get("/api/v1/who", headers=headers, environ_base={"REMOTE_ADDR": address}).status_code

    def last_used() -> date | None:
        with tenant_scope(OPERATOR):
            return service_client(db.session(), whose.tenant_id, whose.limited_client).last_used_on

    assert [ask(address) for address in ("192.0.3.1", "2001:db8::1")] == [403, 403]
    assert last_used() is None, "a refused call is no use"
    assert [ask(address) for address in ("192.0.2.1", "::ffff:192.0.2.2")] == [200, 200]
    today = clock.today()
    assert last_used() == today
    with clock.at(clock.now() + timedelta(days=1)):
        assert ask("192.0.2.1") == 200
    assert last_used() == today + timedelta(days=1)
