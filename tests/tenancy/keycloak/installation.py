"""One installation as the tests see it, and the tenants and people they make up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from uuid import UUID

from admin.operations.keycloak_setup import mail_server
from admin.operations.mail.server import LocalMailBox, local_mail_box
from admin.operations.settings import Settings
from governance.kernel.ids import new_id
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.configure import ConfigurationResult, configure
from tenancy.keycloak.connection import KeyCredential, RealmConnection, SecretCredential
from tenancy.keycloak.keys import BackendKeys, SigningKey, load_or_create_keys
from tenancy.keycloak.port import OrganizationIntent, PersonIntent, Realm, ServiceClientIntent
from tenancy.keycloak.specification import DeploymentConfig, RealmSpecification, realms
from tests.ports import find_free_port
from tests.servers import Keycloak

PUBLIC_URL = "http://localhost:8700"
SENDER = "moyai@moyai.example"
"""What `sender_address` makes of that address."""
ACCOUNT_KEYS = {"moyai-people": "people", "moyai-clients": "clients", "moyai-reconciler": "reconciler"}


class Installation:
    """A Keycloak, the keys of its accounts in `home`, and its administrator for looking behind the scenes.

    Its mail goes to `mail_box` of this machine, where nobody listens unless a test does.
    """

    def __init__(self, server: Keycloak, home: Path) -> None:
        self.server = server
        self.home = home
        self.requires_second_factor = False
        mail_port = find_free_port()
        self._home = {"MOYAI_HOME": str(home), "MOYAI_PORT": str(mail_port - 4)}
        self.mail_box = _mail_box(self._home)
        self.keys: BackendKeys = load_or_create_keys(home / "keys")
        self.administrator = SecretCredential(server.administrator_client_id, server.administrator_client_secret)

    def configure(self, *, check: bool = False) -> ConfigurationResult:
        return configure(self.server.url, self.administrator, self.specified(()), check=check)

    def specified(self, operators_clients: Sequence[ServiceClientIntent]) -> tuple[RealmSpecification, ...]:
        """The realms as this installation wants them."""
        smtp = mail_server(None, SENDER, self.mail_box)
        deployment_config = DeploymentConfig(
            PUBLIC_URL,
            self.keys.jwks,
            smtp,
            requires_second_factor=self.requires_second_factor,
            is_example=True,
        )
        return realms(deployment_config, operators_clients)

    def identities(self, through: str | None = None) -> KeycloakIdentities:
        return KeycloakIdentities(
            through or self.server.url,
            self.keys,
            public_url=PUBLIC_URL,
            specified=self.specified,
            issued_by=self.server.url,
        )

    def as_administrator(self, realm: Realm = Realm.TENANTS) -> RealmConnection:
        """The bootstrap administrator: what a person does by hand in Keycloak."""
        return RealmConnection(self.server.url, realm, self.administrator, home_realm="master")

    def as_account(self, client_id: str, realm: Realm = Realm.TENANTS) -> RealmConnection:
        """One of the backend's own accounts, bare."""
        credential = KeyCredential(client_id, getattr(self.keys, ACCOUNT_KEYS[client_id]))
        return RealmConnection(self.server.url, realm, credential)

    def environment(self) -> dict[str, str]:
        """The variables with which the command line finds this installation."""
        return {
            # The worker's mail server listens four ports above the web.
            **self._home,
            # So that people sign in without a second factor, but where a test requires one.
            "MOYAI_EXAMPLE": "1",
            "MOYAI_SECOND_FACTOR": str(int(self.requires_second_factor)),
            "MOYAI_PUBLIC_URL": PUBLIC_URL,
            "KEYCLOAK_URL": self.server.url,
            "MOYAI_KEYCLOAK_CLIENT_ID": self.server.administrator_client_id,
            "MOYAI_KEYCLOAK_CLIENT_SECRET": self.server.administrator_client_secret,
        }


def _mail_box(home: dict[str, str]) -> LocalMailBox:
    box = local_mail_box(Settings.from_environment(home))
    assert box is not None
    return box


@dataclass(frozen=True)
class Municipality:
    """A made-up tenant and makers of its people and systems."""

    code: str
    tenant_id: UUID = field(default_factory=new_id)

    @cached_property
    def organization(self) -> OrganizationIntent:
        return OrganizationIntent(self.tenant_id, self.code, "美里町")

    def person(self, *roles: str, email: str | None = None, enabled: bool = True) -> PersonIntent:
        person_id = new_id()
        return PersonIntent(
            person_id=person_id,
            tenant_id=self.tenant_id,
            email=email or f"{person_id.hex[-10:]}@{self.code}.example.jp",
            family_name="美里",
            given_name="花子",
            roles=frozenset(roles),
            enabled=enabled,
        )

    def service_client(self, *scopes: str) -> ServiceClientIntent:
        return ServiceClientIntent(
            service_client_id=new_id(),
            tenant_id=self.tenant_id,
            name="図書館システム",
            jwks=SigningKey.generate().public_jwks,
            scopes=frozenset(scopes or ("moyai:usage.read",)),
        )

    def onboard(self, identities: KeycloakIdentities) -> None:
        """Organization and role groups."""
        identities.ensure_organization(self.organization)
        identities.ensure_role_groups(self.tenant_id)
