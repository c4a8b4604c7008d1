"""The set-up of the journeys, again and again: the whole installation with the example, and none fails.

python -m tests.soak.journey_set_ups [TIMES]
"""

from __future__ import annotations

import sys

from tests.soak.first_starts import run

TIMES = 20

if __name__ == "__main__":
    sys.exit(run("set-ups of the journeys", int(sys.argv[1]) if sys.argv[1:] else TIMES, at_once=1))
