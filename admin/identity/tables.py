"""Rows of people's sessions."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase


class WebSession(TableBase):
    """One person signed in on one browser. The cookie's secret is not here, only its SHA-256.

    `sid` and `sub` are Keycloak's, so that it can end the session; `roles` are those the token named at the sign-in;
    `id_token_encrypted` is kept for signing out there too, `second_factor_at` is when a second factor was asked for at
    the sign-in, null for none. The row goes when the session ends.
    """

    __tablename__ = "web_session"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "secret_hash"),
        CheckConstraint("realm IN ('moyai', 'moyai-operators')", name="realm_known"),
        CheckConstraint("length(secret_hash) = 64", name="secret_hash_whole"),
        Index("ix_web_session_sid", "realm", "sid"),
        Index("ix_web_session_sub", "realm", "sub"),
        Index("ix_web_session_ends_at", "ends_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    secret_hash: Mapped[str]
    realm: Mapped[str]
    sid: Mapped[str]
    sub: Mapped[str]
    person_id: Mapped[UUID]
    roles: Mapped[list[str]] = mapped_column(JSONB)
    id_token_encrypted: Mapped[str]
    csrf_secret: Mapped[str]
    second_factor_at: Mapped[datetime | None]
    opened_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    ends_at: Mapped[datetime]


class TokenSession(TableBase):
    """A session of Keycloak that a bearer token named, and whether it is live: asked of Keycloak once, then kept here.

    One that ended stays until `ends_at`, so that no token of it is accepted however long it is valid.
    """

    __tablename__ = "token_session"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "realm", "sid", "sub"),
        CheckConstraint("realm IN ('moyai', 'moyai-operators')", name="realm_known"),
        Index("ix_token_session_sid", "realm", "sid"),
        Index("ix_token_session_sub", "realm", "sub"),
        Index("ix_token_session_ends_at", "ends_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    realm: Mapped[str]
    sid: Mapped[str]
    sub: Mapped[str]
    is_live: Mapped[bool]
    ends_at: Mapped[datetime]


class EndedSession(TableBase):
    """A session that ran out, for some hours: whose it was, so that what was typed into it is kept for that person.

    It lets nobody in; `csrf_secret` tells a form of ours from another site's.
    """

    __tablename__ = "ended_session"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "secret_hash"),
        CheckConstraint("length(secret_hash) = 64", name="secret_hash_whole"),
        Index("ix_ended_session_ended_at", "ended_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    person_id: Mapped[UUID]
    secret_hash: Mapped[str]
    csrf_secret: Mapped[str]
    is_idle: Mapped[bool]
    ended_at: Mapped[datetime]


class KeptForm(TableBase):
    """What a person sent of a form that is not carried out yet, and the page it was answered with.

    `address` is the form's own, `form_key` what makes a second click the first one; `content_encrypted` is for
    `admin.identity.kept_forms` alone.
    """

    __tablename__ = "kept_form"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "person_id", "address", "form_key"),
        Index("ix_kept_form_expires_at", "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    person_id: Mapped[UUID]
    address: Mapped[str]
    form_key: Mapped[str]
    content_encrypted: Mapped[str]
    kept_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class SignInLimitsVersion(TableBase):
    """A version of how long a login lasts, for everybody; the newest one is in force."""

    __tablename__ = "sign_in_limits"
    __table_args__ = (
        UniqueConstraint("number"),
        CheckConstraint("number > 0", name="number_positive"),
        CheckConstraint("idle_minutes BETWEEN 5 AND 120", name="idle_within"),
        CheckConstraint("longest_hours BETWEEN 1 AND 24", name="longest_within"),
        CheckConstraint("step_up_minutes BETWEEN 1 AND 60", name="step_up_within"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int]
    idle_minutes: Mapped[int]
    longest_hours: Mapped[int]
    step_up_minutes: Mapped[int]
    set_by: Mapped[str]
    set_at: Mapped[datetime]


class SignInNetworks(TableBase):
    """The networks from which people of a tenant sign in; a tenant without a row, or with none in it, has no limit."""

    __tablename__ = "sign_in_networks"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"), primary_key=True)
    networks: Mapped[list[str]] = mapped_column(JSONB)
    set_by: Mapped[str]
    set_at: Mapped[datetime]
