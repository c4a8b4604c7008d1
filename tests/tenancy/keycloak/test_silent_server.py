"""A server that accepts and never answers: who waits for a connection does not wait for the server after that."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any

import pytest

from admin.operations.readiness import wait_until
from governance.kernel.concurrency import ParallelMap
from governance.kernel.deadlines import WaitLimits, wait_limits
from tenancy.keycloak.connection import NoResponse, RealmConnection, SecretCredential
from tenancy.keycloak.port import Realm

CONNECTIONS = 2
CALLERS = 8


class SilentServer:
    """Gives tokens, and answers nothing else until it is closed."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        over, asked = threading.Event(), self.asked

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = json.dumps({"access_token": "x", "expires_in": 300}).encode()
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_GET(self) -> None:
                asked.append(self.path)
                over.wait()

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        self._over = over
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def silent() -> Iterator[SilentServer]:
    server = SilentServer()
    yield server
    server.close()


def test_only_as_many_wait_for_a_silent_server_as_there_are_connections(silent: SilentServer) -> None:
    connection = RealmConnection(silent.url, Realm.TENANTS, SecretCredential("moyai", "secret"), threads=CONNECTIONS)
    connection.get_token()

    def ask(number: int) -> str:
        try:
            connection.read(f"users/{number}")
        except NoResponse as refusal:
            return refusal.code
        return "answered"

    with wait_limits(WaitLimits(one=0.5, total=30)), ParallelMap(CALLERS, "caller") as callers:
        answers = callers.map(ask, range(CALLERS))

    assert set(answers) == {"keycloak.no_answer"}
    assert len(silent.asked) == CONNECTIONS


def test_whoever_waits_for_a_connection_waits_no_longer_than_the_request_may(silent: SilentServer) -> None:
    connection = RealmConnection(silent.url, Realm.TENANTS, SecretCredential("moyai", "secret"), threads=1)
    connection.get_token()
    others = ParallelMap(1, "other")
    with wait_limits(WaitLimits(one=6, total=30)):
        other = others.start(lambda: connection.read("users/1"))
    assert wait_until(lambda: bool(silent.asked), seconds=10)

    began = monotonic()
    with wait_limits(WaitLimits(one=3, total=0.5)), pytest.raises(NoResponse):
        connection.read("users/2")
    waited = monotonic() - began

    assert not other.done()
    assert waited < 3
    silent.close()
    assert other.exception() is not None
    others.close()
    assert not any(path.endswith("users/2") for path in silent.asked)
