"""Tokens of a municipality's directory: who asks at `/scim`.

The tenant is that of the address, and the token is looked for among its own only, in its scope: another tenant's token
is a text like any other here.
"""

from __future__ import annotations

from uuid import UUID

import structlog

from admin.core.guard import Identification
from admin.core.rate_limits import RateLimit, caller_address, count_failure
from governance.actors import DIRECTORY_PREFIX, Actor, ActorKind
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import SCIM_PERMISSIONS
from tenancy.people.scim.tokens import PREFIX, record_use, token_in_force
from tenancy.tenants import facts
from tenancy.tenants.states import STATE_EFFECTS

log = structlog.get_logger(__name__)


def identify_directory(tenant: str, authorization: str | None) -> Identification:
    """The directory of the tenant that the address names by id or alias: anonymous without a token of that tenant.

    Raises TooManyRequests where too many tokens were refused; a good token never meets it.
    """
    if not authorization:
        return Identification(None)
    scheme, _, token = authorization.partition(" ")
    actor = _directory(tenant, token.strip()) if scheme.lower() == "bearer" else None
    if actor is None:
        count_failure(RateLimit.REFUSED_TOKENS, caller_address())
        log.warning("scim_token.refused")
        return Identification(None, "invalid_token")
    return Identification(actor)


def _directory(tenant: str, token: str) -> Actor | None:
    tenant_id = _tenant_id(tenant)
    if tenant_id is None or not token.startswith(PREFIX):
        return None
    now = clock.now()
    with tenant_scope(tenant_id):
        token_id = token_in_force(db.session(), tenant_id, token, now)
        if token_id is None or not STATE_EFFECTS[facts.tenant_by_id(db.session(), tenant_id).state].people_sign_in:
            return None
    with system_transaction(tenant_id) as session:
        record_use(session, tenant_id, token_id, now)
    actor_id = f"{DIRECTORY_PREFIX}{token_id}"
    return Actor(actor_id, ActorKind.CLIENT, tenant_id, frozenset(), by_scope=SCIM_PERMISSIONS, is_directory=True)


def _tenant_id(named: str) -> UUID | None:
    """The tenant's id; None for a name that is none. Whether a tenant of this id exists the token will say."""
    try:
        return UUID(named)
    except ValueError:
        with tenant_scope(OPERATOR):
            return facts.id_of_alias(db.session(), named)
