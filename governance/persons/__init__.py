"""People and their accounts: one person may have several, in both realms and at the operator's machine.

Accounts with the same e-mail address are one person's, and so are those that the operator joined. Two accounts that
nobody joined and whose addresses differ cannot be recognised. Row-level security shows a tenant its own accounts only.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from governance.persons.tables import PersonAccount


def persons_of(session: Session, account: str) -> frozenset[UUID]:
    """Every `person_id` that the account goes by; empty for one that nobody joined to a person."""
    return frozenset(session.scalars(select(PersonAccount.person_id).where(PersonAccount.account == account)))


def accounts_of_person(session: Session, account: str) -> frozenset[str]:
    """The accounts of the person who has this one, itself included."""
    return frozenset({account, *session.scalars(select_accounts_of_person(account))})


def select_accounts_of_person(account: str) -> Select[str]:
    """The accounts that have a `person_id` in common with this one, itself included where it is known."""
    own = select(PersonAccount.person_id).where(PersonAccount.account == account)
    return select(PersonAccount.account).where(PersonAccount.person_id.in_(own))
