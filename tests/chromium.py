"""The real browser of the tests: where it is, how it is started, and axe's look at a page.

axe-core is handed to the page through the browser's own protocol: the strict policy of the pages, which would refuse a
script from anywhere else, stays as it is for what is being looked at.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM: Final = "/usr/bin/chromium"
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""As root in a container, and without the browser's own calls to anywhere."""

_RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")

MISSING: Final = (
    f"LEFT OUT: tests in a browser need Chromium at {CHROMIUM} and a Japanese font"
    " (Debian: apt-get install chromium fontconfig fonts-noto-cjk)"
)


@contextmanager
def started() -> Iterator[Browser]:
    """Headless Chromium. Where it or a Japanese font is missing the test is left out; in CI that is a failure."""
    if not Path(CHROMIUM).exists() or not _has_japanese_font():
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


def _has_japanese_font() -> bool:
    """Without one every Japanese character is the same box, on screen and in a printed page's text."""
    lister = shutil.which("fc-list")
    if lister is None:
        return False
    return bool(subprocess.run([lister, ":lang=ja"], capture_output=True, check=True).stdout)


def violations(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 A and AA, a line each: rule, what is wrong, and where first."""
    options = {"runOnly": {"type": "tag", "values": list(_RULES)}, "resultTypes": ["violations"], "preload": False}
    script = (
        f"axe.run(document, {json.dumps(options)}).then(found => found.violations.map("
        "v => v.id + ': ' + v.help + ' at ' + v.nodes.map(n => n.html.slice(0, 200)).slice(0, 3).join(' | ')))"
    )
    cdp = page.context.new_cdp_session(page)
    try:
        evaluate(cdp, AXE_SCRIPT)
        found: list[str] = evaluate(cdp, script)
    finally:
        cdp.detach()
    return found


def evaluate(cdp: Any, expression: str) -> Any:
    """The value of the expression in the page that this debugger's line leads to."""
    answer = cdp.send("Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True})
    assert "exceptionDetails" not in answer, answer["exceptionDetails"]
    return answer["result"].get("value")
