"""What the mail with the link to a password tells a person: their body, who registered them, whom to ask."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tenancy.keycloak.port import Invitation
from tenancy.people.tables import Member
from tenancy.tenants.facts import operator, tenant_by_id
from tenancy.tenants.models import TenantFacts
from tenancy.tenants.queries import contacts
from tenancy.tenants.states import ContactPurpose

_ASKED_FIRST: Final = (
    ContactPurpose.GENERAL,
    ContactPurpose.TECHNICAL,
    ContactPurpose.SECURITY,
    ContactPurpose.FINANCE,
)


def invitations(session: Session, tenant_id: UUID, person_ids: Collection[UUID]) -> dict[UUID, Invitation]:
    """By person_id, for those of these people who are of the tenant. Needs the operator's scope.

    Whoever was entered at the command line or by the system was registered by the operator. Asked is the recorded
    contact of the tenant that registered the person, else the person who did it.
    """
    if not person_ids:
        return {}
    tenant = tenant_by_id(session, tenant_id)
    found = session.execute(
        select(Member.person_id, Member.added_by).where(Member.tenant_id == tenant_id, Member.person_id.in_(person_ids))
    )
    added_by = {row.person_id: row.added_by for row in found}
    described = {actor: _inviter(session, actor) for actor in set(added_by.values())}
    return {person_id: Invitation(tenant_id, tenant.name, *described[actor]) for person_id, actor in added_by.items()}


def _inviter(session: Session, actor: str) -> tuple[str, str]:
    """Who registered somebody, and whom to ask about it; the latter is empty where nobody is known."""
    person = _person(session, actor)
    home = operator(session) if person is None else tenant_by_id(session, person.tenant_id)
    name = home.name if person is None else f"{home.name} {person.family_name} {person.given_name}"
    return name, _contact(session, home) or ("" if person is None else f"{name} {person.email}")


def _person(session: Session, actor: str) -> Member | None:
    try:
        person_id = UUID(actor)
    except ValueError:
        return None
    return session.scalars(select(Member).where(Member.person_id == person_id)).first()


def _contact(session: Session, tenant: TenantFacts) -> str:
    known = {contact.purpose: contact for contact in contacts(session, tenant.id)}
    found = next((known[purpose] for purpose in _ASKED_FIRST if purpose in known), None)
    if found is None:
        return ""
    return " ".join(filter(None, (tenant.name, found.section, found.name, found.phone, found.email)))
