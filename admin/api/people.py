"""People and service clients of a tenant."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from admin.api.paging import Page, page_of
from admin.api.reading import PageQuery
from admin.api.routes import Tag, deed, read
from admin.guard import asks
from governance.kernel import clock
from governance.kernel.database import db
from governance.permissions import Permission, Role
from tenancy.clients import queries as clients
from tenancy.clients.commands import register_client
from tenancy.clients.tables import ClientState
from tenancy.people import queries as people
from tenancy.people.commands import add_member, disable_member
from tenancy.people.tables import Member, MemberState


class MembersQuery(PageQuery):
    """Which people; without a state everybody but those removed."""

    state: MemberState | None = None


class MemberShown(BaseModel):
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


class MemberPage(Page[MemberShown]):
    """People in the order they were added."""


class ClientShown(BaseModel):
    """A system of a tenant; `jwks` holds its public keys as they were given."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    scopes: list[str]
    state: ClientState
    valid_from: date
    valid_until: date | None
    jwks: str
    registered_at: datetime


class ClientPage(Page[ClientShown]):
    """Service clients in the order they were registered."""


@read("/tenants/<tenant>/members", Tag.PEOPLE)
@asks(Permission.MEMBER_READ)
def list_members(tenant: UUID, query: MembersQuery) -> MemberPage:
    """List the people of a tenant."""
    roles = people.roles_of_members(db.session(), tenant, clock.now())
    found = [_shown(row, roles) for row in people.members(db.session(), tenant, state=query.state)]
    return page_of(MemberPage, found, lambda row: str(row.id), query)


@read("/tenants/<tenant>/members/<member>", Tag.PEOPLE)
@asks(Permission.MEMBER_READ)
def show_member(tenant: UUID, member: UUID) -> MemberShown:
    """Show one person of a tenant."""
    found = people.member(db.session(), tenant, member)
    return _shown(found, people.roles_of_members(db.session(), tenant, clock.now()))


@read("/tenants/<tenant>/service-clients", Tag.PEOPLE)
@asks(Permission.CLIENT_READ)
def list_clients(tenant: UUID, query: PageQuery) -> ClientPage:
    """List the service clients of a tenant, stopped ones too."""
    found = clients.service_clients(db.session(), tenant, also_stopped=True)
    return page_of(ClientPage, found, lambda row: str(row.id), query)


@read("/tenants/<tenant>/service-clients/<client>", Tag.PEOPLE)
@asks(Permission.CLIENT_READ)
def show_client(tenant: UUID, client: UUID) -> ClientShown:
    """Show one service client of a tenant."""
    return ClientShown.model_validate(clients.service_client(db.session(), tenant, client))


deed("POST", "/tenants/<tenant>/members", add_member, Tag.PEOPLE, {"tenant": "tenant_id"})
deed(
    "POST",
    "/tenants/<tenant>/members/<member>/suspension",
    disable_member,
    Tag.PEOPLE,
    {"tenant": "tenant_id", "member": "member_id"},
)
deed("POST", "/tenants/<tenant>/service-clients", register_client, Tag.PEOPLE, {"tenant": "tenant_id"})


def _shown(row: Member, roles: dict[UUID, Any]) -> MemberShown:
    return MemberShown(
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
