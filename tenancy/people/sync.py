"""Writes to a person's row by the commands of onboarding and of sign-in: Keycloak's id, password mails, activation.

Each function runs in the caller's transaction and locks the rows it changes to its end.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tenancy.people.models import MemberToSync
from tenancy.people.rows import member_row, row_of_person
from tenancy.people.states import MemberState, SyncProblem
from tenancy.people.tables import Member

ADDRESS_RETRY: Final = timedelta(days=1)
"""When an address in use is tried again by itself: somebody may have changed it in Keycloak, without Moyai."""


def lock_member(session: Session, tenant_id: UUID, member_id: UUID) -> MemberToSync:
    """Read one person and lock the row (FOR UPDATE) to the end of the transaction. Raises NotFound."""
    return MemberToSync.model_validate(member_row(session, tenant_id, member_id))


def record_keycloak_id(session: Session, tenant_id: UUID, person_id: UUID, keycloak_id: str) -> MemberToSync:
    """Store the id that Keycloak gave the user; returns the person with it. Raises NotFound."""
    row = row_of_person(session, tenant_id, person_id)
    row.keycloak_id = keycloak_id
    row.sync_problem = row.sync_retry_at = None
    return MemberToSync.model_validate(row)


def record_sync_problem(
    session: Session, tenant_id: UUID, person_id: UUID, problem: SyncProblem, now: datetime
) -> None:
    """Store why the person was not created in Keycloak; an address in use is tried again after a day.

    Of one who is there already nothing is stored: drift reports what differs. Raises NotFound.
    """
    row = row_of_person(session, tenant_id, person_id)
    if row.keycloak_id is not None:
        return
    row.sync_problem = problem.value
    row.sync_retry_at = now + ADDRESS_RETRY if problem is SyncProblem.ADDRESS_IN_USE else None


def record_address_released(session: Session, person_id: UUID, now: datetime) -> UUID | None:
    """Store that Keycloak has another address for the person; whoever waits for this one is tried again at once.

    Returns the person's tenant, None where it was stored before. Needs the operator's scope: who waits may be of any
    tenant.
    """
    row = session.scalars(select(Member).where(Member.person_id == person_id).with_for_update()).one()
    if row.address_released_at is not None:
        return None
    row.address_released_at = now
    session.execute(
        update(Member)
        .where(Member.email_key == row.email_key, Member.sync_problem == SyncProblem.ADDRESS_IN_USE)
        .values(sync_retry_at=now)
    )
    return row.tenant_id


def record_password_mails(session: Session, tenant_id: UUID, person_ids: Collection[UUID], sent_at: datetime) -> None:
    """Store when Keycloak was asked to mail these people a link to set a password. Unknown people are ignored."""
    session.execute(
        update(Member)
        .where(Member.tenant_id == tenant_id, Member.person_id.in_(person_ids))
        .values(password_mail_sent_at=sent_at)
    )


def record_account_deleted(session: Session, tenant_id: UUID, person_id: UUID) -> None:
    """Store that the account of an old link is gone, so that the person gets another. Raises NotFound."""
    row_of_person(session, tenant_id, person_id).replaced_keycloak_id = None


def activate_invited(session: Session, tenant_id: UUID, person_id: UUID) -> bool:
    """Change the person's state from invited to active. False where it was another state already. Raises NotFound."""
    row = row_of_person(session, tenant_id, person_id)
    if row.state != MemberState.INVITED:
        return False
    row.state = MemberState.ACTIVE.value
    return True
