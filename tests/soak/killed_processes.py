"""Web processes and workers killed every ten seconds behind nginx: nothing is lost, nothing doubled.

python -m tests.soak.killed_processes [SECONDS [SEED]]

Three web processes on two ports behind nginx and two workers, under 32 clients and while a cohort of eight
municipalities is taken in. Who posts sends again with the same key whatever was not answered, or answered 502.
AssertionError names what was lost, doubled or answered wrongly. Needs nginx (Debian's package).
"""

from __future__ import annotations

import os
import random
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import httpx
import psutil

from admin.operations import services
from admin.operations.processes import PidFiles
from admin.operations.readiness import wait_until
from admin.operations.settings import Settings
from tests.authority import Authority
from tests.journeys.stack import Stack, running_stack
from tests.nginx import NAME, start_nginx
from tests.ports import find_free_port_range
from tests.soak.frozen_servers import PATIENCE_SECONDS, Installation

SECONDS: Final = 300.0
KILL_EVERY_SECONDS: Final = 10.0
READERS: Final = 24
POSTERS: Final = 8
PAUSE_SECONDS: Final = 3.0
RESEND_SECONDS: Final = 1.0
TOKEN_SECONDS: Final = 120.0
"""After so long a new token is had; one lasts five minutes."""

FISCAL_YEAR: Final = 2027
"""Costs of the year that the example allocates would change the plan of the cohort that is taken in meanwhile."""
_YEN: Final = 1_000


class Service:
    """A process of ours, started again when it ends, as a service manager does it."""

    def __init__(self, name: str, words: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._words, self._environment, self._log = words, environment, log
        self._is_over = threading.Event()
        self.starts = 0
        self._process = self._start()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()

    def processes(self) -> list[psutil.Process]:
        """Those that serve: the children of granian's own, or the process itself."""
        own = psutil.Process(self._process.pid)
        return [one for one in own.children() if "resource_tracker" not in " ".join(one.cmdline())] or [own]

    def stop(self) -> None:
        self._is_over.set()
        self._process.terminate()
        self._process.wait(PATIENCE_SECONDS)
        self._watcher.join()

    def _start(self) -> subprocess.Popen[bytes]:
        self.starts += 1
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "admin.cli", *self._words],
                env=dict(self._environment),
                stdout=log,
                stderr=log,
            )

    def _watch(self) -> None:
        while not self._is_over.is_set():
            self._process.wait()
            if not self._is_over.wait(0.5):
                self._process = self._start()


@contextmanager
def running_service(name: str, words: list[str], settings: Settings, log: Path) -> Iterator[Service]:
    """A service with these settings; stopped at the end."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("MOYAI_", "KC_"))}
    service = Service(name, words, kept | settings.as_environment(), log)
    try:
        yield service
    finally:
        service.stop()


@dataclass(frozen=True)
class Front:
    """nginx, and whom its clients believe."""

    port: int
    tls: ssl.SSLContext

    def connect(self) -> httpx.Client:
        """A client of its own connections; close it."""

        def name_server(request: httpx.Request) -> None:
            request.extensions["sni_hostname"] = NAME

        return httpx.Client(
            base_url=f"https://127.0.0.1:{self.port}",
            headers={"Host": NAME},
            event_hooks={"request": [name_server]},
            verify=self.tls,
            trust_env=False,
            timeout=PATIENCE_SECONDS,
        )


@contextmanager
def running_nginx(folder: Path, webs: tuple[int, int], stack: Stack) -> Iterator[Front]:
    """nginx with the example's configuration in front of two web ports."""
    program = shutil.which("nginx", path=f"{os.defpath}:/usr/sbin")
    if program is None:
        raise AssertionError("nginx is needed: apt-get install nginx-light")
    authority = Authority.make(folder)
    # The installation's public address is that of its own web.
    changed = {"proxy_set_header Host $host;": f"proxy_set_header Host {stack.url.removeprefix('http://')};"}
    port = find_free_port_range()
    nginx = start_nginx(program, folder, authority, port, port + 1, webs, stack.settings.keycloak_url, changed)
    try:
        yield Front(port, ssl.create_default_context(cafile=str(authority.file)))
    finally:
        nginx.terminate()
        nginx.wait(PATIENCE_SECONDS)


class Tokens:
    """An access token of the person who records costs, a new one every two minutes."""

    def __init__(self, installation: Installation, stack: Stack) -> None:
        self._installation, self._account = installation, stack.account("operator-finance")
        self._lock = threading.Lock()
        self._token, self._since = "", -TOKEN_SECONDS

    def header(self) -> dict[str, str]:
        with self._lock:
            if monotonic() - self._since >= TOKEN_SECONDS:
                self._token, self._since = self._installation.token(self._account), monotonic()
            return {"Authorization": f"Bearer {self._token}"}


@dataclass
class Client:
    """One of the 32. What it was answered, and what it was not."""

    answers: Counter[int] = field(default_factory=Counter)
    unanswered: list[str] = field(default_factory=list)

    def read(self, front: Front, paths: list[str], headers: Mapping[str, str], over: threading.Event) -> None:
        """GET these pages in turn until it is over."""
        with front.connect() as client:
            for path in cycle(paths):
                try:
                    answer = client.get(path, headers={"Accept": "text/html", **headers})
                    self.answers[answer.status_code] += 1
                    if answer.status_code not in (200, 303):
                        self.unanswered.append(f"{path}: {answer.status_code}")
                except httpx.HTTPError as failure:
                    self.unanswered.append(f"{path}: {type(failure).__name__} {failure}")
                if over.wait(PAUSE_SECONDS):
                    return

    def post(self, front: Front, tokens: Tokens, names: Iterator[str], over: threading.Event) -> list[str]:
        """Record one cost after the other until it is over; each is sent until it is answered. The names sent."""
        recorded = []
        with front.connect() as client:
            while not over.wait(PAUSE_SECONDS):
                name = next(names)
                recorded.append(name)
                cost = {"fiscal_year": FISCAL_YEAR, "pool": self._pool(client, tokens), "name": name, "yen": _YEN}
                while not self._is_recorded(client, cost, tokens):
                    # Sent again with its key, and not so often that nginx takes it for a flood.
                    sleep(RESEND_SECONDS)
        return recorded

    def _pool(self, client: httpx.Client, tokens: Tokens) -> str:
        return str(_get(client, "/api/v1/cost-pools", tokens)["items"][0]["name"])

    def _is_recorded(self, client: httpx.Client, cost: Mapping[str, object], tokens: Tokens) -> bool:
        headers = tokens.header() | {"Idempotency-Key": str(cost["name"])}
        try:
            answer = client.post("/api/v1/costs", json={**cost, "source": "契約書"}, headers=headers)
        except httpx.TransportError:
            self.answers[0] += 1
            return False
        self.answers[answer.status_code] += 1
        if answer.status_code not in (200, 201, 409, 429, 502, 503):
            raise AssertionError(f"{cost['name']}: {answer.status_code} {answer.text[:300]}")
        return answer.status_code in (200, 201)


def _get(client: httpx.Client, path: str, tokens: Tokens) -> dict[str, list[dict[str, object]]]:
    """A page of a list, asked for until it is answered."""
    while True:
        try:
            answer = client.get(path, headers=tokens.header())
        except httpx.TransportError:
            continue
        if answer.status_code == 200:
            found: dict[str, list[dict[str, object]]] = answer.json()
            return found


def _kill(stack: Stack, hosts: list[Service], chosen: random.Random) -> str:
    """SIGKILL to one web process or one worker; which."""
    record = PidFiles(stack.settings.home / "run").running(services.WORKER)
    targets = [(host.name, process) for host in hosts for process in host.processes()]
    if record is not None:
        targets.append(("worker 1", psutil.Process(record.pid)))
    name, process = chosen.choice(targets)
    process.kill()
    return name


def _recorded(client: httpx.Client, tokens: Tokens) -> Counter[str]:
    """Name → how often a cost of this name is in the books."""
    found: Counter[str] = Counter()
    path = f"/api/v1/costs?fiscal_year={FISCAL_YEAR}&limit=100"
    cursor: object = ""
    while cursor is not None:
        page: dict[str, object] = dict(_get(client, f"{path}{cursor and f'&cursor={cursor}'}", tokens))
        items = page["items"]
        if not isinstance(items, list):
            raise AssertionError(page)
        found.update(str(item["name"]) for item in items)
        cursor = page.get("next_cursor")
    return found


def soak(folder: Path, seconds: float, seed: int) -> dict[str, object]:
    """The whole story on an installation of its own; its figures. AssertionError where it is not as it should be."""
    chosen, over = random.Random(seed), threading.Event()
    with ExitStack() as stopped:
        stack = stopped.enter_context(running_stack(folder / "home", members=13, address_limit=100_000))
        installation = Installation(stack)
        ports = [find_free_port_range(), find_free_port_range()]
        hosts = []
        for number, port in enumerate(ports, 1):
            settings = _host(stack, port, web_processes=3 - number)
            web = running_service(f"web {number}", ["web"], settings, folder / f"web-{number}.log")
            hosts.append(stopped.enter_context(web))
        worker = running_service("worker 2", ["worker"], settings, folder / "worker-2.log")
        hosts.append(stopped.enter_context(worker))
        front = stopped.enter_context(running_nginx(folder, (ports[0], ports[1]), stack))
        for port in ports:
            if not wait_until(lambda port=port: _is_ready(port), seconds=60):  # type: ignore[misc]
                raise AssertionError(f"port {port} is not ready")

        tokens = Tokens(installation, stack)
        clients = [Client() for _ in range(READERS + POSTERS)]
        locked = threading.Lock()
        sent: list[str] = []
        failures: list[BaseException] = []

        def act(number: int, client: Client) -> None:
            try:
                if number < READERS:
                    client.read(front, *_reading(installation, number), over)
                else:
                    recorded = client.post(front, tokens, (f"soak-{number}-{each}" for each in count(1)), over)
                    with locked:
                        sent.extend(recorded)
            except BaseException as failure:
                failures.append(failure)

        loaded: dict[str, object] = {}
        threads = [threading.Thread(target=act, args=(number, client)) for number, client in enumerate(clients)]
        loading = threading.Thread(
            target=lambda: loaded.update(stack.moyai("example", "load", "--members", "21"))  # the cohort of eight
        )
        for thread in [*threads, loading]:
            thread.start()
        killed: Counter[str] = Counter()
        began = monotonic()
        while monotonic() - began < seconds:
            over.wait(KILL_EVERY_SECONDS)
            killed[_kill(stack, hosts, chosen)] += 1
        over.set()
        for thread in [*threads, loading]:
            thread.join()
        if failures:
            raise failures[0]
        if not loaded:
            raise AssertionError("the cohort of eight was not taken in")
        with front.connect() as client:
            recorded = _recorded(client, tokens)
        lost = [name for name in sent if not recorded[name]]
        doubled = [name for name in sent if recorded[name] > 1]
        active = stack.moyai("status")["tenants"]["active"]
        audit = stack.moyai("audit", "verify")
        ledger = stack.moyai("ledger", "verify")
        drift = stack.moyai("drift")
    reading = sum((client.answers for client in clients[:READERS]), Counter[int]())
    posting = sum((client.answers for client in clients[READERS:]), Counter[int]())
    wrong = [text for client in clients[:READERS] for text in client.unanswered]
    figures: dict[str, object] = {
        "killed": dict(killed),
        "GET": dict(reading),
        "POST": {("no answer" if status == 0 else status): number for status, number in posting.items()},
        "costs sent": len(sent),
        "lost": len(lost),
        "doubled": len(doubled),
        "active": active,
    }
    print(f"  {figures}", flush=True)
    if lost or doubled or wrong or active != 21:
        raise AssertionError(f"lost {lost[:5]}, doubled {doubled[:5]}, GETs {Counter(wrong).most_common(5)}, {active}")
    if not audit["intact"] or not ledger["balanced"] or not drift["in_sync"]:
        raise AssertionError(f"{audit} {ledger} {drift}")
    return figures


def _host(stack: Stack, port: int, *, web_processes: int) -> Settings:
    """The settings of one more host beside the installation's: its servers, its keys, its public address."""
    own = stack.settings
    return own.model_copy(
        update={
            "port": port,
            "database_url_given": own.app_url,
            "tenant_url_given": own.tenant_url,
            "keycloak_url_given": own.keycloak_url,
            "web_processes": web_processes,
            "smtp_url": "smtp://127.0.0.1:9",
        }
    )


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _reading(installation: Installation, number: int) -> tuple[list[str], Mapping[str, str]]:
    """What the reader of this number asks for, and as whom."""
    of_operator = ["/", "/tenants", "/ledger", "/audit", "/allocations", "/costs", "/onboardings"]
    of_tenant = ["/", "/notices", "/ledger", "/allocations"]
    paths, headers = (of_operator, installation.auditor) if number % 2 else (of_tenant, installation.owner)
    start = number % len(paths)
    return paths[start:] + paths[:start], headers


if __name__ == "__main__":
    # The seed of the choice of who is killed.
    duration = float(sys.argv[1]) if sys.argv[1:] else SECONDS
    number = int(sys.argv[2]) if sys.argv[2:] else 20261123
    with tempfile.TemporaryDirectory(prefix="moyai-soak-") as home:
        Path(home).chmod(0o711)
        soak(Path(home), duration, number)
    print(f"killed processes: {duration:.0f} s, seed {number}: 0 lost, 0 doubled, 0 wrong answers to a GET")
