"""Frozen servers and half-sent bodies on a whole installation: who asks is answered in time, health at once.

python -m tests.soak.frozen_servers [SECONDS [SERVER …]]

PostgreSQL, Keycloak and the worker are stopped by SIGSTOP, one after the other, for so many seconds each (60) under
sixteen clients. Then come half-sent bodies, four times as many as there are threads, to each public address in turn and
with a session. AssertionError names a wrong answer; times are printed, and at the end those that took too long.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from multiprocessing.synchronize import Event
from pathlib import Path
from time import monotonic
from typing import Final
from uuid import UUID

import httpx

from admin.app import create_app
from admin.core.guard import list_routes
from admin.operations import services
from admin.operations.processes import PidFiles
from admin.operations.request_server import THREADS
from governance.kernel import clock
from governance.kernel.fiscal_year import FiscalYear
from governance.permissions import Permission
from tenancy.keycloak.port import Realm
from tests.admin.browser import Browser, forms
from tests.journeys.stack import OPERATOR, Account, Stack, running_stack

SECONDS: Final = 60.0
AFTERWARDS_SECONDS: Final = 20.0
"""For so long the clients go on after SIGCONT: each asks for each of its addresses."""

CLIENTS: Final = 16
BOUNDS: Final = {
    "slowest": 5.0,
    "health": 0.1,
    "well": 5.0,
    "slowest page": 1.0,
    "last body ended": 10.0,
}
"""The longest that each may take, in seconds: any answer, /healthz, until all is well after SIGCONT, …"""

PATIENCE_SECONDS: Final = 40.0
"""Who has no answer by then never gets one."""

_DRIFT: Final = "/api/v1/drift"
_PLAN: Final = f"/cohorts/r{FiscalYear.of(clock.today()).year - 2018}/plan"
_NEEDS_KEYCLOAK: Final = frozenset({_DRIFT, _PLAN})


@dataclass(frozen=True)
class Answer:
    """One answer: how long it took, and whether a 503 said when to come again."""

    path: str
    status: int
    seconds: float
    ended: float
    says_when: bool


@dataclass
class Client:
    """Somebody who asks for these paths in turn, over one connection, with a pause in between."""

    paths: Sequence[str]
    headers: Mapping[str, str]
    pause: float = 1.0
    answers: list[Answer] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def ask(self, address: str, over: threading.Event) -> None:
        """Ask until it is over; what gets no answer is kept as a failure."""
        with httpx.Client(base_url=address, trust_env=False, timeout=PATIENCE_SECONDS) as client:
            for path in cycle(self.paths):
                began = monotonic()
                try:
                    answer = client.get(path, headers={"Accept": "text/html", **self.headers})
                    ended = monotonic()
                    self.answers.append(
                        Answer(path, answer.status_code, ended - began, ended, "Retry-After" in answer.headers)
                    )
                except httpx.HTTPError as failure:
                    self.failures.append(f"{path}: {type(failure).__name__} after {monotonic() - began:.1f} s")
                if over.wait(self.pause):
                    return


class Installation:
    """A running installation, and people who are signed in to it."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._app = create_app(stack.settings)
        self.address = f"http://127.0.0.1:{stack.settings.port}"
        self.health_address = f"http://127.0.0.1:{stack.settings.health_port}"
        municipality = next(code for code in self._codes() if code != OPERATOR)
        self.operator = self._sign_in(stack.account("operator-onboarding"))
        self.auditor = self._sign_in(stack.account("operator-auditor"))
        self.owner = self._sign_in(stack.account("tenant-owner", municipality))
        self.login_path = f"/login/{municipality}"

    def _codes(self) -> list[str]:
        return [account["tenant"] for account in self._stack.moyai("example", "accounts")["accounts"]]

    def clients(self) -> list[Client]:
        """Sixteen: people of the operator and of a municipality, strangers, and one for what asks Keycloak."""
        bearer = {"Authorization": f"Bearer {self.token(self._stack.account('operator-auditor'))}"}
        of_operator = ("/", "/tenants", "/ledger", "/audit", "/allocations", "/costs", "/onboardings")
        of_tenant = ("/", "/notices", "/ledger", "/allocations")
        of_strangers = ("/login", self.login_path, "/readyz", "/healthz")
        # One person may ask for drift twelve times a minute; a plan is read before it is asked for again.
        drift = [Client((_DRIFT,), bearer, pause=10)]
        plans = [Client((_PLAN,), self.operator, pause=5) for _ in range(2)]
        reports = [Client(("/api/v1/tenants", "/api/v1/me"), bearer) for _ in range(2)]
        operators = [Client(of_operator[n:] + of_operator[:n], self.auditor) for n in range(5)]
        tenants = [Client(of_tenant[n:] + of_tenant[:n], self.owner) for n in range(4)]
        strangers = [Client(of_strangers[n:] + of_strangers[:n], {}) for n in range(2)]
        made = drift + plans + reports + operators + tenants + strangers
        if len(made) != CLIENTS:
            raise AssertionError(len(made))
        return made

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Every process of this server stopped, and going on afterwards."""
        record = PidFiles(self._stack.settings.home / "run").running(name)
        if record is None:
            raise AssertionError(f"{name} does not run")
        stopped = [process.pid for process in record.group()]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)

    def public_paths(self) -> list[str]:
        """The addresses that anybody may send something to."""
        found = {route.rule for route in list_routes(self._app) if route.permission is Permission.PUBLIC}
        return sorted(
            rule.replace("<code>", OPERATOR) for rule in found if "static" not in rule and "<path" not in rule
        )

    def _sign_in(self, account: Account) -> dict[str, str]:
        browser = Browser()
        page = browser.get(f"{self._stack.url}/login/{account.tenant}")
        form = next(form for form in forms(page.text) if "password" in form.fields)
        form.fields.update(username=account.username, password=account.password)
        arrived = browser.post(form.action, form.fields)
        if arrived.status_code != 200:
            raise AssertionError(f"{account.role} could not sign in: {arrived.status_code}")
        place = self._stack.url.removeprefix("http://")
        browser.close()
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies[place].items())}

    def token(self, account: Account) -> str:
        """An access token of the person's, as the console gets it at a sign-in of its own."""
        oidc = self._app.extensions["moyai.identity"].oidc_login
        with self._app.test_request_context():
            # Whose tenant it is says the realm already.
            state, address = oidc.begin(Realm.OPERATORS, UUID(int=0), "/", language="ja")
            browser = Browser()
            page = browser.get(address)
            form = next(form for form in forms(page.text) if "password" in form.fields)
            form.fields.update(username=account.username, password=account.password)
            sent_back = browser.post(form.action, form.fields, follow=False)
            browser.close()
            code = httpx.URL(sent_back.headers["location"]).params["code"]
            return str(oidc._exchange(state, code)["access_token"])


def _watch_health(address: str, over: Event, slowest: multiprocessing.Queue[float]) -> None:
    """Ask for /healthz twenty times a second; a process of its own, so that no client's work is measured."""
    most = 0.0
    with httpx.Client(base_url=address, trust_env=False, timeout=PATIENCE_SECONDS) as client:
        while not over.wait(0.05):
            began = monotonic()
            client.get("/healthz").raise_for_status()
            most = max(most, monotonic() - began)
    slowest.put(most)


@contextmanager
def _health_watched(address: str, found: dict[str, float]) -> Iterator[None]:
    """The longest answer of /healthz meanwhile, as `found["health"]`."""
    processes = multiprocessing.get_context("spawn")
    over, slowest = processes.Event(), processes.Queue()
    watcher = processes.Process(target=_watch_health, args=(address, over, slowest))
    watcher.start()
    try:
        yield
    finally:
        over.set()
    found["health"] = slowest.get(timeout=PATIENCE_SECONDS)
    watcher.join()


def _expected(installation: Installation, clients: Sequence[Client]) -> dict[tuple[str, int], int]:
    """(path, number of the client) → the status while all is well; asks for each once, one after the other."""
    statuses: dict[tuple[str, int], int] = {}
    seconds: dict[str, float] = {}
    with httpx.Client(base_url=installation.address, trust_env=False, timeout=PATIENCE_SECONDS) as client:
        for number, asking in enumerate(clients):
            for path in asking.paths:
                began = monotonic()
                answer = client.get(path, headers={"Accept": "text/html", **asking.headers})
                statuses[path, number] = answer.status_code
                seconds[path] = monotonic() - began
    slowest = sorted(seconds, key=lambda path: -seconds[path])[:3]
    print("    all well: " + ", ".join(f"{path} {seconds[path]:.2f} s" for path in slowest))
    return statuses


def freeze(installation: Installation, name: str, seconds: float) -> dict[str, float]:
    """Freeze one server for so long under the clients; returns the times. AssertionError where an answer is wrong."""
    clients = installation.clients()
    well = _expected(installation, clients)
    if set(well.values()) - {200, 303}:
        raise AssertionError(f"before anything was frozen: {well}")
    over = threading.Event()
    threads = [threading.Thread(target=client.ask, args=(installation.address, over)) for client in clients]
    found: dict[str, float] = {}
    with _health_watched(installation.health_address, found):
        with installation.frozen(name):
            for thread in threads:
                thread.start()
            over.wait(seconds)
        continued = monotonic()
        over.wait(AFTERWARDS_SECONDS)
        over.set()
        for thread in threads:
            thread.join()
    _judge(name, clients, well)
    found["well"] = _seconds_until_well(clients, well, continued)
    answers = [answer for client in clients for answer in client.answers]
    found |= {"answers": len(answers), "slowest": max(answer.seconds for answer in answers)}
    found["unavailable"] = sum(answer.status == 503 for answer in answers)
    _print_slowest(name, answers)
    return found


def _judge(name: str, clients: Sequence[Client], well: Mapping[tuple[str, int], int]) -> None:
    """Every request answered: as ever, or by 503 with Retry-After where the frozen server is needed."""
    failures = [failure for client in clients for failure in client.failures]
    wrong: list[str] = []
    for number, client in enumerate(clients):
        for answer in client.answers:
            # What asks Keycloak forty times says so too where Keycloak is slow: sixteen clients share the machine.
            needs = name == services.POSTGRESQL or answer.path in _NEEDS_KEYCLOAK
            as_ever = answer.status == well[answer.path, number]
            if not (as_ever or (needs and answer.status == 503 and answer.says_when)):
                wrong.append(f"{answer.path}: {answer.status}, Retry-After: {answer.says_when}")
    if failures or wrong:
        raise AssertionError(f"{name} frozen: no answer {failures[:5]}, wrong {Counter(wrong).most_common(5)}")
    idle = [client.paths for client in clients if not client.answers]
    if idle:
        raise AssertionError(f"{name} frozen: nobody was answered on {idle}")


def _seconds_until_well(clients: Sequence[Client], well: Mapping[tuple[str, int], int], since: float) -> float:
    """When the last unusual answer came after SIGCONT. AssertionError where an address had no usual one after it."""
    last = 0.0
    missing: list[str] = []
    for number, client in enumerate(clients):
        for path in client.paths:
            answers = [answer for answer in client.answers if answer.path == path and answer.ended > since]
            unusual = [answer.ended - since for answer in answers if answer.status != well[path, number]]
            last = max([last, *unusual])
            if len(unusual) == len(answers):
                missing.append(path)
    if missing:
        raise AssertionError(f"not well again: {missing}")
    return last


def _print_slowest(name: str, answers: Sequence[Answer]) -> None:
    by_path: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_path[answer.path].append(answer)
    slowest = sorted(by_path, key=lambda path: -max(answer.seconds for answer in by_path[path]))
    for path in islice(slowest, 4):
        most = max(answer.seconds for answer in by_path[path])
        statuses = dict(Counter(answer.status for answer in by_path[path]))
        print(f"    {name}: {path} {most:.2f} s at most, {statuses}")


def send_half(installation: Installation, path: str, headers: Mapping[str, str]) -> dict[str, float]:
    """Four times as many half-sent bodies as there are threads: pages go on, and each body is ended."""
    host = f"localhost:{installation.address.rpartition(':')[2]}"
    place = ("127.0.0.1", int(host.rpartition(":")[2]))
    shown = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
    connections: list[socket.socket] = []
    pages: list[float] = []
    ends: list[float] = []
    try:
        for number in range(4 * THREADS):
            length = "Content-Length: 1000" if number % 2 else "Transfer-Encoding: chunked"
            begun = "abc" if number % 2 else "3\r\nabc"
            connection = socket.create_connection(place)
            head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{shown}Content-Type: application/json"
            connection.sendall(f"{head}\r\n{length}\r\n\r\n{begun}".encode())
            connections.append(connection)
        began = monotonic()
        over = threading.Event()

        def look() -> None:
            with httpx.Client(base_url=installation.address, trust_env=False, timeout=PATIENCE_SECONDS) as client:
                while not over.wait(0.1):
                    asked = monotonic()
                    page = client.get("/", headers={"Accept": "text/html", **installation.auditor})
                    pages.append(monotonic() - asked)
                    sent = client.post("/csp-report", json={})
                    if (page.status_code, sent.status_code) != (200, 204):
                        raise AssertionError(f"{path}: a page {page.status_code}, a post {sent.status_code}")

        failures: list[BaseException] = []

        def look_or_fail() -> None:
            try:
                look()
            except BaseException as failure:
                failures.append(failure)

        looking = threading.Thread(target=look_or_fail)
        looking.start()
        for connection in connections:
            connection.settimeout(PATIENCE_SECONDS)
            while connection.recv(4096):
                """Until the server hangs up."""
            ends.append(monotonic() - began)
        over.set()
        looking.join()
    finally:
        for connection in connections:
            connection.close()
    if failures:
        raise failures[0]
    return {"pages": len(pages), "slowest page": max(pages), "last body ended": max(ends)}


def main(seconds: float = SECONDS, *servers: str) -> int:
    """Freeze these servers (all three) on an installation of its own; 0 when every time was kept."""
    missed: list[str] = []

    def report(what: str, found: Mapping[str, float]) -> None:
        print(f"  {what}: {_figures(found)}", flush=True)
        missed.extend(f"{what}: {name}" for name, bound in BOUNDS.items() if found.get(name, 0.0) > bound)

    with tempfile.TemporaryDirectory(prefix="moyai-soak-") as folder:
        Path(folder).chmod(0o711)
        with running_stack(Path(folder) / "home", members=13, address_limit=100_000) as stack:
            installation = Installation(stack)
            for name in servers or (services.POSTGRESQL, services.KEYCLOAK, services.WORKER):
                try:
                    found = freeze(installation, name, seconds)
                except AssertionError as wrong:
                    # The others are frozen all the same: each has its own figures.
                    print(f"  {wrong}", flush=True)
                    missed.append(f"{name}: {wrong}")
                    continue
                report(f"{name} frozen for {seconds:.0f} s under {CLIENTS} clients", found)
            senders: list[tuple[str, Mapping[str, str]]] = [(path, {}) for path in installation.public_paths()]
            senders += [("/costs/record", installation.operator), ("/logout", installation.owner)]
            senders += [("/api/v1/costs", {"Authorization": "Bearer nobody"})]
            for path, headers in senders:
                report(f"{4 * THREADS} half-sent bodies to {path}", send_half(installation, path, headers))
    for one in missed:
        print(f"  not as it should be: {one}")
    return 1 if missed else 0


def _figures(found: Mapping[str, float]) -> str:
    return ", ".join(
        f"{name} {value:g}" if value == int(value) else f"{name} {value:.3f} s" for name, value in found.items()
    )


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if sys.argv[1:] else SECONDS, *sys.argv[2:]))
