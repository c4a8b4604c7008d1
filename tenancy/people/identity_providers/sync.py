"""What the worker reads of an identity provider before it asks on the network, and what it writes afterwards.

Each function runs in the caller's transaction, in the operator's scope; what it writes is system state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from governance.kernel.ids import new_id
from tenancy.keycloak.port import IdentityProviderKind
from tenancy.people.identity_providers.metadata import ProviderMetadata
from tenancy.people.identity_providers.queries import LinkChange, domain_is_of_another, read_secret
from tenancy.people.identity_providers.states import CheckProblem, IdentityProviderState
from tenancy.people.identity_providers.tables import IdentityProvider, IdentityProviderLink


@dataclass(frozen=True, slots=True)
class ProviderToCheck:
    """An identity provider as registered. `domain_problem` says that a domain of its is another tenant's."""

    id: UUID
    tenant_id: UUID
    version: int
    kind: IdentityProviderKind
    metadata_url: str | None
    metadata: str | None
    client_id: str | None
    secret: str | None = field(repr=False)
    domain_problem: CheckProblem | None


def provider_to_check(session: Session, tenant_id: UUID) -> ProviderToCheck | None:
    """The tenant's identity provider; None where it has none (any more)."""
    row = session.scalars(select(IdentityProvider).where(IdentityProvider.tenant_id == tenant_id)).first()
    if row is None:
        return None
    is_of_another = domain_is_of_another(session, tenant_id, row.domains)
    return ProviderToCheck(
        id=row.id,
        tenant_id=row.tenant_id,
        version=row.version,
        kind=IdentityProviderKind(row.kind),
        metadata_url=row.metadata_url,
        metadata=row.metadata_text,
        client_id=row.client_id,
        secret=read_secret(row),
        domain_problem=CheckProblem.DOMAIN_OF_ANOTHER if is_of_another else None,
    )


def record_check(
    session: Session,
    provider: ProviderToCheck,
    found: ProviderMetadata | None,
    problem: CheckProblem | None,
    now: datetime,
) -> bool:
    """Store what a check found. Returns whether Keycloak is to be told: it is in use, and nothing was wrong.

    What was changed or removed meanwhile is left to the check of that change.
    """
    row = session.scalars(
        select(IdentityProvider)
        .where(IdentityProvider.id == provider.id, IdentityProvider.version == provider.version)
        .with_for_update()
    ).first()
    if row is None:
        return False
    row.checked_at = now
    row.check_problem = None if problem is None else problem.value
    if found is None:
        return False
    row.checked_version = provider.version
    row.settings = dict(found.settings)
    row.certificate_ends_on = found.certificate_ends_on
    return row.state == IdentityProviderState.ENABLED


def record_applied(session: Session, provider: ProviderToCheck) -> None:
    """Store that Keycloak has this version of it."""
    row = session.scalars(select(IdentityProvider).where(IdentityProvider.id == provider.id).with_for_update()).first()
    if row is not None:
        row.applied_version = provider.version


def forget_links(session: Session, tenant_id: UUID) -> None:
    """Store that Keycloak has no link of the tenant's people any more."""
    session.execute(delete(IdentityProviderLink).where(IdentityProviderLink.tenant_id == tenant_id))


def record_link(session: Session, change: LinkChange, now: datetime) -> None:
    """Store the link that Keycloak has now, or that it has none."""
    if change.present is not None:
        session.execute(
            delete(IdentityProviderLink).where(
                IdentityProviderLink.tenant_id == change.tenant_id,
                IdentityProviderLink.member_id == change.member_id,
            )
        )
    if change.wanted is not None:
        session.add(
            IdentityProviderLink(
                id=new_id(),
                tenant_id=change.tenant_id,
                member_id=change.member_id,
                keycloak_id=change.wanted.keycloak_id,
                name=change.wanted.name,
                linked_at=now,
            )
        )
