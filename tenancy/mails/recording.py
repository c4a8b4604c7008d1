"""Noting that a mail is handed over, and what became of it: system state, in no audit event."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from governance.kernel.ids import new_id
from tenancy.mails.states import MailState
from tenancy.mails.tables import SentMail
from tenancy.people.queries import person_at

MAX_PROBLEM: Final = 200
"""Characters of what the mail server answered that are kept."""


def begin_mail(
    session: Session,
    *,
    tenant_id: UUID,
    job_id: UUID,
    address: str,
    subject: str,
    asked_at: datetime,
    now: datetime,
) -> UUID | None:
    """Note that the mail is handed over now, and return its id. Commits nothing.

    None where it is not to be sent: the same job has sent it before, or died while it did so, and nobody gets it twice.
    """
    wanted = insert(SentMail).values(
        id=new_id(),
        tenant_id=tenant_id,
        job_id=job_id,
        person_id=person_at(session, tenant_id, address),
        address=address,
        subject=subject,
        state=MailState.SENDING.value,
        attempts=1,
        asked_at=asked_at,
        tried_at=now,
    )
    again = {
        "state": MailState.SENDING.value,
        "attempts": SentMail.attempts + 1,
        "tried_at": now,
        "ended_at": None,
        "problem": None,
    }
    begun = session.execute(
        wanted.on_conflict_do_update(
            index_elements=["tenant_id", "job_id", "address", "subject"],
            set_=again,
            where=SentMail.state == MailState.FAILED.value,
        ).returning(SentMail.id)
    )
    return begun.scalar_one_or_none()


def end_mail(session: Session, tenant_id: UUID, mail_id: UUID, *, problem: str | None, now: datetime) -> None:
    """Note that the mail was sent, or with a `problem` that it was not. Commits nothing."""
    state = MailState.SENT if problem is None else MailState.FAILED
    session.execute(
        update(SentMail)
        .where(SentMail.tenant_id == tenant_id, SentMail.id == mail_id)
        .values(state=state.value, ended_at=now, problem=None if problem is None else problem[:MAX_PROBLEM])
        .execution_options(synchronize_session=False)
    )
