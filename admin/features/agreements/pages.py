"""協定: what the tenants agree to, version by version, and publishing the next one."""

from __future__ import annotations

import hashlib
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.interface.command_forms import read_form
from admin.interface.forms import Form, new_name
from admin.interface.kept_forms import restored_form
from admin.interface.lists import query_uuid
from admin.interface.pages import render_page, session
from governance.agreements import queries
from governance.agreements.commands import PublishAgreement, publish_agreement
from governance.permissions import Permission

pages = Blueprint("agreements", __name__, template_folder="templates")


@pages.get("/agreements")
@requires(Permission.AGREEMENT_READ)
def agreements() -> tuple[str, int]:
    """Every version, the newest first."""
    return render_page("agreements/agreements", versions=queries.versions(session()))


@pages.get("/agreements/<uuid:version_id>")
@requires(Permission.AGREEMENT_READ)
def agreement(version_id: UUID) -> tuple[str, int]:
    """One version with its whole text."""
    done = request.args.get("done", "")
    return render_page("agreements/agreement", version=queries.version(session(), version_id), done=done)


@pages.route("/agreements/publish", methods=["GET", "POST"])
@requires(Permission.AGREEMENT_PUBLISH)
def agreement_publishing() -> AnyResponse | tuple[str, int]:
    """A first version, or with `?after=` the next one of an agreement, which begins as a copy of it."""
    known = query_uuid("after")
    after = queries.version(session(), known) if known is not None else None
    initial = Form.initial(
        name=new_name(),
        title="",
        language=after.language if after else "ja",
        mandatory="yes" if after is None or after.mandatory else "no",
        text=after.text if after else "",
        effective_from="",
    )
    form = Form.from_request() if request.method == "POST" else restored_form() or initial
    if after is not None:
        form.values.update(name=after.agreement, title=after.title)
    if request.method == "POST" and form.step != "enter":
        command = read_form(form, PublishAgreement)
        if command is not None and not form.is_final:
            return render_page(
                "agreements/agreement_publishing_confirm",
                form=form,
                command=command,
                sha256=hashlib.sha256(command.text.encode()).hexdigest(),
                after=after,
            )
        if command is not None:
            with form.collect_errors():
                made = publish_agreement(command, actor=current_actor(), key=form.key)
                return redirect(url_for("agreements.agreement", version_id=made.version_id, done="published"), 303)
    return render_page("agreements/agreement_publishing", form=form, after=after)
