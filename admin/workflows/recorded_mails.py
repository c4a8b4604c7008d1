"""Sending a mail once, and keeping what became of it: around whatever hands mails to a server, inside a job.

The row is committed before the mail is handed over and again afterwards. So a job that is run again, because a later
mail of it was refused or its worker died, sends nobody a second one; of a mail whose worker died in between it is said
that nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

from admin.workflows.jobs import CURRENT_JOB
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.errors import DomainError
from governance.outbox import ClaimedJob
from tenancy.mails.recording import begin_mail, end_mail


class SendMail(Protocol):
    """Hands one mail over. Raises OSError where it is not taken."""

    def __call__(self, recipient: str, subject: str, text: str, html: str | None = None) -> None: ...


class RecordedMailer:
    """Sends as `send` does, each mail of a job once, and keeps what became of it."""

    def __init__(self, send: SendMail) -> None:
        self._send = send

    def __call__(self, recipient: str, subject: str, text: str, html: str | None = None) -> None:
        with recorded_mail(recipient, subject) as is_due:
            if is_due:
                self._send(recipient, subject, text, html)


@contextmanager
def recorded_mail(address: str, subject: str) -> Iterator[bool]:
    """Keep what becomes of a mail handed over inside; gives whether it is to be sent, outside of a job always."""
    job = CURRENT_JOB.get()
    if job is None:
        yield True
        return
    with system_transaction(OPERATOR) as session:
        mail_id = begin_mail(
            session,
            tenant_id=job.tenant_id,
            job_id=job.id,
            address=address,
            subject=subject,
            asked_at=job.created_at,
            now=clock.now(),
        )
    if mail_id is None:
        yield False
        return
    try:
        yield True
    except Exception as refused:
        _end(job, mail_id, refused.code if isinstance(refused, DomainError) else _answer(refused))
        raise
    _end(job, mail_id, None)


def _end(job: ClaimedJob, mail_id: UUID, problem: str | None) -> None:
    with system_transaction(OPERATOR) as session:
        end_mail(session, job.tenant_id, mail_id, problem=problem, now=clock.now())


def _answer(refused: Exception) -> str:
    """What the server answered, without what was sent to it."""
    code = getattr(refused, "smtp_code", None)
    recipients = getattr(refused, "recipients", None)
    if code is None and isinstance(recipients, dict) and recipients:
        code = next(iter(recipients.values()))[0]
    return f"{type(refused).__name__} {code or ''}".strip()
