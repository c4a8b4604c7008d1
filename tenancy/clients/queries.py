"""Reading the service clients of a tenant."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import Select, String, cast, func, select
from sqlalchemy.orm import Session

from governance.approvals import approved_commands
from governance.kernel.errors import require_found
from governance.kernel.labels import Label
from tenancy.clients.keys import keys_of, kind_of_key, public_key_set, without_keys
from tenancy.clients.models import ClientAccess, ClientKey, ClientSecret, ServiceClientDetails
from tenancy.clients.states import ClientState, SuspensionCause
from tenancy.clients.tables import ServiceClient
from tenancy.keycloak.port import ServiceClientIntent, service_client_name
from tenancy.tenants.facts import select_tenant_states

ADMITTED_STATES: Final = (ClientState.REGISTERED, ClientState.ACTIVE)
"""States in which the tokens of a client count."""

SERVICE_CLIENT: Final = Label("連携システム", "service client")


def service_clients(session: Session, tenant_id: UUID, *, also_stopped: bool = False) -> list[ServiceClientDetails]:
    """The tenant's service clients in the order they were registered."""
    query = select(ServiceClient).where(ServiceClient.tenant_id == tenant_id).order_by(ServiceClient.id)
    if not also_stopped:
        query = query.where(ServiceClient.state != ClientState.STOPPED)
    return [_to_details(row) for row in session.scalars(query)]


def service_client(session: Session, tenant_id: UUID, client_id: UUID) -> ServiceClientDetails:
    """One service client of the tenant. Raises NotFound, also for another tenant's."""
    query = select(ServiceClient).where(ServiceClient.tenant_id == tenant_id, ServiceClient.id == client_id)
    found = session.scalars(query).first()
    return _to_details(require_found(found, what=SERVICE_CLIENT, given=client_id, field="client_id"))


def clients_owned_by(session: Session, tenant_id: UUID, member_id: UUID) -> list[ServiceClientDetails]:
    """The person's service clients in the order they were registered, without those that were stopped for good."""
    return [client for client in service_clients(session, tenant_id) if client.owner_member_id == member_id]


def is_in_keycloak(session: Session, tenant_id: UUID, client_id: UUID) -> bool:
    """Whether Keycloak gave the client an id; False for an unknown one."""
    query = select(ServiceClient.keycloak_id).where(ServiceClient.tenant_id == tenant_id, ServiceClient.id == client_id)
    return session.scalar(query) is not None


def keys_in_force(client: ServiceClientDetails, on: date) -> str:
    """The public key set that Keycloak is to hold on that day."""
    ended = [key.kid for key in client.public_keys if key.valid_until is not None and key.valid_until <= on]
    return without_keys(client.jwks, ended) if ended else client.jwks


def names_of_clients(session: Session, actors: Collection[str]) -> dict[str, str]:
    """The names of those of these actors that are service clients which row-level security shows, by id as text."""
    found = session.execute(
        select(ServiceClient.id, ServiceClient.name).where(cast(ServiceClient.id, String).in_(actors))
    )
    return {str(client_id): name for client_id, name in found}


def clients_called(session: Session, text: str, *, limit: int = 200) -> list[str]:
    """The ids of the service clients whose name contains the text, as row-level security shows them."""
    query = select(ServiceClient.id).where(ServiceClient.name.icontains(text, autoescape=True))
    return [str(client_id) for client_id in session.scalars(query.limit(limit))]


def client_access(session: Session, tenant_id: UUID, client_id: UUID, on: date) -> ClientAccess | None:
    """What decides whether the tenant's service client gets in on that day (JST), or None for an unknown one.

    One statement.
    """
    found = access_of_client(session, client_id, on)
    return None if found is None or found.tenant_id != tenant_id else found


def access_of_client(session: Session, client_id: UUID, on: date) -> ClientAccess | None:
    """The same of a client of whichever tenant row-level security shows."""
    tenant = select_tenant_states().subquery()
    found = session.execute(
        select(ServiceClient, tenant.c.state, tenant.c.is_operator)
        .join(tenant, tenant.c.id == ServiceClient.tenant_id)
        .where(ServiceClient.id == client_id)
    ).one_or_none()
    if found is None:
        return None
    row, tenant_state, is_operators = found
    return ClientAccess(
        tenant_id=row.tenant_id,
        scopes=row.scopes,
        state=row.state,
        is_in_force=row.in_force_on(on),
        secrets={int(number): date.fromisoformat(end) > on for number, end in row.secret_ends.items()},
        networks=tuple(row.networks),
        tenant_state=tenant_state,
        is_operators=is_operators,
    )


def count_running(session: Session, tenant_id: UUID) -> int:
    """How many service clients are not stopped: what the quota `service_clients` counts."""
    return session.execute(
        select(func.count())
        .select_from(ServiceClient)
        .where(ServiceClient.tenant_id == tenant_id, ServiceClient.state != ClientState.STOPPED)
    ).scalar_one()


def operators_clients(session: Session, operator_id: UUID, on: date) -> tuple[ServiceClientIntent, ...]:
    """The operator's systems as two people approved them, for Keycloak: one that is stopped or over is not enabled.

    A row whose keys or scopes are not those of an approved request is left out, whoever wrote it.
    """
    approved = {
        (str(done["client_id"]), public_key_set(body["jwks"]), tuple(body["scopes"]))
        for body, done in approved_commands(session, "register_client")
    }
    rows = session.scalars(
        select(ServiceClient).where(ServiceClient.tenant_id == operator_id).order_by(ServiceClient.id)
    )
    return tuple(
        ServiceClientIntent(
            row.id,
            operator_id,
            row.name,
            row.jwks,
            frozenset(row.scopes),
            enabled=ClientState(row.state) in ADMITTED_STATES and row.in_force_on(on),
        )
        for row in rows
        if (str(row.id), row.jwks, tuple(row.scopes)) in approved
    )


def tenants_with_unsynced_clients() -> Select[UUID]:
    """A SELECT of the ids of tenants with clients that are not in Keycloak yet, for a larger statement."""
    return select(ServiceClient.tenant_id).where(ServiceClient.state == ClientState.REGISTERED)


def _to_details(row: ServiceClient) -> ServiceClientDetails:
    return ServiceClientDetails(
        id=row.id,
        client_name=service_client_name(row.tenant_id, row.id),
        name=row.name,
        scopes=tuple(row.scopes),
        state=ClientState(row.state),
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        owner_member_id=row.owner_member_id,
        suspension_cause=None if row.suspension_cause is None else SuspensionCause(row.suspension_cause),
        jwks=row.jwks,
        public_keys=tuple(
            ClientKey(
                kid=key["kid"],
                kind=kind_of_key(key),
                valid_until=date.fromisoformat(end) if (end := row.key_ends.get(key["kid"])) else None,
            )
            for key in keys_of(row.jwks)
        ),
        secrets=tuple(
            ClientSecret(
                number=int(number),
                client_name=service_client_name(row.tenant_id, row.id, int(number)),
                valid_until=date.fromisoformat(end),
            )
            for number, end in sorted(row.secret_ends.items(), key=lambda one: int(one[0]))
        ),
        networks=tuple(row.networks),
        last_used_on=row.last_used_on,
        registered_at=row.registered_at,
    )
