"""議会用の1枚: one A4 page with the amount, the change and the reason, of the municipality's own share."""

from __future__ import annotations

import io

import pytest
from pypdf import PdfReader

from billing.runs.council_sheet import council_sheet, council_sheet_pdf, share_before
from billing.runs.queries import ShareFacts, run_by_id, shares_of_tenant, workings_of_share
from billing.runs.states import RunKind
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import NotFound
from tests.factories import EIGHT, Factory


def own_shares(factory: Factory, code: str) -> list[ShareFacts]:
    with tenant_scope(factory.ids[code]):
        return shares_of_tenant(db.session(), factory.ids[code])


@pytest.mark.slow
def test_it_says_the_amount_the_change_and_why_on_one_page(thirteen: Factory) -> None:
    thirteen.approve(thirteen.prepare())
    thirteen.add_members(EIGHT)
    thirteen.record(1_000_000, name="追加")
    thirteen.approve(thirteen.prepare(RunKind.REVISION))
    share, before = own_shares(thirteen, "431001")

    with tenant_scope(thirteen.ids["431001"]):
        pdf = council_sheet_pdf(db.session(), share.id)
        workings = workings_of_share(db.session(), share.tenant_id, share.id).items
    sheet = council_sheet(share, before, workings, "令和7年6月2日（月）")

    assert dict(sheet.amounts) == {
        "負担額": "5,344,284円",
        "変更前の額": "5,907,051円",
        "増減額": "▲562,767円",
        "増減率": "▲9.5%",
    }
    assert sheet.reasons == (
        "経費の総額が 24,000,000円から 25,000,000円に変わりました。",
        "市町村で按分する額が 12,000,000円から 12,500,000円に変わりました。",
        "負担する団体が 13団体から 21団体に変わりました。",
    )
    pages = PdfReader(io.BytesIO(pdf)).pages
    words = pages[0].extract_text()
    assert len(pages) == 1
    for expected in ("令和7年度 負担金の額について", "熊本市", "5,344,284円", "▲562,767円", "均等割", "運営協議会"):
        assert expected in words


def test_a_first_share_has_nothing_to_compare_with(thirteen: Factory) -> None:
    thirteen.approve(thirteen.prepare())
    [share] = own_shares(thirteen, "435317")

    sheet = council_sheet(share, share_before(share, [share]), (), "令和7年6月2日（月）")

    assert dict(sheet.amounts) == {"負担額": "148,293円", "前の額": "―"}
    assert sheet.reasons == ()


def test_the_last_share_of_the_year_before_is_what_an_estimate_is_compared_with(thirteen: Factory) -> None:
    thirteen.approve(thirteen.prepare())
    [share] = own_shares(thirteen, "435317")
    last_year = share.model_copy(update={"fiscal_year": 2024, "run_number": 3, "share_yen": 140_000})
    long_ago = share.model_copy(update={"fiscal_year": 2020, "run_number": 1})

    before = share_before(share, [share, long_ago, last_year])
    sheet = council_sheet(share, before, (), "令和7年6月2日（月）")

    assert before == last_year
    assert dict(sheet.amounts)["前年度の額"] == "140,000円"
    assert dict(sheet.amounts)["増減額"] == "8,293円"
    assert sheet.reasons == ("経費・団体数・規程は変わらず、按分の基準となる統計値が変わりました。",)


def test_a_share_that_is_not_posted_or_anothers_has_no_sheet(thirteen: Factory) -> None:
    run = thirteen.prepare()
    with tenant_scope(OPERATOR):
        share = run_by_id(db.session(), run.run_id).shares[0]
        with pytest.raises(NotFound):
            council_sheet_pdf(db.session(), share.id)
    thirteen.approve(run)

    with tenant_scope(thirteen.ids["435317"]), pytest.raises(NotFound):
        council_sheet_pdf(db.session(), share.id)
