"""Both realms on a real Keycloak, once a session; each test works with tenants and people of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tenancy.keycloak.adapter import KeycloakIdentities
from tests.servers import Keycloak
from tests.tenancy.keycloak.faulty_line import FaultyLine
from tests.tenancy.keycloak.installation import Installation, Municipality

_codes = count(100001)


@pytest.fixture(scope="session")
def installation(keycloak_server: Keycloak, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A configured Keycloak with keys of its own. Tests may spoil what they put right again."""
    installed = Installation(keycloak_server, tmp_path_factory.mktemp("moyai-home"))
    assert installed.configure().in_sync
    return installed


@pytest.fixture(scope="session")
def identities(installation: Installation) -> Iterator[KeycloakIdentities]:
    """The port, over one set of connections for the whole session, as a process has it."""
    connected = installation.identities()
    yield connected
    connected.close()


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
