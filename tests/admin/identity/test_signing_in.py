"""Signing in through Keycloak's own page, and who is let in."""

from __future__ import annotations

from uuid import UUID

from governance.permissions import Role
from tests.admin.browser import Browser
from tests.admin.scene import House


def test_an_owner_signs_in_through_keycloak_and_is_known(house: House, town: UUID, browser: Browser) -> None:
    owner = house.person(town, Role.TENANT_OWNER)

    landed = house.sign_in(browser, owner)

    assert (landed.status_code, landed.text) == (200, "first page")
    page = browser.get(f"{house.url}/who")
    assert page.status_code == 200
    assert page.text.startswith(f"{owner.person_id} tenant-member tenant-owner")
