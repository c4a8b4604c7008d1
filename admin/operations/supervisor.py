"""The supervisor: starts servers, waits until they are ready, restarts those that died, stops what it started.

One supervisor a home, by a file lock that the kernel releases when its process ends. Processes that a killed supervisor
left are identified by pid and start time and stopped at the next start. No other process is signalled.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO

from admin.operations import ports, processes
from admin.operations.log_process import LogProcess
from admin.operations.postgresql import EmbeddedPostgreSQL
from admin.operations.processes import PidFiles, ProcessRecord
from admin.operations.readiness import wait_until
from admin.operations.services import NAMES, ServiceSpec
from governance.kernel.errors import Conflict, message

SUPERVISOR = "supervisor"
_POLL_SECONDS = 0.2
_RESTART_DELAYS_SECONDS = (0.2, 1.0, 3.0, 10.0, 30.0)
_STABLE_SECONDS = 60.0
_LOG_TAIL_LINES = 3
_LOG_SECONDS = 2.0

Progress = Callable[[str], None]

ALREADY_RUNNING = message(
    "servers.already_running",
    ja="{home} の Moyai はすでに動いています（プロセス {pid}）。",
    en="Moyai is already running on {home} (process {pid}).",
    hint_ja="止めるには moyai down、もう一つ動かすには MOYAI_HOME と MOYAI_PORT を変えてください。",
    hint_en="Stop it with `moyai down`, or change MOYAI_HOME and MOYAI_PORT to run another.",
)
PORT_TAKEN = message(
    "servers.port_taken",
    ja="{label} が使うポート {port} は、{holder} がすでに使っています。",
    en="Port {port}, which {label} needs, is in use by {holder}.",
    hint_ja="MOYAI_PORT(現在 {base})を変えてください。そこから 6 つのポートを使います。",
    hint_en="Change MOYAI_PORT (now {base}); six ports from that number are used.",
)
NOT_STARTED = message(
    "servers.not_started",
    ja="{label} を起動できませんでした。{answer}",
    en="{label} did not start. {answer}",
    hint_ja="詳しくは {log} を見てください。",
    hint_en="See {log}.",
)


@dataclass
class _RunningService:
    service: ServiceSpec
    process: subprocess.Popen[bytes]
    record: ProcessRecord
    started_at: float
    was_ready: bool = False
    restarts: int = 0
    restart_at: float | None = field(default=None)


class Supervisor:
    """The servers of one home while this process lives. Use it in a `with`: leaving it stops what it started.

    `progress` gets one sentence a step. Raises Conflict on entry when another supervisor holds the home.
    """

    def __init__(self, home: Path, progress: Progress) -> None:
        self._home = home
        self._progress = progress
        self._records = PidFiles(home / "run")
        self._running: list[_RunningService] = []
        self._logs: dict[str, LogProcess] = {}
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._lock: IO[str] | None = None

    def __enter__(self) -> Supervisor:
        # Others may pass through the home, because PostgreSQL runs as another user when we are root; what is secret
        # stands in closed folders inside.
        self._home.mkdir(parents=True, exist_ok=True, mode=0o711)
        (self._home / "logs").mkdir(exist_ok=True, mode=0o700)
        self._lock = take_lock(self._home)
        if self._lock is None:
            holder = self._records.running(SUPERVISOR)
            raise Conflict(ALREADY_RUNNING, home=str(self._home), pid=holder.pid if holder else "?")
        try:
            with processes.stop_signals_held():
                self._records.write(ProcessRecord.of(SUPERVISOR, os.getpid()))
                self._watcher.start()
        except BaseException:
            # Stopped before the block was entered: nobody would leave it.
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, what: BaseException | None, at: TracebackType | None) -> None:
        self._stopping.set()
        if self._watcher.ident is not None:
            self._watcher.join()
        for one in reversed(self._running):
            self._stop(one)
        for log in self._logs.values():
            log.close()
        self._records.remove(SUPERVISOR)
        if self._lock is not None:
            self._lock.close()

    def check_ports(self, services: Sequence[ServiceSpec], *, base: int) -> None:
        """Refuse, before anything is started, when a port is taken; names the port, its holder and the setting."""
        for service in services:
            for port in service.ports:
                if not ports.is_free(port, service.address):
                    holder = ports.port_owner(port) or "another process"
                    raise Conflict(PORT_TAKEN, port=port, label=service.label, holder=holder, base=base)

    def start(self, service: ServiceSpec) -> None:
        """Start a child; `await_ready` says when it serves."""
        with processes.stop_signals_held(), self._guard:
            self._running.append(self._spawn(service))

    def await_ready(self, name: str) -> None:
        """Wait until the child serves. Raises Conflict with its last words when it ends first or takes too long."""
        one = self._find(name)
        began = one.started_at
        ready = wait_until(
            lambda: one.service.is_ready() or one.process.poll() is not None, seconds=one.service.ready_seconds
        )
        if not ready or one.process.poll() is not None:
            log = self._log_file(one.service)
            self._logs[name].wait_until_written(seconds=_LOG_SECONDS)
            raise Conflict(NOT_STARTED, label=one.service.label, answer=_tail_log(log), log=str(log))
        with self._guard:
            one.was_ready = True
        version = one.service.version()
        named = f"{one.service.label} {version}" if version else one.service.label
        self._progress(f"{named} … 準備完了 / ready in {time.monotonic() - began:.1f} s")

    def is_running(self, name: str) -> bool:
        """Whether the child's process lives."""
        with contextlib.suppress(LookupError):
            return self._find(name).process.poll() is None
        return False

    def _find(self, name: str) -> _RunningService:
        return next(one for one in self._running if one.service.name == name)

    def _spawn(self, service: ServiceSpec) -> _RunningService:
        service.remove_stale_files()
        if service.name not in self._logs:
            self._logs[service.name] = LogProcess(self._log_file(service))
        log = self._logs[service.name].descriptor
        process = subprocess.Popen(
            service.command(),
            cwd="/",
            env=dict(service.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # A group of its own: Ctrl-C in the terminal reaches only us, and we stop the children in order.
            start_new_session=True,
        )
        facts = {"politely": service.stop_signal.name, "seconds": str(service.stop_seconds)}
        if version := service.version():
            facts["version"] = version
        record = ProcessRecord.of(service.name, process.pid, **facts)
        self._records.write(record)
        return _RunningService(service, process, record, time.monotonic())

    def _stop(self, one: _RunningService) -> None:
        if one.process.poll() is None:
            self._progress(f"{one.service.label} … 停止しています / stopping")
        if not processes.stop_process(
            one.record, stop_signal=one.service.stop_signal, seconds=one.service.stop_seconds
        ):
            self._progress(
                f"{one.service.label} … 応答がないため強制終了しました / did not stop by itself and was ended"
            )
        one.process.wait()
        self._records.remove(one.service.name)

    def _watch(self) -> None:
        """Until we leave start again what died after it had been ready, with growing pauses, and the logs' writers."""
        while not self._stopping.wait(_POLL_SECONDS):
            with self._guard:
                for log in self._logs.values():
                    log.restart_if_ended()
                for place, one in enumerate(self._running):
                    if one.was_ready and one.process.poll() is not None:
                        self._running[place] = self._restart(one)

    def _restart(self, one: _RunningService) -> _RunningService:
        now = time.monotonic()
        if one.restart_at is None:
            if now - one.started_at > _STABLE_SECONDS:
                one.restarts = 0
            pause = _RESTART_DELAYS_SECONDS[min(one.restarts, len(_RESTART_DELAYS_SECONDS) - 1)]
            one.restart_at = now + pause
            code = one.process.returncode
            self._progress(
                f"{one.service.label} … 終了コード {code} で止まりました。{pause:.1f} 秒後に再起動します"
                f" / ended with code {code}; starting again in {pause:.1f} s"
            )
        if now < one.restart_at:
            return one
        processes.kill_group(one.record)
        try:
            fresh = self._spawn(one.service)
        except OSError as trouble:
            self._progress(f"{one.service.label} … 再起動できません / cannot start again: {trouble.strerror}")
            one.restart_at, one.restarts = None, one.restarts + 1
            return one
        fresh.restarts, fresh.was_ready = one.restarts + 1, True
        return fresh

    def _log_file(self, service: ServiceSpec) -> Path:
        return self._home / "logs" / f"{service.name}.log"


def take_lock(home: Path) -> IO[str] | None:
    """The home's one lock, held until closed or until this process ends; None when another process holds it."""
    folder = home / "run"
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def stop_orphans(home: Path, database: EmbeddedPostgreSQL | None, progress: Progress) -> int:
    """End, in order, what a killed supervisor of this home left running; how many there were.

    A pid file whose process is gone, or has become a stranger's, is only removed.
    """
    records = PidFiles(home / "run")
    ended = 0
    for name in reversed(NAMES):
        record = records.read(name)
        if record is not None:
            if record.is_alive() or record.group():
                who = f"{name}({record.pid})"
                progress(f"前回残された {who} を停止します / stopping {who}, left by the last run")
                stop_signal = signal.Signals[record.facts.get("politely", "SIGTERM")]
                processes.stop_process(
                    record, stop_signal=stop_signal, seconds=float(record.facts.get("seconds", "20"))
                )
                ended += 1
            records.remove(name)
    pid = database.find_orphan() if database is not None else None
    if pid is not None:
        progress(f"前回残された PostgreSQL（{pid}）を停止します / stopping PostgreSQL({pid}), left by the last run")
        processes.stop_process(ProcessRecord.of("postgresql", pid), stop_signal=signal.SIGINT, seconds=30)
        ended += 1
    return ended


def _tail_log(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return " | ".join(lines[-_LOG_TAIL_LINES:])[-600:]
