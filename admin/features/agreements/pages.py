"""協定: what the tenants agree to, version by version, and publishing the next one."""

from __future__ import annotations

import hashlib
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import asks, current_actor
from admin.interface.forms import Form
from admin.interface.lists import chosen_id
from admin.interface.pages import session, show
from governance.agreements import queries
from governance.agreements.commands import PublishAgreement, publish_agreement
from governance.permissions import Permission

pages = Blueprint("agreements", __name__, template_folder="templates")

_MANDATORY = {"yes": True, "no": False}


@pages.get("/agreements")
@asks(Permission.AGREEMENT_READ)
def agreements() -> tuple[str, int]:
    """Every version, the newest first."""
    return show("agreements/agreements", versions=queries.versions(session()))


@pages.get("/agreements/<uuid:version_id>")
@asks(Permission.AGREEMENT_READ)
def agreement(version_id: UUID) -> tuple[str, int]:
    """One version with its whole text."""
    done = request.args.get("done", "")
    return show("agreements/agreement", version=queries.version(session(), version_id), done=done)


@pages.route("/agreements/publish", methods=["GET", "POST"])
@asks(Permission.AGREEMENT_PUBLISH)
def agreement_publishing() -> AnyResponse | tuple[str, int]:
    """A first version, or with `?after=` the next one of an agreement, which begins as a copy of it."""
    known = chosen_id("after")
    after = queries.version(session(), known) if known is not None else None
    fresh = Form.fresh(
        name="",
        title="",
        language=after.language if after else "ja",
        mandatory="yes" if after is None or after.mandatory else "no",
        text=after.text if after else "",
        effective_from="",
    )
    form = Form.sent() if request.method == "POST" else fresh
    if after is not None:
        form.values.update(name=after.agreement, title=after.title)
    if request.method == "POST" and form.step != "enter":
        name, title, text = (form.needed(field) for field in ("name", "title", "text"))
        form.needed("effective_from")
        effective_from = form.day("effective_from")
        mandatory = form.one_of("mandatory", _MANDATORY.__getitem__)
        if form.is_right and effective_from is not None and mandatory is not None:
            with form.refusing():
                order = PublishAgreement.model_validate(
                    {
                        "name": name,
                        "title": title,
                        "language": form.text("language"),
                        "text": text,
                        "effective_from": effective_from,
                        "mandatory": mandatory,
                    }
                )
                if not form.is_final:
                    sha256 = hashlib.sha256(text.encode()).hexdigest()
                    return show(
                        "agreements/agreement_publishing_confirm", form=form, order=order, sha256=sha256, after=after
                    )
                made = publish_agreement(order, actor=current_actor(), key=form.key)
                return redirect(url_for("agreements.agreement", version_id=made.version_id, done="published"), 303)
    return show("agreements/agreement_publishing", form=form, after=after)
