"""Which database role a transaction goes over: the operator's scope over one, a tenant's and none over another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import event, text

from admin.features.menu import TENANT_MENU
from admin.operations.bring_up import check_tenant_role
from admin.operations.postgresql import APP, TENANT
from admin.operations.settings import Settings
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import DependencyUnavailable, Invalid
from governance.permissions import Role
from tests.admin.conftest import PUBLIC_URL
from tests.admin.visitors import visit
from tests.factories import Visitors
from tests.servers import PostgreSQL


def _current_user() -> str:
    return str(db.session.execute(text("SELECT current_user")).scalar_one())


def test_each_scope_has_its_role(database: Flask, operator_tenant: UUID) -> None:
    assert _current_user() == TENANT
    with tenant_scope(operator_tenant):
        assert _current_user() == TENANT
        with tenant_scope(OPERATOR):
            assert _current_user() == APP
        assert _current_user() == TENANT
    with system_transaction(OPERATOR) as session:
        assert session.execute(text("SELECT current_user")).scalar_one() == APP


def test_sql_of_ones_own_within_a_tenants_request_finds_the_operators_scope_empty(
    database: Flask, operator_tenant: UUID, visitors: Visitors
) -> None:
    tenant = visitors.municipality("432083", "山鹿市")
    with tenant_scope(tenant):
        own = db.session.execute(text("SELECT count(*) FROM tenant")).scalar_one()
        db.session.execute(text("SELECT set_config('moyai.scope', 'operator', true)"))
        bent = db.session.execute(text("SELECT count(*) FROM tenant")).scalar_one()
    with tenant_scope(OPERATOR):
        every = db.session.execute(text("SELECT count(*) FROM tenant")).scalar_one()

    assert (own, bent, every) == (1, 0, 2)


@contextmanager
def _roles_used(web: Flask) -> Iterator[Counter[str]]:
    """How often a connection of each role is taken meanwhile."""
    used: Counter[str] = Counter()

    def count(connection: Any, record: Any, proxy: Any) -> None:
        used[connection.info.user] += 1

    with web.app_context():
        engines = list(db.engines.values())
    for engine in engines:
        event.listen(engine, "checkout", count)
    try:
        yield used
    finally:
        for engine in engines:
            event.remove(engine, "checkout", count)


@pytest.mark.parametrize("page", [place.address for group in TENANT_MENU.groups for place in group.places])
def test_a_page_of_a_municipality_goes_over_the_tenants_role_only(
    web: Flask, operator_tenant: UUID, visitors: Visitors, page: str
) -> None:
    owner = visitors.person(visitors.municipality("432083", "山鹿市"), Role.TENANT_OWNER)
    here = visit(web, PUBLIC_URL, owner)
    page = page.format(tenant=owner.tenant_id)

    with _roles_used(web) as used:
        assert here.get(page, follow_redirects=True).status_code == 200

    assert used[TENANT] > 0
    assert used[APP] == 0


def test_a_page_of_the_operator_goes_over_the_applications_role(
    web: Flask, operator_tenant: UUID, visitors: Visitors
) -> None:
    here = visit(web, PUBLIC_URL, visitors.person(operator_tenant, Role.OPERATOR_AUDITOR))

    with _roles_used(web) as used:
        assert here.get("/tenants").status_code == 200

    assert used[APP] > 0


def test_nothing_is_started_with_one_role_for_all(settings: Settings, postgresql: PostgreSQL) -> None:
    check_tenant_role(settings)
    for wrong in (None, settings.app_url):
        with pytest.raises(Invalid) as refused:
            check_tenant_role(settings.model_copy(update={"tenant_url_given": wrong}))
        assert (refused.value.code, refused.value.field) == ("servers.tenant_role_missing", "MOYAI_TENANT_DATABASE_URL")
    away = postgresql.tenant_url("nowhere")
    with pytest.raises(DependencyUnavailable) as refused_connection:
        check_tenant_role(settings.model_copy(update={"tenant_url_given": away}))
    assert refused_connection.value.field == "MOYAI_TENANT_DATABASE_URL"
    assert "moyai_tenant:" not in refused_connection.value.text("en")
