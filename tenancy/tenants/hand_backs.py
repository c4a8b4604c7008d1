"""Handing a tenant its records: asking for the archive, storing it, and what there is."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Final
from uuid import UUID

from pydantic import ConfigDict
from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import NotFound, message, require_found
from governance.kernel.field_types import Id
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel
from governance.permissions import Permission
from tenancy.tenants.rows import tenant_row
from tenancy.tenants.tables import HandBack

HAND_BACK: Final = "tenant.hand-back"
"""The job that makes the archive of a tenant's records."""

NOT_MADE_YET = message(
    "hand_back.not_made_yet",
    ja="引渡しデータは、まだできていません。数分後にもう一度開いてください。",
    en="The archive has not been made yet; open it again in some minutes.",
)
_WHAT: Final = Label("引渡しデータ", "archive")


class HandBackFacts(ReadModel):
    """An archive that was asked for. `size` is in bytes; it and `sha256` are None until the archive was made."""

    id: UUID
    tenant_id: UUID
    requested_by: str
    requested_at: datetime
    made_at: datetime | None
    sha256: str | None
    size: int | None


class RequestHandBack(Command):
    """A tenant whose records are to be put into one archive."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]


class HandBackRequested(Result):
    """`job_id` is the job that makes the archive."""

    hand_back_id: UUID
    job_id: UUID


class RecordHandBack(Command):
    """The archive that was made, as a ZIP file."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    tenant_id: UUID
    hand_back_id: UUID
    content: bytes


class HandBackRecorded(Result):
    sha256: str


@handles(Permission.HAND_BACK_REQUEST, Event.HAND_BACK_REQUESTED)
def request_hand_back(ctx: CommandContext, command: RequestHandBack) -> HandBackRequested:
    """Have a job make the archive of the tenant's records. Raises NotFound."""
    tenant = tenant_row(ctx.session, command.tenant_id)
    hand_back_id = new_id()
    ctx.session.add(HandBack(id=hand_back_id, tenant_id=tenant.id, requested_by=ctx.actor.id, requested_at=ctx.now))
    ctx.session.flush()
    payload = {"tenant_id": str(tenant.id), "hand_back_id": str(hand_back_id)}
    job_id = ctx.enqueue(HAND_BACK, payload, tenant_id=tenant.id)
    ctx.audit(subject=tenant.id, tenant_id=tenant.id)
    return HandBackRequested(hand_back_id=hand_back_id, job_id=job_id)


@handles(Permission.HAND_BACK_RECORD, Event.HAND_BACK_MADE)
def record_hand_back(ctx: CommandContext, command: RecordHandBack) -> HandBackRecorded:
    """Store the archive that was made, once. Only the worker may. Raises NotFound."""
    row = require_found(
        ctx.session.scalars(
            select(HandBack)
            .where(HandBack.tenant_id == command.tenant_id, HandBack.id == command.hand_back_id)
            .with_for_update()
        ).first(),
        what=_WHAT,
        given=command.hand_back_id,
    )
    if row.sha256 is not None:
        ctx.mark_noop()
        return HandBackRecorded(sha256=row.sha256)
    digest = sha256(command.content).hexdigest()
    row.made_at, row.sha256, row.content = ctx.now, digest, command.content
    ctx.session.flush()
    ctx.audit(subject=row.tenant_id, tenant_id=row.tenant_id, file_sha256=digest, bytes=len(command.content))
    return HandBackRecorded(sha256=digest)


def hand_backs(session: Session, tenant_id: UUID) -> list[HandBackFacts]:
    """The archives that were asked for of this tenant, the newest first."""
    query = (
        select(HandBack, func.length(HandBack.content))
        .where(HandBack.tenant_id == tenant_id)
        .order_by(HandBack.id.desc())
    )
    return [_facts(row, size) for row, size in session.execute(query)]


def hand_back(session: Session, tenant_id: UUID, hand_back_id: UUID) -> HandBackFacts:
    """One of them. Raises NotFound, also for another tenant's."""
    found = next((one for one in hand_backs(session, tenant_id) if one.id == hand_back_id), None)
    return require_found(found, what=_WHAT, given=hand_back_id)


def hand_back_content(session: Session, tenant_id: UUID, hand_back_id: UUID) -> bytes:
    """The archive as it was made. Raises NotFound, also for another tenant's and for one that is not made yet."""
    query = (
        select(HandBack)
        .where(HandBack.tenant_id == tenant_id, HandBack.id == hand_back_id)
        .options(undefer(HandBack.content))
    )
    row = require_found(session.scalars(query).first(), what=_WHAT, given=hand_back_id)
    if row.content is None:
        raise NotFound(NOT_MADE_YET)
    return row.content


def _facts(row: HandBack, size: int | None) -> HandBackFacts:
    return HandBackFacts(
        id=row.id,
        tenant_id=row.tenant_id,
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        made_at=row.made_at,
        sha256=row.sha256,
        size=size,
    )
