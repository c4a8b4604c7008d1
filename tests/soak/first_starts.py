"""First starts in fresh homes, two at once on two cores: each takes the example to its end, and none fails.

python -m tests.soak.first_starts [STARTS]

Each is `moyai up` and `moyai example load` on an empty home, and `moyai down`, as in the set-up of the journeys.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from governance.kernel.concurrency import ParallelMap
from tests.journeys.stack import running_stack

STARTS = 30
AT_ONCE = 2
MEMBERS = 13


def start(number: int) -> tuple[float, str]:
    """Start once and stop again; the seconds until the example is in, and what failed or ''."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="moyai-soak-") as folder:
        # PostgreSQL does not run as root; whoever it runs as must get through to its folder.
        Path(folder).chmod(0o711)
        try:
            with running_stack(Path(folder) / "home", members=MEMBERS) as stack:
                seconds = time.monotonic() - began
                active = stack.moyai("status")["tenants"]["active"]
                failure = "" if active == MEMBERS else f"{active} of {MEMBERS} municipalities active"
        except Exception as stopped:
            # The next ones start all the same: how many of them fail is the figure.
            seconds, failure = time.monotonic() - began, f"{type(stopped).__name__}: {stopped}"
    print(f"  start {number}: {seconds:.0f} s{f', {failure}' if failure else ''}", flush=True)
    return seconds, failure


def run(name: str, starts: int, at_once: int) -> int:
    """So many starts, so many at once; prints the figures. 0 when none failed."""
    with ParallelMap(at_once, "start") as parallel:
        found: Sequence[tuple[float, str]] = parallel.map(start, range(1, starts + 1))
    seconds = [one for one, _ in found]
    failed = [failure for _, failure in found if failure]
    print(f"{name}: {starts}, {at_once} at once: {len(failed)} failed, {min(seconds):.0f} to {max(seconds):.0f} s each")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run("first starts", int(sys.argv[1]) if sys.argv[1:] else STARTS, AT_ONCE))
