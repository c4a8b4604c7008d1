"""Ports for the servers of tests: free, below those of outgoing connections, and each given to one process only.

A port that the operating system picks lies among those it gives to outgoing connections, and one of these may take it
before the server does that it was found for.
"""

from __future__ import annotations

import fcntl
import os
import random
import tempfile
from pathlib import Path

from admin.operations.ports import is_free
from admin.operations.settings import PORTS_NEEDED

_FIRST = 20_000
_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
# The first dynamic port (RFC 6335, section 6), where the system does not say which it gives to outgoing connections.
_DYNAMIC = 49_152
_CLAIMS = Path(tempfile.gettempdir()) / f"moyai-test-ports-{os.getuid()}"
_ATTEMPTS = 200

# A claim is a lock on an open file: it ends with the process that took it, however that ends.
_claims: dict[int, int] = {}


def find_free_port() -> int:
    """A port that is free, and that no other process of tests gets while this one runs."""
    return _find(1)


def find_free_port_range() -> int:
    """The first of as many such ports in a row as an installation takes."""
    return _find(PORTS_NEEDED)


def _find(needed: int) -> int:
    highest = _first_outgoing() - needed
    for _ in range(_ATTEMPTS):
        first = random.randint(_FIRST, highest)
        wanted = range(first, first + needed)
        if all(is_free(port) for port in wanted) and _claim(wanted):
            return first
    raise RuntimeError(f"no {needed} free ports in a row between {_FIRST} and {highest}")


def _first_outgoing() -> int:
    try:
        return int(_OUTGOING.read_text(encoding="ascii").split()[0])
    except OSError:
        return _DYNAMIC


def _claim(wanted: range) -> bool:
    """Whether all of them were still nobody's and are this process's now; those of a row taken in part stay claimed."""
    if any(port in _claims for port in wanted):
        return False
    _CLAIMS.mkdir(mode=0o700, exist_ok=True)
    for port in wanted:
        opened = os.open(_CLAIMS / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(opened)
            return False
        _claims[port] = opened
    return True
