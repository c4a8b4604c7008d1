"""利用申請 for the operator: the list, and one application with its checks, what it says, its files and decisions."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import UUID

from flask import Blueprint, Response, request

from admin.core.guard import requires
from admin.core.language import current_language, gettext
from admin.core.rate_limits import RateLimit, limited
from admin.features.applications.entry_points import ENTRY_POINTS, content_facts
from admin.interface.command_forms import add_forms
from admin.interface.history import newest_actions
from admin.interface.lists import query_enum
from admin.interface.pages import render_page, session, settings
from admin.interface.paging import next_cursor, query_part
from admin.workflows.application_links import link_path
from governance.approvals import pending_request_of_command
from governance.kernel import clock
from governance.permissions import Permission
from tenancy.applications import queries
from tenancy.applications.content import GROUPS, ApplicationContent, label_of
from tenancy.applications.states import (
    EDITABLE_STATES,
    OPEN_STATES,
    SCREENED_STATES,
    ApplicationState,
    Attestation,
    AwaitedParty,
    Conclusion,
    Ground,
)
from tenancy.people.queries import names_of_people

pages = add_forms(Blueprint("applications", __name__, template_folder="templates"), ENTRY_POINTS)


@pages.get("/applications")
@requires(Permission.APPLICATION_READ)
def applications() -> tuple[str, int]:
    """Every application that was submitted, newest first; of one state where one is chosen, drafts then, too."""
    state = query_enum("state", ApplicationState)
    rows = query_part().page_of_all(queries.applications(session(), state=state), lambda one: one.id)
    return render_page(
        "applications/applications",
        rows=rows.items,
        next_cursor=next_cursor(rows),
        state=state,
        states=list(ApplicationState),
    )


@pages.get("/applications/<uuid:application_id>")
@requires(Permission.APPLICATION_READ)
def application(application_id: UUID) -> tuple[str, int]:
    """The screening of an application: checks, statements, the decision to be proposed, and what was decided."""
    view = queries.screening_view(session(), application_id, clock.today())
    proposal = pending_request_of_command(session(), queries.CONCLUDE, "application_id", application_id)
    return _render_part(
        "applications/application",
        application_id,
        view=view,
        attestations=list(Attestation),
        outcomes=[outcome for outcome in Conclusion if view.is_complete or outcome is not Conclusion.APPROVE],
        reasons=list(Ground),
        proposal=proposal,
        done=request.args.get("done", ""),
    )


@pages.get("/applications/<uuid:application_id>/content")
@requires(Permission.APPLICATION_READ)
def application_content(application_id: UUID) -> tuple[str, int]:
    """What an application says, and its files."""
    one = queries.application(session(), application_id)
    return _render_part(
        "applications/application_content",
        application_id,
        groups=grouped_facts(one.content),
        part_title=gettext("What it says"),
    )


@pages.get("/applications/<uuid:application_id>/history")
@requires(Permission.APPLICATION_READ)
def application_history(application_id: UUID) -> tuple[str, int]:
    """Who did what with it."""
    return _render_part(
        "applications/application_history",
        application_id,
        actions_shown=50,
        part_title=gettext("History"),
        is_wide=True,
    )


def _render_part(template: str, application_id: UUID, *, actions_shown: int = 5, **values: Any) -> tuple[str, int]:
    """A part of an application's page, with what every part has: state, what is next, and its last events."""
    one = queries.application(session(), application_id)
    people = {name for made in one.decisions for name in (made.proposed_by, made.decided_by)}
    view = values.get("view")
    if view is not None and view.screening is not None:
        people.add(view.screening.screened_by)
    return render_page(
        template,
        application=one,
        names=names_of_people(session(), people),
        is_editable=one.state in EDITABLE_STATES,
        is_screened=one.state in SCREENED_STATES and one.awaited is AwaitedParty.SCREENER,
        is_open=one.state in OPEN_STATES,
        link=link_path(settings().session_secret, one.id, one.link_number) if one.link_expires_at > clock.now() else "",
        record=newest_actions(actions_shown, subject=str(application_id)),
        **values,
    )


def grouped_facts(content: ApplicationContent) -> list[tuple[str, list[tuple[str, str]]]]:
    """What an application says, part by part of its form: the part's title, and label and value of each field."""
    language = current_language()
    shown = content_facts(content, session(), language)
    return [
        (title.text(language), [(label_of(name).text(language), shown[name]) for name in names])
        for title, names in GROUPS
    ]


@pages.get("/applications/<uuid:application_id>/attachments/<uuid:attachment_id>")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.APPLICATION_READ)
def attachment(application_id: UUID, attachment_id: UUID) -> Response:
    """A file of an application, to be saved and not shown: what a stranger sent is nothing of our pages."""
    return file_response(queries.attachment_file(session(), application_id, attachment_id))


def file_response(found: queries.AttachmentFile) -> Response:
    """A file that a stranger sent, as a download."""
    return Response(
        found.content,
        content_type=found.media_type,
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name)}",
        },
    )
