"""What importing a file of people would do, row by row: the same verdict for the preview and for the import itself.

The tenant's people and their grants are read once; each row is then judged by what a command about one person would
refuse, without asking the database again, so that 5,000 rows are judged in seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.actors import Actor
from governance.commands import PERMISSION_MISSING
from governance.file_imports import problem_facts, row_facts
from governance.grants import GrantFacts, fewest_holders, grants_in_tenant
from governance.kernel.clock import jst_date
from governance.kernel.errors import Conflict, DomainError, Invalid, NotAllowed, message
from governance.kernel.table_file import CellProblem, Encoding, FileFormat
from governance.labels import permission_wording
from governance.permissions import Permission, Role
from governance.persons import accounts_of_person
from tenancy.people.commands import ADDRESS_TAKEN, NOT_PRESENT, TENANT_GONE
from tenancy.people.member_file import (
    ACTION,
    EMAIL,
    FAMILY_NAME,
    FIRST_DAY,
    GIVEN_NAME,
    ROLES,
    SECTION,
    MemberRow,
    read_people,
)
from tenancy.people.models import MemberImportPreview, MemberImportRow
from tenancy.people.owners import LAST_OWNER
from tenancy.people.queries import PRESENT_STATES, sections_over_time
from tenancy.people.rights import PERSON_ABOVE_OWN, ROLE_ABOVE_OWN, grantable_by, may_withdraw
from tenancy.people.role_changes import BEGINS_IN_THE_PAST, TO_ONESELF, midnight
from tenancy.people.role_changes import NOT_PRESENT as ROLES_OF_ABSENT
from tenancy.people.second_person import is_owner_from_outside
from tenancy.people.states import MemberAction, MemberState
from tenancy.people.tables import Member
from tenancy.quotas.labels import dimension_wording, unit_wording
from tenancy.quotas.queries import quotas_in_force
from tenancy.tenants.models import TenantDetails
from tenancy.tenants.states import TenantState

OPERATORS_ONE_BY_ONE = message(
    "member_import.not_of_the_operator",
    ja="運営者の利用者は、ファイルからは登録できません。",
    en="People of the operator are not imported from a file.",
    hint_ja="別の人の承認が必要なので、1 人ずつ追加してください。",
    hint_en="Another person has to approve each of them; add them one by one.",
)
TWICE_IN_FILE = message(
    "member_import.twice_in_file",
    ja="メールアドレス {given} は {line} 行目にもあります。",
    en="The address {given} is also on line {line}.",
    hint_ja="1 人について 1 行にしてください。",
    hint_en="Give one row for each person.",
)
NOBODY_WITH_ADDRESS = message(
    "member_import.nobody_with_address",
    ja="メールアドレス {given} の利用者は、この団体にいません。",
    en="Nobody of this tenant has the address {given}.",
    hint_ja="新しい利用者なら、操作を「追加」にしてください。",
    hint_en="Give the action “add” for somebody new.",
)
ANOTHER_NAME = message(
    "member_import.another_name",
    ja="「{given}」は、このメールアドレスで登録されている名前（{registered}）と違います。",
    en="“{given}” is not the name registered with this address ({registered}).",
    hint_ja="人違いでなければ、登録されている名前にするか、空にしてください。",
    hint_en="If it is the same person, give the registered name, or leave it empty.",
)
HAS_PLANNED_CHANGES = message(
    "member_import.has_planned_changes",
    ja="この利用者には、予定されている役割の変更があります。",
    en="A change of this person's roles is planned already.",
    hint_ja="予定を取り消すか、その日が過ぎてから変更してください。",
    hint_en="Undo it, or change the roles after its day.",
)
OWNER_FROM_OUTSIDE = message(
    "member_import.owner_from_outside",
    ja="参加中の団体の団体管理者は、ファイルからは追加できません。",
    en="Owners of a tenant that takes part are not added from a file.",
    hint_ja="別の人の承認が必要なので、1 人ずつ追加してください。",
    hint_en="Another person has to approve it; add them one by one.",
)
TOO_MANY_PEOPLE = message(
    "member_import.too_many_people",
    ja="取り込むと{label}が {count} {unit}になり、利用枠の上限 {value} {unit}を超えます。",
    en="With this file there would be {count} {unit} of {label}; the quota is {value}.",
    hint_ja="利用枠の変更を申請するか、行を減らしてください。",
    hint_en="Request another quota, or leave rows out.",
)

_PERMISSIONS: Final[Mapping[MemberAction, tuple[Permission, ...]]] = {
    MemberAction.ADD: (Permission.MEMBER_ADD,),
    MemberAction.CHANGE: (),
    MemberAction.SUSPEND: (Permission.MEMBER_DISABLE,),
    MemberAction.REMOVE: (Permission.MEMBER_REMOVE,),
}
"""What each action needs of the actor, as it does for one person; a change needs what its cells change."""
_ROLE_PERMISSIONS: Final = (Permission.MEMBER_GRANT_ROLE, Permission.MEMBER_END_ROLE)


_PLACES: Final = frozenset({MemberAction.ADD, MemberAction.CHANGE})
"""The actions that read the section."""


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """Somebody of the tenant who is not removed. `held` are the roles in force, `has_planned` whether more lies ahead,
    `sections` those of all times with the instant from which each counts.
    """

    member_id: UUID
    person_id: UUID
    family_name: str
    given_name: str
    state: MemberState
    held: frozenset[Role]
    to_hold: frozenset[Role]
    has_planned: bool
    sections: Sequence[tuple[datetime, str | None]]

    def section_at(self, instant: datetime) -> str | None:
        """The section this person works in at an instant, None for none."""
        return next((section for since, section in reversed(self.sections) if since <= instant), None)


@dataclass(frozen=True, slots=True)
class MemberVerdict:
    """One row: whom it is about, which roles begin and end and which section begins `since` an instant (empty for none
    at all, None where it stays), or all that is wrong with it.
    """

    row: MemberRow
    problems: tuple[CellProblem, ...]
    known: KnownPerson | None
    granted: frozenset[Role]
    ended: frozenset[Role]
    section: str | None
    since: datetime

    @property
    def preview(self) -> MemberImportRow:
        """The verdict as it is shown."""
        return MemberImportRow(
            action=self.row.action,
            family_name=self.row.family_name or ("" if self.known is None else self.known.family_name),
            given_name=self.row.given_name or ("" if self.known is None else self.known.given_name),
            email=self.row.email,
            roles_granted=tuple(sorted(self.granted)),
            roles_ended=tuple(sorted(self.ended)),
            section=self.section,
            valid_from=self.row.valid_from,
            **row_facts(self.row.line, self.problems, self.row.readings),
        )


@dataclass(frozen=True, slots=True)
class MemberImportVerdict:
    """The verdict on a file: how it was read, its SHA-256, what is wrong with the whole, each row in its order."""

    file_format: FileFormat
    sha256: str
    problems: tuple[CellProblem, ...]
    rows: tuple[MemberVerdict, ...]

    @property
    def preview(self) -> MemberImportPreview:
        """The verdict as it is shown."""
        counts = Counter(one.row.action for one in self.rows if not one.problems)
        return MemberImportPreview(
            encoding=self.file_format,
            sha256=self.sha256,
            accepted=not self.refusals,
            problems=tuple(problem_facts(one) for one in self.problems),
            rows=tuple(row.preview for row in self.rows),
            added=counts[MemberAction.ADD],
            changed=counts[MemberAction.CHANGE],
            suspended=counts[MemberAction.SUSPEND],
            removed=counts[MemberAction.REMOVE],
        )

    @property
    def refusals(self) -> tuple[tuple[int, DomainError], ...]:
        """Everything that is wrong, with its line; the heading is line 1."""
        return (
            *((1, one.refusal) for one in self.problems),
            *((one.row.line, problem.refusal) for one in self.rows for problem in one.problems),
        )


def examine_people(
    session: Session,
    actor: Actor,
    tenant: TenantDetails,
    content: bytes,
    *,
    encoding: Encoding | None,
    now: datetime,
) -> MemberImportVerdict:
    """Read the file and judge each row by the tenant's people as they are now, and by the actor's rights.

    Raises Invalid where the file cannot be read at all, Conflict for the operator and a tenant that leaves or left.
    """
    if tenant.is_operator:
        raise Conflict(OPERATORS_ONE_BY_ONE, field="tenant_id")
    if tenant.state in (TenantState.LEAVING, TenantState.LEFT):
        raise Conflict(TENANT_GONE, field="tenant_id", name=tenant.name, state=TenantState(tenant.state))
    file = read_people(content, encoding)
    grants = grants_in_tenant(session, tenant.id)
    known = _known_people(session, tenant.id, grants, now)
    judge = _Judge(
        actor,
        tenant,
        now,
        known,
        file.headings,
        frozenset(accounts_of_person(session, actor.id)),
    )
    rows = [judge.verdict(row) for row in file.rows]
    rows = _with_last_owner(rows, known, grants, file.headings, now)
    problems = (*file.problems, *_quota_problems(session, tenant, rows, known, jst_date(now)))
    return MemberImportVerdict(file.file_format, file.sha256, problems, tuple(rows))


def _known_people(
    session: Session, tenant_id: UUID, grants: Sequence[GrantFacts], now: datetime
) -> dict[str, KnownPerson]:
    """Everybody of the tenant who is not removed, by the address in lower case."""
    held: dict[UUID, set[Role]] = {}
    to_hold: dict[UUID, set[Role]] = {}
    planned: set[UUID] = set()
    for one in grants:
        is_empty = one.valid_until is not None and one.valid_until <= one.valid_from
        if is_empty or (one.valid_until is not None and one.valid_until <= now):
            continue
        to_hold.setdefault(one.person_id, set()).add(one.role)
        if one.in_force_on(now):
            held.setdefault(one.person_id, set()).add(one.role)
        if one.valid_from > now or one.valid_until is not None:
            planned.add(one.person_id)
    columns = select(
        Member.id, Member.person_id, Member.family_name, Member.given_name, Member.state, Member.email_key
    ).where(Member.tenant_id == tenant_id, Member.state != MemberState.REMOVED)
    sections = sections_over_time(session, tenant_id)
    return {
        row.email_key: KnownPerson(
            row.id,
            row.person_id,
            row.family_name,
            row.given_name,
            MemberState(row.state),
            frozenset(held.get(row.person_id, ())),
            frozenset(to_hold.get(row.person_id, ())),
            row.person_id in planned,
            sections.get(row.id, ()),
        )
        for row in session.execute(columns)
    }


def _is_about_roles(row: MemberRow) -> bool:
    """Whether a row that changes somebody changes roles, and not the section alone."""
    return row.roles is not None or row.section is None


class _Judge:
    """Judges one row after another: each by itself, by the rows before it and by the tenant's people."""

    def __init__(
        self,
        actor: Actor,
        tenant: TenantDetails,
        now: datetime,
        known: Mapping[str, KnownPerson],
        headings: Mapping[str, str],
        own_accounts: frozenset[str],
    ) -> None:
        self._actor = actor
        self._tenant = tenant
        self._now = now
        self._today = jst_date(now)
        self._known = known
        self._headings = headings
        self._own_accounts = own_accounts
        self._grantable = grantable_by(actor) | {Role.TENANT_MEMBER}
        self._first_line: dict[str, int] = {}

    def verdict(self, row: MemberRow) -> MemberVerdict:
        """The verdict on a row; what is wrong with it by itself comes first."""
        found: list[tuple[str, str, DomainError]] = []
        known = self._known.get(row.email_key) if row.email else None
        granted: frozenset[Role] = frozenset()
        ended: frozenset[Role] = frozenset()
        if row.action is not None:
            found += self._missing_permissions(row)
        if row.email and (line := self._first_line.setdefault(row.email_key, row.line)) != row.line:
            found.append((EMAIL, row.email, Conflict(TWICE_IN_FILE, given=row.email, line=line)))
        elif row.email and row.action is MemberAction.ADD:
            if known is not None:
                found.append((EMAIL, row.email, Conflict(ADDRESS_TAKEN, state=known.state)))
        elif row.email and row.action is not None:
            found += self._about_somebody(row, row.action, known)
        if row.action is MemberAction.ADD:
            granted = row.roles or frozenset()
        elif row.action is MemberAction.CHANGE and known is not None and row.roles is not None:
            held = known.held - {Role.TENANT_MEMBER}
            granted, ended = row.roles - held, held - row.roles
        found += self._roles(row, known, granted, ended)
        if row.valid_from is not None and row.valid_from < self._today:
            past = Invalid(BEGINS_IN_THE_PAST, given=row.valid_from.isoformat())
            found.append((FIRST_DAY, row.valid_from.isoformat(), past))
        at_once = row.valid_from is None or row.valid_from <= self._today
        since = self._now if at_once or row.valid_from is None else midnight(row.valid_from)
        section = None
        if row.section is not None and row.action in _PLACES:
            present = None if known is None else known.section_at(since)
            section = None if (row.section or None) == present else row.section
        problems = (*row.problems, *(self._problem(*one) for one in found))
        return MemberVerdict(row, problems, known, granted, ended, section, since)

    def _missing_permissions(self, row: MemberRow) -> list[tuple[str, str, DomainError]]:
        """What the actor lacks for what the row does; a change of the section alone needs no right to grant roles."""
        if row.action is None:
            return []
        needed = [(ACTION, row.action.ja, one) for one in _PERMISSIONS[row.action]]
        if row.action is MemberAction.CHANGE and _is_about_roles(row):
            needed += [(ACTION, row.action.ja, one) for one in _ROLE_PERMISSIONS]
        missing = [one for one in needed if not self._actor.may(one[2])][:1]
        if row.section is not None and row.action in _PLACES and not self._actor.may(Permission.MEMBER_CHANGE_SECTION):
            missing.append((SECTION, row.section, Permission.MEMBER_CHANGE_SECTION))
        return [
            (column, given, NotAllowed(PERMISSION_MISSING, permission=permission_wording(one)))
            for column, given, one in missing
        ]

    def _about_somebody(
        self, row: MemberRow, action: MemberAction, known: KnownPerson | None
    ) -> list[tuple[str, str, DomainError]]:
        """What keeps a row from being about somebody who is here."""
        if known is None:
            return [(EMAIL, row.email, Invalid(NOBODY_WITH_ADDRESS, given=row.email))]
        found: list[tuple[str, str, DomainError]] = [
            (column, given, Invalid(ANOTHER_NAME, given=given, registered=registered))
            for column, given, registered in (
                (FAMILY_NAME, row.family_name, known.family_name),
                (GIVEN_NAME, row.given_name, known.given_name),
            )
            if given and given != registered
        ]
        changes_roles = action is MemberAction.CHANGE and _is_about_roles(row)
        if changes_roles and known.state not in PRESENT_STATES:
            found.append((EMAIL, row.email, Conflict(ROLES_OF_ABSENT, state=known.state)))
        elif changes_roles and known.has_planned:
            found.append((EMAIL, row.email, Conflict(HAS_PLANNED_CHANGES)))
        elif action is MemberAction.SUSPEND and known.state not in PRESENT_STATES:
            found.append((EMAIL, row.email, Conflict(NOT_PRESENT, state=known.state)))
        if action is not MemberAction.CHANGE and not may_withdraw(self._actor, known.to_hold):
            above = min(role for role in known.to_hold if not may_withdraw(self._actor, {role}))
            found.append((EMAIL, row.email, NotAllowed(PERSON_ABOVE_OWN, role=above)))
        return found

    def _roles(
        self, row: MemberRow, known: KnownPerson | None, granted: frozenset[Role], ended: frozenset[Role]
    ) -> list[tuple[str, str, DomainError]]:
        """What keeps the roles from being granted or ended: nobody reaches above their own rights."""
        given = "、".join(role.ja for role in sorted(row.roles or ()))
        found: list[tuple[str, str, DomainError]] = []
        for role in sorted(granted - self._grantable):
            found.append((ROLES, role.ja, NotAllowed(ROLE_ABOVE_OWN, role=role)))
        for role in sorted(ended):
            if not may_withdraw(self._actor, {role}):
                found.append((ROLES, given, NotAllowed(PERSON_ABOVE_OWN, role=role)))
        if granted and known is not None and str(known.person_id) in self._own_accounts:
            found.append((EMAIL, row.email, NotAllowed(TO_ONESELF)))
        if Role.TENANT_OWNER in granted & self._grantable and is_owner_from_outside(self._actor, self._tenant):
            found.append((ROLES, Role.TENANT_OWNER.ja, Conflict(OWNER_FROM_OUTSIDE)))
        return found

    def _problem(self, column: str, given: str, refusal: DomainError) -> CellProblem:
        heading = self._headings.get(column, "")
        return CellProblem(heading, given, refusal.at(heading))


def _with_last_owner(
    rows: list[MemberVerdict],
    known: Mapping[str, KnownPerson],
    grants: Sequence[GrantFacts],
    headings: Mapping[str, str],
    now: datetime,
) -> list[MemberVerdict]:
    """The same verdicts, with a problem at each row that takes an owner away where none would be left on some day."""
    present = {one.person_id for one in known.values() if one.state in PRESENT_STATES}
    before = [one for one in grants if one.role is Role.TENANT_OWNER and one.person_id in present]
    ends: dict[UUID, datetime] = {}
    added: list[GrantFacts] = []
    for one in rows:
        if one.problems:
            continue
        if one.known is not None and (
            one.row.action in (MemberAction.SUSPEND, MemberAction.REMOVE) or Role.TENANT_OWNER in one.ended
        ):
            ends[one.known.person_id] = one.since
        if Role.TENANT_OWNER in one.granted:
            # Somebody new has no id yet: any that nobody else has will do.
            person_id = UUID(int=one.row.line) if one.known is None else one.known.person_id
            added.append(
                GrantFacts(
                    person_id=person_id,
                    role=Role.TENANT_OWNER,
                    valid_from=one.since,
                    valid_until=None,
                    granted_by="",
                )
            )
    if not any(one.person_id in ends for one in before):
        return rows
    after = [
        one.model_copy(update={"valid_until": min(filter(None, (one.valid_until, ends[one.person_id])))})
        if one.person_id in ends
        else one
        for one in before
    ]
    if fewest_holders([*after, *added], Role.TENANT_OWNER, since=now) >= 1:
        return rows
    holders = {one.person_id for one in before}
    heading = headings.get(EMAIL, "")
    return [
        one
        if one.problems or one.known is None or one.known.person_id not in holders & ends.keys()
        else MemberVerdict(
            one.row,
            (CellProblem(heading, one.row.email, Conflict(LAST_OWNER, field=heading)),),
            one.known,
            one.granted,
            one.ended,
            one.section,
            one.since,
        )
        for one in rows
    ]


def _quota_problems(
    session: Session,
    tenant: TenantDetails,
    rows: Sequence[MemberVerdict],
    known: Mapping[str, KnownPerson],
    today: date,
) -> list[CellProblem]:
    """That the people after the import would be more than the tenant's quota; nothing where the file adds nobody."""
    accepted = [one for one in rows if not one.problems]
    added = sum(one.row.action is MemberAction.ADD for one in accepted)
    leaving = sum(
        one.known is not None
        and one.known.state in PRESENT_STATES
        and one.row.action in (MemberAction.SUSPEND, MemberAction.REMOVE)
        for one in accepted
    )
    count = sum(one.state in PRESENT_STATES for one in known.values()) + added - leaving
    quota = next((one for one in quotas_in_force(session, tenant.id, today) if one.dimension == "users"), None)
    if not added or quota is None or quota.value is None or count <= quota.value:
        return []
    refusal = Conflict(
        TOO_MANY_PEOPLE,
        field="content",
        label=dimension_wording("users", quota.label),
        count=count,
        value=quota.value,
        unit=unit_wording(quota.unit),
    )
    return [CellProblem("", "", refusal)]
