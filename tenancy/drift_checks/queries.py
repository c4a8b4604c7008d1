"""Reading the comparisons that were kept."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, undefer

from governance.kernel.errors import require_found
from governance.kernel.waiting import WaitingSelect, waiting_columns
from tenancy.drift_checks.commands import DRIFT_CHECK
from tenancy.drift_checks.models import DriftCheckDetails, DriftCheckFacts, from_findings
from tenancy.drift_checks.tables import DriftCheck


def drift_checks(session: Session) -> list[DriftCheckFacts]:
    """Every comparison, the newest first."""
    rows = session.scalars(select(DriftCheck).order_by(DriftCheck.asked_at.desc(), DriftCheck.id.desc()))
    return [DriftCheckFacts.model_validate(row) for row in rows]


def drift_check(session: Session, check_id: UUID) -> DriftCheckDetails:
    """One of them with what it found. Raises NotFound."""
    query = select(DriftCheck).where(DriftCheck.id == check_id).options(undefer(DriftCheck.findings))
    return _details(require_found(session.scalars(query).first(), what=DRIFT_CHECK, given=check_id))


def last_check(session: Session) -> DriftCheckDetails | None:
    """The one that ended last, with what it found; None before the first."""
    query = _ended().options(undefer(DriftCheck.findings))
    row = session.scalars(query).first()
    return None if row is None else _details(row)


def kept_differences() -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: the differences that the last comparison found, one row or none."""
    last = _ended().with_only_columns(DriftCheck.id, DriftCheck.number, DriftCheck.ended_at).subquery()
    facts = func.jsonb_build_object("check", last.c.id)
    return select(*waiting_columns(last.c.number, facts=facts, since=last.c.ended_at))


def _ended() -> Select[DriftCheck]:
    ended = select(DriftCheck).where(DriftCheck.ended_at.is_not(None))
    return ended.order_by(DriftCheck.ended_at.desc(), DriftCheck.id.desc()).limit(1)


def _details(row: DriftCheck) -> DriftCheckDetails:
    return DriftCheckDetails(
        id=row.id,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        night=row.night,
        ended_at=row.ended_at,
        number=row.number,
        looked_at=row.looked_at,
        differences=from_findings(row.findings or ()),
    )
