"""What looks at the pages finds what is wrong with one: an eye that sees nothing would pass everything."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.chromium import violations

pytestmark = pytest.mark.browser

_PAGE = """<!doctype html><html lang="ja"><head><title>空</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'"></head>
<body><main><h1>空</h1><img src="/x.png"><p style="color: #eee">薄い</p></main></body></html>"""


def test_a_picture_without_words_is_found_on_a_page_that_lets_no_script_in(browser: Browser) -> None:
    page = browser.new_page()
    try:
        page.set_content(_PAGE)
        found = violations(page)
    finally:
        page.close()

    assert [line.split(":")[0] for line in found] == ["image-alt"], "the inline style was refused, so nothing is pale"
