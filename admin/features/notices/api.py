"""Notices over the API: the list, one notice, and its PDF."""

from __future__ import annotations

from uuid import UUID

from flask import Response

from admin.core.guard import requires
from admin.features.notices.entry_points import ENTRY_POINTS
from admin.interface.api_requests import YearPageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, page_request, page_response
from billing.notices import queries as notices
from billing.notices.models import NoticeFacts
from governance.kernel.database import db
from governance.permissions import Permission

routes = ApiRoutes(Tag.NOTICES, ENTRY_POINTS)


class NoticePage(Page[NoticeFacts]):
    """Notices by number."""


@routes.query_route("/notices")
@requires(Permission.NOTICE_READ)
def list_notices(query: YearPageQuery) -> NoticePage:
    """List notices."""
    found = notices.notices_page(db.session(), page_request(query), fiscal_year=query.fiscal_year)
    return page_response(NoticePage, found)


@routes.query_route("/notices/<notice>")
@requires(Permission.NOTICE_READ)
def get_notice(notice: UUID) -> NoticeFacts:
    """Show one notice."""
    return notices.notice_by_id(db.session(), notice)


@routes.query_route("/notices/<notice>/pdf", content=("application/pdf",))
@requires(Permission.NOTICE_READ)
def get_notice_pdf(notice: UUID) -> Response:
    """Answer the PDF as it was issued."""
    number = notices.notice_by_id(db.session(), notice).number
    answered = Response(notices.notice_pdf(db.session(), notice), content_type="application/pdf")
    answered.headers["Content-Disposition"] = f'attachment; filename="notice-{number}.pdf"'
    return answered
