"""`/metrics`: what it says while jobs run, whom it answers, and that nobody is named in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
import psycopg
import pytest
from prometheus_client import CollectorRegistry, multiprocess
from prometheus_client.parser import text_string_to_metric_families

from admin.operations import services
from admin.operations.keys import CLIENT_OF
from admin.operations.metrics.scrape import Scraper, ScrapeSources
from admin.operations.metrics.web import NO_ENDPOINT, OTHER_METHOD, WebMetrics
from admin.operations.readiness import wait_until
from admin.operations.request_server import ENDPOINT
from admin.operations.schema_version import newest_version
from admin.operations.settings import Settings
from governance import outbox
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import CONNECTIONS_A_POOL, OPERATOR
from tenancy.keycloak.keys import BackendKeys, KeyState
from tenancy.people.second_person import ANNOUNCE_OWNER
from tests import servers
from tests.admin.issuer import Issuer
from tests.architecture.test_alerts import metrics_in_alerts
from tests.ports import find_free_port_range

JOBS = {"note": 900, "refuse": 60, ANNOUNCE_OWNER: 40}
WEB_PROCESSES = 2
SCRAPE_PARTS = 3

WORKER_SCRIPT = """
import os
from admin.bootstrap import create_core
from admin.operations.settings import Settings
from admin.workflows.audit_sealing import AuditSealer
from admin.workflows.jobs import JobWorker, Queue
from governance.kernel.errors import Conflict, message

NO = message("test.refuse", ja="試験: 不可", en="test: no")

def refuse(payload):
    raise Conflict(NO)

settings = Settings.from_environment(os.environ)
JobWorker(
    create_core(settings),
    Queue(settings.app_url),
    handlers={"note": lambda payload: None, "refuse": refuse, "member.announce-owner": lambda payload: None},
    run_onboarding=lambda one: None,
    seal_audit_log=AuditSealer(settings.audit_files, None),
).run()
"""


@dataclass(frozen=True)
class Scrape:
    """One answer of `/metrics`: each sample by its name and labels."""

    text: str
    samples: Mapping[tuple[str, frozenset[tuple[str, str]]], float] = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Scrape:
        families = text_string_to_metric_families(text)
        found = [sample for family in families for sample in family.samples]
        return cls(text, {(one.name, frozenset(one.labels.items())): one.value for one in found})

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.samples}

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out because it was not answered in time: a figure left out would read as 0."""
        ups = ("moyai_web_up", "moyai_web_metrics_up", "moyai_database_up", "moyai_keycloak_up")
        parts = [value for (name, _), value in self.samples.items() if name == "moyai_scrape_part_up"]
        return len(parts) == SCRAPE_PARTS and all(parts) and all(self.total(up) == 1 for up in ups)

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples of that name with these labels."""
        return sum(
            value for (one, given), value in self.samples.items() if one == name and labels.items() <= set(given)
        )


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as running:
        yield running


@dataclass
class Installation:
    """Two web processes on the test's database, scraped and asked for pages."""

    settings: Settings
    process: subprocess.Popen[bytes]
    pages: int = 0

    def scrape(self) -> Scrape:
        answer = httpx.get(f"http://127.0.0.1:{self.settings.health_port}/metrics", trust_env=False, timeout=20)
        assert answer.status_code == 200
        return Scrape.of(answer.text)

    def page(self) -> None:
        """Ask for a page; a server under load may send a request away, which is no page."""
        answer = httpx.get(f"http://127.0.0.1:{self.settings.port}/login", trust_env=False, timeout=20)
        if answer.status_code == 503:
            assert "Retry-After" in answer.headers
            return
        assert answer.status_code == 200
        self.pages += 1

    def ask(self, path: str) -> int:
        return httpx.get(f"http://127.0.0.1:{self.settings.port}{path}", trust_env=False, timeout=20).status_code

    def until(self, condition: Callable[[Scrape], bool], seconds: float = 60, *, in_part: bool = False) -> list[Scrape]:
        """Every scrape until one is as wanted, and whole; with `in_part` it may leave figures out."""
        seen: list[Scrape] = []

        def is_wanted() -> bool:
            seen.append(self.scrape())
            return condition(seen[-1]) and (in_part or seen[-1].is_whole)

        assert wait_until(is_wanted, seconds=seconds), seen[-1].text
        return seen


@pytest.fixture
def web_server(
    postgresql: servers.PostgreSQL, database_name: str, operator_tenant: UUID, issuer: Issuer, tmp_path: Path
) -> Iterator[Installation]:
    settings = Settings.from_environment(
        {
            "MOYAI_HOME": str(tmp_path / "home"),
            "MOYAI_PORT": str(find_free_port_range()),
            "MOYAI_WEB_PROCESSES": str(WEB_PROCESSES),
            **postgresql.urls(database_name),
            "KEYCLOAK_URL": issuer.url,
        }
    )
    service = services.web(settings)
    service.remove_stale_files()
    with (tmp_path / "web.log").open("wb") as log:
        process = subprocess.Popen(service.command(), env=dict(service.environment), stdout=log, stderr=log)
    try:
        assert wait_until(service.is_ready, seconds=60), (tmp_path / "web.log").read_text()
        yield Installation(settings, process)
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def start_worker(web_server: Installation, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Starts a worker that knows what to do with JOBS."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        environment = {**os.environ, **web_server.settings.as_environment()}
        with (tmp_path / "worker.log").open("wb") as log:
            started.append(subprocess.Popen([sys.executable, "-c", WORKER_SCRIPT], env=environment, stderr=log))

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=30)


def test_every_figure_moves_while_a_thousand_jobs_run_and_ends_right(
    web_server: Installation,
    start_worker: Callable[[], None],
    issuer: Issuer,
    operator_tenant: UUID,
    postgresql: servers.PostgreSQL,
    database_name: str,
) -> None:
    # At rest: nothing waits; what was recorded is not sealed, because no worker has run.
    (*_, before) = web_server.until(
        lambda one: one.total("moyai_database_connections_limit") == 2 * CONNECTIONS_A_POOL * WEB_PROCESSES
    )
    assert before.total("moyai_jobs") == 0
    assert before.total("moyai_mails_waiting") == 0
    assert before.total("moyai_http_requests_total", endpoint="/login") == 0
    assert before.total("moyai_audit_oldest_unsealed_seconds") > 0
    assert before.total("moyai_keycloak_keys_held") == 0
    assert {before.total("moyai_keycloak_client_keys", client=client) for client in CLIENT_OF.values()} == {1}
    made = before.total("moyai_keycloak_client_key_made_timestamp_seconds", client=CLIENT_OF["people"])
    assert 0 <= clock.now().timestamp() - made < 600
    assert before.total("moyai_build_info", schema=newest_version()) == 1
    assert before.total("moyai_schema_info", schema=newest_version()) == 1
    assert before.total("moyai_schema_matches") == 1

    with system_transaction(OPERATOR) as session:
        for kind, count in JOBS.items():
            for _ in range(count):
                outbox.enqueue(session, operator_tenant, kind, {}, clock.now())
    (*_, queued) = web_server.until(lambda one: one.total("moyai_jobs", state="queued") == sum(JOBS.values()))
    for kind, count in JOBS.items():
        assert queued.total("moyai_jobs", kind=kind, state="queued") == count
    assert queued.total("moyai_mails_waiting") == JOBS[ANNOUNCE_OWNER]
    (*_, later) = web_server.until(lambda one: one.total("moyai_jobs_oldest_seconds", kind="note") > 1)
    assert later.total("moyai_jobs_oldest_seconds", kind="refuse") > 0

    start_worker()

    def is_over(one: Scrape) -> bool:
        web_server.page()
        waiting = one.total("moyai_jobs", state="queued") + one.total("moyai_jobs", state="running")
        return waiting == 0 and one.total("moyai_audit_oldest_unsealed_seconds") == 0

    seen = web_server.until(is_over, seconds=180)
    # Each listener gives its last answer again within a second, so that the one may be behind the other.
    waiting = [one.total("moyai_jobs", state="queued") for one in seen]
    assert max(waiting) == sum(JOBS.values())
    assert any(0 < count < sum(JOBS.values()) for count in waiting)
    assert any(one.total("moyai_jobs", state="running") > 0 for one in seen)
    (*_, after) = seen
    assert after.total("moyai_jobs_done_last_hour", kind="note") == JOBS["note"]
    assert after.total("moyai_jobs_done_last_hour", kind=ANNOUNCE_OWNER) == JOBS[ANNOUNCE_OWNER]
    assert after.total("moyai_jobs_done_last_hour", kind="refuse") == 0
    assert after.total("moyai_jobs", state="failed") == after.total("moyai_jobs", kind="refuse") == JOBS["refuse"]
    assert after.total("moyai_jobs_oldest_seconds") == 0
    assert after.total("moyai_mails_waiting") == 0

    # Requests of both processes add up, whichever of their listeners is asked.
    for _ in range(40):
        web_server.page()
    (*_, counted) = web_server.until(lambda one: _pages_counted(one) == web_server.pages)
    durations = counted.total("moyai_http_request_seconds_count", endpoint="/login")
    assert durations == counted.total("moyai_http_requests_total", endpoint="/login")
    assert counted.total("moyai_http_request_seconds_sum", endpoint="/login") > 0
    assert web_server.ask("/metrics") == 404
    web_server.until(lambda one: one.total("moyai_http_requests_total", endpoint=NO_ENDPOINT, status="404") == 1)

    _pool_is_used(web_server, postgresql, database_name)
    _a_killed_process_takes_no_count_with_it(web_server)
    issuer.is_away = True
    (*_, alone) = web_server.until(lambda one: one.total("moyai_keycloak_up") == 0, in_part=True)
    assert alone.total("moyai_database_up") == 1

    assert metrics_in_alerts() - after.names == set()
    assert re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-|430005|熊本", after.text) == []


def _pages_counted(scrape: Scrape) -> float:
    return scrape.total("moyai_http_requests_total", endpoint="/login", method="GET", status="200")


def _pool_is_used(web: Installation, postgresql: servers.PostgreSQL, database_name: str) -> None:
    """Requests wait for a lock with a connection in hand; the part of the scrape that waits for it is left out."""
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            web.ask("/readyz")

    asking = [threading.Thread(target=ask) for _ in range(4)]
    url = servers.libpq(postgresql.owner_url(database_name))
    with psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
        for thread in asking:
            thread.start()
        try:
            web.until(
                lambda one: (
                    one.total("moyai_database_connections", state="used") > 0
                    and one.total("moyai_http_requests_in_progress") > 0
                    and one.total("moyai_scrape_part_up", part="jobs") == 1
                    and one.total("moyai_database_up") == 1
                ),
                in_part=True,
            )
            web.until(lambda one: one.total("moyai_scrape_part_up", part="schema") == 0, in_part=True)
        finally:
            over.set()
    for thread in asking:
        thread.join()
    (*_, free) = web.until(lambda one: one.total("moyai_database_connections", state="used") == 0)
    assert free.total("moyai_database_connections", state="idle") > 0


def _a_killed_process_takes_no_count_with_it(web: Installation) -> None:
    before = _web_processes(web)
    assert len(before) == WEB_PROCESSES

    def both_served() -> bool:
        web.page()
        return all(_pages_of(web, pid) > 0 for pid in before)

    assert wait_until(both_served, seconds=60)
    # What waits in the queue of a socket is reset with its process: ask again once it and its listener are gone.
    killed = psutil.Process(min(before))
    listeners = killed.children()
    killed.kill()
    _, alive = psutil.wait_procs([killed, *listeners], timeout=30)
    assert alive == []

    def another_serves() -> bool:
        web.page()
        return any(_pages_of(web, pid) > 0 for pid in _web_processes(web) - before)

    assert wait_until(another_serves, seconds=60)
    web.until(lambda one: _pages_counted(one) == web.pages)
    limit = 2 * CONNECTIONS_A_POOL * WEB_PROCESSES
    web.until(lambda one: one.total("moyai_database_connections_limit") == limit)


def _web_processes(web: Installation) -> set[int]:
    """Those that have a listener beside them."""
    processes = psutil.Process(web.process.pid).children(recursive=True)
    return {one.ppid() for one in processes if "admin.operations.health_listener" in one.cmdline()}


def _pages_of(web: Installation, pid: int) -> float:
    file = web.settings.web_metrics_folder / f"counter_{pid}.db"
    merge: Any = multiprocess.MultiProcessCollector.merge
    samples = [sample for metric in merge([str(file)]) for sample in metric.samples]
    return float(sum(sample.value for sample in samples if sample.labels["endpoint"] == "/login"))


def _scraper(tmp_path: Path, *networks: str) -> Scraper:
    sources = ScrapeSources(str(tmp_path), networks, "http://127.0.0.1:9", (), "0", 0)
    return Scraper(sources, "postgresql+psycopg://moyai_app@127.0.0.1:9/moyai", lambda: True)


def test_who_may_read_is_said_by_networks(tmp_path: Path) -> None:
    scraper = _scraper(tmp_path, "127.0.0.0/8", "::1/128", "10.0.5.9/32")

    assert all(map(scraper.answers, ("127.0.0.1", "::1", "10.0.5.9", "::ffff:10.0.5.9")))
    assert not any(map(scraper.answers, ("10.0.5.8", "::ffff:10.0.5.8", "fe80::1%eth0", "192.0.2.1", "::2")))


def test_with_nothing_there_it_answers_and_says_so(tmp_path: Path) -> None:
    # 64 bytes are used, says the file, and its first name is longer than that.
    (tmp_path / "counter_1.db").write_bytes(b"\x40\0\0\0" + b"\0\0\0\0" + b"\xff\xff\0\0" + bytes(52))

    scrape = Scrape.of(_scraper(tmp_path, "127.0.0.0/8").content().decode())

    for up in ("moyai_web_metrics_up", "moyai_database_up", "moyai_keycloak_up", "moyai_scrape_part_up"):
        assert up in scrape.names
        assert scrape.total(up) == 0
    assert scrape.total("moyai_web_up") == 1
    assert "moyai_jobs_oldest_seconds" not in scrape.names


def test_a_request_is_counted_by_the_template_of_its_address_and_by_no_other_method_than_there_are() -> None:
    registry = CollectorRegistry()
    metrics = WebMetrics(registry)

    metrics.observe(None, "GET", 413, 0.01)
    metrics.observe({}, "BREW-431001", 405, 0.01)
    metrics.observe({ENDPOINT: "/tenants/<uuid:tenant_id>", "PATH_INFO": "/tenants/431001"}, "GET", 200, 0.01)

    counted = {
        tuple(sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "moyai_http_requests_total"
    }
    assert counted == {
        (NO_ENDPOINT, "GET", "413"): 1,
        (NO_ENDPOINT, OTHER_METHOD, "405"): 1,
        ("/tenants/<uuid:tenant_id>", "GET", "200"): 1,
    }


def test_a_key_beside_the_one_that_signs_counts_too(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    metrics = WebMetrics(registry)
    key = BackendKeys.of(tmp_path).people

    def sample() -> tuple[float | None, float | None]:
        metrics.sample(at_once=0, pools={}, limit=1, keys_held=True, client_keys={"moyai-people": key})
        labels = {"client": "moyai-people"}
        name = "moyai_keycloak_client_key"
        return registry.get_sample_value(f"{name}s", labels), registry.get_sample_value(
            f"{name}_made_timestamp_seconds", labels
        )

    assert sample() == (0, None)
    key.create()
    count, made = sample()
    assert count == 1
    assert made == key.made_at(KeyState.CURRENT).timestamp()
    (tmp_path / "people.former.pem").touch()
    assert sample()[0] == 2
