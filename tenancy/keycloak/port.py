"""What the rest of Moyai may ask of the identity server, and the frozen words it is asked in.

Onboarding, people, clients and drift speak this page only: intents (what Moyai wants), facts (what was found) and the
Protocol `Identities`. Nothing here names HTTP, a token or python-keycloak; those live in `adapter` and `connection`.

Every `ensure_…` looks, compares declared fields, writes the difference and looks again. Repeating it changes nothing.
What was not made by Moyai (marker `managed_by=moyai` and our own id) is never changed: `Conflict`, a person decides.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from governance.kernel.errors import DomainError
from governance.kernel.labels import LabelledEnum
from governance.permissions import OPERATOR_SCOPES, TENANT_ROLES, TENANT_SCOPES, Role
from tenancy.keycloak.comparison import ChangeKind, OutsideChange, RealmDifference

MANAGED_BY: Final = "moyai"
"""The value of the attribute `managed_by` on everything Moyai made."""

TENANT_ROLE_GROUPS: Final = tuple(str(role) for role in Role if role in TENANT_ROLES and role is not Role.TENANT_MEMBER)
"""One organization group per role, of the same name, carrying the role of client `moyai-api`.

`tenant-member` has no group: being a member of the organization is the member's role.
"""

SERVICE_SCOPES: Final = tuple(sorted(TENANT_SCOPES))
"""What a service client of a municipality may be allowed to ask of Moyai's own API."""

FORMER_SCOPES: Final = frozenset({"moyai:usage.write", "moyai:authorize"})
"""What versions before 0.3 gave to clients; it allowed nothing. Keycloak may keep it: no difference, and no use."""

OPERATOR_SERVICE_SCOPES: Final = tuple(sorted(OPERATOR_SCOPES))
"""What a service client of the operator's may be allowed to ask of Moyai's own API."""


CONSOLE_CLIENT: Final = "moyai-console"
"""The client of both realms that people sign in with, by its key; its one redirect address is `/login/callback`."""

COMMAND_LINE_CLIENT: Final = "moyai-cli"
"""The public client of both realms that `moyai login` uses: the device grant (RFC 8628) with PKCE, and nothing else."""

PERSON_CLIENTS: Final = frozenset({CONSOLE_CLIENT, COMMAND_LINE_CLIENT})
"""The clients whose access tokens stand for a person."""


PASSWORD_ACR: Final = "aal1"  # noqa: S105 - a level of authentication
SECOND_FACTOR_ACR: Final = "aal2"
"""What a token says of its login (`acr`): with a password alone, or with a second factor, too (NIST SP 800-63B)."""


class Realm(StrEnum):
    """The two realms; each person and client lives in exactly one."""

    TENANTS = "moyai"
    OPERATORS = "moyai-operators"


class EnsureOutcome(StrEnum):
    """What an `ensure_…` did. Something found after a conflict or a lost answer counts as kept: it was there."""

    CREATED = "created"
    CHANGED = "changed"
    KEPT = "kept"


# ---- intents: what Moyai wants ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OrganizationIntent:
    """One tenant as an organization. `code` and `name` may change, the alias never does."""

    tenant_id: UUID
    code: str
    name: str
    enabled: bool = True

    @property
    def alias(self) -> str:
        return organization_alias(self.tenant_id)

    @property
    def title(self) -> str:
        """The organization's name in Keycloak, where names are unique: 府中市 is in Tokyo and in Hiroshima."""
        return f"{self.name} ({self.code})"


@dataclass(frozen=True, slots=True)
class PersonIntent:
    """A person of one tenant. `roles` are names of `TENANT_ROLE_GROUPS`; empty for a plain member.

    Of an account that several tenants share, `account_id` is the username, `made_for` the tenant it was made for, and
    `is_owner_somewhere` whether the person is an owner in one of them; name, address and `enabled` are the account's.
    """

    person_id: UUID
    tenant_id: UUID
    email: str
    family_name: str
    given_name: str
    roles: frozenset[str] = frozenset()
    enabled: bool = True
    account_id: UUID | None = None
    made_for: UUID | None = None
    is_owner_somewhere: bool | None = None

    @property
    def username(self) -> str:
        return str(self.account_id or self.person_id)

    @property
    def account_tenant_id(self) -> UUID:
        """The tenant that the account was made for, which its attribute names."""
        return self.made_for or self.tenant_id

    @property
    def needs_second_factor(self) -> bool:
        """Whether the person signs in with a second factor only, where the installation requires one."""
        return Role.TENANT_OWNER in self.roles or bool(self.is_owner_somewhere)


@dataclass(frozen=True, slots=True)
class OperatorIntent:
    """A person of the operator, with roles out of `governance.permissions.OPERATOR_ROLES`."""

    person_id: UUID
    email: str
    family_name: str
    given_name: str
    roles: frozenset[str]
    enabled: bool = True

    @property
    def username(self) -> str:
        return str(self.person_id)


@dataclass(frozen=True, slots=True)
class ServiceClientIntent:
    """A system of one tenant that signs in with its own key; `jwks` is the public key set as JSON text.

    With a `secret_number` it is the client beside it that signs in with that secret; `jwks` is empty then.
    """

    service_client_id: UUID
    tenant_id: UUID
    name: str
    jwks: str
    scopes: frozenset[str]
    enabled: bool = True
    secret_number: int | None = None

    @property
    def client_id(self) -> str:
        return service_client_name(self.tenant_id, self.service_client_id, self.secret_number)


class IdentityProviderKind(LabelledEnum):
    """The protocol of a tenant's own identity provider."""

    OIDC = "oidc", "OpenID Connect", "OpenID Connect"
    SAML = "saml", "SAML 2.0", "SAML 2.0"


@dataclass(frozen=True, slots=True)
class IdentityProviderIntent:
    """The identity provider of one tenant's own.

    `settings` are Keycloak's for its kind, without a secret; `secret` is written and never read back. `claim` names
    what holds the e-mail address by which people are linked.
    """

    tenant_id: UUID
    kind: IdentityProviderKind
    name: str
    settings: Mapping[str, str]
    claim: str
    enabled: bool
    secret: str | None = field(default=None, repr=False)

    @property
    def alias(self) -> str:
        return identity_provider_alias(self.tenant_id)


# ---- facts: what was found ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OrganizationFacts:
    """An organization as found. `id` is Keycloak's; `tenant_id` and `code` are as written in its attributes."""

    id: str
    alias: str
    title: str
    enabled: bool
    tenant_id: str | None
    code: str | None
    managed_by: str | None


@dataclass(frozen=True, slots=True)
class RoleGroupFacts:
    """An organization group with the roles of client `moyai-api` it carries.

    `other_roles` are roles of the realm or of another client, as `client:role`; there should be none.
    """

    id: str
    name: str
    roles: frozenset[str]
    other_roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """A person as found; `groups` is None where the group memberships were not read."""

    id: str
    username: str
    email: str | None
    family_name: str | None
    given_name: str | None
    enabled: bool
    tenant_id: str | None
    managed_by: str | None
    groups: frozenset[str] | None = None
    needs_second_factor: bool | None = None
    """None of whom an earlier version made: Keycloak then asks for one."""


@dataclass(frozen=True, slots=True)
class OperatorFacts:
    """A person of the operator as found, with the roles of client `moyai-api` mapped to that person."""

    id: str
    username: str
    email: str | None
    family_name: str | None
    given_name: str | None
    enabled: bool
    managed_by: str | None
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class ServiceClientFacts:
    """A service client as found. `tenant_claim` is the tenant its tokens name."""

    id: str
    client_id: str
    name: str | None
    enabled: bool
    jwks: str | None
    scopes: frozenset[str]
    tenant_id: str | None
    tenant_claim: str | None
    managed_by: str | None
    key_login_only: bool
    full_scope: bool
    secret_login_only: bool = False


@dataclass(frozen=True, slots=True)
class IdentityProviderFacts:
    """An identity provider as found. `organization` is Keycloak's id of the one it is linked to.

    `flows` are what it names for a person without and with a link; `template` is what people are linked by.
    """

    alias: str
    kind: str
    name: str | None
    enabled: bool
    settings: Mapping[str, str]
    tenant_id: str | None
    managed_by: str | None
    organization: str | None
    hidden: bool
    flows: tuple[str | None, str | None]
    template: str | None = None


@dataclass(frozen=True, slots=True)
class KeycloakTenantFacts:
    """All that the identity server holds of one tenant, from one reading."""

    organization: OrganizationFacts | None
    role_groups: tuple[RoleGroupFacts, ...] = ()
    people: tuple[PersonFacts, ...] = ()
    service_clients: tuple[ServiceClientFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class AllTenantsFacts:
    """What the identity server holds of many tenants, from listings that they share.

    `organizations` and `service_clients` are all there are, of whomever; `tenants` has each tenant that was asked for.
    """

    organizations: tuple[OrganizationFacts, ...]
    service_clients: tuple[ServiceClientFacts, ...]
    tenants: Mapping[UUID, KeycloakTenantFacts]


@dataclass(frozen=True, slots=True)
class AdminChange:
    """An event of Keycloak's administration that none of Moyai's own accounts caused.

    `path` is the object's address below the realm, `written` what was written (the server's representation; empty where
    it recorded none), `username` the person concerned where the event names one. `operation` is in `change`.
    """

    realm: Realm
    resource_type: str
    path: str
    written: Mapping[str, Any]
    username: str | None
    change: OutsideChange

    @property
    def operation(self) -> ChangeKind:
        return self.change.operation


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """What an access token of a person says of itself: for which client, to which user and in which session.

    `user` and `token_id` are Keycloak's (`sub` and `jti`), `issued_at` is Unix time in seconds (`iat`).
    """

    client: str
    user: str
    sid: str
    token_id: str
    issued_at: int


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A session that Keycloak keeps of a user: where it began and when, when it was used last, for which clients.

    `sid` is its id, as tokens name it; `address` is the network address of the browser or program, where it is known.
    """

    sid: str
    address: str | None
    began_at: datetime
    last_used_at: datetime
    clients: frozenset[str]


class FactorKind(LabelledEnum):
    """A second factor, as Keycloak names its kind."""

    APP = "otp", "認証アプリ", "authenticator app"
    PASSKEY = "webauthn", "パスキー", "passkey"
    RECOVERY_CODES = "recovery-authn-codes", "回復コード", "recovery codes"


@dataclass(frozen=True, slots=True)
class FactorFacts:
    """A second factor of a user: `label` is what the person called it, `added_at` when it was set up."""

    id: str
    kind: FactorKind
    label: str | None
    added_at: datetime | None


@dataclass(frozen=True, slots=True)
class Privilege:
    """A right to administer the identity server that somebody or something in a realm holds."""

    realm: Realm
    holder: str
    holder_kind: str
    role: str


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """Whether Keycloak answers our own account now."""

    ready: bool


Found_co = TypeVar("Found_co", covariant=True)


@dataclass(frozen=True, slots=True)
class EnsureResult(Generic[Found_co]):
    """What one `ensure_…` did and what is there now; `changes` names the declared fields that were written."""

    outcome: EnsureOutcome
    found: Found_co
    changes: tuple[str, ...] = ()


# ---- the port -------------------------------------------------------------------------------------------------------


class Identities(Protocol):
    """People, clients and organizations in Keycloak. Every method may raise:

    `DependencyUnavailable` (no answer, or the server is overloaded: ask again later),
    `Conflict` (something of that
    name is there and is not ours), `Invalid` (a value Keycloak cannot hold; refused before any call).
    Safe to call from several threads. All times are the server's; nothing here sends a password. A `person_id` is the
    username, which of an account that several tenants share is the first one's.
    How many calls were made, `tenancy.keycloak.calls` tells.
    """

    # -- looking

    def describe_server(self) -> ServerFacts:
        """Never raises `DependencyUnavailable`: an absent server is not ready."""

    def describe_tenant(
        self, tenant_id: UUID, *, holders_of: Collection[str] = TENANT_ROLE_GROUPS
    ) -> KeycloakTenantFacts:
        """Everything of one tenant: 4 calls, and one more for each role of `holders_of` (who is in that role's group).

        `PersonFacts.groups` tells of the roles in `holders_of` only. With none of the tenant there: 2 calls.
        """

    def describe_tenants(self, tenant_ids: Sequence[UUID]) -> AllTenantsFacts:
        """Everything of these tenants, and which organizations and service clients there are at all.

        Organizations and clients are listed once for all tenants. Then 2 calls a tenant, and 5 more (who is in which
        role group) for one of which this process has not read that, or of which Keycloak's administrators' events say
        that it may have changed since.
        """

    def find_outside_changes(self, since: datetime) -> tuple[AdminChange, ...]:
        """What was changed in both realms since then by none of Moyai's own accounts, the newest first."""

    def find_identity_providers(self) -> tuple[IdentityProviderFacts, ...]:
        """Every identity provider of the municipalities' realm, ours or not: 1 call, and 1 for each."""

    def has_session(self, realm: Realm, user: str, sid: str) -> bool:
        """Whether the user with this id of Keycloak's has this session now; False for an unknown user. 1 call."""

    def find_sessions(self, realm: Realm, user: str) -> tuple[SessionFacts, ...]:
        """The sessions of the user with this id of Keycloak's; none for an unknown user. 1 call."""

    def find_second_factors(self, realm: Realm, user: str) -> tuple[FactorFacts, ...]:
        """The second factors of the user with this id of Keycloak's; none for an unknown user. 1 call."""

    def was_issued(self, realm: Realm, token: IssuedToken) -> bool:
        """Whether Keycloak recorded that it issued this token to this user in this session, for this client. 1 call."""

    def find_outdated_sessions(self, realm: Realm, since: datetime) -> tuple[str, ...]:
        """Sessions (`sid`) that began before their person set the password of now, of those who did since then.

        Compared by the second, in which Keycloak keeps a session's beginning. 1 call, and 1 for each of the people.
        """

    def find_privileges(self) -> tuple[Privilege, ...]:
        """Who holds a management role in our realms, besides the backend's own accounts. There should be nobody."""

    def find_realm_differences(self, operators_clients: Sequence[ServiceClientIntent]) -> tuple[RealmDifference, ...]:
        """What of our realms' settings, sign-in, scopes, roles and clients is not as specified. Writes nothing.

        `operators_clients` are the operator's own systems. Some 40 calls a realm, whatever the number of tenants.
        """

    # -- ensuring

    def ensure_organization(self, intent: OrganizationIntent) -> EnsureResult[OrganizationFacts]:
        """The organization with its attributes, found by its attribute tenant_id, never by a search for its name."""

    def ensure_role_groups(self, tenant_id: UUID) -> EnsureResult[tuple[RoleGroupFacts, ...]]:
        """One group per tenant role with that role mapped; groups beside ours are left alone."""

    def ensure_people(
        self,
        tenant_id: UUID,
        people: Sequence[PersonIntent],
        *,
        withdraw_from: Collection[str] = (),
    ) -> tuple[EnsureResult[PersonFacts], ...]:
        """These people created, members of the organization and in the role groups they are meant to be in.

        Answers in the order given. People of the tenant that are not named stay as they are. Roles are only added, but
        whoever is in a group of `withdraw_from` without being meant to is taken out of it. A person disabled by this is
        logged out too. `PersonFacts.groups` tells of the roles in question: those meant for anybody named, and
        `withdraw_from`. When nothing differs: 1 call per role in question, and 1 more unless everybody holds one.
        """

    def ensure_each_person(
        self, tenant_id: UUID, people: Sequence[PersonIntent]
    ) -> tuple[EnsureResult[PersonFacts] | DomainError, ...]:
        """As `ensure_people`, each by themselves: in the place of a person whom Keycloak refuses stands the refusal.

        `DependencyUnavailable` is still raised: it is nobody's own.
        """

    def ensure_service_clients(
        self, tenant_id: UUID, intents: Sequence[ServiceClientIntent]
    ) -> tuple[EnsureResult[ServiceClientFacts], ...]:
        """These service clients, signing in by key only, with exactly these scopes. 1 call when nothing differs."""

    def ensure_identity_provider(self, intent: IdentityProviderIntent) -> EnsureResult[IdentityProviderFacts]:
        """The identity provider with its mapper, linked to the tenant's organization. Its secret is written each time.

        `Conflict` without the organization.
        """

    def ensure_linked(self, tenant_id: UUID, keycloak_id: str, name: str) -> None:
        """Let the tenant's identity provider speak for this user (by Keycloak's id), whom it calls `name`, and under
        no other name. Safe to repeat. `NotFound` without the user or the identity provider.
        """

    def remove_link(self, tenant_id: UUID, keycloak_id: str) -> None:
        """Let the tenant's identity provider speak for this user no more; absent is fine."""

    def ensure_operator(self, intent: OperatorIntent) -> EnsureResult[OperatorFacts]:
        """A person in the operators' realm with exactly these roles of client `moyai-api`."""

    # -- acting

    def send_password_mail(
        self, person_id: UUID, realm: Realm = Realm.TENANTS, *, invitation: Invitation | None = None
    ) -> None:
        """Have Keycloak send the mail in which the person sets a password (valid 24 hours).

        With an `invitation` the mail says what is in it, and its link ends at the sign-in of that tenant. Not
        idempotent: each call is one mail. `Conflict` when Keycloak has no working mail server, `NotFound` without the
        person.
        """

    def suspend_person(self, person_id: UUID, realm: Realm = Realm.TENANTS) -> None:
        """Disable and log out; both, because Keycloak keeps a disabled person's sessions listed. Safe to repeat."""

    def end_session(self, realm: Realm, sid: str) -> None:
        """End one session; each client of it with a back-channel address is told. One that is over stays so."""

    def release_address(self, person_id: UUID, realm: Realm = Realm.TENANTS) -> None:
        """Give the person an address that is nobody's (`released_address`), so that another may have theirs.

        Safe to repeat; absent is fine.
        """

    def delete_account(self, person_id: UUID, keycloak_id: str, realm: Realm = Realm.TENANTS) -> None:
        """Delete the user that Moyai made for this person under this id of Keycloak's: links mailed to it lead nowhere.

        For somebody who never signed in; whoever did is suspended instead. A later user of the person's is left. Safe
        to repeat. `Conflict` for a user that Moyai did not make.
        """

    def log_out(self, person_id: UUID, realm: Realm = Realm.TENANTS) -> None:
        """End every session of the person; each client with a back-channel address is told. Safe to repeat."""

    def reset_second_factor(self, person_id: UUID, realm: Realm = Realm.TENANTS) -> int:
        """Remove every second factor of the person, have a new one set up at the next sign-in, and log out.

        Returns how many were removed. Safe to repeat. `NotFound` without the person.
        """

    # -- withdrawing, for compensation and for tenants that leave

    def remove_person(self, tenant_id: UUID, person_id: UUID) -> None:
        """Disable, log out and take out of the organization. The user stays, disabled, for the record."""

    def leave_organization(self, tenant_id: UUID, username: UUID) -> None:
        """Take the user out of the tenant's organization and its groups; the account stays as it is. Safe to repeat.

        `Conflict` for a user that Moyai did not make.
        """

    def remove_service_client(self, tenant_id: UUID, service_client_id: UUID, secret_number: int | None = None) -> None:
        """Delete a client that Moyai made for this tenant, or the one of a secret of it; absent is fine."""

    def remove_identity_provider(self, tenant_id: UUID) -> None:
        """Delete the identity provider that Moyai made for this tenant, and every link to it; absent is fine."""

    def remove_organization(self, tenant_id: UUID) -> None:
        """Delete the tenant's organization and its groups. `Conflict` while members are left; absent is fine."""


def released_address(person_id: UUID) -> str:
    """The address of a person whose own was released: unique, and of a domain that never is (RFC 2606)."""
    return f"{person_id}@released.invalid"


FIRST_SIGN_IN = "/login/first/"
"""Where the console begins the sign-in of a person who has just set a password: followed by the tenant's id."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the mail with the link to a password tells its addressee, each at most `MAX_MAIL_FACT` characters.

    `organization` is the body's name, `invited_by` who registered the person, `contact` whom to ask.
    """

    tenant_id: UUID
    organization: str
    invited_by: str
    contact: str


MAX_MAIL_FACT = 255
"""Characters of an attribute of a user (Keycloak stores no longer one where it is searched for)."""


def organization_alias(tenant_id: UUID) -> str:
    """`t-` and the last 8 hex digits of the tenant's id. The last, because the first of a UUIDv7 are the clock."""
    return f"t-{tenant_id.hex[-8:]}"


def identity_provider_alias(tenant_id: UUID) -> str:
    """The alias of the tenant's own identity provider, by which a token says who vouched for the person."""
    return f"idp-{tenant_id.hex[-8:]}"


def redirect_address(keycloak_url: str, tenant_id: UUID) -> str:
    """Where the tenant's own identity provider sends people back to; it must know this address."""
    return f"{keycloak_url}/realms/{Realm.TENANTS}/broker/{identity_provider_alias(tenant_id)}/endpoint"


IDENTITY_PROVIDER_CLAIM: Final = "identity_provider"
"""The claim of an access token that names the identity provider the person came from; absent after a password."""


SERVICE_CLIENT_PREFIX: Final = "svc-"
"""How the id of each service client of a tenant begins."""


def service_client_prefix(tenant_id: UUID) -> str:
    """What the client_id of every service client of this tenant begins with: clients can be listed by name only."""
    return f"{SERVICE_CLIENT_PREFIX}{tenant_id.hex[-8:]}-"


def service_client_name(tenant_id: UUID, service_client_id: UUID, secret_number: int | None = None) -> str:
    """The client_id of a service client, and of each of its secrets: these have one of their own."""
    name = f"{service_client_prefix(tenant_id)}{service_client_id}"
    return name if secret_number is None else f"{name}-s{secret_number}"


class NamedClient(NamedTuple):
    """What the client_id of a service client names."""

    service_client_id: UUID
    secret_number: int | None


_CLIENT_NAME: Final = re.compile(
    rf"{SERVICE_CLIENT_PREFIX}[0-9a-f]{{8}}-([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})(?:-s([1-9][0-9]{{0,5}}))?"
)


def parse_service_client_name(name: str) -> NamedClient | None:
    """The parts of a client_id; None for what is none. Whose it is, `service_client_name` has to say."""
    found = _CLIENT_NAME.fullmatch(name)
    return None if found is None else NamedClient(UUID(found[1]), None if found[2] is None else int(found[2]))
