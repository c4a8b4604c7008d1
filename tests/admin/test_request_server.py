"""The memory that bodies take while they are read: what came counts, and it is given back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any, TypeVar

import pytest

from admin.operations import request_server
from admin.operations.request_server import RECEIVED_AT, Environ, Receive, RequestServer

Result = TypeVar("Result")
LARGEST = 4 * 1024 * 1024


def _application(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [environ["wsgi.input"].read()]


def _server() -> RequestServer:
    return RequestServer(_application, body_limit=lambda path, headers: LARGEST, threads=1)


def _receive(body: bytes, *, whole: bool) -> Receive:
    """What comes over the connection: the body, and where it is not whole nothing more, ever."""
    parts = [{"type": "http.request", "body": body, "more_body": not whole}]

    async def receive() -> dict[str, Any]:
        if not parts:
            await asyncio.Event().wait()
        return parts.pop()

    return receive


async def _post(server: RequestServer, body: bytes, *, whole: bool = True, length: int | None = None) -> int:
    """The status of the answer."""
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "http_version": "1.1"}
    announced = len(body) if length is None else length
    said: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            said.append(message["status"])

    headers = [(b"content-length", str(announced).encode())]
    await server({**scope, "headers": headers}, _receive(body, whole=whole), send)
    return said[0]


def _run(conversation: Coroutine[Any, Any, Result]) -> Result:
    """What `conversation` returns. It runs in its own thread: a browser that other tests keep open has a loop here."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, conversation).result()


def test_bodies_that_were_only_announced_leave_space_for_those_that_come() -> None:
    async def go() -> int:
        server = _server()
        half_sent = [asyncio.create_task(_post(server, b"abc", whole=False, length=LARGEST)) for _ in range(64)]
        await asyncio.sleep(0)
        status = await _post(server, b"whole")
        for task in half_sent:
            task.cancel()
        return status

    assert _run(go()) == 200


def test_all_bodies_together_are_bound_and_their_space_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_server, "BUFFERED_BYTES", 100)

    async def go() -> list[int]:
        server = _server()
        half_sent = asyncio.create_task(_post(server, b"x" * 60, whole=False, length=61))
        await asyncio.sleep(0)
        statuses = [await _post(server, b"y" * 60), await _post(server, b"y" * 40)]
        half_sent.cancel()
        await asyncio.gather(half_sent, return_exceptions=True)
        return [*statuses, await _post(server, b"y" * 60)]

    assert _run(go()) == [503, 200, 200]


def test_the_application_reads_when_the_request_had_come_in_whole() -> None:
    given: list[Environ] = []

    def keep(environ: Environ, start_response: Any) -> Iterable[bytes]:
        given.append(environ)
        return _application(environ, start_response)

    server = RequestServer(keep, body_limit=lambda path, headers: LARGEST, threads=1)
    before = monotonic()

    assert _run(_post(server, b"whole")) == 200
    assert before <= given[0][RECEIVED_AT] <= monotonic()
