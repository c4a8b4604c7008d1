"""Rows of tenants and of the cohorts they come in."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import Row
from tenancy.tenants.states import TenantKind, TenantState


def _one_of(column: str, values: type[TenantKind] | type[TenantState]) -> str:
    return f"{column} IN ({', '.join(repr(value.value) for value in values)})"


class Cohort(Row):
    """A named group of tenants that come in together (参加年度グループ)."""

    __tablename__ = "cohort"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    label: Mapped[str]
    fiscal_year: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime]


class Tenant(Row):
    """A body that takes part. The municipality code is an attribute and not the key, because mergers change it.

    `alias` names the organization in Keycloak and never changes. `version` counts the edits (ETag).
    """

    __tablename__ = "tenant"
    __table_args__ = (
        UniqueConstraint("code"),
        UniqueConstraint("alias"),
        CheckConstraint(_one_of("kind", TenantKind), name="kind_known"),
        CheckConstraint(_one_of("state", TenantState), name="state_known"),
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
