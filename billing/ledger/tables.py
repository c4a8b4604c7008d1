"""Rows of the books, in SQLModel. Keys begin with the tenant, and so does every foreign key.

Entries, lines and accounts are added and read, nothing else: the application has no right to change them, and triggers
(migration 0003) refuse it again. Rows store; `posting` decides what is written, in one statement.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from billing.ledger.chart import AccountKind
from billing.ledger.periods import EntryKind, PeriodState
from governance.kernel.database import enum_check
from governance.kernel.yen import MAX_YEN


def _at_database_clock() -> Any:
    return Field(
        default=None,
        sa_type=DateTime(timezone=True),
        nullable=False,
        sa_column_kwargs={"server_default": text("now()")},
    )


class LedgerAccount(SQLModel, table=True):
    """An account (勘定科目) of one book, opened by its first posting."""

    __tablename__ = "ledger_account"
    __table_args__ = (
        UniqueConstraint("tenant_id", "code"),
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        enum_check("kind", AccountKind, name="kind_known"),
    )

    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    code: str
    name: str
    kind: str


class LedgerPeriod(SQLModel, table=True):
    """The fiscal year of one book. Its state moves `open ⇄ closing → closed`; the database refuses anything else."""

    __tablename__ = "ledger_period"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        enum_check("state", PeriodState, name="state_known"),
        CheckConstraint("fiscal_year BETWEEN 1989 AND 2100", name="fiscal_year_bounds"),
    )

    tenant_id: UUID = Field(primary_key=True)
    fiscal_year: int = Field(primary_key=True, sa_type=SmallInteger)
    state: str
    changed_at: datetime = _at_database_clock()


class LedgerEntry(SQLModel, table=True):
    """One posting (仕訳): `happened_on` is the date it counts for, `recorded_at` the database's clock.

    `number` gives the order, which no clock does. `reference` is the key the posting was chosen by before the first
    attempt, `request_hash` what it said then. `reverses_id` names the entry that this one undoes, once.
    """

    __tablename__ = "ledger_entry"
    __table_args__ = (
        UniqueConstraint("tenant_id", "reference"),
        UniqueConstraint("tenant_id", "number"),
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        ForeignKeyConstraint(["tenant_id", "reverses_id"], ["ledger_entry.tenant_id", "ledger_entry.id"]),
        enum_check("kind", EntryKind, name="kind_known"),
        CheckConstraint("line_count >= 2", name="two_lines"),
        CheckConstraint("(kind = 'reversal') = (reverses_id IS NOT NULL)", name="reversal_names_its_entry"),
        # The year of the date, or the year before during its closing period (出納整理期間, to 31 May).
        CheckConstraint(
            "happened_on >= make_date(fiscal_year, 4, 1) AND happened_on <= make_date(fiscal_year + 1, 5, 31)",
            name="date_in_fiscal_year",
        ),
        Index(
            "uq_ledger_entry_reverses",
            "tenant_id",
            "reverses_id",
            unique=True,
            postgresql_where="reverses_id IS NOT NULL",
        ),
        Index("ix_ledger_entry_fiscal_year", "tenant_id", "fiscal_year", "number"),
    )

    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    number: int = Field(default=None, sa_type=BigInteger, nullable=False, sa_column_args=[Identity(always=True)])
    reference: str
    request_hash: str
    kind: str
    fiscal_year: int = Field(sa_type=SmallInteger)
    happened_on: date
    recorded_at: datetime = _at_database_clock()
    line_count: int = Field(sa_type=SmallInteger)
    reverses_id: UUID | None = None
    memo: str


class LedgerLine(SQLModel, table=True):
    """A debit (positive) or a credit (negative) of an entry, in whole yen."""

    __tablename__ = "ledger_line"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "entry_id"], ["ledger_entry.tenant_id", "ledger_entry.id"]),
        ForeignKeyConstraint(["tenant_id", "account_id"], ["ledger_account.tenant_id", "ledger_account.id"]),
        CheckConstraint("line_no >= 1", name="line_no_counts_from_one"),
        CheckConstraint(f"yen <> 0 AND yen BETWEEN -{MAX_YEN} AND {MAX_YEN}", name="yen_bounds"),
        Index(
            "ix_ledger_line_account",
            "tenant_id",
            "account_id",
            "happened_on",
            "entry_id",
            postgresql_include=["yen"],
        ),
    )

    tenant_id: UUID = Field(primary_key=True)
    entry_id: UUID = Field(primary_key=True)
    line_no: int = Field(primary_key=True, sa_type=SmallInteger)
    account_id: UUID
    yen: int = Field(sa_type=BigInteger)
    happened_on: date


class LedgerBalance(SQLModel, table=True):
    """An account's sum of lines in one fiscal year, kept in the statement that adds the lines.

    `verify` recomputes it.
    """

    __tablename__ = "ledger_balance"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "account_id"], ["ledger_account.tenant_id", "ledger_account.id"]),
    )

    tenant_id: UUID = Field(primary_key=True)
    account_id: UUID = Field(primary_key=True)
    fiscal_year: int = Field(primary_key=True, sa_type=SmallInteger)
    yen: int = Field(sa_type=BigInteger)
    line_count: int = Field(sa_type=BigInteger)
