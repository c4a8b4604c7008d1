"""Bearer tokens of the API (RFC 6750): of a person, or of a service client of a tenant or of the operator."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import structlog

from admin.core.guard import Identification
from admin.core.rate_limits import RateLimit, caller_address, count_failure, source_address
from admin.identity.client_uses import CLIENT_USES
from admin.identity.persons import operator_tenant, parse_uuid, person_actor, read_person, second_factor_time
from admin.identity.token_sessions import PersonTokens
from admin.identity.tokens import TokenRejected, TokenVerifier, VerifiedToken, account_named
from governance.actors import Actor, ActorKind
from governance.kernel import clock
from governance.kernel.database import db, tenant_scope
from governance.kernel.errors import NotAllowed, message
from governance.permissions import OPERATOR_SCOPES, TENANT_SCOPES, Permission
from tenancy.clients.access import AccessRefusal, AccessRefused, require_access
from tenancy.clients.networks import Address
from tenancy.clients.queries import client_access
from tenancy.keycloak.port import PERSON_CLIENTS, Realm, parse_service_client_name, service_client_name

SOURCE_NOT_ALLOWED = message(
    "client.source_not_allowed",
    ja="この連携システムは、接続元 {address} からは利用できません。",
    en="This service client may not call from {address}.",
    hint_ja="団体の連携システム管理担当に、接続元のネットワークの追加を依頼してください。",
    hint_en="Ask the client administrator of the tenant to add the network.",
)


class SourceNotAllowed(NotAllowed):
    """The token is right, and its client calls from a network that is not its own."""


log = structlog.get_logger(__name__)


def identify_bearer(
    token_verifier: TokenVerifier, authorization: str | None, person_tokens: PersonTokens
) -> Identification:
    """The actor of an Authorization header: anonymous without one, `invalid_token` for a rejected one.

    Why a token was rejected is in the log only. Raises SourceNotAllowed for a token that is right, of a service client
    that calls from a network that is not its own. Raises TooManyRequests where too many were; a good token
    never meets it. Raises DependencyUnavailable where Keycloak is to be asked about the token and does not answer.
    """
    if not authorization:
        return Identification(None)
    scheme, _, token = authorization.partition(" ")
    try:
        if scheme.lower() != "bearer" or not token:
            raise TokenRejected("scheme")
        verified = token_verifier.verify_access_token(token.strip())
        actor = _actor_of(verified, person_tokens, source_address())
        if actor.kind is ActorKind.CLIENT:
            CLIENT_USES.note(actor.tenant_id, UUID(actor.id), clock.today())
        return Identification(actor, sid=str(verified.claims["sid"]) if actor.kind is ActorKind.PERSON else "")
    except SourceNotAllowed:
        # Whoever has a token that is right may know why: the address is what the owner of the client has to add.
        count_failure(RateLimit.REFUSED_TOKENS, caller_address())
        log.warning("token.refused", reason=SOURCE_NOT_ALLOWED.code)
        raise
    except (TokenRejected, NotAllowed) as refused:
        address = caller_address()
        count_failure(RateLimit.REFUSED_TOKENS, address)
        count_failure(RateLimit.REFUSED_TOKENS_OF_ACCOUNT, f"{address} {account_named(token)}")
        log.warning("token.refused", reason=refused.code if isinstance(refused, NotAllowed) else str(refused))
        return Identification(None, "invalid_token")


def _actor_of(token: VerifiedToken, person_tokens: PersonTokens, source: Address | None) -> Actor:
    client = str(token.claims.get("azp"))
    if client in PERSON_CLIENTS:
        person = read_person(token)
        actor = person_actor(person)
        person_tokens.require_live(token, person)
        return replace(actor, second_factor_at=second_factor_time(token.claims))
    if client.startswith("svc-"):
        return _service_client(token, client, source)
    raise TokenRejected("azp")


def _service_client(token: VerifiedToken, client: str, source: Address | None) -> Actor:
    """The service client of the token with the scopes that token and row both name; both must be in force.

    The operator's are those of the operators' realm, and no client of the tenants' realm is one of them: the backend
    writes clients there, and must not be able to write one that reads everything.
    """
    is_operators = token.realm is Realm.OPERATORS
    tenant_id = operator_tenant() if is_operators else parse_uuid(token.claims.get("tenant_id"), "tenant_id")
    named = parse_service_client_name(client)
    if named is None or client != service_client_name(tenant_id, *named):
        raise TokenRejected("azp")
    client_id = named.service_client_id
    with tenant_scope(tenant_id):
        found = client_access(db.session(), tenant_id, client_id, clock.today())
    if found is None or found.is_operators is not is_operators:
        raise TokenRejected("client")
    try:
        require_access(found, source, named.secret_number)
    except AccessRefused as refused:
        raise _rejection(refused, source) from None
    known = OPERATOR_SCOPES if is_operators else TENANT_SCOPES
    scopes = set(str(token.claims.get("scope", "")).split()) & found.scopes
    allowed: set[Permission] = set()
    for name in scopes & known.keys():
        allowed |= known[name]
    return Actor(str(client_id), ActorKind.CLIENT, tenant_id, frozenset(), frozenset(allowed), of_operator=is_operators)


def _rejection(refused: AccessRefused, source: Address | None) -> TokenRejected | SourceNotAllowed:
    """Of the reasons only the address is told: whoever has the token can mend it."""
    if refused.reason is AccessRefusal.NETWORK:
        return SourceNotAllowed(SOURCE_NOT_ALLOWED, address=str(source or "―"))
    return TokenRejected("client")
