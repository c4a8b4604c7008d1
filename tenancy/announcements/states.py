"""States of an announcement and of its confirmation by a tenant. Pure."""

from __future__ import annotations

from datetime import date, datetime

from governance.kernel.labels import LabelledEnum


class AnnouncementState(LabelledEnum):
    """Whether tenants see an announcement on their first page."""

    SHOWN = "shown", "掲載中", "shown"
    OVER = "over", "掲載終了", "over"
    WITHDRAWN = "withdrawn", "取下げ", "withdrawn"


class ConfirmationState(LabelledEnum):
    """Whether a tenant confirmed that it read an announcement."""

    CONFIRMED = "confirmed", "確認済み", "confirmed"
    NOT_CONFIRMED = "not-confirmed", "未確認", "not confirmed"


def announcement_state(shown_until: date, withdrawn_at: datetime | None, today: date) -> AnnouncementState:
    """The state on a day; `shown_until` is the last day on which it is shown."""
    if withdrawn_at is not None:
        return AnnouncementState.WITHDRAWN
    return AnnouncementState.SHOWN if today <= shown_until else AnnouncementState.OVER
