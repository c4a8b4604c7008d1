"""Help: every word of the glossary and every place of the menu in both languages, and keys that can be switched off."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from admin.features.help.words import PLACES, SECTIONS
from admin.features.menu import OPERATOR_MENU, TENANT_MENU
from admin.interface.keys import COOKIE, GROUP_KEYS
from admin.interface.menu import Menu
from governance.audit.queries import events
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tests.admin.console.conftest import ConsoleSample
from tests.admin.console.test_pages import ROLES
from tests.admin.visitors import Visit

VisitAs = Callable[[Role], Visit]
GLOSSARY = Path(__file__).parents[3] / "docs" / "GLOSSARY.md"
MENUS = pytest.mark.parametrize("menu", [OPERATOR_MENU, TENANT_MENU], ids=["operator", "tenant"])


def _words() -> list[tuple[str, str]]:
    return [(word.code, word.ja) for _, words in SECTIONS for word in words]


def test_help_has_the_words_of_the_glossary_and_no_others() -> None:
    by_hand = GLOSSARY.read_text(encoding="utf-8").split("<!-- Below this line", 1)[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \| .+ \|$", by_hand, re.M)

    assert sorted(_words()) == sorted(row for row in rows if row[0] != "code")


def test_each_word_has_a_place_of_its_own_and_a_meaning_in_both_languages() -> None:
    words = [word for _, words in SECTIONS for word in words]

    assert len({word.anchor for word in words}) == len(words)
    for word in words:
        assert word.meaning.ja.endswith("。"), word.ja
        assert word.meaning.en.endswith("."), word.code
        assert not re.search("[ぁ-んァ-ヶ一-龠]", word.meaning.en), word.code


@MENUS
def test_each_place_of_the_menu_says_what_it_is_for_with_words_that_are_there(menu: Menu) -> None:
    anchors = {word.anchor for _, words in SECTIONS for word in words}

    assert [place.address for place in menu.places() if place.address not in PLACES] == []
    assert len({place.anchor for place in menu.places()}) == len(menu.places())
    for help_text in PLACES.values():
        assert set(help_text.words) <= anchors


def test_no_help_is_left_of_a_place_that_is_gone() -> None:
    assert set(PLACES) == {place.address for menu in (OPERATOR_MENU, TENANT_MENU) for place in menu.places()}


@MENUS
def test_each_group_has_a_letter_of_its_own(menu: Menu) -> None:
    letters = [GROUP_KEYS[group.icon] for group in menu.groups]

    assert len(set(letters)) == len(letters)
    assert "g" not in letters


@pytest.mark.parametrize("role", ROLES)
def test_everybody_who_is_signed_in_reads_help_in_both_languages(
    sample: ConsoleSample, visit_as: VisitAs, role: Role
) -> None:
    visit = visit_as(role)

    japanese, english = visit.get("/help"), visit.get("/help?lang=en")

    assert (japanese.status_code, english.status_code) == (200, 200)
    for words, page in (("照合番号", japanese), ("digest", english)):
        assert f">{words}</dt>" in page.text
    shown = set(re.findall(r'<dt id="(page-[^"]*)"', japanese.text))
    assert ("page-drift" in shown) is role.startswith("operator-"), "a place that one may not open is not explained"


def test_help_is_for_nobody_who_is_not_signed_in(sample: ConsoleSample, stranger: Visit) -> None:
    answer = stranger.get("/help")

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login")


@pytest.mark.parametrize("role", [Role.OPERATOR_FINANCE, Role.TENANT_OWNER])
def test_each_page_leads_to_its_own_help(sample: ConsoleSample, visit_as: VisitAs, role: Role) -> None:
    visit = visit_as(role)
    own = "people" if role.startswith("tenant-") else None
    page_of = {
        "/": "page-home",
        "/approvals": "page-approvals",
        f"/notices/{sample.notice_id}": "page-notices",
        f"/rules/{sample.rule_version_id}/related": "page-rules",
        f"/tenants/{sample.tenant_id}/people": "page-tenants-people-own" if own else "page-tenants",
        "/help": "page-help",
    }

    for address, anchor in page_of.items():
        page = visit.get(address).text
        found = re.findall(r'<div class="tools">.*?<a href="(/help[^"]*)">', page, re.S)
        assert found == [f"/help#{anchor}"], address
        assert f'id="{anchor}"' in visit.get("/help").text


def test_an_address_where_nothing_is_leads_to_help_too(sample: ConsoleSample, visit_as: VisitAs) -> None:
    answer = visit_as(Role.OPERATOR_FINANCE).get("/nothing-here")

    assert answer.status_code == 404
    assert '<a href="/help">' in answer.text


def _has_keys(page: str) -> list[bool]:
    return ["/keys.js" in page, 'id="key-list"' in page, "data-key=" in page]


def test_keys_are_there_until_they_are_switched_off_in_this_browser(
    web: Flask, sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit, other = visit_as(Role.OPERATOR_FINANCE), visit_as(Role.OPERATOR_AUDITOR)
    with tenant_scope(OPERATOR):
        before = events(db.session(), limit=1)[0].id

    first = visit.get("/costs").text
    answer = visit.submit("/help/keys", keys="off")
    off = visit.get("/costs").text
    on_again = visit.submit("/help/keys", keys="on")

    assert _has_keys(first) == [True, True, True]
    assert (answer.status_code, answer.location) == (303, "/help#keys")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=off;")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert _has_keys(off) == [False, False, False]
    assert _has_keys(other.get("/costs").text) == [True, True, True], "it is about one browser"
    assert on_again.status_code == 303
    assert _has_keys(visit.get("/costs").text) == [True, True, True]
    with tenant_scope(OPERATOR):
        assert events(db.session(), limit=1)[0].id == before, "nothing is recorded: it is no command"


def test_keys_are_switched_by_ones_own_form_alone(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)

    foreign = visit.post("/help/keys", data={"keys": "off"})
    asked = visit.get("/help/keys?keys=off")

    assert foreign.status_code in (400, 403)
    assert asked.status_code == 405
    assert "Set-Cookie" not in foreign.headers
    assert _has_keys(visit.get("/costs").text) == [True, True, True]


def test_the_list_of_keys_names_the_groups_that_one_sees(sample: ConsoleSample, visit_as: VisitAs) -> None:
    page = visit_as(Role.TENANT_MEMBER).get("/").text
    listed = page.split('id="key-list"', 1)[1].split("</dialog>", 1)[0]

    letters = re.findall(r'<kbd class="code">g</kbd> <kbd class="code">(\w)</kbd>', listed)

    menu = page.split('<nav class="ways aside"', 1)[1].split("</nav>", 1)[0]
    assert letters == re.findall(r'data-key="(\w)"', menu)
    assert "m" not in letters, "a plain member sees no 負担金"
