"""What other packages' commands record about a person: Keycloak's id, the password mail, the first sign-in.

Each function runs inside the caller's command and locks the rows it changes.
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
    """One person, the row locked (FOR UPDATE) to the end of the transaction. Raises NotFound."""
    return MemberToSync.model_validate(member_row(session, tenant_id, member_id))


def record_keycloak_id(session: Session, tenant_id: UUID, person_id: UUID, keycloak_id: str) -> MemberToSync:
    """Record Keycloak's id of the person. Raises NotFound."""
    row = row_of_person(session, tenant_id, person_id)
    row.keycloak_id = keycloak_id
    return MemberToSync.model_validate(row)


def record_password_mails(session: Session, tenant_id: UUID, person_ids: Collection[UUID], sent_at: datetime) -> None:
    """Record when the mail in which to set a password was sent, or was about to be sent, to these people."""
    session.execute(
        update(Member)
        .where(Member.tenant_id == tenant_id, Member.person_id.in_(person_ids))
        .values(password_mail_sent_at=sent_at)
    )


def activate_invited(session: Session, tenant_id: UUID, person_id: UUID) -> bool:
    """Make an invited person active; return whether the person was invited until now. Raises NotFound."""
    row = row_of_person(session, tenant_id, person_id)
    if row.state != MemberState.INVITED:
        return False
    row.state = MemberState.ACTIVE.value
    return True
