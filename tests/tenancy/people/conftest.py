"""A municipality with an owner and a colleague. A test that needs another one says so by a fixture of that name."""

from __future__ import annotations

from uuid import UUID

import pytest

from governance.actors import Actor
from governance.permissions import Role
from tests.actors import Actors
from tests.factories import Visitors


@pytest.fixture
def visitors(actors: Actors) -> Visitors:
    """Makes people with a member's row and grants, as actors; `actors` are the operator's, who are there first."""
    return Visitors()


@pytest.fixture
def city(visitors: Visitors) -> UUID:
    return visitors.municipality("432083", "山鹿市")


@pytest.fixture
def owner(visitors: Visitors, city: UUID) -> Actor:
    return visitors.person(city, Role.TENANT_OWNER)


@pytest.fixture
def colleague(visitors: Visitors, city: UUID) -> UUID:
    """A plain member."""
    return UUID(visitors.person(city).id)
