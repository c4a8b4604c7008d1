"""Rows of access reviews. A line is what was found when the review was started; only its decision is changed."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase, enum_check
from tenancy.access_reviews.states import LineDecision, LineKind


class AccessReview(TableBase):
    """A review of one tenant's access as of the end of a day (JST). Open until it is signed or cancelled.

    `digest` is the SHA-256 of its lines with their decisions as they were signed.
    """

    __tablename__ = "access_review"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        CheckConstraint(
            "(signed_at IS NULL) = (signed_by IS NULL) AND (signed_at IS NULL) = (digest IS NULL)",
            name="signed_whole",
        ),
        CheckConstraint(
            "(cancelled_at IS NULL) = (cancelled_by IS NULL) AND (cancelled_at IS NULL) = (cancel_reason IS NULL)",
            name="cancelled_whole",
        ),
        CheckConstraint("signed_at IS NULL OR cancelled_at IS NULL", name="one_end"),
        Index(
            "uq_access_review_open",
            "tenant_id",
            unique=True,
            postgresql_where="signed_at IS NULL AND cancelled_at IS NULL",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    as_of: Mapped[date]
    due_on: Mapped[date]
    started_by: Mapped[str]
    started_at: Mapped[datetime]
    signed_by: Mapped[str | None]
    signed_at: Mapped[datetime | None]
    digest: Mapped[str | None]
    cancelled_by: Mapped[str | None]
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None]


class AccessReviewLine(TableBase):
    """A person or a service client as they stood on the day of the review, and what was decided about them.

    `rights` are the roles of a person, the scopes of a client. `last_used_on` is the day (JST) of the last sign-in or
    call known when the review was started. `ended_roles` are those that the decision ends.
    """

    __tablename__ = "access_review_line"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "review_id", "member_id"),
        UniqueConstraint("tenant_id", "review_id", "client_id"),
        ForeignKeyConstraint(["tenant_id", "review_id"], ["access_review.tenant_id", "access_review.id"]),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["member.tenant_id", "member.id"]),
        ForeignKeyConstraint(["tenant_id", "client_id"], ["service_client.tenant_id", "service_client.id"]),
        enum_check("kind", LineKind, name="kind_known"),
        enum_check("decision", LineDecision, name="decision_known"),
        CheckConstraint(
            "(kind = 'person') = (member_id IS NOT NULL) AND (kind = 'client') = (client_id IS NOT NULL)",
            name="one_subject",
        ),
        CheckConstraint(
            "(decision IS NULL) = (decided_by IS NULL) AND (decision IS NULL) = (decided_at IS NULL)",
            name="decided_whole",
        ),
        CheckConstraint("decision IS NULL OR decision = 'keep' OR reason IS NOT NULL", name="withdrawn_with_reason"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    review_id: Mapped[UUID]
    kind: Mapped[str]
    member_id: Mapped[UUID | None]
    client_id: Mapped[UUID | None]
    name: Mapped[str]
    section: Mapped[str | None]
    rights: Mapped[list[str]] = mapped_column(JSONB)
    last_used_on: Mapped[date | None]
    decision: Mapped[str | None]
    ended_roles: Mapped[list[str]] = mapped_column(JSONB, default=list, server_default="[]")
    reason: Mapped[str | None]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]


class AccessReviewReminder(TableBase):
    """The owners of a tenant were reminded (催促) of its open review: on one day (JST) at most once."""

    __tablename__ = "access_review_reminder"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "review_id", "reminded_on"),
        ForeignKeyConstraint(["tenant_id", "review_id"], ["access_review.tenant_id", "access_review.id"]),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    review_id: Mapped[UUID]
    reminded_on: Mapped[date]
    reminded_by: Mapped[str]
    reminded_at: Mapped[datetime]
