"""Reading tenants' own identity providers: what is registered, what Keycloak is to have, and who is to be linked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal, or_, select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from governance.derived_secrets import secrets_key
from governance.kernel.errors import NotFound, require_found
from governance.kernel.labels import Label
from governance.kernel.waiting import WaitingSelect, waiting_columns
from governance.sealed_secrets import unseal
from tenancy.keycloak.port import IdentityProviderIntent, IdentityProviderKind
from tenancy.people.identity_providers.models import OwnIdentityProvider
from tenancy.people.identity_providers.states import CheckProblem, IdentityProviderState
from tenancy.people.identity_providers.tables import IdentityProvider, IdentityProviderLink
from tenancy.people.states import MemberState
from tenancy.people.tables import Member

IDENTITY_PROVIDER: Final = Label("IdP", "identity provider")
SECRET_FORM: Final = "moyai.identity-provider-secret/1"  # noqa: S105 - what is sealed, no secret
WARNED_BEFORE: Final = timedelta(days=30)
"""So long before its signing certificate ends the tenant is told."""


def own_identity_provider(session: Session, tenant_id: UUID) -> OwnIdentityProvider:
    """The tenant's own identity provider. Raises NotFound where it has none."""
    row = require_found(_row(session, tenant_id), what=IDENTITY_PROVIDER, given=tenant_id)
    by_address = _of_domains(row.domains)
    present = (Member.tenant_id == tenant_id, Member.state != MemberState.REMOVED)
    count = select(func.count())
    return OwnIdentityProvider(
        tenant_id=row.tenant_id,
        kind=IdentityProviderKind(row.kind),
        name=row.name,
        metadata_url=row.metadata_url,
        client_id=row.client_id,
        claim=row.claim,
        domains=tuple(row.domains),
        state=IdentityProviderState(row.state),
        version=row.version,
        issuer=None if row.settings is None else row.settings.get("issuer") or row.settings.get("idpEntityId"),
        checked_at=row.checked_at,
        is_checked=is_checked(row),
        check_problem=None if row.check_problem is None else CheckProblem(row.check_problem),
        certificate_ends_on=row.certificate_ends_on,
        is_applied=row.applied_version == row.version,
        linked=session.execute(
            count.select_from(IdentityProviderLink).where(IdentityProviderLink.tenant_id == tenant_id)
        ).scalar_one(),
        in_domains=session.execute(count.select_from(Member).where(*present, by_address)).scalar_one(),
        not_in_domains=session.execute(count.select_from(Member).where(*present, ~by_address)).scalar_one(),
        registered_by=row.registered_by,
        registered_at=row.registered_at,
    )


def find_own_identity_provider(session: Session, tenant_id: UUID) -> OwnIdentityProvider | None:
    """The same; None where the tenant has none."""
    try:
        return own_identity_provider(session, tenant_id)
    except NotFound:
        return None


def is_checked(row: IdentityProvider) -> bool:
    """Whether the last check was of what is registered now, and found nothing wrong."""
    return row.settings is not None and row.checked_version == row.version and row.check_problem is None


def lets_people_in(session: Session, tenant_id: UUID) -> bool:
    """Whether a sign-in of this tenant begins at its own identity provider: enabled, and Keycloak has it."""
    query = select(IdentityProvider.id).where(
        IdentityProvider.tenant_id == tenant_id,
        IdentityProvider.state == IdentityProviderState.ENABLED,
        IdentityProvider.applied_version.is_not(None),
    )
    return session.execute(query).first() is not None


def identity_provider_intent(
    session: Session, tenant_id: UUID, *, with_secret: bool = False
) -> IdentityProviderIntent | None:
    """What Keycloak is to have; None where the tenant has none, or its own was never enabled.

    The secret is in it only where it is asked for, and where the key that seals it is there.
    """
    row = _row(session, tenant_id)
    if row is None or row.settings is None or row.state == IdentityProviderState.REGISTERED:
        return None
    client = {} if row.client_id is None else {"clientId": row.client_id}
    return IdentityProviderIntent(
        tenant_id=tenant_id,
        kind=IdentityProviderKind(row.kind),
        name=row.name,
        settings={**row.settings, **client},
        claim=row.claim,
        enabled=row.state == IdentityProviderState.ENABLED,
        secret=read_secret(row) if with_secret else None,
    )


def read_secret(row: IdentityProvider) -> str | None:
    """The secret of a row; None where it has none, or the key is missing or another one."""
    key = secrets_key()
    if row.sealed_secret is None or key is None:
        return None
    return unseal(key, SECRET_FORM, row.id, row.sealed_secret)


def domain_is_of_another(session: Session, tenant_id: UUID, domains: Collection[str]) -> bool:
    """Whether anybody of another tenant, the operator among them, has an address in one of the domains, or another
    tenant's enabled identity provider names one. In the operator's scope: a tenant sees its own rows alone.

    A person of this tenant who belongs to another one with the same account, or is asked to, is this tenant's: else
    a union of municipalities could keep each of them from its own domain.
    """
    present = Member.state != MemberState.REMOVED
    own = select(func.coalesce(Member.account_id, Member.person_id)).where(Member.tenant_id == tenant_id, present)
    account = func.coalesce(Member.account_id, Member.asked_account_id, Member.person_id)
    people = select(Member.id).where(Member.tenant_id != tenant_id, present, _of_domains(domains), account.not_in(own))
    if session.execute(people.limit(1)).first() is not None:
        return True
    others = select(IdentityProvider.domains).where(
        IdentityProvider.tenant_id != tenant_id,
        IdentityProvider.state == IdentityProviderState.ENABLED,
        # One that was never let in claims nothing: else a tenant could keep another from its own domain.
        IdentityProvider.applied_version.is_not(None),
    )
    return any(not set(domains).isdisjoint(found) for found in session.scalars(others))


@dataclass(frozen=True, slots=True)
class Link:
    """A user of Keycloak's, by its id there, and the name by which the identity provider knows the person."""

    keycloak_id: str
    name: str


@dataclass(frozen=True, slots=True)
class LinkChange:
    """The link of a member of a tenant as it is and as it is wanted; None stands for no link."""

    tenant_id: UUID
    member_id: UUID
    present: Link | None
    wanted: Link | None


def links_to_change(session: Session, limit: int = 500) -> list[LinkChange]:
    """Whom to link and whose link to end, of all tenants, at most `limit`. In the operator's scope.

    Linked is everybody who is in Keycloak and was not removed, with an address in a domain of the tenant's own identity
    provider that Keycloak has. Whoever is suspended keeps the link: Keycloak refuses the account.
    """
    providers = select(IdentityProvider).where(IdentityProvider.applied_version.is_not(None))
    wanted: dict[tuple[UUID, UUID], Link] = {}
    for provider in session.scalars(providers):
        rows = session.execute(
            select(Member.id, Member.keycloak_id, Member.email_key).where(
                Member.tenant_id == provider.tenant_id,
                Member.state != MemberState.REMOVED,
                Member.keycloak_id.is_not(None),
                Member.replaced_keycloak_id.is_(None),
                _of_domains(provider.domains),
            )
        )
        wanted |= {(provider.tenant_id, member): Link(str(user), name) for member, user, name in rows}
    present = {
        (row.tenant_id, row.member_id): Link(row.keycloak_id, row.name)
        for row in session.scalars(select(IdentityProviderLink))
    }
    changes = [
        LinkChange(*member, present.get(member), wanted.get(member))
        for member in sorted(wanted.keys() | present.keys())
        if present.get(member) != wanted.get(member)
    ]
    return changes[:limit]


def linked_people(session: Session, tenant_id: UUID) -> list[UUID]:
    """The ids of the people (`person_id`) whom the tenant's identity provider may speak for."""
    query = (
        select(Member.person_id)
        .join(
            IdentityProviderLink,
            (IdentityProviderLink.member_id == Member.id) & (IdentityProviderLink.tenant_id == Member.tenant_id),
        )
        .where(Member.tenant_id == tenant_id)
        .order_by(Member.person_id)
    )
    return list(session.scalars(query))


def identity_providers_to_mend(tenant_id: UUID, today: date) -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: the tenant's enabled identity provider where its last check found
    something wrong, or its signing certificate ends within WARNED_BEFORE.
    """
    facts = func.jsonb_build_object(
        *("tenant", IdentityProvider.tenant_id, "problem", IdentityProvider.check_problem),
        *("last_day", IdentityProvider.certificate_ends_on),
    )
    tenants = array([IdentityProvider.tenant_id])
    return select(*waiting_columns(literal(1), facts=facts, since=IdentityProvider.checked_at, tenants=tenants)).where(
        IdentityProvider.tenant_id == tenant_id,
        IdentityProvider.state == IdentityProviderState.ENABLED,
        or_(
            IdentityProvider.check_problem.is_not(None),
            IdentityProvider.certificate_ends_on <= today + WARNED_BEFORE,
        ),
    )


def _row(session: Session, tenant_id: UUID) -> IdentityProvider | None:
    return session.scalars(select(IdentityProvider).where(IdentityProvider.tenant_id == tenant_id)).first()


def _of_domains(domains: Collection[str]) -> ColumnElement[bool]:
    """Whether the address is in one of the domains themselves; a domain below one is another."""
    return or_(False, *(Member.email_key.endswith(f"@{domain}", autoescape=True) for domain in domains))
