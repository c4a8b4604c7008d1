"""What a figure is worth nothing without: the machine, the versions, the load, and how far the rounds lay apart.

The underscore keeps `make bench` from running this as a story of its own.
"""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence

import psutil


def machine() -> str:
    """Processors, memory, Python and the load of the last minute, in one line."""
    memory_gib = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} processors, {memory_gib:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, load average {os.getloadavg()[0]:.1f}"
    )


def spread(values: Sequence[float], *, digits: int = 3) -> dict[str, float]:
    """The smallest, the middle and the largest of the rounds."""
    return {
        "min": round(min(values), digits),
        "median": round(statistics.median(values), digits),
        "max": round(max(values), digits),
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)]
