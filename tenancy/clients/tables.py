"""Rows of service clients."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase, enum_check
from governance.kernel.effective_dates import EffectiveDated, interval_check
from tenancy.clients.states import ClientState, SuspensionCause


class ServiceClient(EffectiveDated, TableBase):
    """A system of one tenant. `jwks` is its public key set in canonical JSON; valid before `valid_until` (JST).

    It may call from its `networks` (CIDR), from anywhere without one; on `last_used_on` (JST) it did so last.
    `warned` is which warning of a last day was handed out, by kid or "" for the client.
    `secret_ends` is the same by the number of each secret, `secret_number` that of the newest one there was.
    `key_ends` is, by kid, the day from which a key counts no more (JST); a key that is not in it has no end.

    It belongs to the tenant, or to the person `owner_member_id`, with whom it is suspended.
    """

    __tablename__ = "service_client"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        enum_check("state", ClientState, name="state_known"),
        enum_check("suspension_cause", SuspensionCause, name="suspension_cause_known"),
        CheckConstraint("(state = 'suspended') = (suspension_cause IS NOT NULL)", name="suspension_has_a_cause"),
        ForeignKeyConstraint(["tenant_id", "owner_member_id"], ["member.tenant_id", "member.id"]),
        interval_check(),
        Index("uq_service_client_name", "tenant_id", "name", unique=True, postgresql_where="state <> 'stopped'"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    name: Mapped[str]
    jwks: Mapped[str]
    scopes: Mapped[list[str]] = mapped_column(JSONB)
    key_ends: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict, server_default="{}")
    state: Mapped[str]
    keycloak_id: Mapped[str | None]
    secret_ends: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict, server_default="{}")
    secret_number: Mapped[int] = mapped_column(default=0, server_default="0")
    networks: Mapped[list[str]] = mapped_column(JSONB, default=list, server_default="[]")
    last_used_on: Mapped[date | None]
    warned: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict, server_default="{}")
    owner_member_id: Mapped[UUID | None]
    suspension_cause: Mapped[str | None]
    registered_by: Mapped[str]
    registered_at: Mapped[datetime]
