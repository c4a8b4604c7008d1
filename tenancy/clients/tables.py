"""Rows of service clients."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase


class ServiceClient(TableBase):
    """A system of one tenant. `jwks` is its public key set in canonical JSON; valid before `valid_until` (JST)."""

    __tablename__ = "service_client"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        CheckConstraint("state IN ('registered', 'active', 'stopped')", name="state_known"),
        CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name="interval"),
        Index("uq_service_client_name", "tenant_id", "name", unique=True, postgresql_where="state <> 'stopped'"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    name: Mapped[str]
    jwks: Mapped[str]
    scopes: Mapped[list[str]] = mapped_column(JSONB)
    state: Mapped[str]
    valid_from: Mapped[date]
    valid_until: Mapped[date | None]
    keycloak_id: Mapped[str | None]
    registered_by: Mapped[str]
    registered_at: Mapped[datetime]
