"""The health addresses on their own port: a process beside the web server, which knows whether that one lives."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from admin.operations.health_listener import SILENT_SECONDS, Heartbeat
from admin.operations.health_process import HealthProcess
from admin.operations.metrics.scrape import ScrapeSources
from admin.operations.ports import LOOPBACK
from admin.operations.readiness import wait_until
from tests.ports import find_free_port
from tests.servers import PostgreSQL

pytestmark = pytest.mark.slow

Make = Callable[[int], HealthProcess]


@pytest.fixture
def port() -> int:
    return find_free_port()


@pytest.fixture
def make(postgresql: PostgreSQL, database_name: str) -> Iterator[Make]:
    """A listener for this process, ended at the end of the test."""
    url = postgresql.urls(database_name)["DATABASE_URL"]
    made: list[HealthProcess] = []

    def make(port: int) -> HealthProcess:
        made.append(HealthProcess(LOOPBACK, port, url, lambda: True))
        return made[-1]

    yield make
    for process in made:
        process.stop()


def _ask(port: int, path: str) -> httpx.Response:
    return httpx.get(f"http://{LOOPBACK}:{port}{path}", trust_env=False)


def test_it_answers_for_a_server_that_lives(make: Make, port: int) -> None:
    make(port).start()

    assert (_ask(port, "/healthz").status_code, _ask(port, "/healthz").json()) == (200, {"alive": True})
    assert wait_until(lambda: _ask(port, "/readyz").json()["keycloak_keys_held"], seconds=5)
    assert _ask(port, "/readyz").status_code == 200
    assert _ask(port, "/anything").status_code == 404


@pytest.mark.slow
def test_metrics_are_answered_to_callers_of_its_networks_only(
    postgresql: PostgreSQL, database_name: str, tmp_path: Path
) -> None:
    url = postgresql.urls(database_name)["DATABASE_URL"]
    for networks, status in ((("127.0.0.0/8",), 200), (("10.0.0.0/8", "::1/128"), 403), (None, 404)):
        sources = networks and ScrapeSources(str(tmp_path), networks, "http://127.0.0.1:9", (), "0.3", os.getpid())
        port = find_free_port()
        process = HealthProcess(LOOPBACK, port, url, lambda: True, metrics=sources)
        process.start()
        try:
            answer = _ask(port, "/metrics")
            assert answer.status_code == status
            assert ("moyai_database_up 1.0" in answer.text) is (status == 200)
            assert _ask(port, "/readyz").status_code == 200
        finally:
            process.stop()


def test_nothing_of_it_is_left_once_it_is_stopped(make: Make, port: int) -> None:
    process = make(port)
    process.start()

    process.stop()

    assert process._process is not None
    assert process._process.returncode == 0
    with pytest.raises(httpx.ConnectError):
        _ask(port, "/healthz")


def test_a_port_that_is_anothers_is_refused_by_name(make: Make, port: int) -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, port))
        other.listen()
        with pytest.raises(OSError, match="in use"):
            make(port).start()


def test_it_ends_with_the_process_that_it_answers_for(postgresql: PostgreSQL, database_name: str, port: int) -> None:
    url = postgresql.urls(database_name)["DATABASE_URL"]
    server = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import json, sys, threading; from admin.operations.health_process import HealthProcess;"
            "HealthProcess(**json.load(sys.stdin), has_keys=lambda: True).start(); print('started', flush=True);"
            "threading.Event().wait()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    with server:
        server.stdin.write(json.dumps({"address": LOOPBACK, "port": port, "url": url}))
        server.stdin.close()
        assert server.stdout.readline() == "started\n"
        assert _ask(port, "/healthz").status_code == 200
        server.kill()

    def is_gone() -> bool:
        try:
            _ask(port, "/healthz")
        except httpx.HTTPError:
            return True
        return False

    assert wait_until(is_gone, seconds=5)


def test_a_server_that_says_nothing_for_ten_seconds_is_not_alive() -> None:
    seconds = 0.0
    heartbeat = Heartbeat(lambda: seconds)

    def lines() -> Iterator[str]:
        nonlocal seconds
        yield "1\n"
        seconds += SILENT_SECONDS - 1
        assert heartbeat.is_alive
        seconds += 1
        assert not heartbeat.is_alive
        yield "0\n"

    heartbeat.follow(lines())

    assert heartbeat.is_alive
    assert not heartbeat.has_keys
