"""Rows that the commands of this package change, locked (FOR UPDATE). Not imported outside the package."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from governance.kernel.errors import require_found
from governance.kernel.labels import Label
from tenancy.people.tables import Member


def member_row(session: Session, tenant_id: UUID, member_id: UUID) -> Member:
    """The person's row by its id or by the username in Keycloak. Raises NotFound, also for another tenant's person."""
    return _row(session, tenant_id, or_(Member.id == member_id, Member.person_id == member_id), member_id)


def row_of_person(session: Session, tenant_id: UUID, person_id: UUID) -> Member:
    """The person's row by the username in Keycloak. Raises NotFound, also for another tenant's person."""
    return _row(session, tenant_id, Member.person_id == person_id, person_id)


def _row(session: Session, tenant_id: UUID, condition: ColumnElement[bool], given: UUID) -> Member:
    query = select(Member).where(Member.tenant_id == tenant_id, condition).with_for_update()
    return require_found(session.scalars(query).first(), what=Label("利用者", "member"), given=given, field="member_id")
