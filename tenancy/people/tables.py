"""Rows of people. A person's roles are grants (governance.grants), not columns here."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, false, func
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase, enum_check
from tenancy.people.states import LeavingKind, MemberState, SyncProblem


class Member(TableBase):
    """A person of one tenant. `person_id` is the username in Keycloak, so that no name or address is one.

    `keycloak_id` is the user's id there, by which a token names the person (`sub`); None until the user is made.
    `replaced_keycloak_id` is the id of a user whose link is to lead nowhere: until that user is deleted none is made.
    From `leaves_at` on the person is refused; the worker then makes them what `leaves_as` says. Sessions and tokens
    from before `withdrawn_at` are over, also when the person is resumed. `roles_synced_at` is the instant whose roles
    Keycloak has. `sync_problem` is why the person is not created in Keycloak; at `sync_retry_at` it is tried again, and
    where that is empty only after somebody decides. Since `address_released_at` the address is free for others in
    Keycloak.

    `account_id` is the username in Keycloak where the person consented to use an account that they had in another
    tenant; None for one of their own. `asked_account_id` is the account whose person is asked, and `consent_code_hash`
    the SHA-256 of the code in the mail that asks. `is_shared` says that another tenant's person has the same account.
    """

    __tablename__ = "member"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "person_id"),
        enum_check("state", MemberState, name="state_known"),
        enum_check("sync_problem", SyncProblem, name="sync_problem_known"),
        CheckConstraint("sync_retry_at IS NULL OR sync_problem IS NOT NULL", name="sync_retry_of_problem"),
        CheckConstraint("invitation_cancelled_at IS NULL OR state = 'removed'", name="cancelled_is_removed"),
        enum_check("leaves_as", LeavingKind, name="leaves_as_known"),
        CheckConstraint("(leaves_at IS NULL) = (leaves_as IS NULL)", name="leaving_whole"),
        CheckConstraint("email_key = lower(email)", name="email_key_folded"),
        CheckConstraint("account_id <> person_id", name="account_of_another"),
        CheckConstraint("asked_account_id IS NULL OR account_id IS NULL", name="asked_or_joined"),
        CheckConstraint("consent_code_hash IS NULL OR asked_account_id IS NOT NULL", name="code_of_who_is_asked"),
        # Which tenants share an account, and that none has it twice.
        Index("ix_member_account_id", "account_id", postgresql_where="account_id IS NOT NULL"),
        Index(
            "uq_member_account",
            "tenant_id",
            "account_id",
            unique=True,
            postgresql_where="account_id IS NOT NULL AND state <> 'removed'",
        ),
        Index("ix_member_asked_account_id", "asked_account_id", postgresql_where="asked_account_id IS NOT NULL"),
        Index("uq_member_keycloak_id", "keycloak_id", "tenant_id", unique=True),
        # Whose name an audit event shows.
        Index("ix_member_person_id", "person_id"),
        # Invitations that ran out are counted for every page of whoever may send new ones.
        Index("ix_member_invited", "password_mail_sent_at", postgresql_where="state = 'invited'"),
        # Whose last day is over is asked every few seconds.
        Index("ix_member_leaves_at", "leaves_at", postgresql_where="leaves_at IS NOT NULL"),
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
    account_id: Mapped[UUID | None]
    asked_account_id: Mapped[UUID | None]
    consent_code_hash: Mapped[str | None]
    is_shared: Mapped[bool] = mapped_column(default=False, server_default=false())
    password_mail_sent_at: Mapped[datetime | None]
    replaced_keycloak_id: Mapped[str | None]
    invitation_cancelled_at: Mapped[datetime | None]
    sync_problem: Mapped[str | None]
    sync_retry_at: Mapped[datetime | None]
    address_released_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    leaves_at: Mapped[datetime | None]
    leaves_as: Mapped[str | None]
    last_sign_in_at: Mapped[datetime | None]
    roles_synced_at: Mapped[datetime] = mapped_column(server_default=func.now())
    added_by: Mapped[str]
    added_at: Mapped[datetime]


class MemberSection(TableBase):
    """The section (所属) a person works in from an instant on, until the next row; None for none."""

    __tablename__ = "member_section"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "member_id", "valid_from"),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["member.tenant_id", "member.id"]),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    member_id: Mapped[UUID]
    section: Mapped[str | None]
    valid_from: Mapped[datetime]
    set_by: Mapped[str]


class BreakGlassHour(TableBase):
    """An hour in which one of the operator's people holds the emergency role. `approved_by` is the second person."""

    __tablename__ = "break_glass_hour"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["member.tenant_id", "member.id"]),
        CheckConstraint("ends_at > opened_at AND ends_at <= opened_at + interval '1 hour'", name="one_hour"),
        CheckConstraint("closed_at IS NULL OR closed_at <= ends_at", name="closed_in_time"),
        Index("ix_break_glass_hour_ends_at", "ends_at", postgresql_where="closed_at IS NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    member_id: Mapped[UUID]
    person_id: Mapped[UUID]
    reason: Mapped[str]
    opened_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    approved_by: Mapped[str]
