"""`/healthz` and `/readyz` on a port of their own, so that they are answered whatever the requests wait for.

One thread of the web server's process listens; PostgreSQL is asked over a connection that nothing else uses, within
three seconds. Each process of several that share the port answers for itself (SO_REUSEPORT).
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any, Final

import psycopg

from admin.operations.ports import LOOPBACK
from governance.kernel.deadline_connection import DeadlineConnection

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

    def close(self) -> None:
        """Close the connection."""
        with self._guard:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

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
    """The body and status of `/readyz`: what is there and what is not, and nothing else."""
    ready = schema is not None
    body: dict[str, object] = {"ready": ready, "postgresql": ready, "schema": schema, "keycloak_keys_held": has_keys}
    return body, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE


class HealthListener:
    """Answers on 127.0.0.1:`port` from `start` to `stop`."""

    def __init__(self, port: int, probe: PostgresqlProbe, has_keys: Callable[[], bool]) -> None:
        self._port = port
        self._probe = probe
        self._has_keys = has_keys
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Listen. Raises OSError where the port is another's."""
        listener = self

        class Answer(BaseHTTPRequestHandler):
            timeout = _CALLER_SECONDS

            def do_GET(self) -> None:
                body, status = listener._answer(self.path.partition("?")[0])
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Cache-Control", "no-store")
                if status == HTTPStatus.SERVICE_UNAVAILABLE:
                    self.send_header("Retry-After", "5")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: a proxy asks every few seconds."""

        self._server = _SharedPortServer((LOOPBACK, self._port), Answer)
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        self._probe.close()

    def _answer(self, path: str) -> tuple[dict[str, object], int]:
        if path == "/healthz":
            return {"alive": True}, HTTPStatus.OK
        if path == "/readyz":
            return readiness(self._probe.schema_version(), has_keys=self._has_keys())
        return {"status": 404}, HTTPStatus.NOT_FOUND


class _SharedPortServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()
