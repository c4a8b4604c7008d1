"""One person in two tenants, signed in for real: the answer to the mail, the switch, and what ends with one tenant."""

from __future__ import annotations

import re
from dataclasses import replace
from uuid import UUID

import httpx
import pytest

from admin.identity.sessions import COOKIE as SESSION
from admin.identity.tables import WebSession
from admin.workflows.job_handlers import handlers, onboarding_runner, periodic_tasks
from admin.workflows.tenant_mails import mail_handlers
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.outbox import INPUT_ENTERED, JobState
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.onboarding.queries import onboardings_in_progress
from tenancy.people.commands import DisableMember, RemoveMember, disable_member, remove_member
from tenancy.people.consents import MAIL_CONSENT
from tenancy.people.withdrawal import WITHDRAW
from tests.admin.browser import Browser, forms
from tests.admin.live_app import LiveApp, Person


class Newcomer:
    """A member of 山鹿市 whom 菊池市 adds as its finance clerk."""

    def __init__(self, live_app: LiveApp, home: UUID, *roles: Role) -> None:
        self.live_app = live_app
        self.person = live_app.person(home, Role.TENANT_USER_ADMIN)
        self.other = live_app.municipality("432105", "菊池市")
        added = live_app.factory.add_person(self.other, self.person.email, *roles)
        self.there = Person(self.other, added.member_id, added.person_id, self.person.email, self.person.realm)
        self.work()

    def work(self) -> None:
        for name in (WITHDRAW, INPUT_ENTERED):
            for payload in self._take(name):
                handlers(self.live_app.identities)[name](payload)
        for task in periodic_tasks(self.live_app.identities):
            task()
        with tenant_scope(OPERATOR):
            begun = [view.id for view in onboardings_in_progress(db.session())]
        for onboarding_id in begun:
            onboarding_runner(self.live_app.identities)(onboarding_id)

    def link(self) -> str:
        """The link in the mail that asks."""
        sent: list[tuple[str, str, str]] = []
        for payload in self._take(MAIL_CONSENT):
            mail_handlers(lambda *mail: sent.append(mail), self.live_app.url)[MAIL_CONSENT](payload)
        found = re.search(r"https?://\S+", sent[-1][2])
        assert found is not None
        return found[0]

    def accept(self, browser: Browser) -> httpx.Response:
        """Open the link of the mail, signed in to the first tenant, and accept."""
        page = browser.get(self.link())
        assert page.status_code == 200, page.text
        form = next(form for form in forms(page.text) if "code" in form.fields)
        done = browser.post(
            f"{self.live_app.url}{form.action}" if form.action else str(page.url), form.fields | {"step": "apply"}
        )
        assert done.status_code == 200, done.text
        self.work()
        return done

    def switch(self, browser: Browser) -> httpx.Response:
        """Press what leads to the other tenant on the page of one's own."""
        page = browser.get(f"{self.live_app.url}/memberships")
        assert f"/login/switch/{self.other}" in page.text
        return browser.get(f"{self.live_app.url}/login/switch/{self.other}")

    @staticmethod
    def _take(name: str) -> list[dict[str, str]]:
        with system_transaction(OPERATOR) as session:
            waiting = session.query(Job).filter(Job.name == name, Job.state == JobState.QUEUED).all()
            for job in waiting:
                job.state, job.ended_at = JobState.DONE, clock.now()
            return [dict(job.payload) for job in waiting]


@pytest.fixture
def newcomer(live_app: LiveApp, municipality: UUID) -> Newcomer:
    return Newcomer(live_app, municipality, Role.TENANT_FINANCE)


def test_who_accepts_signed_in_switches_without_a_second_password_and_leaves_one_tenant_only(
    live_app: LiveApp, newcomer: Newcomer, browser: Browser
) -> None:
    live_app.sign_in(browser, newcomer.person)
    assert "菊池市" not in browser.get(f"{live_app.url}/").text
    home_token = live_app.access_token(newcomer.person)

    landed = newcomer.accept(browser)

    assert browser.visited[-1] == f"{live_app.url}/memberships?done=consented"
    assert "承諾しました" in landed.text
    # The consent gives the session and the token of the first tenant nothing in the second one.
    assert browser.get(f"{live_app.url}/who").text.startswith(f"{newcomer.person.person_id} tenant-member tenant-user")
    assert live_app.roles_of(home_token) == {"tenant-member", "tenant-user-admin"}
    asked = httpx.get(
        f"{live_app.url}/api/v1/tenants/{newcomer.other}", headers={"Authorization": f"Bearer {home_token}"}
    )
    assert asked.status_code == 404
    former = browser.cookie(live_app.url, SESSION)
    assert former is not None

    switched = newcomer.switch(browser)

    assert switched.status_code == 200
    assert not [form for form in forms(switched.text) if "password" in form.fields]
    assert "菊池市" in switched.text
    assert browser.get(f"{live_app.url}/who").text.startswith(
        f"{newcomer.there.person_id} tenant-finance tenant-member"
    )
    # One session is of one tenant: the one before is over, and the header leads back.
    old = Browser()
    old.put_cookie(live_app.url, SESSION, former)
    assert old.get(f"{live_app.url}/who", follow=False).status_code == 303
    assert "山鹿市" in browser.get(f"{live_app.url}/").text

    # A sign-in that is no switch asks for the password, whatever session Keycloak has.
    asked_anew = browser.get(f"{live_app.url}/login/first/{newcomer.other}")
    assert [form for form in forms(asked_anew.text) if "password" in form.fields]

    there_token = live_app.access_token(newcomer.there)
    assert live_app.roles_of(there_token) == {"tenant-member", "tenant-finance"}
    home = Browser()
    live_app.sign_in(home, newcomer.person)

    remove_member(
        RemoveMember(tenant_id=newcomer.other, member_id=newcomer.there.member_id, reason="兼務の終了"),
        actor=live_app.factory.actors.security,
    )

    assert live_app.asks(there_token) == 401
    assert browser.get(f"{live_app.url}/who", follow=False).status_code == 303
    newcomer.work()
    with tenant_scope(OPERATOR):
        assert {row.tenant_id for row in db.session.query(WebSession)} == {newcomer.person.tenant_id}
    assert live_app.asks(home_token) == 200
    assert home.get(f"{live_app.url}/who").text.startswith(str(newcomer.person.person_id))
    assert f"/login/switch/{newcomer.other}" not in home.get(f"{live_app.url}/memberships").text
    assert live_app.sign_in(Browser(), newcomer.person).status_code == 200
    refused = live_app.sign_in(Browser(), newcomer.there)
    assert refused.status_code == 403


def test_suspending_the_person_where_the_account_was_made_leaves_the_other_tenant_open(
    live_app: LiveApp, newcomer: Newcomer, browser: Browser
) -> None:
    live_app.sign_in(browser, newcomer.person)
    newcomer.accept(browser)
    there_token, home_token = live_app.access_token(newcomer.there), live_app.access_token(newcomer.person)

    disable_member(
        DisableMember(tenant_id=newcomer.person.tenant_id, member_id=newcomer.person.member_id, reason="休職"),
        actor=live_app.factory.actors.security,
    )
    newcomer.work()

    assert (live_app.asks(home_token), live_app.asks(there_token)) == (401, 200)
    assert browser.get(f"{live_app.url}/who", follow=False).status_code == 303
    assert live_app.sign_in(Browser(), newcomer.there).status_code == 200


def test_the_link_of_the_mail_is_worth_nothing_to_somebody_else(
    live_app: LiveApp, newcomer: Newcomer, municipality: UUID, browser: Browser
) -> None:
    colleague = live_app.person(municipality, Role.TENANT_OWNER)
    link = newcomer.link()

    live_app.sign_in(browser, colleague)

    assert browser.get(link).status_code == 404
    assert browser.get(f"{live_app.url}/login/switch/{newcomer.other}").status_code == 404
    token = live_app.access_token(colleague)
    code = link.partition("code=")[2]
    answer = httpx.post(
        f"{live_app.url}/api/v1/consent-requests/{newcomer.there.member_id}/consent",
        json={"code": code},
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "one"},
    )
    assert answer.status_code == 404
    newcomer.work()
    assert live_app.sign_in(Browser(), replace(newcomer.there)).status_code == 403


def test_consent_over_the_api_and_a_second_click_answer_alike(live_app: LiveApp, newcomer: Newcomer) -> None:
    token = live_app.access_token(newcomer.person)
    code = newcomer.link().partition("code=")[2]
    asked = httpx.get(f"{live_app.url}/api/v1/consent-requests", headers={"Authorization": f"Bearer {token}"}).json()
    assert [one["member_id"] for one in asked["items"]] == [str(newcomer.there.member_id)]

    answers = [
        httpx.post(
            f"{live_app.url}/api/v1/consent-requests/{newcomer.there.member_id}/consent",
            json={"code": code},
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "twice"},
        )
        for _ in range(2)
    ]

    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json() == answers[1].json() == {"tenant_id": str(newcomer.other)}
    newcomer.work()
    listed = httpx.get(f"{live_app.url}/api/v1/memberships", headers={"Authorization": f"Bearer {token}"}).json()
    assert {one["tenant_id"]: one["is_current"] for one in listed["items"]} == {
        str(newcomer.person.tenant_id): True,
        str(newcomer.other): False,
    }


def test_single_sign_on_does_not_stand_in_for_the_second_factor_of_who_becomes_an_owner(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    newcomer = Newcomer(live_app, municipality, Role.TENANT_OWNER)
    live_app.sign_in(browser, newcomer.person)

    newcomer.accept(browser)

    # Keycloak's session began with a password alone: it is over, and ours with it.
    assert browser.get(f"{live_app.url}/who", follow=False).status_code == 303
    asked = browser.get(f"{live_app.url}/login/first/{newcomer.other}")
    assert [form for form in forms(asked.text) if "password" in form.fields]
