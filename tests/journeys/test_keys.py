"""The keys in a real browser: each does what a link does, none while something is typed, and all are switched off."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, expect

from tests.journeys.person import Person
from tests.journeys.stack import Stack


def test_keys_lead_to_the_search_and_the_groups_until_they_are_switched_off(browser: Browser, stack: Stack) -> None:
    with Person(browser, stack) as person:
        person.sign_in(stack.account("operator-finance"), check=False)
        page = person.page
        search, keys = page.locator("#find"), page.get_by_role("dialog", name="キー操作")

        page.keyboard.press("/")
        expect(search).to_be_focused()
        page.keyboard.type("gm?/")
        expect(search).to_have_value("gm?/")
        expect(keys).to_have_count(0)
        search.fill("")
        search.blur()

        page.keyboard.press("g")
        page.keyboard.press("m")
        page.wait_for_url(re.compile(r"/costs$"))
        page.keyboard.press("Control+k")
        expect(search).to_be_focused()
        search.blur()

        page.keyboard.press("?")
        expect(keys).to_be_visible()
        person.check_page()
        page.keyboard.press("Escape")
        expect(keys).to_have_count(0)

        page.get_by_role("link", name="この画面のヘルプ").click()
        page.wait_for_url(re.compile(r"/help#page-costs$"))
        person.see("ヘルプ")
        page.get_by_role("button", name="キー操作を使わない").click()
        expect(page.get_by_role("button", name="キー操作を使う")).to_be_visible()
        page.keyboard.press("/")
        page.keyboard.press("g")
        page.keyboard.press("h")
        expect(search).not_to_be_focused()
        expect(page).to_have_url(re.compile(r"/help#keys$"))
        person.check_page()
