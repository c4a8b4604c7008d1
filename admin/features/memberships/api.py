"""The tenants of one's own account, and those that ask for it, over the API and the command line."""

from __future__ import annotations

from collections.abc import Sequence

from admin.features.memberships.entry_points import ENTRY_POINTS
from admin.identity.memberships import consent_requests_of, memberships_of
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.own_tasks import asking_actor
from admin.interface.queries import cli_query
from governance.permissions import Permission
from tenancy.people.models import ConsentRequest, OwnMembership

routes = ApiRoutes(Tag.PEOPLE, ENTRY_POINTS)


@routes.list("/memberships", Permission.OVERVIEW_READ, "OwnMembershipPage", key="tenant_id")
@cli_query("membership list", "自分が利用できる団体の一覧", "tenants", "tenant_id code name")
def list_memberships() -> Sequence[OwnMembership]:
    """List the tenants that one may use with one's account, this one among them."""
    return memberships_of(asking_actor())


def _line(row: ConsentRequest) -> str:
    return f"{row.member_id}  {row.tenant_name}  {' '.join(row.roles)}"


@routes.list("/consent-requests", Permission.OVERVIEW_READ, "ConsentRequestPage", key="member_id")
@cli_query("membership requests", "自分の承諾を待っている団体の一覧", "requests", _line)
def list_consent_requests() -> Sequence[ConsentRequest]:
    """List the tenants that ask whether one wants to be their member, too; the code is in the mail."""
    return consent_requests_of(asking_actor())
