"""所属: the section a person of a tenant works in, now and from a day to come. It gives no right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from sqlalchemy import ColumnElement, delete, tuple_

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, message
from governance.kernel.field_types import Id, JstDate, LongLine, PlainLine
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.people.queries import sections_of_people
from tenancy.people.role_changes import beginning, day_ahead
from tenancy.people.rows import member_row
from tenancy.people.states import MemberState
from tenancy.people.tables import Member, MemberSection
from tenancy.tenants.queries import lock_tenant

SECTION_OF_REMOVED = message(
    "member.section_of_removed",
    ja="削除した利用者の所属は変更できません。",
    en="The section of somebody who was removed is not changed.",
)
SAME_SECTION = message(
    "member.same_section",
    ja="その日の所属は、すでに「{section}」です。",
    en="The section is {section} on that day already.",
)
NO_SECTION_PLANNED = message(
    "member.no_planned_section",
    ja="この所属の変更は、すでに行われたか取り消されています。",
    en="This change of section has taken effect or was undone already.",
)


class ChangeSection(Command):
    """The section that a person works in from a day on, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[
        Id, Input("利用者", "Member", Label("", "The id that `member list` prints, or the username in Keycloak."))
    ]
    section: Annotated[
        PlainLine | None,
        Input(
            "新しい所属", "New section", Label("例: 総務課。空欄なら所属なし", "such as General Affairs; none if empty")
        ),
    ] = None
    valid_from: Annotated[
        JstDate | None,
        Input(
            "適用日",
            "First day",
            Label("その日の 0:00 から。空欄ならただちに", "from 0:00 of that day; at once if empty"),
            option="first-day",
        ),
    ] = None
    reason: Annotated[LongLine, Input("理由", "Reason")]


class SectionChanged(Result):
    """Whose section it is, the change's id, and from when it counts."""

    person_id: UUID
    change_id: UUID
    takes_effect_at: datetime


@handles(Permission.MEMBER_CHANGE_SECTION, Event.MEMBER_SECTION_CHANGED, edits="member {member_id}")
def change_section(ctx: CommandContext, command: ChangeSection) -> SectionChanged:
    """Change a person's section now or from a day on. What was prepared for the same day is replaced.

    Raises NotFound, Invalid for a day that is over, Conflict for somebody who was removed and for the section that
    they have then already.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    member = member_row(ctx.session, tenant.id, command.member_id)
    if member.state == MemberState.REMOVED:
        raise Conflict(SECTION_OF_REMOVED, field="member_id")
    at = beginning(ctx, command.valid_from)
    if sections_of_people(ctx.session, tenant.id, at, member_id=member.id).get(member.id) == command.section:
        raise Conflict(SAME_SECTION, field="section", section=command.section or "―")
    (change_id,) = place_in_sections(ctx, tenant.id, [NewSection(member, command.section, at)], command.reason)
    return SectionChanged(person_id=member.person_id, change_id=change_id, takes_effect_at=at)


@dataclass(frozen=True, slots=True)
class NewSection:
    """The section that a person works in from an instant on; None for none."""

    member: Member
    section: str | None
    since: datetime


def place_in_sections(ctx: CommandContext, tenant_id: UUID, wanted: Sequence[NewSection], reason: str) -> list[UUID]:
    """Record these sections, each with its event; what was prepared for the same instants is replaced. Their ids."""
    places = [(one.member.id, one.since) for one in wanted]
    is_replaced = tuple_(MemberSection.member_id, MemberSection.valid_from).in_(places)
    ctx.session.execute(delete(MemberSection).where(MemberSection.tenant_id == tenant_id, is_replaced))
    made = [
        MemberSection(
            id=new_id(),
            tenant_id=tenant_id,
            member_id=one.member.id,
            section=one.section,
            valid_from=one.since,
            set_by=ctx.actor.id,
        )
        for one in wanted
    ]
    ctx.session.add_all(made)
    ctx.session.flush()
    for one in wanted:
        ctx.audit(
            event=Event.MEMBER_SECTION_CHANGED,
            subject=one.member.person_id,
            tenant_id=tenant_id,
            section=one.section,
            valid_from=day_ahead(ctx, one.since),
            reason=reason,
        )
    return [one.id for one in made]


class UndoSectionChange(Command):
    """A change of somebody's section that has not taken effect yet and is not to, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[
        Id, Input("利用者", "Member", Label("", "The id that `member list` prints, or the username in Keycloak."))
    ]
    change_id: Annotated[
        Id, Input("予定されている変更", "Planned change", Label("", "The id that `member planned-sections` prints."))
    ]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class SectionChangeUndone(Result):
    """Whose change it was."""

    person_id: UUID


@handles(Permission.MEMBER_UNDO_SECTION_CHANGE, Event.MEMBER_SECTION_CHANGE_UNDONE, edits="member {member_id}")
def undo_section_change(ctx: CommandContext, command: UndoSectionChange) -> SectionChangeUndone:
    """Take back a change of section before its day. Raises NotFound, and Conflict for one that took effect already."""
    tenant = lock_tenant(ctx.session, command.tenant_id)
    member = member_row(ctx.session, tenant.id, command.member_id)
    planned = MemberSection.valid_from > ctx.now
    row = ctx.session.scalars(
        delete(MemberSection)
        .where(*_of(member), MemberSection.id == command.change_id, planned)
        .returning(MemberSection)
    ).one_or_none()
    if row is None:
        raise Conflict(NO_SECTION_PLANNED, field="change_id")
    ctx.audit(
        subject=member.person_id,
        tenant_id=tenant.id,
        section=row.section,
        valid_from=day_ahead(ctx, row.valid_from),
        reason=command.reason,
    )
    return SectionChangeUndone(person_id=member.person_id)


def _of(member: Member) -> tuple[ColumnElement[bool], ...]:
    return MemberSection.tenant_id == member.tenant_id, MemberSection.member_id == member.id
