"""Tenants and people of each test's own, and a line to Keycloak that loses answers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tenancy.keycloak.adapter import KeycloakIdentities
from tests.tenancy.keycloak.fault_proxy import FaultProxy
from tests.tenancy.keycloak.installation import Installation, Municipality

_codes = count(100001)


@pytest.fixture
def municipality() -> Municipality:
    """A municipality nobody has seen yet."""
    return Municipality(code=str(next(_codes)))


@pytest.fixture
def fault_proxy(installation: Installation) -> Iterator[FaultProxy]:
    """A way to Keycloak that loses answers when told to."""
    with FaultProxy(installation.server.url) as proxy:
        yield proxy


@pytest.fixture
def over_fault_proxy(installation: Installation, fault_proxy: FaultProxy) -> Iterator[KeycloakIdentities]:
    """The port, over that line."""
    connected = installation.identities(through=fault_proxy.url)
    yield connected
    connected.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty MOYAI_HOME."""
    return tmp_path / "home"
