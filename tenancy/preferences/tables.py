"""Rows of preferences."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase, enum_check
from governance.kernel.era import DateNotation
from tenancy.preferences.states import ScreenLanguage, TableDensity


class PersonPreferences(TableBase):
    """What a person has chosen; without a row, what is usual."""

    __tablename__ = "person_preferences"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "person_id"),
        enum_check("language", ScreenLanguage, name="language_known"),
        enum_check("date_notation", DateNotation, name="date_notation_known"),
        enum_check("table_density", TableDensity, name="table_density_known"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    person_id: Mapped[UUID]
    language: Mapped[str]
    date_notation: Mapped[str]
    table_density: Mapped[str]
    saved_at: Mapped[datetime]
