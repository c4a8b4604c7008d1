"""Rows of rules and their versions. Everybody may read them, the operator alone writes them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase, enum_check
from governance.kernel.effective_dates import EffectiveDated, interval_check
from governance.rules.states import RuleKind


class Rule(TableBase):
    """A rule by its short name; what it says stands in its versions."""

    __tablename__ = "rule"
    __table_args__ = (
        UniqueConstraint("name"),
        enum_check("kind", RuleKind, name="kind_known"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    label: Mapped[str]
    kind: Mapped[str]
    created_at: Mapped[datetime]


class RuleVersion(EffectiveDated, TableBase):
    """One text of a rule (`body`, named by its SHA-256), and the decision that adopted it, if one did."""

    __tablename__ = "rule_version"
    __table_args__ = (
        UniqueConstraint("rule_id", "number"),
        CheckConstraint("number >= 1", name="number_from_one"),
        interval_check(may_be_empty=False),
        CheckConstraint(
            "(adopted_at IS NULL) = (decided_by IS NULL) AND (adopted_at IS NULL) = (decision_number IS NULL) "
            "AND (adopted_at IS NULL) = (decided_on IS NULL) AND (adopted_at IS NULL) = (adopted_by IS NULL)",
            name="adopted_whole",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    rule_id: Mapped[UUID] = mapped_column(ForeignKey("rule.id"))
    number: Mapped[int]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    body_hash: Mapped[str]
    drafted_at: Mapped[datetime]
    drafted_by: Mapped[str]
    decided_by: Mapped[str | None]
    decision_number: Mapped[str | None]
    decided_on: Mapped[date | None]
    adopted_at: Mapped[datetime | None]
    adopted_by: Mapped[str | None]
