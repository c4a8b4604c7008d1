"""Rows of notices: only ever added, each its municipality's own."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, LargeBinary, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from billing.notices.states import AddresseeForm, SealForm
from governance.kernel.database import TableBase, enum_check


class Notice(TableBase):
    """One notice of one posted share. `amount_yen` is what the run changed; `due_on` is there where yen are due.

    `first_run_number` is the number of the first run whose change is in the amount too; null for the own run alone.
    `facts` is the NoticeContent that was printed, `pdf` the document as it was issued.
    """

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "number"),
        UniqueConstraint("tenant_id", "share_id"),
        ForeignKeyConstraint(["tenant_id", "share_id"], ["allocation_share.tenant_id", "allocation_share.id"]),
        CheckConstraint("(amount_yen > 0) = (due_on IS NOT NULL)", name="due_where_payable"),
        CheckConstraint("due_on >= issued_on", name="due_after_issue"),
        CheckConstraint("first_run_number > 0", name="first_run_number_positive"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    share_id: Mapped[UUID]
    run_id: Mapped[UUID]
    number: Mapped[str]
    fiscal_year: Mapped[int]
    amount_yen: Mapped[int] = mapped_column(BigInteger)
    first_run_number: Mapped[int | None]
    issued_on: Mapped[date]
    due_on: Mapped[date | None]
    is_example: Mapped[bool]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    pdf: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    pdf_sha256: Mapped[str]
    issued_at: Mapped[datetime]
    issued_by: Mapped[str]


class NoticeIssuer(TableBase):
    """A version of who issues the notices, the budget head and where they are paid; the newest one is in force."""

    __tablename__ = "notice_issuer"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "number"),
        CheckConstraint("number > 0", name="number_positive"),
        enum_check("seal", SealForm, name="seal_known"),
        enum_check("addressee_form", AddresseeForm, name="addressee_form_known"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    number: Mapped[int]
    office: Mapped[str]
    holder: Mapped[str]
    seal: Mapped[str]
    addressee_form: Mapped[str]
    document_symbol: Mapped[str]
    budget_title: Mapped[str]
    budget_chapter: Mapped[str]
    budget_item: Mapped[str]
    budget_subitem: Mapped[str]
    payee: Mapped[str]
    payable_at: Mapped[str]
    contact_section: Mapped[str]
    contact_name: Mapped[str | None]
    contact_phone: Mapped[str | None]
    contact_email: Mapped[str | None]
    set_by: Mapped[str]
    set_at: Mapped[datetime]
