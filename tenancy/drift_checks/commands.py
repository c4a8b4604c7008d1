"""Asking for a comparison of everything with Keycloak, and recording what it found."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from governance import outbox
from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.kernel.errors import Conflict, message, require_found
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy import directory
from tenancy.drift_checks.tables import DriftCheck

CHECK_DRIFT: Final = "keycloak.check_drift"
"""The job that compares everything with Keycloak and keeps the result. Payload: `check_id`."""

TRIED_AGAIN_AFTER: Final = timedelta(minutes=30)
"""A comparison whose job got no answer from Keycloak is begun again so much later."""

DRIFT_CHECK: Final = Label("照合", "comparison")

UNDER_WAY: Final = message(
    "drift.check_under_way",
    ja="照合はもう始まっています。数分後に結果を確かめてください。",
    en="A comparison is under way already; look at its result in some minutes.",
)


class RequestDriftCheck(Command):
    """Everything that Moyai wants in Keycloak is to be compared now, and the result kept."""


class DriftCheckRequested(Result):
    """`job_id` is the job that compares."""

    check_id: UUID
    job_id: UUID


@handles(Permission.DRIFT_REPAIR, Event.DRIFT_CHECK_REQUESTED)
def request_drift_check(ctx: CommandContext, command: RequestDriftCheck) -> DriftCheckRequested:
    """Have a job compare everything with Keycloak and keep what it finds. Raises Conflict while one is under way."""
    operator = directory.operator(ctx.session)
    check_id = begin_check(ctx.session, operator.id, asked_by=ctx.actor.id, now=ctx.now)
    if check_id is None:
        raise Conflict(UNDER_WAY)
    job_id = ctx.enqueue(CHECK_DRIFT, {"check_id": str(check_id)}, tenant_id=operator.id)
    ctx.audit(subject=check_id, tenant_id=operator.id)
    return DriftCheckRequested(check_id=check_id, job_id=job_id)


class RecordDriftCheck(Command):
    """What a comparison found, as `to_findings` writes it; it began at `looked_at`."""

    check_id: UUID
    looked_at: datetime
    findings: list[dict[str, Any]]


class DriftCheckRecorded(Result):
    """`number` is how many differences were found."""

    number: int


@handles(Permission.DRIFT_RECORD, Event.DRIFT_CHECKED)
def record_drift_check(ctx: CommandContext, command: RecordDriftCheck) -> DriftCheckRecorded:
    """Keep what a comparison found, once. Only the worker may. Raises NotFound."""
    row = require_found(
        ctx.session.scalars(select(DriftCheck).where(DriftCheck.id == command.check_id).with_for_update()).first(),
        what=DRIFT_CHECK,
        given=command.check_id,
    )
    if row.number is not None:
        ctx.mark_noop()
        return DriftCheckRecorded(number=row.number)
    number = len(command.findings)
    row.ended_at, row.looked_at, row.number, row.findings = ctx.now, command.looked_at, number, command.findings
    ctx.session.flush()
    ctx.audit(subject=row.id, tenant_id=row.tenant_id, differences=number)
    return DriftCheckRecorded(number=number)


def begin_check(
    session: Session, operator_id: UUID, *, asked_by: str, now: datetime, night: date | None = None
) -> UUID | None:
    """Add a comparison, and return its id; None while one is under way, or where that night has had one.

    Commits nothing.
    """
    begun = session.execute(
        insert(DriftCheck)
        .values(id=new_id(), tenant_id=operator_id, asked_by=asked_by, asked_at=now, night=night, tried_at=now)
        .on_conflict_do_nothing()
        .returning(DriftCheck.id)
    )
    return begun.scalar_one_or_none()


def enqueue_nightly_check(session: Session, operator_id: UUID, *, asked_by: str, night: date, now: datetime) -> None:
    """A job for this night's comparison, or for one that has had no answer for half an hour. Commits nothing."""
    check_id = None
    if session.scalar(select(DriftCheck.id).where(DriftCheck.night == night)) is None:
        check_id = begin_check(session, operator_id, asked_by=asked_by, now=now, night=night)
    if check_id is None:
        check_id = session.scalars(
            update(DriftCheck)
            .where(DriftCheck.ended_at.is_(None), DriftCheck.tried_at < now - TRIED_AGAIN_AFTER)
            .values(tried_at=now)
            .returning(DriftCheck.id)
            .execution_options(synchronize_session=False)
        ).first()
    if check_id is not None:
        outbox.enqueue(session, operator_id, CHECK_DRIFT, {"check_id": str(check_id)}, now)


def enqueue_check(session: Session, operator_id: UUID, *, asked_by: str, now: datetime) -> None:
    """A job for a comparison, unless one is under way. Commits nothing."""
    check_id = begin_check(session, operator_id, asked_by=asked_by, now=now)
    if check_id is not None:
        outbox.enqueue(session, operator_id, CHECK_DRIFT, {"check_id": str(check_id)}, now)
