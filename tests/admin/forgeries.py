"""Forged and misdirected access tokens: each has one thing wrong, and is otherwise a real person's or system's."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from governance.kernel import clock
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy.keycloak.port import (
    IDENTITY_PROVIDER_CLAIM,
    Realm,
    identity_provider_alias,
    organization_alias,
    service_client_name,
)
from tests.admin.issuer import KEYS, Issuer

UNISSUED: Final = "not issued"
"""How the number of a token begins of which Keycloak has no record."""

ELSEWHERE: Final = "a service client from a network that is not its own"

STRANGERS_KEY: Final = RSAKey.generate_key(2048)


@dataclass(frozen=True)
class Whose:
    """Whose tokens are forged: people and systems, each with rows here that are in force unless the name says not."""

    tenant_id: UUID
    owner: str
    colleague: str
    suspended_person: str
    resumed_person: str
    client: UUID
    suspended_client: UUID
    ended_client: UUID
    limited_client: UUID
    other_tenant_id: UUID
    other_owner: str
    other_client: UUID
    suspended_tenant_id: UUID
    person_of_suspended: str
    client_of_suspended: UUID
    operator_tenant: UUID
    operators_person: str
    operators_client: UUID
    limited_tenant_id: UUID
    person_of_limited: str

    def claims(self) -> dict[str, Any]:
        """What a token of the owner says about a person."""
        return {"sub": self.owner, "sid": self.owner, "organization": named(self.tenant_id)}

    def claims_of_operator(self) -> dict[str, Any]:
        """What a token of the operator's person says about a person."""
        roles = {"moyai-api": {"roles": [Role.OPERATOR_SECURITY.value]}}
        return {
            "sub": self.operators_person,
            "sid": self.operators_person,
            "organization": None,
            "resource_access": roles,
        }


Forge = Callable[[Issuer, Whose], str]


def named(tenant_id: UUID, alias_of: UUID | None = None) -> dict[str, Any]:
    """The organization claim of a tenant, with another one's alias where that is given."""
    return {organization_alias(alias_of or tenant_id): {"tenant_id": [str(tenant_id)]}}


def now() -> int:
    return int(clock.now().timestamp())


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _unsigned(algorithm: str) -> Forge:
    return lambda issuer, whose: (
        f"{_encoded({'alg': algorithm, 'kid': KEYS[Realm.TENANTS].kid})}.{_encoded(issuer.claims())}."
    )


def _signed_with_the_public_key(issuer: Issuer, whose: Whose) -> str:
    key = KEYS[Realm.TENANTS]
    signed = f"{_encoded({'alg': 'HS256', 'kid': key.kid})}.{_encoded(issuer.claims())}"
    signature = hmac.digest(key.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _signed_with_our_key_as(algorithm: str) -> Forge:
    key = RSAKey.import_key(KEYS[Realm.TENANTS].as_pem(private=True))
    header = {"alg": algorithm, "kid": KEYS[Realm.TENANTS].kid}
    return lambda issuer, whose: jwt.encode(header, issuer.claims(), key, algorithms=[algorithm])


def _signed_by_somebody(key: RSAKey | ECKey | OKPKey | OctKey, algorithm: str = "RS256", **header: object) -> Forge:
    head = {"alg": algorithm, "kid": KEYS[Realm.TENANTS].kid, **header}
    return lambda issuer, whose: jwt.encode(head, issuer.claims(), key, algorithms=[algorithm])


def _without_kid(issuer: Issuer, whose: Whose) -> str:
    return jwt.encode({"alg": "RS256"}, issuer.claims(), RSAKey.import_key(KEYS[Realm.TENANTS].as_pem(private=True)))


def _changed(part: int) -> Forge:
    def forge(issuer: Issuer, whose: Whose) -> str:
        parts = issuer.sign(issuer.claims()).split(".")
        middle = len(parts[part]) // 2
        letter = "A" if parts[part][middle] != "A" else "B"
        parts[part] = parts[part][:middle] + letter + parts[part][middle + 1 :]
        return ".".join(parts)

    return forge


def _claims_of_another(issuer: Issuer, whose: Whose) -> str:
    """The head and the signature of one token around the claims of another."""
    head, _, signature = issuer.sign(issuer.claims()).split(".")
    return f"{head}.{issuer.sign(issuer.claims(sub=whose.colleague, sid=whose.colleague)).split('.')[1]}.{signature}"


def _with(**claims: Any) -> Forge:
    """A token with these claims; one that is a function is called when the token is made, `None` leaves one out."""
    return lambda issuer, whose: issuer.sign(
        issuer.claims(**{name: value() if callable(value) else value for name, value in claims.items()})
    )


def _cut(change: Callable[[str], str]) -> Forge:
    return lambda issuer, whose: change(issuer.sign(issuer.claims()))


def _of(claims: Callable[[Whose], dict[str, Any]], realm: Realm = Realm.TENANTS) -> Forge:
    return lambda issuer, whose: issuer.sign(issuer.claims(realm, **claims(whose)), realm)


def _of_client(client: Callable[[Whose], tuple[UUID, UUID]], realm: Realm = Realm.TENANTS) -> Forge:
    return lambda issuer, whose: issuer.token_of_client(*client(whose), "moyai:usage.read", realm=realm)


def _of_secret(number: int) -> Forge:
    """A token that was got with this secret of the client; the second one is in force."""
    return lambda issuer, whose: issuer.token_of_secret(whose.tenant_id, whose.client, number, "moyai:usage.read")


FORGERIES: Final[dict[str, Forge]] = {
    # The algorithm.
    "no signature": _unsigned("none"),
    "no signature, in capitals": _unsigned("NONE"),
    "HS256 with the public key": _signed_with_the_public_key,
    "RS384": _signed_with_our_key_as("RS384"),
    "RS512": _signed_with_our_key_as("RS512"),
    "PS256": _signed_with_our_key_as("PS256"),
    "PS512": _signed_with_our_key_as("PS512"),
    "ES256 with a key of somebody's": _signed_by_somebody(ECKey.generate_key("P-256"), "ES256"),
    "HS512 as Keycloak signs refresh tokens": _signed_by_somebody(OctKey.generate_key(512), "HS512", typ="JWT"),
    # The key.
    "another key under our kid": _signed_by_somebody(STRANGERS_KEY),
    "a key named by address": _signed_by_somebody(STRANGERS_KEY, jku="https://evil.example/keys"),
    "a key of its own in the head": _signed_by_somebody(STRANGERS_KEY, jwk=STRANGERS_KEY.as_dict(private=False)),
    "a kid we do not know": lambda issuer, whose: issuer.sign(issuer.claims(), kid="unknown"),
    "a kid that is a path": lambda issuer, whose: issuer.sign(issuer.claims(), kid="../../dev/null"),
    "no kid": _without_kid,
    "the other realm's key": lambda issuer, whose: issuer.sign(
        issuer.claims(), Realm.OPERATORS, kid=KEYS[Realm.TENANTS].kid
    ),
    "the other realm's key under its own kid": lambda issuer, whose: issuer.sign(issuer.claims(), Realm.OPERATORS),
    # The text.
    "a header changed": _changed(0),
    "claims changed": _changed(1),
    "signature changed": _changed(2),
    "claims of another token": _claims_of_another,
    "signature cut": _cut(lambda token: token[:-4]),
    "no signature after the point": _cut(lambda token: token.rpartition(".")[0] + "."),
    "one part": _cut(lambda token: token.partition(".")[0]),
    "two parts": _cut(lambda token: token.rpartition(".")[0]),
    "four parts": _cut(lambda token: token + ".x"),
    "not base64": lambda issuer, whose: "é.é.é",
    "a list": lambda issuer, whose: f"{_encoded([])}.{_encoded([])}.{_encoded([])}",
    "over the size": _with(filler="x" * 8_192),
    "empty": lambda issuer, whose: "",
    # Who issued it.
    "another issuer": _with(iss="https://evil.example/realms/moyai"),
    "no issuer": _with(iss=None),
    "an issuer with a tail": lambda issuer, whose: issuer.sign(issuer.claims(iss=issuer.name(Realm.TENANTS) + "/")),
    "an issuer in capitals": lambda issuer, whose: issuer.sign(issuer.claims(iss=issuer.name(Realm.TENANTS).upper())),
    "an issuer in a list": lambda issuer, whose: issuer.sign(issuer.claims(iss=[issuer.name(Realm.TENANTS)])),
    "the other realm's issuer": lambda issuer, whose: issuer.sign(issuer.claims(iss=issuer.name(Realm.OPERATORS))),
    "the realm of administrators": lambda issuer, whose: issuer.sign(
        issuer.claims(iss=issuer.name(Realm.TENANTS).replace(Realm.TENANTS.value, "master"))
    ),
    # For whom.
    "another audience": _with(aud="account"),
    "several other audiences": _with(aud=["account", "moyai-console"]),
    "an audience that begins as ours": _with(aud="moyai-api-test"),
    "an audience that is an object": _with(aud={"moyai-api": True}),
    "no audience": _with(aud=None),
    # What kind.
    "an ID token": _with(typ="ID"),
    "an ID token as Keycloak makes it": _with(typ="ID", aud="moyai-console", nonce="n"),
    "a refresh token": _with(typ="Refresh"),
    "a refresh token as Keycloak makes it": lambda issuer, whose: issuer.sign(
        issuer.claims(typ="Refresh", aud=issuer.name(Realm.TENANTS))
    ),
    "an offline token": _with(typ="Offline"),
    "a logout token": _with(typ="Logout"),
    "a kind in small letters": _with(typ="bearer"),
    "no kind": _with(typ=None),
    # When.
    "expired six seconds ago": _with(exp=lambda: now() - 6),
    "no end": _with(exp=None),
    "an end that is a text": _with(exp=lambda: str(now() + 60)),
    "an end that is a list": _with(exp=lambda: [now() + 60]),
    "valid in seven seconds": _with(nbf=lambda: now() + 7),
    "a beginning that is a text": _with(nbf="0"),
    "issued in the future": _with(iat=lambda: now() + 60),
    "issued at a text": _with(iat="0"),
    "issued at no time": _with(iat=None),
    # For which client.
    "another client": _with(azp="account-console"),
    "no client": _with(azp=None),
    "the API itself as the client": _with(azp="moyai-api"),
    "the account that writes people": _with(azp="moyai-people"),
    "the account that writes clients": _with(azp="moyai-clients"),
    "a client in a list": _with(azp=["moyai-console"]),
    # Whose, and in which session.
    "nobody's": _with(sub=None),
    "nobody's with a name": _with(sub=""),
    "somebody whom nobody knows": _with(sub=lambda: str(new_id())),
    "a session that nobody opened": _with(sid=lambda: str(new_id())),
    "the session of a colleague": _of(lambda whose: {"sid": whose.colleague}),
    "no session": _with(sid=None),
    "a session that is a list": _with(sid=["a"]),
    "a token that Keycloak has no record of": _with(jti=lambda: f"{UNISSUED} {new_id()}"),
    "no number": _with(jti=None),
    "a person who is suspended": _of(lambda whose: dict.fromkeys(("sub", "sid"), whose.suspended_person)),
    "a token from before its person was suspended, who is back": _of(
        lambda whose: {**dict.fromkeys(("sub", "sid"), whose.resumed_person), "iat": now() - 60}
    ),
    # Of which tenant.
    "a person without a tenant": _with(organization={}),
    "no tenant at all": _with(organization=None),
    "tenants in a list": _of(lambda whose: {"organization": list(named(whose.tenant_id))}),
    "a tenant by alias alone": _of(lambda whose: {"organization": {organization_alias(whose.tenant_id): {}}}),
    "another tenant": _of(lambda whose: {"organization": named(whose.other_tenant_id)}),
    "another tenant under our alias": _of(
        lambda whose: {"organization": named(whose.other_tenant_id, alias_of=whose.tenant_id)}
    ),
    "our tenant under another alias": _of(
        lambda whose: {"organization": named(whose.tenant_id, alias_of=whose.other_tenant_id)}
    ),
    "two tenants": _of(lambda whose: {"organization": named(whose.tenant_id) | named(whose.other_tenant_id)}),
    "a tenant with two ids": _of(
        lambda whose: {
            "organization": {
                organization_alias(whose.tenant_id): {"tenant_id": [str(whose.tenant_id), str(whose.other_tenant_id)]}
            }
        }
    ),
    "another tenant's person in ours": _of(lambda whose: dict.fromkeys(("sub", "sid"), whose.other_owner)),
    "a suspended tenant": _of(
        lambda whose: {
            **dict.fromkeys(("sub", "sid"), whose.person_of_suspended),
            "organization": named(whose.suspended_tenant_id),
        }
    ),
    "a person whom another tenant's identity provider vouches for": _of(
        lambda whose: {IDENTITY_PROVIDER_CLAIM: identity_provider_alias(whose.other_tenant_id)}
    ),
    "a person from a network that is not the tenant's": _of(
        lambda whose: {
            **dict.fromkeys(("sub", "sid"), whose.person_of_limited),
            "organization": named(whose.limited_tenant_id),
        }
    ),
    "a municipality's person from the operators' realm": _of(lambda whose: {}, Realm.OPERATORS),
    "an operator from the municipalities' realm": _of(
        lambda whose: {
            **dict.fromkeys(("sub", "sid"), whose.operators_person),
            "organization": named(whose.operator_tenant),
        }
    ),
    # Service clients.
    "a service client without a tenant": _with(azp=lambda: f"svc-00000000-{new_id()}"),
    "a service client that nobody registered": _of_client(lambda whose: (whose.tenant_id, new_id())),
    "a service client of another name": _of(
        lambda whose: {"azp": f"svc-00000000-{whose.client}", "tenant_id": str(whose.tenant_id)}
    ),
    "a service client with a tail": _of(
        lambda whose: {"azp": f"svc-{whose.tenant_id.hex[-8:]}-x{whose.client}", "tenant_id": str(whose.tenant_id)}
    ),
    "another tenant's service client in ours": _of_client(lambda whose: (whose.tenant_id, whose.other_client)),
    "a service client whose tenant is no id": _of(
        lambda whose: {"azp": service_client_name(whose.tenant_id, whose.client), "tenant_id": "432083"}
    ),
    "a service client's token that is nobody's": _of(
        lambda whose: {
            "azp": service_client_name(whose.tenant_id, whose.client),
            "tenant_id": str(whose.tenant_id),
            "sub": "",
        }
    ),
    "a suspended service client": _of_client(lambda whose: (whose.tenant_id, whose.suspended_client)),
    "a service client whose last day is over": _of_client(lambda whose: (whose.tenant_id, whose.ended_client)),
    "a secret whose last day is over": _of_secret(1),
    "a secret that there never was": _of_secret(3),
    "a secret without a number": _of(
        lambda whose: {
            "azp": f"{service_client_name(whose.tenant_id, whose.client)}-s",
            "tenant_id": str(whose.tenant_id),
        }
    ),
    ELSEWHERE: _of_client(lambda whose: (whose.tenant_id, whose.limited_client)),
    "a service client of a suspended tenant": _of_client(
        lambda whose: (whose.suspended_tenant_id, whose.client_of_suspended)
    ),
    "an operator's service client from the municipalities' realm": _of_client(
        lambda whose: (whose.operator_tenant, whose.operators_client)
    ),
    "a municipality's service client from the operators' realm": _of_client(
        lambda whose: (whose.tenant_id, whose.client), Realm.OPERATORS
    ),
}
"""What is wrong → a token with that, and nothing else, wrong."""
