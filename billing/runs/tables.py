"""Rows of runs, shares and workings. A run is the operator's; each share, with its workings, is its member's own.

A member sees its share once it is posted, and in it everything that explains it: the totals, ratios and sources of
every component, without any other member's row.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from billing.runs.states import RunKind, RunState
from governance.kernel.database import TableBase, enum_check


class AllocationRun(TableBase):
    """One split of a fiscal year. `inputs` names the versions it was made of, `digest` names both them and the yen.

    `revision` is 0 for the original, else which change of the year it is: its name (`states.run_name`).
    `total_yen` is the sum of the shares, the operator's part, the residual and the deductions; the database checks it.
    """

    __tablename__ = "allocation_run"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "fiscal_year", "number"),
        ForeignKeyConstraint(["tenant_id", "revises_id"], ["allocation_run.tenant_id", "allocation_run.id"]),
        enum_check("kind", RunKind, name="kind_known"),
        enum_check("state", RunState, name="state_known"),
        CheckConstraint("(kind = 'revision') = (revises_id IS NOT NULL)", name="revision_names_its_run"),
        CheckConstraint("revision >= 0", name="revision_not_negative"),
        CheckConstraint(
            "(state IN ('draft', 'awaiting_approval')) = (decided_at IS NULL)", name="decided_unless_awaiting_approval"
        ),
        CheckConstraint("(state = 'posted') = (happened_on IS NOT NULL)", name="posted_has_a_date"),
        Index(
            "uq_allocation_run_open",
            "tenant_id",
            "fiscal_year",
            unique=True,
            postgresql_where="state IN ('draft', 'awaiting_approval')",
        ),
        Index(
            "uq_allocation_run_estimate",
            "tenant_id",
            "fiscal_year",
            unique=True,
            postgresql_where="kind = 'estimate' AND state <> 'rejected'",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    fiscal_year: Mapped[int]
    number: Mapped[int]
    revision: Mapped[int] = mapped_column(server_default="0")
    kind: Mapped[str]
    state: Mapped[str]
    revises_id: Mapped[UUID | None]
    total_yen: Mapped[int] = mapped_column(BigInteger)
    operator_yen: Mapped[int] = mapped_column(BigInteger)
    operator_residual_yen: Mapped[int] = mapped_column(BigInteger)
    deductions_yen: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str]
    inputs: Mapped[dict[str, Any]] = mapped_column(JSONB)
    prepared_at: Mapped[datetime]
    prepared_by: Mapped[str]
    requested_by: Mapped[str]
    decided_at: Mapped[datetime | None]
    happened_on: Mapped[date | None]


class AllocationShare(TableBase):
    """What one member bears of one run, and what it bore by the run before.

    `divisions` holds, for each rule that shared costs: rule, version and decision; the costs by pool, deductions, the
    operator's part and what was left to share; and the member's step from exact to whole yen.
    """

    __tablename__ = "allocation_share"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "run_id"),
        ForeignKeyConstraint(["operator_id", "run_id"], ["allocation_run.tenant_id", "allocation_run.id"]),
        CheckConstraint("share_yen >= 0 AND previous_yen >= 0", name="not_negative"),
        CheckConstraint("revision >= 0", name="revision_not_negative"),
        Index("ix_allocation_share_run", "run_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    operator_id: Mapped[UUID]
    run_id: Mapped[UUID]
    fiscal_year: Mapped[int]
    run_number: Mapped[int]
    revision: Mapped[int] = mapped_column(server_default="0")
    kind: Mapped[str]
    digest: Mapped[str]
    label: Mapped[str]
    name: Mapped[str]
    share_yen: Mapped[int] = mapped_column(BigInteger)
    previous_yen: Mapped[int] = mapped_column(BigInteger)
    divisions: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    posted_at: Mapped[datetime | None]


class AllocationWorking(TableBase):
    """One component of one member's share (算定根拠): exact_yen = pool_yen × ratio × weight ÷ weight_total.

    Exact numbers are text: an integer, or a reduced fraction such as 3903090400000/660751.
    """

    __tablename__ = "allocation_working"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "share_id", "place"),
        ForeignKeyConstraint(["tenant_id", "share_id"], ["allocation_share.tenant_id", "allocation_share.id"]),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    share_id: Mapped[UUID]
    place: Mapped[int]
    rule_version_id: Mapped[UUID] = mapped_column(ForeignKey("rule_version.id"))
    component: Mapped[str]
    basis: Mapped[str]
    figure_date: Mapped[date | None]
    figure_source: Mapped[str | None]
    pool_yen: Mapped[int] = mapped_column(BigInteger)
    ratio: Mapped[str]
    weight: Mapped[str]
    weight_total: Mapped[str]
    exact_yen: Mapped[str]
