"""Requests for approval and what was decided about them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from governance.approvals.states import Decision
from governance.kernel.database import TableBase, enum_check


class ApprovalRequest(TableBase):
    """Somebody asks that something be approved; somebody else decides."""

    __tablename__ = "approval_request"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        CheckConstraint("decided_by IS NULL OR decided_by <> requested_by", name="decider_is_not_requester"),
        CheckConstraint(
            "(decided_by IS NULL) = (decided_at IS NULL) AND (decided_by IS NULL) = (decision IS NULL)",
            name="decided_whole",
        ),
        enum_check("decision", Decision, name="decision_known"),
        Index(
            "uq_approval_request_open",
            "tenant_id",
            "kind",
            "subject_id",
            unique=True,
            postgresql_where="decision IS NULL",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    kind: Mapped[str]
    subject_id: Mapped[UUID]
    digest: Mapped[str]
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]
    request_reason: Mapped[str]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decision: Mapped[str | None]
    decision_reason: Mapped[str | None]
