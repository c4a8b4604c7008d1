"""One running installation with 13 municipalities for all journeys of the session."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.journeys.stack import Stack, running_stack


@pytest.fixture(scope="session")
def stack(browser: Browser) -> Iterator[Stack]:
    """Moyai started as a person would, with 13 municipalities in. Without Chromium it is not started."""
    with tempfile.TemporaryDirectory(prefix="moyai-journey-") as folder:
        # PostgreSQL does not run as root; whoever it runs as must get through to its folder.
        Path(folder).chmod(0o711)
        with running_stack(Path(folder) / "home", members=13) as running:
            yield running
