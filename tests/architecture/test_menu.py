"""Every page of the console has exactly one place in the menu, and every place of the menu leads to a page."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from uuid import uuid4

import pytest
from flask import Flask

from admin.core.guard import permission_of
from admin.features import blueprints
from admin.features.menu import OPERATOR_MENU, TENANT_MENU
from admin.interface.menu import Menu, Place
from governance.permissions import OPERATOR_ROLES, TENANT_ROLES, Permission, permissions_of

MENUS = pytest.mark.parametrize(
    ("menu", "roles"), [(OPERATOR_MENU, OPERATOR_ROLES), (TENANT_MENU, TENANT_ROLES)], ids=["operator", "tenant"]
)


@cache
def _app() -> Flask:
    app = Flask("menu")
    for blueprint in blueprints():
        app.register_blueprint(blueprint)
    return app


def _pages() -> dict[str, Permission]:
    """Every endpoint that a GET reaches, with its permission."""
    app = _app()
    found = {
        rule.endpoint: permission_of(app, rule.endpoint)
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.endpoint.endswith("static")
    }
    return {endpoint: permission for endpoint, permission in found.items() if permission is not None}


def _without_a_place(menu: Menu, pages: dict[str, Permission], roles: frozenset[object]) -> list[str]:
    held = permissions_of(roles)  # type: ignore[arg-type]
    return [page for page, permission in pages.items() if permission in held and menu.place_of(page) is None]


@MENUS
def test_every_page_that_somebody_may_open_has_a_place(menu: Menu, roles: frozenset[object]) -> None:
    assert _without_a_place(menu, _pages(), roles) == []


@MENUS
def test_a_page_without_a_place_is_found(menu: Menu, roles: frozenset[object]) -> None:
    planted = {"votes.votes": Permission.TENANT_READ}
    assert _without_a_place(menu, _pages() | planted, roles) == ["votes.votes"]


@MENUS
def test_no_page_has_two_places_and_every_named_page_is_there(menu: Menu, roles: frozenset[object]) -> None:
    there = set(_pages())
    there |= {page.partition(".")[0] for page in there}
    for names in ([p.pages for p in menu.places()], [p.own_pages for p in menu.places()]):
        counted = Counter(name for pages in names for name in pages)
        assert [name for name, times in counted.items() if times > 1] == []
        assert set(counted) <= there


@MENUS
def test_a_place_leads_to_a_page_of_its_own_and_asks_for_its_permission(menu: Menu, roles: frozenset[object]) -> None:
    app, own = _app(), uuid4()
    addresses = app.url_map.bind("localhost")
    for place in menu.places():
        if place.address == "/backoffice/":
            continue  # Flask-Admin's, which is no page of the console.
        endpoint, _ = addresses.match(place.address.format(tenant=own))
        assert menu.place_of(endpoint, is_own="{tenant}" in place.address) is place, place.address
        asked = permission_of(app, endpoint)
        assert asked in (place.permission, Permission.PUBLIC), place.address


def test_the_groups_are_seven_nouns_of_work_in_this_order() -> None:
    assert [group.label.ja for group in OPERATOR_MENU.groups] == [
        *("ホーム", "対応待ち", "参加団体", "利用者と連携システム", "利用とデータ", "負担金", "取決めと記録"),
    ]
    assert [group.label.ja for group in TENANT_MENU.groups] == [
        *("ホーム", "対応待ち", "利用者と連携システム", "利用とデータ", "負担金", "協定・規程", "記録"),
    ]
    for menu in (OPERATOR_MENU, TENANT_MENU):
        assert max(len(group.places) for group in menu.groups) <= 7


def test_what_is_about_ones_own_tenant_goes_before() -> None:
    page = "tenants.tenant_people"

    others, own = (OPERATOR_MENU.place_of(page, is_own=is_own) for is_own in (False, True))

    assert others is not None
    assert own is not None
    assert (others.address, own.address) == ("/tenants", "/tenants/{tenant}/people")


def test_an_endpoint_goes_before_its_blueprint() -> None:
    whole = Place(OPERATOR_MENU.groups[0].label, "/a", Permission.SIGNED_IN, pages=frozenset({"a"}))
    one = replace(whole, address="/b", pages=frozenset({"a.one"}))
    menu = Menu((replace(OPERATOR_MENU.groups[0], places=(whole, one)),))

    assert menu.place_of("a.one") is one
    assert menu.place_of("a.two") is whole
    assert menu.place_of("b.one") is None
