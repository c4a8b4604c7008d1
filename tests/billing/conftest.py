"""A factory for the tests of money, in a year that is open."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import pytest

from governance.kernel import clock
from tests.actors import Actors
from tests.conftest import Contents, KeptDatabase, on_database
from tests.factories import IN_FISCAL_YEAR_2025, THIRTEEN, Factory
from tests.kept_connections import KEPT_DATABASE
from tests.servers import PostgreSQL


@pytest.fixture
def factory(actors: Actors) -> Iterator[Factory]:
    """Nobody takes part yet, and there is neither rule nor cost. It is 2 June 2025."""
    with clock.at(IN_FISCAL_YEAR_2025):
        yield Factory(actors)


@pytest.fixture(scope="session")
def kept_thirteen(
    postgresql: PostgreSQL, kept_database: KeptDatabase, kept_actors: tuple[Actors, Contents]
) -> tuple[Factory, Contents]:
    """Thirteen members, the rule of the example adopted, 24,000,000 yen to share: made once a session."""
    actors, operator = kept_actors
    kept_database.restore(operator)
    factory = Factory(actors)
    with on_database(postgresql, KEPT_DATABASE), clock.at(IN_FISCAL_YEAR_2025):
        factory.add_members(THIRTEEN)
        factory.adopt(factory.draft())
        factory.record(24_000_000)
        return factory, kept_database.contents()


@pytest.fixture
def thirteen(factory: Factory, kept_database: KeptDatabase, kept_thirteen: tuple[Factory, Contents]) -> Factory:
    """Thirteen members, the rule of the example adopted, 24,000,000 yen to share."""
    made, contents = kept_thirteen
    kept_database.restore(contents)
    return deepcopy(made)
