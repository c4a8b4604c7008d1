"""仕訳: one entry, an entry by hand into a book, and the opposite of one that was wrong."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, may, requires
from admin.core.language import current_language, gettext
from admin.features.ledger.entry_points import ENTRY_POINTS
from admin.features.ledger.pages import to_contributions
from admin.interface.command_forms import add_forms, read_form, to_approval
from admin.interface.forms import Form
from admin.interface.history import newest_actions
from admin.interface.kept_forms import restored_form
from admin.interface.pages import render_page, session
from billing.ledger import queries
from billing.ledger.chart import CHART, AccountCode
from billing.ledger.commands import post_entry
from billing.ledger.periods import EntryKind, date_warning, year_of
from billing.ledger.posting import UNBALANCED
from billing.runs.queries import RunSummary, run_summaries
from governance.commands import COMMENT
from governance.declaration import declared_field
from governance.events import Event
from governance.kernel import clock
from governance.kernel.errors import Invalid, message
from governance.kernel.fiscal_year import FiscalYear
from governance.permissions import Permission
from tenancy import directory

pages = add_forms(Blueprint("ledger_entries", __name__, template_folder="templates"), ENTRY_POINTS)

DEBIT_OR_CREDIT = message(
    "form.one_side",
    ja="1行には、借方か貸方のどちらか一方だけを入力してください。",
    en="Enter either a debit or a credit on each line, not both.",
)

_FORM_ROWS: Final = 6
"""How many lines the form offers; an entry with more is posted through the API or the command line."""

_COMMENT: Final = declared_field(post_entry.command_type, COMMENT)

_KINDS: Final = (EntryKind.ORDINARY, EntryKind.ADJUSTMENT)


@pages.get("/ledger/<uuid:tenant_id>/entries/<uuid:entry_id>")
@requires(Permission.LEDGER_READ)
def entry(tenant_id: UUID, entry_id: UUID) -> AnyResponse | tuple[str, int]:
    """One entry with its lines, and what it reverses or what reversed it; for the operator, whose accounts they are."""
    if (elsewhere := to_contributions(tenant_id)) is not None:
        return elsewhere
    return _render_part("ledger/entry", tenant_id, entry_id, done=request.args.get("done", ""))


@pages.get("/ledger/<uuid:tenant_id>/entries/<uuid:entry_id>/related")
@requires(Permission.LEDGER_READ)
def entry_related(tenant_id: UUID, entry_id: UUID) -> AnyResponse | tuple[str, int]:
    """What an entry was posted for: a run, the entry that it reverses, or what somebody entered; and its book."""
    if (elsewhere := to_contributions(tenant_id)) is not None:
        return elsewhere
    return _render_part("ledger/entry_related", tenant_id, entry_id, part_title=gettext("Related"))


@pages.get("/ledger/<uuid:tenant_id>/entries/<uuid:entry_id>/history")
@requires(Permission.AUDIT_READ)
def entry_history(tenant_id: UUID, entry_id: UUID) -> AnyResponse | tuple[str, int]:
    """What was done about an entry, or about the run that posted it."""
    if (elsewhere := to_contributions(tenant_id)) is not None:
        return elsewhere
    return _render_part(
        "ledger/entry_history", tenant_id, entry_id, actions_shown=50, part_title=gettext("History"), is_wide=True
    )


def _render_part(
    template: str, tenant_id: UUID, entry_id: UUID, *, actions_shown: int = 5, **values: Any
) -> tuple[str, int]:
    """A part of an entry's page, with what every part has: what it was posted for, by whom, and its last events."""
    found = queries.entry(session(), tenant_id, entry_id)
    run = _run_of(found)
    subjects = [str(entry_id)] + ([] if run is None else [str(run.id)])
    posted = [Event.LEDGER_POSTED, Event.LEDGER_REVERSED, Event.ALLOCATION_APPROVED]
    return render_page(
        template,
        tenant=directory.tenant_by_id(session(), tenant_id),
        entry=found,
        run=run,
        posted=[one for one in newest_actions(50, subjects=subjects) if one.event in posted],
        record=newest_actions(actions_shown, subjects=subjects),
        **values,
    )


def _run_of(entry: queries.EntryFacts) -> RunSummary | None:
    """The run that posted the entry, which its reference names; None for an entry by hand."""
    kind, _, number = entry.reference.partition(f":{entry.fiscal_year}:")
    if kind != "allocation" or not may(Permission.ALLOCATION_READ):
        return None
    runs = run_summaries(session(), fiscal_year=entry.fiscal_year)
    return next((run for run in runs if str(run.number) == number), None)


@pages.route("/ledger/<uuid:tenant_id>/entries/post", methods=["GET", "POST"])
@requires(Permission.LEDGER_POST)
def entry_posting(tenant_id: UUID) -> AnyResponse | tuple[str, int]:
    """Debits and credits, shown added up before they are posted."""
    tenant = directory.tenant_by_id(session(), tenant_id)
    lines = {f"{part}_{row}": "" for row in range(1, _FORM_ROWS + 1) for part in ("account", "debit", "credit")}
    initial = Form.initial(**lines, reference="", happened_on="", memo="", comment="", kind=EntryKind.ORDINARY.value)
    form = Form.from_request() if request.method == "POST" else restored_form() or initial
    if request.method == "POST" and form.step != "enter":
        form.required("memo")
        entered = _lines(form)
        command = read_form(
            form,
            post_entry.command_type,
            given={"tenant_id": tenant_id},
            values={"lines": entered},
            spell=lambda field: _field_of_lines(form) if field.startswith("lines") else field,
        )
        if command is not None and form.is_valid:
            with form.collect_errors("lines=debit_1"):
                if not form.is_final:
                    debit_yen = sum(line.yen for line in command.lines if line.yen > 0)
                    return render_page(
                        "ledger/entry_posting_confirm",
                        form=form,
                        tenant=tenant,
                        command=command,
                        chart=CHART,
                        debit_yen=debit_yen,
                        date_warning=date_warning(
                            FiscalYear(year_of(command.happened_on, command.fiscal_year)), clock.today()
                        ),
                        comment=_COMMENT,
                    )
                return to_approval(post_entry(command, actor=current_actor(), key=form.key))
    return render_page(
        "ledger/entry_posting",
        form=form,
        tenant=tenant,
        rows=range(1, _FORM_ROWS + 1),
        accounts=_accounts(),
        kinds=_KINDS,
        comment=_COMMENT,
    )


def _field_of_lines(form: Form) -> str:
    """The form's field for what is wrong with the lines as a whole: where a line is wrong already, that one."""
    parts = ("account_", "debit_", "credit_")
    return next((error.name for error in form.errors if error.name.startswith(parts)), "debit_1")


def _lines(form: Form) -> list[dict[str, Any]]:
    """The rows with an entry as lines: a debit positive, a credit negative. What is wrong is shown at its field."""
    lines: list[dict[str, Any]] = []
    for row in range(1, _FORM_ROWS + 1):
        if not any(form.text(f"{part}_{row}") for part in ("account", "debit", "credit")):
            continue
        account = form.one_of(f"account_{row}", AccountCode)
        debit, credit = form.yen(f"debit_{row}"), form.yen(f"credit_{row}")
        if bool(form.text(f"debit_{row}")) == bool(form.text(f"credit_{row}")):
            form.add_error(Invalid(DEBIT_OR_CREDIT, field=f"debit_{row}"))
        elif account is not None and (debit or credit):
            lines.append({"account": account.value, "yen": debit or -(credit or 0)})
    difference = sum(line["yen"] for line in lines)
    if form.is_valid and difference:
        form.add_error(Invalid(UNBALANCED, field="debit_1", difference=difference))
    return lines


def _accounts() -> list[tuple[str, str]]:
    is_japanese = current_language() == "ja"
    return [("", "―"), *((code.value, line.name if is_japanese else line.name_en) for code, line in CHART.items())]
