"""A tenant's own identity provider: what its metadata must say, what is registered, and who may not."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from flask import Flask
from sqlalchemy import text

from governance.declaration import read_command
from governance.derived_secrets import SECRETS_KEY
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from governance.permissions import Role
from governance.sealed_secrets import seal, unseal
from tenancy.keycloak.port import IdentityProviderKind
from tenancy.people.identity_providers.commands import (
    EnableIdentityProvider,
    RegisterIdentityProvider,
    RemoveIdentityProvider,
    SetIdentityProviderSecret,
    enable_identity_provider,
    register_identity_provider,
    remove_identity_provider,
    set_identity_provider_secret,
)
from tenancy.people.identity_providers.metadata import NotUsable, has_keys, read_discovery, read_saml
from tenancy.people.identity_providers.queries import find_own_identity_provider, own_identity_provider
from tenancy.people.identity_providers.states import CheckProblem, IdentityProviderState
from tenancy.people.identity_providers.sync import provider_to_check
from tests.factories import Factory, Visitors

ISSUER = "https://idp.town.example.lg.jp/realms/town"
ADDRESS = f"{ISSUER}/.well-known/openid-configuration"
SECRET = "a-secret-of-the-town-hall"
TODAY = date(2026, 11, 24)


def discovery(**changes: Any) -> str:
    return json.dumps(
        {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/auth",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/certs",
        }
        | changes
    )


def certificate(until: date) -> str:
    """A self-signed certificate in Base64."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.town.example.lg.jp")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(until.year, until.month, until.day, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(Encoding.DER)).decode()


def saml(*certificates: str, location: str = "https://idp.town.example.lg.jp/sso", before: str = "") -> str:
    keys = "".join(
        f'<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data>'
        f"<X509Certificate>\n{one[:40]}\n{one[40:]}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
        for one in certificates
    )
    return (
        f'{before}<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="urn:town"><IDPSSODescriptor '
        f'protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">{keys}<SingleSignOnService '
        f'Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{location}"/></IDPSSODescriptor>'
        f"</EntityDescriptor>"
    )


def test_the_metadata_of_an_openid_provider_become_what_keycloak_is_told() -> None:
    found = read_discovery(discovery(token_endpoint_auth_methods_supported=["client_secret_post"]), ADDRESS)

    assert (found.token_url, found.keys_url) == (f"{ISSUER}/token", f"{ISSUER}/certs")
    assert found.settings["issuer"] == ISSUER
    assert found.settings["clientAuthMethod"] == "client_secret_post"
    # Signatures are verified, and the request is bound to the answer.
    assert (found.settings["validateSignature"], found.settings["pkceMethod"]) == ("true", "S256")


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ("<html>", CheckProblem.NOT_METADATA),
        ("[]", CheckProblem.NOT_METADATA),
        (discovery(token_endpoint=None), CheckProblem.NOT_METADATA),
        (discovery(issuer="https://elsewhere.example.jp"), CheckProblem.ISSUER_DIFFERS),
        (discovery(token_endpoint="http://idp.town.example.lg.jp/token"), CheckProblem.NOT_PUBLIC),
        (discovery(jwks_uri="https://169.254.169.254/keys"), CheckProblem.NOT_PUBLIC),
        (discovery(token_endpoint="https://keycloak.internal/admin"), CheckProblem.NOT_PUBLIC),
        (discovery(authorization_endpoint="https://localhost/auth"), CheckProblem.NOT_PUBLIC),
    ],
)
def test_metadata_of_another_issuer_or_with_an_internal_address_are_refused(
    metadata: str, problem: CheckProblem
) -> None:
    with pytest.raises(NotUsable) as refused:
        read_discovery(metadata, ADDRESS)

    assert refused.value.problem is problem


def test_a_key_set_without_a_signing_key_is_none() -> None:
    assert has_keys('{"keys": [{"kty": "RSA", "use": "enc"}, {"kty": "EC"}]}')
    assert not has_keys('{"keys": [{"kty": "RSA", "use": "enc"}]}')
    assert not has_keys('{"keys": [{"kty": "oct", "use": "sig"}]}')
    assert not has_keys("nothing")


def test_saml_metadata_give_the_certificates_that_are_in_force_and_the_last_day() -> None:
    present, over = certificate(date(2027, 3, 31)), certificate(date(2026, 11, 1))

    found = read_saml(saml(over, present), TODAY)

    assert found.settings["signingCertificate"] == present
    assert found.certificate_ends_on == date(2027, 3, 31)
    assert found.settings["singleSignOnServiceUrl"] == "https://idp.town.example.lg.jp/sso"
    assert found.settings["validateSignature"] == "true"


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ("nothing", CheckProblem.NOT_METADATA),
        (saml(), CheckProblem.NO_KEYS),
        (saml(certificate(date(2026, 11, 1))), CheckProblem.KEYS_OVER),
        (saml(certificate(date(2027, 3, 31)), location="http://10.0.0.1/sso"), CheckProblem.NOT_PUBLIC),
        (saml("bm8gY2VydGlmaWNhdGUgYXQgYWxsLCBub3QgZXZlbiBhIHNob3J0IG9uZQ=="), CheckProblem.NOT_METADATA),
        (saml(before='<!DOCTYPE x [<!ENTITY a "b">]>'), CheckProblem.NOT_METADATA),
    ],
)
def test_saml_metadata_that_cannot_be_trusted_are_refused(metadata: str, problem: CheckProblem) -> None:
    with pytest.raises(NotUsable) as refused:
        read_saml(metadata, TODAY)

    assert refused.value.problem is problem


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"metadata_url": "https://idp.town.example.lg.jp/other"}, "identity_provider.url_of_oidc"),
        ({"metadata_url": "http://idp.town.example.lg.jp/"}, "identity_provider.not_a_public_address"),
        ({"secret": None}, "identity_provider.client_of_oidc"),
        ({"metadata": "<EntityDescriptor/>"}, "identity_provider.no_xml_of_oidc"),
        ({"kind": "saml", "client_id": "moyai"}, "identity_provider.no_client_of_saml"),
        ({"kind": "saml", "client_id": None, "secret": None, "metadata_url": None}, "identity_provider.metadata_once"),
        ({"domains": "example.jp, *.example.lg.jp"}, "identity_provider.not_a_domain"),
        ({"domains": " "}, "identity_provider.too_many_domains"),
        ({"claim": "${CLAIM.sub}"}, "identity_provider.not_a_claim"),
    ],
)
def test_what_does_not_fit_together_is_refused_by_field(
    changes: dict[str, Any], code: str, factory: Factory, visitors: Visitors
) -> None:
    tenant_id = factory.add_member("432083", "山鹿市")
    owner = visitors.person(tenant_id, Role.TENANT_OWNER)
    values = {"tenant_id": str(tenant_id), "kind": "oidc", "name": "職員認証基盤", "metadata_url": ADDRESS}
    values |= {"client_id": "moyai", "secret": SECRET, "domains": "town.example.lg.jp"} | changes

    with pytest.raises(Invalid) as refused:
        register_identity_provider(read_command(RegisterIdentityProvider, values), actor=owner)

    assert refused.value.code == code
    assert refused.value.field in changes
    assert SECRET not in str(refused.value)
    with tenant_scope(OPERATOR):
        assert find_own_identity_provider(db.session(), tenant_id) is None


def test_an_owner_registers_it_and_its_secret_stands_nowhere(
    database: Flask, factory: Factory, visitors: Visitors
) -> None:
    SECRETS_KEY.set(database, lambda: b"k" * 32)
    tenant_id = factory.add_member("432083", "山鹿市")
    owner = visitors.person(tenant_id, Role.TENANT_OWNER)
    command = RegisterIdentityProvider(
        tenant_id=tenant_id,
        kind=IdentityProviderKind.OIDC,
        name="職員認証基盤",
        metadata_url=ADDRESS,
        client_id="moyai",
        secret=SECRET,
        domains="Town.example.lg.jp\n@town.example.lg.jp",
    )
    for role in (Role.TENANT_USER_ADMIN, Role.TENANT_AUDITOR):
        with pytest.raises(NotAllowed):
            register_identity_provider(command, actor=visitors.person(tenant_id, role))

    register_identity_provider(command, actor=owner, key="once")

    with pytest.raises(Conflict):
        register_identity_provider(command, actor=owner)
    with tenant_scope(OPERATOR):
        found = own_identity_provider(db.session(), tenant_id)
        assert (found.state, found.domains, found.is_checked) == (
            IdentityProviderState.REGISTERED,
            ("town.example.lg.jp",),
            False,
        )
        for table in ("identity_provider", "audit_event", "job", "idempotency_key"):
            rows = db.session.execute(text(f"SELECT t::text FROM {table} t")).scalars().all()
            assert rows
            assert not any(SECRET in row for row in rows), table
        provider = provider_to_check(db.session(), tenant_id)
        assert provider is not None
        assert (provider.secret, SECRET in repr(provider)) == (SECRET, False)
    with pytest.raises(Conflict):
        enable_identity_provider(EnableIdentityProvider(tenant_id=tenant_id), actor=owner)
    with pytest.raises(Conflict):
        register_identity_provider(
            command.model_copy(update={"tenant_id": factory.actors.operator_tenant}), actor=factory.actors.security
        )
    # Another tenant's owner finds none there.
    neighbour = visitors.person(factory.add_member("434311", "美里町"), Role.TENANT_OWNER)
    with pytest.raises((NotFound, NotAllowed)):
        remove_identity_provider(RemoveIdentityProvider(tenant_id=tenant_id, reason="誤り"), actor=neighbour)
    remove_identity_provider(RemoveIdentityProvider(tenant_id=tenant_id, reason="移行"), actor=owner)
    with tenant_scope(OPERATOR):
        assert find_own_identity_provider(db.session(), tenant_id) is None
    # Without the key nothing is stored that could be read.
    SECRETS_KEY.set(database, lambda: None)
    with pytest.raises(Conflict):
        register_identity_provider(command, actor=owner)


def test_a_sealed_secret_opens_with_its_own_key_and_place_only(factory: Factory) -> None:
    one, other = factory.actors.operator_tenant, factory.add_member("432083", "山鹿市")
    sealed = seal(b"k" * 32, "form", one, SECRET)

    assert unseal(b"k" * 32, "form", one, sealed) == SECRET
    assert unseal(b"x" * 32, "form", one, sealed) is None
    assert unseal(b"k" * 32, "other", one, sealed) is None
    assert unseal(b"k" * 32, "form", other, sealed) is None
    assert unseal(b"k" * 32, "form", one, f"{sealed[:-2]}AA") is None


def test_saml_has_no_secret_to_change(factory: Factory, visitors: Visitors) -> None:
    tenant_id = factory.add_member("432083", "山鹿市")
    owner = visitors.person(tenant_id, Role.TENANT_OWNER)
    command = RegisterIdentityProvider(
        tenant_id=tenant_id,
        kind=IdentityProviderKind.SAML,
        name="職員認証基盤",
        metadata=saml(certificate(date(2027, 3, 31))),
        claim="mail",
        domains="town.example.lg.jp",
    )
    register_identity_provider(command, actor=owner)

    with pytest.raises(Conflict):
        set_identity_provider_secret(SetIdentityProviderSecret(tenant_id=tenant_id, secret=SECRET), actor=owner)
