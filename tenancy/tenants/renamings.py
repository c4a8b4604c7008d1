"""Dated changes of a tenant's name or code (名称・団体コードの変更): planned, undone until the day, carried out."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, Invalid, message, require_found
from governance.kernel.field_types import Id, JstDate, LocalGovernmentCode, LongLine, PlainLine
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.locks import advisory_lock
from governance.kernel.models import ReadModel
from governance.permissions import Permission
from tenancy.tenants.commands import (
    CODE_INPUT,
    NAME_EN_INPUT,
    TENANT_LIST_LOCK,
    Kana,
    Name,
    replace_fields,
    require_free_name,
)
from tenancy.tenants.rows import tenant_row
from tenancy.tenants.states import TenantState
from tenancy.tenants.tables import TenantRenaming

NAMED_BY: Final = ("code", "name", "kana", "name_en")
"""What a renaming may change."""

NOT_IN_FUTURE = message(
    "renaming.not_in_future",
    ja="変更日 {given} は、明日以降にしてください。",
    en="The day of the change, {given}, must be tomorrow or later.",
    hint_ja="今日から変えるときは、参加団体の内容を変更してください。",
    hint_en="To change it today, edit the tenant.",
)
PLANNED_ALREADY = message(
    "renaming.planned_already",
    ja="「{name}」には、{on}からの変更がすでに予定されています。",
    en="A change from {on} is planned for {name} already.",
    hint_ja="先にその予定を取り消してください。",
    hint_en="Undo that one first.",
)
NOTHING_CHANGES = message(
    "renaming.nothing_changes",
    ja="今と同じ名称とコードです。",
    en="Name and code are what they are now.",
)
HAS_LEFT = message(
    "renaming.has_left",
    ja="「{name}」は脱退しているので、変更を予定できません。",
    en="{name} has left; no change can be planned.",
)
ENDED_ALREADY = message(
    "renaming.ended_already",
    ja="この変更は、すでに行われたか取り消されています。",
    en="This change has taken effect or was undone already.",
)
_WHAT: Final = Label("名称・コードの変更", "change of name or code")


class RenamingFacts(ReadModel):
    """A change of name or code from `valid_from` on (0:00 JST).

    `former` are the values that it replaced, by field; None until it was carried out. `undone_at` is set where it was
    undone before its day.
    """

    id: UUID
    tenant_id: UUID
    code: str | None
    name: str
    kana: str
    name_en: str | None
    valid_from: date
    reason: str
    planned_by: str
    planned_at: datetime
    former: dict[str, str | None] | None
    carried_out_at: datetime | None
    undone_at: datetime | None

    @property
    def is_planned(self) -> bool:
        """Whether it is still to come."""
        return self.carried_out_at is None and self.undone_at is None


class RenameTenant(Command):
    """The name and the code that a tenant has from a day to come on, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    code: Annotated[LocalGovernmentCode | None, CODE_INPUT]
    name: Name
    kana: Kana
    name_en: Annotated[PlainLine | None, NAME_EN_INPUT]
    valid_from: Annotated[
        JstDate,
        Input(
            "変更日",
            "First day",
            Label(
                "告示された日。この日の0:00から新しい名称とコードになります。",
                "As proclaimed. The new name and code count from 0:00 of this day.",
            ),
            option="first-day",
        ),
    ]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class RenamingPlanned(Result):
    renaming_id: UUID


@handles(Permission.TENANT_RENAME, Event.TENANT_RENAMING_PLANNED, edits="tenant {tenant_id}")
def rename_tenant(ctx: CommandContext, command: RenameTenant) -> RenamingPlanned:
    """Plan a change of name or code. Until its day everything is as it was, and it can be undone.

    Raises NotFound, Invalid for a day that is not to come or a code that the tenant's kind cannot have, Conflict where
    nothing changes, one is planned already, the tenant has left, or the code is another's.
    """
    if command.valid_from <= ctx.today:
        raise Invalid(NOT_IN_FUTURE, field="valid_from", given=str(command.valid_from))
    advisory_lock(ctx.session, TENANT_LIST_LOCK)
    tenant = tenant_row(ctx.session, command.tenant_id)
    if tenant.state == TenantState.LEFT:
        raise Conflict(HAS_LEFT, field="tenant_id", name=tenant.name)
    planned = _planned(ctx.session, tenant.id)
    if planned is not None:
        raise Conflict(PLANNED_ALREADY, field="valid_from", name=tenant.name, on=str(planned.valid_from))
    if all(getattr(command, field) == getattr(tenant, field) for field in NAMED_BY):
        raise Conflict(NOTHING_CHANGES, field="name")
    require_free_name(ctx.session, tenant, command.code, command.name)
    renaming_id = new_id()
    wanted = {field: getattr(command, field) for field in NAMED_BY}
    ctx.session.add(
        TenantRenaming(
            id=renaming_id,
            tenant_id=tenant.id,
            **wanted,
            valid_from=command.valid_from,
            reason=command.reason,
            planned_by=ctx.actor.id,
            planned_at=ctx.now,
        )
    )
    ctx.session.flush()
    ctx.audit(
        subject=tenant.id,
        tenant_id=tenant.id,
        name=command.name,
        code=command.code,
        valid_from=command.valid_from.isoformat(),
        reason=command.reason,
    )
    return RenamingPlanned(renaming_id=renaming_id)


class UndoRenaming(Command):
    """A change of name or code that has not taken effect yet and is not to, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    renaming_id: Annotated[
        Id, Input("予定されている変更", "Planned change", Label("", "The id that `tenant renamings` prints."))
    ]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class RenamingUndone(Result):
    """Nothing more to say."""


@handles(Permission.TENANT_RENAME, Event.TENANT_RENAMING_UNDONE, edits="tenant {tenant_id}")
def undo_renaming(ctx: CommandContext, command: UndoRenaming) -> RenamingUndone:
    """Take back a change of name or code before its day. Raises NotFound, and Conflict for one that is over."""
    tenant = tenant_row(ctx.session, command.tenant_id)
    row = _row(ctx.session, tenant.id, command.renaming_id)
    if row.carried_out_at is not None or row.undone_at is not None or row.valid_from <= ctx.today:
        raise Conflict(ENDED_ALREADY, field="renaming_id")
    row.undone_at = ctx.now
    ctx.session.flush()
    ctx.audit(
        subject=tenant.id,
        tenant_id=tenant.id,
        name=row.name,
        valid_from=row.valid_from.isoformat(),
        reason=command.reason,
    )
    return RenamingUndone()


class CarryOutRenaming(Command):
    """A change of name or code whose day has come."""

    tenant_id: UUID
    renaming_id: UUID


class RenamingCarriedOut(Result):
    """`version` is the tenant's new one."""

    version: int


@handles(Permission.TENANT_CARRY_OUT_RENAMING, Event.TENANT_RENAMED)
def carry_out_renaming(ctx: CommandContext, command: CarryOutRenaming) -> RenamingCarriedOut:
    """Give the tenant its new name and code, once; Keycloak follows by a job. Only the worker may.

    Raises NotFound, and Conflict where the code has become another's meanwhile.
    """
    advisory_lock(ctx.session, TENANT_LIST_LOCK)
    tenant = tenant_row(ctx.session, command.tenant_id)
    row = _row(ctx.session, tenant.id, command.renaming_id)
    if row.carried_out_at is not None or row.undone_at is not None or row.valid_from > ctx.today:
        ctx.mark_noop()
        return RenamingCarriedOut(version=tenant.version)
    require_free_name(ctx.session, tenant, row.code, row.name)
    changed = replace_fields(ctx, tenant, {field: getattr(row, field) for field in NAMED_BY})
    row.former = changed.before
    row.carried_out_at = ctx.now
    ctx.session.flush()
    ctx.audit(
        subject=tenant.id,
        tenant_id=tenant.id,
        before=changed.before,
        after=changed.after,
        valid_from=row.valid_from.isoformat(),
        reason=row.reason,
    )
    return RenamingCarriedOut(version=tenant.version)


def renamings(session: Session, tenant_id: UUID) -> list[RenamingFacts]:
    """The tenant's changes of name and code, planned, undone and carried out, the newest first."""
    query = select(TenantRenaming).where(TenantRenaming.tenant_id == tenant_id).order_by(TenantRenaming.id.desc())
    return [RenamingFacts.model_validate(row) for row in session.scalars(query)]


def renaming(session: Session, tenant_id: UUID, renaming_id: UUID) -> RenamingFacts:
    """One of them. Raises NotFound, also for another tenant's."""
    return RenamingFacts.model_validate(_row(session, tenant_id, renaming_id))


def planned_renaming(session: Session, tenant_id: UUID) -> RenamingFacts | None:
    """The one that is still to come, None where none is."""
    row = _planned(session, tenant_id)
    return None if row is None else RenamingFacts.model_validate(row)


def renamings_due(session: Session, today: date) -> list[RenamingFacts]:
    """Those whose day has come and that were not carried out, the longest ago first."""
    query = (
        select(TenantRenaming)
        .where(
            TenantRenaming.carried_out_at.is_(None),
            TenantRenaming.undone_at.is_(None),
            TenantRenaming.valid_from <= today,
        )
        .order_by(TenantRenaming.valid_from, TenantRenaming.id)
    )
    return [RenamingFacts.model_validate(row) for row in session.scalars(query)]


def _planned(session: Session, tenant_id: UUID) -> TenantRenaming | None:
    query = select(TenantRenaming).where(
        TenantRenaming.tenant_id == tenant_id,
        TenantRenaming.carried_out_at.is_(None),
        TenantRenaming.undone_at.is_(None),
    )
    return session.scalars(query).one_or_none()


def _row(session: Session, tenant_id: UUID, renaming_id: UUID) -> TenantRenaming:
    query = select(TenantRenaming).where(TenantRenaming.tenant_id == tenant_id, TenantRenaming.id == renaming_id)
    return require_found(session.scalars(query).first(), what=_WHAT, given=renaming_id, field="renaming_id")
