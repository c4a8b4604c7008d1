"""費用按分: the runs of a year, one run with everything that explains it, and the decision of another person."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, may, requires
from admin.core.language import either, gettext, ngettext
from admin.core.rate_limits import RateLimit, limited
from admin.features.audit.pages import names_of_actors
from admin.interface.charts import (
    BeforeAfter,
    Part,
    by_amount,
    change_headline,
    change_totals,
    integer_part,
    paired_bars,
    stacked_bar,
)
from admin.interface.command_forms import read_form
from admin.interface.downloads import table_response
from admin.interface.formats import percent
from admin.interface.forms import Form
from admin.interface.lists import current_fiscal_year, query_year
from admin.interface.pages import render_page, session
from billing.costs.queries import cost_items
from billing.notices.queries import notices
from billing.runs import queries
from billing.runs.commands import (
    APPROVAL_KIND,
    ApproveAllocation,
    PrepareAllocation,
    RejectAllocation,
    approve_allocation,
    prepare_allocation,
    reject_allocation,
)
from billing.runs.preview import preview
from billing.runs.queries import RunFacts, ShareFacts
from billing.runs.states import RunKind, RunState
from governance.approvals import requests_about
from governance.audit.queries import events
from governance.kernel.errors import not_found
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.labels import Label
from governance.permissions import Permission
from governance.rules.queries import rule_versions
from tenancy import directory
from tenancy.people.queries import names_of_people

pages = Blueprint("allocation", __name__, template_folder="templates")


@dataclass(frozen=True, slots=True)
class ShareLine:
    """A line of the table of shares, as the chart has it too."""

    share: ShareFacts
    bars: BeforeAfter


@pages.get("/allocations")
@requires(Permission.ALLOCATION_READ)
def allocations() -> tuple[str, int]:
    """The runs of all years for the operator; a municipality's own posted shares for the municipality."""
    actor = current_actor()
    if not actor.is_operator:
        return render_page("allocation/shares", shares=queries.shares_of_tenant(session(), actor.tenant_id))
    runs = queries.run_summaries(session(), limit=200)
    year = query_year() or (runs[0].fiscal_year if runs else current_fiscal_year())
    return render_page(
        "allocation/allocations",
        runs=runs,
        year=year,
        items=cost_items(session(), FiscalYear(year)),
        rules=[version for version in rule_versions(session()) if version.decision is not None],
        years=sorted({run.fiscal_year for run in runs} | {year, current_fiscal_year()}, reverse=True),
    )


@pages.route("/allocations/prepare", methods=["GET", "POST"])
@requires(Permission.ALLOCATION_PREPARE)
def allocation_preparing() -> AnyResponse | tuple[str, int]:
    """A year and a kind; then what everybody would bear; then the run that waits for another person."""
    form = (
        Form.from_request()
        if request.method == "POST"
        else Form.initial(
            fiscal_year=query_year() or current_fiscal_year(), kind=request.args.get("kind", RunKind.ESTIMATE.value)
        )
    )
    if request.method == "POST" and form.step != "enter":
        command = read_form(form, PrepareAllocation, values={"requested_for": None})
        if command is not None:
            with form.collect_errors():
                if form.is_final:
                    made = prepare_allocation(command, actor=current_actor(), key=form.key)
                    return redirect(url_for("allocation.allocation", run_id=made.run_id, done="prepared"), 303)
                year = command.fiscal_year
                split = preview(session(), year, directory.members_of_year(session(), year))
                rows = [
                    BeforeAfter(member.name, split.previous_yen[member.id], split.shares_yen[member.id])
                    for member in split.members
                ]
                return render_page(
                    "allocation/allocation_preparing_confirm",
                    form=form,
                    split=split,
                    rows=by_amount(rows),
                    year=year,
                    kind=command.kind,
                )
    return render_page(
        "allocation/allocation_preparing", form=form, kinds=list(RunKind), current_fiscal_year=current_fiscal_year()
    )


@pages.get("/allocations/<uuid:run_id>")
@requires(Permission.ALLOCATION_READ)
def allocation(run_id: UUID) -> tuple[str, int]:
    """One run: totals, what it is made of, every share against the run before, its inputs and who decided."""
    return _render_run(run_id, None, request.args.get("done", ""))


@pages.get("/allocations/<uuid:run_id>/shares.<any(csv, xlsx):file_kind>")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.ALLOCATION_READ)
def shares_file(run_id: UUID, file_kind: str) -> AnyResponse:
    """Every member's share of a run, in the order of the page, with what the prefecture bears and the total."""
    run = queries.run_by_id(session(), run_id)
    header = [
        either(ja, en)
        for ja, en in (
            ("団体コード", "code"),
            ("団体", "tenant"),
            ("変更前（円）", "before (yen)"),
            ("負担額（円）", "share (yen)"),
            ("差（円）", "difference (yen)"),
        )
    ]
    lines = [line.share for line in _lines(run)]
    rows: list[tuple[str | int | None, ...]] = [
        (share.code, share.name, share.previous_yen, share.share_yen, share.difference_yen) for share in lines
    ]
    rows += [
        (None, gettext("prefecture"), None, run.operator_yen, None),
        (None, gettext("residual (prefecture)"), None, run.operator_residual_yen, None),
        (None, gettext("deductions"), None, run.deductions_yen, None),
        (None, gettext("total cost"), None, run.total_yen, None),
    ]
    name = gettext("%(year)s_shares_%(number)s", year=run.fiscal_year, number=run.number)
    return table_response(file_kind, name, header, rows)


@pages.post("/allocations/<uuid:run_id>/approve")
@requires(Permission.ALLOCATION_APPROVE)
def allocation_approving(run_id: UUID) -> AnyResponse | tuple[str, int]:
    """確認, and the approval of exactly what was shown; it posts."""
    form = Form.from_request()
    command = read_form(form, ApproveAllocation, given={"run_id": run_id})
    if command is not None and form.is_final:
        with form.collect_errors():
            approve_allocation(command, actor=current_actor(), key=form.key)
            return redirect(url_for("allocation.allocation", run_id=run_id, done="approved"), 303)
    elif command is not None and form.step == "confirm":
        run = queries.run_by_id(session(), run_id)
        return render_page("allocation/allocation_approving", form=form, run=run, happened_on=command.happened_on)
    return _render_run(run_id, form, "")


@pages.post("/allocations/<uuid:run_id>/reject")
@requires(Permission.ALLOCATION_REJECT)
def allocation_rejecting(run_id: UUID) -> AnyResponse | tuple[str, int]:
    """Sent back, with the reason."""
    form = Form.from_request()
    command = read_form(form, RejectAllocation, given={"run_id": run_id})
    if command is not None:
        with form.collect_errors():
            reject_allocation(command, actor=current_actor(), key=form.key)
            return redirect(url_for("allocation.allocation", run_id=run_id, done="rejected"), 303)
    return _render_run(run_id, form, "")


@pages.get("/shares/<uuid:share_id>")
@requires(Permission.ALLOCATION_READ)
def share(share_id: UUID) -> tuple[str, int]:
    """One member's share and its workings (算定根拠): every figure with its date and source, down to the yen."""
    found = queries.share_by_id(session(), share_id)
    if found.posted_at is None and not current_actor().is_operator:
        # Before it is posted it is the operator's draft.
        raise not_found(what=Label("按分の負担額", "allocation share"), given=share_id)
    lines = queries.workings_of_share(session(), found.tenant_id, found.id).items
    parts = [Part(line.component, Fraction(line.exact_yen)) for line in lines]
    title = _made_of(parts)
    return render_page(
        "allocation/share",
        share=found,
        lines=lines,
        parts=[(part, integer_part(part.yen)) for part in parts],
        exact_total=str(sum((part.yen for part in parts), Fraction(0))),
        title=title,
        chart=stacked_bar(parts, title=title, name="parts") if parts else None,
        notices=[
            notice
            for notice in notices(session(), tenant_id=found.tenant_id, run_id=found.run_id)
            if may(Permission.NOTICE_READ)
        ],
    )


def _render_run(run_id: UUID, form: Form | None, done: str) -> tuple[str, int]:
    run = queries.run_by_id(session(), run_id)
    requests = requests_about(session(), APPROVAL_KIND, run.id)
    components = queries.components_of_run(session(), run.id)
    parts = [Part(part.component, part.exact_yen) for part in components]
    record = events(session(), subject=str(run.id), tenant_id=_operator_id(), limit=20)
    lines = _lines(run)
    bars = [line.bars for line in lines]
    people = {run.prepared_by, run.requested_by} | {request.decided_by or "" for request in requests}
    revises = next(
        (head for head in queries.run_summaries(session(), fiscal_year=run.fiscal_year) if head.id == run.revises_id),
        None,
    )
    title = change_headline(bars) if run.kind is RunKind.REVISION else _shared_out(run)
    return render_page(
        "allocation/allocation",
        form=form,
        initial=form or Form.initial(reason="", happened_on=""),
        run=run,
        revises=revises,
        lines=lines,
        municipal_yen=sum(line.share.share_yen for line in lines),
        before_yen=sum(line.share.previous_yen for line in lines),
        title=title,
        basis=change_totals(bars),
        chart=paired_bars(bars, title=title, name="shares") if run.kind is RunKind.REVISION and bars else None,
        parts_title=_made_of(parts),
        parts=[(part, integer_part(part.yen)) for part in parts],
        parts_chart=stacked_bar(parts, title=_made_of(parts), name="parts") if parts else None,
        components=components,
        requests=requests,
        people=names_of_people(session(), people),
        is_own=any(one.decision is None and one.requested_by == current_actor().id for one in requests),
        is_open=run.state is RunState.AWAITING_APPROVAL,
        done=done,
        has_notices=bool(notices(session(), run_id=run.id)) if may(Permission.NOTICE_READ) else False,
        record=record,
        names=names_of_actors(record),
    )


def _lines(run: RunFacts) -> list[ShareLine]:
    lines = [
        ShareLine(
            share,
            BeforeAfter(
                share.name,
                share.previous_yen,
                share.share_yen,
                run.kind is RunKind.REVISION and not share.previous_yen,
            ),
        )
        for share in run.shares
    ]
    rank = {id(bars): place for place, bars in enumerate(by_amount([line.bars for line in lines]))}
    return sorted(lines, key=lambda line: rank[id(line.bars)])


def _operator_id() -> UUID:
    return current_actor().tenant_id


def _made_of(parts: list[Part]) -> str:
    """What a share or a run is mostly made of, as a sentence."""
    whole = sum((part.yen for part in parts), Fraction(0))
    if not parts or not whole:
        return gettext("Nothing was allocated")
    largest = max(parts, key=lambda part: part.yen)
    much = percent(largest.yen / whole)
    return gettext("%(much)s of it comes from %(name)s", much=much, name=largest.name)


def _shared_out(run: RunFacts) -> str:
    return ngettext("Shared by %(num)s member", "Shared by %(num)s members", len(run.shares))
