"""Reads of notices. A municipality sees its own."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Select, distinct, func, select
from sqlalchemy.orm import Session

from billing.notices.models import NoticeContent, NoticeFacts
from billing.notices.tables import Notice
from governance.kernel.errors import require_found
from governance.kernel.keyset import KeysetPage, OrderBy, PageRequest, fetch_page
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel


def notices(
    session: Session,
    *,
    fiscal_year: int | None = None,
    tenant_id: UUID | None = None,
    run_id: UUID | None = None,
) -> list[NoticeFacts]:
    """The notices that this scope sees, by number; of one year, municipality or run where asked for."""
    wanted = {"fiscal_year": fiscal_year, "tenant_id": tenant_id, "run_id": run_id}
    query = select(Notice).where(
        *(getattr(Notice, column) == value for column, value in wanted.items() if value is not None)
    )
    return _by_number(session, query, PageRequest()).items


def notices_page(
    session: Session, part: PageRequest, *, fiscal_year: int | None = None, descending: bool = False
) -> KeysetPage[NoticeFacts]:
    """A part of the notices that this scope sees, by number; of one year where given."""
    query = select(Notice).where(*_of_year(fiscal_year))
    return _by_number(session, query, part, descending=descending)


class IssuedNotices(ReadModel):
    """What was issued in all: how many notices, the sum of their yen, and the years and runs they are of."""

    count: int
    yen: int
    fiscal_years: frozenset[int]
    run_ids: frozenset[UUID]


def issued_notices(session: Session, fiscal_year: int | None = None) -> IssuedNotices:
    """The totals of the notices that this scope sees; of one year where given."""
    found = session.execute(
        select(
            func.count().label("number"),
            func.coalesce(func.sum(Notice.amount_yen), 0).cast(BigInteger).label("yen"),
            func.array_agg(distinct(Notice.fiscal_year)).label("fiscal_years"),
            func.array_agg(distinct(Notice.run_id)).label("run_ids"),
        ).where(*_of_year(fiscal_year))
    ).one()
    return IssuedNotices(
        count=found.number,
        yen=found.yen,
        fiscal_years=frozenset(found.fiscal_years or ()),
        run_ids=frozenset(found.run_ids or ()),
    )


def notice_by_id(session: Session, notice_id: UUID) -> NoticeFacts:
    """One notice. Raises NotFound, also for another municipality's."""
    return _facts(_find_notice(session, Notice.id == notice_id, str(notice_id)))


def notice_by_number(session: Session, number: str) -> NoticeFacts:
    """One notice by its number, such as 2025-01-431001. Raises NotFound, also for another municipality's."""
    return _facts(_find_notice(session, Notice.number == number, number))


def notice_pdf(session: Session, notice_id: UUID) -> bytes:
    """The PDF as it was issued. Raises NotFound, and RuntimeError where the stored bytes do not match its SHA-256."""
    notice = _find_notice(session, Notice.id == notice_id, str(notice_id))
    if hashlib.sha256(notice.pdf).hexdigest() != notice.pdf_sha256:
        raise RuntimeError(f"the paper of notice {notice.number} is not the one that was issued")
    return notice.pdf


def _find_notice(session: Session, condition: Any, given: str) -> Notice:
    return require_found(
        session.scalars(select(Notice).where(condition)).first(), what=Label("通知書", "notice"), given=given
    )


def _of_year(fiscal_year: int | None) -> list[ColumnElement[bool]]:
    return [] if fiscal_year is None else [Notice.fiscal_year == fiscal_year]


def _by_number(
    session: Session, query: Select[Notice], part: PageRequest, *, descending: bool = False
) -> KeysetPage[NoticeFacts]:
    order = [OrderBy(Notice.number, descending), OrderBy(Notice.id, descending)]
    return fetch_page(session, query, order, part, _facts)


def _facts(notice: Notice) -> NoticeFacts:
    content = NoticeContent.model_validate_json(json.dumps(notice.facts))
    columns = {
        name: getattr(notice, name) for name in NoticeFacts.model_fields.keys() - {"title", "addressee", "facts"}
    }
    return NoticeFacts(title=content.title, addressee=content.addressee, facts=content, **columns)
