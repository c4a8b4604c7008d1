"""Writes to a person's row by the commands of onboarding and of sign-in: Keycloak's id, password mails, activation.

Each function runs in the caller's transaction and locks the rows it changes to its end.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from tenancy.people.models import MemberToSync
from tenancy.people.rows import member_row, row_of_person
from tenancy.people.shared_accounts import refresh_sharing, rows_of_account
from tenancy.people.states import MemberState, SyncProblem
from tenancy.people.tables import Member

ADDRESS_RETRY: Final = timedelta(days=1)
"""When an address in use is tried again by itself: somebody may have changed it in Keycloak, without Moyai."""


def lock_member(session: Session, tenant_id: UUID, member_id: UUID) -> MemberToSync:
    """Read one person and lock the row (FOR UPDATE) to the end of the transaction. Raises NotFound."""
    return MemberToSync.model_validate(member_row(session, tenant_id, member_id))


def record_keycloak_id(session: Session, tenant_id: UUID, person_id: UUID, keycloak_id: str) -> MemberToSync:
    """Store the id that Keycloak gave the user; returns the person with it. Raises NotFound.

    One who joined with an account of another tenant has a password and is active. Where that account's address is no
    longer the one under which the person was asked, they do not join: it may be somebody else's by now.
    """
    row = row_of_person(session, tenant_id, person_id)
    if row.account_id is not None:
        others = rows_of_account(session, row.account_id, besides=row.id)
        if others and row.email_key not in {one.email_key for one in others}:
            row.account_id = row.password_mail_sent_at = None
            row.sync_problem, row.sync_retry_at = SyncProblem.REFUSED.value, None
            return MemberToSync.model_validate(row)
        row.state = MemberState.ACTIVE.value
    # A former membership of the same account gives up its place: nobody signs in as somebody who was removed.
    session.execute(
        update(Member)
        .where(
            Member.tenant_id == tenant_id,
            Member.keycloak_id == keycloak_id,
            Member.id != row.id,
            Member.state == MemberState.REMOVED.value,
        )
        .values(keycloak_id=None)
    )
    row.keycloak_id = keycloak_id
    row.sync_problem = row.sync_retry_at = None
    forget_consent(row)
    session.flush()
    if row.account_id is not None:
        refresh_sharing(session, row.account_id)
    return MemberToSync.model_validate(row)


def forget_consent(row: Member) -> None:
    """Ask the person for nothing any more: the mail that asked counts for nothing, and was not one for a password."""
    if row.asked_account_id is not None:
        row.asked_account_id = row.consent_code_hash = row.password_mail_sent_at = None


def record_consent_asked(session: Session, tenant_id: UUID, person_id: UUID, account: UUID, now: datetime) -> bool:
    """Store that the person of this account is to be asked, and nothing else of them; tried again after a day.

    Returns whether a mail is to ask: False where this account was asked before. Raises NotFound.
    """
    row = row_of_person(session, tenant_id, person_id)
    if row.keycloak_id is not None or row.account_id is not None or row.state != MemberState.INVITED:
        return False
    is_asked = row.asked_account_id == account and row.password_mail_sent_at is not None
    row.asked_account_id = account
    row.sync_problem, row.sync_retry_at = SyncProblem.AWAITING_CONSENT.value, now + ADDRESS_RETRY
    return not is_asked


def record_sync_problem(
    session: Session, tenant_id: UUID, person_id: UUID, problem: SyncProblem, now: datetime
) -> None:
    """Store why the person was not created in Keycloak; an address in use is tried again after a day.

    Of one who is there already nothing is stored: drift reports what differs. Raises NotFound.
    """
    row = row_of_person(session, tenant_id, person_id)
    if row.keycloak_id is not None:
        return
    forget_consent(row)
    row.sync_problem = problem.value
    row.sync_retry_at = now + ADDRESS_RETRY if problem is SyncProblem.ADDRESS_IN_USE else None


def record_address_released(session: Session, username: UUID, now: datetime) -> list[tuple[UUID, UUID]]:
    """Store that Keycloak has another address for the account; whoever waits for this one is tried again at once.

    Returns tenant and person_id of each row of the account for which it was not stored before. Needs the operator's
    scope: who has it, and who waits, may be of any tenant.
    """
    of_account = or_(Member.person_id == username, Member.account_id == username)
    released = session.scalars(
        select(Member).where(of_account, Member.address_released_at.is_(None)).order_by(Member.id).with_for_update()
    ).all()
    for row in released:
        row.address_released_at = now
        session.execute(
            update(Member)
            .where(
                Member.email_key == row.email_key,
                Member.sync_problem.in_((SyncProblem.ADDRESS_IN_USE, SyncProblem.AWAITING_CONSENT)),
            )
            .values(sync_retry_at=now)
        )
    return [(row.tenant_id, row.person_id) for row in released]


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


def record_account_kept(session: Session, tenant_id: UUID, person_id: UUID) -> None:
    """Store that the account of an old link stays: of somebody who was suspended meanwhile. Raises NotFound."""
    row = row_of_person(session, tenant_id, person_id)
    row.keycloak_id, row.replaced_keycloak_id = row.keycloak_id or row.replaced_keycloak_id, None


def record_sign_in(session: Session, tenant_id: UUID, person_id: UUID, now: datetime) -> bool:
    """Store that the person signed in now; one who was invited is active from then on. Raises NotFound.

    Returns whether they were invited.
    """
    row = row_of_person(session, tenant_id, person_id)
    row.last_sign_in_at = now
    if row.state != MemberState.INVITED:
        return False
    row.state = MemberState.ACTIVE.value
    return True
