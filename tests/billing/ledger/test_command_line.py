"""`moyai ledger verify` and `moyai ledger export`, as the contract of the command line has them."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from click.testing import CliRunner, Result

from admin.cli import main
from admin.servers.postgresql import SUPERUSER
from tests import servers
from tests.actors import Actors
from tests.billing.ledger.books import posted


@pytest.fixture(autouse=True)
def environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, postgresql: servers.PostgreSQL, database_name: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgresql.app_url(database_name))
    monkeypatch.setenv("MOYAI_HOME", str(tmp_path / "home"))


def moyai(*words: str) -> Result:
    return CliRunner().invoke(main, ["ledger", *words])


def test_books_that_hold_exit_0(book: UUID, actors: Actors) -> None:
    posted(actors, book)

    result = moyai("verify", "--json")

    assert (result.exit_code, json.loads(result.stdout)) == (0, {"balanced": True, "entries": 1, "imbalances": []})


def test_books_that_do_not_hold_exit_1_and_name_the_account(
    book: UUID, actors: Actors, postgresql: servers.PostgreSQL, database_name: str
) -> None:
    posted(actors, book)
    with psycopg.connect(servers.libpq(postgresql.server.url(SUPERUSER, database_name))) as connection:
        connection.execute("UPDATE ledger_balance SET yen = yen + 1 WHERE yen > 0")

    result = moyai("verify", "--json")

    proof = json.loads(result.stdout)
    assert (result.exit_code, proof["balanced"]) == (1, False)
    [imbalance] = proof["imbalances"]
    assert (imbalance["kind"], imbalance["tenant"]) == ("balance", str(book))
    assert (imbalance["expected"], imbalance["found"]) == (1_000, 1_001)


def test_the_export_is_the_only_thing_on_standard_output(book: UUID, actors: Actors) -> None:
    posted(actors, book)

    assert moyai("export", "--format", "hledger").stdout.startswith("commodity 1. JPY\n")
    assert "Assets:431001:Receivable  1000 JPY" in moyai("export", "--format", "beancount").stdout
    assert moyai("export", "--format", "csv", "--fiscal-year", "2026").stdout.count("\n") == 1


@pytest.mark.parametrize("words", [("--format", "xlsx"), ("--format", "csv", "--fiscal-year", "1868"), ()])
def test_wrong_usage_exits_2_with_nothing_on_standard_output(words: tuple[str, ...], operator_tenant: UUID) -> None:
    result = moyai("export", *words)

    assert (result.exit_code, result.stdout) == (2, "")
