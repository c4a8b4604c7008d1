"""Rows of applications. They belong to the operator; what was submitted, stated and decided is only ever added."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase


class Application(TableBase):
    """An application. `content` is what its form says, `link_number` the number of its present link.

    `tenant_id` is the operator's, `joined_tenant_id` the tenant that the applicant became.
    """

    __tablename__ = "application"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "number"),
        CheckConstraint("number >= 1 AND version >= 1 AND link_number >= 1 AND round >= 0", name="counted"),
        CheckConstraint("(joined_tenant_id IS NULL) = (state <> 'admitted')", name="joined_when_admitted"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    number: Mapped[int]
    state: Mapped[str]
    language: Mapped[str]
    email: Mapped[str]
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    version: Mapped[int]
    round: Mapped[int]
    link_number: Mapped[int]
    link_expires_at: Mapped[datetime]
    begun_by: Mapped[str]
    begun_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    joined_tenant_id: Mapped[UUID | None]


class ApplicationSubmission(TableBase):
    """What an application said when it was submitted, once for each round."""

    __tablename__ = "application_submission"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "application_id", "round"),
        ForeignKeyConstraint(["tenant_id", "application_id"], ["application.tenant_id", "application.id"]),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    application_id: Mapped[UUID]
    round: Mapped[int]
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    submitted_at: Mapped[datetime]


class ApplicationAttachment(TableBase):
    """A file that belongs to an application."""

    __tablename__ = "application_attachment"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        ForeignKeyConstraint(["tenant_id", "application_id"], ["application.tenant_id", "application.id"]),
        Index("ix_application_attachment_application_id", "application_id"),
        CheckConstraint("octet_length(content) = size AND size BETWEEN 1 AND 3145728", name="sized"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    application_id: Mapped[UUID]
    name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    added_at: Mapped[datetime]


class ApplicationScreening(TableBase):
    """What a person who screens has stated to have checked, in one round; the newest of a round counts."""

    __tablename__ = "application_screening"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        ForeignKeyConstraint(["tenant_id", "application_id"], ["application.tenant_id", "application.id"]),
        Index("ix_application_screening_application_id", "application_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    application_id: Mapped[UUID]
    round: Mapped[int]
    attestations: Mapped[list[str]] = mapped_column(JSONB)
    note: Mapped[str | None]
    screened_by: Mapped[str]
    screened_at: Mapped[datetime]


class ApplicationDecision(TableBase):
    """What was decided about an application in a round, by whom it was proposed and by whom decided."""

    __tablename__ = "application_decision"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "application_id", "round"),
        ForeignKeyConstraint(["tenant_id", "application_id"], ["application.tenant_id", "application.id"]),
        CheckConstraint("proposed_by <> decided_by", name="two_people"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    application_id: Mapped[UUID]
    round: Mapped[int]
    outcome: Mapped[str]
    reasons: Mapped[list[str]] = mapped_column(JSONB)
    letter: Mapped[str]
    proposed_by: Mapped[str]
    decided_by: Mapped[str]
    decided_at: Mapped[datetime]
