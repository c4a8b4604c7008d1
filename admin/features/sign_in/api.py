"""A person's own sessions over the API and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from flask import current_app, has_request_context
from pydantic import Field

from admin.core.guard import current_sid
from admin.features.sign_in.entry_points import ENTRY_POINTS
from admin.identity.own_sessions import PersonSession, session_owner, sessions_of_person
from admin.identity.sign_in_limits import SignInLimits, sign_in_limits
from admin.identity.sign_in_networks import (
    SignInNetworkCheck,
    SignInNetworksFacts,
    check_sign_in_network,
    sign_in_networks,
)
from admin.interface.api_requests import Query
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.keycloak_port import identities_of
from admin.interface.own_tasks import asking_actor
from admin.interface.queries import cli_query
from governance.declaration import Input
from governance.kernel.database import db
from governance.permissions import Permission

routes = ApiRoutes(Tag.PEOPLE, ENTRY_POINTS)


def _line(row: PersonSession) -> str:
    seen = row.last_seen_at or row.opened_at
    this = " *" if row.is_current else ""
    return f"{row.id}  {row.kind:<10}  {row.address or '-'}  {'-' if seen is None else seen.isoformat()}{this}"


@routes.list("/sessions", Permission.SESSION_READ, "SessionPage")
@cli_query("session list", "自分のセッションの一覧", "sessions", _line)
def list_sessions() -> Sequence[PersonSession]:
    """List the sessions in which one is signed in, this one first, then the one used last."""
    owner = session_owner(asking_actor())
    if owner is None:
        return ()
    at_keycloak = identities_of(current_app).find_sessions(owner.realm, owner.keycloak_id)
    return sessions_of_person(owner, at_keycloak, current_sid() if has_request_context() else "")


@routes.query("/sign-in-limits", Permission.SIGN_IN_LIMITS_READ)
@cli_query("session limits", "ログインの時間制限を見る")
def get_sign_in_limits() -> SignInLimits:
    """Show how long logins last."""
    return sign_in_limits(db.session())


@routes.query("/tenants/<tenant>/sign-in-networks", Permission.SIGN_IN_NETWORKS_READ)
@cli_query("session networks", "ログインできるネットワークを見る")
def get_sign_in_networks(tenant: UUID) -> SignInNetworksFacts:
    """Show from which networks people of a tenant sign in."""
    return sign_in_networks(db.session(), tenant)


class SignInNetworkQuery(Query):
    """The address to ask about."""

    address: Annotated[str, Field(min_length=1, max_length=64), Input("アドレス", "Address")]


@routes.query("/tenants/<tenant>/sign-in-network-checks", Permission.SIGN_IN_NETWORKS_READ)
@cli_query("session check-network", "あるアドレスからログインできるかを確かめる", arguments=("address",))
def check_sign_in_address(tenant: UUID, query: SignInNetworkQuery) -> SignInNetworkCheck:
    """Say whether people of a tenant could sign in from an address."""
    return check_sign_in_network(db.session(), tenant, query.address)
