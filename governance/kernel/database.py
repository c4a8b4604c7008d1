"""The database session and the scope that decides which tenants' rows it can see.

Flask-SQLAlchemy and SQLModel share one MetaData, one session and so one transaction. Every transaction begins by
setting `moyai.scope` for the policies of row-level security. No query of a tenant's rows lives here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from enum import StrEnum
from select import POLLIN, poll
from types import ModuleType
from typing import Any, ClassVar, Final, cast
from uuid import UUID

import psycopg
import structlog
from flask import Flask, current_app, has_app_context
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import CheckConstraint, ColumnElement, DateTime, event, func, literal, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.types import Uuid
from sqlmodel import SQLModel

from governance.kernel import clock
from governance.kernel.deadline_connection import CONNECT_SECONDS, STATEMENT_GRACE_SECONDS, DeadlineConnection
from governance.kernel.deadlines import current_budget
from governance.kernel.pipelined import Driver, begin_transaction

log = structlog.get_logger(__name__)

OPERATOR: Final = "operator"
"""The scope of the platform's operator: every tenant's rows."""

TenantScope = UUID | str

REQUEST_STATEMENT_MS: Final = 2_500
"""`statement_timeout` of requests, below `REQUEST_LIMITS`: a server that lives ends a slow statement by itself."""

BACKGROUND_STATEMENT_MS: Final = 5_000
"""`statement_timeout` of the command line and the worker."""

CONNECTIONS_A_POOL: Final = 20
"""How many connections a process may have to PostgreSQL as one role."""

_POOL_SIZE: Final = 10
LOCK_MS: Final = 3_000
LONG_STATEMENT_SECONDS: Final = 600

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

_tenant_scope: ContextVar[TenantScope | None] = ContextVar("database_scope", default=None)


TENANT_ENGINE: Final = "tenant"


class TenantScopedSession(FlaskSession):
    """A session whose every transaction carries the scope that was in force when it began.

    Transactions in a tenant's scope, or in none, go over an engine of their own: its database role sees nothing in the
    operator's scope, whatever SQL is sent (docs/decisions/0022).
    """

    def get_bind(
        self,
        mapper: Any | None = None,
        clause: Any | None = None,
        bind: Engine | Connection | None = None,
        **more: Any,
    ) -> Engine | Connection:
        if bind is not None:
            return bind
        engines = db.engines
        if _tenant_scope.get() == OPERATOR or TENANT_ENGINE not in engines:
            return engines[None]
        return engines[TENANT_ENGINE]


db = SQLAlchemy(metadata=SQLModel.metadata, session_options={"class_": TenantScopedSession, "expire_on_commit": False})


class TableBase(DeclarativeBase):
    """The base of every table that is not declared in SQLModel. Rows store; commands validate."""

    metadata = SQLModel.metadata
    type_annotation_map: ClassVar = {UUID: Uuid(), datetime: DateTime(timezone=True)}


def enum_check(column: str, values: type[StrEnum], *, name: str) -> CheckConstraint:
    """A CHECK that the column holds a value of the enum, in the order of its members: `state IN ('open', 'done')`."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(value.value) for value in values)})", name=name)


@event.listens_for(TenantScopedSession, "after_begin")
def _set_rls_tenant(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    driver = connection.connection.driver_connection
    if isinstance(driver, DeadlineConnection):
        driver.long_statement_seconds = None  # That was the last transaction's.
    begin_transaction(session, connection, str(_tenant_scope.get() or ""))


def current_scope() -> TenantScope | None:
    """Whose rows a transaction that begins now can see: a tenant's id, OPERATOR for all, None for nobody's."""
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
    try:
        session.rollback()
    except SQLAlchemyError as failure:
        # The answer is there already. Nothing was to be saved, and PostgreSQL ends what loses its client.
        log.warning("database.rollback_failed", exc_info=failure)
        session.invalidate()


def database_now() -> ColumnElement[datetime]:
    """The present instant by PostgreSQL's clock, as part of a statement: for what hosts must agree about, as leases.

    Where `clock.at` has stopped the clock, that instant.
    """
    stopped = clock.stopped_at()
    return func.clock_timestamp(type_=DateTime(timezone=True)) if stopped is None else literal(stopped)


def engine_options(*, statement_timeout_ms: int = BACKGROUND_STATEMENT_MS) -> dict[str, Any]:
    """How the application's engine talks to PostgreSQL: every wait ends, so that a lost server is a 503 and not a hang.

    A statement that takes longer than its timeout is ended by the server; one whose server is frozen, or out of reach,
    by us (`DeadlineConnection`).
    """

    lock_timeout_ms = min(LOCK_MS, statement_timeout_ms * 4 // 5)

    def set_limits(driver: Driver, record: ConnectionPoolEntry) -> None:
        deadlines = cast(DeadlineConnection[Any], driver)
        deadlines.statement_seconds = statement_timeout_ms / 1000
        deadlines.own_limit_seconds = deadlines.statement_seconds + STATEMENT_GRACE_SECONDS
        # Not as `options` of the connection: PgBouncer refuses those, or drops them without a word. Outside a
        # transaction, whose rollback would take them back.
        deadlines.set_autocommit(True)
        deadlines.execute(
            f"SET statement_timeout = {statement_timeout_ms:d}; SET lock_timeout = {lock_timeout_ms:d};"
            # A client that stops inside a transaction holds its locks no longer than this.
            " SET idle_in_transaction_session_timeout = 60000; SET timezone = 'UTC'; SET datestyle = 'ISO'"
        )
        deadlines.set_autocommit(False)

    return {
        "module": _DRIVER_MODULE,
        "pool_events": [(_check_connection, "checkout"), (set_limits, "connect")],
        "pool_size": _POOL_SIZE,
        "max_overflow": CONNECTIONS_A_POOL - _POOL_SIZE,
        "pool_timeout": 1,
        # Looked up in the catalogue by every new engine otherwise; no column has the type.
        "use_native_hstore": False,
        "connect_args": {
            "connect_timeout": int(CONNECT_SECONDS),
            # What vanished without a word is closed by our own kernel: idle after 45 s, waiting for an answer after 10.
            "keepalives_idle": 30,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
        },
    }


def allow_long_statements(session: Session, seconds: int = LONG_STATEMENT_SECONDS) -> None:
    """Let the statements of this transaction take so long, for reading everything there is.

    They are waited for only while the server answers others: a frozen one is noticed in two to four seconds.
    """
    budget = current_budget()
    if budget is not None:
        budget.allow_longer()
    connection = session.connection()
    session.execute(text(f"SET LOCAL statement_timeout = {seconds * 1000:d}"))
    driver = connection.connection.driver_connection
    if isinstance(driver, DeadlineConnection):
        driver.long_statement_seconds = seconds + STATEMENT_GRACE_SECONDS


def _deadline_driver() -> ModuleType:
    """psycopg, with connections that have deadlines: what SQLAlchemy takes for the driver."""
    module = ModuleType(psycopg.__name__)
    vars(module).update(vars(psycopg), connect=DeadlineConnection.connect)
    return module


_DRIVER_MODULE: Final = _deadline_driver()


def _check_connection(driver: Driver, record: ConnectionPoolEntry, proxy: PoolProxiedConnection) -> None:
    # An idle connection must have no readable bytes; if it has, the server closed it. Cheaper than `pool_pre_ping`,
    # which would be one more wait for the server in every command.
    if driver.closed:
        raise DisconnectionError
    poller = poll()
    poller.register(driver.fileno(), POLLIN)
    if poller.poll(0):
        raise DisconnectionError


ApplicationObject = Flask
"""The application, for packages that do not name its web framework."""


def extensions_of(app: ApplicationObject) -> dict[str, Any]:
    """What is attached to the application, by name."""
    return app.extensions


def current_extensions() -> dict[str, Any]:
    """What is attached to the application whose context is entered; nothing outside any."""
    return extensions_of(current_app) if has_app_context() else {}


def connect(
    app: Flask, url: str, tenant_url: str | None = None, *, statement_timeout_ms: int = BACKGROUND_STATEMENT_MS
) -> None:
    """Give the application its engines: on `url` (`postgresql+psycopg://`, the application's role) for the operator's
    scope, on `tenant_url` (the same database, the tenants' role) for every other. Without it, one engine for all.
    """
    options = engine_options(statement_timeout_ms=statement_timeout_ms)
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    if tenant_url is not None:
        app.config["SQLALCHEMY_BINDS"] = {TENANT_ENGINE: {**options, "url": tenant_url}}
    db.init_app(app)


def dispose_engines() -> None:
    """Close every pooled connection of the application whose context is entered."""
    for engine in db.engines.values():
        engine.dispose()
