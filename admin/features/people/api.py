"""People of a tenant over the API."""

from __future__ import annotations

from uuid import UUID

from admin.core.guard import requires
from admin.features.people.entry_points import ENTRY_POINTS
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, paginate
from governance.kernel import clock
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.people import queries as people
from tenancy.people.models import MemberDetails
from tenancy.people.states import MemberState

routes = ApiRoutes(Tag.PEOPLE, ENTRY_POINTS)


class MembersQuery(PageQuery):
    """Which people; without a state everybody but those removed."""

    state: MemberState | None = None


class MemberPage(Page[MemberDetails]):
    """People in the order they were added."""


@routes.query_route("/tenants/<tenant>/members")
@requires(Permission.MEMBER_READ)
def list_members(tenant: UUID, query: MembersQuery) -> MemberPage:
    """List the people of a tenant."""
    found = people.members(db.session(), tenant, clock.now(), state=query.state)
    return paginate(MemberPage, found, lambda row: str(row.id), query)


@routes.query_route("/tenants/<tenant>/members/<member>")
@requires(Permission.MEMBER_READ)
def get_member(tenant: UUID, member: UUID) -> MemberDetails:
    """Show one person of a tenant."""
    return people.member(db.session(), tenant, member, clock.now())
