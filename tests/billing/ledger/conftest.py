"""Two books: 熊本市 and 阿蘇市."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.actors import Actors
from tests.tenancy.factories import aso_city, kumamoto_city


@pytest.fixture
def book(actors: Actors) -> UUID:
    return kumamoto_city(actors)


@pytest.fixture
def other_book(actors: Actors) -> UUID:
    return aso_city(actors)
