"""Requests for approval and what was decided about them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, FetchedValue, ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Uuid

from governance.approvals.states import Decision
from governance.kernel.database import TableBase, enum_check
from governance.permissions import SecondPerson


class ApprovalRequest(TableBase):
    """Somebody asks that something be approved; somebody else decides.

    `command` and `body` are the command that an approval runs, by its name and in its canonical JSON; null where the
    package of the subject decides by a command of its own. `decided_for` is whom the decider stood in for (代決).
    A trigger sets `requester_persons`, and refuses a decision by the requester's person, by no person, and a second
    one. The application may insert open requests and set the columns of the decision, nothing else.
    """

    __tablename__ = "approval_request"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        CheckConstraint("decided_by IS NULL OR decided_by <> requested_by", name="decider_is_not_requester"),
        CheckConstraint(
            "(decided_by IS NULL) = (decided_at IS NULL) AND (decided_by IS NULL) = (decision IS NULL)",
            name="decided_whole",
        ),
        CheckConstraint(
            "(command IS NULL) = (body IS NULL) AND (command IS NULL) = (second_person IS NULL)",
            name="command_whole",
        ),
        CheckConstraint("(decided_for IS NULL) = (decided_for_reason IS NULL)", name="decided_for_with_reason"),
        CheckConstraint(
            "decision IS NOT NULL"
            " OR (decision_reason IS NULL AND decision_number IS NULL AND decided_for IS NULL AND result IS NULL)",
            name="open_has_no_decision",
        ),
        enum_check("decision", Decision, name="decision_known"),
        enum_check("second_person", SecondPerson, name="second_person_known"),
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
    command: Mapped[str | None]
    body: Mapped[str | None]
    second_person: Mapped[str | None]
    requester_persons: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()), FetchedValue())
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decision: Mapped[str | None]
    decision_reason: Mapped[str | None]
    decision_number: Mapped[str | None]
    decided_for: Mapped[str | None]
    decided_for_reason: Mapped[str | None]
    result: Mapped[str | None]
