"""Two hosts with one Keycloak: nobody's keys are replaced unasked, and rotation refuses no sign-in."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner
from flask import Flask

from admin.cli import main
from admin.operations.key_rotation import retire, rotate
from admin.operations.keycloak_setup import check_keys, configure
from admin.operations.settings import Settings
from governance.audit import queries
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, NotAllowed, message
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.calls import counted_calls
from tenancy.keycloak.example_passwords import ExamplePasswords
from tenancy.keycloak.keys import KeyState, SigningKey, key_ids
from tenancy.keycloak.port import PersonIntent, Realm
from tenancy.keycloak.representations import attribute
from tests.servers import PostgreSQL
from tests.tenancy.keycloak.browser import Browser
from tests.tenancy.keycloak.installation import Installation, Municipality

PASSWORD = "熊本 の 水は とても おいしい です"
SIGN_INS = 200
PEOPLE = 4
CLIENTS = ("moyai-people", "moyai-clients", "moyai-reconciler", "moyai-console")


@pytest.fixture
def settings(installation: Installation) -> Settings:
    """The first host."""
    return Settings.from_environment(installation.environment())


@pytest.fixture
def second(installation: Installation, tmp_path: Path) -> dict[str, str]:
    """A second host: another home, the same Keycloak."""
    return installation.environment() | {"MOYAI_HOME": str(tmp_path / "second")}


@pytest.fixture
def put_right(installation: Installation, settings: Settings) -> Iterator[None]:
    """The session's installation goes on with one key an account, whatever the test leaves behind."""
    yield
    for key in installation.keys.accounts:
        if key.find(KeyState.NEXT) is not None:
            key.use_next()
        key.remove_former()
    assert configure(settings, replace_keys=True).in_sync


def _published(installation: Installation) -> dict[str, frozenset[str]]:
    """Client → ids of the keys that Keycloak holds for it, the same in both realms."""
    found = [
        {
            row["clientId"]: key_ids(attribute(row, "jwks.string"))
            for row in installation.as_administrator(realm).read_pages("clients")
            if row["clientId"] in CLIENTS
        }
        for realm in Realm
    ]
    assert found[1].items() <= found[0].items()
    return found[0]


def _run(*words: str, env: dict[str, str]) -> tuple[int, dict[str, object]]:
    done = CliRunner().invoke(main, [*words, "--json"], env=env, catch_exceptions=False)
    return done.exit_code, json.loads(done.stdout)


def test_a_second_host_with_keys_of_its_own_is_refused_and_changes_nothing(
    installation: Installation, second: dict[str, str]
) -> None:
    before = _published(installation)

    with counted_calls() as calls:
        code, answer = _run("keycloak", "configure", env=second)
        with pytest.raises(Conflict) as at_start:
            check_keys(Settings.from_environment(second))

    assert (code, answer["error"]["code"]) == (1, "keycloak.foreign_keys")  # type: ignore[index]
    assert all(client in answer["error"]["message"] for client in CLIENTS)  # type: ignore[index]
    assert at_start.value.code == "keycloak.keys_not_accepted"
    assert calls.writes == []
    assert _published(installation) == before
    assert installation.configure(check=True).in_sync
    code, checked = _run("keycloak", "configure", "--check", env=second)
    assert code == 1
    assert {one["field"] for one in checked["differences"]} == {"attributes.jwks.string"}  # type: ignore[attr-defined]


def test_a_second_host_with_the_first_ones_keys_writes_nothing(
    installation: Installation, second: dict[str, str]
) -> None:
    shared = second | {"MOYAI_KEYS_DIR": str(installation.home / "keys")}

    with counted_calls() as calls:
        answer = configure(Settings.from_environment(shared))
        check_keys(Settings.from_environment(shared))

    assert (answer.in_sync, answer.writes, calls.writes) == (True, 0, [])


def test_keys_are_replaced_when_that_is_asked_for(
    installation: Installation, second: dict[str, str], put_right: None
) -> None:
    code, answer = _run("keycloak", "configure", "--replace-keys", env=second)

    assert (code, answer["in_sync"]) == (0, True)
    check_keys(Settings.from_environment(second))
    with pytest.raises(Conflict):
        check_keys(Settings.from_environment(installation.environment()))


def test_a_host_whose_copy_is_older_than_a_rotation_takes_nothing_back(
    installation: Installation, settings: Settings, second: dict[str, str], tmp_path: Path, put_right: None
) -> None:
    former = tmp_path / "former"
    former.mkdir(mode=0o700)
    for key in installation.keys.accounts:
        (former / key.path().name).write_text(key.current.private_pem)
    behind = second | {"MOYAI_KEYS_DIR": str(former), "MOYAI_SESSION_SECRET_FILE": str(former / "none")}
    rotate(settings, lambda kids: None)
    after = _published(installation)

    code, answer = _run("keycloak", "configure", env=behind)

    assert (code, answer["error"]["code"]) == (1, "keycloak.foreign_keys")  # type: ignore[index]
    assert _published(installation) == after
    # It may go on signing until its copy is renewed, and no longer than until the former key is withdrawn.
    check_keys(Settings.from_environment(behind))
    retire(settings, lambda kids: None)
    with pytest.raises(Conflict):
        check_keys(Settings.from_environment(behind))


def test_what_keeps_the_rotation_from_being_recorded_leaves_the_present_key_in_use(
    installation: Installation, settings: Settings, put_right: None
) -> None:
    before = {key.account: key.kid for key in installation.keys.accounts}

    def refuse(kids: tuple[str, ...]) -> None:
        raise NotAllowed(message("test.no_record", ja="記録できません。", en="Not recorded."))

    with pytest.raises(NotAllowed):
        rotate(settings, refuse)

    assert {key.account: key.kid for key in installation.keys.accounts} == before
    assert all(len(kids) == 2 for kids in _published(installation).values())
    check_keys(settings)

    following = {key.account: key.published[KeyState.NEXT].kid for key in installation.keys.accounts}
    assert set(rotate(settings, lambda kids: None)) == set(following.values())
    assert {key.account: key.kid for key in installation.keys.accounts} == following


def test_the_commands_rotate_and_retire_and_both_are_audit_events(
    installation: Installation,
    postgresql: PostgreSQL,
    database: Flask,
    database_name: str,
    operator_tenant: UUID,
    put_right: None,
) -> None:
    env = installation.environment() | postgresql.urls(database_name)
    before = {key.kid for key in installation.keys.accounts}
    assert _run("keys", "retire", env=env)[1]["error"]["code"] == "keys.nothing_to_retire"  # type: ignore[index]

    code, rotated = _run("keys", "rotate", env=env)
    again, refused = _run("keys", "rotate", env=env)

    assert (code, again) == (0, 1)
    assert refused["error"]["code"] == "keys.former_left"  # type: ignore[index]
    after = {key.kid for key in installation.keys.accounts}
    assert set(rotated["rotated"]) == after  # type: ignore[call-overload]
    assert not after & before
    assert set().union(*_published(installation).values()) == before | after
    code, retired = _run("keys", "retire", env=env)
    assert (code, set(retired["retired"])) == (0, before)  # type: ignore[call-overload]
    assert set().union(*_published(installation).values()) == after
    with tenant_scope(OPERATOR):
        events = [
            *queries.events(db.session(), event="keys.rotated"),
            *queries.events(db.session(), event="keys.retired"),
        ]
    assert [set(event.facts["kids"]) for event in events] == [after, before]
    assert "PRIVATE" not in str([event.facts for event in events])


@pytest.mark.slow
def test_no_sign_in_fails_while_the_keys_are_rotated(
    installation: Installation,
    settings: Settings,
    identities: KeycloakIdentities,
    municipality: Municipality,
    put_right: None,
) -> None:
    municipality.onboard(identities)
    # Keycloak lets one person sign in once at a time: each of several signs in again and again.
    people = [municipality.person("tenant-owner") for _ in range(PEOPLE)]
    identities.ensure_people(municipality.tenant_id, people)
    passwords = ExamplePasswords(installation.server.url, installation.keys, example=True)
    for person in people:
        passwords.set(person.person_id, PASSWORD)
    scope = f"openid organization:{municipality.organization.alias}"
    kids_used: set[str] = set()
    signed_in: list[str] = []
    rotating = threading.Event()

    def sign_in_again_and_again(person: PersonIntent) -> None:
        try:
            for _ in range(SIGN_INS // PEOPLE):
                kids_used.add(installation.keys.console.kid)
                tokens = Browser(installation).sign_in(person.email, PASSWORD, scope)
                check_keys(settings)
                signed_in.append(str(tokens.access["sub"]))
                if len(signed_in) > SIGN_INS // 5:
                    rotating.set()
        finally:
            rotating.set()

    with ThreadPoolExecutor(PEOPLE) as pool:
        under_way = [pool.submit(sign_in_again_and_again, person) for person in people]
        rotating.wait()
        rotate(settings, lambda kids: None)
        done_at_rotation = len(signed_in)
        for one in under_way:
            one.result()
    retire(settings, lambda kids: None)

    ids = {found.username: found.id for found in identities.describe_tenant(municipality.tenant_id).people}
    assert sorted(signed_in) == sorted([ids[person.username] for person in people] * (SIGN_INS // PEOPLE))
    assert 0 < done_at_rotation < SIGN_INS
    assert len(kids_used) == 2
    check_keys(settings)


def test_a_key_that_was_withdrawn_is_refused_at_once(
    installation: Installation, settings: Settings, put_right: None
) -> None:
    stolen = SigningKey(installation.keys.console.current.private_pem)
    rotate(settings, lambda kids: None)
    browser = Browser(installation)
    browser._key = stolen
    assert browser.ask_token(grant_type="refresh_token", refresh_token="x").json()["error"] == "invalid_grant"

    retire(settings, lambda kids: None)

    assert browser.ask_token(grant_type="refresh_token", refresh_token="x").json()["error"] == "invalid_client"
