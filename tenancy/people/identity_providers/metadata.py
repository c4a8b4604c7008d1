"""Reading what an identity provider says of itself: OpenID Connect Discovery 1.0, or SAML 2.0 metadata. Pure.

What comes out is what Keycloak is told, in its own words. Every address in it must be https at a public name: Keycloak
asks some of them itself, and could be made to ask what only it can reach.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from xml.etree import ElementTree

from cryptography import x509

from governance.kernel.clock import JST
from governance.kernel.errors import Invalid
from governance.webhooks.address import split_address
from tenancy.people.identity_providers.states import CheckProblem

DISCOVERY: Final = "/.well-known/openid-configuration"
MAX_METADATA: Final = 512 * 1024

_MD: Final = "{urn:oasis:names:tc:SAML:2.0:metadata}"
_DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
_BINDINGS: Final = {
    "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST": "true",
    "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect": "false",
}
_OIDC: Final = {
    "validateSignature": "true",
    "useJwksUrl": "true",
    "pkceEnabled": "true",
    "pkceMethod": "S256",
    "syncMode": "IMPORT",
    "defaultScope": "openid email profile",
}
_SAML: Final = {
    "validateSignature": "true",
    "postBindingResponse": "true",
    "syncMode": "IMPORT",
    "nameIDPolicyFormat": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
    "allowedClockSkew": "60",
}


class NotUsable(Exception):
    """The metadata cannot be used, for `problem`."""

    def __init__(self, problem: CheckProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """What Keycloak is told; where the keys are and a token is asked for (OIDC), and the signing certificate's last day
    (SAML).
    """

    settings: Mapping[str, str]
    keys_url: str | None = None
    token_url: str | None = None
    certificate_ends_on: date | None = None


def read_discovery(text: str, address: str) -> ProviderMetadata:
    """The metadata of an OpenID provider. Raises NotUsable.

    The issuer must be the one whose metadata stand at this address (OpenID Connect Discovery 1.0, 4.3).
    """
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise NotUsable(CheckProblem.NOT_METADATA) from None
    if not isinstance(found, dict):
        raise NotUsable(CheckProblem.NOT_METADATA)
    issuer, authorize, token, keys = (
        _address(found.get(name)) for name in ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
    )
    if f"{issuer.rstrip('/')}{DISCOVERY}" != address:
        raise NotUsable(CheckProblem.ISSUER_DIFFERS)
    offered = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    basic = "client_secret_basic" in offered or "client_secret_post" not in offered
    settings = {
        **_OIDC,
        "issuer": issuer,
        "authorizationUrl": authorize,
        "tokenUrl": token,
        "jwksUrl": keys,
        "clientAuthMethod": "client_secret_basic" if basic else "client_secret_post",
    }
    return ProviderMetadata(settings, keys_url=keys, token_url=token)


def has_keys(text: str) -> bool:
    """Whether a key set (RFC 7517) holds a public key to verify signatures with."""
    try:
        keys = json.loads(text)["keys"]
        return any(key["kty"] in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig" for key in keys)
    except (ValueError, LookupError, TypeError, RecursionError):
        return False


def read_saml(text: str, today: date) -> ProviderMetadata:
    """The metadata of a SAML identity provider. Raises NotUsable, also where every signing certificate is over."""
    # Without a document type there are no entities to expand.
    if len(text) > MAX_METADATA or "<!" in text.replace("<!--", ""):
        raise NotUsable(CheckProblem.NOT_METADATA)
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - no entities, see above
    except ElementTree.ParseError:
        raise NotUsable(CheckProblem.NOT_METADATA) from None
    entities = [root] if root.tag == f"{_MD}EntityDescriptor" else root.findall(f".//{_MD}EntityDescriptor")
    found = [(entity, role) for entity in entities for role in entity.findall(f"{_MD}IDPSSODescriptor")]
    if len(found) != 1:
        raise NotUsable(CheckProblem.NOT_METADATA)
    entity, role = found[0]
    by_binding = {one.get("Binding"): one.get("Location") for one in role.findall(f"{_MD}SingleSignOnService")}
    binding = next((one for one in _BINDINGS if by_binding.get(one)), None)
    entity_id = entity.get("entityID")
    if binding is None or not entity_id:
        raise NotUsable(CheckProblem.NOT_METADATA)
    certificates = [
        _certificate(one.text or "")
        for key in role.findall(f"{_MD}KeyDescriptor")
        if key.get("use", "signing") == "signing"
        for one in key.iter(f"{_DS}X509Certificate")
    ]
    if not certificates:
        raise NotUsable(CheckProblem.NO_KEYS)
    in_force = {text: ends for text, ends in certificates if ends >= today}
    if not in_force:
        raise NotUsable(CheckProblem.KEYS_OVER)
    settings = {
        **_SAML,
        "idpEntityId": entity_id,
        "singleSignOnServiceUrl": _address(by_binding[binding]),
        "postBindingAuthnRequest": _BINDINGS[binding],
        "signingCertificate": ",".join(in_force),
    }
    return ProviderMetadata(settings, certificate_ends_on=max(in_force.values()))


def _certificate(text: str) -> tuple[str, date]:
    """A certificate as Keycloak takes it, with its last day (JST)."""
    plain = re.sub(r"\s+", "", text)
    try:
        ends: datetime = x509.load_der_x509_certificate(base64.b64decode(plain, validate=True)).not_valid_after_utc
    except ValueError:
        raise NotUsable(CheckProblem.NOT_METADATA) from None
    return plain, ends.astimezone(JST).date()


def _address(value: object) -> str:
    if not isinstance(value, str):
        raise NotUsable(CheckProblem.NOT_METADATA)
    try:
        split_address(value)
    except Invalid:
        raise NotUsable(CheckProblem.NOT_PUBLIC) from None
    return value
