"""What queries about service clients return."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

from governance.kernel.models import ReadModel
from tenancy.clients.states import ClientState, SuspensionCause
from tenancy.tenants.states import TenantState


class ClientKey(ReadModel):
    """A public key of a client: its name, its kind (`EC P-256`, `RSA 3072`); valid before `valid_until` (JST)."""

    kid: str
    kind: str
    valid_until: date | None


class ClientSecret(ReadModel):
    """A secret of a client: its number, the client_id that it is used with; valid before `valid_until` (JST)."""

    number: int
    client_name: str
    valid_until: date


class ServiceClientDetails(ReadModel):
    """A system of a tenant; `client_name` is its client_id in Keycloak, `jwks` its public keys as they were given.

    It belongs to the tenant itself where `owner_member_id` names nobody. A suspended one has a cause.
    """

    id: UUID
    client_name: str
    name: str
    scopes: tuple[str, ...]
    state: ClientState
    valid_from: date
    valid_until: date | None
    owner_member_id: UUID | None
    suspension_cause: SuspensionCause | None
    jwks: str
    public_keys: tuple[ClientKey, ...]
    secrets: tuple[ClientSecret, ...]
    networks: tuple[str, ...]
    last_used_on: date | None
    registered_at: datetime


class ClientAccess(ReadModel):
    """What decides whether a service client gets in: scopes, state, dates, its tenant's state and realm.

    `secrets` says of each number whether that secret is in force.
    """

    tenant_id: UUID
    scopes: frozenset[str]
    state: ClientState
    is_in_force: bool
    secrets: Mapping[int, bool]
    networks: tuple[str, ...]
    tenant_state: TenantState
    is_operators: bool
