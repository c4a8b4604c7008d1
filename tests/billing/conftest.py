"""A factory for the tests of money, in a year that is open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from governance.kernel import clock
from tests.actors import Actors
from tests.billing.factories import IN_FISCAL_YEAR_2025, THIRTEEN, BillingFactory


@pytest.fixture
def factory(actors: Actors) -> Iterator[BillingFactory]:
    """Nobody takes part yet, and there is neither rule nor cost. It is 2 June 2025."""
    with clock.at(IN_FISCAL_YEAR_2025):
        yield BillingFactory(actors)


@pytest.fixture
def thirteen(factory: BillingFactory) -> BillingFactory:
    """Thirteen members, the rule of the example adopted, 24,000,000 yen to share."""
    factory.add_members(THIRTEEN)
    factory.adopt(factory.draft())
    factory.record(24_000_000)
    return factory
