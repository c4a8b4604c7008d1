"""What stands around every page: header, menu with its open group, breadcrumbs, the head of a print, and refusals."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from governance.permissions import Role
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit

VisitAs = Callable[[Role], Visit]


def _menu(page: str) -> str:
    """The menu of wide screens."""
    return page.split('<nav class="ways aside"', 1)[1].split("</nav>", 1)[0]


def _links(part: str) -> list[tuple[str, str]]:
    """Word and address of each link."""
    return [
        (re.sub(r"<[^>]+>|\s+", " ", text).strip(), address)
        for address, text in re.findall(r'<a href="([^"]*)"[^>]*>(.*?)</a>', part, re.S)
    ]


def _groups(page: str) -> list[str]:
    """The words of the first level."""
    return [
        word for word, _ in _links(re.sub(r"<ul>(?=<li>).*?</ul>|<ul class=\"below\">.*", "", _menu(page), flags=re.S))
    ]


def _crumbs(page: str) -> list[str]:
    found = re.search(r'<nav class="crumbs".*?</nav>', page, re.S)
    items = re.findall(r"<li[^>]*>(.*?)</li>", found[0], re.S) if found else []
    return [re.sub(r"<[^>]+>", "", item).strip() for item in items]


def test_only_the_open_group_shows_its_second_level(visit_as: VisitAs) -> None:
    page = visit_as(Role.OPERATOR_FINANCE).get("/notices").text

    assert _groups(page) == [
        "ホーム",
        "対応待ち",
        "参加団体",
        "利用者と連携システム",
        "利用とデータ",
        "負担金",
        "取決めと記録",
    ]
    words = [word for word, _ in _links(_menu(page))]
    assert words[words.index("負担金") + 1 :][:4] == ["経費", "費用按分", "納入通知書", "元帳"]
    assert "協定と同意" not in words
    assert re.findall(r'href="([^"]*)" aria-current="(\w+)"', _menu(page)) == [("/notices", "page")]


def test_a_page_below_a_place_lights_that_place(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)

    notices = visit.get(f"/allocations/{sample.run_id}/notices").text
    book = visit.get(f"/ledger/{sample.tenant_id}").text

    assert re.findall(r'href="([^"]*)" aria-current="(\w+)"', _menu(notices)) == [("/notices", "true")]
    assert re.findall(r'href="([^"]*)" aria-current="(\w+)"', _menu(book)) == [("/ledger", "true")]


def test_the_operators_own_people_are_in_another_group_than_a_municipalitys(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_SECURITY)
    own = f"/tenants/{sample.people[Role.OPERATOR_SECURITY].tenant_id}/people"

    of_own, of_other = visit.get(own).text, visit.get(f"/tenants/{sample.tenant_id}/people").text

    assert f'href="{own}" aria-current="page"' in _menu(of_own)
    assert f'href="{own}" aria-current' not in _menu(of_other)
    assert 'href="/tenants" aria-current="true"' in _menu(of_other)


def test_a_group_without_a_permitted_page_is_not_shown(visit_as: VisitAs) -> None:
    member, owner = (visit_as(role).get("/").text for role in (Role.TENANT_MEMBER, Role.TENANT_OWNER))

    assert _groups(owner) == [
        "ホーム",
        "対応待ち",
        "利用者と連携システム",
        "利用とデータ",
        "負担金",
        "協定・規程",
        "記録",
    ]
    assert _groups(member) == ["ホーム", "対応待ち", "利用とデータ", "協定・規程"]


@pytest.mark.parametrize("role", [Role.OPERATOR_AUDITOR, Role.OPERATOR_SECURITY, Role.TENANT_OWNER, Role.TENANT_MEMBER])
def test_whatever_the_menu_shows_opens(visit_as: VisitAs, role: Role) -> None:
    visit = visit_as(role)
    addresses = {"/"}
    for address in [address for _, address in _links(_menu(visit.get("/").text))]:
        addresses |= (
            {found for _, found in _links(_menu(visit.get(address, follow_redirects=True).text))}
            if (address.strip("/").partition("/")[0] not in ("backoffice", "api-reference"))
            else {address}
        )

    assert len(addresses) >= 7
    assert {address: visit.get(address).status_code for address in addresses} == dict.fromkeys(addresses, 200)


def test_the_breadcrumbs_end_with_the_present_page(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)

    assert _crumbs(visit.get("/").text) == []
    assert _crumbs(visit.get("/tenants").text) == []
    assert _crumbs(visit.get(f"/tenants/{sample.tenant_id}").text) == ["参加団体", "熊本市"]
    assert _crumbs(visit.get("/notices").text) == ["負担金", "納入通知書"]
    people = visit.get(f"/tenants/{sample.tenant_id}/people").text
    assert _crumbs(people) == ["参加団体", "熊本市", "利用者"]
    assert people.count('<li aria-current="page">') == 1


def test_the_header_says_as_whom_one_acts_and_the_way_out(sample: ConsoleSample, visit_as: VisitAs) -> None:
    page = visit_as(Role.OPERATOR_FINANCE).get("/costs").text
    header = page.split("<header>", 1)[1].split("</header>", 1)[0]

    assert "熊本県" in header
    assert "会計担当（県）" in header
    assert 'action="/logout"' in header
    assert '<input type="hidden" name="back" value="/costs">' in header
    assert '<button class="link" type="submit" name="language" value="en" lang="en">English</button>' in header


def test_the_back_office_is_linked_for_whom_it_is_for(visit_as: VisitAs) -> None:
    assert 'href="/backoffice/"' in _menu(visit_as(Role.OPERATOR_AUDITOR).get("/").text)
    assert "/backoffice" not in visit_as(Role.TENANT_OWNER).get("/").text


def test_a_print_says_of_what_when_and_by_whom_it_is(sample: ConsoleSample, visit_as: VisitAs) -> None:
    page = visit_as(Role.OPERATOR_FINANCE).get("/costs").text
    head = re.sub(r"<[^>]+>|\s+", " ", page.split('<p class="printed">', 1)[1].split("</p>", 1)[0])

    assert "熊本県" in head
    assert "経費 令和7年度" in head
    assert "令和7年6月2日（月）" in head
    assert "会計担当（県）" in head


def test_a_refusal_is_said_in_words_inside_the_navigation(sample: ConsoleSample, visit_as: VisitAs) -> None:
    answer = visit_as(Role.OPERATOR_AUDITOR).get("/costs/record")

    assert answer.status_code == 403
    assert "「経費の登録」を行う権限がありません。" in answer.text
    assert "この権限があるのは、会計担当（県）です。" in answer.text
    assert "billing:" not in answer.text
    assert "負担金" in _groups(answer.text)


def test_a_municipality_reads_that_a_page_is_the_operators(visit_as: VisitAs) -> None:
    answer = visit_as(Role.TENANT_OWNER).get("/cohorts")

    assert answer.status_code == 403
    assert "運営者（県）の担当者が行います" in answer.text
    assert "tenancy:" not in answer.text
    assert "ホーム" in _groups(answer.text)


@pytest.mark.parametrize("address", ["/nowhere", "/tenants/01900000-0000-7000-8000-000000000000"])
def test_what_is_not_there_is_said_inside_the_navigation(visit_as: VisitAs, address: str) -> None:
    answer = visit_as(Role.TENANT_OWNER).get(address)

    assert answer.status_code == 404
    assert "見つかりません" in answer.text
    assert "熊本市" in answer.text
    assert "負担金" in _groups(answer.text)


def test_a_print_of_a_page_before_the_login_says_of_when_it_is(sample: ConsoleSample, stranger: Visit) -> None:
    page = stranger.get("/login").text

    assert "令和7年6月2日（月）" in page.split('<p class="printed">', 1)[1].split("</p>", 1)[0]


def test_a_stranger_is_shown_no_navigation(web: Flask, stranger: Visit) -> None:
    answer = stranger.get("/nowhere")

    assert answer.status_code == 404
    assert "ways" not in answer.text


def test_where_the_navigation_cannot_be_read_the_refusal_is_said_all_the_same(
    web: Flask, visit_as: VisitAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("SELECT 1", {}, Exception("away"))

    visit = visit_as(Role.OPERATOR_AUDITOR)
    monkeypatch.setitem(web.jinja_env.globals, "navigation", away)
    answer = visit.get("/costs/record")

    assert answer.status_code == 403
    assert "「経費の登録」を行う権限がありません。" in answer.text
    assert "ways" not in answer.text


def test_the_last_breadcrumb_of_a_part_names_the_part(sample: ConsoleSample, visit_as: VisitAs) -> None:
    page = visit_as(Role.OPERATOR_ONBOARDING).get(f"/tenants/{sample.tenant_id}/people").text

    assert _crumbs(page)[-2:] == ["熊本市", "利用者"]


def test_only_a_count_of_something_is_marked(sample: ConsoleSample, visit_as: VisitAs) -> None:
    nothing = visit_as(Role.TENANT_AUDITOR).get("/").text
    sample.factory.request_quota(sample.tenant_id, "users", 200)
    something = visit_as(Role.OPERATOR_APPROVER).get("/").text

    assert '<strong class="count none">0件</strong>' in nothing
    assert '<strong class="count">' in something


def test_the_page_of_a_share_says_of_which_run_its_workings_are(sample: ConsoleSample, visit_as: VisitAs) -> None:
    page = visit_as(Role.TENANT_FINANCE).get(f"/shares/{sample.share_id}").text

    assert "当初の算定根拠です。" in page
    assert re.search(r'照合番号 <abbr class="code" title="sha256:[0-9a-f]{64}">[0-9a-f]{8}</abbr>', page)
