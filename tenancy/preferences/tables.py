"""Rows of preferences."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase, enum_check
from governance.kernel.era import DateNotation
from tenancy.preferences.states import DigestFrequency, ScreenLanguage, TableDensity


class PersonPreferences(TableBase):
    """What a person has chosen; without a row, what is usual.

    The mail of a morning was handed to a job on `digest_on` and sent on `digest_sent_on`, days in Japan; `digest_since`
    is when the present choice of `digest_mail` was made.
    """

    __tablename__ = "person_preferences"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "person_id"),
        enum_check("language", ScreenLanguage, name="language_known"),
        enum_check("date_notation", DateNotation, name="date_notation_known"),
        enum_check("table_density", TableDensity, name="table_density_known"),
        enum_check("digest_mail", DigestFrequency, name="digest_mail_known"),
        Index("ix_person_preferences_digest_on", "digest_on", postgresql_where="digest_mail <> 'never'"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    person_id: Mapped[UUID]
    language: Mapped[str]
    date_notation: Mapped[str]
    table_density: Mapped[str]
    digest_mail: Mapped[str]
    digest_since: Mapped[datetime]
    digest_on: Mapped[date | None]
    digest_sent_on: Mapped[date | None]
    saved_at: Mapped[datetime]


class SavedFilter(TableBase):
    """A filter of a list that a person keeps under a name: the list's path, and what stands after it in the address."""

    __tablename__ = "saved_filter"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "person_id", "path", "name"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    person_id: Mapped[UUID]
    path: Mapped[str]
    query: Mapped[str]
    name: Mapped[str]
    saved_at: Mapped[datetime]


class HiddenColumns(TableBase):
    """The columns of one list that a person does not want to see; without a row, all are shown."""

    __tablename__ = "hidden_columns"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "person_id", "list_name"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    person_id: Mapped[UUID]
    list_name: Mapped[str]
    columns: Mapped[list[str]] = mapped_column(JSONB)
    saved_at: Mapped[datetime]
