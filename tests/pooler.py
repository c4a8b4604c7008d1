"""A connection pooler as small as can be: what PgBouncer does with sessions, for machines that have none.

It answers a client's start itself, refuses the parameter `options`, and announces itself with a number of its own.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from collections import defaultdict
from typing import Any, Self

import psycopg

_SSL, _GSS, _CANCEL = 80877103, 80877104, 80877102
_NUMBER = 4_000_000


class Pooler:
    """Serves at `port` what `urls` name by role (libpq's addresses). Use it in a `with`.

    With `shares` a session is anybody's after each transaction (pool_mode=transaction), else its client's to the end.
    `size` is how many sessions of a role there may be; who comes later waits.
    """

    def __init__(self, urls: dict[str, str], *, shares: bool, size: int = 20) -> None:
        self._urls = urls
        self._shares = shares
        self._free: dict[str, threading.BoundedSemaphore] = defaultdict(lambda: threading.BoundedSemaphore(size))
        self._idle: dict[str, list[_Session]] = defaultdict(list)
        self._guard = threading.Lock()
        self._clients: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._listener.close()
        with self._guard:
            for client in self._clients:
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
            for session in [one for idle in self._idle.values() for one in idle]:
                session.close()

    def url(self, direct: str) -> str:
        """SQLAlchemy's or libpq's address of a database, by way of the pooler; no password is asked for."""
        head, _, rest = direct.rpartition("@")
        return f"{head}@127.0.0.1:{self.port}/{rest.partition('/')[2]}"

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with self._guard:
                    self._clients.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError, psycopg.Error), client:
            role = self._begin(client)
            if role is not None:
                self._pass_on(client, role)

    def _begin(self, client: socket.socket) -> str | None:
        while True:
            (length,) = struct.unpack("!i", _read(client, 4))
            body = _read(client, length - 4)
            (code,) = struct.unpack("!i", body[:4])
            if code == _CANCEL:
                return None
            if code not in (_SSL, _GSS):
                break
            client.sendall(b"N")
        words = body[4:].split(b"\0")
        given = dict(zip(words[::2], words[1::2], strict=False))
        if b"options" in given:
            said = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
            client.sendall(_message(b"E", said))
            return None
        parameters = {
            "server_version": "18.4",
            "client_encoding": "UTF8",
            "standard_conforming_strings": "on",
            "DateStyle": "ISO, MDY",
            "TimeZone": "UTC",
            "integer_datetimes": "on",
        }
        answer = _message(b"R", struct.pack("!i", 0))
        for name, value in parameters.items():
            answer += _message(b"S", f"{name}\0{value}\0".encode())
        client.sendall(answer + _message(b"K", struct.pack("!ii", _NUMBER, 1)) + _message(b"Z", b"I"))
        return given[b"user"].decode()

    def _pass_on(self, client: socket.socket, role: str) -> None:
        session: _Session | None = None
        try:
            while True:
                kind, message = _read_message(client)
                if kind == b"X":
                    return
                session = session or self._take(role)
                session.socket.sendall(message)
                if kind not in (b"Q", b"S"):
                    continue
                while True:
                    answered, message = _read_message(session.socket)
                    client.sendall(message)
                    if answered == b"Z":
                        break
                if self._shares and message[-1:] == b"I":
                    self._leave(role, session)
                    session = None
        finally:
            if session is not None:
                session.close()
                self._free[role].release()

    def _take(self, role: str) -> _Session:
        with self._guard:
            if self._idle[role]:
                return self._idle[role].pop()
        self._free[role].acquire()
        return _Session(self._urls[role])

    def _leave(self, role: str, session: _Session) -> None:
        with self._guard:
            self._idle[role].append(session)


class _Session:
    """A session of PostgreSQL: signed in by psycopg, then used as bare bytes."""

    def __init__(self, url: str) -> None:
        self._connection: psycopg.Connection[Any] = psycopg.connect(url)
        self.socket = socket.socket(fileno=os.dup(self._connection.fileno()))
        self.socket.setblocking(True)

    def close(self) -> None:
        self.socket.close()
        self._connection.close()


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _read_message(source: socket.socket) -> tuple[bytes, bytes]:
    head = _read(source, 5)
    (length,) = struct.unpack("!i", head[1:])
    return head[:1], head + _read(source, length - 4)


def _read(source: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        more = source.recv(length - len(found))
        if not more:
            raise EOFError
        found += more
    return found
