"""The connection to PostgreSQL: one that was cut is not handed out, and a transaction begins once."""

from __future__ import annotations

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text

from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.pipelined import begin_pipelined
from tests import servers


def test_a_connection_that_postgresql_cut_is_replaced_before_anybody_notices(
    database: Flask, postgresql: servers.PostgreSQL
) -> None:
    db.engine.dispose()
    before = _backend()
    with psycopg.connect(servers.libpq(postgresql.superuser_url), autocommit=True) as administrator:
        administrator.execute("SELECT pg_terminate_backend(%s, 5000)", [before])

    assert _backend() != before


def test_a_connection_that_nobody_cut_is_used_again(database: Flask) -> None:
    db.engine.dispose()  # another test's threads may have left more than one in the pool

    assert _backend() == _backend()


def test_a_transaction_that_has_begun_is_not_begun_again(database: Flask) -> None:
    with tenant_scope(OPERATOR):
        db.session.execute(text("SELECT 1"))
        with pytest.raises(RuntimeError, match="begun already"):
            begin_pipelined(db.session(), "SELECT set_config('moyai.scope', %(scope)s, true)", {})


def _backend() -> int:
    with tenant_scope(OPERATOR):
        return int(db.session.execute(text("SELECT pg_backend_pid()")).scalar_one())
