"""Logs of the servers: rotated by size and by day without losing a line, deleted when they were kept long enough."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from admin.operations import log_writer
from admin.operations.log_process import LogProcess
from admin.operations.log_writer import LOST, LogFile, delete_rotated, rotated_logs
from admin.operations.readiness import wait_until

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LINES = 20_000
WRITER_SCRIPT = """
import os, sys
for number in range(int(sys.argv[2])):
    os.write(1, f"{sys.argv[1]} {number} {'x' * (number % 97)}\\n".encode())
"""


def _lines(folder: Path) -> list[str]:
    """All lines of all files, the oldest file first."""
    files = [path for _, path in rotated_logs(folder)] + [folder / "web.log"]
    return [line for path in files if path.exists() for line in path.read_text(encoding="utf-8").splitlines()]


def _write(name: str, lines: int, into: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER_SCRIPT, name, str(lines)], stdout=into)


def _missing_or_double(folder: Path, writers: tuple[str, ...], lines: int) -> set[str]:
    """Lines that are not there exactly once, or not whole; and writers whose lines are out of their order."""
    found = _lines(folder)
    wrong = set()
    for writer in writers:
        expected = [f"{writer} {number} {'x' * (number % 97)}" for number in range(lines)]
        of_writer = [line for line in found if line.startswith(f"{writer} ")]
        if sorted(of_writer) != sorted(expected):
            wrong |= set(of_writer) ^ set(expected) or {f"{writer}: a line is there twice"}
    return wrong if len(found) == lines * len(writers) else wrong | {f"{len(found)} lines"}


@pytest.mark.slow
def test_two_servers_write_while_their_log_rotates_and_each_line_is_there_once(tmp_path: Path) -> None:
    log = LogProcess(tmp_path / "web.log", max_bytes=200_000)
    servers = [_write(name, LINES, log.descriptor) for name in ("one", "two")]
    for server in servers:
        assert server.wait(timeout=60) == 0
    log.close()

    assert len(rotated_logs(tmp_path)) >= 5
    assert _missing_or_double(tmp_path, ("one", "two"), LINES) == set()
    for _, path in rotated_logs(tmp_path):
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.stat().st_size < 400_000


@pytest.mark.slow
def test_two_writers_of_one_file_lose_no_line_of_each_other(tmp_path: Path) -> None:
    """As after a supervisor was killed: its writer takes what its servers still say."""
    logs = [LogProcess(tmp_path / "web.log", max_bytes=100_000) for _ in range(2)]
    servers = [_write(name, LINES // 2, log.descriptor) for name, log in zip(("one", "two"), logs, strict=True)]
    for server in servers:
        assert server.wait(timeout=60) == 0
    for log in logs:
        log.close()

    assert len(rotated_logs(tmp_path)) >= 5
    assert _missing_or_double(tmp_path, ("one", "two"), LINES // 2) == set()


def test_a_server_goes_on_when_the_writer_of_its_log_is_killed(tmp_path: Path) -> None:
    log = LogProcess(tmp_path / "web.log")
    os.write(log.descriptor, b"before\n")
    log.wait_until_written(seconds=30)
    killed = log.pid
    os.kill(killed, 9)
    os.write(log.descriptor, b"meanwhile\n")

    def is_replaced() -> bool:
        log.restart_if_ended()
        return log.pid != killed

    assert wait_until(is_replaced, seconds=10)
    os.write(log.descriptor, b"after")
    log.close()

    assert _lines(tmp_path) == ["before", "meanwhile", "after"]


def test_what_is_in_the_pipe_is_in_the_file_when_it_was_waited_for(tmp_path: Path) -> None:
    log = LogProcess(tmp_path / "web.log")
    try:
        os.write(log.descriptor, b"its last words\n")
        log.wait_until_written(seconds=30)
        assert _lines(tmp_path) == ["its last words"]
    finally:
        log.close()


@pytest.mark.slow
def test_the_writer_outlives_a_supervisor_that_is_killed_until_its_servers_end(tmp_path: Path) -> None:
    script = """
import subprocess, sys
from pathlib import Path
from admin.operations.log_process import LogProcess
log = LogProcess(Path(sys.argv[1]))
server = subprocess.Popen(
    [sys.executable, "-c", "import sys; sys.stdin.readline(); print('alone', flush=True)"],
    stdin=subprocess.PIPE, stdout=log.descriptor, start_new_session=True,
)
print(log.pid, flush=True)
sys.stdin.readline()
server.stdin.write(b"go on\\n")
server.stdin.flush()
import os
os.kill(os.getpid(), 9)
"""
    supervisor = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "web.log")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert supervisor.stdout is not None
    writer = int(supervisor.stdout.readline())
    supervisor.communicate("end\n", timeout=30)
    assert supervisor.returncode == -9

    assert wait_until(lambda: not Path(f"/proc/{writer}").exists(), seconds=30)
    assert _lines(tmp_path) == ["alone"]


def test_a_file_of_yesterday_is_rotated_before_the_first_line_of_today(tmp_path: Path) -> None:
    (tmp_path / "web.log").write_text("yesterday\n")
    os.utime(tmp_path / "web.log", (NOON.timestamp(), NOON.timestamp()))
    tomorrow = NOON.replace(hour=0) + timedelta(days=1, minutes=1)

    LogFile(tmp_path / "web.log", now=lambda: NOON + timedelta(hours=11)).take(lambda: b"still yesterday\n")
    os.utime(tmp_path / "web.log", (NOON.timestamp(), NOON.timestamp()))
    LogFile(tmp_path / "web.log", now=lambda: tomorrow).take(lambda: b"today\n")

    assert [path.name for _, path in rotated_logs(tmp_path)] == ["web.20261124T000100Z.log"]
    assert _lines(tmp_path) == ["yesterday", "still yesterday", "today"]
    assert (tmp_path / "web.log").read_text() == "today\n"


def test_two_rotations_in_one_second_overwrite_nothing_and_no_line_is_cut(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "web.log", max_bytes=4, now=lambda: NOON)
    for content in (b"one\ntw", b"o\nthree\n", b"four", b"\nfive\n"):
        log.take(lambda content=content: content)  # type: ignore[misc]
    log.end()

    assert sorted(path.name for path in tmp_path.glob("web.*.log")) == [
        "web.20261123T120000Z.1.log",
        "web.20261123T120000Z.log",
    ]
    assert sorted(_lines(tmp_path)) == ["five", "four", "one", "three", "two"]


def test_while_the_disk_is_full_lines_are_held_and_what_is_lost_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = LogFile(tmp_path / "web.log", max_held_bytes=20)
    log.take(lambda: b"written\n")
    with monkeypatch.context() as full:

        def no_space(path: Path) -> None:
            raise OSError(28, "No space left on device")

        full.setattr(log_writer, "private_log", no_space)
        for number in range(10):
            assert log.take(lambda number=number: f"line {number}\n".encode())  # type: ignore[misc]
        assert log.is_behind
    log.take(bytes)

    assert not log.is_behind
    lost = 8 * len("line 0\n")
    assert [line for line in _lines(tmp_path) if line] == [
        "written",
        f'{{"event": "{LOST}", "bytes": {lost}}}',
        "line 8",
        "line 9",
    ]


def _rotated(folder: Path, at: datetime, name: str = "web") -> Path:
    path = folder / f"{name}.{at:%Y%m%dT%H%M%SZ}.log"
    path.write_text("x\n")
    return path


def test_rotated_logs_are_deleted_after_their_time_and_nothing_else_is(tmp_path: Path) -> None:
    old = [_rotated(tmp_path, NOON - timedelta(days=366, seconds=second)) for second in (3, 2, 1)]
    kept = [
        _rotated(tmp_path, NOON - timedelta(days=366) + timedelta(seconds=1)),
        _rotated(tmp_path, NOON, "postgresql"),
        *(tmp_path / name for name in ("web.log", "notes.txt", "web.20201123T000000Z.log.gz", "web.2020.log")),
    ]
    for path in kept[2:]:
        path.write_text("x\n")
        os.utime(path, (0, 0))

    assert delete_rotated(tmp_path, NOON - timedelta(days=366), limit=2) == 2
    assert [path.exists() for path in old] == [False, False, True]
    assert delete_rotated(tmp_path, NOON - timedelta(days=366), limit=2) == 1
    assert delete_rotated(tmp_path, NOON - timedelta(days=366), limit=2) == 0
    assert all(path.exists() for path in kept)
    assert delete_rotated(tmp_path / "nowhere", NOON, limit=2) == 0
