"""Statements sent to psycopg directly: those that every command, or every posting, pays for.

They are prepared on the server, pass none of SQLAlchemy's layers, and travel together where none needs another's rows
(docs/decisions/0007 has the figures). Everything else goes through `session.execute`. Knows no tenant and no Flask:
`governance.kernel.database` says whose rows a transaction sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, LiteralString, cast

import psycopg
from psycopg.abc import PQGen
from psycopg.errors import error_from_result
from psycopg.generators import fetch_many
from psycopg.pq import ExecStatus
from psycopg.waiting import Wait
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

_SET_SCOPE: Final = "SELECT set_config('moyai.scope', %(scope)s, true)"
_BEGIN_STATEMENT: Final = "moyai.opening"

PipelinedStatement = tuple[LiteralString, Mapping[str, Any]]
"""A statement in psycopg's own form (`%(name)s`) and its values."""


@dataclass
class _BeginStatement:
    statement: PipelinedStatement
    rows: list[tuple[Any, ...]] = field(default_factory=list)


def begin_pipelined(session: Session, statement: LiteralString, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Begin the transaction with a statement that itself sets `moyai.scope` to its `%(scope)s`; returns its rows.

    Raises RuntimeError in a transaction that has begun already, and otherwise what `session.execute` would.
    """
    if session.in_transaction():
        raise RuntimeError("the transaction has begun already")
    session.info[_BEGIN_STATEMENT] = begin = _BeginStatement((statement, values))
    try:
        session.connection()
    finally:
        session.info.pop(_BEGIN_STATEMENT, None)
    return begin.rows


def begin_transaction(session: Session, connection: Connection, scope: str) -> None:
    """Set `moyai.scope` to `scope` for the transaction that begins: by the statement of `begin_pipelined`, if it began
    the transaction, or by one of its own. For the session's `after_begin` event.
    """
    # Local to the transaction, so a pooled connection hands nothing over to its next user.
    begin: _BeginStatement | None = session.info.pop(_BEGIN_STATEMENT, None)
    statement, values = begin.statement if begin else (_SET_SCOPE, {})
    with _pipeline(connection) as driver:
        cursor = driver.execute(statement, {**values, "scope": scope}, prepare=True)
    if begin:
        begin.rows = cursor.fetchall()


def execute_raw(session: Session, statement: LiteralString, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """One raw statement in the session's transaction; its rows, if it has any. Raises what `session.execute` would."""
    session.flush()
    connection = session.connection()
    with _translate_driver_errors(connection):
        cursor = _driver(connection).execute(statement, values, prepare=True)
        return cursor.fetchall() if cursor.description else []


def copy_rows(session: Session, query: LiteralString, values: Mapping[str, Any]) -> Iterator[bytes]:
    """The rows of a query in COPY's text format, one at a time, without their line ends.

    For passes over a whole table: no value is parsed here. Read to the end before another statement is sent. Raises
    what `session.execute` would.
    """
    session.flush()
    connection = session.connection()
    with _translate_driver_errors(connection):
        driver = _driver(connection)
        with driver.cursor().copy(f"COPY ({query}) TO STDOUT", values) as copy:
            is_over = False
            while not is_over:
                rows, is_over = driver.wait(_read_rows(copy))
                yield from rows


_ROWS_OF_A_WAIT: Final = 256


def _read_rows(copy: psycopg.Copy) -> PQGen[tuple[list[bytes], bool]]:
    """The next rows, and whether they are the last ones. Asks libpq itself: psycopg takes twice as long for a row.

    What a wait costs (its limit, its circuit breaker) is paid once for all of them.
    """
    server = copy.connection.pgconn
    rows: list[bytes] = []
    while len(rows) < _ROWS_OF_A_WAIT:
        length, row = server.get_copy_data(1)
        if length > 0:
            rows.append(bytes(row[:-1]))
        elif length == 0:
            yield Wait.R
            server.consume_input()
        else:
            # psycopg would look for the end, which can be read once.
            copy._finished = True
            (result,) = yield from fetch_many(server)
            if result.status != ExecStatus.COMMAND_OK:
                raise error_from_result(result)
            return rows, True
    return rows, False


def commit_pipelined(session: Session, *inserts: PipelinedStatement) -> None:
    """Send these INSERTs, none of which reads another's rows, together with COMMIT: one round trip for all.

    Raises what `session.execute` and `session.commit` would; then nothing is committed.
    """
    session.flush()
    with _pipeline(session.connection()) as driver:
        for start in range(0, len(inserts), MAX_MERGED):
            batch = inserts[start : start + MAX_MERGED]
            values = {f"{place}_{name}": value for place, (_, of) in enumerate(batch) for name, value in of.items()}
            driver.execute(_merge_into_cte(tuple(insert for insert, _ in batch)), values, prepare=True)
        driver.execute("COMMIT", prepare=True)
    # Ends the session's transaction as well. The driver's is over already, so nothing is sent again.
    session.commit()


MAX_MERGED: Final = 8


@lru_cache(maxsize=32)
def _merge_into_cte(inserts: tuple[LiteralString, ...]) -> LiteralString:
    """One statement with the inserts as CTEs: a statement costs the client about as much as the server."""
    *before, last = (insert.replace("%(", f"%({place}_") for place, insert in enumerate(inserts))
    named = ", ".join(f"added_{place} AS ({insert})" for place, insert in enumerate(before))
    return f"WITH {named} {last}" if named else last


Driver = psycopg.Connection[tuple[Any, ...]]


def _driver(connection: Connection) -> Driver:
    return cast(Driver, connection.connection.driver_connection)


@contextmanager
def _pipeline(connection: Connection) -> Iterator[Driver]:
    driver = _driver(connection)
    # At the start of a transaction its BEGIN travels along, too.
    with _translate_driver_errors(connection), driver.pipeline():
        yield driver


@contextmanager
def _translate_driver_errors(connection: Connection) -> Iterator[None]:
    driver = _driver(connection)
    try:
        yield
    except psycopg.Error as fault:
        if driver.closed:
            # SQLAlchemy did not see it happen, and would send a rollback after what is gone.
            connection.invalidate(fault)
        # The values stay out of the message: they may be anybody's.
        raise DBAPIError.instance(None, None, fault, psycopg.Error, hide_parameters=True) from fault
