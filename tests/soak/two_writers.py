"""Two writers on one person in Keycloak, a thousand rounds: no refusal, and the intended roles at the end."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests import servers
from tests.tenancy.keycloak.installation import Installation, Municipality
from tests.tenancy.keycloak.two_writers import TwoWriters

ROUNDS = 1_000
SEED = 20261122


def main() -> int:
    """Run the rounds on a Keycloak of their own; 0 when nothing was refused."""
    with tempfile.TemporaryDirectory(prefix="moyai-soak-") as name:
        folder = Path(name)
        postgresql = servers.start_postgresql(folder)
        keycloak = servers.start_keycloak(postgresql, folder)
        try:
            installation = Installation(keycloak, folder / "home")
            installation.configure()
            writers = TwoWriters(installation, Municipality(code="431001"), seed=SEED)
            began = time.monotonic()
            refused = writers.run(ROUNDS)
            member, groups, operator, roles = writers.settle()
            writers.close()
        finally:
            keycloak.stop()
            postgresql.stop()
    seconds = time.monotonic() - began
    as_wanted = (member, operator) == (groups, roles)
    print(f"two writers: {ROUNDS} rounds, seed {SEED}, {seconds:.0f} s")
    print(f"  refused {len(refused)}, roles at the end as wanted: {as_wanted}")
    for failure in refused[:5]:
        print(f"  {failure}")
    return 0 if as_wanted and not refused else 1


if __name__ == "__main__":
    sys.exit(main())
