"""Reads of preferences, always of one person in one tenant."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tenancy.preferences.models import PreferencesFacts
from tenancy.preferences.tables import PersonPreferences


def saved_preferences(session: Session, tenant_id: UUID, person_id: UUID) -> PreferencesFacts | None:
    """What the person has saved; None where that is nothing yet."""
    row = session.scalar(
        select(PersonPreferences).where(
            PersonPreferences.tenant_id == tenant_id, PersonPreferences.person_id == person_id
        )
    )
    return None if row is None else PreferencesFacts.model_validate(row)
