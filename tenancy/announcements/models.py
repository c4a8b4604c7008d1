"""What is known of an announcement, and of each tenant it went to."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from governance.kernel.models import ReadModel
from tenancy.announcements.states import AnnouncementState, ConfirmationState


class AnnouncementSummary(ReadModel):
    """An announcement without its text. `shown_until` is the last day on which it is shown.

    `recipients` is how many tenants it went to and `confirmed` how many of them confirmed it, as the reader's scope
    shows them: a municipality sees itself alone.
    """

    id: UUID
    title: str
    asks_confirmation: bool
    published_at: datetime
    shown_until: date
    state: AnnouncementState
    recipients: int
    confirmed: int


class AnnouncementFacts(AnnouncementSummary):
    """An announcement with its text, and why it was withdrawn where it was."""

    text: str
    withdrawn_at: datetime | None
    withdrawn_reason: str | None


class RecipientStatus(ReadModel):
    """A tenant that an announcement went to, and when and by whom it was confirmed there (an account's id).

    `recipient_id` is of the tenant and the announcement together; `reminded_at` is when its owners were last reminded.
    """

    recipient_id: UUID
    tenant_id: UUID
    code: str | None
    name: str
    state: ConfirmationState
    confirmed_at: datetime | None
    confirmed_by: str | None
    reminded_at: datetime | None
