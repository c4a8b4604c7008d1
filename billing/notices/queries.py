"""Reads of notices. A municipality sees its own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.notices.tables import Notice
from governance.kernel.errors import require_found


@dataclass(frozen=True, slots=True)
class NoticeFacts:
    """One notice. `amount_yen` is what its run changed; `facts` is everything printed (`paper.paper`)."""

    id: UUID
    tenant_id: UUID
    run_id: UUID
    share_id: UUID
    number: str
    fiscal_year: int
    title: str
    addressee: str
    amount_yen: int
    issued_on: date
    due_on: date | None
    is_example: bool
    facts: dict[str, Any]
    pdf_sha256: str
    issued_at: datetime


def notices(
    session: Session,
    *,
    fiscal_year: int | None = None,
    tenant_id: UUID | None = None,
    run_id: UUID | None = None,
) -> list[NoticeFacts]:
    """The notices that this scope sees, by number; of one year, municipality or run where asked for."""
    wanted = {"fiscal_year": fiscal_year, "tenant_id": tenant_id, "run_id": run_id}
    found = session.scalars(
        select(Notice)
        .where(*(getattr(Notice, column) == value for column, value in wanted.items() if value is not None))
        .order_by(Notice.number)
    )
    return [_facts(notice) for notice in found]


def notice_by_id(session: Session, notice_id: UUID) -> NoticeFacts:
    """One notice. Raises NotFound, also for another municipality's."""
    return _facts(_find_notice(session, Notice.id == notice_id, str(notice_id)))


def notice_by_number(session: Session, number: str) -> NoticeFacts:
    """One notice by its number, such as 2025-01-431001. Raises NotFound, also for another municipality's."""
    return _facts(_find_notice(session, Notice.number == number, number))


def notice_pdf(session: Session, notice_id: UUID) -> bytes:
    """The paper as it was issued. Raises NotFound; a paper that is not the one issued is a fault and raises."""
    notice = _find_notice(session, Notice.id == notice_id, str(notice_id))
    if hashlib.sha256(notice.pdf).hexdigest() != notice.pdf_sha256:
        raise RuntimeError(f"the paper of notice {notice.number} is not the one that was issued")
    return notice.pdf


def _find_notice(session: Session, condition: Any, given: str) -> Notice:
    return require_found(session.scalars(select(Notice).where(condition)).first(), what="通知書 / notice", given=given)


def _facts(notice: Notice) -> NoticeFacts:
    return NoticeFacts(
        notice.id,
        notice.tenant_id,
        notice.run_id,
        notice.share_id,
        notice.number,
        notice.fiscal_year,
        notice.facts["title"],
        notice.facts["addressee"],
        notice.amount_yen,
        notice.issued_on,
        notice.due_on,
        notice.is_example,
        notice.facts,
        notice.pdf_sha256,
        notice.issued_at,
    )
