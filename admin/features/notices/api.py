"""Notices over the API: the list, one notice, and its PDF."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from flask import Response
from pydantic import BaseModel, ConfigDict

from admin.core.guard import requires
from admin.interface.api_requests import YearPageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, paginate
from billing.notices import queries as notices
from billing.notices.commands import issue_notices
from governance.kernel.database import db
from governance.permissions import Permission

routes = ApiRoutes(Tag.NOTICES)


class NoticeResponse(BaseModel):
    """A notice. `amount_yen` is what its run changed; `facts` is everything printed."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    tenant_id: UUID
    run_id: UUID
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


class NoticePage(Page[NoticeResponse]):
    """Notices by number."""


@routes.query_route("/notices")
@requires(Permission.NOTICE_READ)
def list_notices(query: YearPageQuery) -> NoticePage:
    """List notices."""
    found = [NoticeResponse.model_validate(one) for one in notices.notices(db.session(), fiscal_year=query.fiscal_year)]
    return paginate(NoticePage, found, lambda row: row.number, query)


@routes.query_route("/notices/<notice>")
@requires(Permission.NOTICE_READ)
def get_notice(notice: UUID) -> NoticeResponse:
    """Show one notice."""
    return NoticeResponse.model_validate(notices.notice_by_id(db.session(), notice))


@routes.query_route("/notices/<notice>/pdf", content=("application/pdf",))
@requires(Permission.NOTICE_READ)
def get_notice_pdf(notice: UUID) -> Response:
    """Answer the paper as it was issued."""
    number = notices.notice_by_id(db.session(), notice).number
    answered = Response(notices.notice_pdf(db.session(), notice), content_type="application/pdf")
    answered.headers["Content-Disposition"] = f'attachment; filename="notice-{number}.pdf"'
    return answered


routes.command_route("POST", "/allocation-runs/<run>/notices", issue_notices, {"run": "run_id"})
