"""The choice of a fiscal year in the frame of the pages about money: each list follows it, the address keeps it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from billing.costs.commands import RecordCost, record_cost
from billing.costs.states import ItemKind
from governance.kernel.fiscal_year import FiscalYear
from governance.permissions import Role
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit

VisitAs = Callable[[Role], Visit]


def _switch(page: str) -> str:
    found = re.search(r'<form class="years".*?</form>', page, re.S)
    return found[0] if found else ""


def _chosen(page: str) -> list[str]:
    return re.findall(r'<option value="(\d*)" selected>', _switch(page))


def _menu_of_the_group(page: str) -> list[str]:
    menu = page.split('<nav class="ways aside"', 1)[1].split("</nav>", 1)[0]
    return re.findall(r'href="([^"]*)"', menu.split('<li class="open">', 1)[1].split("</ul>", 1)[0])


@pytest.fixture
def next_year(sample: ConsoleSample) -> str:
    """The name of a cost of the year after the sample's."""
    record_cost(
        RecordCost(fiscal_year=2026, pool="running", kind=ItemKind.COST, name="翌年度の経費", yen=7, source="見積書"),
        actor=sample.factory.actors.finance,
    )
    return "翌年度の経費"


@pytest.mark.parametrize("path", ["/costs", "/allocations", "/notices", "/ledger"])
def test_each_list_shows_the_year_of_the_address_and_says_which(
    sample: ConsoleSample, visit_as: VisitAs, next_year: str, path: str
) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)

    present, following = (visit.get(f"{path}?fiscal_year={year}").text for year in (2025, 2026))

    of_2025 = {
        "/costs": f'href="/costs/{sample.item_id}"',
        "/allocations": f'href="/allocations/{sample.run_id}"',
        "/notices": f'href="/notices/{sample.notice_id}"',
        "/ledger": f'href="/ledger/{sample.tenant_id}?fiscal_year=2025"',
    }[path]
    assert (_chosen(present), _chosen(following)) == (["2025"], ["2026"])
    assert of_2025 in present
    assert of_2025 not in following
    if path in ("/costs", "/allocations"):
        assert (next_year in present, next_year in following) == (False, True)
    assert f'<form class="years" method="get" action="{path}">' in present, "it works without script"


def test_the_menu_of_the_group_keeps_the_chosen_year_and_no_other_group_does(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)

    chosen, unchosen = visit.get("/costs?fiscal_year=2026").text, visit.get("/costs").text

    assert _menu_of_the_group(chosen)[1:] == [
        f"{path}?fiscal_year=2026" for path in ("/costs", "/allocations", "/notices", "/ledger")
    ]
    assert _menu_of_the_group(unchosen)[1:] == ["/costs", "/allocations", "/notices", "/ledger"]
    assert 'href="/tenants?fiscal_year' not in chosen
    assert visit.get(_menu_of_the_group(chosen)[3]).status_code == 200


def test_an_object_shows_its_own_year_and_another_choice_leads_to_the_list(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)

    for address, path in (
        (f"/allocations/{sample.run_id}", "/allocations"),
        (f"/notices/{sample.notice_id}", "/notices"),
        (f"/costs/{sample.item_id}", "/costs"),
    ):
        page = visit.get(address).text
        assert _chosen(page) == ["2025"], address
        assert f'action="{path}"' in _switch(page)
        assert f"{path}?fiscal_year=2025" in _menu_of_the_group(page)


def test_every_year_is_offered_where_a_list_can_show_all_of_them(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)

    for path, offers_all in (("/costs", False), ("/ledger", False), ("/allocations", True), ("/notices", True)):
        page = visit.get(path).text
        assert ('<option value="">すべての年度</option>' in _switch(page)) is offers_all, path
        assert _chosen(page) == ([] if offers_all else ["2025"]), path
        years = [int(year) for year in re.findall(r'<option value="(\d+)"', _switch(page))]
        assert years == sorted(years, reverse=True)
        assert {2025, 2026} <= set(years)


def test_a_municipality_switches_the_year_of_its_own_shares_notices_and_contributions(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.TENANT_FINANCE)
    ledger = f"/ledger/{sample.tenant_id}/contributions"

    for path, own in (("/allocations", str(sample.share_id)), ("/notices", str(sample.notice_id))):
        assert own in visit.get(f"{path}?fiscal_year=2025").text
        assert own not in visit.get(f"{path}?fiscal_year=2026").text
    assert FiscalYear(2026).label in visit.get(f"{ledger}?fiscal_year=2026").text
    assert _menu_of_the_group(visit.get(f"{ledger}?fiscal_year=2026").text)[1:] == [
        "/allocations?fiscal_year=2026",
        "/notices?fiscal_year=2026",
        f"{ledger}?fiscal_year=2026",
    ]


@pytest.mark.parametrize("year", ["", "abcd", "99999", "２０２５", "-1"])
def test_a_year_that_is_none_is_as_good_as_no_choice(sample: ConsoleSample, visit_as: VisitAs, year: str) -> None:
    page = visit_as(Role.OPERATOR_FINANCE).get("/costs", query_string={"fiscal_year": year})

    assert page.status_code == 200
    assert _chosen(page.text) == ["2025"]
    assert _menu_of_the_group(page.text)[1] == "/costs"


def test_pages_about_no_year_offer_none(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)

    for path in ("/", "/tenants", "/rules", "/costs/record", "/allocations/prepare"):
        assert _switch(visit.get(path).text) == "", path
