"""Keys of a service client: read strictly, several at once, taken out on their day, never the last one."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from joserfc.jwk import ECKey, OKPKey, RSAKey
from sqlalchemy import text

from admin.workflows.job_handlers import periodic_tasks
from governance.declaration import InvalidCommand, build_command, read_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from governance.permissions import Role
from tenancy.clients import queries
from tenancy.clients.keys import public_key
from tenancy.clients.models import ServiceClientDetails
from tenancy.clients.rotation import (
    AddClientKey,
    MakeClientKey,
    RemoveClientKey,
    add_client_key,
    make_client_key,
    remove_client_key,
)
from tenancy.keycloak.keys import SigningKey
from tenancy.onboarding.intents import read_intent
from tests.actors import Actors
from tests.admin.empty_keycloak import EmptyKeycloak
from tests.database_rows import recorded, rows
from tests.factories import Factory


def _pem(key: ECKey | RSAKey | OKPKey) -> str:
    return key.as_pem(private=False).decode()


def _certificate(key: ec.EllipticCurvePrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "財務会計")])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=365))
        .sign(key, SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


def _client(tenant_id: UUID, client_id: UUID) -> ServiceClientDetails:
    with tenant_scope(OPERATOR):
        return queries.service_client(db.session(), tenant_id, client_id)


def _kids_in_keycloak(tenant_id: UUID, on: date) -> list[list[str]]:
    """The names of the keys that Keycloak is to hold on that day, by client."""
    with tenant_scope(OPERATOR):
        wanted = read_intent(db.session(), tenant_id, on=on, now=clock.now()).service_clients
    return [[key["kid"] for key in json.loads(one.jwks)["keys"]] for one in wanted]


def _add(tenant_id: UUID, client_id: UUID, key: str, former_until: date | None = None) -> AddClientKey:
    return build_command(
        AddClientKey, tenant_id=tenant_id, client_id=client_id, public_key=key, former_until=former_until
    )


def test_one_key_is_read_alike_from_each_form_in_which_people_have_it() -> None:
    key = ECKey.generate_key("P-256")
    jwk = key.as_dict(private=False)

    found = [
        public_key(given)
        for given in (
            _pem(key),
            "\n" + _pem(key).replace("\n", "\r\n"),
            json.dumps({name: value for name, value in jwk.items() if name != "kid"}),
            json.dumps({"keys": [{name: value for name, value in jwk.items() if name != "kid"}]}),
        )
    ]

    assert all(one == found[0] for one in found)
    assert found[0]["kid"] == ECKey.import_key(_pem(key)).thumbprint()
    assert set(found[0]) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    own = ec.generate_private_key(ec.SECP256R1())
    assert public_key(_certificate(own))["kty"] == "EC"
    assert public_key(json.dumps({**jwk, "kid": "2026-04"}))["kid"] == "2026-04"
    assert public_key(_pem(RSAKey.generate_key(2048)))["alg"] == "RS256"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (ECKey.generate_key("P-256").as_pem(private=True).decode(), "client.private_key_given"),
        ("-----BEGIN ENCRYPTED " + "PRIVATE KEY-----\nAAAA", "client.private_key_given"),
        ("-----BEGIN RSA " + "PRIVATE KEY-----\nAAAA", "client.private_key_given"),
        (json.dumps({**ECKey.generate_key("P-256").as_dict(private=True), "kid": "k"}), "client.private_key_given"),
        (_pem(RSAKey.generate_key(1024)), "client.key_too_short"),
        (_pem(ECKey.generate_key("P-384")), "client.key_not_usable"),
        (_pem(OKPKey.generate_key("Ed25519")), "client.key_not_usable"),
        (json.dumps({"kty": "oct", "kid": "s"}), "client.key_not_usable"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "client.key_unreadable"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "client.key_unreadable"),
        ('{"keys": []}', "client.key_unreadable"),
        ("[1]", "client.key_unreadable"),
        ("", "client.key_unreadable"),
    ],
)
def test_what_is_no_public_key_of_a_kind_that_counts_is_refused_and_says_why(
    actors: Actors, factory: Factory, given: str, why: str
) -> None:
    tenant_id = factory.kumamoto_city()
    client_id = factory.add_service_client(tenant_id)
    before = rows("service_client")

    with pytest.raises(InvalidCommand) as refusal:
        read_command(
            AddClientKey,
            {"public_key": given},
            typed=True,
            given={"tenant_id": tenant_id, "client_id": client_id},
        )

    assert [(one.code, one.field) for one in refusal.value.errors] == [(why, "public_key")]
    assert rows("service_client") == before


def test_a_new_key_counts_beside_the_old_one_until_its_last_day_and_then_alone(
    actors: Actors, factory: Factory
) -> None:
    tenant_id = factory.kumamoto_city()
    admin = actors.municipal(tenant_id, Role.TENANT_CLIENT_ADMIN)
    client_id = factory.add_service_client(tenant_id)
    (old,) = (key.kid for key in _client(tenant_id, client_id).public_keys)
    today = clock.today()
    end = today + timedelta(days=14)

    added = add_client_key(_add(tenant_id, client_id, _pem(ECKey.generate_key("P-256")), end), actor=admin)

    keys = {key.kid: (key.kind, key.valid_until) for key in _client(tenant_id, client_id).public_keys}
    assert keys == {old: ("EC P-256", end), added.kid: ("EC P-256", None)}
    assert _kids_in_keycloak(tenant_id, today) == [[old, added.kid]]
    assert _kids_in_keycloak(tenant_id, end) == [[added.kid]]
    assert recorded("client.key_added")[-1].facts == {"key": added.kid, "valid_until": end.isoformat()}

    end_keys = periodic_tasks(EmptyKeycloak())[1]  # type: ignore[arg-type]
    end_keys()
    assert len(_client(tenant_id, client_id).public_keys) == 2, "not before its day"
    with clock.at(clock.now() + timedelta(days=14)):
        end_keys()
        end_keys()
    assert [key.kid for key in _client(tenant_id, client_id).public_keys] == [added.kid]
    assert [event.facts["key"] for event in recorded("client.key_removed")] == [old]
    with tenant_scope(OPERATOR):
        jobs = db.session.scalars(text("SELECT count(*) FROM job WHERE name = 'client.sync'")).one()
    assert jobs == 2


def test_a_key_is_taken_out_at_once_but_never_the_last_one_without_an_end(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    client_id = factory.add_service_client(tenant_id)
    (old,) = (key.kid for key in _client(tenant_id, client_id).public_keys)

    def remove(kid: str) -> None:
        command = RemoveClientKey(tenant_id=tenant_id, client_id=client_id, kid=kid, reason="担当者の交代")
        remove_client_key(command, actor=actors.security)

    with pytest.raises(Conflict) as refusal:
        remove(old)
    assert refusal.value.code == "client.last_key"
    until = clock.today() + timedelta(days=1)
    new = add_client_key(
        _add(tenant_id, client_id, SigningKey.generate().public_jwks, until), actor=actors.security
    ).kid
    with pytest.raises(Conflict):
        remove(new)
    with pytest.raises(Invalid) as unknown:
        remove("another")
    assert unknown.value.code == "client.no_such_key"

    remove(old)

    assert [key.kid for key in _client(tenant_id, client_id).public_keys] == [new]
    assert _kids_in_keycloak(tenant_id, clock.today()) == [[new]]
    assert recorded("client.key_removed")[-1].facts == {"key": old, "reason": "担当者の交代"}


def test_a_key_made_here_is_shown_once_and_kept_nowhere(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    client_id = factory.add_service_client(tenant_id)
    command = MakeClientKey(tenant_id=tenant_id, client_id=client_id)

    made = make_client_key(command, actor=actors.security, key="once")

    assert made.private_key is not None
    assert SigningKey(made.private_key).kid == made.kid
    assert made.kid in [key.kid for key in _client(tenant_id, client_id).public_keys]
    again = make_client_key(command, actor=actors.security, key="once")
    assert (again.kid, again.private_key) == (made.kid, None)
    assert len(_client(tenant_id, client_id).public_keys) == 2
    secret = made.private_key.splitlines()[1]
    for table in ("service_client", "audit_event", "idempotency_key", "job"):
        assert secret not in str(rows(table)), table
        assert "PRIVATE KEY" not in str(rows(table)), table


def test_a_key_twice_one_too_many_and_a_day_that_is_over_are_refused(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    client_id = factory.add_service_client(tenant_id)
    same = SigningKey.generate().public_jwks
    add_client_key(_add(tenant_id, client_id, same), actor=actors.security)

    def refused(command: AddClientKey) -> tuple[str, str | None]:
        before = rows("service_client")
        with pytest.raises(Invalid) as refusal:
            add_client_key(command, actor=actors.security)
        assert rows("service_client") == before
        return refusal.value.code, refusal.value.field

    assert refused(_add(tenant_id, client_id, same)) == ("client.kid_wrong", "public_key")
    new = SigningKey.generate().public_jwks
    assert refused(_add(tenant_id, client_id, new, clock.today())) == ("client.key_ends_in_the_past", "former_until")
    for _ in range(3):
        add_client_key(_add(tenant_id, client_id, SigningKey.generate().public_jwks), actor=actors.security)
    assert refused(_add(tenant_id, client_id, new)) == ("client.not_a_key_set", "public_key")


def test_nobody_takes_a_system_over_by_a_key_that_may_do_more_than_they_nor_one_of_elsewhere(
    actors: Actors, factory: Factory
) -> None:
    kumamoto, aso = factory.kumamoto_city(), factory.aso_city()
    client_id = factory.add_service_client(kumamoto)
    with tenant_scope(OPERATOR):
        db.session.execute(text("""UPDATE service_client SET scopes = '["moyai:audit.read"]'"""))
        db.session.commit()
    operators = factory.add_service_client(actors.operator_tenant)
    before = rows("service_client")
    new = SigningKey.generate().public_jwks

    with pytest.raises(NotAllowed) as refusal:
        add_client_key(_add(kumamoto, client_id, new), actor=actors.municipal(kumamoto, Role.TENANT_CLIENT_ADMIN))
    assert refusal.value.code == "client.scope_above_own"
    with pytest.raises(NotAllowed):
        make_client_key(
            MakeClientKey(tenant_id=kumamoto, client_id=client_id),
            actor=actors.municipal(kumamoto, Role.TENANT_USER_ADMIN),
        )
    for tenant_id in (kumamoto, aso):
        with pytest.raises(NotFound):
            add_client_key(_add(tenant_id, client_id, new), actor=actors.municipal(aso, Role.TENANT_OWNER))
    with pytest.raises(Conflict) as of_operator:
        add_client_key(_add(actors.operator_tenant, operators, new), actor=actors.security)
    assert of_operator.value.code == "client.keys_of_the_operator"

    assert rows("service_client") == before
