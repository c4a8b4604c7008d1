"""One running installation with 13 municipalities for all journeys of the session."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.journeys.stack import Stack, running_stack


@pytest.fixture(scope="session")
def stack(browser: Browser) -> Iterator[Stack]:
    """Moyai started as a person would, with 13 municipalities in. Without Chromium it is not started."""
    with _started() as running:
        yield running


@pytest.fixture
def own_stack(browser: Browser) -> Iterator[Stack]:
    """The same for one test alone, as the example leaves it: no other journey has begun anything there."""
    with _started() as running:
        yield running


@contextmanager
def _started() -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="moyai-journey-") as folder:
        # PostgreSQL does not run as root; whoever it runs as must get through to its folder.
        Path(folder).chmod(0o711)
        with running_stack(Path(folder) / "home", members=13) as running:
            yield running
