"""Mails with what became of them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase, enum_check
from tenancy.mails.states import MailState


class SentMail(TableBase):
    """One mail of a job to one address. `asked_at` is when the job was asked for, `tried_at` when it was last tried.

    `person_id` is whose address it was; None where it was nobody's of the tenant.
    """

    __tablename__ = "sent_mail"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "job_id", "address", "subject"),
        enum_check("state", MailState, name="state_known"),
        CheckConstraint("(problem IS NOT NULL) = (state = 'failed')", name="problem_when_failed"),
        CheckConstraint("(ended_at IS NULL) = (state = 'sending')", name="ended_unless_sending"),
        Index("ix_sent_mail_asked_at", "asked_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    job_id: Mapped[UUID]
    person_id: Mapped[UUID | None]
    address: Mapped[str]
    subject: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int]
    asked_at: Mapped[datetime]
    tried_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    problem: Mapped[str | None]
