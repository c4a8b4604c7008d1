"""Processes that Moyai started: identified by pid and start time, and stopped. No other process is signalled.

After a crash a pid may belong to another process. Each record therefore holds the start time too; a process is ours
only when both match.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from admin.operations.readiness import wait_until

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""By which somebody asks us to stop: Ctrl-C, a service manager, a terminal that closes."""


@contextlib.contextmanager
def stop_signals_held() -> Iterator[None]:
    """Signals to stop that come meanwhile take effect at the end: what is begun inside is known to whoever ends it.

    Only the main thread is interrupted by signals; in another one this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    former = {one: signal.signal(one, lambda number, frame: came.append(number)) for one in STOP_SIGNALS}
    try:
        yield
    finally:
        for one, handler in former.items():
            signal.signal(one, handler)
        for number in came[:1]:
            signal.raise_signal(number)


def process_start_time(pid: int) -> str | None:
    """The start time of process `pid` as text, unique with the pid; None when there is none (or a zombie)."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        ticks = Path(f"/proc/{pid}/stat")
        if ticks.exists():
            # Exact, and untouched by a clock that is set: ticks since this boot.
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            return f"{boot}/{ticks.read_text(encoding='utf-8', errors='replace').rpartition(')')[2].split()[19]}"
        return str(process.create_time())
    except (psutil.Error, OSError):
        return None


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """One process that Moyai started, as stored in its pid file. It leads its own process group."""

    name: str
    pid: int
    birth: str
    facts: Mapping[str, str]

    @classmethod
    def of(cls, name: str, pid: int, **facts: str) -> ProcessRecord:
        """The record of a process that was just started."""
        return cls(name, pid, process_start_time(pid) or "ended", facts)

    def is_alive(self) -> bool:
        """Whether this process (same pid and start time) still runs."""
        return process_start_time(self.pid) == self.birth

    def group(self) -> list[psutil.Process]:
        """The processes of its group that still run, the leader too; empty when another process has the pid by now."""
        leader = process_start_time(self.pid)
        if leader is not None and leader != self.birth:
            return []
        return list(_members(self.pid))


def _members(group: int) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                yield process


class PidFiles:
    """The pid files of one home, one a process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, record: ProcessRecord) -> None:
        """Write the pid file, atomically."""
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._folder / f".{record.name}.{os.getpid()}"
        unfinished.write_text(json.dumps(asdict(record)), encoding="utf-8")
        unfinished.replace(self._folder / f"{record.name}.json")

    def read(self, name: str) -> ProcessRecord | None:
        """The record in the pid file; None when it is missing or malformed."""
        try:
            return ProcessRecord(**json.loads((self._folder / f"{name}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def running(self, name: str) -> ProcessRecord | None:
        """The record of `name` if its process still runs, else None."""
        record = self.read(name)
        return record if record is not None and record.is_alive() else None

    def remove(self, name: str) -> None:
        (self._folder / f"{name}.json").unlink(missing_ok=True)


def stop_process(record: ProcessRecord, *, stop_signal: signal.Signals, seconds: float) -> bool:
    """Signal the process to stop; after `seconds` kill its group. True when it stopped by itself.

    Another process that has the pid by now is not signalled.
    """
    if record.is_alive():
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, stop_signal)
    exited = wait_until(lambda: not record.is_alive(), seconds=seconds)
    # Also when the leader left in order: a worker of a killed server may still hold its port.
    kill_group(record)
    return exited


def kill_group(record: ProcessRecord) -> None:
    """Kill what is left of the process's group and wait until it is gone."""
    for process in record.group():
        with contextlib.suppress(psutil.Error):
            process.kill()
    wait_until(lambda: not record.group(), seconds=10)
