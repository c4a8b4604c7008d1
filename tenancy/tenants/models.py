"""What queries about tenants return."""

from __future__ import annotations

from datetime import date, datetime
from fractions import Fraction
from uuid import UUID

from pydantic import ConfigDict

from governance.file_imports import ImportFacts, ImportRowFacts
from governance.kernel.models import ReadModel
from tenancy.tenants.states import ContactPurpose, FewestOwners, StatisticKind, TenantKind, TenantState


class CohortFacts(ReadModel):
    """A named group of tenants that join together with a fiscal year (参加期)."""

    id: UUID
    name: str
    label: str
    fiscal_year: int


class TenantFacts(ReadModel):
    """A tenant now. It is a member from `valid_from` (planned or reached) until the day before `valid_until` (JST)."""

    id: UUID
    code: str | None
    name: str
    kana: str
    name_en: str | None
    kind: TenantKind
    state: TenantState
    is_operator: bool
    cohort: str | None
    valid_from: date | None
    valid_until: date | None


class TenantListItem(TenantFacts):
    """A tenant in a list, with the label of its cohort."""

    cohort_label: str | None


class TenantDetails(TenantFacts):
    """One tenant. Its `version` is also its ETag, which a change names in If-Match.

    `fewest_owners` is how many owners it has at every instant at least.
    """

    cohort_id: UUID | None
    fewest_owners: FewestOwners
    version: int
    registered_at: datetime


class StateChange(ReadModel):
    """How a tenant came from one state to another: from which day, who changed it and why."""

    id: UUID
    from_state: TenantState
    to_state: TenantState
    reason: str
    effective_on: date
    changed_by: str
    changed_at: datetime


class StatisticFacts(ReadModel):
    """A statistic as published: its exact value in decimal digits, its reference date and its source."""

    kind: StatisticKind
    value: str
    basis_date: date
    source: str


class StatisticRecord(StatisticFacts):
    """A statistic with the id of its row and when it was recorded."""

    id: UUID
    recorded_at: datetime


class StatisticValue(ReadModel):
    """A statistic to compute with: its exact value, its reference date, its source and the id of its row."""

    # pydantic has no schema for Fraction; the value is never sent, only computed with.
    model_config = ConfigDict(arbitrary_types_allowed=True)

    value: Fraction
    basis_date: date
    source: str
    statistic_id: UUID


class ContactRecord(ReadModel):
    """Whom to ask at a tenant about one purpose."""

    id: UUID
    purpose: ContactPurpose
    section: str
    name: str
    email: str
    phone: str | None
    recorded_at: datetime


class ImportRowPreview(ImportRowFacts):
    """What importing a file would do with one row, by its first line (the header is line 1).

    `refusal` and the fields after it are those of the first of its problems.
    """

    code: str
    name: str

    @property
    def title(self) -> str:
        return " ".join(part for part in (self.code, self.name) if part)


class ImportPreview(ImportFacts):
    """What importing a file would do: how it was read, its SHA-256 in hex, and each row in the order of the file."""

    rows: tuple[ImportRowPreview, ...]
