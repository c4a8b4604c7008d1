"""The web server as `moyai up` starts it: half-sent bodies take no thread, frozen servers no answer away."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import tempfile
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import psutil
import psycopg
import pytest

from admin.app import create_app
from admin.core.request_checks import MAX_BODY_BYTES, MAX_FORM_BYTES, MAX_REPORT_BYTES, body_limit
from admin.identity.sessions import COOKIE
from admin.migrations.apply import migrate_url
from admin.operations import services
from admin.operations.readiness import wait_until
from admin.operations.request_server import BODY_SECONDS, THREADS
from admin.operations.settings import Settings
from governance.kernel.database import db, dispose_engines
from governance.permissions import Role
from tests import servers
from tests.actors import seed_operator
from tests.admin.visitors import visit
from tests.factories import Visitors
from tests.ports import find_free_port_range

CLIENTS = 16
NO_ANSWER_SECONDS = 20
"""What hangs has not answered by then. How soon an answer comes depends on the machine and is not tested."""


@dataclass
class WebServer:
    """The running server, with a browser of an operator's auditor and the server's own log."""

    settings: Settings
    postgresql: servers.PostgreSQL
    cookie: str
    log: Path
    client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=NO_ANSWER_SECONDS))

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.settings.port

    def health(self, path: str) -> tuple[float, httpx.Response]:
        began = monotonic()
        answer = self.client.get(f"http://127.0.0.1:{self.settings.health_port}{path}")
        return monotonic() - began, answer

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(
            f"http://127.0.0.1:{self.settings.port}{path}",
            headers={"Cookie": self.cookie, "Accept": "text/html", **headers},
        )


@pytest.fixture(scope="module")
def web_server() -> Iterator[WebServer]:
    """granian with the whole application, a PostgreSQL of its own, and a Keycloak that accepts and never answers."""
    with tempfile.TemporaryDirectory(prefix="moyai-test-") as name, socket.socket() as keycloak:
        folder = Path(name)
        folder.chmod(0o711)
        keycloak.bind(("127.0.0.1", 0))
        keycloak.listen(64)
        postgresql = servers.start_postgresql(folder)
        try:
            with psycopg.connect(servers.libpq(postgresql.superuser_url), autocommit=True) as connection:
                connection.execute("CREATE DATABASE moyai OWNER moyai_owner")
            migrate_url(postgresql.owner_url("moyai"))
            port = find_free_port_range()
            settings = Settings.from_environment(
                {
                    "MOYAI_HOME": str(folder / "home"),
                    "MOYAI_PORT": str(port),
                    **postgresql.urls("moyai"),
                    "KEYCLOAK_URL": f"http://127.0.0.1:{keycloak.getsockname()[1]}",
                }
            )
            cookie = _sign_in(settings)
            service = services.web(settings)
            log = folder / "web.log"
            with log.open("ab") as file:
                process = subprocess.Popen(service.command(), env=dict(service.environment), stdout=file, stderr=file)
            try:
                assert wait_until(service.is_ready, seconds=60), log.read_text()
                yield WebServer(settings, postgresql, cookie, log)
            finally:
                process.terminate()
                process.wait(timeout=30)
        finally:
            postgresql.stop()


def _sign_in(settings: Settings) -> str:
    app = create_app(settings)
    with app.app_context():
        person = Visitors().person(seed_operator(), Role.OPERATOR_AUDITOR)
        browser = visit(app, "https://localhost", person)
        cookie = browser.get_cookie(COOKIE, domain="localhost")
        assert cookie is not None
        db.session.remove()
        dispose_engines()
    return f"{COOKIE}={cookie.value}"


def _ask_for(web: WebServer, seconds: float, *paths: str) -> list[tuple[float, int]]:
    """What CLIENTS clients get who ask for so long, five times a second at most, each request with its seconds."""
    end = monotonic() + seconds
    between = threading.Event()
    answers: list[tuple[float, int]] = []

    def client(number: int) -> None:
        for path in cycle(paths[number % len(paths) :] + paths[: number % len(paths)]):
            began = monotonic()
            answer = web.get(path)
            answers.append((monotonic() - began, answer.status_code))
            if monotonic() > end:
                return
            between.wait(0.2)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.slow
@pytest.mark.parametrize("whole", [True, False], ids=["postgresql", "only its postmaster"])
def test_with_postgresql_frozen_every_request_is_answered_and_health_does_not_wait_for_the_others(
    web_server: WebServer, whole: bool
) -> None:
    assert web_server.get("/").status_code == 200
    pid = web_server.postgresql.pid
    seen: list[tuple[float, int]] = []
    health: list[float] = []
    processes = [psutil.Process(pid), *(psutil.Process(pid).children(recursive=True) if whole else [])]
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        asking = threading.Thread(target=lambda: seen.extend(_ask_for(web_server, 6, "/", "/tenants", "/readyz")))
        asking.start()
        while asking.is_alive():
            asking.join(0.05)
            health.append(web_server.health("/healthz")[0])
            if whole:
                seconds, ready = web_server.health("/readyz")
                assert ready.status_code == 503
                assert ready.json()["schema"] is None
                assert ready.headers["Retry-After"] == "5"
                assert seconds < NO_ANSWER_SECONDS
        if whole:
            _, scraped = web_server.health("/metrics")
            assert scraped.status_code == 200
            # Keycloak never answers here.
            for up in ("moyai_database_up 0.0", "moyai_keycloak_up 0.0", "moyai_web_up 1.0"):
                assert f"\n{up}\n" in scraped.text
            assert "moyai_jobs_oldest_seconds{" not in scraped.text
            assert 'moyai_http_requests_total{endpoint="/tenants",method="GET",status="503"}' in scraped.text
    finally:
        for process in processes:
            os.kill(process.pid, signal.SIGCONT)

    assert wait_until(lambda: web_server.get("/").status_code == 200, seconds=5)
    assert wait_until(lambda: web_server.health("/readyz")[1].status_code == 200, seconds=5)
    assert len(seen) >= CLIENTS
    waited = [seconds for seconds, _ in seen]
    assert max(waited) < NO_ANSWER_SECONDS
    assert {status for _, status in seen} <= ({503} if whole else {200, 503})
    if whole:
        assert max(health) < max(waited) / 2
    assert web_server.health("/readyz")[1].json() == {
        "ready": True,
        "postgresql": True,
        "schema": _newest_migration(),
        "schema_of_code": _newest_migration(),
        "keycloak_keys_held": False,
    }


def test_with_keycloak_frozen_what_needs_it_says_so_in_time_and_the_rest_goes_on(web_server: WebServer) -> None:
    began = monotonic()
    answer = web_server.get("/api/v1/tenants", Authorization=f"Bearer {_unverifiable(web_server)}")

    assert answer.status_code == 503
    assert answer.json()["code"] == "token.keys_unavailable"
    assert answer.headers["Retry-After"] == "5"
    assert monotonic() - began < NO_ANSWER_SECONDS
    assert web_server.get("/").status_code == 200


@pytest.mark.slow
def test_half_sent_bodies_take_no_thread_and_end_in_ten_seconds(web_server: WebServer) -> None:
    began = monotonic()
    with _half_sent(web_server, 4 * THREADS) as connections:
        times = []
        while monotonic() - began < 4:
            asked = monotonic()
            assert web_server.get("/").status_code == 200
            times.append(monotonic() - asked)
        ended = [_rest_of(connection) for connection in connections]
        lasted = monotonic() - began

    assert max(times) < BODY_SECONDS / 2
    assert lasted < 2 * BODY_SECONDS
    assert {answer.split(b"\r\n", 1)[0] for answer in ended} == {b"HTTP/1.1 408 Request Timeout"}


@contextmanager
def _half_sent(web: WebServer, count: int) -> Iterator[list[socket.socket]]:
    connections = []
    for number in range(count):
        path, cookie = [("/csp-report", ""), ("/backchannel-logout", ""), ("/logout", f"Cookie: {web.cookie}\r\n")][
            number % 3
        ]
        connection = socket.create_connection(web.address)
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{cookie}"
        # Some say how much will come, some do not; some go on sending a little now and then.
        length = "Content-Length: 1000" if number % 2 else "Transfer-Encoding: chunked"
        kind = "Content-Type: application/x-www-form-urlencoded"
        begun = "abc" if number % 2 else "3\r\nabc"
        connection.sendall(f"{head}{kind}\r\n{length}\r\n\r\n{begun}".encode())
        connections.append(connection)
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()


def _rest_of(connection: socket.socket) -> bytes:
    """What the server says until it hangs up, in 15 seconds at most."""
    said = b""
    end = monotonic() + 15
    while monotonic() < end:
        readable, _, _ = select.select([connection], [], [], 1)
        if readable:
            more = connection.recv(4096)
            if not more:
                return said
            said += more
    raise AssertionError("the connection was not ended")


def test_a_body_above_its_bound_is_refused_before_it_is_sent(web_server: WebServer) -> None:
    for path, cookie, length in (
        ("/csp-report", "", MAX_REPORT_BYTES + 1),
        ("/backchannel-logout", web_server.cookie, MAX_REPORT_BYTES + 1),
        ("/costs/record", "", MAX_REPORT_BYTES + 1),
        ("/costs/record", web_server.cookie, MAX_FORM_BYTES + 1),
    ):
        with socket.create_connection(web_server.address) as connection:
            connection.sendall(
                f"POST {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nContent-Length: {length}\r\n"
                "Content-Type: application/x-www-form-urlencoded\r\nAccept-Language: en\r\n\r\n".encode()
            )
            answer = _rest_of(connection)
        assert answer.startswith(b"HTTP/1.1 413 "), path
        assert b"The request is too large." in answer


def test_bodies_are_bound_by_who_sends_them_and_to_what() -> None:
    signed_in = {"cookie": f"other=1; {COOKIE}=x"}
    form = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}

    assert body_limit("/costs/record", {}) == MAX_REPORT_BYTES
    assert body_limit("/csp-report", signed_in) == MAX_REPORT_BYTES
    assert body_limit("/costs/record", signed_in | form) == MAX_FORM_BYTES
    assert body_limit("/tenants/import", signed_in | {"content-type": "multipart/form-data"}) == MAX_BODY_BYTES
    assert body_limit("/api/v1/tenants", {"authorization": "Bearer x"}) == MAX_BODY_BYTES


def test_what_a_request_says_reaches_the_application_as_it_was_sent(web_server: WebServer) -> None:
    with socket.create_connection(web_server.address) as connection:
        connection.sendall(b"GET /tenants?q=%E5%B1%B1 HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        assert _rest_of(connection).startswith(b"HTTP/1.1 400 ")  # TRUSTED_HOSTS reads Host
    answer = web_server.get("/tenants?q=%E5%B1%B1%E9%B9%BF", Cookie="")
    assert answer.status_code == 303
    assert parse_qs(urlsplit(answer.headers["Location"]).query) == {"next": ["/tenants?q=%E5%B1%B1%E9%B9%BF"]}
    assert web_server.get("/does/not/exist/%E3%81%82").status_code == 404
    head = web_server.client.head(f"http://127.0.0.1:{web_server.settings.port}/login")
    assert (head.status_code, head.content) == (200, b"")


def test_a_header_that_only_looks_like_the_proxys_does_not_count(web_server: WebServer) -> None:
    with socket.create_connection(web_server.address) as connection:
        connection.sendall(
            b"GET /login HTTP/1.1\r\nHost: localhost\r\nAccept_Language: en\r\nConnection: close\r\n\r\n"
        )
        assert b'lang="ja"' in _rest_of(connection)


def _unverifiable(web: WebServer) -> str:
    def part(value: Any) -> str:
        return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    issuer = f"{web.settings.keycloak_url}/realms/moyai-operators"
    return f"{part({'alg': 'RS256', 'kid': 'x', 'typ': 'JWT'})}.{part({'iss': issuer})}.{part('x')}"


def _newest_migration() -> str:
    return max(path.name[:4] for path in Path("admin/migrations/versions").glob("0*.py"))
