"""A home of its own for every test, with ports nobody else uses, and a PostgreSQL in it where a test asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from admin.operations import services
from admin.operations.settings import Settings
from admin.operations.supervisor import Supervisor
from tests.ports import find_free_port_range


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an empty home whose ports were free a moment ago."""
    port = find_free_port_range()
    return Settings(home=tmp_path / "home", port=port, public_url=f"http://localhost:{port}")


@pytest.fixture
def messages() -> list[str]:
    """What the supervisor told, a sentence each."""
    return []


@pytest.fixture
def supervised(settings: Settings, messages: list[str]) -> Iterator[Supervisor]:
    """A supervisor with the embedded PostgreSQL of the home, ready."""
    settings.home.mkdir(mode=0o711)
    server = settings.embedded_postgresql()
    server.initialise()
    with Supervisor(settings.home, messages.append) as supervisor:
        supervisor.start(services.postgresql(server))
        supervisor.await_ready(services.POSTGRESQL)
        yield supervisor
