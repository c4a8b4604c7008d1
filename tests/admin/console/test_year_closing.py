"""年度の締切: one place for all books of a year, with what its dates say and what cannot be undone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from governance.kernel import clock
from governance.permissions import Role
from tests.admin.console.conftest import ConsoleSample
from tests.admin.console.test_issuing_notices import confirm, text_of
from tests.admin.visitors import Visit
from tests.database_rows import rows


def test_the_year_is_closed_in_one_place_for_all_books(
    sample: ConsoleSample, visit_as: Callable[[Role], Visit]
) -> None:
    address, before = "/ledger/years/2025/state", rows("ledger_period")
    finance = visit_as(Role.OPERATOR_FINANCE)

    books, book = finance.get("/ledger").text, finance.get(f"/ledger/{sample.tenant_id}").text
    form, page = text_of(finance.get(address).text), text_of(confirm(finance, address, to="closing"))

    assert f'href="{address}"' in books
    assert f'href="{address}"' in book
    assert "記帳できます 帳簿 4団体分" in form
    assert "締切済み" not in form
    assert "変わるもの 帳簿 4団体分" in page
    assert rows("ledger_period") == before
    assert finance.get("/ledger/years/1999/state").status_code == 404
    with clock.at(datetime(2026, 4, 10, 1, 0, tzinfo=UTC)):
        finance = visit_as(Role.OPERATOR_FINANCE)
        assert "いまは出納整理期間です" in finance.get(address).text
        assert "出納が閉鎖されるのは令和8年5月31日（日）です" in text_of(confirm(finance, address, to="closing"))
    with clock.at(datetime(2026, 6, 1, 1, 0, tzinfo=UTC)):
        # Once its books have closed, a year is closed without a word of warning.
        assert "閉鎖" not in text_of(confirm(visit_as(Role.OPERATOR_FINANCE), address, to="closing"))


def test_a_municipality_closes_nothing(sample: ConsoleSample, visit_as: Callable[[Role], Visit]) -> None:
    assert visit_as(Role.TENANT_FINANCE).get("/ledger/years/2025/state").status_code == 403
