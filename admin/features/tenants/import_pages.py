"""A file of municipalities: a verdict for each row first, then all of it or nothing.

The file is checked and then sent once more with the confirmation, because nothing of it is kept before it is imported;
its SHA-256 says that it is the same one.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.core.language import current_language, gettext
from admin.core.rate_limits import RateLimit, limited
from admin.interface.command_forms import read_form
from admin.interface.downloads import table_response
from admin.interface.file_imports import uploaded_file
from admin.interface.forms import Form
from admin.interface.kept_forms import restored_form
from admin.interface.pages import render_page, session
from governance.file_imports import ImportFacts, ImportRefused
from governance.kernel import clock
from governance.kernel.errors import DomainError
from governance.kernel.table_file import template_headings
from governance.permissions import Permission
from tenancy.tenants import queries
from tenancy.tenants.commands import ImportTenants, examine_import, import_tenants
from tenancy.tenants.models import CohortFacts
from tenancy.tenants.municipality_columns import COLUMNS
from tenancy.tenants.states import StatisticKind

pages = Blueprint("tenant_import", __name__, template_folder="templates")


@pages.route("/tenants/import", methods=["GET", "POST"])
@requires(Permission.TENANT_IMPORT)
def importing() -> AnyResponse | tuple[str, int]:
    """Choose the file, see the verdict, import it."""
    cohorts = queries.cohorts(session())
    if request.method == "GET":
        empty = Form.initial(source="", cohort="", valid_from="", content="", **dict.fromkeys(_FIELDS, ""))
        form = restored_form() or empty
        # A browser fills no field for files: the file is chosen again.
        form.values.pop("content", None)
        return _enter(form, cohorts)
    form = Form.from_request()
    for name in _FIELDS:
        form.values.setdefault(name, "")
    refused: ImportFacts | None = None
    content = uploaded_file(form)
    command = None if content is None else _command(form, content)
    form.labels["content"] = gettext("CSV or Excel file")
    if command is not None and form.is_valid and form.step != "enter":
        try:
            if form.is_final:
                done = import_tenants(command, actor=current_actor(), key=form.key)
                return redirect(
                    url_for("tenant_import.importing_done", rows=len(done.tenant_ids), sha256=done.sha256), 303
                )
            verdict = examine_import(session(), command, today=clock.today())
            if not verdict.refusals:
                return render_page("tenants/importing_verdict", form=form, preview=verdict.preview)
            raise ImportRefused(verdict.preview, verdict.refusals)
        except ImportRefused as wrong:
            refused = wrong.preview
            for error in (one for one in wrong.errors if one.field in ("content", *_DATES)):
                form.add_error(error.renamed(_field_of))
        except DomainError as unreadable:
            form.add_error(unreadable.at(_field_of(unreadable.field)))
    form.values.pop("content", None)
    return _enter(form, cohorts, refused)


def _enter(form: Form, cohorts: Sequence[CohortFacts], refused: ImportFacts | None = None) -> tuple[str, int]:
    """入力, with all that was wrong with the file that was sent."""
    return render_page(
        "tenants/importing",
        form=form,
        cohorts=cohorts,
        fields=_FIELDS,
        columns=queries.import_columns(),
        refused=refused,
    )


@pages.get("/tenants/import/template.csv")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.TENANT_IMPORT)
def import_template() -> Response:
    """The headings alone, to be filled in; `?encoding=cp932` for software that knows nothing else."""
    return table_response("csv", gettext("tenants_to_import"), template_headings(COLUMNS, current_language()), [])


@pages.get("/tenants/import/done")
@requires(Permission.TENANT_IMPORT)
def importing_done() -> tuple[str, int]:
    """完了: how many came in."""
    return render_page(
        "tenants/importing_done", rows=request.args.get("rows", "", type=str)[:6], sha256=request.args.get("sha256", "")
    )


_FIELDS = {f"date_{kind.value}": kind for kind in StatisticKind}
_DATES = frozenset(f"basis_dates.{kind.value}" for kind in StatisticKind)


def _field_of(name: str | None) -> str:
    """The form's field for a field of the command: `date_population` for `basis_dates.population`."""
    if name and name.startswith("basis_dates."):
        return f"date_{name.removeprefix('basis_dates.')}"
    return name or "content"


def _command(form: Form, content: bytes) -> ImportTenants | None:
    dates = {kind.value: form.text(field) for field, kind in _FIELDS.items() if form.text(field)}
    values = {"content": base64.b64encode(content).decode(), "basis_dates": dates}
    return read_form(form, ImportTenants, values=values, spell=_field_of)
