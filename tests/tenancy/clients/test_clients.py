"""Service clients: public keys only, known scopes only, within the quota."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from governance.declaration import build_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy.clients import queries
from tenancy.clients.commands import ClientRegistered, RegisterClient, register_client
from tenancy.clients.keys import public_key_set
from tenancy.keycloak.keys import SigningKey
from tenancy.tenants.states import TenantState
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import Factory

JWKS = SigningKey.generate().public_jwks


def _client(tenant_id: UUID, name: str = "住民サービス連携", **other: Any) -> RegisterClient:
    values: dict[str, Any] = {
        "tenant_id": tenant_id,
        "name": name,
        "jwks": JWKS,
        "scopes": ("moyai:quota.read",),
    } | other
    return build_command(RegisterClient, **values)


def _key_set(*keys: dict[str, Any]) -> str:
    return json.dumps({"keys": list(keys)})


def _ec(curve: str = "P-256", *, private: bool = False, **other: Any) -> dict[str, Any]:
    return {**ECKey.generate_key(curve).as_dict(private=private), "kid": "k1", **other}


def _rsa(bits: int, **other: Any) -> dict[str, Any]:
    return {**RSAKey.generate_key(bits).as_dict(private=False), "kid": "r1", **other}


def test_a_registered_client_is_named_after_its_tenant(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()

    registered = register_client(_client(tenant_id), actor=actors.municipal(tenant_id, Role.TENANT_CLIENT_ADMIN))

    assert isinstance(registered, ClientRegistered)

    with tenant_scope(OPERATOR):
        client = queries.service_client(db.session(), tenant_id, registered.client_id)
    assert registered.client_name == f"svc-{tenant_id.hex[-8:]}-{registered.client_id}"
    assert (client.state.value, client.scopes, client.valid_from) == (
        "registered",
        ("moyai:quota.read",),
        clock.today(),
    )
    assert json.loads(client.jwks) == json.loads(JWKS)
    assert recorded("client.registered")[-1].subject == str(registered.client_id)


@pytest.mark.parametrize(
    ("jwks", "why"),
    [
        ("", "json.not_json"),
        ("[]", "client.not_a_key_set"),
        ('{"keys": []}', "client.not_a_key_set"),
        ('{"keys": [1]}', "client.not_a_key_set"),
        ('{"keys": [], "keys": []}', "json.key_twice"),
        ("[" * 10_000, "json.too_deep"),
        (_key_set(*[_ec(kid=str(number)) for number in range(6)]), "client.not_a_key_set"),
        (_key_set(_ec(private=True)), "client.private_part"),
        pytest.param(
            _key_set({**OctKey.generate_key(256).as_dict(private=True), "kid": "s"}), "client.private_part", id="shared"
        ),
        (_key_set(_ec("P-384")), "client.key_not_usable"),
        (_key_set(_ec(alg="none")), "client.key_not_usable"),
        (_key_set(_ec(use="enc")), "client.key_not_usable"),
        (_key_set(_ec(x="AAAA")), "client.key_not_usable"),
        (_key_set(_ec(x=5)), "client.key_not_usable"),
        (_key_set(_rsa(1024)), "client.key_too_short"),
        (_key_set(_ec(kid="")), "client.kid_wrong"),
        (_key_set(_ec(), _ec()), "client.kid_wrong"),
    ],
)
def test_a_key_that_is_none_is_refused_and_nothing_is_registered(
    actors: Actors, factory: Factory, jwks: str, why: str
) -> None:
    tenant_id = factory.kumamoto_city()

    with pytest.raises(Invalid) as refusal:
        register_client(_client(tenant_id, jwks=jwks), actor=actors.onboarding)

    assert refusal.value.code == why
    assert rows("service_client") == []
    assert recorded("client.registered", "refused")[-1].facts["code"] == why


def test_what_is_kept_of_a_key_is_its_public_half_and_nothing_else() -> None:
    kept = json.loads(public_key_set(_key_set(_rsa(2048, alg="PS256", x5c=["…"], note="mine"))))

    assert set(kept["keys"][0]) == {"kty", "n", "e", "kid", "use", "alg"}
    assert kept["keys"][0]["alg"] == "PS256"


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"scopes": ("moyai:everything",)}, "scopes"),
        ({"scopes": ("openid",)}, "scopes"),
        ({"scopes": ("moyai:tenants.write",)}, "scopes"),
        ({"scopes": ("moyai:usage.write",)}, "scopes"),
        ({"name": " "}, "name"),
        ({"valid_until": date(2020, 1, 1)}, "valid_until"),
    ],
)
def test_what_a_client_cannot_be_is_refused(
    actors: Actors, factory: Factory, other: dict[str, Any], field: str
) -> None:
    tenant_id = factory.kumamoto_city()

    with pytest.raises(Invalid) as refusal:
        register_client(_client(tenant_id, **other), actor=actors.onboarding)

    assert refusal.value.field == field
    if field == "scopes":
        # In words, with the name that a program has to send.
        assert "利用枠の閲覧（moyai:quota.read）" in refusal.value.text("ja")
        assert "read quotas (moyai:quota.read)" in refusal.value.text("en")
    assert rows("service_client") == []


def test_a_name_is_used_once_in_a_tenant(actors: Actors, factory: Factory) -> None:
    kumamoto, aso = factory.kumamoto_city(), factory.aso_city()
    register_client(_client(kumamoto), actor=actors.onboarding)

    with pytest.raises(Conflict) as refusal:
        register_client(_client(kumamoto), actor=actors.onboarding)

    assert refusal.value.code == "client.name_taken"
    register_client(_client(aso), actor=actors.onboarding)
    assert len(rows("service_client")) == 2


def test_the_quota_of_service_clients_holds(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    factory.define_standard()
    factory.put_on_standard(tenant_id)
    register_client(_client(tenant_id), actor=actors.onboarding)

    with pytest.raises(Conflict) as refusal:
        register_client(_client(tenant_id, "二つ目"), actor=actors.onboarding)

    assert refusal.value.code == "quota.full"
    assert "1" in refusal.value.text("ja")
    assert len(rows("service_client")) == 1


def test_who_left_has_no_service_client(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    factory.change_state(tenant_id, TenantState.LEFT)

    with pytest.raises(Conflict) as refusal:
        register_client(_client(tenant_id), actor=actors.onboarding)
    assert refusal.value.code == "client.of_no_member"
    assert rows("service_client") == []


def test_nobody_gives_a_system_more_than_they_may_read_themselves(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    admin = actors.municipal(tenant_id, Role.TENANT_CLIENT_ADMIN)

    for scope in ("moyai:audit.read", "moyai:ledger.read"):
        with pytest.raises(NotAllowed) as refusal:
            register_client(_client(tenant_id, scopes=(scope,)), actor=admin)
        assert (refusal.value.code, refusal.value.field) == ("client.scope_above_own", "scopes")
    assert rows("service_client") == []
    register_client(_client(tenant_id, scopes=("moyai:people.read",)), actor=admin)
    owner = actors.municipal(tenant_id, Role.TENANT_OWNER)
    register_client(_client(tenant_id, "監査", scopes=("moyai:audit.read",)), actor=owner)


def test_another_tenants_id_answers_like_an_absent_one(actors: Actors, factory: Factory) -> None:
    kumamoto, aso = factory.kumamoto_city(), factory.aso_city()
    admin = actors.municipal(kumamoto, Role.TENANT_CLIENT_ADMIN)

    for whose in (aso, new_id()):
        with pytest.raises(NotFound) as refusal:
            register_client(_client(whose), actor=admin)
        assert refusal.value.code == "not_found"
    assert rows("service_client") == []


def test_who_may_not_register_a_client_does_not(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()

    for actor in (actors.finance, actors.municipal(tenant_id, Role.TENANT_USER_ADMIN), actors.municipal(tenant_id)):
        with pytest.raises(NotAllowed):
            register_client(_client(tenant_id), actor=actor)

    assert rows("service_client") == []
