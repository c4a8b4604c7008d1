"""A person's own sessions, as the person sees and ends them, and as those who look after the person end them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from uuid import UUID

import httpx
import pytest

from admin.features.sign_in import entry_points
from admin.identity.session_ends import END_SESSIONS, EndMemberSessions, end_member_sessions
from admin.workflows.job_handlers import handlers
from governance.actors import Actor, ActorKind
from governance.audit.tables import AuditEvent
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import DependencyUnavailable, NotAllowed, message
from governance.outbox.tables import Job
from governance.permissions import Role
from tests.admin.browser import Browser
from tests.admin.live_app import LiveApp, Person

PAGE = "/preferences/sign-in"
AWAY = message("test.away", ja="応答がない", en="No answer.")


def test_a_person_sees_every_session_and_ends_one_and_then_all_but_this(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    person, colleague = live_app.person(municipality, Role.TENANT_FINANCE), live_app.person(municipality)
    elsewhere, others = Browser(), Browser()
    live_app.sign_in(browser, person)
    live_app.sign_in(elsewhere, person)
    live_app.sign_in(others, colleague)
    token = live_app.access_token(person)

    page = browser.get(live_app.url + PAGE)
    listed = _listed(page)

    assert len(listed) == 3
    assert page.text.count("このセッション") == 1
    assert page.text.count("ログインのみ") >= 1, "the token's session was not used here yet"
    assert "127.0.0.1" in page.text or "0:0:0:0:0:0:0:1" in page.text
    assert listed[0] == _this(page)

    _submit(browser, f"{live_app.url}{PAGE}/sessions/{_browser_session(live_app, elsewhere)}/end")

    assert _is_in(live_app, browser)
    assert not _is_in(live_app, elsewhere)
    assert _is_in(live_app, others)
    before = _sids_at_keycloak(live_app, person)
    _run_jobs(live_app)
    assert len(before) - len(_sids_at_keycloak(live_app, person)) == 1
    assert live_app.asks(token) == 200
    assert len(_listed(browser.get(live_app.url + PAGE))) == 2

    _submit(browser, f"{live_app.url}{PAGE}/end-sessions")

    assert live_app.asks(token) == 401, "before Keycloak was asked to end it"
    _run_jobs(live_app)
    assert _is_in(live_app, browser)
    assert _is_in(live_app, others)
    assert len(_sids_at_keycloak(live_app, person)) == 1
    assert len(_listed(browser.get(live_app.url + PAGE))) == 1
    assert _recorded("session.ended") == _recorded("session.own_ended") == [str(person.person_id)]


def test_nobody_ends_the_session_of_somebody_else(live_app: LiveApp, municipality: UUID, browser: Browser) -> None:
    person, other = live_app.person(municipality), live_app.person(municipality, Role.TENANT_OWNER)
    stranger = Browser()
    live_app.sign_in(browser, person)
    live_app.sign_in(stranger, other)
    target = _browser_session(live_app, browser)

    asked = stranger.get(f"{live_app.url}{PAGE}/sessions/{target}/end")
    token = _csrf(stranger.get(live_app.url + PAGE).text)
    posted = stranger.post(
        f"{live_app.url}{PAGE}/sessions/{target}/end", {"csrf_token": token, "key": "k", "step": "apply"}
    )
    called = httpx.delete(
        f"{live_app.url}/api/v1/sessions/{target}",
        headers={"Authorization": f"Bearer {live_app.access_token(other)}"},
    )

    assert (asked.status_code, posted.status_code, called.status_code) == (404, 404, 404)
    assert _is_in(live_app, browser)
    assert _recorded("session.ended") == []


def test_an_owner_ends_all_sessions_of_a_member_and_a_user_administrator_none_of_an_owner(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    owner, member = live_app.person(municipality, Role.TENANT_OWNER), live_app.person(municipality)
    admin = live_app.person(municipality, Role.TENANT_USER_ADMIN)
    bystander = Browser()
    live_app.sign_in(browser, member)
    live_app.sign_in(bystander, owner)
    token, unused = live_app.access_token(member), live_app.access_token(member)
    assert live_app.asks(token) == 200

    with pytest.raises(NotAllowed, match="tenant owner"):
        end_member_sessions(_of(owner), actor=_actor(admin, Role.TENANT_USER_ADMIN))
    assert _is_in(live_app, bystander)

    _submit(
        bystander,
        f"{live_app.url}/tenants/{municipality}/people/{member.member_id}/end-sessions",
        reason="端末を紛失したため",
    )

    assert not _is_in(live_app, browser)
    assert live_app.asks(token) == 401
    _run_jobs(live_app)
    assert live_app.asks(unused) == 401
    assert _sids_at_keycloak(live_app, member) == set()
    assert _is_in(live_app, bystander)
    assert live_app.sign_in(browser, member).status_code == 200, "who was not suspended signs in again"
    # Keycloak keeps when a session began by the second, and this one may have begun within the second of the request.
    _run_jobs(live_app, asked_earlier=timedelta(seconds=1))
    assert _is_in(live_app, browser), "the same job run twice ends nothing that began since"


def test_while_keycloak_does_not_answer_the_page_says_so_and_shows_what_is_known_here(
    live_app: LiveApp, municipality: UUID, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_app.sign_in(browser, live_app.person(municipality))

    class Away:
        def find_sessions(self, *_: object) -> None:
            raise DependencyUnavailable(AWAY)

        def find_second_factors(self, *_: object) -> None:
            raise DependencyUnavailable(AWAY)

    monkeypatch.setattr(entry_points, "keycloak", Away)
    page = browser.get(live_app.url + PAGE)

    assert "認証サービスが応答しない" in page.text
    assert len(_listed(page)) == 1


def _of(person: Person) -> EndMemberSessions:
    return EndMemberSessions(tenant_id=person.tenant_id, member_id=person.member_id, reason="端末を紛失したため")


def _actor(person: Person, *roles: Role) -> Actor:
    return Actor(str(person.person_id), ActorKind.PERSON, person.tenant_id, frozenset({*roles, Role.TENANT_MEMBER}))


def _listed(page: httpx.Response) -> list[str]:
    return re.findall(r"/preferences/sign-in/sessions/([0-9a-f-]{36})/end", page.text)


def _this(page: httpx.Response) -> str:
    rows = re.findall(r"<tr.*?</tr>", page.text, re.DOTALL)
    (row,) = [one for one in rows if "このセッション" in one]
    found = re.search(r"/sessions/([0-9a-f-]{36})/end", row)
    assert found is not None
    return found[1]


def _browser_session(live_app: LiveApp, browser: Browser) -> str:
    return _this(browser.get(live_app.url + PAGE))


def _submit(browser: Browser, address: str, **fields: str) -> None:
    """Send a form without a confirm page, as it stands."""
    page = browser.get(address)
    assert page.status_code == 200, page.text
    kept = re.search(r'<option value="([0-9a-f-]{36})" selected', page.text)
    sent = {"csrf_token": _csrf(page.text), "key": _key(page.text), "step": "apply"}
    sent |= {"kept": kept[1]} if kept else {}
    answer = browser.post(address, sent | fields, follow=False)
    assert answer.status_code == 303, answer.text


def _csrf(text: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert found is not None
    return found[1]


def _key(text: str) -> str:
    found = re.search(r'name="key" value="([^"]+)"', text)
    assert found is not None
    return found[1]


def _is_in(live_app: LiveApp, browser: Browser) -> bool:
    return browser.get(f"{live_app.url}/who", follow=False).status_code == 200


def _sids_at_keycloak(live_app: LiveApp, person: Person) -> set[str]:
    with tenant_scope(OPERATOR):
        user = db.session.execute(
            db.text("SELECT keycloak_id FROM member WHERE id = :id"), {"id": person.member_id}
        ).scalar_one()
    return {one.sid for one in live_app.identities.find_sessions(person.realm, user)}


def _run_jobs(live_app: LiveApp, *, asked_earlier: timedelta = timedelta(0)) -> None:
    with tenant_scope(OPERATOR):
        db.session.expire_all()
        payloads = [job.payload for job in db.session.query(Job) if job.name == END_SESSIONS]
    with live_app.app.app_context():
        for payload in payloads:
            asked_at = datetime.fromisoformat(payload["asked_at"]) - asked_earlier
            handlers(live_app.identities)[END_SESSIONS]({**payload, "asked_at": asked_at.isoformat()})


def _recorded(event: str) -> list[str]:
    with tenant_scope(OPERATOR):
        db.session.expire_all()
        return [row.actor for row in db.session.query(AuditEvent).filter_by(event=event, outcome="done")]
