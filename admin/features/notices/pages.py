"""納入通知書: the list, the page and the PDF of each, and what those of a run would be.

The form that issues them is derived.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, may, requires
from admin.core.language import either, gettext
from admin.core.rate_limits import RateLimit, limited
from admin.features.notices.entry_points import ENTRY_POINTS
from admin.interface.command_forms import add_forms
from admin.interface.downloads import table_response
from admin.interface.formats import year_label
from admin.interface.history import history
from admin.interface.lists import query_year
from admin.interface.pages import render_page, session
from admin.interface.paging import next_cursor, query_part
from admin.interface.years import show_year_of_object, year_of_list
from billing.notices import queries
from billing.notices.collection import print_pdf, write_archive
from billing.notices.commands import IssueNotices
from billing.notices.issuer import issuer_in_force
from billing.notices.models import NoticeFacts
from billing.notices.planning import plan_notices, sample_paper
from billing.notices.queries import unnotified_runs
from billing.notices.states import notice_title
from billing.runs.queries import RunSummary, run_by_id, run_summaries, share_by_id
from billing.runs.states import run_name
from governance.declaration import read_command
from governance.kernel import clock
from governance.kernel.labels import Label
from governance.permissions import Permission

pages = add_forms(Blueprint("notices", __name__, template_folder="templates"), ENTRY_POINTS)

_FILE_HEADER: Final = (
    Label("会計年度", "fiscal year"),
    Label("番号", "number"),
    Label("文書番号", "document number"),
    Label("文書", "title"),
    Label("あて先", "to"),
    Label("通知額（円）", "amount (yen)"),
    Label("発行日", "issued on"),
    Label("納期限", "due on"),
)


@pages.get("/notices")
@requires(Permission.NOTICE_READ)
def notices() -> tuple[str, int]:
    """What was issued, newest year first; for the operator also the runs whose notices are still to be issued."""
    year = year_of_list(None)
    found = queries.notices_page(session(), query_part(), fiscal_year=year, descending=True)
    issued = queries.issued_notices(session(), year)
    runs = unnotified_runs(session()) if current_actor().is_operator else []
    return render_page(
        "notices/notices",
        notices=found.items,
        next_cursor=next_cursor(found),
        issued=issued,
        runs=_runs_of(found.items),
        to_issue=[run for run in runs if year in (None, run.fiscal_year)] if may(Permission.NOTICE_ISSUE) else [],
        issued_now=request.args.get("issued", ""),
        issuer=issuer_in_force(session()) if current_actor().is_operator else None,
        issuer_set=request.args.get("issuer", ""),
    )


@pages.get("/notices.<any(csv, xlsx):file_kind>")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.NOTICE_READ)
def notices_file(file_kind: str) -> AnyResponse:
    """The notices of a year, or of all, as they were issued, by number."""
    year = query_year()
    rows = (
        (
            one.fiscal_year,
            one.number,
            one.facts.document_number,
            one.title,
            one.addressee,
            one.amount_yen,
            one.issued_on,
            one.due_on,
        )
        for one in queries.notices(session(), fiscal_year=year)
    )
    name = gettext("notices") if year is None else gettext("notices_%(year)s", year=year)
    return table_response(file_kind, name, [either(*label) for label in _FILE_HEADER], rows)


@pages.get("/notices/<uuid:notice_id>")
@requires(Permission.NOTICE_READ)
def notice(notice_id: UUID) -> tuple[str, int]:
    """One notice: its amount and due day, and where each figure comes from."""
    return _render_part("notices/notice", notice_id)


@pages.get("/notices/<uuid:notice_id>/related")
@requires(Permission.NOTICE_READ)
def notice_related(notice_id: UUID) -> tuple[str, int]:
    """The notices of the same municipality and year, and what the amount rests on."""
    return _render_part("notices/notice_related", notice_id, part_title=gettext("Related"))


@pages.get("/notices/<uuid:notice_id>/documents")
@requires(Permission.NOTICE_READ)
def notice_documents(notice_id: UUID) -> tuple[str, int]:
    """The papers of a notice, with the hash that the issued one is known by."""
    return _render_part("notices/notice_documents", notice_id, part_title=gettext("Documents"))


@pages.get("/notices/<uuid:notice_id>/history")
@requires(Permission.AUDIT_READ)
def notice_history(notice_id: UUID) -> tuple[str, int]:
    """What was done about a notice."""
    return _render_part(
        "notices/notice_history", notice_id, actions_shown=50, part_title=gettext("History"), is_wide=True
    )


@pages.get("/notices/<uuid:notice_id>.pdf")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.NOTICE_READ)
def notice_paper(notice_id: UUID) -> Response:
    """The PDF as it was issued, byte for byte."""
    facts = queries.notice_by_id(session(), notice_id)
    return Response(
        queries.notice_pdf(session(), notice_id),
        mimetype="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{facts.number}.pdf"'},
    )


@pages.get("/allocations/<uuid:run_id>/notices/sample/<uuid:tenant_id>.pdf")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.NOTICE_READ)
def notice_sample(run_id: UUID, tenant_id: UUID) -> Response:
    """One municipality's paper before it is issued, marked as a sample: no number is given and nothing is stored."""
    command = _issuing(run_id)
    return Response(
        sample_paper(session(), run_id, tenant_id, command.choices),
        mimetype="application/pdf",
        headers={"Content-Disposition": 'inline; filename="sample.pdf"'},
    )


@pages.get("/allocations/<uuid:run_id>/notices/plan.<any(csv, xlsx):file_kind>")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.NOTICE_READ)
def notice_plan_file(run_id: UUID, file_kind: str) -> AnyResponse:
    """Every notice that a run would get, with what was notified before and the amount of each."""
    command = _issuing(run_id)
    plan = plan_notices(session(), run_id, command.choices, clock.today()).plan
    header = [
        either(ja, en)
        for ja, en in (
            ("団体コード", "code"),
            ("団体", "tenant"),
            ("文書", "title"),
            ("通知済み（円）", "notified before (yen)"),
            ("負担額（円）", "share (yen)"),
            ("今回の通知額（円）", "amount (yen)"),
            ("発行日", "issued on"),
            ("納期限", "due on"),
        )
    ]
    rows = (
        (
            one.code,
            one.name,
            either(*notice_title(one.title)),
            one.notified_yen,
            one.share_yen,
            one.amount_yen,
            plan.issued_on,
            one.due_on,
        )
        for one in plan.notices
    )
    name = gettext("%(year)s_notices_%(run)s", year=year_label(plan.fiscal_year), run=either(*run_name(plan.revision)))
    return table_response(file_kind, name, header, rows)


@pages.get("/allocations/<uuid:run_id>/notices.zip")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.NOTICE_READ)
def notices_archive(run_id: UUID) -> Response:
    """Every notice of a run, as it was issued, in one ZIP file."""
    content = io.BytesIO()
    write_archive(session(), run_id, content)
    return _attachment(content.getvalue(), "application/zip", run_id, "zip")


@pages.get("/allocations/<uuid:run_id>/notices.pdf")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.NOTICE_READ)
def notices_print(run_id: UUID) -> Response:
    """Every notice of a run in one PDF, for the printer."""
    return _attachment(print_pdf(session(), run_id), "application/pdf", run_id, "pdf")


def _issuing(run_id: UUID) -> IssueNotices:
    """The command whose fields stand in the address, beside what else may stand there, such as a language."""
    choices = {name: value for name, value in request.args.items() if name in IssueNotices.model_fields}
    return read_command(IssueNotices, choices, typed=True, given={"run_id": run_id})


def _render_part(template: str, notice_id: UUID, *, actions_shown: int = 5, **values: Any) -> tuple[str, int]:
    """A part of a notice's page, with what every part has: the notice, its share and the notices of its year."""
    found = queries.notice_by_id(session(), notice_id)
    show_year_of_object(found.fiscal_year, url_for("notices.notices"))
    of_year = queries.notices(session(), fiscal_year=found.fiscal_year, tenant_id=found.tenant_id)
    return render_page(
        template,
        notice=found,
        share=share_by_id(session(), found.share_id) if may(Permission.ALLOCATION_READ) else None,
        of_year=of_year,
        notified_yen=sum(one.amount_yen for one in of_year),
        later=[one for one in of_year if one.number > found.number],
        record=history(found.id, found.tenant_id, actions_shown),
        **values,
    )


def _runs_of(notices: Sequence[NoticeFacts]) -> list[RunSummary]:
    """The runs of these notices, newest first; none for a municipality, which has one notice of a run."""
    if not current_actor().is_operator or not may(Permission.ALLOCATION_READ):
        return []
    wanted = {one.run_id for one in notices}
    years = sorted({one.fiscal_year for one in notices}, reverse=True)
    return [run for year in years for run in run_summaries(session(), fiscal_year=year) if run.id in wanted]


def _attachment(content: bytes, content_type: str, run_id: UUID, suffix: str) -> Response:
    run = run_by_id(session(), run_id)
    name = f"notices-{run.fiscal_year}-{run.number:02d}.{suffix}"
    return Response(content, mimetype=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
