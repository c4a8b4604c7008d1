"""Bearer tokens of the API (RFC 6750): of a person, or of a tenant's service client."""

from __future__ import annotations

from uuid import UUID

import structlog

from admin.core.guard import Identification
from admin.identity.roles import effective_roles, organization_in, roles_in_token
from admin.identity.tokens import Claims, TokenRejected, TokenVerifier, VerifiedToken
from governance.actors import Actor, ActorKind
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import SCOPE_PERMISSIONS, Permission
from tenancy.clients.queries import client_access
from tenancy.clients.states import ClientState
from tenancy.keycloak.port import CONSOLE_CLIENT, Realm, organization_alias, service_client_name
from tenancy.people.membership import membership_status
from tenancy.tenants.facts import operator_id
from tenancy.tenants.states import STATE_EFFECTS

log = structlog.get_logger(__name__)


def identify_bearer(token_verifier: TokenVerifier, authorization: str | None) -> Identification:
    """The actor of an Authorization header: anonymous without one, `invalid_token` for a rejected one.

    Why a token was rejected is in the log only.
    """
    if not authorization:
        return Identification(None)
    scheme, _, token = authorization.partition(" ")
    try:
        if scheme.lower() != "bearer" or not token:
            raise TokenRejected("scheme")
        return Identification(_actor_of(token_verifier.verify_access_token(token.strip())))
    except TokenRejected as refused:
        log.warning("token.refused", reason=str(refused))
        return Identification(None, "invalid_token")


def _actor_of(token: VerifiedToken) -> Actor:
    client = str(token.claims.get("azp"))
    if client == CONSOLE_CLIENT:
        return _person(token)
    if token.realm is Realm.TENANTS and client.startswith("svc-"):
        return _service_client(token.claims, client)
    raise TokenRejected("azp")


def parse_person_id(claims: Claims) -> UUID:
    """The person as Moyai knows them: the username, which is our own UUID. Raises TokenRejected for anything else."""
    try:
        return UUID(str(claims.get("preferred_username")))
    except ValueError:
        raise TokenRejected("preferred_username") from None


def parse_tenant_id(claims: Claims) -> UUID:
    """The tenant of a municipal person's token. Raises TokenRejected unless it names exactly one."""
    organizations = claims.get("organization")
    if not isinstance(organizations, dict) or len(organizations) != 1:
        raise TokenRejected("organization")
    (alias,) = organizations
    named = (organization_in(claims, alias) or {}).get("tenant_id")
    tenant_id = _uuid(named[0] if isinstance(named, list) and len(named) == 1 else named, "organization")
    if organization_alias(tenant_id) != alias:
        raise TokenRejected("organization")
    return tenant_id


def _person(token: VerifiedToken) -> Actor:
    person_id = parse_person_id(token.claims)
    if token.realm is Realm.OPERATORS:
        with tenant_scope(OPERATOR):
            tenant_id = operator_id(db.session())
    else:
        tenant_id = parse_tenant_id(token.claims)
    if tenant_id is None:
        raise TokenRejected("tenant")
    with tenant_scope(tenant_id):
        membership = membership_status(db.session(), tenant_id, person_id, clock.now())
    if membership is None or not membership.may_sign_in(token.realm):
        raise TokenRejected("standing")
    alias = organization_alias(tenant_id)
    roles = effective_roles(roles_in_token(token.claims, token.realm, alias), membership.granted)
    return Actor(str(person_id), ActorKind.PERSON, tenant_id, roles)


def _service_client(claims: Claims, client: str) -> Actor:
    """The service client of the token with the scopes that token and row both name; both must be in force."""
    tenant_id = _uuid(claims.get("tenant_id"), "tenant_id")
    client_id = _uuid(client[-36:], "azp")
    if client != service_client_name(tenant_id, client_id):
        raise TokenRejected("azp")
    with tenant_scope(tenant_id):
        found = client_access(db.session(), tenant_id, client_id, clock.today())
    if found is None:
        raise TokenRejected("client")
    is_running = found.state is not ClientState.STOPPED and found.is_in_force
    if not is_running or not STATE_EFFECTS[found.tenant_state].clients_get_tokens:
        raise TokenRejected("client")
    scopes = set(str(claims.get("scope", "")).split()) & found.scopes
    allowed: set[Permission] = set()
    for name in scopes & SCOPE_PERMISSIONS.keys():
        allowed |= SCOPE_PERMISSIONS[name]
    return Actor(str(client_id), ActorKind.CLIENT, tenant_id, frozenset(), frozenset(allowed))


def _uuid(value: object, word: str) -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        raise TokenRejected(word) from None
