"""Accounts in Keycloak that people of several tenants share: one person, one password, one membership a tenant.

Each tenant keeps a row of its own about the person, with its own id, name, roles and state. Here is what the rows of
one account have in common: whether Keycloak lets it in, whose name and address it bears. All of it reads the rows of
every tenant, and so needs the operator's scope; a tenant itself knows of its row only `is_shared`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, aliased

from governance.grants import roles_of_people
from governance.kernel.errors import message, require_found
from governance.kernel.labels import Label
from governance.permissions import Role
from tenancy.people.models import ConsentRequest, MemberToSync, OwnMembership
from tenancy.people.states import INVITATION_LIFETIME, MemberState, SyncProblem
from tenancy.people.tables import Member
from tenancy.tenants.facts import select_tenant_states
from tenancy.tenants.queries import tenant as find_tenant
from tenancy.tenants.states import STATE_EFFECTS, TenantState

PRESENT: Final = (MemberState.INVITED.value, MemberState.ACTIVE.value)
_OUT: Final = (TenantState.LEFT.value, TenantState.SUSPENDED.value)

SHARED_ADDRESS: Final = message(
    "member.shared_address",
    ja="この利用者のアカウントは別の団体でも使われているため、団体ではメールアドレスを変更できません。",
    en="Another tenant's person uses this account, too; its address is not changed by a tenant.",
    hint_ja="県の担当者に依頼してください。",
    hint_en="Ask the operator to change it.",
)


@dataclass(frozen=True, slots=True)
class SharedAccount:
    """An account of several tenants, as Keycloak is to have it.

    `made_for` is the tenant that it was made for, `email` None where its address was given up. `is_enabled` says that
    one of the tenants lets the person in, `is_owner` that the person is an owner in one.
    """

    username: UUID
    made_for: UUID
    email: str | None
    family_name: str
    given_name: str
    is_enabled: bool
    is_owner: bool


def username_of(member: Any) -> ColumnElement[UUID]:
    """The username in Keycloak of a row of `Member`, or of an alias of it, for a query."""
    return func.coalesce(member.account_id, member.person_id)


def username(session: Session, tenant_id: UUID, person_id: UUID) -> UUID:
    """The username in Keycloak of one of the tenant's people. Raises NotFound."""
    found = session.scalars(
        select(username_of(Member)).where(Member.tenant_id == tenant_id, Member.person_id == person_id)
    ).first()
    return require_found(found, what=Label("利用者", "member"), given=person_id, field="member_id")


def shared_accounts(session: Session, tenant_id: UUID, now: datetime) -> dict[UUID, SharedAccount]:
    """The accounts of this tenant's people that other tenants' people have or had, by username."""
    own = select(Member.person_id).where(Member.tenant_id == tenant_id)
    joined = select(Member.account_id).where(
        Member.account_id.is_not(None), or_(Member.tenant_id == tenant_id, Member.account_id.in_(own))
    )
    found = {one for one in session.scalars(joined) if one is not None}
    accounts: dict[UUID, SharedAccount] = {}
    roles: dict[UUID, dict[UUID, frozenset[Role]]] = {}
    for name in sorted(found):
        rows = _rows(session, name)
        for row, _ in rows:
            if row.tenant_id not in roles:
                roles[row.tenant_id] = roles_of_people(session, row.tenant_id, now)
        let_in = [row for row, state in rows if row.state in PRESENT and state not in _OUT]
        bearing = _bearing(rows)
        accounts[name] = SharedAccount(
            username=name,
            made_for=next((row.tenant_id for row, _ in rows if row.person_id == name), bearing.tenant_id),
            email=None if bearing.address_released_at is not None else bearing.email,
            family_name=bearing.family_name,
            given_name=bearing.given_name,
            is_enabled=bool(let_in),
            is_owner=any(
                Role.TENANT_OWNER in roles[row.tenant_id].get(row.person_id, ())
                for row, _ in rows
                if row.state in PRESENT
            ),
        )
    return accounts


def shared_account(session: Session, tenant_id: UUID, person_id: UUID, now: datetime) -> SharedAccount | None:
    """The account of one person of the tenant, where others have or had it, too. Raises NotFound for the person."""
    return shared_accounts(session, tenant_id, now).get(username(session, tenant_id, person_id))


def accounts_to_ask(session: Session, wanted: Sequence[MemberToSync]) -> dict[UUID, UUID]:
    """Who of these people, by person_id, has an account in another tenant under the same address: its username.

    Of people who may sign in there; of those who may not, the address is given up (`former_holders`).
    """
    if not wanted:
        return {}
    tenant = select_tenant_states().subquery()
    holder = aliased(Member)
    query = (
        select(holder.email_key, holder.tenant_id, username_of(holder))
        .join(tenant, tenant.c.id == holder.tenant_id)
        .where(
            holder.email_key.in_({one.email_key for one in wanted}),
            holder.keycloak_id.is_not(None),
            holder.address_released_at.is_(None),
            holder.state.in_(PRESENT),
            tenant.c.state != TenantState.LEFT.value,
            ~tenant.c.is_operator,
        )
        .order_by(holder.id)
    )
    found = session.execute(query).all()
    asked: dict[UUID, UUID] = {}
    for one in wanted:
        in_others = (name for key, tenant_id, name in found if key == one.email_key and tenant_id != one.tenant_id)
        held = list(in_others)
        if held and one.account_id is None:
            asked[one.person_id] = held[0]
    return asked


def rows_of_account(session: Session, name: UUID, *, besides: UUID | None = None) -> list[Member]:
    """The rows of an account in every tenant, locked, without the one of this id and without removed people."""
    query = select(Member).where(or_(Member.person_id == name, Member.account_id == name), Member.id != besides)
    query = query.where(Member.state != MemberState.REMOVED.value).order_by(Member.id).with_for_update()
    return list(session.scalars(query))


def refresh_sharing(session: Session, name: UUID) -> None:
    """Store with each row of the account whether another tenant's person has it, too."""
    rows = _rows(session, name, locked=True)
    kept = [row for row, state in rows if row.state != MemberState.REMOVED.value and state != TenantState.LEFT.value]
    for row, _ in rows:
        row.is_shared = any(one.id != row.id for one in kept)


def own_memberships(session: Session, tenant_id: UUID, person_id: UUID) -> list[OwnMembership]:
    """The tenants that this person of a tenant may use with the same account, this one among them, by name."""
    name = username(session, tenant_id, person_id)
    rows = [
        find_tenant(session, row.tenant_id)
        for row, state in _rows(session, name)
        if row.keycloak_id is not None and row.state in PRESENT and STATE_EFFECTS[TenantState(state)].people_sign_in
    ]
    return [
        OwnMembership(
            tenant_id=one.id, code=one.code, name=one.name, name_en=one.name_en, is_current=one.id == tenant_id
        )
        for one in sorted(rows, key=lambda one: (one.code or "", one.name))
    ]


def consent_requests(session: Session, tenant_id: UUID, person_id: UUID, now: datetime) -> list[ConsentRequest]:
    """The tenants that ask this person of a tenant, by the account they have, the oldest first."""
    asked = select(Member).where(
        Member.asked_account_id == username(session, tenant_id, person_id),
        Member.sync_problem == SyncProblem.AWAITING_CONSENT.value,
    )
    return [
        ConsentRequest(
            member_id=row.id,
            tenant_id=row.tenant_id,
            tenant_name=find_tenant(session, row.tenant_id).name,
            asked_at=row.password_mail_sent_at,
            expires_at=None if row.password_mail_sent_at is None else row.password_mail_sent_at + INVITATION_LIFETIME,
            roles=tuple(sorted(roles_of_people(session, row.tenant_id, now).get(row.person_id, ()))),
        )
        for row in session.scalars(asked.order_by(Member.id))
    ]


def asked_person(session: Session, tenant_id: UUID, person_id: UUID, member_id: UUID) -> tuple[UUID, UUID]:
    """As whom somebody decides who was asked: the tenant that asks, and their person_id there.

    They are named by the tenant and the person_id they are signed in with; who answered before is found again. Raises
    NotFound where they were not asked, also for what somebody else was asked.
    """
    name = username(session, tenant_id, person_id)
    found = session.execute(
        select(Member.tenant_id, Member.person_id).where(
            Member.id == member_id, or_(Member.asked_account_id == name, Member.account_id == name)
        )
    ).first()
    row = require_found(found, what=Label("承諾の依頼", "request for consent"), given=member_id, field="member_id")
    return row.tenant_id, row.person_id


def _rows(session: Session, name: UUID, *, locked: bool = False) -> list[tuple[Member, str]]:
    """The rows of an account with the states of their tenants, removed people included, the oldest first."""
    tenant = select_tenant_states().subquery()
    query = (
        select(Member, tenant.c.state)
        .join(tenant, tenant.c.id == Member.tenant_id)
        .where(or_(Member.person_id == name, Member.account_id == name))
        .order_by(Member.id)
    )
    if locked:
        query = query.with_for_update(of=Member)
    return [(row, state) for row, state in session.execute(query)]


def _bearing(rows: Sequence[tuple[Member, str]]) -> Member:
    """The row whose name and address the account bears: the oldest one that still has it, else the oldest of all.

    Whoever is only suspended keeps the account's address, so that no other tenant takes it over meanwhile.
    """
    kept = [row for row, state in rows if row.state != MemberState.REMOVED.value and state != TenantState.LEFT.value]
    with_address = [row for row in kept if row.address_released_at is None]
    return next(iter(with_address or kept), rows[0][0])
