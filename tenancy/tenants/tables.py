"""Tables of tenants, cohorts, state changes, statistics and contacts."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase, enum_check
from tenancy.tenants.states import ContactPurpose, FewestOwners, StatisticKind, TenantKind, TenantState


class Cohort(TableBase):
    """A named group of tenants that are onboarded in the same fiscal year (参加期). `name` is unique."""

    __tablename__ = "cohort"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    label: Mapped[str]
    fiscal_year: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime]


class Tenant(TableBase):
    """An organization that takes part. The municipality code is an attribute, not the key: a merger changes it.

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
        enum_check("fewest_owners", FewestOwners, name="fewest_owners_known"),
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
    fewest_owners: Mapped[str] = mapped_column(server_default=FewestOwners.ONE.value)
    version: Mapped[int]
    registered_at: Mapped[datetime]


class TenantStateChange(TableBase):
    """A change of a tenant's state: from what to what, effective when, by whom and why. Rows are only inserted."""

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


class Departure(TableBase):
    """A tenant's notice that it leaves (脱退の届出). Its people sign in before `ends_on`, the day after the last.

    `ended_at` is when the departure was over, because the tenant left or stays after all; one at a time is open.
    """

    __tablename__ = "departure"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        CheckConstraint("ends_on > notified_on", name="ends_after_notice"),
        Index("uq_departure_open", "tenant_id", unique=True, postgresql_where="ended_at IS NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    notified_on: Mapped[date]
    ends_on: Mapped[date]
    reason: Mapped[str]
    announced_by: Mapped[str]
    announced_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Merger(TableBase):
    """A merger (廃置分合): the tenant ended on `merged_on`, and `successor_id` goes on. Rows are only inserted.

    The codes and names are those that both had when it was recorded.
    """

    __tablename__ = "merger"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        CheckConstraint("successor_id <> tenant_id", name="two_tenants"),
        Index("ix_merger_successor_id", "successor_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    successor_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    code: Mapped[str | None]
    name: Mapped[str]
    successor_code: Mapped[str | None]
    successor_name: Mapped[str]
    merged_on: Mapped[date]
    reason: Mapped[str]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]


class TenantRenaming(TableBase):
    """A change of a tenant's name or code from `valid_from` on; one at a time is planned.

    `former` has what it replaced, by field, once it was carried out.
    """

    __tablename__ = "tenant_renaming"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        CheckConstraint("code ~ '^[0-9]{6}$'", name="code_form"),
        CheckConstraint("carried_out_at IS NULL OR undone_at IS NULL", name="ended_once"),
        CheckConstraint("(carried_out_at IS NULL) = (former IS NULL)", name="former_when_carried_out"),
        Index(
            "uq_tenant_renaming_planned",
            "tenant_id",
            unique=True,
            postgresql_where="carried_out_at IS NULL AND undone_at IS NULL",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    code: Mapped[str | None]
    name: Mapped[str]
    kana: Mapped[str]
    name_en: Mapped[str | None]
    valid_from: Mapped[date]
    reason: Mapped[str]
    planned_by: Mapped[str]
    planned_at: Mapped[datetime]
    former: Mapped[dict[str, str | None] | None] = mapped_column(JSONB(none_as_null=True))
    carried_out_at: Mapped[datetime | None]
    undone_at: Mapped[datetime | None]


class HandBack(TableBase):
    """An archive of a tenant's records that was asked for; `content` is the ZIP file, None until it was made."""

    __tablename__ = "hand_back"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        CheckConstraint(
            "(made_at IS NULL) = (content IS NULL) AND (made_at IS NULL) = (sha256 IS NULL)", name="made_whole"
        ),
        # The database computes it too, so that no archive can stand beside another's hash.
        CheckConstraint("sha256 = encode(sha256(content), 'hex')", name="hash_of_content"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]
    made_at: Mapped[datetime | None]
    sha256: Mapped[str | None]
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)


class Statistic(TableBase):
    """A published statistic of a tenant as of its basis date, with its source. Rows are only inserted.

    `value` is the decimal text exactly as published; a binary floating-point number would round it. A correction is a
    row of its own whose `supersedes_id` is the row it corrects. Per tenant, kind and basis date one row supersedes
    none, and each row has at most one successor.
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
    """The person to contact at a tenant, one for each purpose. Updated in place: a former person's data do not stay."""

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
