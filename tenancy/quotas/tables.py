"""Rows of quotas. Intervals of days are half-open; a trigger lets an open end be set once and nothing else change."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase
from governance.kernel.effective_dates import EffectiveDated, interval_check


class QuotaDimension(TableBase):
    """What can be limited, its unit and how it is measured. Rows are inserted by migrations only."""

    __tablename__ = "quota_dimension"
    __table_args__ = (
        CheckConstraint("measure IN ('gauge', 'counter')", name="measure_known"),
        CheckConstraint("(measure = 'counter') = (period IS NOT NULL)", name="counter_has_period"),
        CheckConstraint("period IN ('month')", name="period_known"),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str]
    unit: Mapped[str]
    measure: Mapped[str]
    period: Mapped[str | None]
    place: Mapped[int]


class Plan(TableBase):
    """A named offer (利用プラン)."""

    __tablename__ = "plan"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    label: Mapped[str]
    created_at: Mapped[datetime]


class PlanQuota(EffectiveDated, TableBase):
    """What a plan allows of one dimension from a day on; NULL is unlimited."""

    __tablename__ = "plan_quota"
    __table_args__ = (
        CheckConstraint("value >= 0", name="value_not_negative"),
        interval_check(),
        Index("uq_plan_quota_open", "plan_id", "dimension", unique=True, postgresql_where="valid_until IS NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    plan_id: Mapped[UUID] = mapped_column(ForeignKey("plan.id"))
    dimension: Mapped[str] = mapped_column(ForeignKey("quota_dimension.name"))
    value: Mapped[int | None] = mapped_column(BigInteger)


class TenantPlan(EffectiveDated, TableBase):
    """The plan a tenant is on, from a day on."""

    __tablename__ = "tenant_plan"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        interval_check(),
        Index("uq_tenant_plan_open", "tenant_id", unique=True, postgresql_where="valid_until IS NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    plan_id: Mapped[UUID] = mapped_column(ForeignKey("plan.id"))
    assigned_by: Mapped[str]
    assigned_at: Mapped[datetime]


class QuotaRequest(TableBase):
    """A request for another value: before, requested, decided. Who decided is in `approval_request`."""

    __tablename__ = "quota_request"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        CheckConstraint("state IN ('open', 'approved', 'rejected')", name="state_known"),
        CheckConstraint("requested_value >= 0", name="requested_not_negative"),
        CheckConstraint("decided_value >= 0", name="decided_not_negative"),
        Index("uq_quota_request_open", "tenant_id", "dimension", unique=True, postgresql_where="state = 'open'"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    dimension: Mapped[str] = mapped_column(ForeignKey("quota_dimension.name"))
    original_value: Mapped[int | None] = mapped_column(BigInteger)
    requested_value: Mapped[int | None] = mapped_column(BigInteger)
    decided_value: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str]
    reason: Mapped[str]
    digest: Mapped[str]
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]


class QuotaOverride(EffectiveDated, TableBase):
    """A tenant's own value of one dimension, in place of its plan's, from a day on; NULL is unlimited."""

    __tablename__ = "quota_override"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        ForeignKeyConstraint(["tenant_id", "request_id"], ["quota_request.tenant_id", "quota_request.id"]),
        CheckConstraint("value >= 0", name="value_not_negative"),
        interval_check(),
        Index("uq_quota_override_open", "tenant_id", "dimension", unique=True, postgresql_where="valid_until IS NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    dimension: Mapped[str] = mapped_column(ForeignKey("quota_dimension.name"))
    value: Mapped[int | None] = mapped_column(BigInteger)
    request_id: Mapped[UUID]
