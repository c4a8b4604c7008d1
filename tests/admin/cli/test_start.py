"""What the command line costs before it does anything: `moyai --version` and `moyai --help`."""

from __future__ import annotations

import resource
import subprocess
import sys

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


def test_a_wrong_word_is_still_refused_as_one_json_object() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "admin.cli", "status", "--no-such", "--json"], capture_output=True, text=True
    )

    assert answer.returncode == 2
    assert '"error"' in answer.stdout
