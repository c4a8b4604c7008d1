"""A file of people: a verdict for each row first, then all of it or nothing.

The file is checked and then sent once more with the confirmation, because nothing of it is kept before it is imported;
its SHA-256 says that it is the same one.
"""

from __future__ import annotations

import base64
from uuid import UUID

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
from admin.interface.pages import render_page, session, settings
from governance.file_imports import ImportFacts, ImportRefused
from governance.kernel.errors import DomainError
from governance.kernel.table_file import template_headings
from governance.permissions import Permission
from tenancy import directory
from tenancy.people import queries
from tenancy.people.bulk_changes import ImportMembers, examine_members, import_members
from tenancy.people.member_file import COLUMNS

pages = Blueprint("member_import", __name__, template_folder="templates")

_COUNTS = ("added", "changed", "suspended", "removed")


@pages.route("/tenants/<uuid:tenant_id>/people/import", methods=["GET", "POST"])
@requires(Permission.MEMBER_IMPORT)
def importing(tenant_id: UUID) -> AnyResponse | tuple[str, int]:
    """Choose the file, see the verdict, import it."""
    directory.tenant_by_id(session(), tenant_id)
    if request.method == "GET":
        form = restored_form() or Form.initial(reason="", content="")
        # A browser fills no field for files: the file is chosen again.
        form.values.pop("content", None)
        return _enter(tenant_id, form)
    form = Form.from_request()
    refused: ImportFacts | None = None
    content = uploaded_file(form)
    sent = {"content": base64.b64encode(content or b"").decode()}
    command = read_form(form, ImportMembers, given={"tenant_id": str(tenant_id)}, values=sent)
    form.labels["content"] = gettext("CSV or Excel file")
    if content is not None and command is not None and form.is_valid and form.step != "enter":
        try:
            if form.is_final:
                done = import_members(command, actor=current_actor(), key=form.key)
                counts = {name: getattr(done, name) for name in _COUNTS}
                address = url_for("member_import.importing_done", tenant_id=tenant_id, **counts)
                return redirect(address, 303)
            verdict = examine_members(session(), command, actor=current_actor())
            if not verdict.refusals:
                return render_page(
                    "people/importing_verdict",
                    form=form,
                    preview=verdict.preview,
                    tenant=directory.tenant_by_id(session(), tenant_id),
                )
            refused = verdict.preview
        except ImportRefused as wrong:
            refused = wrong.preview
        except DomainError as unreadable:
            form.add_error(unreadable.at("content"))
    form.values.pop("content", None)
    return _enter(tenant_id, form, refused)


def _enter(tenant_id: UUID, form: Form, refused: ImportFacts | None = None) -> tuple[str, int]:
    """入力, with all that was wrong with the file that was sent."""
    installation = settings()
    return render_page(
        "people/importing",
        form=form,
        tenant=directory.tenant_by_id(session(), tenant_id),
        columns=queries.import_columns(),
        refused=refused,
        is_mail_lost=not (installation.delivers_mail or installation.example),
    )


@pages.get("/tenants/<uuid:tenant_id>/people/import/template.csv")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.MEMBER_IMPORT)
def import_template(tenant_id: UUID) -> Response:
    """The headings alone, to be filled in; `?encoding=cp932` for software that knows nothing else."""
    directory.tenant_by_id(session(), tenant_id)
    return table_response("csv", gettext("people_to_import"), template_headings(COLUMNS, current_language()), [])


@pages.get("/tenants/<uuid:tenant_id>/people/import/done")
@requires(Permission.MEMBER_IMPORT)
def importing_done(tenant_id: UUID) -> tuple[str, int]:
    """完了: how many rows did what, and what happens now."""
    counts = {name: request.args.get(name, 0, type=int) for name in _COUNTS}
    return render_page("people/importing_done", tenant=directory.tenant_by_id(session(), tenant_id), counts=counts)
