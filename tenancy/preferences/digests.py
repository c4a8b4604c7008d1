"""Which mornings' digest mails are handed out and sent: system state beside what a person chose, in no audit event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from governance.kernel.clock import jst_date
from tenancy.preferences.states import DigestFrequency
from tenancy.preferences.tables import PersonPreferences

MAIL_DIGEST: Final = "preferences.mail-digest"
"""The job that mails one person what waits for them."""


class DigestReader(NamedTuple):
    """Somebody who gets a digest mail."""

    tenant_id: UUID
    person_id: UUID


def claim_digests(session: Session, day: datetime, week: datetime, *, limit: int) -> Sequence[DigestReader]:
    """At most `limit` people who are due a mail since this morning, or since this week's, and were not handed out.

    From now on they were. Who chose the mail after a morning begins with the next one. Commits nothing.
    """
    due = or_(_is_due(DigestFrequency.DAILY, day), _is_due(DigestFrequency.WEEKLY, week))
    chosen = select(PersonPreferences.id).where(due).order_by(PersonPreferences.id).limit(limit)
    claimed = session.execute(
        update(PersonPreferences)
        .where(PersonPreferences.id.in_(chosen.with_for_update(skip_locked=True).scalar_subquery()))
        .values(digest_on=jst_date(day))
        .returning(PersonPreferences.tenant_id, PersonPreferences.person_id)
        .execution_options(synchronize_session=False)
    )
    return [DigestReader(*row) for row in claimed]


def mark_digest_sent(session: Session, tenant_id: UUID, person_id: UUID, day: date) -> bool:
    """Note that this day's mail is being sent; False where it was noted before. Commits nothing."""
    is_new = or_(PersonPreferences.digest_sent_on.is_(None), PersonPreferences.digest_sent_on < day)
    return _note_sent(session, tenant_id, person_id, is_new, day)


def unmark_digest_sent(session: Session, tenant_id: UUID, person_id: UUID, day: date) -> None:
    """Take the note back: the mail was not taken, and is tried again. Commits nothing."""
    _note_sent(session, tenant_id, person_id, PersonPreferences.digest_sent_on == day, None)


def _is_due(frequency: DigestFrequency, since: datetime) -> ColumnElement[bool]:
    handed_out = PersonPreferences.digest_on
    return and_(
        PersonPreferences.digest_mail == frequency,
        PersonPreferences.digest_since < since,
        or_(handed_out.is_(None), handed_out < jst_date(since)),
    )


def _note_sent(
    session: Session, tenant_id: UUID, person_id: UUID, condition: ColumnElement[bool], day: date | None
) -> bool:
    noted = session.execute(
        update(PersonPreferences)
        .where(PersonPreferences.tenant_id == tenant_id, PersonPreferences.person_id == person_id, condition)
        .values(digest_sent_on=day)
        .returning(PersonPreferences.id)
        .execution_options(synchronize_session=False)
    )
    return noted.first() is not None
