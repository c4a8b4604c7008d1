"""What the command line costs before it does anything: `moyai --version` and `moyai --help`; and Ctrl-C by then."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from admin.features import cli_commands

CPU_SECONDS = 0.3
HEAVY = "sqlalchemy", "pydantic", "flask", "psycopg", "keycloak", "httpx"


def _cpu_seconds_of(*words: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "admin.cli", *words], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_what_imports_no_feature_answers_in_0_3_seconds_of_cpu(word: str) -> None:
    # The least of three: a busy machine adds to a process's time and takes nothing off.
    assert min(_cpu_seconds_of(word) for _ in range(3)) <= CPU_SECONDS


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_no_database_driver_web_framework_or_model_library_is_imported_for_it(word: str) -> None:
    program = (
        "import sys\nfrom admin.cli import main\n"
        f"try:\n main(['{word}'], prog_name='moyai')\nexcept SystemExit:\n pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )

    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert answer.stdout.splitlines()[-1] == "[]"


def test_help_still_names_every_command() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "admin.cli", "--help"], check=True, capture_output=True, text=True
    ).stdout

    assert [name for name, command in cli_commands().items() if command.help and f"\n  {name}" not in answer] == []


@pytest.mark.slow
def test_a_wrong_word_is_still_refused_as_one_json_object() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "admin.cli", "status", "--no-such", "--json"], capture_output=True, text=True
    )

    assert answer.returncode == 2
    assert '"error"' in answer.stdout


_INTERRUPTED_AT = """
import os, signal, sys
module = sys.argv.pop(1)
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
from governance.kernel.start import main
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "module", ["click", "admin.features", "admin.features.system.servers_cli", "admin.operations.supervisor"]
)
def test_ctrl_c_in_the_first_half_second_says_one_line_at_most_and_begins_nothing(tmp_path: Path, module: str) -> None:
    """The signal comes while this module is imported."""
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED_AT, module, "up"],
        env={**os.environ, "MOYAI_HOME": str(home), "MOYAI_EXAMPLE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode in (-signal.SIGINT, 130)
    assert done.stdout == ""
    assert done.stderr.strip() in ("", "中断しました / interrupted")
    assert not home.exists()
