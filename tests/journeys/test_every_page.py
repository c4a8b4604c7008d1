"""Every kind of page that links lead to from the first one: looked at wide, narrow, and on paper."""

from __future__ import annotations

import re
from collections import deque
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.journeys.person import Person
from tests.journeys.stack import OPERATOR, Stack

pytestmark = pytest.mark.browser

_ONE_OF_MANY = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{6}|(?<=/cohorts/)r\d|(?<=/contacts/)\w+")
_NO_PAGE = re.compile(r"\.(pdf|csv|xlsx|json|txt|zip)$|^/(login|logout|api|static)")


@pytest.mark.parametrize(
    ("role", "tenant", "at_least"),
    [("operator-onboarding", OPERATOR, 29), ("operator-finance", OPERATOR, 25), ("tenant-owner", "431001", 15)],
)
def test_every_page_in_reach_can_be_read_by_everybody_on_any_screen(
    browser: Browser, stack: Stack, role: str, tenant: str, at_least: int
) -> None:
    with Person(browser, stack) as person:
        person.sign_in(stack.account(role, tenant))
        seen = {"/"}
        ahead = deque(["/"])
        while ahead:
            address = ahead.popleft()
            assert person.open(address) == 200, address
            person.check_page()
            person.check_narrow()
            person.check_paper()
            for link in person.links():
                shape = _shape(link)
                if shape and shape not in seen:
                    seen.add(shape)
                    ahead.append(link)

    assert len(seen) >= at_least, sorted(seen)
    assert stack.csp_reports() == []


def _shape(link: str) -> str | None:
    """One address for all pages of a kind; None for what is no page of the console."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or not parts.path.startswith("/") or _NO_PAGE.search(parts.path):
        return None
    if parts.path.startswith("/backoffice"):
        # The tables of the back office are one page with other columns.
        return "/backoffice"
    return _ONE_OF_MANY.sub("*", parts.path)
