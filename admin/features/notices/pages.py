"""納入通知書: the list, and the PDF of each. The form that issues those of a run is derived."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from admin.core.guard import current_actor, may, requires
from admin.core.rate_limits import RateLimit, limited
from admin.features.notices.entry_points import ENTRY_POINTS
from admin.interface.command_forms import add_forms
from admin.interface.lists import query_year
from admin.interface.pages import render_page, session
from admin.interface.paging import next_cursor, query_part
from billing.notices import queries
from billing.notices.issuer import issuer_in_force
from billing.runs.queries import run_summaries
from billing.runs.states import RunState
from governance.permissions import Permission

pages = add_forms(Blueprint("notices", __name__, template_folder="templates"), ENTRY_POINTS)


@pages.get("/notices")
@requires(Permission.NOTICE_READ)
def notices() -> tuple[str, int]:
    """What was issued, newest year first; for the operator also the runs whose notices are still to be issued."""
    year = query_year()
    found = queries.notices_page(session(), query_part(), fiscal_year=year, descending=True)
    issued = queries.issued_notices(session(), year)
    runs = run_summaries(session(), limit=200) if current_actor().is_operator else []
    return render_page(
        "notices/notices",
        notices=found.items,
        next_cursor=next_cursor(found),
        issued=issued,
        year=year,
        years=sorted(issued.fiscal_years | {run.fiscal_year for run in runs}, reverse=True),
        to_issue=[run for run in runs if run.state is RunState.POSTED and run.id not in issued.run_ids]
        if may(Permission.NOTICE_ISSUE) and year is None
        else [],
        issued_now=request.args.get("issued", ""),
        issuer=issuer_in_force(session()) if current_actor().is_operator else None,
        issuer_set=request.args.get("issuer", ""),
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
