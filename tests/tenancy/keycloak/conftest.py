"""Tenants and people of each test's own, and a line to Keycloak that loses answers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tenancy.keycloak.adapter import KeycloakIdentities
from tests.tenancy.keycloak.faulty_line import FaultyLine
from tests.tenancy.keycloak.installation import Installation, Municipality

_codes = count(100001)


@pytest.fixture
def municipality() -> Municipality:
    """A municipality nobody has seen yet."""
    return Municipality(code=str(next(_codes)))


@pytest.fixture
def faulty_line(installation: Installation) -> Iterator[FaultyLine]:
    """A way to Keycloak that loses answers when told to."""
    with FaultyLine(installation.server.url) as line:
        yield line


@pytest.fixture
def over_faulty_line(installation: Installation, faulty_line: FaultyLine) -> Iterator[KeycloakIdentities]:
    """The port, over that line."""
    connected = installation.identities(through=faulty_line.url)
    yield connected
    connected.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty MOYAI_HOME."""
    return tmp_path / "home"
