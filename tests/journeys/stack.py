"""The whole of Moyai as a person starts it: `moyai up` on an empty home, the example, and at the end `moyai down`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from admin.operations.settings import Settings
from tests.ports import find_free_port_range
from tests.servers import KEPT

OPERATOR = "430005"


@dataclass(frozen=True)
class Account:
    """Who signs in, with what is typed at Keycloak's page."""

    username: str
    password: str
    role: str
    tenant: str

    @property
    def is_operator(self) -> bool:
        return self.tenant == OPERATOR


class Stack:
    """One running installation with the example, seen through its command line and its logs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._accounts: dict[tuple[str, str], Account] = {}
        self.url = settings.public_url

    def moyai(self, *words: str, **changed: object) -> dict[str, Any]:
        """What a command answers with --json. Fails with what it said when its exit code is not 0.

        `changed` are settings that differ for this command.
        """
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("MOYAI_", "KC_"))}
        done = subprocess.run(
            [sys.executable, "-m", "admin.cli", *words, "--json"],
            env=kept | self.settings.model_copy(update=changed).as_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"moyai {' '.join(words)}: {done.stderr}{done.stdout}"
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def account(self, role: str, tenant: str = OPERATOR) -> Account:
        """The example's account with this role in the tenant of this code."""
        if (role, tenant) not in self._accounts:
            # More of them come with each tenant that is taken in.
            for found in self.moyai("example", "accounts")["accounts"]:
                account = Account(found["username"], found["password"], found["role"], found["tenant"])
                self._accounts.setdefault((account.role, account.tenant), account)
        return self._accounts[role, tenant]

    def csp_reports(self) -> list[str]:
        """What browsers reported to the server as refused by its policy."""
        log = (self.settings.logs / "web.log").read_text(encoding="utf-8", errors="replace")
        return [line for line in log.splitlines() if "csp.report" in line]


@contextmanager
def running_stack(home: Path, *, members: int, **settings: Any) -> Iterator[Stack]:
    """Everything started on an empty home and the example taken as far as `members`; stopped at the end."""
    port = find_free_port_range()
    own: dict[str, Any] = {"home": home, "port": port, "public_url": f"http://localhost:{port}", "keycloak_kept": KEPT}
    stack = Stack(Settings(**own, example=True, **settings))
    try:
        stack.moyai("up")
        stack.moyai("example", "load", "--members", str(members))
        yield stack
    finally:
        stack.moyai("down")
