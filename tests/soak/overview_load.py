"""The overview under 200 clients, with one and with two web processes side by side, and their memory over five minutes.

python -m tests.soak.overview_load [SECONDS [MEMORY_SECONDS]]

Each client is signed in for itself, keeps one connection and asks again as soon as it has its answer; who is sent away
(503) comes again when the answer says. Thirty seconds each, then 300 with two processes, whose memory is looked at. The
clients are a process of their own and share the machine's processors with the server. AssertionError where an answer is
neither the page nor a 503, or memory still grows after the first third.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import multiprocessing.queues
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, process_time
from typing import Final

import psutil
import psycopg

from admin.app import create_app
from admin.identity.sessions import COOKIE
from admin.migrations.apply import migrate_url
from admin.operations import services
from admin.operations.readiness import wait_until
from admin.operations.settings import Settings
from governance.kernel import clock
from governance.kernel.database import db, dispose_engines
from governance.permissions import Role
from tests import servers
from tests.actors import Actors, seed_operator
from tests.admin.visitors import visit
from tests.bench._conditions import machine, percentile
from tests.conftest import on_database
from tests.factories import IN_FISCAL_YEAR_2025, THIRTEEN, Factory, Visitors
from tests.ports import find_free_port_range

CLIENTS: Final = 200
SECONDS: Final = 30.0
MEMORY_SECONDS: Final = 300.0
PROCESSES: Final = (1, 2)
MAX_GROWTH: Final = 0.05
"""By how much memory may be larger in the last third of the time than in the one before."""

_MEMORY_EVERY_SECONDS: Final = 5.0
_PATIENCE_SECONDS: Final = 20.0
_ROLES: Final = (Role.OPERATOR_ONBOARDING, Role.OPERATOR_FINANCE, Role.OPERATOR_AUDITOR)


@dataclass
class Load:
    """What the clients were answered: how long each page took, how often which status, what failed."""

    seconds: float = 0.0
    pages: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    cpu_share: float = 0.0
    """How much of one processor the clients took themselves."""

    def __str__(self) -> str:
        away = self.statuses.get("503", 0)
        wrong = {status: count for status, count in self.statuses.items() if status not in ("200", "503")}
        spread = [f"{percentile(self.pages, share) * 1000:6.0f} ms" if self.pages else "none" for share in (0.5, 0.95)]
        return (
            f"{len(self.pages) / self.seconds:7.1f} pages/s, p50 {spread[0]}, p95 {spread[1]};"
            f" {away} sent away (503), errors: {wrong or 'none'}; clients took {self.cpu_share:.2f} processors"
        )


async def _ask(port: int, cookie: str, until: float, load: Load) -> None:
    request = (
        f"GET / HTTP/1.1\r\nHost: localhost:{port}\r\nCookie: {COOKIE}={cookie}\r\nAccept: text/html\r\n\r\n".encode()
    )
    while monotonic() < until:
        writer: asyncio.StreamWriter | None = None
        try:
            reader = asyncio.StreamReader()
            protocol = asyncio.StreamReaderProtocol(reader)
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_connection(lambda: protocol, "127.0.0.1", port)  # noqa: B023
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            while monotonic() < until:
                began = monotonic()
                writer.write(request)
                status, wait_seconds, is_over = await asyncio.wait_for(_read_answer(reader), _PATIENCE_SECONDS)
                load.statuses[status] += 1
                if status == "200":
                    load.pages.append(monotonic() - began)
                else:
                    await asyncio.sleep(min(wait_seconds, max(0.0, until - monotonic())))
                if is_over:
                    break
        except (OSError, EOFError, TimeoutError) as failure:
            load.statuses[type(failure).__name__] += 1
        finally:
            if writer is not None:
                writer.close()


async def _read_answer(reader: asyncio.StreamReader) -> tuple[str, float, bool]:
    """The status, the seconds that Retry-After says, and whether the connection ends; the body is read and dropped."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    if "content-length" in fields:
        await reader.readexactly(int(fields["content-length"]))
    else:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    return head.split(" ", 2)[1], float(fields.get("retry-after", "0")), fields.get("connection") == "close"


def _load(port: int, cookies: list[str], seconds: float, answers: multiprocessing.queues.Queue[Load]) -> None:
    """All clients, in a process of their own."""

    async def all_clients(load: Load) -> None:
        until = monotonic() + seconds
        async with asyncio.TaskGroup() as clients:
            for cookie in cookies:
                clients.create_task(_ask(port, cookie, until, load))

    load, began, worked = Load(), monotonic(), process_time()
    asyncio.run(all_clients(load))
    load.seconds = monotonic() - began
    load.cpu_share = (process_time() - worked) / load.seconds
    answers.put(load)


def _measure(port: int, cookies: list[str], seconds: float, log: Path) -> Load:
    apart = multiprocessing.get_context("spawn")
    answers: multiprocessing.queues.Queue[Load] = apart.Queue()
    clients = apart.Process(target=_load, args=(port, cookies, seconds, answers))
    clients.start()
    load = answers.get(timeout=seconds + 3 * _PATIENCE_SECONDS)
    clients.join()
    wrong = set(load.statuses) - {"200", "503"}
    if wrong:
        errors = [line for line in log.read_text(encoding="utf-8").splitlines() if '"level": "error"' in line]
        raise AssertionError("\n".join([f"answers that are none: {load}", *errors[:3]]))
    return load


def _memory_mib(process: psutil.Process) -> float:
    """What all processes of the web server hold together, what they share counted once (PSS), in MiB."""
    total = 0
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            total += one.memory_full_info().pss
    return total / 2**20


def _watch_memory(process: psutil.Process, over: threading.Event, found: list[float]) -> None:
    while not over.wait(_MEMORY_EVERY_SECONDS):
        found.append(_memory_mib(process))


@contextmanager
def _filled(folder: Path) -> Iterator[tuple[servers.PostgreSQL, list[str], Path]]:
    """PostgreSQL with thirteen members, a posted run and their notices, and a session for each client."""
    postgresql = servers.start_postgresql(folder / "postgresql", durable=True)
    try:
        with psycopg.connect(servers.libpq(postgresql.superuser_url), autocommit=True) as connection:
            connection.execute("CREATE DATABASE load OWNER moyai_owner TEMPLATE template0")
        migrate_url(postgresql.owner_url("load"))
        with on_database(postgresql, "load"), clock.at(IN_FISCAL_YEAR_2025):
            factory = Factory(Actors(seed_operator()))
            factory.add_members(THIRTEEN)
            factory.adopt(factory.draft())
            factory.record(24_000_000)
            prepared = factory.prepare()
            factory.approve(prepared)
            factory.issue_notices(prepared.run_id)
            operator_id = factory.actors.operator_tenant
        home = folder / "home"
        app = create_app(_settings(postgresql, home, 1))
        with app.app_context():
            people = [Visitors().person(operator_id, role) for role in _ROLES]
            cookies = []
            for number in range(CLIENTS):
                cookie = visit(app, "https://localhost", people[number % len(people)]).get_cookie(
                    COOKIE, domain="localhost"
                )
                if cookie is None:
                    raise AssertionError("nobody is signed in")
                cookies.append(cookie.value)
            db.session.remove()
            dispose_engines()
        yield postgresql, cookies, home
    finally:
        postgresql.stop()


def _settings(postgresql: servers.PostgreSQL, home: Path, processes: int) -> Settings:
    return Settings.from_environment(
        {
            "MOYAI_HOME": str(home),
            "MOYAI_PORT": str(find_free_port_range()),
            "MOYAI_WEB_PROCESSES": str(processes),
            **postgresql.urls("load"),
            # Nobody is asked there: the sessions are open already.
            "KEYCLOAK_URL": "http://localhost:1",
        }
    )


@contextmanager
def _serving(settings: Settings, log: Path) -> Iterator[psutil.Process]:
    service = services.web(settings)
    with log.open("ab") as file:
        process = subprocess.Popen(service.command(), env=dict(service.environment), stdout=file, stderr=file)
    try:
        if not wait_until(service.is_ready, seconds=90):
            raise AssertionError(log.read_text(encoding="utf-8"))
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


def main() -> None:
    given = [float(word) for word in sys.argv[1:]]
    seconds, memory_seconds = [*given, *(SECONDS, MEMORY_SECONDS)[len(given) :]][:2]
    print(f"overview, {CLIENTS} clients without a pause, thirteen members, fsync on; {machine()}", flush=True)
    with tempfile.TemporaryDirectory(prefix="moyai-load-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        log = folder / "web.log"
        with _filled(folder) as (postgresql, cookies, home):
            for processes in PROCESSES:
                settings = _settings(postgresql, home, processes)
                with _serving(settings, log):
                    _measure(settings.port, cookies, 3.0, log)
                    load = _measure(settings.port, cookies, seconds, log)
                    if not load.pages:
                        raise AssertionError(f"no page was served: {load}")
                    print(f"  {processes} web process{'es' * (processes > 1):2}, {seconds:g} s: {load}", flush=True)
            settings = _settings(postgresql, home, PROCESSES[-1])
            with _serving(settings, log) as process:
                found: list[float] = []
                over = threading.Event()
                watching = threading.Thread(target=_watch_memory, args=(process, over, found))
                watching.start()
                load = _measure(settings.port, cookies, memory_seconds, log)
                over.set()
                watching.join()
            third = max(1, len(found) // 3)
            parts = [max(found[third * n : third * (n + 1)] or found[-1:]) for n in range(3)]
            print(f"  {PROCESSES[-1]} web processes, {memory_seconds:g} s: {load}", flush=True)
            print(f"  memory of all of them, the most in each third: {', '.join(f'{one:.0f}' for one in parts)} MiB")
            if parts[2] > parts[1] * (1 + MAX_GROWTH):
                raise AssertionError(f"memory grows: {parts}")


if __name__ == "__main__":
    main()
