"""What the queries of notices return, and what a notice prints."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from billing.notices.states import NoticeKind
from governance.kernel.models import ReadModel

LabelledText = tuple[str, str]
"""A label and its value, both as printed."""


class NoticeLine(ReadModel):
    """One basis of the allocation. `exact` is the yen as a fraction; null where two decimal places hold it."""

    component: str
    basis: str
    ratio: str
    weight: str
    weight_total: str
    figure_date: str
    source: str
    yen: str
    exact: str | None


class NoticeDivision(ReadModel):
    """How one rule came to this member's share: the amount allocated, its bases, the rounding, and the grounds."""

    rule: str
    pool_rows: tuple[LabelledText, ...]
    pool: str
    members: str
    lines: tuple[NoticeLine, ...]
    exact_total: str
    exact_fraction: str | None
    rounding: str
    cut: str
    rank: str
    adjustment: str
    share: str
    grounds: tuple[LabelledText, ...]


class NoticeContent(ReadModel):
    """Everything a notice prints, worded in Japanese: the contents of 地方自治法施行令 154条, and the workings.

    It is stored as JSON when the notice is issued, and the PDF is set from it. `change` is null on a member's first
    notice of the year, which has the `breakdown` of its amount instead; `example` is null but on the paper of an
    example, `sample` but on one that is only looked at. `due_on` is null where nothing is due, `seal_field` unless the
    seal is put on the paper. Those issued before 0.3.0 have no `document_number`, `addressed_to`, `seal` and
    `breakdown`.
    """

    title: str
    example: str | None
    sample: str | None = None
    number: str
    document_number: str | None = None
    issued_on: str
    addressee: str
    addressed_to: str | None = None
    code: str
    issuer: str
    seal: str | None = None
    seal_field: str | None = None
    sentence: str
    amount_label: str
    amount: str
    due_on: str | None
    particulars: tuple[LabelledText, ...]
    change: tuple[LabelledText, ...] | None
    breakdown: tuple[LabelledText, ...] | None = None
    divisions: tuple[NoticeDivision, ...]
    share: str
    no_divisions: str
    digest: str


class NoticeFacts(ReadModel):
    """A notice. `amount_yen` is the difference made by its run, `due_on` null where nothing is to be paid.

    `first_run_number` is the first of several runs whose differences the amount is made of; null for its own run alone.
    `facts` is everything printed; `pdf_sha256` the SHA-256 of the PDF as it was issued.
    """

    id: UUID
    tenant_id: UUID
    run_id: UUID
    share_id: UUID
    number: str
    fiscal_year: int
    title: str
    addressee: str
    amount_yen: int
    first_run_number: int | None
    issued_on: date
    due_on: date | None
    is_example: bool
    facts: NoticeContent
    pdf_sha256: str
    issued_at: datetime


class PlannedNotice(ReadModel):
    """A notice that is not issued yet: `amount_yen` is `share_yen` less `notified_yen`, what was notified before.

    `is_first` says that it is the member's first of the fiscal year; `due_on` is null where nothing is due.
    """

    tenant_id: UUID
    share_id: UUID
    code: str
    name: str
    kind: NoticeKind
    title: str
    notified_yen: int
    share_yen: int
    amount_yen: int
    due_on: date | None
    is_first: bool


class NoticeTotal(ReadModel):
    """How many notices of a kind there are, and the sum of their yen: negative for reductions."""

    kind: NoticeKind
    count: int
    yen: int


class NoticePlan(ReadModel):
    """What issuing the notices of a run would come to, with no kind and no sign added to another.

    `revision` is 0 for the original split, else which change of the year it is. `combined_runs` are the numbers of the
    earlier runs notified together with it, `combined_revisions` which changes those are. `due_on` is null where no
    municipality has to pay.
    """

    run_id: UUID
    fiscal_year: int
    run_number: int
    revision: int
    combined_runs: tuple[int, ...]
    combined_revisions: tuple[int, ...]
    issued_on: date
    due_on: date | None
    totals: tuple[NoticeTotal, ...]
    notices: tuple[PlannedNotice, ...]
    date_warning: str | None = Field(
        default=None, description="What to know of the year's dates, in Japanese; null while the year runs."
    )
    date_warning_en: str | None = Field(default=None, description="The same in English.")
