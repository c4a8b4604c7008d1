"""Bearer tokens of the API (RFC 6750): of a person, or of a service client of a tenant or of the operator."""

from __future__ import annotations

import structlog

from admin.core.guard import Identification
from admin.core.rate_limits import RateLimit, caller_address, count_failure
from admin.identity.persons import operator_tenant, parse_uuid, person_actor, read_person
from admin.identity.token_sessions import PersonTokens
from admin.identity.tokens import TokenRejected, TokenVerifier, VerifiedToken, account_named
from governance.actors import Actor, ActorKind
from governance.kernel import clock
from governance.kernel.database import db, tenant_scope
from governance.kernel.errors import NotAllowed
from governance.permissions import OPERATOR_SCOPES, TENANT_SCOPES, Permission
from tenancy.clients.queries import ADMITTED_STATES, client_access
from tenancy.keycloak.port import PERSON_CLIENTS, Realm, service_client_name
from tenancy.tenants.states import STATE_EFFECTS

log = structlog.get_logger(__name__)


def identify_bearer(
    token_verifier: TokenVerifier, authorization: str | None, person_tokens: PersonTokens
) -> Identification:
    """The actor of an Authorization header: anonymous without one, `invalid_token` for a rejected one.

    Why a token was rejected is in the log only. Raises TooManyRequests where too many were; a good token
    never meets it. Raises DependencyUnavailable where Keycloak is to be asked about the token and does not answer.
    """
    if not authorization:
        return Identification(None)
    scheme, _, token = authorization.partition(" ")
    try:
        if scheme.lower() != "bearer" or not token:
            raise TokenRejected("scheme")
        return Identification(_actor_of(token_verifier.verify_access_token(token.strip()), person_tokens))
    except (TokenRejected, NotAllowed) as refused:
        address = caller_address()
        count_failure(RateLimit.REFUSED_TOKENS, address)
        count_failure(RateLimit.REFUSED_TOKENS_OF_ACCOUNT, f"{address} {account_named(token)}")
        log.warning("token.refused", reason=refused.code if isinstance(refused, NotAllowed) else str(refused))
        return Identification(None, "invalid_token")


def _actor_of(token: VerifiedToken, person_tokens: PersonTokens) -> Actor:
    client = str(token.claims.get("azp"))
    if client in PERSON_CLIENTS:
        person = read_person(token)
        actor = person_actor(person)
        person_tokens.require_live(token, person)
        return actor
    if client.startswith("svc-"):
        return _service_client(token, client)
    raise TokenRejected("azp")


def _service_client(token: VerifiedToken, client: str) -> Actor:
    """The service client of the token with the scopes that token and row both name; both must be in force.

    The operator's are those of the operators' realm, and no client of the tenants' realm is one of them: the backend
    writes clients there, and must not be able to write one that reads everything.
    """
    is_operators = token.realm is Realm.OPERATORS
    tenant_id = operator_tenant() if is_operators else parse_uuid(token.claims.get("tenant_id"), "tenant_id")
    client_id = parse_uuid(client[-36:], "azp")
    if client != service_client_name(tenant_id, client_id):
        raise TokenRejected("azp")
    with tenant_scope(tenant_id):
        found = client_access(db.session(), tenant_id, client_id, clock.today())
    if found is None or found.is_operators is not is_operators:
        raise TokenRejected("client")
    gets_tokens = STATE_EFFECTS[found.tenant_state].clients_get_tokens
    if found.state not in ADMITTED_STATES or not found.is_in_force or not gets_tokens:
        raise TokenRejected("client")
    known = OPERATOR_SCOPES if is_operators else TENANT_SCOPES
    scopes = set(str(token.claims.get("scope", "")).split()) & found.scopes
    allowed: set[Permission] = set()
    for name in scopes & known.keys():
        allowed |= known[name]
    return Actor(str(client_id), ActorKind.CLIENT, tenant_id, frozenset(), frozenset(allowed), of_operator=is_operators)
