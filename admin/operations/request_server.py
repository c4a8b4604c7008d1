"""The ASGI application in front of Flask: it takes a request in whole, and only then a thread for it.

A WSGI server hands the body to a thread that reads it, so that as many half-sent bodies as there are threads stop
everything (decision 0014). Here the event loop reads: within a time limit, up to a bound for each address, and up to a
bound for all together. What cannot be served soon is refused at once, so that every caller has an answer.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from http import HTTPStatus
from time import monotonic
from types import TracebackType
from typing import Any, Final, Protocol
from urllib.parse import unquote_to_bytes

import structlog

from governance.kernel.concurrency import ParallelMap

log = structlog.get_logger(__name__)

THREADS: Final = 16
"""Requests at a time; most of a request is waiting for PostgreSQL. Below `pool_size + max_overflow` of its engine."""

WAITING_REQUESTS: Final = 128
"""Requests that may wait for a thread; one more is refused with 503."""

WAITING_SECONDS: Final = 1.5
"""How long a request may have waited for a thread: with what it waits itself, the answer comes within five seconds."""

BODY_SECONDS: Final = 9.5
"""From the end of the headers to the end of the body: who sends half of one is refused within ten seconds."""

RECEIVED_AT: Final = "moyai.received_at"
"""The key of the environment under which stands when the request had come in whole, by the clock `monotonic`."""

ENDPOINT: Final = "moyai.endpoint"
"""The key under which the application notes, for `observe`, the template of the address that was asked for."""

BUFFERED_BYTES: Final = 64 * 1024 * 1024
"""All bodies that are being read or served, together."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Environ = dict[str, Any]
WsgiApplication = Callable[[Environ, Any], Iterable[bytes]]
BodyLimit = Callable[[str, Mapping[str, str]], int]
"""(path, headers in lower case) → the largest body in bytes."""
Observe = Callable[[Environ | None, str, int, float], None]
"""(what the application was called with, None where it was not; method, status, seconds since the headers came)."""


class Beside(Protocol):
    """Something that runs as long as the server does."""

    def start(self) -> None: ...
    def stop(self) -> None: ...


class _Refused(Exception):
    """The request is answered by us, not by the application."""

    def __init__(self, status: HTTPStatus, ja: str, en: str, retry_seconds: int | None = None) -> None:
        super().__init__(status)
        self.status, self.ja, self.en, self.retry_seconds = status, ja, en, retry_seconds


_TOO_LARGE: Final = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "送信された内容が大きすぎます。", "The request is too large.")
_TOO_SLOW: Final = (
    HTTPStatus.REQUEST_TIMEOUT,
    "送信が時間内に終わりませんでした。",
    "The request was not sent in time.",
)
_TOO_BUSY: Final = (
    HTTPStatus.SERVICE_UNAVAILABLE,
    "ただいま混み合っています。しばらくしてから、もう一度お試しください。",
    "The server is busy right now. Try again in a moment.",
    2,
)


class RequestServer:
    """An ASGI 3 application that serves a WSGI one (PEP 3333) on threads of its own."""

    def __init__(
        self,
        application: WsgiApplication,
        *,
        body_limit: BodyLimit,
        beside: Beside | None = None,
        observe: Observe = lambda environ, method, status, seconds: None,
        threads: int = THREADS,
        body_seconds: float = BODY_SECONDS,
        waiting_requests: int = WAITING_REQUESTS,
    ) -> None:
        """`beside` is started before the first request and stopped after the last; `observe` gets every answer."""
        self._application = application
        self._observe = observe
        self._body_limit = body_limit
        self._beside = beside
        self._body_seconds = body_seconds
        self._most_at_once = threads + waiting_requests
        self._threads = ParallelMap(threads, "request")
        # Both are touched by the event loop only.
        self._at_once = 0
        self._buffered = 0

    @property
    def at_once(self) -> int:
        """How many requests are being worked on or wait for a thread."""
        return self._at_once

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    if self._beside is not None:
                        self._beside.start()
                except OSError as failure:
                    await send({"type": "lifespan.startup.failed", "message": str(failure)})
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._beside is not None:
                    self._beside.stop()
                self._threads.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        came = monotonic()
        headers = _headers(scope)
        body = bytearray()
        environ: Environ | None = None
        try:
            limit = self._body_limit(scope["path"], headers)
            stated = headers.get("content-length", "")
            expected = int(stated) if stated.isascii() and stated.isdigit() else limit
            if not stated and "transfer-encoding" not in headers:
                expected = 0
            if expected > limit:
                raise _Refused(*_TOO_LARGE)
            if expected and not await self._read(receive, limit, body):
                return  # The caller has gone.
            environ = _environ(scope, headers, bytes(body))
            status, fields, content = await self._serve(environ)
        except _Refused as refused:
            log.warning("request.refused", status=int(refused.status), path_length=len(scope["path"]))
            status, fields, content = _refusal(refused, headers)
        finally:
            self._buffered -= len(body)
        seconds = monotonic() - came
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": content, "more_body": False})
        self._observe(environ, scope["method"], status, seconds)

    async def _read(self, receive: Receive, limit: int, body: bytearray) -> bool:
        """Read the whole body; False when the caller hung up. Raises _Refused.

        What came counts, not what was announced: nobody uses up the space of others by a length.
        """
        try:
            async with asyncio.timeout(self._body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return False
                    more = message.get("body", b"")
                    if len(body) + len(more) > limit:
                        raise _Refused(*_TOO_LARGE)
                    if self._buffered + len(more) > BUFFERED_BYTES:
                        raise _Refused(*_TOO_BUSY)
                    self._buffered += len(more)
                    body += more
                    if not message.get("more_body", False):
                        return True
        except TimeoutError:
            raise _Refused(*_TOO_SLOW) from None

    async def _serve(self, environ: Environ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        if self._at_once >= self._most_at_once:
            raise _Refused(*_TOO_BUSY)
        self._at_once += 1
        came = monotonic()

        def run() -> tuple[int, list[tuple[bytes, bytes]], bytes]:
            if monotonic() - came > WAITING_SECONDS:
                raise _Refused(*_TOO_BUSY)
            environ[RECEIVED_AT] = came
            return _call(self._application, environ)

        try:
            return await asyncio.wrap_future(self._threads.start(run))
        finally:
            self._at_once -= 1


def _call(application: WsgiApplication, environ: Environ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    started: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(
        status: str,
        fields: list[tuple[str, str]],
        failure: tuple[type[BaseException], BaseException, TracebackType] | None = None,
    ) -> Callable[[bytes], None]:
        started.append((status, fields))
        return written.append

    answer = application(environ, start_response)
    try:
        written.extend(answer)
    finally:
        if hasattr(answer, "close"):
            answer.close()
    status, fields = started[-1]
    named = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    return int(status.split(" ", 1)[0]), named, b"".join(written)


def _headers(scope: Scope) -> dict[str, str]:
    """The headers of the request by their names in lower case. What came twice is joined (RFC 9110, 5.3).

    A name with an underscore is left out: WSGI gives it the same key as the one with a hyphen, and a proxy
    replaces only that one.
    """
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if "_" in name:
            continue
        separator = "; " if name == "cookie" else ","
        found[name] = f"{found[name]}{separator}{value}" if name in found else value
    return found


def _environ(scope: Scope, headers: Mapping[str, str], body: bytes) -> Environ:
    raw_path = scope.get("raw_path")
    path = scope["path"].encode() if raw_path is None else unquote_to_bytes(raw_path.partition(b"?")[0])
    server = scope.get("server") or ("localhost", None)
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": path.decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or 80),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": (scope.get("client") or ("", 0))[0],
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in headers.items():
        if name == "content-type":
            environ["CONTENT_TYPE"] = value
        elif name not in ("content-length", "transfer-encoding"):
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    return environ


def _refusal(refused: _Refused, headers: Mapping[str, str]) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """A refusal that no application was asked about: a problem (RFC 9457) in the language the caller prefers."""
    english = headers.get("accept-language", "").strip().lower().startswith("en")
    status = refused.status
    content = {
        "type": f"urn:moyai:problem:http.{status.name.lower()}",
        "title": status.phrase,
        "status": int(status),
        "detail": refused.en if english else refused.ja,
        "code": f"http.{status.name.lower()}",
    }
    fields = [
        (b"content-type", b"application/problem+json"),
        (b"content-language", b"en" if english else b"ja"),
        (b"cache-control", b"no-store"),
        # What is left of a body that was not read to its end is nobody's next request.
        (b"connection", b"close"),
    ]
    if refused.retry_seconds is not None:
        fields.append((b"retry-after", str(refused.retry_seconds).encode()))
    return int(status), fields, json.dumps(content, ensure_ascii=False).encode()
