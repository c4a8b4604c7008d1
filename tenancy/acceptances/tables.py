"""Rows of reminders. They are only ever added."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase


class AcceptanceReminder(TableBase):
    """The owners of a tenant were reminded (催促) of a version: on one day (JST) at most once."""

    __tablename__ = "acceptance_reminder"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "version_id", "reminded_on"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("agreement_version.id"))
    reminded_on: Mapped[date]
    reminded_by: Mapped[str]
    reminded_at: Mapped[datetime]
