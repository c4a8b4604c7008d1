"""Announcements over the API and the command line: those there are, to whom each went and who confirmed it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from admin.features.announcements.entry_points import ENTRY_POINTS
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.own_tasks import asking_actor
from admin.interface.queries import cli_query
from governance.declaration import Input
from governance.kernel import clock
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.announcements import queries
from tenancy.announcements.models import AnnouncementFacts, AnnouncementSummary, RecipientStatus
from tenancy.announcements.states import AnnouncementState, ConfirmationState

routes = ApiRoutes(Tag.ANNOUNCEMENTS, ENTRY_POINTS)


class AnnouncementsQuery(PageQuery):
    """Which announcements; all without a state. A municipality never sees one that was withdrawn."""

    state: Annotated[AnnouncementState, Input("状態", "State")] | None = None


class RecipientsQuery(PageQuery):
    """Which of the tenants it went to; all without a state."""

    state: Annotated[ConfirmationState, Input("確認", "Confirmation")] | None = None


def _line(one: AnnouncementSummary) -> str:
    counted = f"  {one.confirmed}/{one.recipients}" if one.asks_confirmation else f"  {one.recipients}"
    return f"{one.id}  {one.shown_until}  {one.state:<9}{counted}  {one.title}"


def _recipient_line(one: RecipientStatus) -> str:
    return f"{one.code or '------'}  {one.state:<13}  {one.name}" + (
        f"  {one.confirmed_at}" if one.confirmed_at else ""
    )


@routes.list("/announcements", Permission.ANNOUNCEMENT_READ, "AnnouncementPage")
@cli_query("announcement list", "お知らせの一覧", "announcements", _line)
def list_announcements(query: AnnouncementsQuery) -> Sequence[AnnouncementSummary]:
    """List the announcements, newest first; of a municipality those that went to it."""
    return queries.announcements(
        db.session(), clock.today(), state=query.state, includes_withdrawn=asking_actor().is_operator
    )


@routes.query("/announcements/<announcement>", Permission.ANNOUNCEMENT_READ)
@cli_query("announcement show", "お知らせを見る", line=lambda one: f"{_line(one)}\n{one.text}")
def get_announcement(announcement: UUID) -> AnnouncementFacts:
    """Show one announcement with its text."""
    return queries.announcement(
        db.session(), announcement, clock.today(), includes_withdrawn=asking_actor().is_operator
    )


@routes.list("/announcements/<announcement>/recipients", Permission.ANNOUNCEMENT_READ, "RecipientPage", "tenant_id")
@cli_query("announcement recipients", "お知らせのあて先と確認", "recipients", _recipient_line)
def list_recipients(announcement: UUID, query: RecipientsQuery) -> Sequence[RecipientStatus]:
    """List the tenants that an announcement went to, by code, and who confirmed it; of a municipality itself."""
    get_announcement(announcement)
    return queries.recipients(db.session(), announcement, state=query.state)
