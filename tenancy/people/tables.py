"""Rows of people. A person's roles are grants (governance.grants), not columns here."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase, enum_check
from tenancy.people.states import MemberState, SyncProblem


class Member(TableBase):
    """A person of one tenant. `person_id` is the username in Keycloak, so that no name or address is one.

    `keycloak_id` is the user's id there, by which a token names the person (`sub`); None until the user is made.
    `replaced_keycloak_id` is the id of a user whose link is to lead nowhere: until that user is deleted none is made.
    `roles_synced_at` is the instant whose roles Keycloak has. `sync_problem` is why the person is not created in
    Keycloak; at `sync_retry_at` it is tried again, and where that is empty only after somebody decides. Since
    `address_released_at` the address is free for others in Keycloak.
    """

    __tablename__ = "member"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "person_id"),
        enum_check("state", MemberState, name="state_known"),
        enum_check("sync_problem", SyncProblem, name="sync_problem_known"),
        CheckConstraint("sync_retry_at IS NULL OR sync_problem IS NOT NULL", name="sync_retry_of_problem"),
        CheckConstraint("invitation_cancelled_at IS NULL OR state = 'removed'", name="cancelled_is_removed"),
        CheckConstraint("email_key = lower(email)", name="email_key_folded"),
        Index("uq_member_keycloak_id", "keycloak_id", "tenant_id", unique=True),
        # Whose name an audit event shows.
        Index("ix_member_person_id", "person_id"),
        # Invitations that ran out are counted for every page of whoever may send new ones.
        Index("ix_member_invited", "password_mail_sent_at", postgresql_where="state = 'invited'"),
        # Whoever was removed frees the address for a successor in the same seat.
        # Who else in Keycloak has an address is asked across tenants.
        Index("ix_member_email_key", "email_key"),
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
    replaced_keycloak_id: Mapped[str | None]
    invitation_cancelled_at: Mapped[datetime | None]
    sync_problem: Mapped[str | None]
    sync_retry_at: Mapped[datetime | None]
    address_released_at: Mapped[datetime | None]
    roles_synced_at: Mapped[datetime] = mapped_column(server_default=func.now())
    added_by: Mapped[str]
    added_at: Mapped[datetime]
