"""Rows of a municipality's directory. People are rows of `tenancy.people`, their roles grants."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase


class ScimToken(TableBase):
    """A token of a tenant's directory, as its SHA-256. `valid_until` is the first day on which it counts no more."""

    __tablename__ = "scim_token"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "token_hash"),
        CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name="withdrawn_whole"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    token_hash: Mapped[str]
    valid_until: Mapped[date]
    issued_by: Mapped[str]
    issued_at: Mapped[datetime]
    withdrawn_by: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class ScimUser(TableBase):
    """What the tenant's directory knows a person by. `user_name_key` is the name as names are compared."""

    __tablename__ = "scim_user"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "member_id"),
        UniqueConstraint("tenant_id", "user_name_key"),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["member.tenant_id", "member.id"]),
        Index("ix_scim_user_external_id", "tenant_id", "external_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    member_id: Mapped[UUID]
    user_name: Mapped[str]
    user_name_key: Mapped[str]
    external_id: Mapped[str | None]
    changed_at: Mapped[datetime]


class ScimGroup(TableBase):
    """A group of the directory's own. It gives no right; `member_ids` are people of the tenant."""

    __tablename__ = "scim_group"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "name_key"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    name: Mapped[str]
    name_key: Mapped[str]
    external_id: Mapped[str | None]
    member_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    added_at: Mapped[datetime]
    changed_at: Mapped[datetime]
