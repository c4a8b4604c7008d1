"""Lists and files: filters in the address, pages of fifty, and cells that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from typing import Any
from urllib.parse import quote
from zipfile import ZipFile

import pytest
from python_calamine import CalamineWorkbook
from werkzeug.test import TestResponse

from billing.costs.states import ItemKind
from billing.runs.queries import share_by_id, workings_of_share
from governance.kernel.database import db, tenant_scope
from governance.permissions import Role
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit
from tests.factories import Visitors

VisitAs = Callable[[Role], Visit]


def read_xlsx(answer: TestResponse) -> list[list[Any]]:
    """The rows of the file's only sheet, as another program reads them."""
    assert answer.content_type.endswith("spreadsheetml.sheet")
    [sheet] = CalamineWorkbook.from_filelike(io.BytesIO(answer.data)).sheet_names
    return CalamineWorkbook.from_filelike(io.BytesIO(answer.data)).get_sheet_by_name(sheet).to_python()


def test_filters_and_order_live_in_the_address(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_AUDITOR)

    agreed = visit.get("/tenants?state=agreed").text
    named = visit.get(f"/tenants?q={quote('益城')}").text
    by_name = visit.get("/tenants?order=code&direction=desc").text
    odd = visit.get("/tenants?state=nonsense&page=x&order=drop&kind=%00")

    assert "人吉市" in agreed
    assert "熊本市" not in agreed
    assert "益城町" in named
    assert "八代市" not in named
    assert by_name.index("益城町") < by_name.index("八代市")
    assert odd.status_code == 200
    assert visit.get("/tenants?q=%25").text.count('<th scope="row">') == 0


def test_a_long_list_comes_in_pages_of_fifty(sample: ConsoleSample, visitors: Visitors, visit_as: VisitAs) -> None:
    for number in range(60):
        visitors.municipality(f"44{number:04}", f"第{number}町")
    visit = visit_as(Role.OPERATOR_AUDITOR)

    first = visit.get("/tenants?state=trial").text
    next_page = html.unescape(re.findall(r'rel="next" href="([^"]+)"', first)[0])
    visitors.municipality("440999", "間の町")
    second = visit.get(next_page).text

    rows = [re.findall(r"第\d+町", page) for page in (first, second)]
    assert [first.count('<th scope="row">'), second.count('<th scope="row">')] == [50, 11]
    assert rows[0] + rows[1] == [f"第{number}町" for number in range(60)]
    assert 'rel="next"' not in second
    assert 'href="/tenants?state=trial"' in second
    assert visit.get("/tenants?state=agreed&cursor=" + next_page.partition("cursor=")[2]).status_code == 422
    assert visit.get("/tenants?cursor=x").status_code == 422


def test_the_csv_has_every_row_a_mark_of_its_encoding_and_no_formula(
    sample: ConsoleSample, visitors: Visitors, visit_as: VisitAs
) -> None:
    visitors.municipality("440001", "=1+1町")
    visitors.municipality("440002", "𠮷野町")
    visit = visit_as(Role.OPERATOR_AUDITOR)

    utf8, cp932 = visit.get("/tenants.csv?state=trial"), visit.get("/tenants.csv?state=trial&encoding=cp932")

    assert utf8.data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(utf8.data.decode("utf-8-sig"))))
    assert [row[1] for row in rows[1:]] == ["'=1+1町", "𠮷野町"]
    assert rows[0][0] == "団体コード"
    assert "〓野町" in cp932.data.decode("cp932")
    assert cp932.headers["X-Characters-Replaced"] == "1"
    assert utf8.headers["X-Characters-Replaced"] == "0"


def test_the_excel_file_has_the_rows_as_text_numbers_and_days_and_no_formula(
    sample: ConsoleSample, visitors: Visitors, visit_as: VisitAs
) -> None:
    visitors.municipality("440001", "=1+1町")
    visit = visit_as(Role.OPERATOR_FINANCE)

    municipalities = read_xlsx(visit.get("/tenants.xlsx?state=trial"))
    shares = read_xlsx(visit.get(f"/allocations/{sample.run_id}/shares.xlsx"))
    entries = read_xlsx(visit.get(f"/ledger/{sample.tenant_id}/entries.xlsx?fiscal_year=2025"))

    assert [row[:2] for row in municipalities] == [["団体コード", "名称"], ["440001", "=1+1町"]]
    assert sum(row[3] for row in shares[1:-1]) == shares[-1][3] == 24_000_000
    assert shares[1][:2] == ["431001", "熊本市"]
    assert entries[1][2] == date(2025, 6, 2)


def test_costs_notices_and_books_of_a_year_are_files_that_add_up_and_the_pages_lead_to_them(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    sample.factory.record(500_000, ItemKind.GRANT, name="交付金")

    costs, notices, books = (
        read_xlsx(visit.get(f"/{what}.xlsx?fiscal_year=2025")) for what in ("costs", "notices", "ledger")
    )

    assert [(row[2], row[4]) for row in costs[1:]] == [("経費", 24_000_000), ("補助金・交付金", -500_000)]
    assert sorted(row[1] for row in notices[1:]) == ["2025-01-431001", "2025-01-432024", "2025-01-434434"]
    # Half of it is the operator's, and what rounding left.
    assert sum(row[5] for row in notices[1:]) == 11_999_999
    assert {row[1] for row in books[1:]} == {"熊本県", "熊本市", "八代市", "益城町"}
    for what in ("costs", "notices", "ledger"):
        assert f'href="/{what}.xlsx?fiscal_year=2025"' in visit.get(f"/{what}?fiscal_year=2025").text
        assert len(read_xlsx(visit.get(f"/{what}.xlsx?fiscal_year=2024"))) == 1


def test_the_workings_of_a_share_are_a_sheet_that_computes_them_down_to_the_yen(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    owner = visit_as(Role.TENANT_OWNER)
    with tenant_scope(sample.tenant_id):
        share = share_by_id(db.session(), sample.share_id)
        lines = workings_of_share(db.session(), sample.tenant_id, sample.share_id).items

    answer = owner.get(f"/shares/{sample.share_id}/workings.xlsx")

    header, *rows = read_xlsx(answer)
    assert header[3:8] == ["按分対象額（円）", "割合", "団体の基準値", "全団体の合計", "端数処理前の額（円）"]
    for row, line in zip(rows, lines, strict=False):
        pool, ratio, weight, total, product = row[3:8]
        assert product == pytest.approx(float(Fraction(line.exact_yen)))
        assert pool * ratio * weight / total == pytest.approx(product)
    assert rows[-1][1] == "負担額"
    assert rows[-1][7] == share.share_yen
    with ZipFile(io.BytesIO(answer.data)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "D2*E2*F2/G2" in re.findall(r"<f>([^<]+)</f>", sheet)
    assert f'href="/shares/{sample.share_id}/workings.xlsx"' in owner.get(f"/shares/{sample.share_id}").text
    assert owner.get(f"/shares/{sample.other_share_id}/workings.xlsx").status_code == 404


def test_whatever_a_visitor_puts_into_the_address_is_no_more_than_a_query(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    names = ("endpoint", "_method", "_external", "_scheme", "file_kind", "encoding", "self")
    query = "&".join(f"{name}=javascript" for name in names)

    answers = [visit.get(f"{path}?{query}") for path in ("/", "/tenants", "/audit", "/costs")]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert all("javascript:" not in answer.text for answer in answers)


def test_a_municipality_has_its_own_rows_alone_in_lists_and_files(sample: ConsoleSample, visit_as: VisitAs) -> None:
    owner = visit_as(Role.TENANT_OWNER)

    files = [owner.get(address) for address in ("/tenants.csv", "/audit.csv", "/notices.csv", "/costs.csv")]
    pages = [owner.get(address).text for address in ("/audit", "/notices", "/allocations", "/")]

    for answer in files:
        assert answer.status_code == 200
        assert "八代市" not in answer.data.decode("utf-8-sig")
    assert all("八代市" not in page for page in pages)
    assert "熊本市" in files[0].data.decode("utf-8-sig")
    assert "2025-01-431001" in files[2].data.decode("utf-8-sig")
    assert len(files[3].data.decode("utf-8-sig").splitlines()) == 1
    assert owner.get("/ledger.csv").status_code == 303


def test_a_plan_shows_each_change_as_a_bar_in_the_table(sample: ConsoleSample, visit_as: VisitAs) -> None:
    page = visit_as(Role.OPERATOR_ONBOARDING).get("/cohorts/fy2025-two/plan").text

    table = page[page.index('<table class="rows">') : page.index("</table>")]
    rows = re.findall(r'<th scope="row">.*?</tr>', table, re.DOTALL)

    assert len(rows) == 5 + 1
    assert table.count('<svg class="bar"') == 3  # The two that join have nothing to compare with.
    assert re.search(
        r"5団体になると、3団体の負担は合計で[0-9.]+%（[0-9,]+万?円）、団体ごとに[0-9.]+〜[0-9.]+%下がります", table
    )
    assert "style" not in table
    assert "変更前" in table
    assert "現在" not in table


def test_a_notice_is_the_paper_that_was_issued(sample: ConsoleSample, visit_as: VisitAs) -> None:
    answer = visit_as(Role.TENANT_FINANCE).get(f"/notices/{sample.notice_id}.pdf")

    assert answer.mimetype == "application/pdf"
    assert answer.data.startswith(b"%PDF")


def _send_file(visit: Visit, text: str, **fields: str) -> str:
    answer = visit.post(
        "/tenants/import",
        data={
            "csrf_token": visit.token,
            "step": "confirm",
            "key": "k",
            "content": (io.BytesIO(text.encode()), "t.csv"),
            **fields,
        },
    )
    return visit.get(answer.location).text


def test_importing_shows_a_verdict_for_each_row_before_anything_is_imported(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    good = "code6,name_ja,kana,kind\n432059,水俣市,ミナマタシ,city\n"
    wrong = good + "432058,水俣市,ミナマタシ,city\n"

    verdict, refused = _send_file(visit, good), _send_file(visit, wrong)

    assert "1行すべて取り込めます" in verdict
    assert "2行のうち1行に誤りがあります" in refused
    assert "正しくは 432059" in refused
    assert "水俣市" not in visit.get("/tenants").text

    hidden_fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', verdict))
    done = visit.submit("/tenants/import", **{**hidden_fields, "csrf_token": visit.token, "step": "apply"})

    assert done.status_code == 303
    assert "水俣市" in visit.get("/tenants").text


def test_the_page_of_the_import_says_every_error_at_once_and_takes_the_file_anew(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    header = "団体コード,団体名,フリガナ,種別,人口（令和2年）,市長,出典\n"
    text = f"{header}432058,水俣市,みなまたし,市,2.3万,x,国勢調査\n432148,阿蘇市,アソシ,都市,24930,x,国勢調査\n"

    page = _send_file(visit, text)

    for said in (
        "2行のうち2行に誤りがあります",
        "列「市長」は取り込めません",
        "読み「みなまたし」は全角カタカナ",
        "例: ミナマタシ",
        "正しくは 432059",
        "種別「都市」は使えません",
        "列「人口（令和2年）」の基準日を指定してください",
    ):
        assert said in html.unescape(page)
    assert 'aria-describedby="date_population-hint date_population-wrong"' in page
    assert 'type="file"' in page
    assert "水俣市" not in visit.get("/tenants").text

    right = _send_file(
        visit,
        "団体コード,団体名,フリガナ,種別,人口（令和2年）,出典\n４３２０５９,水俣市,ミナマタシ,市,２．３万,国勢調査\n",
        date_population="令和2年10月1日",
    )

    assert "1行すべて取り込めます" in right
    assert "２．３万 → <strong>23,000</strong>" in html.unescape(right)


def test_the_import_page_names_the_columns_and_gives_a_template(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    page = visit.get("/tenants/import").text
    template = visit.get("/tenants/import/template.csv")
    for_shift_jis = visit.get("/tenants/import/template.csv?encoding=cp932")

    (header,) = csv.reader(io.StringIO(template.data.decode("utf-8-sig")))
    assert header[:4] == ["団体コード", "団体名", "フリガナ", "種別"]
    assert all(f">{heading}" in page for heading in header)
    assert for_shift_jis.data.decode("cp932").strip() == template.data.decode("utf-8-sig").strip()
    assert "attachment" in template.headers["Content-Disposition"]
    assert visit_as(Role.TENANT_OWNER).get("/tenants/import/template.csv").status_code == 403
