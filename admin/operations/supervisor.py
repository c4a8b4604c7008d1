"""Moyai's own small supervisor: starts servers, waits until they are ready, revives what died, stops what it started.

One supervisor a home, kept so by a lock that the system lifts when its holder dies. What a killed supervisor left
behind is recognised by pid and birth and ended in order at the next start. It never touches any other process.
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
from admin.operations.children import NAMES, Child
from admin.operations.postgresql import EmbeddedPostgreSQL
from admin.operations.processes import Record, Records
from admin.operations.readiness import wait_until
from governance.kernel.errors import Conflict, reason

SUPERVISOR = "supervisor"
_LOOK_SECONDS = 0.2
_BACK_OFF_SECONDS = (0.2, 1.0, 3.0, 10.0, 30.0)
_SETTLED_SECONDS = 60.0
_LINES_TOLD = 3

Say = Callable[[str], None]

ALREADY_RUNNING = reason(
    "servers.already_running",
    ja="{home} の Moyai はすでに動いています(プロセス {pid})。",
    en="Moyai is already running on {home} (process {pid}).",
    hint_ja="止めるには moyai down、もう一つ動かすには MOYAI_HOME と MOYAI_PORT を変えてください。",
    hint_en="Stop it with `moyai down`, or change MOYAI_HOME and MOYAI_PORT to run another.",
)
PORT_TAKEN = reason(
    "servers.port_taken",
    ja="{label} が使うポート {port} は、{holder} がすでに使っています。",
    en="Port {port}, which {label} needs, is taken by {holder}.",
    hint_ja="MOYAI_PORT(現在 {base})を変えてください。そこから 5 つのポートを使います。",
    hint_en="Change MOYAI_PORT (now {base}); five ports from there are used.",
)
NOT_STARTED = reason(
    "servers.not_started",
    ja="{label} を起動できませんでした。{answer}",
    en="{label} did not start. {answer}",
    hint_ja="詳しくは {log} を見てください。",
    hint_en="See {log}.",
)


@dataclass
class _Running:
    child: Child
    process: subprocess.Popen[bytes]
    record: Record
    started_at: float
    is_settled: bool = False
    falls: int = 0
    again_at: float | None = field(default=None)


class Supervisor:
    """The servers of one home while this process lives. Use it in a `with`: leaving it stops what it started.

    `say` is told each step in a sentence. Raises Conflict on entry when another supervisor holds the home.
    """

    def __init__(self, home: Path, say: Say) -> None:
        self._home = home
        self._say = say
        self._records = Records(home / "run")
        self._running: list[_Running] = []
        self._guard = threading.Lock()
        self._leaving = threading.Event()
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
        self._records.write(Record.of(SUPERVISOR, os.getpid()))
        self._watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, what: BaseException | None, at: TracebackType | None) -> None:
        self._leaving.set()
        self._watcher.join()
        for one in reversed(self._running):
            self._stop(one)
        self._records.forget(SUPERVISOR)
        if self._lock is not None:
            self._lock.close()

    def check_ports(self, children: Sequence[Child], *, base: int) -> None:
        """Refuse, before anything is started, when a port is taken; names the port, its holder and the setting."""
        for child in children:
            for port in child.ports:
                if not ports.is_free(port):
                    holder = ports.holder(port) or "another process"
                    raise Conflict(PORT_TAKEN, port=port, label=child.label, holder=holder, base=base)

    def start(self, child: Child) -> None:
        """Start a child; `await_ready` says when it serves."""
        with self._guard:
            self._running.append(self._spawn(child))

    def await_ready(self, name: str) -> None:
        """Wait until the child serves. Raises Conflict with its last words when it ends first or takes too long."""
        one = self._find(name)
        began = one.started_at
        ready = wait_until(
            lambda: one.child.is_ready() or one.process.poll() is not None, seconds=one.child.ready_seconds
        )
        if not ready or one.process.poll() is not None:
            log = self._log_file(one.child)
            raise Conflict(NOT_STARTED, label=one.child.label, answer=_last_words(log), log=str(log))
        with self._guard:
            one.is_settled = True
        version = one.child.version()
        named = f"{one.child.label} {version}" if version else one.child.label
        self._say(f"{named} … 準備完了 / ready in {time.monotonic() - began:.1f} s")

    def is_running(self, name: str) -> bool:
        """Whether the child's process lives."""
        with contextlib.suppress(LookupError):
            return self._find(name).process.poll() is None
        return False

    def _find(self, name: str) -> _Running:
        return next(one for one in self._running if one.child.name == name)

    def _spawn(self, child: Child) -> _Running:
        child.clear_away()
        with self._log_file(child).open("ab") as log:
            process = subprocess.Popen(
                child.command(),
                cwd="/",
                env=dict(child.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A group of its own: Ctrl-C in the terminal reaches only us, and we stop the children in order.
                start_new_session=True,
            )
        facts = {"politely": child.stop_signal.name, "seconds": str(child.stop_seconds)}
        if version := child.version():
            facts["version"] = version
        record = Record.of(child.name, process.pid, **facts)
        self._records.write(record)
        return _Running(child, process, record, time.monotonic())

    def _stop(self, one: _Running) -> None:
        if one.process.poll() is None:
            self._say(f"{one.child.label} … 停止しています / stopping")
        if not processes.end(one.record, politely=one.child.stop_signal, seconds=one.child.stop_seconds):
            self._say(f"{one.child.label} … 応答がないため強制終了しました / did not stop by itself and was ended")
        one.process.wait()
        self._records.forget(one.child.name)

    def _watch(self) -> None:
        """Start again what died after it had been ready, with growing pauses, until we leave."""
        while not self._leaving.wait(_LOOK_SECONDS):
            with self._guard:
                for place, one in enumerate(self._running):
                    if one.is_settled and one.process.poll() is not None:
                        self._running[place] = self._revive(one)

    def _revive(self, one: _Running) -> _Running:
        now = time.monotonic()
        if one.again_at is None:
            if now - one.started_at > _SETTLED_SECONDS:
                one.falls = 0
            pause = _BACK_OFF_SECONDS[min(one.falls, len(_BACK_OFF_SECONDS) - 1)]
            one.again_at = now + pause
            code = one.process.returncode
            self._say(
                f"{one.child.label} … 終了コード {code} で止まりました。{pause:.1f} 秒後に再起動します"
                f" / ended with code {code}; starting again in {pause:.1f} s"
            )
        if now < one.again_at:
            return one
        processes.end_group(one.record)
        try:
            fresh = self._spawn(one.child)
        except OSError as trouble:
            self._say(f"{one.child.label} … 再起動できません / cannot start again: {trouble.strerror}")
            one.again_at, one.falls = None, one.falls + 1
            return one
        fresh.falls, fresh.is_settled = one.falls + 1, True
        return fresh

    def _log_file(self, child: Child) -> Path:
        return self._home / "logs" / f"{child.name}.log"


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


def end_left_behind(home: Path, database: EmbeddedPostgreSQL | None, say: Say) -> int:
    """End, in order, what a killed supervisor of this home left running; how many there were.

    A pid file whose process is gone, or has become a stranger's, is only removed.
    """
    records = Records(home / "run")
    ended = 0
    for name in reversed(NAMES):
        record = records.read(name)
        if record is not None:
            if record.is_alive() or record.group():
                who = f"{name}({record.pid})"
                say(f"前回残された {who} を停止します / stopping {who}, left by the last run")
                politely = signal.Signals[record.facts.get("politely", "SIGTERM")]
                processes.end(record, politely=politely, seconds=float(record.facts.get("seconds", "20")))
                ended += 1
            records.forget(name)
    pid = database.left_behind() if database is not None else None
    if pid is not None:
        say(f"前回残された PostgreSQL({pid})を停止します / stopping PostgreSQL({pid}), left by the last run")
        processes.end(Record.of("postgresql", pid), politely=signal.SIGINT, seconds=30)
        ended += 1
    return ended


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return " | ".join(lines[-_LINES_TOLD:])[-600:]
