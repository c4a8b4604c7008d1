"""A lost race is not a refusal: what two writers of one person meet in Keycloak is tried again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from operator import itemgetter
from uuid import UUID

import pytest

from admin.operations.person_locks import LOCK_SECONDS, PersonLocks
from governance.kernel.errors import DependencyUnavailable
from governance.kernel.ids import new_id
from tenancy.keycloak.connection import (
    AlreadyExists,
    ConcurrentChange,
    NoResponse,
    RealmConnection,
    Rejected,
    SecretCredential,
)
from tenancy.keycloak.port import Realm
from tests.servers import PostgreSQL
from tests.slow import slow_except
from tests.tenancy.keycloak.installation import Installation, Municipality
from tests.tenancy.keycloak.two_writers import TwoWriters


def test_two_writers_of_one_person_are_never_refused_and_the_last_word_holds(
    installation: Installation, municipality: Municipality
) -> None:
    writers = TwoWriters(installation, municipality, seed=2026)
    try:
        assert writers.run(rounds=12) == []
        member, groups, operator, roles = writers.settle()
    finally:
        writers.close()
    assert groups == member
    assert roles == operator


class ScriptedKeycloak:
    """Gives tokens, and to everything else the next answer of its script; 204 when that is over."""

    def __init__(self) -> None:
        self.script: list[tuple[int, str]] = []
        self.asked = 0
        scripted = self

        class Answer(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path.endswith("/token"):
                    status, body = 200, '{"access_token": "x", "expires_in": 300}'
                else:
                    scripted.asked += 1
                    status, body = scripted.script.pop(0) if scripted.script else (204, "")
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST = do_PUT = do_DELETE = _answer

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def scripted() -> Iterator[ScriptedKeycloak]:
    server = ScriptedKeycloak()
    yield server
    server.close()


@pytest.fixture
def connection(scripted: ScriptedKeycloak) -> RealmConnection:
    return RealmConnection(scripted.url, Realm.TENANTS, SecretCredential("x", "y"), home_realm="master")


LOST_RACES = [
    (400, '{"error": "invalid_request", "error_description": "Could not add user role or group mappings!"}'),
    (409, '{"errorMessage": "Row was updated or deleted by another transaction"}'),
    (500, '{"error": "unknown_error", "error_description": "org.hibernate.StaleObjectStateException"}'),
    (500, '{"error": "deadlock detected"}'),
]


@pytest.mark.parametrize(("status", "body"), slow_except({400}, LOST_RACES, by=itemgetter(0)))
def test_a_write_that_lost_a_race_is_sent_again(
    scripted: ScriptedKeycloak, connection: RealmConnection, status: int, body: str
) -> None:
    scripted.script = [(status, body)] * 3

    connection.replace("users/1/groups/2")

    assert scripted.asked == 4


@pytest.mark.slow
def test_a_write_that_loses_every_race_is_tried_later_and_is_not_final(
    scripted: ScriptedKeycloak, connection: RealmConnection
) -> None:
    scripted.script = [LOST_RACES[0]] * 20

    with pytest.raises(ConcurrentChange) as lost:
        connection.create("users/1/role-mappings/clients/2", [])

    assert isinstance(lost.value, DependencyUnavailable)
    assert scripted.asked == 6


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        ((400, '{"errorMessage": "Password policy not met"}'), Rejected),
        ((409, '{"errorMessage": "User exists with same email"}'), AlreadyExists),
        ((400, '{"errorMessage": "Duplicate resource error"}'), AlreadyExists),
        ((500, '{"error": "unknown_error"}'), NoResponse),
    ],
)
def test_a_real_refusal_is_sent_once(
    scripted: ScriptedKeycloak, connection: RealmConnection, answer: tuple[int, str], meaning: type[Exception]
) -> None:
    scripted.script = [answer] * 9

    with pytest.raises(meaning):
        connection.replace("users/1", {})

    assert scripted.asked == 1


def test_what_was_made_of_what_was_read_is_not_sent_again_as_it_is(
    scripted: ScriptedKeycloak, connection: RealmConnection
) -> None:
    scripted.script = [LOST_RACES[1]] * 9

    with pytest.raises(ConcurrentChange):
        connection.replace_as_read("users/1", {})

    assert scripted.asked == 1


@pytest.mark.slow
def test_one_process_at_a_time_writes_a_person(postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("admin.operations.person_locks.LOCK_SECONDS", 1)
    assert LOCK_SECONDS == 10
    locks = PersonLocks(lambda: postgresql.app_url("moyai_template"))
    one, other, third = new_id(), new_id(), new_id()

    def write(*people: UUID) -> None:
        with locks.hold(people):
            pass

    with locks.hold([one, other]):
        write(third)
        with pytest.raises(DependencyUnavailable):
            write(third, other)
    write(one, other, third)
