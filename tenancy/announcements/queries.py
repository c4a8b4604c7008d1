"""Reads of announcements: those there are, to whom each went and who confirmed it, and what waits to be confirmed.

Row-level security shows a municipality the announcements that went to it, and itself among the recipients.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, literal, select
from sqlalchemy.orm import Session

from governance.kernel.errors import require_found
from governance.kernel.labels import Label
from governance.kernel.waiting import WaitingSelect, first_tenants, waiting_columns
from tenancy.announcements.models import AnnouncementFacts, AnnouncementSummary, RecipientStatus
from tenancy.announcements.states import AnnouncementState, ConfirmationState, announcement_state
from tenancy.announcements.tables import (
    Announcement,
    AnnouncementConfirmation,
    AnnouncementRecipient,
    AnnouncementReminder,
)
from tenancy.reminders import NotReminded
from tenancy.tenants.facts import select_tenant_states
from tenancy.tenants.models import TenantListItem
from tenancy.tenants.queries import TenantFilter, list_tenants
from tenancy.tenants.states import TenantKind, TenantState

READING_STATES: Final = (TenantState.TRIAL, TenantState.ACTIVE, TenantState.SUSPENDED, TenantState.LEAVING)
"""States of the tenants that an announcement to all goes to: whose people read the console, or will again."""


def announcements(
    session: Session, today: date, *, state: AnnouncementState | None = None, includes_withdrawn: bool = True
) -> list[AnnouncementSummary]:
    """The announcements that the scope shows, newest first; of one state where given."""
    found = [_summary(row, today) for row in session.execute(_select_counted().order_by(Announcement.id.desc()))]
    return [
        one
        for one in found
        if (state in (None, one.state)) and (includes_withdrawn or one.state is not AnnouncementState.WITHDRAWN)
    ]


def announcement(
    session: Session, announcement_id: UUID, today: date, *, includes_withdrawn: bool = True
) -> AnnouncementFacts:
    """One announcement. Raises NotFound, also for one that did not go to the tenant of the scope."""
    row = session.execute(_select_counted().where(Announcement.id == announcement_id)).first()
    is_hidden = row is not None and row.Announcement.withdrawn_at is not None and not includes_withdrawn
    found = require_found(
        None if is_hidden else row,
        what=Label("お知らせ", "announcement"),
        given=announcement_id,
        field="announcement_id",
    )
    return AnnouncementFacts(
        **dict(_summary(found, today)),
        text=found.Announcement.text,
        withdrawn_at=found.Announcement.withdrawn_at,
        withdrawn_reason=found.Announcement.withdrawn_reason,
    )


def recipients(
    session: Session, announcement_id: UUID, *, state: ConfirmationState | None = None
) -> list[RecipientStatus]:
    """The tenants that an announcement went to, by code; of one state where given."""
    tenant = select_tenant_states().subquery()
    reminded_at = (
        select(func.max(AnnouncementReminder.reminded_at))
        .where(AnnouncementReminder.recipient_id == AnnouncementRecipient.id)
        .correlate(AnnouncementRecipient)
        .scalar_subquery()
    )
    query = (
        select(
            AnnouncementRecipient.id.label("recipient_id"),
            tenant.c.id,
            tenant.c.code,
            tenant.c.name,
            AnnouncementConfirmation.confirmed_at,
            AnnouncementConfirmation.confirmed_by,
            reminded_at.label("reminded_at"),
        )
        .select_from(AnnouncementRecipient)
        .join(tenant, tenant.c.id == AnnouncementRecipient.tenant_id)
        .outerjoin(AnnouncementConfirmation, AnnouncementConfirmation.recipient_id == AnnouncementRecipient.id)
        .where(AnnouncementRecipient.announcement_id == announcement_id)
        .order_by(tenant.c.code.nulls_last(), tenant.c.id)
    )
    found = [
        RecipientStatus(
            recipient_id=row.recipient_id,
            tenant_id=row.id,
            code=row.code,
            name=row.name,
            state=_confirmation_state(row.confirmed_at),
            confirmed_at=row.confirmed_at,
            confirmed_by=row.confirmed_by,
            reminded_at=row.reminded_at,
        )
        for row in session.execute(query)
    ]
    return [one for one in found if state in (None, one.state)]


def has_confirmed(one: RecipientStatus) -> NotReminded | None:
    """Why a tenant that has confirmed is not reminded; None for one that has not."""
    return NotReminded.CONFIRMED if one.state is ConfirmationState.CONFIRMED else None


def tenants_addressed(
    session: Session,
    tenant_ids: Collection[UUID],
    cohort: str | None,
    state: TenantState | None,
    kind: TenantKind | None,
) -> list[TenantListItem]:
    """The tenants that an announcement to these goes to, by code.

    The chosen ones; else those of the cohort, of the state and of the kind, one that left only where it is asked for;
    without cohort and state those whose people read the console.
    """
    every = list_tenants(session, TenantFilter(state=state, kind=kind, cohort=cohort, includes_operator=False))
    if tenant_ids:
        chosen = frozenset(tenant_ids)
        return [one for one in every if one.id in chosen]
    if state is not None:
        return every
    if cohort is not None:
        return [one for one in every if one.state is not TenantState.LEFT]
    return [one for one in every if one.state in READING_STATES]


def unconfirmed_announcements(tenant_id: UUID, today: date) -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: the announcements that this tenant is asked to confirm, one a row."""
    facts = func.jsonb_build_object(*_of_announcement())
    return (
        select(*waiting_columns(literal(1), facts=facts, since=Announcement.published_at))
        .join(AnnouncementRecipient, AnnouncementRecipient.announcement_id == Announcement.id)
        .where(AnnouncementRecipient.tenant_id == tenant_id, *_waits_for_confirmation(today))
    )


def missing_confirmations(today: date) -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: the announcements that not every recipient confirmed.

    `facts` say how many should (`total`) and did not (`missing`).
    """
    total = (
        select(func.count())
        .select_from(AnnouncementRecipient)
        .where(AnnouncementRecipient.announcement_id == Announcement.id)
        .correlate(Announcement)
        .scalar_subquery()
    )
    facts = func.jsonb_build_object(*_of_announcement(), "missing", func.count(), "total", total)
    return (
        select(
            *waiting_columns(
                literal(1),
                facts=facts,
                since=Announcement.published_at,
                tenants=first_tenants(AnnouncementRecipient.tenant_id, AnnouncementRecipient.tenant_id),
            )
        )
        .join(AnnouncementRecipient, AnnouncementRecipient.announcement_id == Announcement.id)
        .where(*_waits_for_confirmation(today))
        .group_by(Announcement.id)
    )


def _of_announcement() -> tuple[Any, ...]:
    return (
        *("announcement", Announcement.id, "title", Announcement.title),
        *("shown_until", Announcement.shown_until),
    )


def _waits_for_confirmation(today: date) -> tuple[Any, ...]:
    confirmed = select(AnnouncementConfirmation.id).where(
        AnnouncementConfirmation.recipient_id == AnnouncementRecipient.id
    )
    return (
        Announcement.asks_confirmation,
        Announcement.withdrawn_at.is_(None),
        Announcement.shown_until >= today,
        ~confirmed.exists(),
    )


def _select_counted() -> Select[Announcement, int, int]:
    """Each announcement with how many it went to and how many confirmed it."""
    confirmed = AnnouncementConfirmation.recipient_id == AnnouncementRecipient.id
    return (
        select(
            Announcement,
            func.count(AnnouncementRecipient.id).label("recipients"),
            func.count(AnnouncementConfirmation.id).label("confirmed"),
        )
        .outerjoin(AnnouncementRecipient, AnnouncementRecipient.announcement_id == Announcement.id)
        .outerjoin(AnnouncementConfirmation, confirmed)
        .group_by(Announcement.id)
    )


def _summary(row: Any, today: date) -> AnnouncementSummary:
    found: Announcement = row.Announcement
    return AnnouncementSummary(
        id=found.id,
        title=found.title,
        asks_confirmation=found.asks_confirmation,
        published_at=found.published_at,
        shown_until=found.shown_until,
        state=announcement_state(found.shown_until, found.withdrawn_at, today),
        recipients=row.recipients,
        confirmed=row.confirmed,
    )


def _confirmation_state(confirmed_at: datetime | None) -> ConfirmationState:
    return ConfirmationState.NOT_CONFIRMED if confirmed_at is None else ConfirmationState.CONFIRMED
