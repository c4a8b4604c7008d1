"""Notices over the API: the list, one notice, and its PDF."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from flask import Response

from admin.core.rate_limits import RateLimit
from admin.features.notices.entry_points import ENTRY_POINTS
from admin.interface.api_requests import YearPageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from billing.notices import queries as notices
from billing.notices.issuer import IssuerFacts, IssuerRecord, issuer_record, issuer_versions
from billing.notices.models import NoticeFacts
from governance.kernel.database import db
from governance.kernel.era import format_day
from governance.kernel.keyset import KeysetPage, PageRequest
from governance.kernel.yen import format_amount
from governance.permissions import Permission

routes = ApiRoutes(Tag.NOTICES, ENTRY_POINTS)


def notice_line(notice: NoticeFacts) -> str:
    """A notice as people read it: number, yen, due day, title, addressee."""
    due = format_day(notice.due_on) if notice.due_on else "―"
    return f"{notice.number}  {format_amount(notice.amount_yen):>19}円  {due}  {notice.title}  {notice.addressee}"


@routes.list("/notices", Permission.NOTICE_READ, "NoticePage")
@cli_query("notice list", "通知書の一覧", "notices", notice_line, arguments=["fiscal_year"], repeats=["fiscal_year"])
def list_notices(query: YearPageQuery, part: PageRequest) -> KeysetPage[NoticeFacts]:
    """List the notices of a fiscal year, or of all, by number."""
    return notices.notices_page(db.session(), part, fiscal_year=query.fiscal_year)


@routes.query("/notices/<notice>", Permission.NOTICE_READ)
def get_notice(notice: UUID) -> NoticeFacts:
    """Show one notice."""
    return notices.notice_by_id(db.session(), notice)


@routes.query("/notices/<notice>/pdf", Permission.NOTICE_READ, content=("application/pdf",), limit=RateLimit.DOWNLOAD)
def get_notice_pdf(notice: UUID) -> Response:
    """Answer the PDF as it was issued."""
    number = notices.notice_by_id(db.session(), notice).number
    answered = Response(notices.notice_pdf(db.session(), notice), content_type="application/pdf")
    answered.headers["Content-Disposition"] = f'attachment; filename="notice-{number}.pdf"'
    return answered


def _issuer_line(issuer: IssuerFacts) -> str:
    return f"{issuer.number}  {issuer.office} {issuer.holder}  {issuer.payee}  {issuer.payable_at}"


@routes.query("/notice-issuer", Permission.NOTICE_READ)
@cli_query("notice issuer", "発行者と納付先を見る")
def get_notice_issuer() -> IssuerRecord:
    """Show who issues the next notices and where they are paid."""
    return issuer_record(db.session())


@routes.list("/notice-issuer/versions", Permission.NOTICE_READ, "IssuerPage")
@cli_query("notice issuer-versions", "発行者と納付先の一覧", "versions", _issuer_line)
def list_issuer_versions() -> Sequence[IssuerFacts]:
    """List the versions of who issues the notices and where they are paid, newest first; the first one is in force."""
    return issuer_versions(db.session())
