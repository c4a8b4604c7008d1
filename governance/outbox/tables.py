"""Jobs that wait for a worker."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase


class Job(TableBase):
    """One call of a job handler to be made after the commit. A job done is deleted 90 days after `ended_at`."""

    __tablename__ = "job"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        CheckConstraint("(ended_at IS NOT NULL) = (state IN ('done', 'failed'))", name="ended_at_when_ended"),
        Index("ix_job_open", "not_before", postgresql_where="state IN ('queued', 'running')"),
        Index("ix_job_done", "ended_at", postgresql_where="state = 'done'"),
        Index("ix_job_failed", "name", postgresql_where="state = 'failed'"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    name: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str]
    attempts: Mapped[int]
    created_at: Mapped[datetime]
    not_before: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    last_error: Mapped[str | None]
    ended_at: Mapped[datetime | None]
