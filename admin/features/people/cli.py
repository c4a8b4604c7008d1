"""`moyai member`: the people of a tenant, the operator's own among them. Keycloak follows by the worker."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import click

from admin.interface.cli_context import app_context
from admin.interface.option_names import option_names
from admin.interface.output import handle_errors, print_json, print_model
from admin.interface.param_types import as_json_option, find_tenant, find_tenant_id, print_result
from governance.commands import system_transaction
from governance.declaration import build_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.permissions import OPERATOR_ROLES, TENANT_ROLES, Role
from tenancy.people import queries
from tenancy.people.commands import AddMember, DisableMember, add_member, disable_member
from tenancy.people.states import MemberState

_ROLES: Final = sorted(TENANT_ROLES | OPERATOR_ROLES)


@click.group()
def member() -> None:
    """利用者 / People of a tenant."""


@member.command("add")
@click.argument("code")
@click.option("--family-name", required=True)
@click.option("--given-name", required=True)
@click.option("--email", required=True)
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([role.value for role in _ROLES]),
    help="Once for each role; without any, a plain member.",
)
@as_json_option
@handle_errors
def add(code: str, family_name: str, given_name: str, email: str, roles: tuple[str, ...], as_json: bool) -> None:
    """利用者を追加する / Add a person to a tenant, or to the operator by its own code, with roles."""
    with option_names(tenant_id="CODE"), app_context() as context:
        command = build_command(
            AddMember,
            tenant_id=find_tenant_id(code),
            family_name=family_name,
            given_name=given_name,
            email=email,
            roles=tuple(Role(role) for role in roles),
        )
        added = add_member(command, actor=context.actor)
    print_result({"member_id": str(added.member_id), "person_id": str(added.person_id)}, as_json)


@member.command("list")
@click.argument("code")
@click.option(
    "--state",
    type=click.Choice([state.value for state in MemberState]),
    help="Only people in this state; otherwise all but those removed.",
)
@as_json_option
@handle_errors
def list_members(code: str, state: str | None, as_json: bool) -> None:
    """利用者の一覧 / The people of a tenant with their roles in force, in the order they were added."""
    with app_context(), system_transaction(OPERATOR) as session:
        tenant = find_tenant(session, code)
        found = queries.members(session, tenant.id, clock.now(), state=None if state is None else MemberState(state))
    if as_json:
        print_json({"code": tenant.code, "members": found})
        return
    for row in found:
        name = f"{row.family_name} {row.given_name}"
        click.echo(f"{row.id}  {row.state:<9}  {name}  {row.email}  {' '.join(row.roles)}".rstrip())


@member.command("show")
@click.argument("code")
@click.argument("member_id", type=click.UUID)
@as_json_option
@handle_errors
def show_member(code: str, member_id: UUID, as_json: bool) -> None:
    """利用者を 1 人見る / One person of a tenant with the roles in force. MEMBER_ID as for `member disable`."""
    with option_names(tenant_id="CODE"), app_context():
        tenant_id = find_tenant_id(code)
        known_id = _member_id(tenant_id, member_id)
        with system_transaction(OPERATOR) as session:
            found = queries.member(session, tenant_id, known_id, clock.now())
    print_model(found, as_json)


@member.command("disable")
@click.argument("code")
@click.argument("member_id", type=click.UUID)
@click.option("--reason", required=True)
@as_json_option
@handle_errors
def disable(code: str, member_id: UUID, reason: str, as_json: bool) -> None:
    """利用者を停止する / Suspend a person: all roles are revoked now; sessions end as soon as Keycloak is updated.

    MEMBER_ID is the id that `member list` prints, or the person_id, which is the username in Keycloak.
    """
    with option_names(tenant_id="CODE"), app_context() as context:
        tenant_id = find_tenant_id(code)
        command = build_command(
            DisableMember, tenant_id=tenant_id, member_id=_member_id(tenant_id, member_id), reason=reason
        )
        disabled = disable_member(command, actor=context.actor)
    result = {
        "member_id": str(command.member_id),
        "grants_ended": disabled.grants_ended,
        "job_id": str(disabled.job_id),
    }
    print_result(result, as_json)


def _member_id(tenant_id: UUID, given: UUID) -> UUID:
    """The id of the member whose person_id was given; anything else as it is, for the command to find or refuse."""
    with system_transaction(OPERATOR) as session:
        found = queries.member_of_person(session, tenant_id, given)
        return given if found is None else found.id
