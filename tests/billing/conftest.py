"""A factory for the tests of money, in a year that is open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from governance.kernel import clock
from tests.actors import Actors
from tests.factories import IN_FISCAL_YEAR_2025, THIRTEEN, Factory


@pytest.fixture
def factory(actors: Actors) -> Iterator[Factory]:
    """Nobody takes part yet, and there is neither rule nor cost. It is 2 June 2025."""
    with clock.at(IN_FISCAL_YEAR_2025):
        yield Factory(actors)


@pytest.fixture
def thirteen(factory: Factory) -> Factory:
    """Thirteen members, the rule of the example adopted, 24,000,000 yen to share."""
    factory.add_members(THIRTEEN)
    factory.adopt(factory.draft())
    factory.record(24_000_000)
    return factory
