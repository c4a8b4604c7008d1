"""The command line on the test's database, as a script calls it."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner

from admin.cli import main


class Moyai:
    """`moyai …`: called with words it answers exit code, the object on standard output, and standard error."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment

    def __call__(self, *words: str, given: str | bytes = b"") -> tuple[int, dict[str, Any], str]:
        """With `--json`; `given` is standard input."""
        code, stdout, stderr = self.text(*words, "--json", given=given)
        return code, json.loads(stdout or "{}"), stderr

    def text(self, *words: str, given: str | bytes = b"") -> tuple[int, str, str]:
        """Without `--json`: what a person reads. A bug comes through, so that no test takes it for a refusal."""
        done = CliRunner().invoke(main, list(words), input=given, env=self._environment, catch_exceptions=False)
        return done.exit_code, done.stdout, done.stderr

    def refusal(self, *words: str, given: str | bytes = b"") -> tuple[int, str, str | None]:
        """Exit code, code and field of the refusal that is the answer."""
        code, answer, _ = self(*words, given=given)
        return code, answer["error"]["code"], answer["error"].get("field")
