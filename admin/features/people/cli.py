"""`moyai member`: the people of a tenant, the operator's own among them. Keycloak follows by the worker."""

from __future__ import annotations

from uuid import UUID

import click
from sqlalchemy.orm import Session

from admin.features.people.entry_points import ENTRY_POINTS
from admin.interface.command_line import command_group
from admin.interface.output import Answer
from admin.interface.param_types import find_tenant
from governance.kernel import clock
from governance.permissions import Permission
from tenancy.people import queries
from tenancy.people.models import MemberDetails
from tenancy.people.states import MemberState

member = command_group("member", "利用者 / People of a tenant.", ENTRY_POINTS)


@member.query("list", Permission.MEMBER_READ)
@click.argument("code")
@click.option(
    "--state",
    type=click.Choice([state.value for state in MemberState]),
    help="Only people in this state; otherwise all but those removed.",
)
def list_members(session: Session, code: str, state: str | None) -> Answer:
    """利用者の一覧 / The people of a tenant with their roles in force, in the order they were added."""
    tenant = find_tenant(session, code)
    found = queries.members(session, tenant.id, clock.now(), state=None if state is None else MemberState(state))
    return Answer({"code": tenant.code, "members": found}, map(_line, found))


@member.query("show", Permission.MEMBER_READ)
@click.argument("code")
@click.argument("member_id", type=click.UUID)
def show_member(session: Session, code: str, member_id: UUID) -> MemberDetails:
    """利用者を 1 人見る / One person of a tenant with the roles in force. MEMBER_ID as for `member disable`."""
    return queries.member(session, find_tenant(session, code).id, member_id, clock.now())


def _line(row: MemberDetails) -> str:
    return f"{row.id}  {row.state:<9}  {row.family_name} {row.given_name}  {row.email}  {' '.join(row.roles)}".rstrip()
