"""費用按分: the runs of a year, one run with everything that explains it, and the decision of another person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, may, requires
from admin.core.language import either, gettext
from admin.core.rate_limits import RateLimit, limited
from admin.features.allocation.workings_file import workings_xlsx
from admin.interface.charts import Part, stacked_bar
from admin.interface.command_forms import read_form
from admin.interface.downloads import table_response, xlsx_response
from admin.interface.formats import percent, year_label
from admin.interface.forms import Form
from admin.interface.history import history
from admin.interface.kept_forms import restored_form
from admin.interface.lists import current_fiscal_year, query_year, year_options
from admin.interface.page_endpoint import form_of
from admin.interface.pages import render_page, session
from admin.interface.paging import next_cursor, query_part
from admin.interface.share_changes import BeforeAfter, ShareChanges, share_changes
from admin.interface.years import show_year_of_object, year_of_list
from billing.costs.queries import cost_items, names_of_items
from billing.ledger.periods import date_warning
from billing.notices.queries import issued_notices, notices, notices_page, unnotified_runs
from billing.runs import queries
from billing.runs.commands import (
    APPROVAL_KIND,
    ApproveAllocation,
    PrepareAllocation,
    RejectAllocation,
    SubmitAllocation,
    approve_allocation,
    posting_day,
    prepare_allocation,
    preview_run,
    reject_allocation,
    submit_allocation,
)
from billing.runs.council_sheet import council_sheet_pdf
from billing.runs.preview import Preview
from billing.runs.queries import RunFacts, ShareFacts
from billing.runs.states import RunKind, RunState
from governance.approvals import requests_about
from governance.kernel import clock
from governance.kernel.errors import not_found
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.labels import Label
from governance.permissions import Permission
from governance.rules.queries import labels_of_rules, rule_versions
from tenancy import directory
from tenancy.people.queries import names_of_people

pages = Blueprint("allocation", __name__, template_folder="templates")


@pages.get("/allocations")
@requires(Permission.ALLOCATION_READ)
def allocations() -> tuple[str, int]:
    """The runs of all years or of the chosen one; to a municipality its own posted shares."""
    actor = current_actor()
    chosen = year_of_list(None)
    if not actor.is_operator:
        return render_page("allocation/shares", shares=queries.shares_of_tenant(session(), actor.tenant_id, chosen))
    runs = queries.run_summaries(session(), fiscal_year=chosen, limit=200)
    year = chosen or (runs[0].fiscal_year if runs else current_fiscal_year())
    return render_page(
        "allocation/allocations",
        runs=runs,
        year=year,
        items=cost_items(session(), FiscalYear(year)),
        rules=[version for version in rule_versions(session()) if version.decision is not None],
    )


@pages.route("/allocations/prepare", methods=["GET", "POST"])
@requires(Permission.ALLOCATION_PREPARE)
def allocation_preparing() -> AnyResponse | tuple[str, int]:
    """A year and a kind; then what everybody would bear; then the run that waits for another person."""
    year = query_year() or current_fiscal_year()
    form = (
        Form.from_request()
        if request.method == "POST"
        else restored_form() or Form.initial(fiscal_year=year, kind=queries.kind_to_prepare(session(), year).value)
    )
    if request.method == "POST" and form.step != "enter":
        command = read_form(form, PrepareAllocation, values={"requested_for": None})
        if command is not None:
            with form.collect_errors():
                if form.is_final:
                    made = prepare_allocation(command, actor=current_actor(), key=form.key)
                    return redirect(url_for("allocation.allocation", run_id=made.run_id, done="prepared"), 303)
                year = command.fiscal_year
                split = preview_run(session(), year, command.kind)
                return render_page(
                    "allocation/allocation_preparing_confirm",
                    form=form,
                    split=split,
                    changes=_preview_changes(split, command.kind),
                    date_warning=date_warning(FiscalYear(year), clock.today()),
                    year=year,
                    kind=command.kind,
                )
    return render_page("allocation/allocation_preparing", form=form, kinds=list(RunKind), years=year_options())


@pages.get("/allocations/<uuid:run_id>")
@requires(Permission.ALLOCATION_READ)
def allocation(run_id: UUID) -> tuple[str, int]:
    """One run: totals, what it is made of, every share against the run before, its inputs and who decided."""
    return _render_run(run_id, restored_form(), request.args.get("done", ""))


@pages.get("/allocations/<uuid:run_id>/related")
@requires(Permission.ALLOCATION_READ)
def allocation_related(run_id: UUID) -> tuple[str, int]:
    """Where the figures of a run come from: rules, costs and statistics as they were, and the runs of its year."""
    run = queries.run_by_id(session(), run_id)
    items = [item for rule in run.inputs.rules for item in rule.items]
    names = names_of_items(session(), [str(item.item_id) for item in items])
    used = Counter(
        (figure.component, figure.basis_date, figure.source) for rule in run.inputs.rules for figure in rule.figures
    )
    return _render_part(
        "allocation/allocation_related",
        run,
        part_title=gettext("Related"),
        rules=labels_of_rules(session()),
        items=[
            {"id": item.item_id, "name": names.get(str(item.item_id), "―"), "kind": item.kind, "yen": item.yen}
            for item in items
        ],
        statistics=[_StatisticsUsed(*key, members) for key, members in used.items()],
        runs_of_year=queries.run_summaries(session(), fiscal_year=run.fiscal_year),
    )


@pages.get("/allocations/<uuid:run_id>/documents")
@requires(Permission.ALLOCATION_READ)
def allocation_documents(run_id: UUID) -> tuple[str, int]:
    """What was issued of a run, and its table of shares as a file."""
    run = queries.run_by_id(session(), run_id)
    found = notices_page(session(), query_part(), run_id=run.id) if may(Permission.NOTICE_READ) else None
    return _render_part(
        "allocation/allocation_documents",
        run,
        part_title=gettext("Documents"),
        notices=None if found is None else found.items,
        next_cursor=None if found is None else next_cursor(found),
        issued=None if found is None else issued_notices(session(), run_id=run.id),
    )


@pages.get("/allocations/<uuid:run_id>/history")
@requires(Permission.AUDIT_READ)
def allocation_history(run_id: UUID) -> tuple[str, int]:
    """What was done about a run."""
    run = queries.run_by_id(session(), run_id)
    return _render_part(
        "allocation/allocation_history", run, actions_shown=50, part_title=gettext("History"), is_wide=True
    )


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
    lines = sorted(run.shares, key=lambda share: (-share.share_yen, -share.previous_yen, share.name))
    rows: list[tuple[str | int | None, ...]] = [
        (share.code, share.name, share.previous_yen, share.share_yen, share.difference_yen) for share in lines
    ]
    rows += [
        (None, gettext("prefecture"), None, run.operator_yen, None),
        (None, gettext("residual (prefecture)"), None, run.operator_residual_yen, None),
        (None, gettext("deductions"), None, run.deductions_yen, None),
        (None, gettext("total cost"), None, run.total_yen, None),
    ]
    name = gettext("%(year)s_shares_%(run)s", year=year_label(run.fiscal_year), run=either(*run.run_name))
    return table_response(file_kind, name, header, rows)


@pages.post("/allocations/<uuid:run_id>/submit")
@requires(Permission.ALLOCATION_PREPARE)
@form_of("allocation.allocation")
def allocation_submitting(run_id: UUID) -> AnyResponse | tuple[str, int]:
    """A draft, as it was shown, submitted for the approval of another person."""
    form = Form.from_request()
    command = read_form(form, SubmitAllocation, given={"run_id": run_id})
    if command is not None:
        with form.collect_errors():
            submit_allocation(command, actor=current_actor(), key=form.key)
            return redirect(url_for("allocation.allocation", run_id=run_id, done="prepared"), 303)
    return _render_run(run_id, form, "")


@pages.post("/allocations/<uuid:run_id>/approve")
@requires(Permission.ALLOCATION_APPROVE)
@form_of("allocation.allocation")
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
        happened_on = command.happened_on or posting_day(FiscalYear(run.fiscal_year), clock.today())
        # What was shown is what is posted, also when it is confirmed after midnight.
        form.values["happened_on"] = happened_on.isoformat()
        return render_page(
            "allocation/allocation_approving",
            form=form,
            run=run,
            happened_on=happened_on,
            date_warning=date_warning(FiscalYear(run.fiscal_year), clock.today()),
        )
    return _render_run(run_id, form, "")


@pages.post("/allocations/<uuid:run_id>/reject")
@requires(Permission.ALLOCATION_REJECT)
@form_of("allocation.allocation")
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
    found = _share(share_id)
    show_year_of_object(found.fiscal_year, url_for("allocation.allocations"))
    lines = queries.workings_of_share(session(), found.tenant_id, found.id).items
    parts = [Part(line.component, Fraction(line.exact_yen)) for line in lines]
    title = _made_of(parts)
    return render_page(
        "allocation/share",
        share=found,
        lines=lines,
        exact_total=str(sum((part.yen for part in parts), Fraction(0))),
        title=title,
        chart=stacked_bar(parts, title=title, name="parts") if parts else None,
        notices=[
            notice
            for notice in notices(session(), tenant_id=found.tenant_id, run_id=found.run_id)
            if may(Permission.NOTICE_READ)
        ],
    )


@pages.get("/shares/<uuid:share_id>/workings.xlsx")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.ALLOCATION_READ)
def share_workings(share_id: UUID) -> AnyResponse:
    """The workings of one member's share as a sheet that computes them."""
    found = _share(share_id)
    lines = queries.workings_of_share(session(), found.tenant_id, found.id).items
    name = gettext("workings_%(name)s_%(year)s", name=found.name, year=found.fiscal_year)
    return xlsx_response(workings_xlsx(found, lines), name)


def _share(share_id: UUID) -> ShareFacts:
    """Raises NotFound, for a municipality also of a share that is not posted: until then it is the operator's draft."""
    found = queries.share_by_id(session(), share_id)
    if found.posted_at is None and not current_actor().is_operator:
        raise not_found(what=Label("按分の負担額", "allocation share"), given=share_id)
    return found


@pages.get("/shares/<uuid:share_id>/council.pdf")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.ALLOCATION_READ)
def council_sheet(share_id: UUID) -> AnyResponse:
    """One posted share on one A4 page, for the municipality's council."""
    return Response(
        council_sheet_pdf(session(), share_id),
        mimetype="application/pdf",
        headers={"Content-Disposition": 'inline; filename="council-sheet.pdf"'},
    )


@dataclass(frozen=True, slots=True)
class _StatisticsUsed:
    """The statistics of one component with one date and source, and how many members have one."""

    component: str
    basis_date: date
    source: str
    members: int


def _render_run(run_id: UUID, form: Form | None, done: str) -> tuple[str, int]:
    run = queries.run_by_id(session(), run_id)
    components = queries.components_of_run(session(), run.id)
    parts = [Part(part.component, part.exact_yen) for part in components]
    revises = next(
        (head for head in queries.run_summaries(session(), fiscal_year=run.fiscal_year) if head.id == run.revises_id),
        None,
    )
    return _render_part(
        "allocation/allocation",
        run,
        form,
        revises=revises,
        changes=_changes(run),
        before_yen=sum(share.previous_yen for share in run.shares),
        parts_title=_made_of(parts),
        exact_total=str(sum((part.yen for part in parts), Fraction(0))),
        parts_chart=stacked_bar(parts, title=_made_of(parts), name="parts") if parts else None,
        components=components,
        done=done,
    )


def _render_part(
    template: str, run: RunFacts, form: Form | None = None, *, actions_shown: int = 5, **values: Any
) -> tuple[str, int]:
    """A part of a run's page, with what every part has: the head with its action, and what stands beside it."""
    show_year_of_object(run.fiscal_year, url_for("allocation.allocations"))
    requests = requests_about(session(), APPROVAL_KIND, run.id)
    people = {run.prepared_by, run.requested_by} | {request.decided_by or "" for request in requests}
    return render_page(
        template,
        form=form,
        initial=form or Form.initial(reason="", happened_on=""),
        run=run,
        requests=requests,
        people=names_of_people(session(), people),
        is_own=any(one.decision is None and one.requested_by == current_actor().id for one in requests),
        is_open=run.state is RunState.AWAITING_APPROVAL,
        is_draft=run.state is RunState.DRAFT,
        to_notify=may(Permission.NOTICE_ISSUE)
        and run.id in {one.id for one in unnotified_runs(session(), run.fiscal_year)},
        record=history(run.id, current_actor().tenant_id, actions_shown),
        **values,
    )


def _changes(run: RunFacts) -> ShareChanges:
    """A run against the run before it; the first of a year against the year before."""
    is_revision = run.kind is RunKind.REVISION
    before = (
        {share.tenant_id: share.previous_yen for share in run.shares}
        if is_revision
        else queries.shares_in_force(session(), run.fiscal_year - 1)
    )
    people = _people(run.fiscal_year, [share.tenant_id for share in run.shares])
    return share_changes(
        [
            BeforeAfter(
                share.name,
                before.get(share.tenant_id) or None,
                share.share_yen,
                is_new=any(before.values()) and not before.get(share.tenant_id),
                people=people.get(share.tenant_id),
                address=url_for("allocation.share", share_id=share.id),
            )
            for share in run.shares
        ],
        is_last_year=not is_revision,
    )


def _preview_changes(split: Preview, kind: RunKind) -> ShareChanges:
    """A split that is not stored yet against what it would change; the first of a year against the year before."""
    is_revision = kind is RunKind.REVISION
    year = split.fiscal_year.year
    before = split.previous_yen if is_revision else queries.shares_in_force(session(), year - 1)
    people = _people(year, [member.id for member in split.members])
    return share_changes(
        [
            BeforeAfter(
                member.name,
                before.get(member.id) or None,
                split.shares_yen[member.id],
                is_new=any(before.values()) and not before.get(member.id),
                people=people.get(member.id),
            )
            for member in split.members
        ],
        is_last_year=not is_revision,
    )


def _people(fiscal_year: int, tenant_ids: list[UUID]) -> dict[UUID, Fraction]:
    """The inhabitants of each, by the newest statistic at the beginning of the year; who has none is absent."""
    found = directory.statistic_values(
        session(), directory.StatisticKind.POPULATION, tenant_ids, FiscalYear(fiscal_year).starts_on
    )
    return {tenant_id: Fraction(statistic.value) for tenant_id, statistic in found.items()}


def _made_of(parts: list[Part]) -> str:
    """What a share or a run is mostly made of, as a sentence."""
    whole = sum((part.yen for part in parts), Fraction(0))
    if not parts or not whole:
        return gettext("Nothing was allocated")
    largest = max(parts, key=lambda part: part.yen)
    much = percent(largest.yen / whole)
    return gettext("%(much)s of it comes from %(name)s", much=much, name=largest.name)
