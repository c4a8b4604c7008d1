"""Rows of people. A person's roles are grants (governance.grants), not columns here."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase, enum_check
from tenancy.people.states import MemberState


class Member(TableBase):
    """A person of one tenant. `person_id` is the username in Keycloak, so that no name or address is one."""

    __tablename__ = "member"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "person_id"),
        enum_check("state", MemberState, name="state_known"),
        CheckConstraint("email_key = lower(email)", name="email_key_folded"),
        # Whoever was removed frees the address for a successor in the same seat.
        Index("uq_member_email", "tenant_id", "email_key", unique=True, postgresql_where="state <> 'removed'"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    person_id: Mapped[UUID]
    family_name: Mapped[str]
    given_name: Mapped[str]
    email: Mapped[str]
    email_key: Mapped[str]
    state: Mapped[str]
    keycloak_id: Mapped[str | None]
    password_mail_sent_at: Mapped[datetime | None]
    added_by: Mapped[str]
    added_at: Mapped[datetime]
