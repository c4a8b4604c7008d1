"""`/healthz`, `/readyz` and `/metrics` on a port of their own: a program that the web server starts beside itself.

PostgreSQL is asked over connections that nothing else uses, within three seconds. The web server writes to standard
input (`admin.operations.health_process`): first, on one line, where to listen and whom to ask, then a line a second
that says whether it holds Keycloak's keys. Of several processes that share the port each answers for itself; in the
metrics their requests add up.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any, Final

import psycopg

from admin.operations.metrics.scrape import CONTENT_TYPE, Scraper, ScrapeSources
from admin.operations.ports import family
from admin.operations.schema_version import newest_version
from governance.kernel.deadline_connection import DeadlineConnection

LISTENING: Final = "listening"
"""What the program prints once it listens; otherwise it prints why not."""

METRICS_PATH: Final = "/metrics"

SILENT_SECONDS: Final = 10.0
"""A web server that has not written for so long is not alive, though its process may be there."""

_ANSWER_SECONDS: Final = 2.0
_KEPT_SECONDS: Final = 1.0
"""Whoever asks more often than that is given the last answer again."""

_CALLER_SECONDS: Final = 2.0
_SCHEMA = "SELECT version_num FROM alembic_version"


class PostgresqlProbe:
    """Asks PostgreSQL for the version of the schema, one question at a time."""

    def __init__(self, url: str) -> None:
        """`url` is SQLAlchemy's, as the application's role."""
        self._address = url.replace("postgresql+psycopg://", "postgresql://", 1)
        self._connection: DeadlineConnection[tuple[Any, ...]] | None = None
        self._guard = threading.Lock()
        self._asked_at = float("-inf")
        self._version: str | None = None

    def schema_version(self) -> str | None:
        """The version, such as "0008"; None while PostgreSQL does not answer."""
        with self._guard:
            if monotonic() - self._asked_at > _KEPT_SECONDS:
                self._version = self._ask()
                self._asked_at = monotonic()
            return self._version

    def _ask(self) -> str | None:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = DeadlineConnection.connect(self._address, autocommit=True)
                self._connection.own_limit_seconds = _ANSWER_SECONDS
            row = self._connection.execute(_SCHEMA).fetchone()
        except psycopg.Error:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            return None
        return None if row is None else str(row[0])


def readiness(schema: str | None, *, has_keys: bool) -> tuple[dict[str, object], int]:
    """The body and status of `/readyz`: what is there and what is not, and nothing else.

    A database that was migrated past this code is not ready for it: whoever sends requests here is to stop.
    """
    wanted = newest_version()
    ready = schema == wanted
    body: dict[str, object] = {
        "ready": ready,
        "postgresql": schema is not None,
        "schema": schema,
        "schema_of_code": wanted,
        "keycloak_keys_held": has_keys,
    }
    return body, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE


class Heartbeat:
    """What the web server said last, and when."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """`clock` gives seconds, from whatever beginning."""
        self._clock = clock
        self._heard_at = clock()
        self.has_keys = False

    @property
    def is_alive(self) -> bool:
        """Whether it said something within the last ten seconds."""
        return self._clock() - self._heard_at < SILENT_SECONDS

    def follow(self, lines: Iterable[str]) -> None:
        """Take in each line, "1" where it holds Keycloak's keys; returns when there is none to come."""
        for line in lines:
            self._heard_at = self._clock()
            self.has_keys = line.strip() == "1"


class HealthListener:
    """Answers at an IP address and port of this machine from `start` until the process ends."""

    def __init__(
        self, address: str, port: int, probe: PostgresqlProbe, heartbeat: Heartbeat, scraper: Scraper | None = None
    ) -> None:
        self._scraper = scraper
        self._address = address
        self._port = port
        self._probe = probe
        self._heartbeat = heartbeat

    def start(self) -> None:
        """Listen. Raises OSError where the port is another's."""
        listener = self

        class Answer(BaseHTTPRequestHandler):
            timeout = _CALLER_SECONDS

            def do_GET(self) -> None:
                path, scraper = self.path.partition("?")[0], listener._scraper
                if path == METRICS_PATH and scraper is not None and scraper.answers(self.client_address[0]):
                    self._send(HTTPStatus.OK, CONTENT_TYPE, scraper.content())
                    return
                body, status = listener._answer(path)
                self._send(status, "application/json", json.dumps(body).encode())

            def _send(self, status: int, content_type: str, content: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Cache-Control", "no-store")
                if status == HTTPStatus.SERVICE_UNAVAILABLE:
                    self.send_header("Retry-After", "5")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: a proxy asks every few seconds."""

        listening = type("Listening", (_SharedPortServer,), {"address_family": family(self._address)})
        server = listening((self._address, self._port), Answer)
        threading.Thread(target=server.serve_forever, name="health", daemon=True).start()

    def _answer(self, path: str) -> tuple[dict[str, object], int]:
        if path == "/healthz":
            alive = self._heartbeat.is_alive
            return {"alive": alive}, HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE
        if path == "/readyz":
            body, status = readiness(self._probe.schema_version(), has_keys=self._heartbeat.has_keys)
            if not self._heartbeat.is_alive:
                return {**body, "ready": False}, HTTPStatus.SERVICE_UNAVAILABLE
            return body, status
        if path == METRICS_PATH and self._scraper is not None:
            return {"status": 403}, HTTPStatus.FORBIDDEN
        return {"status": 404}, HTTPStatus.NOT_FOUND


class _SharedPortServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()


def main() -> None:
    """Answer until standard input ends, as it does with the process at its other end."""
    # Ctrl-C goes to every process of the group; the web server ends in its own order, and this one with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    start = json.loads(sys.stdin.readline())
    heartbeat = Heartbeat()
    sources = start["metrics"]
    scraper = None
    if sources is not None:
        scraper = Scraper(ScrapeSources(**sources), start["url"], lambda: heartbeat.is_alive)
    listener = HealthListener(start["address"], start["port"], PostgresqlProbe(start["url"]), heartbeat, scraper)
    try:
        listener.start()
    except OSError as failure:
        sys.stdout.write(f"{failure}\n")
        return
    sys.stdout.write(f"{LISTENING}\n")
    sys.stdout.flush()
    heartbeat.follow(sys.stdin)
    if scraper is not None:
        scraper.end()
    # A question to a frozen PostgreSQL may be waiting; nobody waits for its answer any more.
    os._exit(0)


if __name__ == "__main__":
    main()
