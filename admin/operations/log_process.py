"""The process that writes one server's log, started by the supervisor; the pipe between them outlives each of the two.

The supervisor keeps both ends: a server that is started again writes on into the same pipe, and where the writer dies,
another one goes on. When the supervisor is killed, the writer stays until the servers that it left have ended.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import termios
from pathlib import Path
from typing import Final

from admin.operations.log_writer import lock_of
from admin.operations.readiness import wait_until
from governance.kernel.private_files import private_lock

_END_SECONDS: Final = 5.0
_KEPT_VARIABLES: Final = ("PATH", "PYTHONPATH")


class LogProcess:
    """Runs `admin.operations.log_writer` from now to `close`. `descriptor` is where the server writes."""

    def __init__(self, path: Path, *, max_bytes: int | None = None) -> None:
        """`path` is the log file, in a folder that is there."""
        self._path = path
        self._arguments = [str(path)] if max_bytes is None else [str(path), str(max_bytes)]
        self._source, self.descriptor = os.pipe()
        self._process = self._start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def restart_if_ended(self) -> None:
        """Start another writer where this one has died; it goes on with what is in the pipe."""
        if self._process.poll() is not None:
            self._process = self._start()

    def wait_until_written(self, *, seconds: float) -> None:
        """Wait until all lines that are in the pipe are in the file, or so long."""
        if wait_until(lambda: self._unread() == 0, seconds=seconds):
            with private_lock(lock_of(self._path)):
                pass

    def close(self) -> None:
        """Wait until all is written and the writer has ended; it does once no server holds the pipe any more."""
        os.close(self.descriptor)
        os.close(self._source)
        try:
            self._process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _unread(self) -> int:
        count = fcntl.ioctl(self._source, termios.FIONREAD, bytes(4))
        return int.from_bytes(count, sys.byteorder)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "admin.operations.log_writer", *self._arguments],
            cwd="/",
            env={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ},
            stdin=self._source,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C in the terminal ends the servers first.
            start_new_session=True,
        )
