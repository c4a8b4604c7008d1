"""The program between a server's output and its log file: it appends, begins a new file in time, and loses no line.

A server writes into a pipe that this program reads (`admin.operations.log_process` starts it), because PostgreSQL,
Keycloak and the web server cannot open another file on demand. A file is rotated between two lines, when it is large
or of another day (UTC). Of several writers of one file one at a time writes, by a lock. While the disk is full, what
comes is held in memory up to a bound; what was lost beyond it is counted in a line of the log.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from select import POLLIN, poll
from typing import Final

from governance.kernel.private_files import private_lock, private_log

ROTATED_BYTES: Final = 64 * 1024 * 1024
MAX_HELD_BYTES: Final = 1024 * 1024
LOST: Final = "log.lost"
"""The event of the line that says how many bytes were lost while the disk was full."""

_READ_BYTES: Final = 65_536
_RETRY_MILLISECONDS: Final = 1_000
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_ROTATED: Final = re.compile(r"[a-z]+\.(\d{8}T\d{6}Z)(\.\d+)?\.log")


class LogFile:
    """A log file that is appended to and rotated; readable by its owner alone. Safe beside other writers of it."""

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int = ROTATED_BYTES,
        max_held_bytes: int = MAX_HELD_BYTES,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._max_held_bytes = max_held_bytes
        self._now = now
        self._held = b""
        self._lost = 0

    @property
    def is_behind(self) -> bool:
        """Whether a line is held that could not be written yet."""
        return b"\n" in self._held

    def take(self, read: Callable[[], bytes]) -> bool:
        """Append the lines of what `read` gives; False where that is nothing. What has no end yet waits for it.

        It is read under the lock: who finds the pipe empty and then gets the lock knows that all lines are in the file.
        """
        with private_lock(lock_of(self._path)):
            content = read()
            self._held += content
            self._write(self._held.rfind(b"\n") + 1)
            return bool(content)

    def end(self) -> None:
        """Append what is left, as a line."""
        with private_lock(lock_of(self._path)):
            if self._held and not self._held.endswith(b"\n"):
                self._held += b"\n"
            self._write(len(self._held))

    def _write(self, count: int) -> None:
        """Write so many of the bytes that are held; what cannot be written is held on, up to the bound."""
        # The disk is full, or the folder is gone: the server that writes must not wait for that.
        with contextlib.suppress(OSError):
            if count and self._is_due():
                self._rotate()
            if count:
                self._append(count)
        surplus = len(self._held) - self._max_held_bytes
        if surplus > 0:
            # Up to the end of a line, so that what is left begins with a whole one.
            lost = self._held.find(b"\n", surplus - 1) + 1 or len(self._held)
            self._lost += lost
            self._held = self._held[lost:]

    def _append(self, count: int) -> None:
        with private_log(self._path) as file:
            if self._lost:
                os.write(file.fileno(), b"\n" + json.dumps({"event": LOST, "bytes": self._lost}).encode() + b"\n")
                self._lost = 0
            while count:
                written = os.write(file.fileno(), self._held[:count])
                self._held, count = self._held[written:], count - written

    def _is_due(self) -> bool:
        try:
            stated = self._path.stat()
        except FileNotFoundError:
            return False
        last = datetime.fromtimestamp(stated.st_mtime, UTC).date()
        return stated.st_size >= self._max_bytes or (stated.st_size > 0 and last != self._now().date())

    def _rotate(self) -> None:
        stamp = self._now().strftime(_STAMP)
        target, number = self._path.with_name(f"{self._path.stem}.{stamp}.log"), 0
        while target.exists():
            number += 1
            target = self._path.with_name(f"{self._path.stem}.{stamp}.{number}.log")
        self._path.rename(target)


def lock_of(path: Path) -> Path:
    """The file whose lock is held while something is written to the log file."""
    return path.with_name(f".{path.stem}.lock")


def rotated_logs(folder: Path) -> list[tuple[datetime, Path]]:
    """The rotated files of a folder with when each was rotated, the oldest first."""
    found = []
    for path in folder.glob("*.log"):
        matched = _ROTATED.fullmatch(path.name)
        if matched is not None:
            found.append((datetime.strptime(matched[1], _STAMP).replace(tzinfo=UTC), path))
    return sorted(found)


def delete_rotated(folder: Path, rotated_before: datetime, limit: int) -> int:
    """Delete the files that were rotated before an instant, the oldest first, at most `limit`; how many.

    Raises OSError where one cannot be deleted.
    """
    old = [path for rotated_at, path in rotated_logs(folder) if rotated_at < rotated_before][:limit]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def main() -> None:
    """Write standard input to the file that is named, until nobody can write into it any more."""
    # Whoever stops the servers stops them all at once; their last words are still to be written.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    log = LogFile(Path(sys.argv[1]), max_bytes=int(sys.argv[2]) if sys.argv[2:] else ROTATED_BYTES)
    source = sys.stdin.fileno()
    poller = poll()
    poller.register(source, POLLIN)
    while True:
        if poller.poll(_RETRY_MILLISECONDS if log.is_behind else None):
            if not log.take(lambda: os.read(source, _READ_BYTES)):
                log.end()
                return
        else:
            log.take(bytes)


if __name__ == "__main__":
    main()
