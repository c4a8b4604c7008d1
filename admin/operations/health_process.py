"""The process beside the web server that answers `/healthz`, `/readyz` and `/metrics` on their own port.

A process of its own, because sixteen threads that render pages share one interpreter lock: a thread among them answered
after a third of a second while two processors were busy. Once a second the web server tells it that it lives, and
whether it holds Keycloak's keys; when it ends, in whatever way, its end of the pipe is closed and the listener ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Final

from admin.operations.health_listener import LISTENING
from admin.operations.metrics.scrape import ScrapeSources
from admin.operations.services import KEPT_VARIABLES

BEAT_SECONDS: Final = 1.0
_END_SECONDS: Final = 5.0


class HealthProcess:
    """Runs `admin.operations.health_listener` from `start` to `stop`, for the process that it is part of."""

    def __init__(
        self,
        address: str,
        port: int,
        url: str,
        has_keys: Callable[[], bool],
        *,
        metrics: ScrapeSources | None = None,
        sample: Callable[[], None] = lambda: None,
    ) -> None:
        """It listens at `address` and `port`, and asks PostgreSQL at `url` (SQLAlchemy's, the application's role).

        Without `metrics` it has no `/metrics`. `sample` is called once a second, in a thread of this process.
        """
        self._start = {"address": address, "port": port, "url": url, "metrics": metrics and metrics.as_json()}
        self._sample = sample
        self._has_keys = has_keys
        self._process: subprocess.Popen[str] | None = None
        self._over = threading.Event()

    def start(self) -> None:
        """Start it; returns when it listens. Raises OSError where the port is another's."""
        process = subprocess.Popen(
            [sys.executable, "-m", "admin.operations.health_listener"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={name: text for name, text in os.environ.items() if name.upper() in KEPT_VARIABLES},
        )
        self._process = process
        # The address of the database holds a password, and everybody on the machine reads the arguments of a program.
        self._say(json.dumps(self._start))
        answer = process.stdout.readline().strip() if process.stdout is not None else ""
        if answer != LISTENING:
            self.stop()
            raise OSError(answer or "the health listener ended while it started")
        threading.Thread(target=self._beat, name="health", daemon=True).start()

    def stop(self) -> None:
        """End it, and wait for its end."""
        self._over.set()
        if self._process is not None:
            try:
                self._process.communicate(timeout=_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.communicate()

    def _beat(self) -> None:
        while not self._over.is_set():
            # A folder that is not there for a moment is no reason to be silent.
            with contextlib.suppress(OSError):
                self._sample()
            try:
                self._say("1" if self._has_keys() else "0")
            except (OSError, ValueError):
                return  # It has ended, or is being ended.
            self._over.wait(BEAT_SECONDS)

    def _say(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
