"""Every list of the API comes in pages: together they are the whole list, and a foreign cursor gives nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from billing.runs.states import RunKind
from governance.kernel import clock
from governance.permissions import Role
from tests.actors import Actors
from tests.admin.api.conftest import Caller
from tests.factories import IN_FISCAL_YEAR_2025, THIRTEEN, Factory

Callers = Callable[..., Caller]

LISTS: Final = (
    "/audit-events",
    "/tenants",
    "/notices",
    "/allocation-runs",
    "/tenants/431001/ledger/entries",
    "/tenants/431001/ledger/balances",
    "/tenants/431001/shares",
)


@pytest.fixture
def posted(actors: Actors) -> Iterator[Factory]:
    """Two members, an estimate and a revision posted, their notices issued."""
    with clock.at(IN_FISCAL_YEAR_2025):
        factory = Factory(actors)
        factory.add_members({code: THIRTEEN[code] for code in ("431001", "434043")})
        factory.adopt(factory.draft())
        for kind in (RunKind.ESTIMATE, RunKind.REVISION):
            factory.record(24_000_000)
            prepared = factory.prepare(kind)
            factory.approve(prepared)
            factory.issue_notices(prepared.run_id)
        yield factory


def _pages(caller: Caller, path: str) -> Iterator[dict[str, Any]]:
    address = f"{path}?limit=1"
    while True:
        answer = caller.get(address)
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json  # type: ignore[assignment]
        yield page
        if page["next_cursor"] is None:
            return
        address = f"{path}?limit=1&cursor={page['next_cursor']}"


@pytest.mark.slow
def test_pages_together_are_the_list(callers: Callers, posted: Factory) -> None:
    finance = callers(Role.OPERATOR_FINANCE, Role.OPERATOR_AUDITOR)
    for path in LISTS:
        whole = finance.get(f"{path}?limit=200").json["items"]  # type: ignore[index]

        found = [item for page in _pages(finance, path) for item in page["items"]]

        assert found == whole, path
        assert len(whole) > 1, path


def test_a_cursor_of_another_tenant_or_list_gives_nothing(callers: Callers, posted: Factory) -> None:
    finance = callers(Role.OPERATOR_FINANCE, Role.OPERATOR_AUDITOR)
    municipality = callers(Role.TENANT_AUDITOR, of=posted.ids["431001"])
    of_tenants = finance.get("/tenants?limit=1").json["next_cursor"]  # type: ignore[index]
    for path in ("/audit-events", "/notices", "/tenants/431001/ledger/entries"):
        cursor = finance.get(f"{path}?limit=1").json["next_cursor"]  # type: ignore[index]

        refused = [
            municipality.get(f"{path}?cursor={cursor}"),
            finance.get(f"{path}?cursor={of_tenants}"),
            finance.get(f"{path}?cursor={cursor[:-4]}AAAA"),
            finance.get(f"/allocation-runs?cursor={cursor}"),
        ]

        assert [answer.status_code for answer in refused] == [422] * 4, path
        assert {answer.json["code"] for answer in refused} == {"api.cursor_wrong"}, path  # type: ignore[index]
