"""One Chromium and one running installation with 13 municipalities for all journeys of the session."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.journeys.person import ARGUMENTS, CHROMIUM
from tests.journeys.stack import Stack, running_stack

_LEFT_OUT = f"LEFT OUT: the journeys in a browser need Chromium at {CHROMIUM} (Debian: apt-get install chromium)"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly that nobody went through the screens, where that is so."""
    left_out = [report for report in terminalreporter.stats.get("skipped", []) if "journeys" in report.nodeid]
    if left_out:
        terminalreporter.section("browser", red=True)
        terminalreporter.line(f"{_LEFT_OUT}: {len(left_out)} tests", red=True)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Headless Chromium. Where there is none the journeys are left out; in CI that is a failure."""
    if not Path(CHROMIUM).exists():
        if os.environ.get("CI") == "true":
            pytest.fail(_LEFT_OUT)
        pytest.skip(_LEFT_OUT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def stack(chromium: Browser) -> Iterator[Stack]:
    """Moyai started as a person would, with 13 municipalities in. Without Chromium it is not started."""
    with tempfile.TemporaryDirectory(prefix="moyai-journey-") as folder:
        # PostgreSQL does not run as root; whoever it runs as must get through to its folder.
        Path(folder).chmod(0o711)
        with running_stack(Path(folder) / "home", members=13) as running:
            yield running
