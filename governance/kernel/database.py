"""The database session and the scope that decides which tenants' rows it can see.

Flask-SQLAlchemy and SQLModel share one MetaData, one session and so one transaction. Every transaction begins by
telling PostgreSQL whose rows it may touch; row-level security does the rest. No query of a tenant's rows lives here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from select import POLLIN, poll
from typing import Any, ClassVar, Final, LiteralString, cast
from uuid import UUID

import psycopg
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import DateTime, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.types import Uuid
from sqlmodel import SQLModel

OPERATOR: Final = "operator"
"""The scope of the platform's operator: every tenant's rows."""

TenantScope = UUID | str

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

_tenant_scope: ContextVar[TenantScope | None] = ContextVar("database_scope", default=None)


class TenantScopedSession(FlaskSession):
    """A session whose every transaction carries the scope that was in force when it began."""


db = SQLAlchemy(metadata=SQLModel.metadata, session_options={"class_": TenantScopedSession, "expire_on_commit": False})


class TableBase(DeclarativeBase):
    """The base of every table that is not declared in SQLModel. Rows store; commands validate."""

    metadata = SQLModel.metadata
    type_annotation_map: ClassVar = {UUID: Uuid(), datetime: DateTime(timezone=True)}


@event.listens_for(TenantScopedSession, "after_begin")
def _set_rls_tenant(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    # Local to the transaction, so a pooled connection carries nothing over to its next user.
    begin: _BeginStatement | None = session.info.pop(_BEGIN_STATEMENT, None)
    statement, values = begin.statement if begin else (_SET_SCOPE, {})
    with _pipeline(_driver(connection)) as driver:
        cursor = driver.execute(statement, {**values, "scope": str(_tenant_scope.get() or "")}, prepare=True)
    if begin:
        begin.rows = cursor.fetchall()


_SET_SCOPE: Final = "SELECT set_config('moyai.scope', %(scope)s, true)"
_BEGIN_STATEMENT: Final = "moyai.opening"

PipelinedStatement = tuple[LiteralString, Mapping[str, Any]]
"""A statement in psycopg's own form (`%(name)s`) and its values.

For the few that every command or posting pays for: they are prepared on the server and pass none of SQLAlchemy's
layers, which cost several times the statement.
"""


@dataclass
class _BeginStatement:
    statement: PipelinedStatement
    rows: list[tuple[Any, ...]] = field(default_factory=list)


def begin_pipelined(session: Session, statement: LiteralString, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Begin the transaction with a statement that itself sets `moyai.scope` to its `%(scope)s`, and give its rows.

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


def execute_raw(session: Session, statement: LiteralString, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """One raw statement in the session's transaction; its rows, if it has any. Raises what `session.execute` would."""
    session.flush()
    with _translate_driver_errors():
        cursor = _driver(session.connection()).execute(statement, values, prepare=True)
        return cursor.fetchall() if cursor.description else []


def commit_pipelined(session: Session, *inserts: PipelinedStatement) -> None:
    """Add these rows, none of which looks at another, and commit: one wait for the server, and all locks end in it.

    Raises what `session.execute` and `session.commit` would; then nothing is committed.
    """
    session.flush()
    with _pipeline(_driver(session.connection())) as driver:
        for start in range(0, len(inserts), MAX_MERGED):
            batch = inserts[start : start + MAX_MERGED]
            values = {f"{place}_{name}": value for place, (_, of) in enumerate(batch) for name, value in of.items()}
            driver.execute(_merge_into_cte(tuple(insert for insert, _ in batch)), values, prepare=True)
        driver.execute("COMMIT", prepare=True)
    # The session learns of it; for the driver the transaction is over, and nothing is sent again.
    session.commit()


MAX_MERGED: Final = 8


@lru_cache(maxsize=32)
def _merge_into_cte(inserts: tuple[LiteralString, ...]) -> LiteralString:
    """One statement of several, as each costs the client as much as it costs the server."""
    *before, last = (insert.replace("%(", f"%({place}_") for place, insert in enumerate(inserts))
    named = ", ".join(f"added_{place} AS ({insert})" for place, insert in enumerate(before))
    return f"WITH {named} {last}" if named else last


_Driver = psycopg.Connection[tuple[Any, ...]]


def _driver(connection: Connection) -> _Driver:
    return cast(_Driver, connection.connection.driver_connection)


@contextmanager
def _pipeline(driver: _Driver) -> Iterator[_Driver]:
    # At the start of a transaction its BEGIN travels along, too.
    with _translate_driver_errors(), driver.pipeline():
        yield driver


@contextmanager
def _translate_driver_errors() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as fault:
        # The values stay out of the message: they may be anybody's.
        raise DBAPIError.instance(None, None, fault, psycopg.Error, hide_parameters=True) from fault


def current_tenant_scope() -> TenantScope | None:
    """Whose rows the present code may see: a tenant's id, OPERATOR, or None for nobody's."""
    return _tenant_scope.get()


@contextmanager
def tenant_scope(scope: TenantScope | None) -> Iterator[None]:
    """Set whose rows the transactions begun inside can see: one tenant's, or OPERATOR for all; None sees none.

    A read transaction left open is ended first, because a transaction keeps the scope it began with. Pending
    changes at the border are a bug and raise RuntimeError. Needs an application context.
    """
    if scope == _tenant_scope.get():
        yield
        return
    _rollback_read()
    token = _tenant_scope.set(scope)
    try:
        yield
    finally:
        _rollback_read(discard_changes=True)
        _tenant_scope.reset(token)


def _rollback_read(discard_changes: bool = False) -> None:
    session = db.session()
    if not session.in_transaction():
        return
    if not discard_changes and (session.new or session.dirty or session.deleted):
        raise RuntimeError("the scope changes while a change waits to be written")
    # Rows that were read stay readable outside the scope; what was not read is not loaded behind its back.
    session.expunge_all()
    session.rollback()


def engine_options(*, statement_timeout_ms: int = 5_000) -> dict[str, Any]:
    """How the application's engine talks to PostgreSQL: short waits, so that a lost server is a 503 and not a hang."""
    return {
        "pool_events": [(_check_connection, "checkout")],
        "pool_size": 10,
        "max_overflow": 10,
        "pool_timeout": 3,
        "connect_args": {
            "connect_timeout": 3,
            # What vanished without a word is closed by our own kernel: idle after 45 s, waiting for an answer after 10.
            "keepalives_idle": 30,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
            "options": f"-c statement_timeout={statement_timeout_ms} -c lock_timeout=3000 -c timezone=UTC",
        },
    }


def _check_connection(driver: _Driver, record: ConnectionPoolEntry, proxy: PoolProxiedConnection) -> None:
    # Between transactions the server says nothing, unless it is its last word or its end. Asking it whether it is
    # still there, as `pool_pre_ping` does, would be one more wait in every command.
    if driver.closed:
        raise DisconnectionError
    poller = poll()
    poller.register(driver.fileno(), POLLIN)
    if poller.poll(0):
        raise DisconnectionError


def connect(app: Flask, url: str, *, statement_timeout_ms: int = 5_000) -> None:
    """Give the application its engine on `url` (`postgresql+psycopg://`, the application's role)."""
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(statement_timeout_ms=statement_timeout_ms)
    db.init_app(app)
