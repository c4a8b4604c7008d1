"""People of a tenant over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from admin.core.guard import requires
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, paginate
from governance.kernel import clock
from governance.kernel.database import db
from governance.permissions import Permission, Role
from tenancy.people import queries as people
from tenancy.people.commands import add_member, disable_member
from tenancy.people.states import MemberState
from tenancy.people.tables import Member

routes = ApiRoutes(Tag.PEOPLE)


class MembersQuery(PageQuery):
    """Which people; without a state everybody but those removed."""

    state: MemberState | None = None


class MemberResponse(BaseModel):
    """A person of a tenant. `person_id` is the username in Keycloak; `roles` are those in force."""

    id: UUID
    person_id: UUID
    family_name: str
    given_name: str
    email: str
    state: MemberState
    roles: list[Role]
    password_mail_sent_at: datetime | None
    added_at: datetime


class MemberPage(Page[MemberResponse]):
    """People in the order they were added."""


@routes.query_route("/tenants/<tenant>/members")
@requires(Permission.MEMBER_READ)
def list_members(tenant: UUID, query: MembersQuery) -> MemberPage:
    """List the people of a tenant."""
    roles = people.roles_of_members(db.session(), tenant, clock.now())
    found = [_to_response(row, roles) for row in people.members(db.session(), tenant, state=query.state)]
    return paginate(MemberPage, found, lambda row: str(row.id), query)


@routes.query_route("/tenants/<tenant>/members/<member>")
@requires(Permission.MEMBER_READ)
def get_member(tenant: UUID, member: UUID) -> MemberResponse:
    """Show one person of a tenant."""
    found = people.member(db.session(), tenant, member)
    return _to_response(found, people.roles_of_members(db.session(), tenant, clock.now()))


routes.command_route("POST", "/tenants/<tenant>/members", add_member, {"tenant": "tenant_id"})

routes.command_route(
    "POST",
    "/tenants/<tenant>/members/<member>/suspension",
    disable_member,
    {"tenant": "tenant_id", "member": "member_id"},
)


def _to_response(row: Member, roles: dict[UUID, Any]) -> MemberResponse:
    return MemberResponse(
        id=row.id,
        person_id=row.person_id,
        family_name=row.family_name,
        given_name=row.given_name,
        email=row.email,
        state=MemberState(row.state),
        roles=sorted(roles.get(row.person_id, ())),
        password_mail_sent_at=row.password_mail_sent_at,
        added_at=row.added_at,
    )
