"""A connection pooler in front of PostgreSQL: one that leaves each connection its session works, another is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text

from admin.operations import pooling
from admin.operations.person_locks import PersonLocks
from admin.operations.pooling import check_pooling, shares_sessions
from admin.operations.postgresql import APP, TENANT
from admin.operations.settings import Settings
from governance.commands import COMMANDS
from governance.kernel.database import OPERATOR, connect, db, dispose_engines, tenant_scope
from governance.kernel.deadline_connection import DeadlineConnection
from governance.kernel.errors import DependencyUnavailable, Invalid
from governance.kernel.ids import new_id
from tests.admin.cli.command_line import Moyai
from tests.factories import Visitors
from tests.pooler import Pooler
from tests.ports import find_free_port_range
from tests.servers import PostgreSQL, libpq

Start = Callable[..., Pooler]


@pytest.fixture
def start_pooler(postgresql: PostgreSQL, database_name: str) -> Iterator[Start]:
    """Starts poolers in front of the test's database."""
    started: list[Pooler] = []
    urls = {APP: libpq(postgresql.app_url(database_name)), TENANT: libpq(postgresql.tenant_url(database_name))}

    def start(*, shares: bool, size: int = 20) -> Pooler:
        started.append(Pooler(urls, shares=shares, size=size).__enter__())
        return started[-1]

    yield start
    for one in started:
        one.__exit__()


def _settings(postgresql: PostgreSQL, database: str, home: Path, pooler: Pooler, *pooled: str) -> dict[str, str]:
    named = postgresql.urls(database)
    return {
        "MOYAI_HOME": str(home),
        "MOYAI_PORT": str(find_free_port_range()),
        "KEYCLOAK_URL": "http://127.0.0.1:9",
        # Commands that a test runs in its own process, which may be root's.
        "MOYAI_EXAMPLE": "1",
        **{name: pooler.url(url) if name in pooled else url for name, url in named.items()},
    }


@pytest.mark.parametrize("name", ["DATABASE_URL", "MOYAI_TENANT_DATABASE_URL"])
def test_where_sessions_are_shared_nothing_serves(
    start_pooler: Start, postgresql: PostgreSQL, database_name: str, tmp_path: Path, name: str
) -> None:
    pooler = start_pooler(shares=True)
    env = _settings(postgresql, database_name, tmp_path / "home", pooler, name)

    with pytest.raises(Invalid) as refused:
        check_pooling(Settings.from_environment(env))
    assert (refused.value.code, refused.value.field) == ("pooling.sessions_shared", name)
    for command in ("web", "worker"):
        code, _, said = Moyai(env).text(command)
        assert (code, name in said, "pool_mode=session" in said) == (2, True, True), command


def test_sessions_that_are_shared_are_noticed_while_others_use_the_pooler(
    start_pooler: Start, postgresql: PostgreSQL, database_name: str
) -> None:
    """Somebody else may be given the session between two questions; one of the rounds finds it."""
    pooler = start_pooler(shares=True)
    address, over = libpq(pooler.url(postgresql.app_url(database_name))), threading.Event()

    def work() -> None:
        # Prepared statements would meet those of others, which is one of the reasons.
        with psycopg.connect(address, autocommit=True, prepare_threshold=None) as connection:
            while not over.is_set():
                connection.execute("SELECT 1")

    others = [threading.Thread(target=work) for _ in range(3)]
    for one in others:
        one.start()
    try:
        assert shares_sessions(address)
    finally:
        over.set()
        for one in others:
            one.join()


@pytest.mark.slow
def test_where_each_connection_has_its_session_all_works(
    start_pooler: Start,
    postgresql: PostgreSQL,
    database_name: str,
    operator_tenant: UUID,
    visitors: Visitors,
    tmp_path: Path,
) -> None:
    pooler = start_pooler(shares=False)
    env = _settings(postgresql, database_name, tmp_path, pooler, "DATABASE_URL", "MOYAI_TENANT_DATABASE_URL")
    settings = Settings.from_environment(env)
    municipality = visitors.municipality("432083", "山鹿市")

    check_pooling(settings)

    app = Flask("pooled")
    connect(app, settings.app_url, settings.tenant_url, statement_timeout_ms=2_345)
    COMMANDS.set(app, {})
    limits = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'), current_user"
    with app.app_context():
        for scope, role in ((OPERATOR, APP), (municipality, TENANT)):
            for _ in range(2):
                with tenant_scope(scope):
                    assert db.session.execute(text(limits)).one() == ("2345ms", "1876ms", role)
        dispose_engines()
    locks = PersonLocks(lambda: settings.app_url)
    with locks.hold([new_id()]):
        pass
    assert Moyai(env)("tenant", "list")[0] == 0


def test_a_pooler_that_has_too_few_sessions_is_named(
    start_pooler: Start, postgresql: PostgreSQL, database_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooling, "_TIMEOUT_SECONDS", 0.3)
    pooler = start_pooler(shares=False, size=1)
    env = _settings(postgresql, database_name, tmp_path, pooler, "DATABASE_URL")

    with pytest.raises(DependencyUnavailable) as refused:
        check_pooling(Settings.from_environment(env))

    assert (refused.value.code, refused.value.field) == ("pooling.too_small", "DATABASE_URL")


def test_without_a_pooler_one_connection_is_enough(
    postgresql: PostgreSQL, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, connect_once = [], pooling._connect

    def counted(address: str) -> DeadlineConnection[tuple[Any, ...]]:
        opened.append(address)
        return connect_once(address)

    monkeypatch.setattr(pooling, "_connect", counted)

    assert not shares_sessions(libpq(postgresql.app_url(database_name)))
    assert len(opened) == 1
