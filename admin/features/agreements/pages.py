"""協定: what the tenants agree to, version by version, and publishing the next one."""

from __future__ import annotations

import hashlib
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.core.language import current_language, either, gettext
from admin.core.rate_limits import RateLimit, limited
from admin.features.agreements.entry_points import ENTRY_POINTS
from admin.features.agreements.text_changes import text_changes
from admin.interface.command_forms import add_forms, read_form
from admin.interface.downloads import table_response
from admin.interface.forms import Form, new_name
from admin.interface.history import newest_actions
from admin.interface.kept_forms import restored_form
from admin.interface.lists import query_enum, query_uuid
from admin.interface.pages import render_page, session
from admin.interface.paging import next_cursor, query_part
from governance.agreements import queries
from governance.agreements.commands import PublishAgreement, publish_agreement
from governance.agreements.queries import AgreementVersionFacts
from governance.kernel import clock
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.acceptances.queries import acceptance_statuses
from tenancy.acceptances.states import AcceptanceState

pages = add_forms(Blueprint("agreements", __name__, template_folder="templates"), ENTRY_POINTS)


@pages.get("/agreements")
@requires(Permission.AGREEMENT_READ)
def agreements() -> tuple[str, int]:
    """Every version, the newest first."""
    return render_page("agreements/agreements", versions=queries.versions(session()))


@pages.get("/agreements/<uuid:version_id>")
@requires(Permission.AGREEMENT_READ)
def agreement(version_id: UUID) -> tuple[str, int]:
    """One version with its whole text, what it changed, and how many of the tenants asked have accepted it."""
    found = queries.version(session(), version_id)
    before = _version_before(found)
    return _render_part(
        "agreements/agreement",
        found,
        before=before,
        changes=[] if before is None else text_changes(before.text, found.text),
        done=request.args.get("done", ""),
    )


@pages.get("/agreements/<uuid:version_id>/related")
@requires(Permission.AGREEMENT_READ)
def agreement_related(version_id: UUID) -> tuple[str, int]:
    """The other versions of the agreement, and who accepted this one: a municipality sees its own acceptance."""
    found = queries.version(session(), version_id)
    return _render_part(
        "agreements/agreement_related",
        found,
        part_title=gettext("Related"),
        versions=queries.versions(session(), agreement=found.agreement),
        own_acceptance=queries.acceptances_of_version(session(), found.id).get(current_actor().tenant_id),
    )


@pages.get("/agreements/<uuid:version_id>/documents")
@requires(Permission.AGREEMENT_READ)
def agreement_documents(version_id: UUID) -> tuple[str, int]:
    """The text as a file, with the hash that each acceptance keeps."""
    found = queries.version(session(), version_id)
    return _render_part("agreements/agreement_documents", found, part_title=gettext("Documents"))


@pages.get("/agreements/<uuid:version_id>/text.txt")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.AGREEMENT_READ)
def agreement_text(version_id: UUID) -> Response:
    """The text in UTF-8, byte for byte what its SHA-256 is of."""
    version = queries.version(session(), version_id)
    return Response(
        version.text.encode(),
        mimetype="text/plain",
        headers={"Content-Disposition": f'attachment; filename="{version.agreement}-{version.number}.txt"'},
    )


@pages.get("/agreements/<uuid:version_id>/history")
@requires(Permission.AUDIT_READ)
def agreement_history(version_id: UUID) -> tuple[str, int]:
    """What was done about a version: its publication, reminders and acceptances, as far as one may read them."""
    found = queries.version(session(), version_id)
    return _render_part(
        "agreements/agreement_history", found, actions_shown=50, part_title=gettext("History"), is_wide=True
    )


def _render_part(
    template: str, version: AgreementVersionFacts, *, actions_shown: int = 5, **values: Any
) -> tuple[str, int]:
    """A part of a version's page, with what every part has: its state, the version after it, and its last events."""
    actor, today = current_actor(), clock.today()
    later = [one for one in queries.versions(session(), agreement=version.agreement) if one.number > version.number]
    statuses = acceptance_statuses(session(), version.id, today)
    newest = sorted((one.id for one in queries.acceptances_of_version(session(), version.id).values()), reverse=True)
    subjects = [str(version.id), *map(str, newest[:actions_shown])]
    record = newest_actions(actions_shown, subjects=subjects)
    accepted = sum(one.state is AcceptanceState.ACCEPTED for one in statuses)
    return render_page(
        template,
        version=version,
        today=today,
        # The newest that has taken effect; an optional version replaces no mandatory one.
        is_in_force=version.effective_from <= today
        and not any(one.effective_from <= today and (one.mandatory or not version.mandatory) for one in later),
        following=later[-1] if later else None,
        is_open=not actor.is_operator and not accepted and queries.is_asked_for(session(), version.id, today),
        own_tenant_id=actor.tenant_id,
        accepted=accepted,
        total=len(statuses) if actor.is_operator else 0,
        record=record,
        **values,
    )


def _version_before(found: AgreementVersionFacts) -> AgreementVersionFacts | None:
    every = queries.versions(session(), agreement=found.agreement)
    return next((one for one in every if one.number == found.number - 1), None)


@pages.get("/agreements/<uuid:version_id>/acceptances")
@requires(Permission.AGREEMENT_READ)
def acceptances(version_id: UUID) -> AnyResponse | tuple[str, int]:
    """Who of the tenants asked has accepted a version; a municipality is led to the version itself."""
    found = queries.version(session(), version_id)
    if not current_actor().is_operator:
        return redirect(url_for("agreements.agreement", version_id=version_id), 303)
    state = query_enum("state", AcceptanceState)
    every = acceptance_statuses(session(), version_id, clock.today())
    rows = query_part().page_of_all([one for one in every if state in (None, one.state)], lambda one: one.tenant_id)
    return _render_part(
        "agreements/acceptances",
        found,
        part_title=gettext("Who has accepted"),
        is_wide=True,
        is_asked=queries.is_asked_for(session(), version_id, clock.today()),
        rows=rows.items,
        next_cursor=next_cursor(rows),
        state=state,
        states=list(AcceptanceState),
        reminded=request.args.get("reminded", 0, type=int),
        left_out=request.args.get("left_out", 0, type=int),
    )


_FILE_HEADER: Final = (
    Label("団体コード", "code"),
    Label("団体", "tenant"),
    Label("同意", "acceptance"),
    Label("同意を記録した日時", "recorded at"),
    Label("署名日", "signed on"),
    Label("署名者の職", "title of the signer"),
    Label("署名者の氏名", "name of the signer"),
    Label("依頼した日時", "asked at"),
    Label("期限", "due by"),
    Label("最後の催促", "reminded last"),
)


@pages.get("/agreements/<uuid:version_id>/acceptances.<any(csv, xlsx):file_kind>")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.AGREEMENT_READ)
def acceptances_file(version_id: UUID, file_kind: str) -> Response:
    """The whole of what the list's filter lets through; of a municipality its own row."""
    rows = (
        (
            one.code,
            one.name,
            one.state.label(current_language()),
            one.accepted_at,
            one.signed_on,
            one.signer_title,
            one.signer_name,
            one.asked_at,
            one.due_on,
            one.reminded_at,
        )
        for one in acceptance_statuses(session(), version_id, clock.today(), state=query_enum("state", AcceptanceState))
    )
    return table_response(file_kind, gettext("acceptances"), [either(*label) for label in _FILE_HEADER], rows)


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
                changes=[] if after is None else text_changes(after.text, command.text),
            )
        if command is not None:
            with form.collect_errors():
                made = publish_agreement(command, actor=current_actor(), key=form.key)
                return redirect(url_for("agreements.agreement", version_id=made.version_id, done="published"), 303)
    return render_page("agreements/agreement_publishing", form=form, after=after)
