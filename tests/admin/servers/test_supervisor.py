"""The supervisor: it starts again what died, knows its own again after a crash, and touches nobody else's processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from admin.operations import services
from admin.operations.processes import PidFiles, ProcessRecord
from admin.operations.readiness import wait_until
from admin.operations.settings import Settings
from admin.operations.supervisor import ALREADY_RUNNING, PORT_TAKEN, SUPERVISOR, Supervisor, stop_orphans
from governance.kernel.errors import Conflict

pytestmark = pytest.mark.slow

SUPERVISOR_SCRIPT = """
import sys, threading
from pathlib import Path
from admin.operations import services
from admin.operations.supervisor import Supervisor
from admin.operations.settings import Settings
settings = Settings(home=Path(sys.argv[1]), port=int(sys.argv[2]))
server = settings.embedded_postgresql()
server.initialise()
with Supervisor(settings.home, lambda text: None) as supervisor:
    supervisor.start(services.postgresql(server))
    supervisor.await_ready("postgresql")
    print("ready", flush=True)
    threading.Event().wait()
"""


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is none of ours."""
    process = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
    yield process
    process.kill()
    process.wait()


def test_a_server_that_died_is_started_again(settings: Settings, supervised: Supervisor, messages: list[str]) -> None:
    first = _record(settings, "postgresql")

    os.kill(first.pid, signal.SIGKILL)

    server = settings.embedded_postgresql()
    assert wait_until(lambda: _record(settings, "postgresql").pid != first.pid, seconds=20)
    assert wait_until(lambda: server.version() is not None, seconds=20)
    assert any("starting again" in sentence for sentence in messages)


def test_how_long_it_waits_before_the_next_start_is_said_each_time_and_grows(
    settings: Settings, messages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("admin.operations.supervisor._POLL_SECONDS", 0.01)
    monkeypatch.setattr("admin.operations.supervisor._RESTART_DELAYS_SECONDS", (0.1, 0.2, 0.3))
    commands = [["sleep", "1000"], *[["sh", "-c", "exit 7"]] * 3, ["/no/such/program"], ["sleep", "1000"]]
    crashing = services.ServiceSpec(
        name=services.WORKER,
        label="Worker",
        command=lambda: commands.pop(0) if len(commands) > 1 else commands[0],
        environment={"PATH": os.defpath},
        ports=(),
        is_ready=lambda: True,
        version=lambda: None,
        folder=settings.home,
    )
    with Supervisor(settings.home, messages.append) as supervisor:
        supervisor.start(crashing)
        supervisor.await_ready(services.WORKER)
        del messages[:]
        os.kill(_record(settings, services.WORKER).pid, signal.SIGKILL)

        assert wait_until(lambda: len(commands) == 1 and supervisor.is_running(services.WORKER), seconds=20)
        said = list(messages)

    waits = [sentence for sentence in said if "starting again in" in sentence]
    assert [sentence.rpartition(" / ")[2] for sentence in waits] == [
        "ended with code -9; starting again in 0.1 s",
        "ended with code 7; starting again in 0.2 s",
        "ended with code 7; starting again in 0.3 s",
        "ended with code 7; starting again in 0.3 s",
        "ended with code 7; starting again in 0.3 s",
    ]
    assert all("秒後に再起動します" in sentence for sentence in waits)
    assert [one for one in said if one not in waits] == [
        "Worker … 再起動できません / cannot start again: No such file or directory"
    ]


def test_the_writer_of_a_log_that_died_is_replaced_while_its_server_goes_on(
    settings: Settings, supervised: Supervisor
) -> None:
    log, first = supervised._logs["postgresql"], _record(settings, "postgresql")
    killed = log.pid

    os.kill(killed, signal.SIGKILL)

    assert wait_until(lambda: log.pid != killed, seconds=20)
    with settings.embedded_postgresql().connect("postgres") as connection, pytest.raises(psycopg.Error):
        connection.execute("SELECT 1/0")
    path = settings.logs / "postgresql.log"
    assert wait_until(lambda: path.exists() and "division by zero" in path.read_text(encoding="utf-8"), seconds=20)
    assert _record(settings, "postgresql").pid == first.pid


def test_started_processes_get_what_they_need_and_no_other_variable(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SECRET_OF_ANOTHER", "AWS_SECRET_ACCESS_KEY", "MOYAI_MIGRATION_URL", "LD_PRELOAD"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")

    for service in (services.web(settings), services.worker(settings, is_running=lambda: True)):
        assert set(service.environment) >= {"PATH", "MOYAI_HOME", "MOYAI_PORT", "https_proxy"}
        assert "x" not in service.environment.values()


def test_logs_are_for_their_owner_alone(settings: Settings, messages: list[str]) -> None:
    log = settings.logs / "postgresql.log"
    log.parent.mkdir(parents=True, mode=0o711)
    log.write_text("of an earlier version")
    log.chmod(0o644)
    server = settings.embedded_postgresql()
    server.initialise()
    with Supervisor(settings.home, messages.append) as supervisor:
        supervisor.start(services.postgresql(server))
        supervisor.await_ready(services.POSTGRESQL)

    assert log.stat().st_mode & 0o777 == 0o600
    assert log.read_text(encoding="utf-8").startswith("of an earlier version")


def test_a_second_supervisor_of_the_same_home_is_refused(settings: Settings, supervised: Supervisor) -> None:
    with pytest.raises(Conflict) as refusal, Supervisor(settings.home, print):
        pass

    assert refusal.value.message is ALREADY_RUNNING
    assert refusal.value.facts["pid"] == os.getpid()
    assert settings.embedded_postgresql().version() is not None


def test_a_port_that_is_taken_is_named_with_its_holder_and_the_setting(settings: Settings, messages: list[str]) -> None:
    with socket.socket() as taken, Supervisor(settings.home, messages.append) as supervisor:
        taken.bind(("127.0.0.1", settings.postgresql_port))
        taken.listen()

        with pytest.raises(Conflict) as refusal:
            supervisor.check_ports([services.postgresql(settings.embedded_postgresql())], base=settings.port)

    assert refusal.value.message is PORT_TAKEN
    assert str(settings.postgresql_port) in refusal.value.text("en")
    assert f"({os.getpid()})" in refusal.value.text("en")
    assert "MOYAI_PORT" in refusal.value.hint("ja")
    assert not (settings.home / "postgresql").exists()


def test_what_a_killed_supervisor_left_behind_is_recognised_and_stopped(
    settings: Settings, messages: list[str]
) -> None:
    arguments = [sys.executable, "-c", SUPERVISOR_SCRIPT, str(settings.home), str(settings.port)]
    crashed = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert crashed.stdout is not None
    assert crashed.stdout.readline() == "ready\n"
    left = _record(settings, "postgresql")
    crashed.kill()
    crashed.communicate()
    assert left.is_alive()

    with Supervisor(settings.home, messages.append) as supervisor:
        ended = stop_orphans(settings.home, settings.embedded_postgresql(), messages.append)
        server = settings.embedded_postgresql()
        supervisor.start(services.postgresql(server))
        supervisor.await_ready(services.POSTGRESQL)

        assert ended == 1
        assert not left.is_alive()
        assert server.version() is not None


def test_a_pid_that_a_stranger_has_by_now_is_not_touched(
    settings: Settings, stranger: subprocess.Popen[bytes], messages: list[str]
) -> None:
    records = PidFiles(settings.home / "run")
    mine = ProcessRecord.of("web", stranger.pid)
    records.write(ProcessRecord("web", stranger.pid, mine.birth + "0", {}))

    ended = stop_orphans(settings.home, None, messages.append)

    assert ended == 0
    assert stranger.poll() is None
    assert records.read("web") is None


def test_a_pid_file_of_postgresql_whose_pid_a_stranger_has_does_not_stop_the_next_start(
    settings: Settings, stranger: subprocess.Popen[bytes], messages: list[str]
) -> None:
    server = settings.embedded_postgresql()
    server.initialise()
    (server.data_folder / "postmaster.pid").write_text(f"{stranger.pid}\n{server.data_folder}\n1\n")

    with Supervisor(settings.home, messages.append) as supervisor:
        supervisor.start(services.postgresql(server))
        supervisor.await_ready(services.POSTGRESQL)

        assert server.version() is not None
    assert stranger.poll() is None


def test_leaving_stops_what_was_started_and_nothing_else(
    settings: Settings, stranger: subprocess.Popen[bytes], messages: list[str]
) -> None:
    server = settings.embedded_postgresql()
    server.initialise()
    with Supervisor(settings.home, messages.append) as supervisor:
        supervisor.start(services.postgresql(server))
        supervisor.await_ready(services.POSTGRESQL)
        ours = psutil.Process(_record(settings, "postgresql").pid)
        family = [ours, *ours.children(recursive=True)]

    assert not any(process.is_running() for process in family)
    assert stranger.poll() is None
    assert PidFiles(settings.home / "run").read("postgresql") is None
    assert PidFiles(settings.home / "run").read(SUPERVISOR) is None


def test_a_second_start_goes_on_with_the_data_that_is_there(settings: Settings, messages: list[str]) -> None:
    server = settings.embedded_postgresql()
    assert server.initialise()
    for start in ("first", "second"):
        with Supervisor(settings.home, messages.append) as supervisor:
            supervisor.start(services.postgresql(server))
            supervisor.await_ready(services.POSTGRESQL)
            with server.connect("postgres") as connection:
                connection.execute("CREATE TABLE IF NOT EXISTS kept (start text)")
                connection.execute("INSERT INTO kept VALUES (%s)", (start,))
                found = [row[0] for row in connection.execute("SELECT start FROM kept")]

    assert found == ["first", "second"]
    assert not server.initialise()


def test_a_half_made_data_folder_is_made_anew(settings: Settings) -> None:
    server = settings.embedded_postgresql()
    unfinished = server.folder / "data.growing"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")

    assert server.initialise()

    assert not unfinished.exists()
    assert (server.data_folder / "global").is_dir()
    assert not (server.folder / "password").exists()


def test_a_server_that_cannot_start_is_reported_with_its_log(settings: Settings, messages: list[str]) -> None:
    server = settings.embedded_postgresql()
    server.initialise()
    (server.data_folder / "postgresql.conf").write_text("no such setting")

    with Supervisor(settings.home, messages.append) as supervisor:
        supervisor.start(services.postgresql(server))
        with pytest.raises(Conflict) as refusal:
            supervisor.await_ready(services.POSTGRESQL)

    assert "PostgreSQL did not start" in refusal.value.text("en")
    assert "syntax error" in refusal.value.text("en")
    assert str(settings.logs / "postgresql.log") in refusal.value.hint("en")


def _record(settings: Settings, name: str) -> ProcessRecord:
    record = PidFiles(Path(settings.home) / "run").read(name)
    assert record is not None
    return record


def test_ctrl_c_at_the_moment_a_server_is_started_leaves_no_process_behind(
    settings: Settings, messages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = settings.embedded_postgresql()
    server.initialise()
    started: list[subprocess.Popen[bytes]] = []

    def interrupted(*words: Any, **given: Any) -> subprocess.Popen[bytes]:
        started.append(popen(*words, **given))
        signal.raise_signal(signal.SIGINT)
        return started[-1]

    def start() -> None:
        with Supervisor(settings.home, messages.append) as supervisor:
            supervisor.start(services.postgresql(server))

    popen = subprocess.Popen
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", interrupted)
        with pytest.raises(KeyboardInterrupt):
            start()

    # The server, and what writes its log.
    assert [one.poll() is not None for one in started] == [True, True]
    assert server.find_orphan() is None
    assert list((settings.home / "run").glob("*.json")) == []


def test_ctrl_c_before_anything_is_started_leaves_the_home_free(
    settings: Settings, messages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: threading.Thread) -> None:
        start(self)
        signal.raise_signal(signal.SIGINT)

    def enter() -> None:
        with Supervisor(settings.home, messages.append):
            raise AssertionError("the block is not entered")

    start = threading.Thread.start
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            enter()

    with Supervisor(settings.home, messages.append):
        pass
