"""`moyai web`, `worker` and `migrate` as processes of their own, and what they refuse before they serve."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
import psycopg
import pytest

from admin.operations import ports
from admin.operations.processes import stop_signals_held
from admin.operations.readiness import wait_until
from admin.operations.schema_version import LOCK_KEY, newest_version
from tests.admin.cli.command_line import Moyai
from tests.ports import find_free_port, find_free_port_range
from tests.servers import PostgreSQL, libpq, unprivileged

pytestmark = pytest.mark.slow

_numbers = count(1)


@pytest.fixture
def empty_database(postgresql: PostgreSQL) -> Iterator[str]:
    """A database of the owner's without any table."""
    name = f"moyai_empty_{next(_numbers)}"
    with psycopg.connect(libpq(postgresql.superuser_url), autocommit=True) as administrator:
        administrator.execute(f'CREATE DATABASE "{name}" OWNER moyai_owner TEMPLATE template0')
        yield name
        administrator.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _environment(postgresql: PostgreSQL, database: str, home: Path, **given: str) -> dict[str, str]:
    return {
        "MOYAI_HOME": str(home),
        "MOYAI_PORT": str(find_free_port_range()),
        "KEYCLOAK_URL": "http://127.0.0.1:9",
        # Commands that a test runs in its own process, which may be root's.
        "MOYAI_EXAMPLE": "1",
        **postgresql.urls(database),
        "MOYAI_MIGRATION_URL": postgresql.owner_url(database),
        **given,
    }


def _start(*words: str, env: dict[str, str]) -> subprocess.Popen[str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("MOYAI_")}
    return subprocess.Popen(
        unprivileged([sys.executable, "-m", "admin.cli", *words], Path(env["MOYAI_HOME"])),
        env=kept | env | {"MOYAI_EXAMPLE": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _versions(postgresql: PostgreSQL, database: str) -> list[str]:
    with psycopg.connect(libpq(postgresql.owner_url(database))) as owner:
        return [str(row[0]) for row in owner.execute("SELECT version_num FROM alembic_version").fetchall()]


def _set_version(postgresql: PostgreSQL, database: str, version: str) -> None:
    with psycopg.connect(libpq(postgresql.owner_url(database))) as owner:
        owner.execute("UPDATE alembic_version SET version_num = %s", [version])


# ---- migrate


def test_of_three_migrations_at_once_one_works_and_two_wait(
    postgresql: PostgreSQL, empty_database: str, tmp_path: Path
) -> None:
    env = _environment(postgresql, empty_database, tmp_path)
    with psycopg.connect(libpq(postgresql.owner_url(empty_database)), autocommit=True) as observer:
        observer.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        started = [_start("migrate", "--json", env=env) for _ in range(3)]
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        try:
            assert wait_until(lambda: observer.execute(waiting).fetchone() == (3,), seconds=60)
            observer.execute("SELECT pg_advisory_unlock(%s)", [LOCK_KEY])
            answers = [one.communicate(timeout=120) for one in started]
        finally:
            for one in started:
                one.kill()

    assert [one.returncode for one in started] == [0, 0, 0], answers
    results: list[dict[str, Any]] = [json.loads(out) for out, _ in answers]
    newest = newest_version()
    assert sorted((one["before"] or "", one["after"]) for one in results) == [
        ("", newest),
        (newest, newest),
        (newest, newest),
    ]
    assert all("waiting for another migration" in said for _, said in answers)
    assert _versions(postgresql, empty_database) == [newest]


@pytest.mark.own_database
def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(
    postgresql: PostgreSQL, database_name: str, tmp_path: Path
) -> None:
    _set_version(postgresql, database_name, "9999")
    moyai = Moyai(_environment(postgresql, database_name, tmp_path / "home"))

    refusals = [moyai.refusal("migrate"), *(_text_refusal(moyai, word) for word in ("web", "worker"))]

    assert refusals == [(1, "schema.newer", None)] * 3
    assert _versions(postgresql, database_name) == ["9999"]


@pytest.mark.own_database
def test_web_and_worker_refuse_tables_of_an_older_version_and_say_what_to_do(
    postgresql: PostgreSQL, database_name: str, tmp_path: Path
) -> None:
    _set_version(postgresql, database_name, "0001")
    moyai = Moyai(_environment(postgresql, database_name, tmp_path / "home"))

    for word in ("web", "worker"):
        code, _, said = moyai.text(word)
        assert code == 1
        assert "0001" in said
        assert newest_version() in said
        assert "moyai migrate" in said


def test_web_and_worker_refuse_a_database_without_tables(
    postgresql: PostgreSQL, empty_database: str, tmp_path: Path
) -> None:
    with psycopg.connect(libpq(postgresql.owner_url(empty_database)), autocommit=True) as owner:
        owner.execute(f'GRANT CONNECT ON DATABASE "{empty_database}" TO moyai_app, moyai_tenant')
    moyai = Moyai(_environment(postgresql, empty_database, tmp_path / "home"))

    assert [_text_refusal(moyai, word) for word in ("web", "worker")] == [(1, "schema.missing", None)] * 2


def test_a_migration_that_finds_the_disk_full_leaves_nothing_half_done(
    postgresql: PostgreSQL, empty_database: str, tmp_path: Path
) -> None:
    superuser = libpq(postgresql.superuser_url).rsplit("/", 1)[0] + f"/{empty_database}"
    with psycopg.connect(superuser, autocommit=True) as administrator:
        # PostgreSQL's own refusal (53100), at a table that a later migration makes.
        administrator.execute(
            """
            CREATE FUNCTION fill() RETURNS event_trigger LANGUAGE plpgsql AS $$
            BEGIN
              IF to_regclass('web_session') IS NOT NULL THEN
                RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
              END IF;
            END $$
            """
        )
        administrator.execute("CREATE EVENT TRIGGER fill ON ddl_command_start EXECUTE FUNCTION fill()")
        moyai = Moyai(_environment(postgresql, empty_database, tmp_path / "home"))

        code, answer, said = moyai("migrate")

        assert (code, answer["error"]["code"]) == (1, "migrate.disk_full")
        assert "Traceback" not in said
        tables = administrator.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        assert tables == (0,)
        administrator.execute("DROP EVENT TRIGGER fill")
        assert moyai("migrate")[1] == {"before": None, "after": newest_version(), "waited": False}


def test_migrate_says_which_setting_is_missing_and_where_nothing_answers(tmp_path: Path) -> None:
    nowhere = f"postgresql+psycopg://moyai_owner:hidden-word@127.0.0.1:{find_free_port()}/moyai"
    env = {"MOYAI_HOME": str(tmp_path / "home"), "DATABASE_URL": nowhere, "MOYAI_EXAMPLE": "1"}

    assert Moyai(env).refusal("migrate") == (2, "migrate.no_owner", "MOYAI_MIGRATION_URL")
    code, answer, said = Moyai(env | {"MOYAI_MIGRATION_URL": nowhere})("migrate")

    assert (code, answer["error"]["code"]) == (3, "migrate.unreachable")
    assert "hidden-word" not in json.dumps(answer) + said


def test_a_role_that_does_not_own_the_tables_migrates_nothing(
    postgresql: PostgreSQL, empty_database: str, tmp_path: Path
) -> None:
    env = _environment(postgresql, empty_database, tmp_path / "home")
    as_app = env | {"MOYAI_MIGRATION_URL": env["DATABASE_URL"]}

    code, answer, said = Moyai(as_app)("migrate")

    assert (code, answer["error"]["code"]) == (3, "migrate.unreachable")
    assert "permission denied" in answer["error"]["message"]
    assert "Traceback" not in said


@pytest.mark.own_database
def test_of_several_hosts_the_one_that_answers_is_used(
    postgresql: PostgreSQL, database_name: str, operator_tenant: UUID, tmp_path: Path
) -> None:
    silent = f"@127.0.0.1:{find_free_port()},127.0.0.1:{postgresql.port}/"
    env = {
        name: text.replace(f"@127.0.0.1:{postgresql.port}/", silent)
        for name, text in _environment(postgresql, database_name, tmp_path / "home").items()
    }
    assert sum(silent in text for text in env.values()) == 3

    moyai = Moyai(env)

    assert moyai("migrate")[1] == {"before": newest_version(), "after": newest_version(), "waited": False}
    assert moyai("status")[1]["postgresql"]["ready"] is True
    assert moyai("tenant", "list")[0] == 0


# ---- web


def test_an_address_in_use_or_of_another_machine_is_named(
    postgresql: PostgreSQL, database_name: str, tmp_path: Path
) -> None:
    env = _environment(postgresql, database_name, tmp_path / "home")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(env["MOYAI_PORT"])))
        taken.listen()
        code, _, said = Moyai(env).text("web")

    assert code == 1
    assert env["MOYAI_PORT"] in said
    assert f"({os.getpid()})" in said
    assert "MOYAI_BIND" in said
    assert _text_refusal(Moyai(env | {"MOYAI_BIND": "192.0.2.1"}), "web") == (1, "servers.not_our_address", None)


@pytest.mark.own_database
def test_web_processes_share_a_port_one_that_ends_is_replaced_and_new_tables_take_them_out(
    postgresql: PostgreSQL, database_name: str, tmp_path: Path
) -> None:
    env = _environment(
        postgresql,
        database_name,
        tmp_path / "home",
        MOYAI_EXAMPLE="0",
        MOYAI_BIND="127.0.0.2",
        MOYAI_WEB_PROCESSES="2",
        MOYAI_WEB_THREADS="4",
    )
    port = int(env["MOYAI_PORT"])

    def ready(at: int) -> tuple[int, Any]:
        try:
            answer = httpx.get(f"http://127.0.0.2:{at}/readyz", timeout=5)
        except httpx.TransportError:
            return 0, None
        return answer.status_code, answer.json()

    with (tmp_path / "log").open("w") as log:
        web = subprocess.Popen(
            unprivileged([sys.executable, "-m", "admin.cli", "web"], tmp_path),
            env=os.environ | env,
            stdout=log,
            stderr=log,
        )
    try:
        assert wait_until(lambda: ready(port)[0] == 200, seconds=60), (tmp_path / "log").read_text()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{port}/readyz")
        parent = psutil.Process(web.pid)
        assert wait_until(lambda: len(_serving(parent)) == 2, seconds=30)
        first = _serving(parent)
        first[0].send_signal(signal.SIGKILL)
        assert wait_until(lambda: ready(port)[0] == 200, seconds=30)
        assert wait_until(lambda: len(set(_serving(parent)) - set(first)) == 1, seconds=60)
        assert web.poll() is None

        _set_version(postgresql, database_name, "9999")

        for at in (port, port + 5):
            assert wait_until(lambda at=at: ready(at)[0] == 503, seconds=30)  # type: ignore[misc]
            body = ready(at)[1]
            assert (body["ready"], body["postgresql"]) == (False, True)
            assert (body["schema"], body["schema_of_code"]) == ("9999", newest_version())
    finally:
        web.terminate()
        web.wait(timeout=30)
    assert ports.is_free(port, "127.0.0.2")


def test_web_processes_that_are_stopped_while_they_start_end_at_once(
    postgresql: PostgreSQL, database_name: str, tmp_path: Path
) -> None:
    env = _environment(postgresql, database_name, tmp_path / "home", MOYAI_WEB_PROCESSES="2")
    with (tmp_path / "log").open("w") as log:
        web = subprocess.Popen([sys.executable, "-m", "admin.cli", "web"], env=os.environ | env, stdout=log, stderr=log)
    parent = psutil.Process(web.pid)
    try:
        assert wait_until(lambda: any(_is_loading(one) for one in _serving(parent)), seconds=60)
        web.terminate()
        # Far less than granian waits before it kills.
        web.wait(timeout=8)
    finally:
        for one in (*parent.children(recursive=True), parent) if web.poll() is None else ():
            one.kill()
    assert ports.is_free(int(env["MOYAI_PORT"]))


def _serving(parent: psutil.Process) -> list[psutil.Process]:
    """The processes that serve: children of granian's own that listen or share its socket."""
    return [one for one in parent.children() if "resource_tracker" not in " ".join(one.cmdline())]


def _is_loading(process: psutil.Process) -> bool:
    """Whether it has begun to import what it will serve; granian itself has no use for pydantic."""
    return any("pydantic_core" in found.path for found in process.memory_maps())


def _text_refusal(moyai: Moyai, word: str) -> tuple[int, str, None]:
    """Exit code and code of the refusal of a command that prints no JSON: found by its sentence."""
    from admin.operations import schema_version as schema

    code, _, said = moyai.text(word)
    texts = {
        "schema.newer": schema.SCHEMA_NEWER,
        "schema.missing": schema.SCHEMA_MISSING,
        "servers.not_our_address": ports.NOT_OUR_ADDRESS,
    }
    found = [name for name, text in texts.items() if text.hint_en and text.hint_en in said]
    return code, found[0] if len(found) == 1 else said, None


# ---- Ctrl-C at the wrong moment


def _interrupted_while_beginning(begun: list[str]) -> None:
    with stop_signals_held():
        signal.raise_signal(signal.SIGINT)
        begun.append("after the signal")


def test_a_signal_that_comes_while_something_is_begun_takes_effect_when_it_is_known() -> None:
    begun: list[str] = []

    with pytest.raises(KeyboardInterrupt):
        _interrupted_while_beginning(begun)

    assert begun == ["after the signal"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
