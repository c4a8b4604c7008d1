"""Deadlines of our own: a server that is frozen (SIGSTOP) is left in time, left alone, and found again."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic

import psutil
import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from admin.operations.readiness import wait_until
from governance.kernel.concurrency import ParallelMap
from governance.kernel.database import OPERATOR, allow_long_statements, connect, db, tenant_scope
from governance.kernel.deadline_connection import ServerSilent
from governance.kernel.deadlines import (
    CircuitBreaker,
    WaitBudget,
    WaitLimits,
    WaitTimeExceeded,
    current_budget,
    wait_limits,
)
from governance.kernel.pipelined import commit_pipelined
from tests import servers

SHORT = WaitLimits(one=1.0, total=1.6)


@pytest.fixture(scope="module")
def own_postgresql() -> Iterator[servers.PostgreSQL]:
    """A PostgreSQL that nobody else uses, so that freezing it stops nothing else."""
    with tempfile.TemporaryDirectory(prefix="moyai-test-") as folder:
        server = servers.start_postgresql(Path(folder))
        with psycopg.connect(servers.libpq(server.superuser_url), autocommit=True) as connection:
            connection.execute("CREATE DATABASE moyai OWNER moyai_app")
        yield server
        server.stop()


@pytest.fixture
def app(own_postgresql: servers.PostgreSQL) -> Iterator[Flask]:
    app = Flask("frozen")
    connect(app, own_postgresql.app_url("moyai"), statement_timeout_ms=900)
    with app.app_context(), tenant_scope(OPERATOR):
        assert wait_until(_answers, seconds=10)
        yield app
        db.session.remove()
        db.engine.dispose()


@contextmanager
def frozen(server: servers.PostgreSQL, *, whole: bool = True) -> Iterator[None]:
    """PostgreSQL stands still inside: all of it, or only the process that takes new connections."""
    postmaster = psutil.Process(server.pid)
    processes = [postmaster, *(postmaster.children(recursive=True) if whole else [])]
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process.pid, signal.SIGCONT)


def _answers() -> bool:
    try:
        db.session.execute(text("SELECT 1"))
    except OperationalError:
        db.session.rollback()
        return False
    return True


def test_a_wait_for_a_frozen_postgresql_ends_in_time_and_those_behind_it_are_not_kept_waiting(
    app: Flask, own_postgresql: servers.PostgreSQL
) -> None:
    with frozen(own_postgresql):
        began = monotonic()
        with wait_limits(SHORT), pytest.raises(OperationalError) as silent:
            db.session.execute(text("SELECT 1"))
        first = monotonic() - began
        db.session.rollback()
        began = monotonic()
        with wait_limits(SHORT), pytest.raises(OperationalError):
            db.session.execute(text("SELECT 1"))
        second = monotonic() - began
        db.session.rollback()

    assert isinstance(silent.value.orig, ServerSilent)
    assert 0.9 < first < 2.5
    # A new connection, because the first one was closed: psycopg allows no less than two seconds for that.
    assert second < 3
    assert wait_until(_answers, seconds=5)


def test_while_a_server_is_silent_one_caller_a_second_asks_it(app: Flask, own_postgresql: servers.PostgreSQL) -> None:
    waited: list[float] = []

    def ask() -> None:
        with app.app_context(), tenant_scope(OPERATOR), wait_limits(SHORT):
            began = monotonic()
            with pytest.raises(OperationalError):
                db.session.execute(text("SELECT 1"))
            waited.append(monotonic() - began)
            db.session.remove()

    with frozen(own_postgresql):
        ask()
        ask()
        waited.clear()
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(waited) == 8
    assert sum(seconds > 0.6 for seconds in waited) <= 2


def test_where_only_new_connections_hang_the_open_ones_go_on(app: Flask, own_postgresql: servers.PostgreSQL) -> None:
    def use_a_new_connection() -> None:
        with app.app_context(), tenant_scope(OPERATOR), pytest.raises(OperationalError):
            db.session.execute(text("SELECT 1"))

    assert _answers()
    with frozen(own_postgresql, whole=False):
        other = threading.Thread(target=use_a_new_connection)
        other.start()
        other.join()
        assert _answers()


def test_a_commit_whose_answer_does_not_come_is_a_failure_too(app: Flask, own_postgresql: servers.PostgreSQL) -> None:
    assert _answers()
    with frozen(own_postgresql), wait_limits(SHORT), pytest.raises(OperationalError):
        commit_pipelined(db.session())
    db.session.rollback()


def test_leaving_a_scope_whose_read_cannot_be_rolled_back_is_no_failure(
    app: Flask, own_postgresql: servers.PostgreSQL
) -> None:
    with ExitStack() as standstill, wait_limits(WaitLimits(one=2, total=3)), tenant_scope(None):
        db.session.execute(text("SELECT 1"))
        standstill.enter_context(frozen(own_postgresql))
    assert wait_until(_answers, seconds=5)


def test_a_long_statement_may_take_its_time_on_a_server_that_lives_and_not_on_a_frozen_one(
    app: Flask, own_postgresql: servers.PostgreSQL
) -> None:
    with wait_limits(SHORT):
        allow_long_statements(db.session())
        db.session.execute(text("SELECT pg_sleep(2.5)"))
        # It has used up nothing of what the request may wait.
        assert _answers()
        began = monotonic()
        with frozen(own_postgresql), pytest.raises(OperationalError) as silent:
            db.session.execute(text("SELECT 1"))
        assert "does not answer" in str(silent.value.orig)
        assert monotonic() - began < 5
    db.session.rollback()


def test_a_request_with_little_time_left_does_not_say_that_the_server_is_silent(app: Flask) -> None:
    with wait_limits(WaitLimits(one=0.5, total=0.5)), pytest.raises(OperationalError) as over:
        db.session.execute(text("SELECT pg_sleep(0.8)"))
    db.session.rollback()

    assert isinstance(over.value.orig, ServerSilent)
    assert _answers()


def test_the_server_itself_ends_a_slow_statement_before_we_do(app: Flask, own_postgresql: servers.PostgreSQL) -> None:
    own = Flask("slow")
    connect(own, own_postgresql.app_url("moyai"), statement_timeout_ms=700)
    with own.app_context(), tenant_scope(OPERATOR):
        with wait_limits(WaitLimits(one=2, total=3)), pytest.raises(OperationalError) as ended:
            db.session.execute(text("SELECT pg_sleep(5)"))
        db.session.rollback()
        assert isinstance(ended.value.orig, psycopg.errors.QueryCanceled)
        assert _answers()
        db.session.remove()
        db.engine.dispose()


def test_waits_side_by_side_use_the_time_up_once() -> None:
    budget = WaitBudget(WaitLimits(one=3, total=4))

    assert budget.begin("a server") == 3
    budget.begin("a server")
    budget._since -= 2  # two seconds later
    assert 1.9 < budget.begin("a server") <= 2
    for _ in range(3):
        budget.end()
    assert 1.9 < budget.begin("a server") <= 2
    budget._since -= 2
    with pytest.raises(WaitTimeExceeded):
        budget.begin("a server")


def test_what_was_waited_before_counts_and_nothing_is_waited_for_beyond_the_end() -> None:
    budget = WaitBudget(WaitLimits(one=3, total=4), spent=1.5)
    assert 2.4 < budget.begin("a server") <= 2.5
    budget.end()

    budget = WaitBudget(WaitLimits(one=3, total=4), until=monotonic() + 1)
    assert 0.9 < budget.begin("a server") <= 1
    budget.end()
    budget = WaitBudget(WaitLimits(one=3, total=4), until=monotonic())
    with pytest.raises(WaitTimeExceeded):
        budget.begin("a server")


def test_work_with_limits_of_its_own_does_not_make_the_rest_of_the_request_too_late() -> None:
    with wait_limits(WaitLimits(one=3, total=4), until=monotonic()):
        request = current_budget()
        assert request is not None
        with pytest.raises(WaitTimeExceeded):
            request.begin("a server")
        with wait_limits(WaitLimits(one=3, total=30)):
            """The drift report."""
        assert request.begin("a server") == 3
        request.end()


def test_a_request_does_not_wait_again_for_the_server_that_let_it_down() -> None:
    budget = WaitBudget(WaitLimits(one=3, total=4))
    budget.begin("Keycloak")
    budget.ran_out("Keycloak")
    budget.end()

    with pytest.raises(WaitTimeExceeded):
        budget.begin("Keycloak")
    assert budget.begin("PostgreSQL") == 3


def test_a_breaker_lets_one_caller_through_a_second_and_all_after_an_answer() -> None:
    breaker = CircuitBreaker("a server")
    assert breaker.allows
    breaker.timed_out()
    assert not breaker.allows
    assert breaker._retry_at is not None
    breaker._retry_at -= 1  # a second later
    with ParallelMap(1, "other") as other:
        assert [breaker.allows, *other.map(lambda _: breaker.allows, [1, 2]), breaker.allows] == [
            True,
            False,
            False,
            True,
        ]
    breaker.answered()
    assert breaker.allows
