"""Back, reload, another tab and the end of a session: what was typed is there again, for its person alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from admin.identity import kept_forms
from admin.identity.kept_forms import MAX_FORMS, delete_expired_forms
from admin.identity.lifetimes import ABSOLUTE, DRAFT_KEPT, ENDED_KEPT, IDLE
from admin.identity.sessions import COOKIE, delete_expired_sessions
from admin.identity.tables import EndedSession, KeptForm
from admin.interface import kept_forms as kept_pages
from billing.runs.states import RunKind
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.tenants import queries
from tests.admin.conftest import PUBLIC_URL
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit, is_kept, visit

VisitAs = Callable[[Role], Visit]
NEW = "/tenants/new"
ENTERED = {"kind": "city", "code": "432059", "name": "水俣𠮷市", "kana": "ミナマタシ", "valid_from": "R8.4.1"}


def post(somebody: Visit, path: str = NEW, **fields: str) -> TestResponse:
    """What the server answers to the form itself."""
    return somebody.post(path, data={"csrf_token": somebody.token, "key": "k", "step": "confirm"} | fields)


def typed(page: TestResponse) -> dict[str, str]:
    """What stands in the text fields of the page."""
    found = re.findall(r'<input id="([^"]+)" name="[^"]+" type="text" value="([^"]*)"', page.text)
    return {name: unescape(value) for name, value in found}


def names() -> list[str]:
    with tenant_scope(OPERATOR):
        return [tenant.name for tenant in queries.list_tenants(db.session())]


def kept_rows() -> list[KeptForm]:
    with tenant_scope(OPERATOR):
        db.session.expire_all()
        return db.session.query(KeptForm).all()


def test_the_page_to_confirm_is_shown_by_a_get_and_again_by_a_reload(sample: ConsoleSample, visit_as: VisitAs) -> None:
    somebody = visit_as(Role.OPERATOR_ONBOARDING)

    answer = post(somebody, **ENTERED)
    first, reloaded = somebody.get(answer.location), somebody.get(answer.location)

    assert is_kept(answer)
    assert (first.status_code, first.text) == (200, reloaded.text)
    assert "水俣𠮷市" in first.text
    assert 'name="step" value="apply"' in first.text
    assert first.headers["Cache-Control"] == "no-store"
    assert "水俣𠮷市" not in names()


def test_the_way_back_finds_the_form_as_it_was_typed_and_an_empty_one_can_be_had(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    somebody = visit_as(Role.OPERATOR_ONBOARDING)
    before = somebody.get(NEW)

    post(somebody, **ENTERED)
    back, empty = somebody.get(NEW), somebody.get(f"{NEW}?fresh=1")

    assert "入力した内容を表示しています" not in before.text
    assert typed(back)["name"] == "水俣𠮷市"
    assert 'name="key" value="k"' in back.text
    assert "入力した内容を表示しています" in back.text
    assert "fresh=1" in back.text
    assert typed(empty)["name"] == ""
    assert "入力した内容を表示しています" not in empty.text


def test_a_page_with_errors_is_come_back_to_as_well(sample: ConsoleSample, visit_as: VisitAs) -> None:
    somebody = visit_as(Role.OPERATOR_ONBOARDING)

    answer = post(somebody, **{**ENTERED, "code": "432058"})
    page = somebody.get(answer.location)

    assert is_kept(answer)
    assert page.status_code == 422
    assert 'href="#code"' in page.text
    assert typed(page)["name"] == "水俣𠮷市"
    assert somebody.get(answer.location).text == page.text


def test_what_was_carried_out_is_not_offered_again(sample: ConsoleSample, visit_as: VisitAs) -> None:
    somebody = visit_as(Role.OPERATOR_ONBOARDING)
    review = somebody.get(post(somebody, **ENTERED).location)

    done = post(somebody, **{**ENTERED, "step": "apply"})

    assert review.status_code == 200
    assert (done.status_code, is_kept(done)) == (303, False)
    assert names().count("水俣𠮷市") == 1
    assert kept_rows() == []
    assert typed(somebody.get(NEW))["name"] == ""


def test_nobody_else_is_shown_it_and_the_database_cannot_read_it(sample: ConsoleSample, visit_as: VisitAs) -> None:
    owner, colleague = visit_as(Role.TENANT_OWNER), visit_as(Role.TENANT_USER_ADMIN)
    address = f"/tenants/{sample.tenant_id}/people/new"
    answer = post(owner, address, family_name="髙﨑", given_name="花子", email="takasaki@example.jp")

    others = [colleague.get(answer.location), colleague.get(address)]

    assert "takasaki@example.jp" in owner.get(answer.location).text
    for page in others:
        assert "takasaki" not in page.text
        assert "髙﨑" not in page.text
    (row,) = kept_rows()
    stored = " ".join(str(getattr(row, column.name)) for column in KeptForm.__table__.columns)
    assert "takasaki" not in stored
    assert owner.token not in stored


def test_in_another_session_or_language_it_is_the_form_that_is_shown(sample: ConsoleSample, visit_as: VisitAs) -> None:
    somebody = visit_as(Role.OPERATOR_ONBOARDING)
    location = post(somebody, **ENTERED).location

    elsewhere = visit_as(Role.OPERATOR_ONBOARDING).get(location)
    english = somebody.get(f"{location}&lang=en")

    for page in (elsewhere, english):
        assert 'name="step" value="confirm"' in page.text
        assert typed(page)["name"] == "水俣𠮷市"
    assert "Register" in english.text


def test_two_tabs_keep_each_their_own_page(sample: ConsoleSample, visit_as: VisitAs) -> None:
    somebody = visit_as(Role.OPERATOR_ONBOARDING)

    town = {"name": "芦北町", "kana": "アシキタマチ", "kind": "town", "code": "434825", "valid_from": "R8.4.1"}
    one = post(somebody, **ENTERED, key="one")
    two = post(somebody, **town, key="two")

    assert "水俣𠮷市" in somebody.get(one.location).text
    assert "芦北町" in somebody.get(two.location).text

    done = post(somebody, **{**ENTERED, "key": "one", "step": "apply"})

    assert done.status_code == 303
    assert "芦北町" in somebody.get(two.location).text
    assert "水俣𠮷市" not in somebody.get(one.location).text
    assert [row.form_key for row in kept_rows()] == ["two"]


def test_what_was_sent_after_the_session_had_ended_waits_for_its_person(
    web: Flask, sample: ConsoleSample, visit_as: VisitAs
) -> None:
    actor = sample.people[Role.OPERATOR_ONBOARDING]
    somebody, start = visit_as(Role.OPERATOR_ONBOARDING), clock.now()

    with clock.at(start + IDLE + timedelta(minutes=1)):
        answer = post(somebody, f"{NEW}?kind=city", **ENTERED)
        chooser = somebody.get(answer.location)
        stranger = visit(web, PUBLIC_URL, sample.people[Role.OPERATOR_SECURITY])
        not_theirs = stranger.get(f"{NEW}?kind=city")
        returned = visit(web, PUBLIC_URL, actor)
        back = returned.get(f"{NEW}?kind=city")

    asked = parse_qs(urlsplit(answer.location).query)
    assert (answer.status_code, urlsplit(answer.location).path) == (303, "/login")
    assert asked == {"next": [f"{NEW}?kind=city"], "ended": ["idle-kept"]}
    assert "30分操作がなかったため、ログアウトしました。入力した内容は保存してあります。" in chooser.text
    assert "水俣𠮷市" not in names()
    assert "水俣𠮷市" not in not_theirs.text
    assert typed(back)["name"] == "水俣𠮷市"
    with clock.at(start + IDLE + timedelta(minutes=2)):
        review = returned.submit(f"{NEW}?kind=city", key="k", step="confirm", **ENTERED)
        done = post(returned, f"{NEW}?kind=city", **{**ENTERED, "step": "apply"})
    assert review.status_code == 200
    assert done.status_code == 303
    assert names().count("水俣𠮷市") == 1


def test_what_was_typed_into_a_page_of_the_former_session_waits_as_well(
    web: Flask, sample: ConsoleSample, visit_as: VisitAs
) -> None:
    """Two tabs: one logs in again, and the form of the other is sent."""
    actor, start = sample.people[Role.OPERATOR_ONBOARDING], clock.now()
    token = visit_as(Role.OPERATOR_ONBOARDING).token
    stranger = visit_as(Role.OPERATOR_SECURITY)

    with clock.at(start + IDLE + timedelta(minutes=1)):
        again = visit(web, PUBLIC_URL, actor)
        kept = again.post(NEW, data={"csrf_token": token, "key": "k", "step": "apply", **ENTERED})
        back = again.get(kept.location)
        others = [
            stranger.post(NEW, data={"csrf_token": token, "key": "k", "step": "apply", **ENTERED}),
            again.post(NEW, data={"csrf_token": stranger.token, "key": "o", "step": "apply", **ENTERED}),
        ]

    assert (kept.status_code, kept.location) == (303, NEW)
    assert typed(back)["name"] == "水俣𠮷市"
    assert "入力した内容を表示しています" in back.text
    assert 400 not in {kept.status_code, back.status_code}
    assert all(answer.status_code in (303, 400) and answer.location != NEW for answer in others)
    assert [row.form_key for row in kept_rows()] == ["k"]
    assert "水俣𠮷市" not in names()


def test_a_decision_that_another_page_asks_for_comes_back_on_that_page(
    web: Flask, sample: ConsoleSample, visit_as: VisitAs
) -> None:
    page = f"/approvals/{sample.approval_id}"
    approver, start = visit_as(Role.OPERATOR_APPROVER), clock.now()
    fields = {"decision": "approved", "reason": "確認した𠮷", "decision_number": "x" * 500}

    wrong = post(approver, f"{page}/decide", **fields)
    shown = approver.get(wrong.location)
    in_english = approver.get(f"{wrong.location}&lang=en")
    with clock.at(start + IDLE):
        ended = post(approver, f"{page}/decide", **fields)
        back = visit(web, PUBLIC_URL, sample.people[Role.OPERATOR_APPROVER]).get(page)

    assert (wrong.status_code, urlsplit(wrong.location).path) == (303, page)
    assert shown.status_code == 422
    assert "確認した𠮷" in shown.text
    assert f'name="back" value="{page}"' in shown.text
    assert "確認した𠮷" in in_english.text
    assert parse_qs(urlsplit(ended.location).query)["next"] == [page]
    assert "確認した𠮷" in back.text


def test_the_page_to_confirm_a_decision_sends_it_where_it_is_taken(sample: ConsoleSample, visit_as: VisitAs) -> None:
    """It is shown at the address of another page, and a form without an address of its own would go to that one."""
    sample.factory.record(1_000_000, name="追加")
    prepared = sample.factory.prepare(RunKind.REVISION)
    approver, run = visit_as(Role.OPERATOR_APPROVER), f"/allocations/{prepared.run_id}"

    shown = approver.get(post(approver, f"{run}/approve", digest=prepared.digest).location)
    (form,) = re.findall(r'<form method="post"(.*?)</form>', shown.text.partition('<main id="main"')[2], re.DOTALL)
    (action,) = re.findall(r'^ action="([^"]+)"', form)
    fields = {name: unescape(value) for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', form)}
    done = approver.post(action, data={**fields, "step": "apply"})

    assert (done.status_code, done.location) == (303, f"{run}?done=approved")


def test_what_is_sent_once_more_under_a_used_key_is_kept_under_the_new_one(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    somebody = visit_as(Role.OPERATOR_ONBOARDING)
    town = {"name": "芦北町", "kana": "アシキタマチ", "kind": "town", "code": "434825", "valid_from": "R8.4.1"}

    post(somebody, **{**ENTERED, "step": "apply"})
    again = somebody.get(post(somebody, **{**town, "step": "apply"}).location)
    (key,) = [row.form_key for row in kept_rows()]
    done = post(somebody, **{**town, "key": key, "step": "apply"})

    assert again.status_code == 409
    assert f'name="key" value="{key}"' in again.text
    assert key != "k"
    assert done.status_code == 303
    assert kept_rows() == []


def test_it_waits_also_where_the_session_was_swept_away_meanwhile(
    web: Flask, sample: ConsoleSample, visit_as: VisitAs
) -> None:
    somebody, start = visit_as(Role.OPERATOR_ONBOARDING), clock.now()

    with clock.at(start + timedelta(hours=2)):
        delete_expired_sessions(clock.now())
        asked = parse_qs(urlsplit(post(somebody, **ENTERED).location).query)
        back = visit(web, PUBLIC_URL, sample.people[Role.OPERATOR_ONBOARDING]).get(NEW)

    assert asked["ended"] == ["idle-kept"]
    assert typed(back)["name"] == "水俣𠮷市"


def test_who_only_looks_is_told_why_the_session_is_over(visit_as: VisitAs, sample: ConsoleSample) -> None:
    somebody, start = visit_as(Role.OPERATOR_ONBOARDING), clock.now()

    used = visit_as(Role.OPERATOR_ONBOARDING)

    with clock.at(start + IDLE):
        idle = somebody.get("/tenants?state=active")
    with clock.at(start + ABSOLUTE - timedelta(minutes=1)):
        late = somebody.get("/tenants")
    for minutes in range(20, int(ABSOLUTE.total_seconds() // 60), 20):
        with clock.at(start + timedelta(minutes=minutes)):
            assert used.get("/tenants").status_code == 200
    with clock.at(start + ABSOLUTE):
        over = used.get("/tenants")
        page = used.get(over.location)
    somebody.delete_cookie(COOKIE, domain=PUBLIC_URL.removeprefix("https://"))
    never = somebody.get("/tenants")

    assert idle.location == "/login?next=/tenants?state%3Dactive&ended=idle"
    assert late.location == "/login?next=/tenants&ended=idle"
    assert over.location == "/login?next=/tenants&ended=ended"
    assert "ログアウトされています。" in page.text
    assert never.location == "/login?next=/tenants"


@pytest.mark.parametrize("how", ["another token", "another site", "too late", "too large", "no form of ours"])
def test_nothing_else_is_kept(
    sample: ConsoleSample, visit_as: VisitAs, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    somebody, start = visit_as(Role.OPERATOR_ONBOARDING), clock.now()
    if how == "too late":
        with clock.at(start + IDLE):
            delete_expired_sessions(clock.now())
    if how == "too large":
        monkeypatch.setattr(kept_forms, "MAX_CONTENT", 100)
    token = visit_as(Role.OPERATOR_SECURITY).token if how == "another token" else somebody.token
    fields = {"csrf_token": token, "step": "confirm", "key": "k", **ENTERED}
    if how == "no form of ours":
        del fields["key"]
    headers = {"Origin": "https://elsewhere.example"} if how == "another site" else {}

    with clock.at(start + (ENDED_KEPT + IDLE if how == "too late" else IDLE)):
        answer = somebody.post(NEW, data=fields, headers=headers)

    asked = parse_qs(urlsplit(answer.location).query)
    assert asked.get("ended") in (["idle"], ["ended"])
    assert "next" not in asked
    assert kept_rows() == []


def test_a_page_too_large_to_be_kept_is_answered_all_the_same(
    sample: ConsoleSample, visit_as: VisitAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_forms, "MAX_CONTENT", 100)

    answer = post(visit_as(Role.OPERATOR_ONBOARDING), **ENTERED)

    assert answer.status_code == 200
    assert "水俣𠮷市" in answer.text
    assert kept_rows() == []


def test_not_more_than_twenty_are_kept_and_none_for_longer_than_an_hour(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    somebody, start = visit_as(Role.OPERATOR_ONBOARDING), clock.now()
    for number in range(MAX_FORMS + 2):
        with clock.at(start + timedelta(seconds=number)):
            post(somebody, **{**ENTERED, "key": f"k{number}"})

    kept = {row.form_key for row in kept_rows()}
    assert kept == {f"k{number}" for number in range(2, MAX_FORMS + 2)}
    with clock.at(start + timedelta(minutes=29)):
        somebody.get("/tenants")
    with clock.at(start + timedelta(minutes=58)):
        somebody.get("/tenants")
    with clock.at(start + DRAFT_KEPT + timedelta(minutes=1)):
        assert typed(somebody.get(NEW))["name"] == ""
        assert delete_expired_forms(clock.now()) == MAX_FORMS
    assert kept_rows() == []


def test_the_ended_sessions_are_forgotten_after_hours(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit_as(Role.OPERATOR_ONBOARDING)
    start = clock.now()

    def ended() -> int:
        with tenant_scope(OPERATOR):
            return db.session.query(EndedSession).count()

    assert delete_expired_sessions(start + IDLE) >= 1
    assert ended() >= 1
    delete_expired_sessions(start + IDLE + ENDED_KEPT)
    assert ended() == 0


def test_a_form_whose_page_is_of_a_library_is_left_alone(
    web: Flask, sample: ConsoleSample, visit_as: VisitAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_pages, "_ELSEWHERE", (NEW,))

    assert post(visit_as(Role.OPERATOR_ONBOARDING), **ENTERED).status_code == 200


def test_a_secret_that_is_shown_once_is_kept_nowhere(sample: ConsoleSample, visit_as: VisitAs) -> None:
    address = f"/webhooks/{sample.webhook_id}/secret"

    answer = post(visit_as(Role.OPERATOR_SECURITY), address, step="apply")

    assert not is_kept(answer)
    assert kept_rows() == []


@pytest.mark.parametrize(
    ("address", "role", "fields"),
    [
        ("/rules/draft", Role.OPERATOR_FINANCE, {"name": "r", "label": "通信費の規程", "name_1": "均等割"}),
        ("/agreements/publish", Role.OPERATOR_ONBOARDING, {"name": "n", "title": "共同利用協定", "text": "第1条"}),
        ("/plans/define", Role.OPERATOR_ONBOARDING, {"name": "p", "label": "拡張プラン"}),
        ("/ledger/{tenant}/entries/post", Role.OPERATOR_FINANCE, {"memo": "補助金の受入れ", "debit_1": "1000"}),
    ],
)
def test_the_forms_that_are_written_by_hand_come_back_as_well(
    sample: ConsoleSample, visit_as: VisitAs, address: str, role: Role, fields: dict[str, str]
) -> None:
    somebody, path = visit_as(role), address.format(tenant=sample.tenant_id)

    post(somebody, path, **fields)
    back = somebody.get(path)

    assert "入力した内容を表示しています" in back.text
    for text in fields.values():
        assert text in back.text
