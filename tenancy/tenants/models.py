"""What queries about tenants return."""

from __future__ import annotations

from datetime import date, datetime
from fractions import Fraction
from uuid import UUID

from pydantic import ConfigDict, Field

from governance.kernel.models import ReadModel
from tenancy.tenants.states import ContactPurpose, StatisticKind, TenantKind, TenantState


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
    """One tenant. Its `version` is also its ETag, which a change names in If-Match."""

    cohort_id: UUID | None
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


class ImportColumn(ReadModel):
    """A column that a file of municipalities may have: its heading in Japanese, its name for programs, its content."""

    heading: str
    name: str
    is_required: bool
    content: str
    content_en: str
    example: str
    example_en: str
    also: tuple[str, ...] = Field(description="Other headings that are taken for it.")


class ImportProblem(ReadModel):
    """What is wrong with one cell or heading of a file: where, what stands there, and what would be right."""

    column: str = Field(description="As the file calls it; empty where the whole row is at fault.")
    given: str
    code: str = Field(description="Why it is refused, as a stable code.")
    reason: str = Field(description="Why it is refused, in Japanese.")
    reason_en: str = Field(description="Why it is refused, in English.")
    hint: str = Field(description="What to do about it, in Japanese.")
    hint_en: str = Field(description="What to do about it, in English.")


class CellReadingFacts(ReadModel):
    """How a cell was understood that was not written in the stored form, such as 2.5万."""

    column: str
    given: str
    value: str = Field(description="As it would be stored.")
    understood: str = Field(description="As it was understood, in Japanese.")
    understood_en: str = Field(description="As it was understood, in English.")


class ImportRowPreview(ReadModel):
    """What importing a file would do with one row, by its first line (the header is line 1).

    `refusal` and the fields after it are those of the first of its problems.
    """

    line: int
    code: str
    name: str
    accepted: bool
    refusal: str | None = Field(default=None, description="Why it is refused, as a stable code.")
    field: str | None = Field(default=None, description="The column at fault.")
    reason: str | None = Field(default=None, description="Why it is refused, in Japanese.")
    reason_en: str | None = Field(default=None, description="Why it is refused, in English.")
    hint: str | None = Field(default=None, description="What to do about it, in Japanese.")
    hint_en: str | None = Field(default=None, description="What to do about it, in English.")
    problems: tuple[ImportProblem, ...] = Field(default=(), description="All that is wrong with it.")
    readings: tuple[CellReadingFacts, ...] = Field(default=(), description="Cells that were read in another form.")


class ImportPreview(ReadModel):
    """What importing a file would do: how it was read, its SHA-256 in hex, and each row in the order of the file."""

    encoding: str
    sha256: str
    accepted: bool
    problems: tuple[ImportProblem, ...] = Field(
        default=(), description="What is wrong with its columns and with the dates given for them."
    )
    rows: tuple[ImportRowPreview, ...]
