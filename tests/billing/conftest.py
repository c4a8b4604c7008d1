"""A county for the tests of money, in a year that is open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from governance.kernel import clock
from tests.actors import Actors
from tests.billing.county import IN_THE_YEAR, THIRTEEN, County


@pytest.fixture
def county(actors: Actors) -> Iterator[County]:
    """Nobody takes part yet, and there is neither rule nor cost. It is 2 June 2025."""
    with clock.at(IN_THE_YEAR):
        yield County(actors)


@pytest.fixture
def thirteen(county: County) -> County:
    """Thirteen members, the rule of the example adopted, 24,000,000 yen to share."""
    county.admit(THIRTEEN)
    county.adopt(county.draft())
    county.record(24_000_000)
    return county
