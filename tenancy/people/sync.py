"""Writes to a person's row by the commands of onboarding and of sign-in: Keycloak's id, password mails, activation.

Each function runs in the caller's transaction and locks the rows it changes to its end.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from tenancy.people.models import MemberToSync
from tenancy.people.rows import member_row, row_of_person
from tenancy.people.states import MemberState
from tenancy.people.tables import Member


def lock_member(session: Session, tenant_id: UUID, member_id: UUID) -> MemberToSync:
    """Read one person and lock the row (FOR UPDATE) to the end of the transaction. Raises NotFound."""
    return MemberToSync.model_validate(member_row(session, tenant_id, member_id))


def record_keycloak_id(session: Session, tenant_id: UUID, person_id: UUID, keycloak_id: str) -> MemberToSync:
    """Store the id that Keycloak gave the user; returns the person with it. Raises NotFound."""
    row = row_of_person(session, tenant_id, person_id)
    row.keycloak_id = keycloak_id
    return MemberToSync.model_validate(row)


def record_password_mails(session: Session, tenant_id: UUID, person_ids: Collection[UUID], sent_at: datetime) -> None:
    """Store when Keycloak was asked to mail these people a link to set a password. Unknown people are ignored."""
    session.execute(
        update(Member)
        .where(Member.tenant_id == tenant_id, Member.person_id.in_(person_ids))
        .values(password_mail_sent_at=sent_at)
    )


def activate_invited(session: Session, tenant_id: UUID, person_id: UUID) -> bool:
    """Change the person's state from invited to active. False where it was another state already. Raises NotFound."""
    row = row_of_person(session, tenant_id, person_id)
    if row.state != MemberState.INVITED:
        return False
    row.state = MemberState.ACTIVE.value
    return True
