"""A tenant's own identity provider as pages, the API and the command line read it."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from governance.kernel.models import ReadModel
from tenancy.keycloak.port import IdentityProviderKind
from tenancy.people.identity_providers.states import CheckProblem, IdentityProviderState


class OwnIdentityProvider(ReadModel):
    """The identity provider of one tenant; its secret is never in it.

    `is_checked` says that the last check was of what is registered now and found nothing wrong; `check_problem` what it
    found, null also while none is done. `is_applied` says that Keycloak has what is registered now. `linked` counts the
    people it may speak for now, `in_domains` and `not_in_domains` those with an address in one of the domains or not.
    """

    tenant_id: UUID
    kind: IdentityProviderKind
    name: str
    metadata_url: str | None
    client_id: str | None
    claim: str
    domains: tuple[str, ...]
    state: IdentityProviderState
    version: int
    issuer: str | None
    checked_at: datetime | None
    is_checked: bool
    check_problem: CheckProblem | None
    certificate_ends_on: date | None
    is_applied: bool
    linked: int
    in_domains: int
    not_in_domains: int
    registered_by: str
    registered_at: datetime
