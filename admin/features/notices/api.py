"""Notices over the API: the list, one notice, and its PDF."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from flask import Response
from pydantic import Field

from admin.core.rate_limits import RateLimit
from admin.features.notices.entry_points import ENTRY_POINTS
from admin.interface.api_requests import DateParam, Query, YearPageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from billing.notices import queries as notices
from billing.notices.collection import print_pdf, write_archive
from billing.notices.issuer import IssuerFacts, IssuerRecord, issuer_record, issuer_versions
from billing.notices.models import NoticeFacts, NoticePlan
from billing.notices.planning import NoticeChoices, plan_notices, sample_paper
from billing.notices.states import EarlierRuns
from governance.declaration import Input
from governance.kernel import clock
from governance.kernel.database import db
from governance.kernel.era import format_day
from governance.kernel.keyset import KeysetPage, PageRequest
from governance.kernel.yen import format_amount
from governance.permissions import Permission

routes = ApiRoutes(Tag.NOTICES, ENTRY_POINTS)


class NoticesQuery(YearPageQuery):
    """Which notices; `number` is a part of their number."""

    number: Annotated[str, Field(max_length=40), Input("番号", "Number")] = ""


def notice_line(notice: NoticeFacts) -> str:
    """A notice as people read it: number, yen, due day, title, addressee."""
    due = format_day(notice.due_on) if notice.due_on else "―"
    return f"{notice.number}  {format_amount(notice.amount_yen):>19}円  {due}  {notice.title}  {notice.addressee}"


@routes.list("/notices", Permission.NOTICE_READ, "NoticePage")
@cli_query("notice list", "通知書の一覧", "notices", notice_line, arguments=["fiscal_year"], repeats=["fiscal_year"])
def list_notices(query: NoticesQuery, part: PageRequest) -> KeysetPage[NoticeFacts]:
    """List the notices of a fiscal year, or of all, by number."""
    return notices.notices_page(db.session(), part, fiscal_year=query.fiscal_year, number=query.number)


@routes.query("/notices/<notice>", Permission.NOTICE_READ, ja="納入通知書を 1 つ見る")
def get_notice(notice: UUID) -> NoticeFacts:
    """Show one notice."""
    return notices.notice_by_id(db.session(), notice)


@routes.query(
    "/notices/<notice>/pdf",
    Permission.NOTICE_READ,
    content=("application/pdf",),
    limit=RateLimit.DOWNLOAD,
    ja="納入通知書の PDF を取得する",
)
def get_notice_pdf(notice: UUID) -> Response:
    """Answer the PDF as it was issued."""
    number = notices.notice_by_id(db.session(), notice).number
    answered = Response(notices.notice_pdf(db.session(), notice), content_type="application/pdf")
    answered.headers["Content-Disposition"] = f'attachment; filename="notice-{number}.pdf"'
    return answered


class NoticePlanQuery(Query):
    """What would be chosen for the notices; what is left out is as usual."""

    issued_on: Annotated[DateParam | None, Input("発行日", "Issued on")] = None
    due_on: Annotated[DateParam | None, Input("納期限", "Due on")] = None
    claim: Annotated[str, Field(max_length=120), Input("納入の請求の事由", "Reason of the claim")] | None = None
    earlier_runs: Annotated[EarlierRuns | None, Input("未通知の回", "Runs not notified")] = None

    @property
    def choices(self) -> NoticeChoices:
        """As the command takes them."""
        return NoticeChoices(self.issued_on, self.due_on, self.claim, self.earlier_runs)


def _plan_lines(plan: NoticePlan) -> str:
    due = format_day(plan.due_on) if plan.due_on else "―"
    totals = (f"{one.kind.label('ja')}  {one.count}通  {format_amount(one.yen)}円" for one in plan.totals)
    lines = (f"  {one.code:<6}  {format_amount(one.amount_yen):>19}円  {one.title}  {one.name}" for one in plan.notices)
    warnings = [plan.date_warning] if plan.date_warning else []
    return "\n".join([f"発行日 {format_day(plan.issued_on)}  納期限 {due}", *warnings, *totals, *lines])


@routes.query("/allocation-runs/<run>/notice-plan", Permission.NOTICE_READ, may_conflict=True)
@cli_query("notice plan", "発行前の通知書の一覧", line=_plan_lines)
def get_notice_plan(run: UUID, query: NoticePlanQuery) -> NoticePlan:
    """Show the notices that a posted run would get today; issues nothing."""
    return plan_notices(db.session(), run, query.choices, clock.today()).plan


@routes.query(
    "/allocation-runs/<run>/notice-plan/<tenant>/pdf",
    Permission.NOTICE_READ,
    content=("application/pdf",),
    limit=RateLimit.DOWNLOAD,
    ja="発行前の通知書の見本を PDF で取得する",
    may_conflict=True,
)
def get_notice_sample(run: UUID, tenant: UUID, query: NoticePlanQuery) -> Response:
    """Answer one municipality's notice as it would be printed today, marked as a sample; issues nothing."""
    answered = Response(sample_paper(db.session(), run, tenant, query.choices), content_type="application/pdf")
    answered.headers["Content-Disposition"] = 'attachment; filename="notice-sample.pdf"'
    return answered


@routes.query(
    "/allocation-runs/<run>/notices/archive",
    Permission.NOTICE_READ,
    content=("application/zip",),
    limit=RateLimit.DOWNLOAD,
    ja="1回分の通知書を ZIP で取得する",
    may_conflict=True,
)
def get_notice_archive(run: UUID) -> Response:
    """Answer every notice of a run, as it was issued, in one ZIP file."""
    content = io.BytesIO()
    write_archive(db.session(), run, content)
    answered = Response(content.getvalue(), content_type="application/zip")
    answered.headers["Content-Disposition"] = 'attachment; filename="notices.zip"'
    return answered


@routes.query(
    "/allocation-runs/<run>/notices/pdf",
    Permission.NOTICE_READ,
    content=("application/pdf",),
    limit=RateLimit.DOWNLOAD,
    ja="1回分の通知書を1つの PDF で取得する",
    may_conflict=True,
)
def get_notices_pdf(run: UUID) -> Response:
    """Answer every notice of a run in one PDF, for the printer."""
    answered = Response(print_pdf(db.session(), run), content_type="application/pdf")
    answered.headers["Content-Disposition"] = 'attachment; filename="notices.pdf"'
    return answered


def _issuer_line(issuer: IssuerFacts) -> str:
    return f"{issuer.number}  {issuer.office} {issuer.holder}  {issuer.payee}  {issuer.payable_at}"


@routes.query("/notice-issuer", Permission.NOTICE_READ)
@cli_query("notice issuer", "発行者と納入先を見る")
def get_notice_issuer() -> IssuerRecord:
    """Show who issues the next notices and where they are paid."""
    return issuer_record(db.session())


@routes.list("/notice-issuer/versions", Permission.NOTICE_READ, "IssuerPage")
@cli_query("notice issuer-versions", "発行者と納入先の一覧", "versions", _issuer_line)
def list_issuer_versions() -> Sequence[IssuerFacts]:
    """List the versions of who issues the notices and where they are paid, newest first; the first one is in force."""
    return issuer_versions(db.session())
