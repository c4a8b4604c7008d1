"""Waiting for a server to answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_PAUSE_SECONDS = 0.05


def wait_until(condition: Callable[[], bool], *, seconds: float, interrupted: threading.Event | None = None) -> bool:
    """Poll `holds` until it is true; False when `seconds` passed, or at once when `interrupted`."""
    pause = interrupted or threading.Event()
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end or pause.wait(_PAUSE_SECONDS):
            return False
    return True
