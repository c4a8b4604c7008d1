"""納入通知書: the list, the paper, and issuing those of a posted run."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, may, requires
from admin.interface.forms import Form
from admin.interface.lists import PAGE_SIZE, Pagination, query_page, query_year
from admin.interface.pages import render_page, session, settings
from billing.notices import queries
from billing.notices.commands import IssueNotices, issue_notices
from billing.runs.queries import run_by_id, run_summaries
from billing.runs.states import RunState
from governance.declaration import build_command
from governance.permissions import Permission

pages = Blueprint("notices", __name__, template_folder="templates")


@pages.get("/notices")
@requires(Permission.NOTICE_READ)
def notices() -> tuple[str, int]:
    """What was issued, newest year first; for the operator also the runs whose notices are still to be issued."""
    year = query_year()
    found = sorted(queries.notices(session(), fiscal_year=year), key=lambda one: one.number, reverse=True)
    page = Pagination(query_page(), len(found))
    runs = run_summaries(session(), limit=200) if current_actor().is_operator else []
    issued = {notice.run_id for notice in found} if year is None else set()
    return render_page(
        "notices/notices",
        notices=found[(page.number - 1) * PAGE_SIZE : page.number * PAGE_SIZE],
        page=page,
        total_yen=sum(notice.amount_yen for notice in found),
        year=year,
        years=sorted({notice.fiscal_year for notice in found} | {run.fiscal_year for run in runs}, reverse=True),
        to_issue=[run for run in runs if run.state is RunState.POSTED and run.id not in issued]
        if may(Permission.NOTICE_ISSUE) and year is None
        else [],
        issued_now=request.args.get("issued", ""),
    )


@pages.get("/notices/<uuid:notice_id>.pdf")
@requires(Permission.NOTICE_READ)
def notice_paper(notice_id: UUID) -> Response:
    """The paper as it was issued, byte for byte."""
    facts = queries.notice_by_id(session(), notice_id)
    return Response(
        queries.notice_pdf(session(), notice_id),
        mimetype="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{facts.number}.pdf"'},
    )


@pages.route("/allocations/<uuid:run_id>/notices", methods=["GET", "POST"])
@requires(Permission.NOTICE_ISSUE)
def notices_issuing(run_id: UUID) -> AnyResponse | tuple[str, int]:
    """入力 → 確認 → the papers. They are never changed afterwards."""
    run = run_by_id(session(), run_id)
    form = Form.from_request() if request.method == "POST" else Form.initial(issued_on="", due_on="", contact="")
    if request.method == "POST" and form.step != "enter":
        issued_on, due_on = form.day("issued_on"), form.day("due_on")
        if form.is_valid and not form.is_final:
            return render_page(
                "notices/notices_issuing_confirm", form=form, run=run, issued_on=issued_on, due_on=due_on
            )
        if form.is_valid:
            with form.collect_errors():
                done = issue_notices(
                    build_command(
                        IssueNotices,
                        run_id=run_id,
                        issued_on=issued_on,
                        due_on=due_on,
                        contact=form.optional("contact"),
                        is_example=settings().example,
                    ),
                    actor=current_actor(),
                    key=form.key,
                )
                return redirect(url_for("notices.notices", issued=len(done.notices)), 303)
    return render_page("notices/notices_issuing", form=form, run=run)
