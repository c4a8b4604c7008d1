"""Rows of onboardings and their steps. What happened to them is in the record; these rows say how things stand."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase, enum_check
from tenancy.onboarding.steps import OnboardingKind, OnboardingState, StepName, StepState


class Onboarding(TableBase):
    """One run of the steps for one tenant; a tenant has at most one that is not done, of either kind.

    `leased_until` and `lease_owner` say which worker has it in hand; `fence` grows with each lease, so that a worker
    that lost its lease cannot write any more. `retry_at` is when it can go on by itself; empty where only a person can
    help. `plan_digest` names the plan a person saw before applying.
    """

    __tablename__ = "onboarding"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        enum_check("state", OnboardingState, name="state_known"),
        enum_check("kind", OnboardingKind, name="kind_known"),
        Index("uq_onboarding_open", "tenant_id", unique=True, postgresql_where="state <> 'done'"),
        Index("ix_onboarding_due", "retry_at", postgresql_where="state <> 'done'"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    kind: Mapped[str] = mapped_column(server_default=OnboardingKind.JOINING.value)
    cohort_id: Mapped[UUID | None] = mapped_column(ForeignKey("cohort.id"))
    plan_digest: Mapped[str | None]
    state: Mapped[str]
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    retry_at: Mapped[datetime | None]
    lease_owner: Mapped[str | None]
    leased_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(BigInteger)


class OnboardingStep(TableBase):
    """One step as it stands. `reason` is the code of what it waits for or failed with, `facts` fill its places.

    `outcome` says what was done (created, changed, kept and Keycloak's ids), without personal data.
    """

    __tablename__ = "onboarding_step"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "onboarding_id", "name"),
        ForeignKeyConstraint(["tenant_id", "onboarding_id"], ["onboarding.tenant_id", "onboarding.id"]),
        enum_check("name", StepName, name="name_known"),
        enum_check("state", StepState, name="state_known"),
        CheckConstraint("attempts >= 0 AND faults >= 0", name="counts"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    onboarding_id: Mapped[UUID]
    name: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int]
    faults: Mapped[int]
    retry_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    outcome: Mapped[dict[str, Any]] = mapped_column(JSONB)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
