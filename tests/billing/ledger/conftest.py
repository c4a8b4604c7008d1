"""Two books: 熊本市 and 阿蘇市."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.actors import Actors
from tests.factories import Factory


@pytest.fixture
def book(actors: Actors) -> UUID:
    return Factory(actors).kumamoto_city()


@pytest.fixture
def other_book(actors: Actors) -> UUID:
    return Factory(actors).aso_city()
