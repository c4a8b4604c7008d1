"""Keyset paging: pages together are the whole list, also with ties, empty values, and rows that come in between."""

from __future__ import annotations

from uuid import UUID

import pytest

from governance.audit.queries import events, events_page
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Invalid
from governance.kernel.keyset import KeysetPage, PageRequest
from tenancy.tenants.models import TenantListItem
from tenancy.tenants.queries import LIST_ORDERS, list_tenants, tenants_page
from tenancy.tenants.states import TenantKind
from tests.actors import Actors
from tests.factories import Factory

TOWNS = [f"4330{number:02}" for number in range(10, 17)]


@pytest.fixture
def tenants(actors: Actors, factory: Factory) -> list[UUID]:
    """Towns of one kind and state, two associates without a code, and the operator."""
    towns = [factory.register_applicant(None, f"第{code}町", "マチ", TenantKind.ASSOCIATE) for code in TOWNS]
    return [*towns, actors.operator_tenant]


def _page(part: PageRequest, order: str, descending: bool) -> KeysetPage[TenantListItem]:
    with tenant_scope(OPERATOR):
        return tenants_page(db.session(), part, order=order, descending=descending)


@pytest.mark.slow
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("order", sorted(LIST_ORDERS))
def test_pages_together_are_the_whole_list_in_its_order(tenants: list[UUID], order: str, descending: bool) -> None:
    with tenant_scope(OPERATOR):
        whole = list_tenants(db.session(), order=order, descending=descending)
    found: list[TenantListItem] = []
    part = PageRequest(3)
    while True:
        page = _page(part, order, descending)
        assert len(page.items) <= 3
        found += page.items
        if page.next_key is None:
            break
        part = PageRequest(3, page.next_key)

    assert found == whole
    assert len(whole) == len(TOWNS) + 1


def test_rows_that_come_in_between_neither_repeat_nor_hide_another(tenants: list[UUID], factory: Factory) -> None:
    first = _page(PageRequest(4), "name", descending=True)
    with tenant_scope(OPERATOR):
        whole = list_tenants(db.session(), order="name", descending=True)

    early = factory.register_applicant(None, "先の町", "ンマチ", TenantKind.ASSOCIATE)
    late = factory.register_applicant(None, "後の町", "アマチ", TenantKind.ASSOCIATE)
    rest = _page(PageRequest(None, first.next_key), "name", descending=True)

    seen = [row.id for row in (*first.items, *rest.items)]
    assert early not in seen
    assert [one for one in seen if one != late] == [row.id for row in whole]
    assert late in seen


def test_events_that_are_recorded_in_between_do_not_move_the_next_page(tenants: list[UUID], factory: Factory) -> None:
    with tenant_scope(OPERATOR):
        before = events(db.session(), limit=1000)
        first = events_page(db.session(), PageRequest(2))
    factory.register_applicant(None, "後の町", "アマチ", TenantKind.ASSOCIATE)
    with tenant_scope(OPERATOR):
        rest = events_page(db.session(), PageRequest(1000, first.next_key))

    assert [*first.items, *rest.items] == before
    assert rest.next_key is None


@pytest.mark.parametrize("key", ['["x"]', "[]", "x", '["アマチ",null,null,1]'])
def test_a_key_of_another_order_is_refused(tenants: list[UUID], key: str) -> None:
    with pytest.raises(Invalid) as refused:
        _page(PageRequest(3, key), "name", descending=False)
    assert (refused.value.code, refused.value.field) == ("api.cursor_wrong", "cursor")
