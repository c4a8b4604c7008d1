"""仕訳: one entry, an entry by hand into a book, and the opposite of one that was wrong."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.core.language import current_language
from admin.interface.forms import Form
from admin.interface.pages import render_page, session
from billing.ledger import queries
from billing.ledger.chart import CHART, AccountCode
from billing.ledger.commands import EntryLine, PostEntry, ReverseEntry, post_entry, reverse_entry
from billing.ledger.periods import EntryKind
from billing.ledger.posting import UNBALANCED
from governance.kernel.errors import Invalid, message
from governance.permissions import Permission
from tenancy import directory

pages = Blueprint("ledger_entries", __name__, template_folder="templates")

DEBIT_OR_CREDIT = message(
    "form.one_side",
    ja="1行には、借方か貸方のどちらか一方だけを入力してください。",
    en="Enter either a debit or a credit on each line, not both.",
)

_FORM_ROWS: Final = 6
"""How many lines the form offers; an entry with more is posted through the API or the command line."""

_KINDS: Final = (EntryKind.ORDINARY, EntryKind.ADJUSTMENT)


@pages.get("/ledger/<uuid:tenant_id>/entries/<uuid:entry_id>")
@requires(Permission.LEDGER_READ)
def entry(tenant_id: UUID, entry_id: UUID) -> tuple[str, int]:
    """One entry with its lines, and what it reverses or what reversed it."""
    return render_page(
        "ledger/entry",
        tenant=directory.tenant_by_id(session(), tenant_id),
        entry=queries.entry(session(), tenant_id, entry_id),
        done=request.args.get("done", ""),
    )


@pages.route("/ledger/<uuid:tenant_id>/entries/post", methods=["GET", "POST"])
@requires(Permission.LEDGER_POST)
def entry_posting(tenant_id: UUID) -> AnyResponse | tuple[str, int]:
    """Debits and credits, shown added up before they are posted."""
    tenant = directory.tenant_by_id(session(), tenant_id)
    lines = {f"{part}_{row}": "" for row in range(1, _FORM_ROWS + 1) for part in ("account", "debit", "credit")}
    initial = Form.initial(**lines, reference="", happened_on="", memo="", kind=EntryKind.ORDINARY.value)
    form = Form.from_request() if request.method == "POST" else initial
    if request.method == "POST" and form.step != "enter":
        reference, memo = form.required("reference"), form.required("memo")
        form.required("happened_on")
        happened_on, kind = form.day("happened_on"), form.one_of("kind", EntryKind)
        entered = _lines(form)
        if form.is_valid and happened_on is not None and kind is not None:
            with form.collect_errors("lines=debit_1"):
                command = PostEntry.model_validate(
                    {
                        "tenant_id": tenant_id,
                        "reference": reference,
                        "happened_on": happened_on,
                        "lines": entered,
                        "memo": memo,
                        "kind": kind.value,
                    }
                )
                if not form.is_final:
                    debit_yen = sum(line.yen for line in entered if line.yen > 0)
                    return render_page(
                        "ledger/entry_posting_confirm",
                        form=form,
                        tenant=tenant,
                        command=command,
                        chart=CHART,
                        debit_yen=debit_yen,
                    )
                posted = post_entry(command, actor=current_actor(), key=form.key)
                return redirect(
                    url_for("ledger_entries.entry", tenant_id=tenant_id, entry_id=posted.entry_id, done="posted"), 303
                )
    return render_page(
        "ledger/entry_posting",
        form=form,
        tenant=tenant,
        rows=range(1, _FORM_ROWS + 1),
        accounts=_accounts(),
        kinds=_KINDS,
    )


@pages.route("/ledger/<uuid:tenant_id>/entries/<uuid:entry_id>/reverse", methods=["GET", "POST"])
@requires(Permission.LEDGER_REVERSE)
def entry_reversing(tenant_id: UUID, entry_id: UUID) -> AnyResponse | tuple[str, int]:
    """The opposite of an entry, with the reason; the entry itself stays."""
    tenant = directory.tenant_by_id(session(), tenant_id)
    found = queries.entry(session(), tenant_id, entry_id)
    form = Form.from_request() if request.method == "POST" else Form.initial(happened_on="", reason="")
    if request.method == "POST":
        form.required("happened_on")
        reason, happened_on = form.required("reason"), form.day("happened_on")
        if form.is_valid and happened_on is not None:
            with form.collect_errors():
                made = reverse_entry(
                    ReverseEntry(tenant_id=tenant_id, entry_id=entry_id, happened_on=happened_on, reason=reason),
                    actor=current_actor(),
                    key=form.key,
                )
                return redirect(
                    url_for("ledger_entries.entry", tenant_id=tenant_id, entry_id=made.entry_id, done="reversed"), 303
                )
    return render_page("ledger/entry_reversing", form=form, tenant=tenant, entry=found)


def _lines(form: Form) -> tuple[EntryLine, ...]:
    """The lines that were entered, balanced; what is wrong is told at its field."""
    lines = []
    for row in range(1, _FORM_ROWS + 1):
        if not any(form.text(f"{part}_{row}") for part in ("account", "debit", "credit")):
            continue
        account = form.one_of(f"account_{row}", AccountCode)
        debit, credit = form.yen(f"debit_{row}"), form.yen(f"credit_{row}")
        if bool(form.text(f"debit_{row}")) == bool(form.text(f"credit_{row}")):
            form.add_error(Invalid(DEBIT_OR_CREDIT, field=f"debit_{row}"))
        elif account is not None and (debit or credit):
            lines.append(EntryLine(account=account, yen=debit or -(credit or 0)))
    difference = sum(line.yen for line in lines)
    if form.is_valid and difference:
        form.add_error(Invalid(UNBALANCED, field="debit_1", difference=difference))
    return tuple(lines)


def _accounts() -> list[tuple[str, str]]:
    is_japanese = current_language() == "ja"
    return [("", "―"), *((code.value, line.name if is_japanese else line.name_en) for code, line in CHART.items())]
