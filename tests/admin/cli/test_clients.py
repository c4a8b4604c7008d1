"""`moyai service-client`: the systems of a tenant, by their public keys."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest
from joserfc.jwk import ECKey

from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.ids import new_id
from tenancy.clients import queries
from tenancy.keycloak.keys import SigningKey
from tests.admin.cli.command_line import Moyai
from tests.database_rows import rows
from tests.factories import Factory

JWKS = SigningKey.generate().public_jwks
NAMED = ("service-client", "register", "431001", "--name", "住民サービス連携")


@pytest.fixture
def city(factory: Factory) -> UUID:
    return factory.kumamoto_city()


def test_a_system_is_registered_by_the_key_set_of_a_file(moyai: Moyai, city: UUID, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(JWKS)

    code, registered, _ = moyai(
        *NAMED, "--jwks", str(path), "--scope", "moyai:usage.read", "--scope", "moyai:quota.read"
    )

    assert code == 0
    with tenant_scope(OPERATOR):
        (found,) = queries.service_clients(db.session(), city)
        assert (str(found.id), found.jwks, found.state) == (registered["client_id"], JWKS, "registered")
        assert found.scopes == ("moyai:quota.read", "moyai:usage.read")
        assert found.valid_until is None
    assert registered["client_id"] in registered["client_name"]


def test_systems_are_listed_as_they_call_themselves(moyai: Moyai, city: UUID) -> None:
    _, registered, _ = moyai(*NAMED, "--jwks", "-", "--last-day", "2099-03-31", given=JWKS)

    _, listed, _ = moyai("service-client", "list", "431001")

    (client,) = listed["clients"]
    assert (client["id"], client["client_name"]) == (registered["client_id"], registered["client_name"])
    assert (client["name"], client["scopes"], client["valid_until"]) == ("住民サービス連携", [], "2099-04-01")
    assert "住民サービス連携" in moyai.text("service-client", "list", "431001")[1]


def _private() -> bytes:
    return json.dumps({"keys": [{**ECKey.generate_key("P-256").as_dict(private=True), "kid": "k1"}]}).encode()


@pytest.mark.parametrize(
    ("given", "reason", "field"),
    [
        (_private(), "client.private_part", "--jwks.keys[0]"),
        (b'{"keys": []}', "client.not_a_key_set", "--jwks"),
        (b"{", "json.not_json", "--jwks"),
        (b'{"keys": [], "keys": []}', "json.key_twice", "keys"),
        (b"\xff", "cli.not_utf8", "--jwks"),
        (b" " * 20_001, "input.wrong", "--jwks"),
    ],
)
def test_what_is_no_public_key_set_is_refused(moyai: Moyai, city: UUID, given: bytes, reason: str, field: str) -> None:
    assert moyai.refusal(*NAMED, "--jwks", "-", given=given) == (2, reason, field)
    assert rows("service_client") == []


@pytest.mark.parametrize(
    ("words", "reason", "field"),
    [
        (("--last-day", "2020-04-01"), "client.ends_before_it_begins", "--last-day"),
        (("--name", "住民 "), "text.edge_space", "--name"),
        (("--scope", "moyai:everything"), "client.scope_unknown", "--scope"),
        (("--last-day", "soon"), "date.not_a_date", "--last-day"),
    ],
)
def test_what_cannot_be_registered_is_refused_with_what_was_typed(
    moyai: Moyai, city: UUID, words: tuple[str, ...], reason: str, field: str
) -> None:
    assert moyai.refusal(*NAMED, "--jwks", "-", *words, given=JWKS) == (2, reason, field)
    assert rows("service_client") == []


def test_a_name_in_use_and_a_full_quota_are_refused(moyai: Moyai, factory: Factory, city: UUID) -> None:
    factory.define_standard()
    factory.put_on_standard(city)
    moyai(*NAMED, "--jwks", "-", given=JWKS)
    before = rows("service_client")

    assert moyai.refusal(*NAMED, "--jwks", "-", given=JWKS) == (1, "client.name_taken", "--name")
    second = ("service-client", "register", "431001", "--name", "二つ目", "--jwks", "-")
    assert moyai(*second, given=JWKS)[0] == 1
    assert rows("service_client") == before


def test_a_system_of_the_operators_waits_for_a_second_person(moyai: Moyai) -> None:
    words = ("service-client", "register", "430005", "--name", "財務会計システム", "--jwks", "-")

    code, asked, _ = moyai(*words, "--scope", "moyai:ledger.read", given=JWKS)

    assert (code, asked["second_person"]) == (0, "roles")
    assert rows("service_client") == []
    assert moyai.refusal(*words, "--scope", "moyai:approve", given=JWKS) == (2, "client.scope_unknown", "--scope")
    assert moyai.refusal("service-client", "stop", str(new_id()), "--reason", "廃止") == (1, "not_found", "CLIENT_ID")


def test_one_system_is_shown_with_its_keys(moyai: Moyai, city: UUID) -> None:
    _, registered, _ = moyai(*NAMED, "--jwks", "-", given=JWKS)

    code, shown, _ = moyai("service-client", "show", "431001", registered["client_id"])

    assert (code, shown["client_name"], shown["jwks"]) == (0, registered["client_name"], JWKS)
