"""The addresses of the two realms. They are configured, not discovered, so the issuer cannot be replaced."""

from __future__ import annotations

from dataclasses import dataclass

from tenancy.keycloak.port import Realm


@dataclass(frozen=True, slots=True)
class RealmEndpoints:
    """The OpenID Connect addresses of one realm below `keycloak_url`."""

    realm: Realm
    keycloak_url: str

    @property
    def issuer(self) -> str:
        return f"{self.keycloak_url}/realms/{self.realm.value}"

    @property
    def authorize(self) -> str:
        return f"{self.issuer}/protocol/openid-connect/auth"

    @property
    def token(self) -> str:
        return f"{self.issuer}/protocol/openid-connect/token"

    @property
    def device_authorization(self) -> str:
        return f"{self.issuer}/protocol/openid-connect/auth/device"

    @property
    def keys(self) -> str:
        return f"{self.issuer}/protocol/openid-connect/certs"

    @property
    def end_session(self) -> str:
        return f"{self.issuer}/protocol/openid-connect/logout"


def realm_endpoints(keycloak_url: str) -> dict[Realm, RealmEndpoints]:
    """Both realms' addresses."""
    return {realm: RealmEndpoints(realm, keycloak_url) for realm in Realm}
