"""What PostgreSQL itself refuses about the books, asked as the application's role, past all code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from governance.kernel.ids import new_id
from tests import servers
from tests.actors import Actors
from tests.billing.ledger.books import close, posted

ENTRY = (
    "INSERT INTO ledger_entry"
    " (tenant_id, id, reference, request_hash, kind, fiscal_year, happened_on, line_count, reverses_id, memo)"
    " VALUES (%s, %s, %s, '-', %s, 2025, '2025-06-01', %s, %s, '')"
)
LINE = (
    "INSERT INTO ledger_line (tenant_id, entry_id, line_no, account_id, yen, happened_on)"
    " VALUES (%s, %s, %s, %s, %s, %s)"
)


class Raw:
    """A connection of the application's role in the operator's scope, and rows written by hand."""

    def __init__(self, connection: psycopg.Connection[tuple[object, ...]], book: UUID) -> None:
        self.connection = connection
        self.book = book
        rows = connection.execute(
            "SELECT id FROM ledger_account WHERE tenant_id = %s ORDER BY code", (book,)
        ).fetchall()
        self.accounts = [row[0] for row in rows]
        connection.commit()

    def entry(self, line_count: int = 2, kind: str = "ordinary", reverses: UUID | None = None) -> UUID:
        entry_id = new_id()
        self.connection.execute(ENTRY, (self.book, entry_id, str(entry_id), kind, line_count, reverses))
        return entry_id

    def line(self, entry_id: UUID, line_no: int, yen: int, day: str = "2025-06-01", account: object = None) -> None:
        account = account or self.accounts[line_no % 2]
        self.connection.execute(LINE, (self.book, entry_id, line_no, account, yen, day))

    def count(self, table: str) -> object:
        self.connection.rollback()
        row = self.connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        assert row is not None
        return row[0]


@pytest.fixture
def raw(
    postgresql: servers.PostgreSQL, database_name: str, actors: Actors, book: UUID, other_book: UUID
) -> Iterator[Raw]:
    posted(actors, book)
    posted(actors, other_book)
    url = servers.libpq(postgresql.app_url(database_name))
    with psycopg.connect(url, options="-c moyai.scope=operator") as connection:
        yield Raw(connection, book)
        connection.rollback()


def test_a_whole_entry_is_taken(raw: Raw) -> None:
    entry_id = raw.entry()
    raw.line(entry_id, 1, 5)
    raw.line(entry_id, 2, -5)
    raw.connection.commit()

    assert raw.count("ledger_entry") == 3


SET_BY_DATABASE = (
    "INSERT INTO ledger_entry"
    " (tenant_id, id, reference, request_hash, kind, fiscal_year, happened_on, line_count, memo, {})"
    " OVERRIDING SYSTEM VALUE VALUES (%s, %s, 'backdated', '-', 'ordinary', 2025, '2025-06-01', 2, '', {})"
    " RETURNING recorded_at = statement_timestamp(), recorded_at > now()"
)


@pytest.mark.parametrize(
    ("column", "value"), [("recorded_at", "'2025-06-01'"), ("recorded_at", "now()"), ("number", "1")]
)
def test_the_application_sets_neither_time_nor_number(raw: Raw, column: str, value: str) -> None:
    before = raw.count("ledger_entry")

    with pytest.raises(errors.InsufficientPrivilege):
        raw.connection.execute(SET_BY_DATABASE.format(column, value).encode(), (raw.book, new_id()))
    assert raw.count("ledger_entry") == before


def test_an_entry_has_the_time_of_its_statement_and_not_of_a_transaction_begun_before(raw: Raw) -> None:
    raw.connection.rollback()
    raw.connection.execute("SELECT now()")
    entry_id = raw.entry()

    found = raw.connection.execute(
        "SELECT recorded_at > now(), recorded_at <= clock_timestamp() FROM ledger_entry WHERE id = %s", (entry_id,)
    )
    assert found.fetchone() == (True, True)


def test_a_trigger_sets_the_time_of_the_owners_entries_too(
    raw: Raw, postgresql: servers.PostgreSQL, database_name: str
) -> None:
    raw.connection.rollback()
    owner = servers.libpq(postgresql.owner_url(database_name))

    with psycopg.connect(owner, options="-c moyai.scope=operator") as connection:
        connection.execute("SELECT now()")
        statement = SET_BY_DATABASE.format("recorded_at", "'2025-06-01'").encode()
        assert connection.execute(statement, (raw.book, new_id())).fetchone() == (True, True)
        connection.rollback()


@pytest.mark.parametrize("table", ["ledger_entry", "ledger_line", "ledger_account"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET tenant_id = tenant_id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_what_is_posted_is_not_changed(statement: str, table: str, raw: Raw) -> None:
    before = raw.count(table)

    with pytest.raises(errors.InsufficientPrivilege):
        raw.connection.execute(statement.format(table).encode())
    assert raw.count(table) == before


@pytest.mark.parametrize("table", ["ledger_period", "ledger_balance"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {}"])
def test_years_and_balances_are_not_removed(statement: str, table: str, raw: Raw) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        raw.connection.execute(statement.format(table).encode())
    assert raw.count(table) != 0


@pytest.mark.parametrize("table", ["ledger_entry", "ledger_line", "ledger_account"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET tenant_id = tenant_id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_a_trigger_refuses_it_even_to_the_owner(
    statement: str, table: str, raw: Raw, postgresql: servers.PostgreSQL, database_name: str
) -> None:
    before = raw.count(table)
    raw.connection.rollback()
    owner = servers.libpq(postgresql.owner_url(database_name))

    with (
        psycopg.connect(owner, options="-c moyai.scope=operator") as connection,
        pytest.raises(errors.RestrictViolation),
    ):
        connection.execute(statement.format(table).encode())
    assert raw.count(table) == before


@pytest.mark.parametrize("table", ["ledger_period", "ledger_balance"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {}"])
def test_a_trigger_keeps_years_and_balances_even_from_the_owner(
    statement: str, table: str, raw: Raw, postgresql: servers.PostgreSQL, database_name: str
) -> None:
    raw.connection.rollback()
    owner = servers.libpq(postgresql.owner_url(database_name))

    with (
        psycopg.connect(owner, options="-c moyai.scope=operator") as connection,
        pytest.raises(errors.RestrictViolation),
    ):
        connection.execute(statement.format(table).encode())
    assert raw.count(table) != 0


def _no_lines(raw: Raw) -> None:
    raw.entry()


def _one_line(raw: Raw) -> None:
    raw.line(raw.entry(), 1, 5)


def _unbalanced(raw: Raw) -> None:
    entry_id = raw.entry()
    raw.line(entry_id, 1, 5)
    raw.line(entry_id, 2, -4)


def _fewer_lines_than_said(raw: Raw) -> None:
    entry_id = raw.entry(line_count=3)
    raw.line(entry_id, 1, 5)
    raw.line(entry_id, 2, -5)


def _line_of_another_date(raw: Raw) -> None:
    entry_id = raw.entry()
    raw.line(entry_id, 1, 5)
    raw.line(entry_id, 2, -5, day="2025-06-02")


def _reversal_of_other_yen(raw: Raw) -> None:
    original = raw.connection.execute(
        "SELECT id FROM ledger_entry WHERE tenant_id = %s ORDER BY number LIMIT 1", (raw.book,)
    ).fetchone()
    assert original is not None
    assert isinstance(original[0], UUID)
    entry_id = raw.entry(kind="reversal", reverses=original[0])
    raw.line(entry_id, 1, 5)
    raw.line(entry_id, 2, -5)


@pytest.mark.parametrize(
    "write",
    [_no_lines, _one_line, _unbalanced, _fewer_lines_than_said, _line_of_another_date, _reversal_of_other_yen],
)
def test_an_entry_that_is_not_whole_is_refused_at_the_commit(write: Callable[[Raw], None], raw: Raw) -> None:
    write(raw)

    with pytest.raises(errors.CheckViolation) as refusal:
        raw.connection.commit()
    assert refusal.value.diag.constraint_name == "ledger_entry_is_whole"
    assert raw.count("ledger_entry") == 2


def test_balanced_lines_that_come_late_are_refused(raw: Raw) -> None:
    entry_id = raw.entry()
    raw.line(entry_id, 1, 5)
    raw.line(entry_id, 2, -5)
    raw.connection.commit()

    with pytest.raises(errors.CheckViolation) as refusal:
        raw.line(entry_id, 3, 7)
    assert refusal.value.diag.constraint_name == "ledger_line_within_entry"
    raw.connection.rollback()
    with pytest.raises(errors.UniqueViolation):
        raw.line(entry_id, 2, 7)
    raw.connection.rollback()
    with pytest.raises(errors.CheckViolation):
        raw.line(entry_id, 0, 7)


def test_checking_early_opens_no_way_for_late_lines(raw: Raw) -> None:
    entry_id = raw.entry()
    raw.line(entry_id, 1, 5)
    raw.line(entry_id, 2, -5)
    raw.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(errors.CheckViolation):
        raw.line(entry_id, 3, 7)


@pytest.mark.parametrize("yen", [0, 10**15 + 1, -(10**15) - 1])
def test_yen_have_bounds_and_are_never_nothing(yen: int, raw: Raw) -> None:
    with pytest.raises(errors.CheckViolation):
        raw.line(raw.entry(), 1, yen)


def test_another_tenants_account_or_entry_is_refused(raw: Raw, other_book: UUID) -> None:
    foreign = raw.connection.execute(
        "SELECT id FROM ledger_account WHERE tenant_id = %s LIMIT 1", (other_book,)
    ).fetchone()
    assert foreign is not None
    with pytest.raises(errors.ForeignKeyViolation):
        raw.line(raw.entry(), 1, 5, account=foreign[0])
    raw.connection.rollback()

    foreign = raw.connection.execute(
        "SELECT id FROM ledger_entry WHERE tenant_id = %s LIMIT 1", (other_book,)
    ).fetchone()
    assert foreign is not None
    assert isinstance(foreign[0], UUID)
    with pytest.raises(errors.ForeignKeyViolation):
        raw.line(foreign[0], 1, 5)


def test_a_municipalitys_scope_writes_nothing_into_another_book(raw: Raw, other_book: UUID) -> None:
    raw.connection.execute("SELECT set_config('moyai.scope', %s, true)", (str(other_book),))

    with pytest.raises(errors.InsufficientPrivilege):
        raw.entry()


def test_a_year_that_is_closed_or_not_open_yet_accepts_nothing(raw: Raw, actors: Actors) -> None:
    raw.connection.rollback()
    close(actors, raw.book)

    with pytest.raises(errors.RestrictViolation) as refusal:
        raw.entry()
    assert refusal.value.diag.constraint_name == "ledger_entry_needs_its_year"
    raw.connection.rollback()
    with pytest.raises(errors.RestrictViolation):
        raw.connection.execute(
            "INSERT INTO ledger_entry (tenant_id, id, reference, request_hash, kind, fiscal_year, happened_on,"
            " line_count, memo) VALUES (%s, %s, 'a', '-', 'ordinary', 2030, '2030-06-01', 2, '')",
            (raw.book, new_id()),
        )


def test_a_posting_under_an_older_snapshot_is_refused(raw: Raw) -> None:
    raw.connection.rollback()
    raw.connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ

    with pytest.raises(errors.RestrictViolation):
        raw.entry()


def test_a_closed_year_is_not_opened_by_hand(raw: Raw, actors: Actors) -> None:
    raw.connection.rollback()
    close(actors, raw.book)

    for statement in (
        "UPDATE ledger_period SET state = 'open' WHERE tenant_id = %s AND fiscal_year = 2025",
        "UPDATE ledger_period SET fiscal_year = 2030 WHERE tenant_id = %s AND fiscal_year = 2025",
        "INSERT INTO ledger_period (tenant_id, fiscal_year, state) VALUES (%s, 2024, 'open')",
        "INSERT INTO ledger_period (tenant_id, fiscal_year, state) VALUES (%s, 2026, 'closed')",
    ):
        with pytest.raises(errors.RestrictViolation):
            raw.connection.execute(statement.encode(), (raw.book,))
        raw.connection.rollback()


def test_a_savepoint_rolled_back_leaves_no_trace(raw: Raw) -> None:
    raw.connection.execute("SAVEPOINT before")
    raw.entry()
    raw.connection.execute("ROLLBACK TO SAVEPOINT before")
    raw.connection.commit()

    assert raw.count("ledger_entry") == 2
