"""People of a tenant over the API and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time
from typing import Annotated
from uuid import UUID

from pydantic import Field

from admin.core.guard import current_actor, requires
from admin.features.people.entry_points import ENTRY_POINTS
from admin.interface.api_requests import DateParam, IdParam, PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from governance.declaration import Input
from governance.file_imports import ImportColumn
from governance.kernel import clock
from governance.kernel.clock import jst_date
from governance.kernel.database import db
from governance.kernel.keyset import KeysetPage, PageRequest
from governance.kernel.labels import Label
from governance.permissions import Permission, Role
from governance.persons import JoinedAccount, joined_accounts
from tenancy.people import queries as people
from tenancy.people.bulk_changes import ImportMembers, import_members, preview_members
from tenancy.people.models import (
    FoundPerson,
    MemberDetails,
    MemberImportPreview,
    PlannedRoleChange,
    PlannedSectionChange,
)
from tenancy.people.roles_held import RoleHeld, moment_of, roles_held
from tenancy.people.states import MemberState, SignIn

routes = ApiRoutes(Tag.PEOPLE, ENTRY_POINTS)


class MembersQuery(PageQuery):
    """Which people; without a state everybody but those removed. `dormant`: active, and not signed in for 90 days."""

    state: Annotated[MemberState, Input("状態", "State")] | None = None
    role: Annotated[Role, Input("役割", "Role")] | None = None
    sign_in: Annotated[SignIn, Input("最終ログイン", "Last sign-in")] | None = None


def _line(row: MemberDetails) -> str:
    last = "-" if row.last_sign_in_at is None else jst_date(row.last_sign_in_at).isoformat()
    name, roles = f"{row.family_name} {row.given_name}", " ".join(row.roles)
    return f"{row.id}  {row.state:<9}  {last:<10}  {name}  {row.email}  {roles}".rstrip()


@routes.list("/tenants/<tenant>/members", Permission.MEMBER_READ, "MemberPage")
@cli_query("member list", "利用者の一覧", "members", _line, repeats=["code"])
def list_members(tenant: UUID, query: MembersQuery) -> Sequence[MemberDetails]:
    """List the people of a tenant in the order they were added, with their roles in force."""
    return people.members(db.session(), tenant, clock.now(), state=query.state, role=query.role, sign_in=query.sign_in)


class RolesHeldQuery(PageQuery):
    """At which moment, in Japan: without a day now, without a time at the end of that day. The filters narrow."""

    on: Annotated[DateParam, Input("日付", "Day")] | None = None
    time: (
        Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"), Input("時刻", "Time", Label("", "HH:MM"))]
        | None
    ) = None
    tenant_id: Annotated[IdParam, Input("団体", "Tenant", option="tenant-id")] | None = None
    role: Annotated[Role, Input("役割", "Role")] | None = None


def _role_held_line(row: RoleHeld) -> str:
    until = "-" if row.valid_until is None else row.valid_until.isoformat()
    name = f"{row.family_name} {row.given_name}"
    given = f"{row.valid_from.isoformat()}  {row.granted_by}"
    return f"{row.tenant_name}  {name}  {row.role}  {given}  {until}  {row.ended_by or '-'}"


@routes.list("/roles-held", Permission.ROLES_HELD_READ, "RoleHeldPage")
@cli_query("member roles-held", "ある時点でだれがどの役割を持っていたかの一覧", "roles", _role_held_line)
def list_roles_held(query: RolesHeldQuery, part: PageRequest) -> KeysetPage[RoleHeld]:
    """List who held which role at a moment, from when to when, given and ended by whom; a municipality its own.

    By tenant and person, in the order in which they were registered. A page may have fewer rows than asked for.
    """
    clock_time = None if query.time is None else time.fromisoformat(query.time)
    at = moment_of(query.on, clock_time, clock.now())
    return roles_held(db.session(), at, part, tenant_id=query.tenant_id, role=query.role)


class PeopleQuery(PageQuery):
    """Whom to find; `words` are looked for in names and e-mail addresses."""

    words: Annotated[str, Field(min_length=1, max_length=100), Input("語", "Words")]


def _found_line(row: FoundPerson) -> str:
    return f"{row.tenant_id}  {row.id}  {row.state:<9}  {row.family_name} {row.given_name}  {row.email}"


@routes.list("/members", Permission.MEMBER_READ, "FoundPersonPage")
@cli_query("member find", "利用者を氏名かメールアドレスで探す", "members", _found_line, arguments=["words"])
def find_members(query: PeopleQuery, part: PageRequest) -> KeysetPage[FoundPerson]:
    """List the people whose name or address has these words, by address; a municipality finds its own."""
    return people.find_people(db.session(), query.words, part)


@routes.query("/tenants/<tenant>/members/<member>", Permission.MEMBER_READ)
@cli_query("member show", "利用者を 1 人見る")
def get_member(tenant: UUID, member: UUID) -> MemberDetails:
    """Show one person of a tenant with the roles in force."""
    return people.member(db.session(), tenant, member, clock.now())


def _planned_line(row: PlannedRoleChange) -> str:
    day = jst_date(row.takes_effect_at).isoformat()
    return f"{row.id}  {day}  {row.member_id}  {row.family_name} {row.given_name}  {row.role}  {row.kind}"


@routes.list("/member-import-columns", Permission.MEMBER_READ, "MemberImportColumnPage")
@cli_query("member import-columns", "取り込めるファイルの列の一覧", "columns", "heading name content example")
def list_member_import_columns() -> Sequence[ImportColumn]:
    """List the columns that a file of people may have, in the order of the template."""
    return people.import_columns()


routes.command_route(
    "POST",
    "/tenants/<tenant>/member-imports",
    import_members,
    {"tenant": "tenant_id"},
    label_ja="利用者のファイルを取り込む",
)


@routes.action_route(
    "/tenants/<tenant>/member-import-previews",
    ImportMembers,
    {"tenant": "tenant_id"},
    ja="利用者の取込みの結果を行ごとに確かめる（変更なし）",
)
@requires(Permission.MEMBER_IMPORT)
def preview_member_import(command: ImportMembers, key: str) -> MemberImportPreview:
    """Say what importing a file of people would do, row by row; changes nothing."""
    return preview_members(db.session(), command, actor=current_actor())


@routes.list("/tenants/<tenant>/planned-role-changes", Permission.MEMBER_READ, "PlannedRoleChangePage")
@cli_query("member planned-changes", "予定されている変更の一覧", "changes", _planned_line, repeats=["code"])
def list_planned_role_changes(tenant: UUID) -> Sequence[PlannedRoleChange]:
    """List the roles that begin or end for people of a tenant on a day to come, the soonest first."""
    return people.planned_role_changes(db.session(), tenant, clock.now())


def _section_line(row: PlannedSectionChange) -> str:
    day = jst_date(row.takes_effect_at).isoformat()
    return f"{row.id}  {day}  {row.member_id}  {row.family_name} {row.given_name}  {row.section or '-'}"


@routes.list("/tenants/<tenant>/planned-section-changes", Permission.MEMBER_READ, "PlannedSectionChangePage")
@cli_query("member planned-sections", "予定されている所属の変更の一覧", "changes", _section_line, repeats=["code"])
def list_planned_section_changes(tenant: UUID) -> Sequence[PlannedSectionChange]:
    """List the sections that people of a tenant change to on a day to come, the soonest first."""
    return people.planned_section_changes(db.session(), tenant, clock.now())


def _joined_line(row: JoinedAccount) -> str:
    return f"{row.account}  {row.person_id}  {row.joined_by}"


@routes.list("/joined-accounts", Permission.APPROVAL_READ, "JoinedAccountPage")
@cli_query("member joined-accounts", "結び付けたアカウントの一覧", "accounts", _joined_line)
def list_joined_accounts() -> Sequence[JoinedAccount]:
    """List the accounts that were joined to a person, in the order in which that was done."""
    return joined_accounts(db.session())
