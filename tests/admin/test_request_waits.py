"""How long a request may wait in all: what it waited for a thread counts, and a read is not answered too late."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask import Flask, request_finished
from sqlalchemy import text

from admin.core.request_checks import init_request_checks
from admin.operations.request_server import RECEIVED_AT
from admin.operations.settings import Settings
from governance.kernel.database import db
from governance.kernel.deadlines import WaitBudget, current_budget
from governance.permissions import Role
from tests import servers
from tests.admin.conftest import PUBLIC_URL
from tests.admin.visitors import visit
from tests.factories import Visitors

BudgetOf = Callable[[str, float], WaitBudget]


@pytest.fixture
def budget_of(tmp_path: Path) -> BudgetOf:
    """`budget_of("GET", 1.5)`: the budget of a request that came one and a half seconds before it had a thread."""
    app = Flask("waits")
    init_request_checks(app, Settings(home=tmp_path, public_url="https://moyai.example.jp"))
    found: list[WaitBudget | None] = []

    @app.route("/", methods=["GET", "POST"])
    def keep() -> str:
        found.append(current_budget())
        return ""

    def budget_of(method: str, waited_seconds: float) -> WaitBudget:
        received = {RECEIVED_AT: monotonic() - waited_seconds}
        answer = app.test_client().open("/", method=method, base_url="http://localhost", environ_overrides=received)
        assert answer.status_code == 200
        budget = found.pop()
        assert budget is not None
        return budget

    return budget_of


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_a_request_waited_for_a_thread_is_no_longer_left(budget_of: BudgetOf, method: str) -> None:
    assert budget_of(method, 0.0).begin("a server") == 3
    assert 2 < budget_of(method, 1.5).begin("a server") <= 2.5


def test_a_read_waits_for_nothing_later_than_four_seconds_after_it_came_and_a_write_is_finished(
    budget_of: BudgetOf,
) -> None:
    read, write = budget_of("GET", 0.5), budget_of("POST", 0.5)

    assert read._until is not None
    assert 3 < read._until - monotonic() <= 3.5
    assert write._until is None


def test_a_page_whose_read_cannot_be_rolled_back_is_answered_all_the_same(
    web: Flask, operator_tenant: UUID, visitors: Visitors, postgresql: servers.PostgreSQL
) -> None:
    auditor = visit(web, PUBLIC_URL, visitors.person(operator_tenant, Role.OPERATOR_AUDITOR))
    ended: list[int] = []

    def end_connection(sender: Flask, **_: Any) -> None:
        """The answer is made, and its read transaction is still open."""
        pid = db.session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with psycopg.connect(servers.libpq(postgresql.superuser_url), autocommit=True) as superuser:
            superuser.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        ended.append(pid)

    with request_finished.connected_to(end_connection, web):
        answer = auditor.get("/tenants")

    assert (answer.status_code, len(ended)) == (200, 1)
    assert auditor.get("/tenants").status_code == 200
