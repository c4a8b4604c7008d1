"""`Identities` over a real Keycloak: which account does what, and nothing else.

Three accounts of realm `moyai` (people, clients, reconciler) and two of `moyai-operators`, each with its own
connection, none of them an administrator. One `KeycloakIdentities` per process is enough and safe for all its threads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from uuid import UUID

from governance.kernel.concurrency import ParallelMap
from governance.kernel.errors import DomainError
from tenancy.keycloak.comparison import RealmDifference
from tenancy.keycloak.connection import KeyCredential, RealmConnection
from tenancy.keycloak.identity_providers import IdentityProviders
from tenancy.keycloak.keys import BackendKeys
from tenancy.keycloak.organizations import Organizations, RoleCatalogue
from tenancy.keycloak.people import (
    Operators,
    People,
    delete_account,
    find_user,
    release_address,
    reset_second_factor,
    second_factors,
    send_password_mail,
    user_id,
    withdraw_access,
)
from tenancy.keycloak.port import (
    TENANT_ROLE_GROUPS,
    AdminChange,
    AllTenantsFacts,
    EnsureResult,
    FactorFacts,
    IdentityProviderFacts,
    IdentityProviderIntent,
    Invitation,
    IssuedToken,
    KeycloakTenantFacts,
    OperatorFacts,
    OperatorIntent,
    OrganizationFacts,
    OrganizationIntent,
    PersonFacts,
    PersonIntent,
    Privilege,
    Realm,
    RoleGroupFacts,
    ServerFacts,
    ServiceClientFacts,
    ServiceClientIntent,
    SessionFacts,
)
from tenancy.keycloak.reader import KeycloakReader
from tenancy.keycloak.service_clients import ServiceClients
from tenancy.keycloak.specification.model import RealmSpecification
from tenancy.keycloak.specification.shared import CLIENTS_CLIENT, PEOPLE_CLIENT, RECONCILER_CLIENT

THREADS = 8

LockPeople = Callable[[Collection[UUID]], AbstractContextManager[None]]
"""Holds a lock on each of these people while inside."""


def no_lock(people: Collection[UUID]) -> AbstractContextManager[None]:
    """For a process that is the only one to write."""
    return nullcontext()


class KeycloakIdentities:
    """The port's `Identities` over Keycloak's Admin REST API. Making one sends no request."""

    def __init__(
        self,
        server_url: str,
        keys: BackendKeys,
        *,
        public_url: str,
        specified: Callable[[Sequence[ServiceClientIntent]], Iterable[RealmSpecification]],
        issued_by: str | None = None,
        threads: int = THREADS,
        lock_people: LockPeople = no_lock,
    ) -> None:
        """`server_url` without `/realms`; `issued_by` is the issuer's base URL where it differs, `public_url` Moyai's.

        `specified` gives the realms as they are meant to be, for the operator's own systems.

        `lock_people` keeps the other writers of these people out, those in other processes too.
        """
        self._lock_people = lock_people
        self._public_url = public_url
        self._specified = specified

        def account(realm: Realm, credential: KeyCredential) -> RealmConnection:
            return RealmConnection(server_url, realm, credential, issued_by=issued_by, threads=threads)

        people = KeyCredential(PEOPLE_CLIENT, keys.people)
        reconciler = KeyCredential(RECONCILER_CLIENT, keys.reconciler)
        self._people = {realm: account(realm, people) for realm in Realm}
        clients = account(Realm.TENANTS, KeyCredential(CLIENTS_CLIENT, keys.clients))
        readers = {realm: account(realm, reconciler) for realm in Realm}
        self._parallel = ParallelMap(threads, "keycloak")
        self._reader = KeycloakReader(readers[Realm.TENANTS], readers[Realm.OPERATORS], self._parallel)
        self._organizations = Organizations(self._people[Realm.TENANTS], RoleCatalogue(clients), self._parallel)
        self._members = People(self._people[Realm.TENANTS], self._organizations, self._parallel)
        self._service_clients = ServiceClients(clients, self._parallel)
        self._identity_providers = IdentityProviders(self._people[Realm.TENANTS], self._organizations)
        reader = readers[Realm.OPERATORS]
        self._operators = Operators(self._people[Realm.OPERATORS], reader, RoleCatalogue(reader))

    def close(self) -> None:
        """End the threads. Requests that are under way are completed."""
        self._parallel.close()

    # -- looking

    def describe_server(self) -> ServerFacts:
        return self._reader.describe_server()

    def describe_tenant(
        self, tenant_id: UUID, *, holders_of: Collection[str] = TENANT_ROLE_GROUPS
    ) -> KeycloakTenantFacts:
        return self._reader.describe_tenant(tenant_id, holders_of)

    def describe_tenants(self, tenant_ids: Sequence[UUID]) -> AllTenantsFacts:
        return self._reader.describe_tenants(tenant_ids)

    def find_outside_changes(self, since: datetime) -> tuple[AdminChange, ...]:
        return self._reader.find_outside_changes(since)

    def find_identity_providers(self) -> tuple[IdentityProviderFacts, ...]:
        return self._reader.find_identity_providers()

    def has_session(self, realm: Realm, user: str, sid: str) -> bool:
        return self._reader.has_session(realm, user, sid)

    def find_sessions(self, realm: Realm, user: str) -> tuple[SessionFacts, ...]:
        return self._reader.find_sessions(realm, user)

    def find_second_factors(self, realm: Realm, user: str) -> tuple[FactorFacts, ...]:
        return second_factors(self._people[realm], user)

    def was_issued(self, realm: Realm, token: IssuedToken) -> bool:
        return self._reader.was_issued(realm, token)

    def find_outdated_sessions(self, realm: Realm, since: datetime) -> tuple[str, ...]:
        return self._reader.find_outdated_sessions(realm, since)

    def find_privileges(self) -> tuple[Privilege, ...]:
        return self._reader.find_privileges()

    def find_realm_differences(self, operators_clients: Sequence[ServiceClientIntent]) -> tuple[RealmDifference, ...]:
        return self._reader.find_realm_differences(self._specified(operators_clients))

    # -- ensuring

    def ensure_organization(self, intent: OrganizationIntent) -> EnsureResult[OrganizationFacts]:
        return self._organizations.ensure(intent)

    def ensure_role_groups(self, tenant_id: UUID) -> EnsureResult[tuple[RoleGroupFacts, ...]]:
        return self._organizations.ensure_role_groups(tenant_id)

    def ensure_people(
        self, tenant_id: UUID, people: Sequence[PersonIntent], *, withdraw_from: Collection[str] = ()
    ) -> tuple[EnsureResult[PersonFacts], ...]:
        with self._lock_people([UUID(person.username) for person in people]):
            done = self._members.ensure(tenant_id, people, withdraw_from)
        for one in done:
            if isinstance(one, DomainError):
                raise one
        return tuple(one for one in done if isinstance(one, EnsureResult))

    def ensure_each_person(
        self, tenant_id: UUID, people: Sequence[PersonIntent]
    ) -> tuple[EnsureResult[PersonFacts] | DomainError, ...]:
        with self._lock_people([UUID(person.username) for person in people]):
            return self._members.ensure(tenant_id, people, ())

    def ensure_service_clients(
        self, tenant_id: UUID, intents: Sequence[ServiceClientIntent]
    ) -> tuple[EnsureResult[ServiceClientFacts], ...]:
        return self._service_clients.ensure(tenant_id, intents)

    def ensure_identity_provider(self, intent: IdentityProviderIntent) -> EnsureResult[IdentityProviderFacts]:
        return self._identity_providers.ensure(intent)

    def ensure_linked(self, tenant_id: UUID, keycloak_id: str, name: str) -> None:
        self._identity_providers.ensure_linked(tenant_id, keycloak_id, name)

    def remove_link(self, tenant_id: UUID, keycloak_id: str) -> None:
        self._identity_providers.remove_link(tenant_id, keycloak_id)

    def ensure_operator(self, intent: OperatorIntent) -> EnsureResult[OperatorFacts]:
        with self._lock_people([intent.person_id]):
            return self._operators.ensure(intent)

    # -- acting

    def send_password_mail(
        self, person_id: UUID, realm: Realm = Realm.TENANTS, *, invitation: Invitation | None = None
    ) -> None:
        with self._lock_people([person_id]):
            send_password_mail(self._people[realm], person_id, invitation, self._public_url)

    def suspend_person(self, person_id: UUID, realm: Realm = Realm.TENANTS) -> None:
        with self._lock_people([person_id]):
            row = find_user(self._people[realm], str(person_id))
            if row is not None:
                withdraw_access(self._people[realm], row)

    def end_session(self, realm: Realm, sid: str) -> None:
        self._people[realm].delete(f"sessions/{sid}")

    def release_address(self, person_id: UUID, realm: Realm = Realm.TENANTS) -> None:
        with self._lock_people([person_id]):
            row = find_user(self._people[realm], str(person_id))
            if row is not None:
                release_address(self._people[realm], row)

    def delete_account(self, person_id: UUID, keycloak_id: str, realm: Realm = Realm.TENANTS) -> None:
        with self._lock_people([person_id]):
            row = find_user(self._people[realm], str(person_id))
            if row is not None and row["id"] == keycloak_id:
                delete_account(self._people[realm], row)

    def log_out(self, person_id: UUID, realm: Realm = Realm.TENANTS) -> None:
        self._people[realm].admin.user_logout(user_id(self._people[realm], person_id))

    def reset_second_factor(self, person_id: UUID, realm: Realm = Realm.TENANTS) -> int:
        with self._lock_people([person_id]):
            return reset_second_factor(self._people[realm], person_id)

    # -- withdrawing

    def remove_person(self, tenant_id: UUID, person_id: UUID) -> None:
        with self._lock_people([person_id]):
            self._members.remove(tenant_id, person_id)

    def leave_organization(self, tenant_id: UUID, username: UUID) -> None:
        with self._lock_people([username]):
            self._members.leave(tenant_id, username)

    def remove_service_client(self, tenant_id: UUID, service_client_id: UUID, secret_number: int | None = None) -> None:
        self._service_clients.remove(tenant_id, service_client_id, secret_number)

    def remove_identity_provider(self, tenant_id: UUID) -> None:
        self._identity_providers.remove(tenant_id)

    def remove_organization(self, tenant_id: UUID) -> None:
        self._organizations.remove(tenant_id)
