"""How a session ends: by its person, by Keycloak, by Moyai; and how it goes on while Keycloak is away."""

from __future__ import annotations

import re
from uuid import UUID

import httpx
from sqlalchemy import select

from admin.identity.sessions import COOKIE as SESSION
from admin.identity.tables import WebSession
from admin.workflows.tenant_access import sync_tenant
from governance.audit.tables import AuditEvent
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.people.commands import DisableMember, ResumeMember, disable_member, resume_member
from tenancy.people.role_changes import EndRole, end_role
from tenancy.people.sync import record_keycloak_id
from tenancy.tenants.commands import ChangeTenantState, change_tenant_state
from tenancy.tenants.states import TenantState
from tests.admin.browser import Browser, forms
from tests.admin.live_app import LiveApp
from tests.servers import Keycloak


def test_signing_out_ends_the_session_here_and_at_keycloak(live_app: LiveApp, browser: Browser) -> None:
    live_app.sign_in(browser, live_app.operator(Role.OPERATOR_FINANCE))
    cookie = str(browser.cookie(live_app.url, SESSION))

    landed = browser.post(f"{live_app.url}/logout", {"csrf_token": _token(live_app, browser)})

    assert "<h1>ログイン</h1>" in landed.text
    assert f"{live_app.url}/" in [address.rstrip("?") for address in browser.visited]
    assert browser.cookie(live_app.url, SESSION) is None
    assert _who(live_app, cookie) == 303
    again = browser.get(f"{live_app.url}/login/operator")
    assert any("password" in form.fields for form in forms(again.text)), "Keycloak asks for the password again"


def test_without_signing_out_keycloak_asks_again_only_where_we_say_so(live_app: LiveApp, browser: Browser) -> None:
    live_app.sign_in(browser, live_app.operator(Role.OPERATOR_FINANCE))

    assert "<title>ホーム" in browser.get(f"{live_app.url}/login/operator").text
    asked = browser.get(f"{live_app.url}/login/operator?again=1")
    assert any("password" in form.fields for form in forms(asked.text))


def test_for_a_municipality_keycloak_asks_for_the_password_at_every_sign_in(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    """Its cookie is no answer to `organization:<alias>` in a login flow without the organization step."""
    live_app.sign_in(browser, live_app.person(municipality, Role.TENANT_OWNER))

    asked = browser.get(f"{live_app.url}/login/432083")

    assert any("password" in form.fields for form in forms(asked.text))


def test_a_session_that_keycloak_ends_is_over_here_too(live_app: LiveApp, municipality: UUID, browser: Browser) -> None:
    owner, other = live_app.person(municipality, Role.TENANT_OWNER), live_app.person(municipality)
    live_app.sign_in(browser, owner)
    bystander = Browser()
    live_app.sign_in(bystander, other)

    live_app.identities.log_out(owner.person_id)

    assert browser.get(f"{live_app.url}/who", follow=False).status_code == 303
    assert bystander.get(f"{live_app.url}/who", follow=False).status_code == 200
    with tenant_scope(OPERATOR):
        closed = db.session.query(AuditEvent).filter_by(event="session.closed").one()
    assert (closed.actor, closed.facts["reason"]) == ("system:identity", "ended_at_keycloak")
    assert closed.facts["person"] == str(owner.person_id)


def test_a_logout_token_that_keycloak_did_not_sign_ends_nothing(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    live_app.sign_in(browser, live_app.person(municipality, Role.TENANT_OWNER))

    for forged in ("", "x", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzaWQiOiJ4In0."):
        answer = httpx.post(f"{live_app.url}/backchannel-logout", data={"logout_token": forged})
        assert answer.status_code == 400
        assert answer.headers["cache-control"] == "no-store"

    assert browser.get(f"{live_app.url}/who", follow=False).status_code == 200


def test_disabling_a_person_ends_the_session_at_the_next_click(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    live_app.person(municipality, Role.TENANT_OWNER)
    person = live_app.person(municipality, Role.TENANT_FINANCE)
    live_app.sign_in(browser, person)
    assert browser.get(f"{live_app.url}/who", follow=False).status_code == 200

    disable_member(
        DisableMember(tenant_id=municipality, member_id=person.member_id, reason="異動"),
        actor=live_app.factory.actors.security,
    )

    assert browser.get(f"{live_app.url}/who", follow=False).status_code == 303
    assert live_app.sign_in(browser, person).status_code == 403
    assert browser.get(f"{live_app.url}/who", follow=False).status_code == 303


def test_a_role_that_ends_and_a_person_who_is_suspended_are_out_at_the_next_click_and_with_every_token(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    """Decided from Moyai's own rows: Keycloak still names the role, and the token has not run out."""
    live_app.person(municipality, Role.TENANT_OWNER)
    person = live_app.person(municipality, Role.TENANT_USER_ADMIN)
    live_app.sign_in(browser, person)
    token = live_app.access_token(person)
    assert browser.get(f"{live_app.url}/people", follow=False).status_code == 200
    assert live_app.roles_of(token) == {"tenant-member", "tenant-user-admin"}

    end_role(
        EndRole(tenant_id=municipality, member_id=person.member_id, role=Role.TENANT_USER_ADMIN, reason="異動"),
        actor=live_app.factory.actors.security,
    )

    assert browser.get(f"{live_app.url}/people", follow=False).status_code == 403
    assert browser.get(f"{live_app.url}/who", follow=False).status_code == 200
    assert live_app.roles_of(token) == {"tenant-member"}

    disable_member(
        DisableMember(tenant_id=municipality, member_id=person.member_id, reason="退職"),
        actor=live_app.factory.actors.security,
    )
    assert browser.get(f"{live_app.url}/who", follow=False).status_code == 303
    assert live_app.asks(token) == 401

    # No worker has run: Keycloak knows of nothing, and takes the person for the one who was there all along.
    resume_member(
        ResumeMember(tenant_id=municipality, member_id=person.member_id, reason="復職"),
        actor=live_app.factory.actors.security,
    )
    with tenant_scope(OPERATOR):
        keycloak_id = db.session.scalars(select(WebSession.sub).where(WebSession.person_id == person.person_id)).one()
    with system_transaction(OPERATOR) as session:
        record_keycloak_id(session, municipality, person.person_id, keycloak_id)
    assert browser.get(f"{live_app.url}/who", follow=False).status_code == 303
    assert live_app.asks(token) == 401
    anew = Browser()
    live_app.sign_in(anew, person)
    assert anew.get(f"{live_app.url}/who", follow=False).status_code == 200


def test_suspending_a_tenant_ends_sessions_and_tokens_at_the_next_click_and_none_comes_back(
    live_app: LiveApp, browser: Browser
) -> None:
    # Synced by its name, which in this Keycloak no other test gives to an organization.
    municipality = live_app.municipality("435074", "水上村")
    owner = live_app.person(municipality, Role.TENANT_OWNER)
    live_app.sign_in(browser, owner)
    cookie = str(browser.cookie(live_app.url, SESSION))
    token, later = live_app.access_token(owner), live_app.access_token(live_app.person(municipality))
    assert (live_app.asks(token), live_app.asks(later)) == (200, 200)
    elsewhere = Browser()
    other = live_app.municipality("432091", "菊池市")
    live_app.sign_in(elsewhere, live_app.person(other, Role.TENANT_OWNER))

    change_tenant_state(
        ChangeTenantState(tenant_id=municipality, to=TenantState.SUSPENDED, reason="未納"),
        actor=live_app.factory.actors.onboarding,
    )

    # Refused by Moyai's own row, before anything was done in Keycloak.
    assert (_who(live_app, cookie), live_app.asks(token), live_app.asks(later)) == (303, 401, 401)
    assert elsewhere.get(f"{live_app.url}/who", follow=False).status_code == 200

    sync_tenant(live_app.identities, municipality, actor=live_app.factory.actors.worker)
    change_tenant_state(
        ChangeTenantState(tenant_id=municipality, to=TenantState.ACTIVE, reason="納付を確認"),
        actor=live_app.factory.actors.onboarding,
    )
    sync_tenant(live_app.identities, municipality, actor=live_app.factory.actors.worker)

    assert (_who(live_app, cookie), live_app.asks(token), live_app.asks(later)) == (303, 401, 401)
    assert elsewhere.get(f"{live_app.url}/who", follow=False).status_code == 200
    anew = Browser()
    live_app.sign_in(anew, owner)
    assert anew.get(f"{live_app.url}/who", follow=False).status_code == 200


def test_those_signed_in_go_on_while_keycloak_is_away_and_nobody_comes_in(
    live_app: LiveApp, municipality: UUID, browser: Browser, keycloak_server: Keycloak
) -> None:
    owner = live_app.person(municipality, Role.TENANT_OWNER)
    live_app.sign_in(browser, owner)
    late = Browser()
    page = late.get(f"{live_app.url}/login/432083")
    form = next(form for form in forms(page.text) if "password" in form.fields)
    form.fields.update(username=owner.email, password="a long enough password")
    answered = late.post(form.action, form.fields, follow=False)

    keycloak_server.stop()
    try:
        assert browser.get(f"{live_app.url}/who", follow=False).status_code == 200
        refused = late.get(answered.headers["location"])
        assert refused.status_code == 503
        assert "すでにログインしている方は、そのままお使いいただけます" in refused.text
        assert refused.headers["retry-after"] == "5"
        ready = httpx.get(f"{live_app.url}/readyz")
        assert (ready.status_code, ready.json()["postgresql"]) == (200, True)
    finally:
        keycloak_server.start_again()

    with tenant_scope(OPERATOR):
        assert db.session.query(WebSession).count() == 1
    assert live_app.sign_in(Browser(), owner).status_code == 200


def _token(live_app: LiveApp, browser: Browser) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(f"{live_app.url}/who").text)
    assert found is not None
    return found[1]


def _who(live_app: LiveApp, cookie: str) -> int:
    holder = Browser()
    holder.put_cookie(live_app.url, SESSION, cookie)
    return holder.get(f"{live_app.url}/who", follow=False).status_code
