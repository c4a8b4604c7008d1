"""Rows of tenants, of the cohorts they come in, of the moves they made and of the dated figures known about them."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase, enum_check
from tenancy.tenants.states import ContactPurpose, StatisticKind, TenantKind, TenantState


class Cohort(TableBase):
    """A named group of tenants that come in together (参加年度グループ)."""

    __tablename__ = "cohort"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    label: Mapped[str]
    fiscal_year: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime]


class Tenant(TableBase):
    """A body that takes part. The municipality code is an attribute and not the key, because mergers change it.

    `alias` names the organization in Keycloak and never changes. `version` counts the edits (ETag). `valid_from` is
    the first day of membership, planned or reached; `valid_until` the day after the last. The database itself refuses
    a tenant that becomes active without an acceptance in force (trigger `tenant_active_has_accepted`).
    """

    __tablename__ = "tenant"
    __table_args__ = (
        UniqueConstraint("code"),
        UniqueConstraint("alias"),
        enum_check("kind", TenantKind, name="kind_known"),
        enum_check("state", TenantState, name="state_known"),
        CheckConstraint("code ~ '^[0-9]{6}$'", name="code_form"),
        CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name="interval"),
        Index("ix_tenant_state", "state"),
        # One operator: the prefecture whose people sign in to the operators' realm.
        Index("uq_tenant_operator", "is_operator", unique=True, postgresql_where="is_operator"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str | None]
    name: Mapped[str]
    kana: Mapped[str]
    name_en: Mapped[str | None]
    kind: Mapped[str]
    state: Mapped[str]
    is_operator: Mapped[bool]
    alias: Mapped[str]
    cohort_id: Mapped[UUID | None] = mapped_column(ForeignKey("cohort.id"))
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    version: Mapped[int]
    registered_at: Mapped[datetime]


class TenantStateChange(TableBase):
    """One move of a tenant from state to state: when it took effect, who made it and why. Only ever added."""

    __tablename__ = "tenant_state_change"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        enum_check("from_state", TenantState, name="from_known"),
        enum_check("to_state", TenantState, name="to_known"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    from_state: Mapped[str]
    to_state: Mapped[str]
    reason: Mapped[str]
    effective_on: Mapped[date]
    changed_by: Mapped[str]
    changed_at: Mapped[datetime]


class Statistic(TableBase):
    """A figure known about a tenant as of a date, with its source. Only ever added: a correction supersedes.

    `value` is decimal text exactly as published, because a binary fraction would not be. The chain of corrections of
    one (kind, basis date) is linear: one first figure, and at most one successor for each.
    """

    __tablename__ = "statistic"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "supersedes_id"),
        ForeignKeyConstraint(["tenant_id", "supersedes_id"], ["statistic.tenant_id", "statistic.id"]),
        enum_check("kind", StatisticKind, name="kind_known"),
        CheckConstraint(r"value ~ '^[0-9]{1,12}(\.[0-9]{1,6})?$'", name="value_form"),
        Index(
            "uq_statistic_first",
            "tenant_id",
            "kind",
            "basis_date",
            unique=True,
            postgresql_where="supersedes_id IS NULL",
        ),
        Index("ix_statistic_kind", "kind", "tenant_id", "basis_date"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    kind: Mapped[str]
    value: Mapped[str]
    basis_date: Mapped[date]
    source: Mapped[str]
    supersedes_id: Mapped[UUID | None]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]


class Contact(TableBase):
    """Whom to ask at a tenant, one for each purpose. Replaced in place: a contact that left is personal data."""

    __tablename__ = "contact"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "purpose"),
        enum_check("purpose", ContactPurpose, name="purpose_known"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    purpose: Mapped[str]
    section: Mapped[str]
    name: Mapped[str]
    email: Mapped[str]
    phone: Mapped[str | None]
    recorded_at: Mapped[datetime]
