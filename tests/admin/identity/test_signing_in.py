"""Signing in through Keycloak's own page, and who is let in."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import pytest

from admin.identity.sessions import COOKIE as SESSION
from admin.identity.tables import WebSession
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.people.tables import Member
from tenancy.tenants.commands import ChangeTenantState, change_tenant_state
from tenancy.tenants.states import TenantState
from tests.admin.browser import Browser
from tests.admin.live_app import LiveApp


def test_an_owner_signs_in_through_keycloak_and_is_known(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    owner = live_app.person(municipality, Role.TENANT_OWNER)

    landed = live_app.sign_in(browser, owner)

    assert (landed.status_code, browser.visited[-1]) == (200, f"{live_app.url}/")
    page = browser.get(f"{live_app.url}/who")
    assert page.status_code == 200
    assert page.text.startswith(f"{owner.person_id} tenant-member tenant-owner")


def test_a_person_of_the_operator_signs_in_at_the_operators_realm(live_app: LiveApp, browser: Browser) -> None:
    clerk = live_app.operator(Role.OPERATOR_FINANCE)

    live_app.sign_in(browser, clerk, path="/login/operator?next=/finance")

    assert browser.visited[-1] == f"{live_app.url}/finance"
    assert browser.get(f"{live_app.url}/who").text.startswith(f"{clerk.person_id} operator-finance")
    assert browser.get(f"{live_app.url}/people").status_code == 403


def test_the_session_cookie_is_for_our_host_alone_and_no_script(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    live_app.sign_in(browser, live_app.person(municipality, Role.TENANT_OWNER))

    own = [line for line in browser.set_cookies if line.startswith("__Host-moyai-session=") and "1970" not in line]

    assert len(own) == 1
    flags = {part.strip().lower() for part in own[0].split(";")[1:]}
    assert flags == {"secure", "httponly", "path=/", "samesite=lax"}


def test_the_first_sign_in_makes_an_invited_member_active(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    person = live_app.person(municipality)
    with tenant_scope(OPERATOR):
        assert db.session.get_one(Member, person.member_id).state == "invited"

    live_app.sign_in(browser, person)

    with tenant_scope(OPERATOR):
        db.session.expire_all()
        assert db.session.get_one(Member, person.member_id).state == "active"


def test_a_role_given_by_hand_in_keycloak_gains_nothing(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    member = live_app.person(municipality, roles_in_keycloak=frozenset({"tenant-owner"}))

    live_app.sign_in(browser, member)

    assert browser.get(f"{live_app.url}/who").text.startswith(f"{member.person_id} tenant-member ")
    assert browser.get(f"{live_app.url}/people").status_code == 403


def test_a_grant_that_keycloak_does_not_know_gains_nothing(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    owner = live_app.person(municipality, Role.TENANT_OWNER, roles_in_keycloak=frozenset())

    live_app.sign_in(browser, owner)

    assert browser.get(f"{live_app.url}/who").text.startswith(f"{owner.person_id} tenant-member ")
    assert browser.get(f"{live_app.url}/people").status_code == 403


def test_an_operator_without_any_role_that_counts_is_not_let_in(live_app: LiveApp, browser: Browser) -> None:
    clerk = live_app.operator(Role.OPERATOR_FINANCE, roles_in_keycloak=frozenset({"operator-security"}))

    landed = live_app.sign_in(browser, clerk)

    assert landed.status_code == 403
    assert "有効な役割が付与されていません" in landed.text
    assert _sessions() == 0


def test_a_person_of_another_tenant_is_not_let_in(live_app: LiveApp, municipality: UUID, browser: Browser) -> None:
    live_app.municipality("432091", "菊池市")
    owner = live_app.person(municipality, Role.TENANT_OWNER)

    landed = live_app.sign_in(browser, owner, path="/login/432091")

    assert landed.status_code == 403
    assert "この団体の利用者として登録されていません" in landed.text
    assert _sessions() == 0


def test_the_people_of_a_suspended_tenant_are_not_let_in(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    owner = live_app.person(municipality, Role.TENANT_OWNER)
    begun = browser.get(f"{live_app.url}/login/432083")
    change_tenant_state(
        ChangeTenantState(tenant_id=municipality, to=TenantState.SUSPENDED, reason="未納"),
        actor=live_app.factory.actors.onboarding,
    )

    landed = live_app.fill_in(browser, begun, owner)
    again = browser.get(f"{live_app.url}/login/432083")

    assert (landed.status_code, again.status_code) == (403, 404)
    assert "山鹿市の方は、いまログインできません" in again.text
    assert _sessions() == 0


def test_a_session_that_was_put_into_the_browser_beforehand_is_not_taken_over(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    planted = f"{municipality}.{'x' * 43}"
    browser.put_cookie(live_app.url, SESSION, planted)

    live_app.sign_in(browser, live_app.person(municipality, Role.TENANT_OWNER))

    assert browser.cookie(live_app.url, SESSION) != planted
    thief = Browser()
    thief.put_cookie(live_app.url, SESSION, planted)
    assert thief.get(f"{live_app.url}/who", follow=False).status_code == 303


def test_signing_in_anew_opens_a_new_session_and_ends_the_one_before(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    owner = live_app.person(municipality, Role.TENANT_OWNER)
    live_app.sign_in(browser, owner)
    before = browser.cookie(live_app.url, SESSION)

    live_app.sign_in(browser, owner)

    assert browser.cookie(live_app.url, SESSION) != before
    assert _sessions() == 1
    old = Browser()
    old.put_cookie(live_app.url, SESSION, str(before))
    assert old.get(f"{live_app.url}/who", follow=False).status_code == 303


def test_an_answer_from_keycloak_counts_in_the_browser_that_asked_and_only_once(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    owner = live_app.person(municipality, Role.TENANT_OWNER)
    live_app.sign_in(browser, owner)
    callback = next(url for url in browser.visited if "/login/callback" in url)

    victim = Browser()
    assert victim.get(callback).status_code == 403
    victim.get(f"{live_app.url}/login/432083")
    assert victim.get(callback).status_code == 403
    assert victim.cookie(live_app.url, SESSION) is None
    assert browser.get(callback).status_code == 403
    assert _sessions() == 1


def test_keycloak_is_asked_with_pkce_and_for_this_tenant_alone(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    sent = browser.get(f"{live_app.url}/login/432083", follow=False)

    asked = parse_qs(urlsplit(sent.headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert len(asked["code_challenge"][0]) == 43
    assert asked["scope"] == [f"openid organization:t-{municipality.hex[-8:]}"]
    assert asked["redirect_uri"] == [f"{live_app.url}/login/callback"]
    assert asked["response_type"] == ["code"]
    assert {"state", "nonce"} <= asked.keys()


@pytest.mark.parametrize("away", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:1"])
def test_the_way_back_never_leads_to_another_site(
    live_app: LiveApp, municipality: UUID, browser: Browser, away: str
) -> None:
    live_app.sign_in(browser, live_app.person(municipality), path=f"/login/432083?{urlencode({'next': away})}")

    assert browser.visited[-1] == f"{live_app.url}/"


def test_a_code_of_nobody_is_answered_with_the_code_on_the_same_page(live_app: LiveApp, browser: Browser) -> None:
    answer = browser.get(f"{live_app.url}/login?code=401005")

    assert answer.status_code == 404
    assert "団体コード 401005 の団体の方は、いまログインできません" in answer.text
    assert 'value="401005"' in answer.text


def test_the_operators_own_code_leads_to_the_operators_realm(live_app: LiveApp, browser: Browser) -> None:
    sent = browser.get(f"{live_app.url}/login/430005", follow=False)

    assert "/realms/moyai-operators/" in sent.headers["location"]


def _sessions() -> int:
    with tenant_scope(OPERATOR):
        return db.session.query(WebSession).count()
