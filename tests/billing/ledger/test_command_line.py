"""`moyai ledger`: the proof and the export as the contract of the command line has them, and posting by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from click.testing import CliRunner, Result

from admin.cli import main
from admin.operations.postgresql import SUPERUSER
from billing.ledger import queries
from billing.ledger.periods import PeriodState
from governance.actors import command_line_actor
from governance.commands import ApprovalRequested
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.ids import new_id
from tests import servers
from tests.actors import Actors
from tests.billing.ledger.books import close, posted
from tests.database_rows import recorded, rows
from tests.second_person import approve, join

ENTRY: dict[str, Any] = {
    "reference": "manual:2025-001",
    "happened_on": "2025-06-01",
    "lines": [{"account": "receivable", "yen": 1_000}, {"account": "burden", "yen": -1_000}],
    "memo": "令和7年度 負担金",
}


@pytest.fixture(autouse=True)
def environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, postgresql: servers.PostgreSQL, database_name: str
) -> None:
    for name, url in postgresql.urls(database_name).items():
        monkeypatch.setenv(name, url)
    monkeypatch.setenv("MOYAI_HOME", str(tmp_path / "home"))


def moyai(*words: str, given: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["ledger", *words], input=given, catch_exceptions=False)


def answer(*words: str, given: bytes = b"") -> tuple[int, dict[str, Any]]:
    """Exit code and the object on standard output."""
    result = moyai(*words, "--json", given=given)
    return result.exit_code, json.loads(result.stdout)


def refusal(*words: str, given: bytes = b"") -> tuple[int, str, str | None]:
    """Exit code, code and field of the refusal that is the answer."""
    code, answered = answer(*words, given=given)
    return code, answered["error"]["code"], answered["error"].get("field")


def as_file(**other: Any) -> bytes:
    return json.dumps(ENTRY | other).encode()


def entries(book: UUID) -> list[queries.EntryFacts]:
    with tenant_scope(OPERATOR):
        return queries.entries(db.session(), book)


def state(book: UUID, fiscal_year: int = 2025) -> PeriodState | None:
    with tenant_scope(OPERATOR):
        return next((one.state for one in queries.periods(db.session(), book, fiscal_year)), None)


def approved(actors: Actors, *words: str, given: bytes = b"") -> dict[str, Any]:
    """The result of what the command line requested and another person approved."""
    join(command_line_actor(actors.operator_tenant).id, actors.operator_tenant)
    code, asked = answer(*words, given=given)
    assert code == 0, asked
    result = approve(ApprovalRequested.model_validate(asked), actor=actors.approver).result
    assert result is not None
    return result


def test_books_that_hold_exit_0(book: UUID, actors: Actors) -> None:
    posted(actors, book)

    result = moyai("verify", "--json")

    assert (result.exit_code, json.loads(result.stdout)) == (0, {"balanced": True, "entries": 1, "imbalances": []})


def test_the_reads_of_a_book_answer_what_its_queries_return(book: UUID, actors: Actors) -> None:
    entry_id = posted(actors, book).entry_id
    with tenant_scope(OPERATOR):
        entry = queries.entry(db.session(), book, entry_id).model_dump(mode="json")

    assert answer("entries", "431001", "--fiscal-year", "2025") == (0, {"entries": [entry], "next_cursor": None})
    assert answer("entries", "431001", "--before", str(entry["number"])) == (0, {"entries": [], "next_cursor": None})
    assert answer("entry", "431001", str(entry_id)) == (0, {"entry": entry})
    assert answer("periods", "431001") == (0, {"periods": [{"fiscal_year": 2025, "state": "open"}]})
    assert [(row["account"], row["yen"]) for row in answer("balances", "431001")[1]["balances"]] == [
        ("burden", -1_000),
        ("receivable", 1_000),
    ]
    assert answer("books", "2025") == (
        0,
        {
            "books": [{"tenant_id": str(book), "debit_yen": 1_000, "line_count": 2, "state": "open"}],
            "next_cursor": None,
        },
    )
    assert moyai("entry", "431001", str(entry_id)).stdout.splitlines()[1:] == [
        "receivable\t未収負担金\t1000",
        "burden\t負担金\t-1000",
    ]


def test_books_that_do_not_hold_exit_1_and_name_the_account(
    book: UUID, actors: Actors, postgresql: servers.PostgreSQL, database_name: str
) -> None:
    posted(actors, book)
    with psycopg.connect(servers.libpq(postgresql.server.url(SUPERUSER, database_name))) as connection:
        connection.execute("UPDATE ledger_balance SET yen = yen + 1 WHERE yen > 0")

    result = moyai("verify", "--json")

    report = json.loads(result.stdout)
    assert (result.exit_code, report["balanced"]) == (1, False)
    [imbalance] = report["imbalances"]
    assert (imbalance["kind"], imbalance["tenant_id"]) == ("balance", str(book))
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


def test_an_entry_is_posted_from_a_file_as_the_api_takes_it(book: UUID, actors: Actors, tmp_path: Path) -> None:
    path = tmp_path / "entry.json"
    path.write_bytes(as_file(comment="端数の調整"))

    posted_entry = approved(actors, "post", "431001", str(path))

    (entry,) = entries(book)
    assert {name: posted_entry[name] for name in ("entry_id", "reference", "fiscal_year")} == {
        "entry_id": str(entry.id),
        "reference": "manual:2025-001",
        "fiscal_year": 2025,
    }
    assert [(line.account, line.yen) for line in entry.lines] == [("receivable", 1_000), ("burden", -1_000)]
    assert (entry.kind, entry.happened_on.isoformat(), entry.memo) == ("ordinary", "2025-06-01", "令和7年度 負担金")


def test_what_is_to_be_known_of_the_year_stands_in_the_answer_also_without_json(book: UUID) -> None:
    with clock.at(datetime(2026, 5, 20, 1, 0, tzinfo=UTC)):
        late = moyai("post", "431001", "-", given=as_file())
    with clock.at(datetime(2025, 6, 2, 1, 0, tzinfo=UTC)):
        in_time = moyai("post", "431001", "-", given=as_file(reference="manual:2025-002"))

    assert "date_warning: 令和7年度は令和8年3月31日（火）に終わり、いまは出納整理期間です。" in late.output
    assert (in_time.exit_code, "date_warning" in in_time.output) == (0, False)


def test_the_same_entry_again_is_the_same_request_and_another_of_its_name_is_refused(
    book: UUID, actors: Actors
) -> None:
    assert answer("post", "431001", "-", given=as_file()) == answer("post", "431001", "-", given=as_file())
    assert rows("ledger_entry") == []
    approved(actors, "post", "431001", "-", given=as_file())
    assert refusal("post", "431001", "-", given=as_file())[1] == "approval.nothing_to_do"
    assert refusal("post", "431001", "-", given=as_file(memo="別の内容")) == (
        1,
        "ledger.reference_reused",
        "reference",
    )
    assert [entry.memo for entry in entries(book)] == ["令和7年度 負担金"]


@pytest.mark.parametrize(
    ("given", "reason", "field"),
    [
        (b"{", "json.not_json", "FILE"),
        (b"[]", "ledger.entry_shape", "FILE"),
        (b" " * (2**20 + 1), "cli.file_too_large", "FILE"),
        (b'{"memo": "a", "memo": "b"}', "json.key_twice", "memo"),
        (b'{"lines": [{"account": "burden", "yen": 1.5}]}', "json.not_exact", "lines[0].yen"),
        (as_file(tenant_id=str(new_id())), "api.not_expected", "tenant_id"),
        (as_file(colour="red"), "input.wrong", "colour"),
        (as_file(happened_on="2025-02-30"), "api.not_a_day", "happened_on"),
        (as_file(happened_on="1748736000"), "api.not_a_day", "happened_on"),
        (as_file(lines=[{"account": "burden", "yen": "1"}, ENTRY["lines"][0]]), "input.wrong", "lines.0.yen"),
        (as_file(lines=[*ENTRY["lines"], {"account": "burden", "yen": 1}]), "ledger.unbalanced", "lines"),
        (as_file(kind="reversal"), "input.wrong", "kind"),
        (as_file(fiscal_year=2027), "ledger.date_outside_year", "fiscal_year"),
    ],
)
def test_what_is_no_entry_is_refused_with_its_place(book: UUID, given: bytes, reason: str, field: str) -> None:
    assert refusal("post", "431001", "-", given=given) == (2, reason, field)
    assert rows("ledger_entry") == []
    assert state(book) is None


def test_nothing_is_posted_into_a_book_that_is_not_there_or_a_year_that_is_closed(book: UUID, actors: Actors) -> None:
    posted(actors, book)
    close(actors, book)
    before = rows("ledger_entry")

    assert refusal("post", "432148", "-", given=as_file())[:2] == (1, "not_found")
    assert refusal("post", "431001", "-", given=as_file())[:2] == (1, "ledger.year_closed")
    assert rows("ledger_entry") == before


def test_an_entry_is_reversed_once_by_its_opposite(book: UUID, actors: Actors) -> None:
    entry_id = str(posted(actors, book).entry_id)
    words = ("reverse", "431001", entry_id, "--happened-on", "2025-07-01", "--reason", "二重記帳")

    undone = approved(actors, *words)

    assert undone["reverses_id"] == entry_id
    reversal, entry = entries(book)
    assert (str(reversal.id), reversal.memo, str(entry.reversed_by)) == (
        undone["entry_id"],
        "二重記帳",
        str(reversal.id),
    )
    assert [line.yen for line in reversal.lines] == [-line.yen for line in entry.lines]
    assert refusal(*words) == (1, "ledger.already_reversed", "ENTRY_ID")
    assert len(entries(book)) == 2


def test_a_reversal_that_cannot_be_is_refused_with_what_was_typed(book: UUID, other_book: UUID, actors: Actors) -> None:
    entry_id = str(posted(actors, book).entry_id)
    in_time = ("--happened-on", "2025-07-01")

    assert refusal("reverse", "431001", entry_id, "--happened-on", "2025-05-31", "--reason", "誤り") == (
        2,
        "ledger.reversal_before_entry",
        "--happened-on",
    )
    assert refusal("reverse", "431001", entry_id, *in_time, "--reason", "") == (2, "input.wrong", "--reason")
    assert refusal("reverse", "431001", entry_id, "--reason", "誤り") == (2, "usage", "happened_on")
    assert refusal("reverse", "432148", entry_id, *in_time, "--reason", "誤り") == (1, "not_found", "ENTRY_ID")
    assert [entry.reversed_by for entry in entries(book)] == [None]


def test_a_year_is_opened_closed_and_stays_closed(book: UUID, actors: Actors) -> None:
    for to in ("open", "closing", "open", "closing", "closed"):
        changed = approved(actors, "period", "431001", "2025", to)
        assert (changed["fiscal_year"], changed["state"]) == (2025, to)
        assert state(book) == to

    assert refusal("period", "431001", "2025", "open") == (1, "period.no_such_transition", "TO")
    assert state(book) is PeriodState.CLOSED
    assert len(recorded("period.state_changed")) == 5


def test_a_year_that_cannot_be_moved_is_refused_with_what_was_typed(book: UUID) -> None:
    assert refusal("period", "431001", "1800", "open") == (2, "fiscal_year.out_of_bounds", "FISCAL_YEAR")
    assert refusal("period", "431001", "2025", "shut") == (2, "usage", "to")
    assert refusal("period", "431001", "2025", "closing") == (1, "not_found", "FISCAL_YEAR")
    assert rows("ledger_period") == []
