"""The books outward and proved: by hledger, by beancount, and by our own recomputation."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from datetime import date
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from billing.ledger.commands import ReverseEntry
from billing.ledger.export import ExportFormat, export
from billing.ledger.verification import verify
from governance.kernel.database import OPERATOR, db, tenant_scope
from tenancy.tenants.states import TenantKind
from tests import servers
from tests.actors import Actors
from tests.billing.ledger.books import DAY, contribution, post_entry, posted, reverse_entry
from tests.factories import Factory
from tests.programs import required


def exported(to: ExportFormat, fiscal_year: int | None = None) -> str:
    with tenant_scope(OPERATOR):
        return "".join(export(db.session(), to, fiscal_year))


@pytest.fixture
def books_with_everything(book: UUID, other_book: UUID, actors: Actors) -> None:
    """Two years, a company without a code, a reversal, and words that mean something in each syntax."""
    company = Factory(actors).register_applicant(None, '株式会社"例"; |', "レイ", TenantKind.COMPANY)
    entry = posted(actors, book, 5_907_051)
    reverse_entry(
        ReverseEntry(tenant_id=book, entry_id=entry.entry_id, happened_on=date(2026, 4, 1), reason="誤り"),
        actor=actors.finance,
    )
    post_entry(contribution(other_book, memo='=1+1; | "引用" \\ (x) ! *', reference="slip:1/2"), actor=actors.finance)
    post_entry(contribution(company, 10**15, happened_on=date(2025, 4, 1), memo=""), actor=actors.finance)


@pytest.mark.slow
@pytest.mark.usefixtures("books_with_everything")
@pytest.mark.parametrize("fiscal_year", [None, 2025, 2026, 2030])
def test_bean_check_accepts_the_books(fiscal_year: int | None, tmp_path: Path) -> None:
    journal = tmp_path / "books.beancount"
    journal.write_text(exported(ExportFormat.BEANCOUNT, fiscal_year), encoding="utf-8")

    checked = subprocess.run(
        [Path(sys.executable).with_name("bean-check"), "--no-cache", journal],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.usefixtures("books_with_everything")
@pytest.mark.parametrize("fiscal_year", [None, 2025, 2026, 2030])
def test_hledger_accepts_the_books(fiscal_year: int | None, tmp_path: Path) -> None:
    hledger = required("hledger", "hledger")
    journal = tmp_path / "books.journal"
    journal.write_text(exported(ExportFormat.HLEDGER, fiscal_year), encoding="utf-8")

    for check in (["check"], ["check", "--strict"]):
        checked = subprocess.run(
            [hledger, "-f", journal, *check],
            capture_output=True,
            text=True,
            timeout=60,
            env={"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        )
        assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.usefixtures("books_with_everything")
def test_the_same_books_give_the_same_bytes_in_the_order_of_posting() -> None:
    for to in ExportFormat:
        assert exported(to) == exported(to)
    rows = list(csv.DictReader(io.StringIO(exported(ExportFormat.CSV), newline="")))
    numbers = [int(row["number"]) for row in rows]
    assert numbers == sorted(numbers)
    assert sum(int(row["debit_yen"] or 0) - int(row["credit_yen"] or 0) for row in rows) == 0
    assert len(rows) == 8


@pytest.mark.usefixtures("books_with_everything")
def test_a_cell_is_no_formula_and_a_year_is_that_year() -> None:
    rows = list(csv.DictReader(io.StringIO(exported(ExportFormat.CSV, 2025), newline="")))

    assert {row["fiscal_year"] for row in rows} == {"2025"}
    assert {row["memo"][:2] for row in rows if "1+1" in row["memo"]} == {"'="}


def test_a_municipality_exports_its_own_book(book: UUID, other_book: UUID, actors: Actors) -> None:
    posted(actors, book, 11)
    posted(actors, other_book, 22)

    with tenant_scope(book):
        written = "".join(export(db.session(), ExportFormat.HLEDGER))

    assert "431001" in written
    assert "432148" not in written


@pytest.mark.parametrize(
    ("tampering", "kind"),
    [
        ("UPDATE ledger_balance SET yen = yen + 1 WHERE yen > 0", "balance"),
        ("UPDATE ledger_balance SET line_count = 9 WHERE yen > 0", "balance_lines"),
        ("DELETE FROM ledger_balance WHERE yen > 0", "balance"),
        ("UPDATE ledger_line SET yen = yen + 1 WHERE line_no = 1", "entry_sum"),
        ("DELETE FROM ledger_line WHERE line_no = 2", "entry_lines"),
        ("UPDATE ledger_line SET happened_on = '2025-06-02' WHERE line_no = 1", "entry_date"),
        ("DELETE FROM ledger_entry WHERE reverses_id IS NULL", "line_without_entry"),
        ("UPDATE ledger_line SET yen = yen * 2 WHERE entry_id IN (SELECT reverses_id FROM ledger_entry)", "reversal"),
    ],
)
def test_verifying_finds_what_was_tampered_with_behind_every_guard(
    tampering: str, kind: str, book: UUID, actors: Actors, postgresql: servers.PostgreSQL, database_name: str
) -> None:
    entry = posted(actors, book)
    reverse_entry(
        ReverseEntry(tenant_id=book, entry_id=entry.entry_id, happened_on=DAY, reason="誤り"), actor=actors.finance
    )
    with tenant_scope(OPERATOR):
        assert verify(db.session()).model_dump() == {"balanced": True, "entries": 2, "imbalances": ()}
    third = posted(actors, book)
    assert third

    with psycopg.connect(postgresql.server.url("postgres", database_name).replace("+psycopg", "")) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(tampering.encode())

    with tenant_scope(OPERATOR):
        report = verify(db.session())
    assert not report.balanced
    assert kind in {imbalance.kind for imbalance in report.imbalances}
