"""お知らせ: the list, and one of them, with who confirmed it. The forms are derived."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from flask import Blueprint, Response, request

from admin.core.guard import current_actor, requires
from admin.core.language import current_language, either, gettext
from admin.core.rate_limits import RateLimit, limited
from admin.features.announcements.entry_points import ENTRY_POINTS
from admin.interface.command_forms import add_forms
from admin.interface.downloads import table_response
from admin.interface.lists import query_enum
from admin.interface.pages import render_page, session
from admin.interface.paging import next_cursor, query_part
from governance.kernel import clock
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.announcements import queries
from tenancy.announcements.models import AnnouncementFacts
from tenancy.announcements.states import AnnouncementState, ConfirmationState
from tenancy.people.queries import names_of_people

pages = add_forms(Blueprint("announcements", __name__, template_folder="templates"), ENTRY_POINTS)


@pages.get("/announcements")
@requires(Permission.ANNOUNCEMENT_READ)
def announcements() -> tuple[str, int]:
    """Every announcement, newest first; of a municipality those that went to it and were not withdrawn."""
    state = query_enum("state", AnnouncementState)
    is_operator = current_actor().is_operator
    every = queries.announcements(session(), clock.today(), state=state, includes_withdrawn=is_operator)
    rows = query_part().page_of_all(every, lambda one: one.id)
    offered = [one for one in AnnouncementState if is_operator or one is not AnnouncementState.WITHDRAWN]
    return render_page(
        "announcements/announcements",
        rows=rows.items,
        next_cursor=next_cursor(rows),
        state=state,
        states=offered,
        is_operator=is_operator,
    )


@pages.get("/announcements/<uuid:announcement_id>")
@requires(Permission.ANNOUNCEMENT_READ)
def announcement(announcement_id: UUID) -> tuple[str, int]:
    """One announcement; for the operator whom it went to and who confirmed it, for a municipality its confirmation."""
    found = _find(announcement_id)
    state = query_enum("state", ConfirmationState)
    rows = query_part().page_of_all(
        queries.recipients(session(), announcement_id, state=state), lambda one: one.tenant_id
    )
    return render_page(
        "announcements/announcement",
        announcement=found,
        rows=rows.items,
        next_cursor=next_cursor(rows),
        people=names_of_people(session(), {one.confirmed_by for one in rows.items if one.confirmed_by}),
        state=state,
        states=list(ConfirmationState),
        is_operator=current_actor().is_operator,
        tenant_id=current_actor().tenant_id,
        done=request.args.get("done", ""),
        reminded=request.args.get("reminded", 0, type=int),
        left_out=request.args.get("left_out", 0, type=int),
    )


_FILE_HEADER: Final = (
    Label("団体コード", "code"),
    Label("団体", "tenant"),
    Label("確認", "confirmation"),
    Label("確認した日時", "confirmed at"),
    Label("確認した人", "confirmed by"),
    Label("最後の催促", "reminded last"),
)


@pages.get("/announcements/<uuid:announcement_id>/recipients.<any(csv, xlsx):file_kind>")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.ANNOUNCEMENT_READ)
def recipients_file(announcement_id: UUID, file_kind: str) -> Response:
    """The tenants it went to that the list's filter lets through; of a municipality its own row."""
    _find(announcement_id)
    found = queries.recipients(session(), announcement_id, state=query_enum("state", ConfirmationState))
    people = names_of_people(session(), {one.confirmed_by for one in found if one.confirmed_by})
    rows = (
        (
            one.code,
            one.name,
            one.state.label(current_language()),
            one.confirmed_at,
            people.get(one.confirmed_by or "", ""),
            one.reminded_at,
        )
        for one in found
    )
    return table_response(file_kind, gettext("announcement"), [either(*label) for label in _FILE_HEADER], rows)


def _find(announcement_id: UUID) -> AnnouncementFacts:
    return queries.announcement(
        session(), announcement_id, clock.today(), includes_withdrawn=current_actor().is_operator
    )
