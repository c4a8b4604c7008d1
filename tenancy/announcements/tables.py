"""Rows of announcements. To whom one went and who confirmed it are only ever added."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase


class Announcement(TableBase):
    """An announcement (お知らせ) of the operator's. The tenants it went to see it, too."""

    __tablename__ = "announcement"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_by IS NULL) AND (withdrawn_at IS NULL) = (withdrawn_reason IS NULL)",
            name="withdrawn_whole",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    title: Mapped[str]
    text: Mapped[str]
    asks_confirmation: Mapped[bool]
    shown_until: Mapped[date]
    published_by: Mapped[str]
    published_at: Mapped[datetime]
    withdrawn_by: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_reason: Mapped[str | None]


class AnnouncementRecipient(TableBase):
    """A tenant that an announcement went to."""

    __tablename__ = "announcement_recipient"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "announcement_id"),
        ForeignKeyConstraint(["operator_id", "announcement_id"], ["announcement.tenant_id", "announcement.id"]),
        Index("ix_announcement_recipient_announcement_id", "announcement_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    operator_id: Mapped[UUID]
    announcement_id: Mapped[UUID]


class AnnouncementReminder(TableBase):
    """The owners of a tenant that an announcement went to were reminded (催促): on one day (JST) at most once."""

    __tablename__ = "announcement_reminder"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "recipient_id", "reminded_on"),
        ForeignKeyConstraint(
            ["tenant_id", "recipient_id"], ["announcement_recipient.tenant_id", "announcement_recipient.id"]
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    recipient_id: Mapped[UUID]
    reminded_on: Mapped[date]
    reminded_by: Mapped[str]
    reminded_at: Mapped[datetime]


class AnnouncementConfirmation(TableBase):
    """A person of a tenant that an announcement went to has confirmed it: once for the tenant."""

    __tablename__ = "announcement_confirmation"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "recipient_id"),
        ForeignKeyConstraint(
            ["tenant_id", "recipient_id"], ["announcement_recipient.tenant_id", "announcement_recipient.id"]
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    recipient_id: Mapped[UUID]
    confirmed_by: Mapped[str]
    confirmed_at: Mapped[datetime]
