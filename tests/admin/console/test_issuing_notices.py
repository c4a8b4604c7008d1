"""Notices on the screen: what is confirmed is shown as it will be, a run that nobody was notified of is asked about."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote

import pytest
from pypdf import PdfReader

from billing.runs.commands import RejectAllocation, reject_allocation
from billing.runs.states import RunKind
from governance.kernel import clock
from governance.permissions import Role
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit
from tests.database_rows import rows
from tests.factories import Factory

VisitAs = Callable[[Role], Visit]

TAGS: Final = re.compile(r"<[^>]+>")


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", TAGS.sub(" ", page))


def revised(factory: Factory, yen: int = 1_000_000) -> str:
    """The year's revision with a further cost, posted. Returns the run's id."""
    factory.record(yen, name=f"追加 {yen}")
    revision = factory.prepare(RunKind.REVISION)
    factory.approve(revision)
    return str(revision.run_id)


def confirm(visit: Visit, address: str, **fields: str) -> str:
    return visit.submit(address, key="k", step="confirm", **fields).text


def test_the_confirmation_shows_the_dates_each_kind_and_each_notice(sample: ConsoleSample, visit_as: VisitAs) -> None:
    finance = visit_as(Role.OPERATOR_FINANCE)
    address = f"/allocations/{revised(sample.factory)}/notices"
    before = rows("notice")

    form, page = finance.get(address).text, confirm(finance, address)

    assert 'name="earlier_runs"' not in form
    said = text_of(page)
    assert "納入通知書 3通 499,999円" in said
    assert "発行日 令和7年6月2日（月）（本日承認された場合）" in said
    assert "納期限 令和7年6月16日（月）（本日承認された場合）" in said
    assert re.search(r"熊本市（見本PDF） 納入通知書 [0-9,]+ [0-9,]+ [0-9,]+", said)
    assert rows("notice") == before


def test_a_chosen_date_is_shown_without_a_condition(sample: ConsoleSample, visit_as: VisitAs) -> None:
    finance = visit_as(Role.OPERATOR_FINANCE)

    page = confirm(finance, f"/allocations/{revised(sample.factory)}/notices", due_on="2025-06-30")

    assert "納期限 令和7年6月30日（月） " in text_of(page)


def test_the_sample_of_the_list_is_a_paper_without_a_number(sample: ConsoleSample, visit_as: VisitAs) -> None:
    finance = visit_as(Role.OPERATOR_FINANCE)
    before = rows("notice")
    page = confirm(finance, f"/allocations/{revised(sample.factory)}/notices", claim="共同利用の負担金")
    links = re.findall(r'href="(/allocations/[^"]+/notices/sample/[^"]+)"', page)

    papers = [finance.get(link.replace("&amp;", "&")) for link in links]

    assert len(papers) == 3
    assert all(paper.mimetype == "application/pdf" for paper in papers)
    words = "".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(papers[0].data)).pages)
    assert "見本" in words
    assert "共同利用の負担金" in words
    assert "2025-02" not in words
    assert rows("notice") == before
    assert visit_as(Role.TENANT_FINANCE).get(links[0].replace("&amp;", "&")).status_code == 404


def test_where_the_telephone_for_questions_is_missing_the_form_leads_to_where_it_is_set(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    finance, before = visit_as(Role.OPERATOR_FINANCE), rows("notice")
    address = f"/allocations/{revised(sample.factory)}/notices"
    said = "通知書に印刷する問合せ先の電話番号がまだ定められていないため、発行できません。"
    assert said not in finance.get(address).text
    sample.factory.set_issuer_without_telephone()

    form, refused = finance.get(address).text, confirm(finance, address)
    setting = finance.get("/notices/issuer").text

    assert said in form
    assert 'href="/notices/issuer"' in form
    assert said in refused
    assert "電話333-0000" in setting
    assert 'name="contact_phone"' in setting
    assert rows("notice") == before


def test_a_run_that_was_not_notified_is_asked_about_before_the_next_one(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    finance = visit_as(Role.OPERATOR_FINANCE)
    second, third = revised(sample.factory), revised(sample.factory, 2_000_000)
    address = f"/allocations/{third}/notices"

    notices, form, refused = finance.get("/notices").text, finance.get(address).text, confirm(finance, address)
    combined = confirm(finance, address, earlier_runs="combine")

    # The filled button is the oldest run that waits.
    assert notices.index(f"/allocations/{second}/notices") < notices.index(f"/allocations/{third}/notices")
    assert "第1回変更の通知書が発行されていません" in form
    assert f'href="/allocations/{second}/notices"' in form
    assert "令和7年度の第1回変更が未通知です" in refused
    assert '<a href="#earlier_runs">' in refused
    assert "納入通知書 3通 1,500,000円" in text_of(combined)
    assert "未通知の回 未通知の回と合わせて、いまの負担額で通知する" in text_of(combined)


def test_the_approver_reads_the_same_plan(sample: ConsoleSample, visit_as: VisitAs) -> None:
    finance = visit_as(Role.OPERATOR_FINANCE)
    address = f"/allocations/{revised(sample.factory)}/notices"
    asked = finance.post(address, data={"csrf_token": finance.token, "key": "k", "step": "apply"})

    page = visit_as(Role.OPERATOR_APPROVER).get(unquote(asked.headers["Location"])).text

    assert asked.status_code == 303
    assert "納入通知書 3通 499,999円" in text_of(page)
    assert "令和7年6月16日（月）（本日承認された場合）" in text_of(page)
    assert "/notices/sample/" in page


def test_the_whole_list_is_a_file(sample: ConsoleSample, visit_as: VisitAs) -> None:
    finance = visit_as(Role.OPERATOR_FINANCE)
    run = revised(sample.factory)

    answer = finance.get(f"/allocations/{run}/notices/plan.csv")

    lines = answer.data.decode("utf-8-sig").splitlines()
    assert lines[0] == "団体コード,団体,文書,通知済み（円）,負担額（円）,今回の通知額（円）,発行日,納期限"
    assert len(lines) == 4
    assert lines[1].startswith("431001,熊本市,納入通知書,")


def test_a_municipality_sees_its_contributions_and_no_double_entry(sample: ConsoleSample, visit_as: VisitAs) -> None:
    finance = visit_as(Role.TENANT_FINANCE)

    answers = [finance.get(f"/ledger/{sample.tenant_id}"), finance.get("/ledger")]
    page = text_of(finance.get(f"/ledger/{sample.tenant_id}/contributions").text)

    assert {answer.headers["Location"] for answer in answers} == {f"/ledger/{sample.tenant_id}/contributions"}
    assert "熊本市の負担金の台帳" in page
    assert "収益" not in page
    assert "借方" not in page
    assert re.search(r"令和7年6月2日（月） 当初 令和7年度 負担金の調定（当初） ([0-9,]+) \1 2025-01-431001", page)
    assert finance.get(f"/ledger/{sample.other_id}/contributions").status_code == 404


@pytest.mark.parametrize("typed", ["", "2025-06-10"])
def test_the_approval_of_a_run_shows_the_day_it_is_posted_on(
    sample: ConsoleSample, visit_as: VisitAs, typed: str
) -> None:
    sample.factory.record(1_000_000, name="追加")
    prepared = sample.factory.prepare(RunKind.REVISION)
    approver = visit_as(Role.OPERATOR_APPROVER)

    page = confirm(approver, f"/allocations/{prepared.run_id}/approve", digest=prepared.digest, happened_on=typed)

    shown, sent = ("令和7年6月10日（火）", "2025-06-10") if typed else ("令和7年6月2日（月）", "2025-06-02")
    assert shown in page
    assert f'name="happened_on" value="{sent}"' in page


def test_a_past_year_is_warned_about_wherever_it_is_posted_into(sample: ConsoleSample, visit_as: VisitAs) -> None:
    run = revised(sample.factory)
    sample.factory.record(2_000_000, name="さらに追加")
    entry = {
        "reference": "hand:1",
        "happened_on": "2025-06-02",
        "memo": "訂正",
        "kind": "ordinary",
        "account_1": "receivable",
        "debit_1": "100",
        "account_2": "burden",
        "credit_2": "100",
    }

    def pages() -> list[str]:
        finance, approver = visit_as(Role.OPERATOR_FINANCE), visit_as(Role.OPERATOR_APPROVER)
        prepared = sample.factory.prepare(RunKind.REVISION)
        approving = f"/allocations/{prepared.run_id}/approve"
        found = [
            confirm(finance, f"/allocations/{run}/notices"),
            confirm(finance, f"/ledger/{sample.tenant_id}/entries/post", **entry),
            confirm(approver, approving, digest=prepared.digest, happened_on=""),
        ]
        reject_allocation(
            RejectAllocation(run_id=prepared.run_id, reason="見直し"), actor=sample.factory.actors.approver
        )
        return [*found, confirm(finance, "/allocations/prepare", fiscal_year="2025", kind="revision")]

    during = pages()
    with clock.at(datetime(2026, 11, 22, 1, 0, tzinfo=UTC)):
        after = pages()

    assert all("閉鎖" not in page for page in during)
    assert all("令和7年度の出納は令和8年5月31日（日）に閉鎖されました" in page for page in after)
