"""People of a tenant over the API and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import Field

from admin.features.people.entry_points import ENTRY_POINTS
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from governance.declaration import Input
from governance.kernel import clock
from governance.kernel.clock import jst_date
from governance.kernel.database import db
from governance.kernel.keyset import KeysetPage, PageRequest
from governance.permissions import Permission
from governance.persons import JoinedAccount, joined_accounts
from tenancy.people import queries as people
from tenancy.people.models import FoundPerson, MemberDetails, PlannedRoleChange
from tenancy.people.states import MemberState

routes = ApiRoutes(Tag.PEOPLE, ENTRY_POINTS)


class MembersQuery(PageQuery):
    """Which people; without a state everybody but those removed."""

    state: Annotated[MemberState, Input("状態", "State")] | None = None


def _line(row: MemberDetails) -> str:
    return f"{row.id}  {row.state:<9}  {row.family_name} {row.given_name}  {row.email}  {' '.join(row.roles)}".rstrip()


@routes.list("/tenants/<tenant>/members", Permission.MEMBER_READ, "MemberPage")
@cli_query("member list", "利用者の一覧", "members", _line, repeats=["code"])
def list_members(tenant: UUID, query: MembersQuery) -> Sequence[MemberDetails]:
    """List the people of a tenant in the order they were added, with their roles in force."""
    return people.members(db.session(), tenant, clock.now(), state=query.state)


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


@routes.list("/tenants/<tenant>/planned-role-changes", Permission.MEMBER_READ, "PlannedRoleChangePage")
@cli_query("member planned-changes", "予定されている変更の一覧", "changes", _planned_line, repeats=["code"])
def list_planned_role_changes(tenant: UUID) -> Sequence[PlannedRoleChange]:
    """List the roles that begin or end for people of a tenant on a day to come, the soonest first."""
    return people.planned_role_changes(db.session(), tenant, clock.now())


def _joined_line(row: JoinedAccount) -> str:
    return f"{row.account}  {row.person_id}  {row.joined_by}"


@routes.list("/joined-accounts", Permission.APPROVAL_READ, "JoinedAccountPage")
@cli_query("member joined-accounts", "結び付けたアカウントの一覧", "accounts", _joined_line)
def list_joined_accounts() -> Sequence[JoinedAccount]:
    """List the accounts that were joined to a person, in the order in which that was done."""
    return joined_accounts(db.session())
