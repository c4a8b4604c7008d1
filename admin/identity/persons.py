"""From claims to an actor: the one way, for a bearer token, a sign-in and the cookie of a session.

Two errors: TokenRejected for a claim that cannot be read, NotAllowed for a person whom Moyai does not let in now. The
API answers both with 401 `invalid_token`, sign-in says which, and a session that meets one is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from flask import has_request_context

from admin.core.rate_limits import source_address
from admin.identity.roles import effective_roles, organization_in, roles_in_token
from admin.identity.sign_in_networks import require_network
from admin.identity.tokens import Claims, TokenRejected, VerifiedToken
from governance.actors import Actor, ActorKind
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import NotAllowed, message
from governance.permissions import Role
from tenancy.keycloak.port import (
    IDENTITY_PROVIDER_CLAIM,
    SECOND_FACTOR_ACR,
    Realm,
    identity_provider_alias,
    organization_alias,
)
from tenancy.people.membership import membership_status
from tenancy.tenants.facts import operator_id

NOT_A_MEMBER = message(
    "sign_in.not_a_member",
    ja="この団体の利用者として登録されていません。",
    en="You are not registered with this tenant.",
    hint_ja="団体コードを確かめるか、所属団体の団体管理者にお問い合わせください。",
    hint_en="Check the municipality code, or ask an owner of your tenant.",
)
SUSPENDED = message(
    "sign_in.closed",
    ja="この団体、またはあなたの利用は停止されているか、まだ始まっていません。",
    en="Your tenant or your account is suspended or not active yet.",
    hint_ja="所属団体の団体管理者または運営者にお問い合わせください。",
    hint_en="Ask an owner of your tenant or the operator.",
)


OTHER_IDENTITY_PROVIDER = message(
    "sign_in.other_identity_provider",
    ja="ほかの団体の IdP でログインしているため、この団体には入れません。",
    en="You logged in with the identity provider of another tenant, which does not let you in here.",
    hint_ja="ログアウトしてから、この団体にログインし直してください。",
    hint_en="Log out, then log in to this tenant.",
)


@dataclass(frozen=True, slots=True)
class PersonClaims:
    """A person in one tenant, as a verified token named them: `sub` is Keycloak's id, `roles` the token's only.

    `since` is when the token was issued, or the session opened.
    """

    realm: Realm
    tenant_id: UUID
    sub: str
    roles: frozenset[Role]
    since: datetime


def read_person(token: VerifiedToken, tenant_id: UUID | None = None) -> PersonClaims:
    """The person of a verified access token, in `tenant_id` where it is given.

    Otherwise in the one tenant that a municipal token names, or in the operator's. Raises TokenRejected for a claim
    that is missing or malformed, NotAllowed where the token does not name the tenant that was given.
    """
    claims = token.claims
    if tenant_id is None:
        tenant_id = operator_tenant() if token.realm is Realm.OPERATORS else _named_tenant(claims)
    alias = organization_alias(tenant_id)
    if token.realm is Realm.TENANTS and organization_in(claims, alias) is None:
        raise NotAllowed(NOT_A_MEMBER)
    # A tenant's identity provider vouches for people in that tenant: a person of two may come in by it to one alone.
    if claims.get(IDENTITY_PROVIDER_CLAIM) not in (None, identity_provider_alias(tenant_id)):
        raise NotAllowed(OTHER_IDENTITY_PROVIDER)
    roles = roles_in_token(claims, token.realm, alias)
    # The claim has whole seconds, rounded down: a token of the second in which its person was suspended is over, too.
    since = datetime.fromtimestamp(claims["iat"], UTC)
    return PersonClaims(token.realm, tenant_id, str(claims["sub"]), roles, since)


def person_actor(person: PersonClaims) -> Actor:
    """The person as an actor now, with the roles that token and grants both name; they may be none.

    The person is the one whose Keycloak id we keep. Raises NotAllowed where the tenant has no such person, or where the
    state of either lets nobody sign in, or ended what is older than they are, and where the tenant's people do not
    sign in from the network of this request.
    """
    with tenant_scope(person.tenant_id):
        membership = membership_status(db.session(), person.tenant_id, person.sub, clock.now())
        if has_request_context():
            require_network(db.session(), person.tenant_id, source_address())
    if membership is None:
        raise NotAllowed(NOT_A_MEMBER)
    if not membership.may_sign_in(person.realm) or membership.is_over(person.since):
        raise NotAllowed(SUSPENDED)
    roles = effective_roles(person.roles, membership.granted)
    return Actor(str(membership.person_id), ActorKind.PERSON, person.tenant_id, roles)


def second_factor_time(claims: Claims) -> datetime | None:
    """When the person of a verified token was asked for a second factor at the sign-in; None for without one."""
    asked_at = claims.get("auth_time")
    if claims.get("acr") != SECOND_FACTOR_ACR or not isinstance(asked_at, int):
        return None
    return datetime.fromtimestamp(asked_at, UTC)


def parse_uuid(value: object, claim: str) -> UUID:
    """The UUID in a claim. Raises TokenRejected with the claim's name for anything else."""
    try:
        return UUID(str(value))
    except ValueError:
        raise TokenRejected(claim) from None


def operator_tenant() -> UUID:
    """The operator's own tenant. Raises TokenRejected before it is registered."""
    with tenant_scope(OPERATOR):
        tenant_id = operator_id(db.session())
    if tenant_id is None:
        raise TokenRejected("tenant")
    return tenant_id


def _named_tenant(claims: Claims) -> UUID:
    """The tenant of a municipal token. Raises TokenRejected unless it names exactly one, by an id.

    That it stands under the alias of this tenant is the caller's to see.
    """
    organizations = claims.get("organization")
    if not isinstance(organizations, dict) or len(organizations) != 1:
        raise TokenRejected("organization")
    (alias,) = organizations
    named = (organization_in(claims, alias) or {}).get("tenant_id")
    return parse_uuid(named[0] if isinstance(named, list) and len(named) == 1 else named, "organization")
