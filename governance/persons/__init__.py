"""People and their accounts: one person may have several, in both realms and at the operator's machine.

Accounts with the same e-mail address are one person's, and so are those that the operator joined. Two accounts that
nobody joined and whose addresses differ cannot be recognised. Row-level security shows a tenant its own accounts only.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, insert, or_, select
from sqlalchemy.orm import Session, aliased

from governance.kernel.models import ReadModel
from governance.persons.tables import PersonAccount

BY_ADDRESS: Final = "system:address"
"""Who joined accounts with equal addresses: the trigger on members."""


class JoinedAccount(ReadModel):
    """An account that somebody joined to a person, by whom and when."""

    account: str
    person_id: UUID
    joined_by: str
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class PersonGroup:
    """Accounts of one person, and every `person_id` that one of them goes by."""

    accounts: frozenset[str]
    persons: frozenset[UUID]


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


def is_one_person(account: ColumnElement[str], other: ColumnElement[str]) -> ColumnElement[bool]:
    """The condition that two accounts are one person's: the same, or with a `person_id` in common. For a query."""
    one, two = aliased(PersonAccount), aliased(PersonAccount)
    common = select(one.account).join(two, two.person_id == one.person_id)
    common = common.where(one.account == account, two.account == other).correlate_except(one, two)
    return or_(account == other, common.exists())


def group_of(session: Session, accounts: Collection[str]) -> PersonGroup:
    """These accounts with all that share a `person_id` with one of them, directly or through others."""
    known = frozenset(accounts)
    while True:
        persons = frozenset(
            session.scalars(select(PersonAccount.person_id).where(PersonAccount.account.in_(known)).distinct())
        )
        found = known | frozenset(
            session.scalars(select(PersonAccount.account).where(PersonAccount.person_id.in_(persons)).distinct())
        )
        if found == known:
            return PersonGroup(known, persons)
        known = found


def add_accounts(session: Session, group: PersonGroup, *, tenant_id: UUID, by: str, now: datetime) -> int:
    """Have every account of the group go by every `person_id` of it. Returns how many rows were added.

    An account without a row gets its own in the tenant `tenant_id`. For use inside a command.
    """
    rows = session.execute(
        select(PersonAccount.tenant_id, PersonAccount.account, PersonAccount.person_id).where(
            PersonAccount.account.in_(group.accounts)
        )
    ).all()
    tenants = {row.account: row.tenant_id for row in rows}
    present = {(row.account, row.person_id) for row in rows}
    missing = [
        {
            "tenant_id": tenants.get(account, tenant_id),
            "account": account,
            "person_id": person_id,
            "joined_by": by,
            "joined_at": now,
        }
        for account in sorted(group.accounts)
        for person_id in sorted(group.persons)
        if (account, person_id) not in present
    ]
    if missing:
        session.execute(insert(PersonAccount), missing)
    return len(missing)


def joined_accounts(session: Session) -> list[JoinedAccount]:
    """The accounts that somebody joined to a person, in the order in which that was done."""
    query = select(PersonAccount).where(PersonAccount.joined_by != BY_ADDRESS)
    query = query.order_by(PersonAccount.joined_at, PersonAccount.account, PersonAccount.person_id)
    return list(map(JoinedAccount.model_validate, session.scalars(query)))
