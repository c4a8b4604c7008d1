"""The comparisons with Keycloak and what they found."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase


class DriftCheck(TableBase):
    """One comparison of everything. `night` is the day of a nightly one; `tried_at` when it was last handed to a job.

    `looked_at` is when the comparison began, `findings` are the differences as `tenancy.drift_checks.models` writes
    them. There is one at a time.
    """

    __tablename__ = "drift_check"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "night"),
        CheckConstraint(
            "(ended_at IS NULL) = (findings IS NULL) AND (ended_at IS NULL) = (number IS NULL)"
            " AND (ended_at IS NULL) = (looked_at IS NULL)",
            name="ended_whole",
        ),
        Index("uq_drift_check_open", "tenant_id", unique=True, postgresql_where="ended_at IS NULL"),
        Index("ix_drift_check_ended_at", "ended_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]
    night: Mapped[date | None]
    tried_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    looked_at: Mapped[datetime | None]
    number: Mapped[int | None]
    findings: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True), deferred=True)
