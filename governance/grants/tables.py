"""Roles granted to people."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase
from governance.kernel.effective_dates import EffectiveDated, interval_check


class RoleGrant(EffectiveDated, TableBase):
    """A role given to a person in a tenant; in force from `valid_from` until, not including, `valid_until`."""

    __tablename__ = "role_grant"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        interval_check(),
        Index(
            "uq_role_grant_open", "tenant_id", "person_id", "role", unique=True, postgresql_where="valid_until IS NULL"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    person_id: Mapped[UUID]
    role: Mapped[str]
    valid_from: Mapped[datetime] = mapped_column()
    valid_until: Mapped[datetime | None] = mapped_column()
    granted_by: Mapped[str]
