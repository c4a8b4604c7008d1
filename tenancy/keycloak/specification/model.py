"""What a realm's specification consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tenancy.keycloak.port import Realm

Json = dict[str, Any]
Requirement = Literal["REQUIRED", "ALTERNATIVE", "CONDITIONAL", "DISABLED"]

REALM_MANAGEMENT = "realm-management"
"""Keycloak's own client whose roles administer a realm."""


@dataclass(frozen=True, slots=True)
class DeploymentConfig:
    """What differs from one installation to the next.

    `public_url` is what browsers see. `jwks` holds the public key set of each account (people, clients, reconciler,
    console). `smtp` is Keycloak's own `smtpServer`, empty where no mail server is set. `delivers_mail` says whether
    that server delivers: a link to reset a password is offered only where it reaches its addressee.
    `requires_second_factor` says whether operators and owners sign in with a second factor only, `is_example` whether
    Keycloak's pages say that no decision here is real, `is_training` whether they say that it is for practice.
    `idle_seconds` and `longest_seconds` are how long a login lasts without use, and at most.
    """

    public_url: str
    jwks: Mapping[str, str]
    smtp: Mapping[str, str] = field(default_factory=dict)
    delivers_mail: bool = False
    requires_second_factor: bool = True
    is_example: bool = False
    is_training: bool = False
    idle_seconds: int = 1800
    longest_seconds: int = 36000


@dataclass(frozen=True, slots=True)
class Execution:
    """One step of a flow, or a group of steps (then `steps` is not empty and `provider` is its title)."""

    provider: str
    requirement: Requirement
    steps: tuple[Execution, ...] = ()
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Flow:
    """An authentication flow. `binding` is the realm setting that names it, `built_in` Keycloak's own in its place.

    A flow without a binding is named by identity providers and has nothing in its place.
    """

    alias: str
    binding: Literal["browserFlow", "resetCredentialsFlow", "firstBrokerLoginFlow"] | None
    built_in: str
    description: str
    steps: tuple[Execution, ...]


@dataclass(frozen=True, slots=True)
class ClientScope:
    """A client scope with its mappers; `roles` are the roles of other clients that it lets into a token."""

    name: str
    settings: Json
    mappers: tuple[Json, ...] = ()
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClientSpecification:
    """A client. `roles` are its own; `management_roles` are what its service account may do in this realm.

    `default_scopes` None leaves the scopes as they are: Keycloak's own clients. `former_scopes` are default scopes that
    an earlier version gave the client and that are taken from it again. One that is `only_if_present` is brought in
    line where it is there, and not made where it is missing.
    """

    client_id: str
    settings: Json
    default_scopes: frozenset[str] | None = None
    optional_scopes: frozenset[str] = frozenset()
    former_scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    management_roles: frozenset[str] = frozenset()
    only_if_present: bool = False


@dataclass(frozen=True, slots=True)
class RealmSpecification:
    """One realm: settings, what is known of people, how they sign in, scopes, clients."""

    realm: Realm
    settings: Json
    user_profile: tuple[Json, ...]
    flows: tuple[Flow, ...]
    client_scopes: tuple[ClientScope, ...]
    clients: tuple[ClientSpecification, ...]
