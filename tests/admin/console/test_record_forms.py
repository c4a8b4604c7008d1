"""Figures, contacts, cohorts, plans, agreements and entries on the screen: done once, refused at the field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date

import pytest

from billing.ledger.queries import entries
from governance.agreements.queries import versions
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.quotas.queries import dimensions, get_plan
from tenancy.tenants.queries import TenantFilter, cohorts, contacts, list_tenants, statistics
from tests.admin.console.conftest import ConsoleSample
from tests.admin.console.test_forms import hidden
from tests.admin.visitors import Visit
from tests.factories import IN_FISCAL_YEAR_2025

VisitAs = Callable[[Role], Visit]

FIGURE = {"kind": "population", "value": "740822", "basis_date": "R7.4.1", "source": "熊本県推計人口調査"}
CONTACT = {"section": "財政課", "name": "佐藤 一郎", "email": "zaisei@city.example.jp", "phone": "096-333-0000"}
ENTRY = {
    "reference": "D-2025-001",
    "happened_on": "2025-06-02",
    "memo": "端数の調整",
    "kind": "ordinary",
    "account_1": "receivable",
    "debit_1": "1,000",
    "credit_1": "",
    "account_2": "burden",
    "debit_2": "",
    "credit_2": "1000",
}


@pytest.fixture(autouse=True)
def in_the_year() -> Iterator[None]:
    with clock.at(IN_FISCAL_YEAR_2025):
        yield


def test_a_statistic_is_confirmed_beside_the_current_one_and_supersedes_it(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    address = f"/tenants/{sample.tenant_id}/statistics/record"

    first = visit.submit(address, step="apply", key="f1", **FIGURE)
    confirm = visit.submit(address, step="confirm", key="f2", **{**FIGURE, "value": "740900"})
    second = visit.submit(address, **{**hidden(confirm), "step": "apply"})
    again = visit.submit(address, **{**hidden(confirm), "step": "apply"})

    assert "740,822 →" in confirm.text
    assert (first.status_code, second.status_code, again.status_code) == (303, 303, 303)
    with tenant_scope(OPERATOR):
        found = [row.value for row in statistics(db.session(), sample.tenant_id) if row.basis_date == date(2025, 4, 1)]
    assert found == ["740900"]


WRONG_FIGURES = (
    ("value", "約７４０"),
    ("value", "-1"),
    ("value", "74.5"),
    ("basis_date", "2099-01-01"),
    ("kind", "x"),
    ("source", ""),
)


def test_an_invalid_statistic_is_shown_at_its_field(
    sample: ConsoleSample, visit_as: VisitAs, subtests: pytest.Subtests
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)

    for field, typed in WRONG_FIGURES:
        with subtests.test(field=field, typed=typed):
            address, entered = f"/tenants/{sample.tenant_id}/statistics/record", {**FIGURE, field: typed}
            answer = visit.submit(address, step="apply", key="f", **entered)

            assert answer.status_code == 422
            assert f'href="#{field}"' in answer.text
            with tenant_scope(OPERATOR):
                found = statistics(db.session(), sample.tenant_id)
            assert all(row.basis_date != date(2025, 4, 1) for row in found)


def test_an_owner_names_a_contact_of_the_own_tenant_and_removes_it(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.TENANT_OWNER)
    address = f"/tenants/{sample.tenant_id}/contacts/finance"

    wrong = visit.submit(address, step="apply", key="c0", **{**CONTACT, "email": "zaisei"})
    unwritten = _contacts(sample)
    named = visit.submit(address, step="apply", key="c1", **CONTACT)
    written = _contacts(sample)
    shown = visit.get(address)
    elsewhere = visit.submit(f"/tenants/{sample.other_id}/contacts/finance", step="apply", key="c2", **CONTACT)
    unknown = visit.get(f"/tenants/{sample.tenant_id}/contacts/nobody")
    removed = visit.submit(f"{address}/remove", step="apply", key="c3")

    assert (wrong.status_code, named.status_code, removed.status_code) == (422, 303, 303)
    assert 'href="#email"' in wrong.text
    assert unwritten == []
    assert written == ["佐藤 一郎"]
    assert 'value="佐藤 一郎"' in shown.text
    assert (elsewhere.status_code, unknown.status_code) == (404, 404)
    assert _contacts(sample) == []


def test_a_cohort_is_defined_with_those_to_come_in_and_leads_to_its_plan(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    visit.submit("/tenants/new", step="apply", key="t", kind="city", code="432059", name="水俣市", kana="ミナマタシ")
    with tenant_scope(OPERATOR):
        newcomer = next(tenant for tenant in list_tenants(db.session()) if tenant.code == "432059")
    cohort = {"name": "fy2026", "label": "令和8年度参加", "fiscal_year": "2026"}

    page = visit.get("/define-cohort").text
    taken = visit.submit("/define-cohort", step="apply", key="d0", **cohort, tenant_ids=str(sample.tenant_id))
    made = visit.submit("/define-cohort", step="apply", key="d1", **cohort, tenant_ids=str(newcomer.id))
    again = visit.submit("/define-cohort", step="apply", key="d2", **{**cohort, "label": "別の名称"})

    assert "水俣市" in page
    assert "熊本市" not in page
    assert (taken.status_code, made.status_code, again.status_code) == (422, 303, 409)
    assert made.headers["Location"] == "/cohorts/fy2026/plan"
    with tenant_scope(OPERATOR):
        assert [one.label for one in cohorts(db.session()) if one.name == "fy2026"] == ["令和8年度参加"]
        assert [tenant.name for tenant in list_tenants(db.session(), TenantFilter(cohort="fy2026"))] == ["水俣市"]


def test_a_plan_is_defined_and_its_values_changed_from_a_day_on(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    with tenant_scope(OPERATOR):
        names = [one.name for one in dimensions(db.session())]
    plan = {"name": "large", "label": "大規模", "valid_from": ""}
    values = {f"quota_{name}": "500" for name in names}

    wrong = visit.submit("/plans/define", step="apply", key="p0", **plan, **{**values, f"quota_{names[0]}": "五百"})
    made = visit.submit("/plans/define", step="apply", key="p1", **plan, **values)
    change = {**values, f"quota_{names[0]}": "", "valid_from": "2026-04-01"}
    confirm = visit.submit("/plans/define?plan=large", step="confirm", key="p2", **change)
    changed = visit.submit("/plans/define?plan=large", step="apply", key="p2", **change)

    assert (wrong.status_code, made.status_code, changed.status_code) == (422, 303, 303)
    assert f'href="#quota_{names[0]}"' in wrong.text
    assert "無制限" in confirm.text
    with tenant_scope(OPERATOR):
        assert get_plan(db.session(), "large", date(2025, 6, 2)).quotas[names[0]] == 500
        assert get_plan(db.session(), "large", date(2026, 4, 1)).quotas[names[0]] is None


def test_the_next_version_of_an_agreement_begins_as_a_copy_and_is_published_once(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    with tenant_scope(OPERATOR):
        before = versions(db.session())
    address = f"/agreements/publish?after={before[0].id}"
    text = "第1条 データの利用について定める。\n第2条 費用は、負担金算定規程により負担する。\n"
    entered = {"language": "ja", "mandatory": "yes", "text": text, "effective_from": "2026-04-01"}

    shown = visit.get(address)
    early = visit.submit(address, step="apply", key="a0", **{**entered, "effective_from": "1999-04-01"})
    foreign = visit.submit(address, step="apply", key="a1", **{**entered, "language": "fr"})
    confirm = visit.submit(address, step="confirm", key="a2", **entered)
    made = visit.submit(address, step="apply", key="a2", **entered)
    again = visit.submit(address, step="apply", key="a2", **entered)

    assert before[0].text.splitlines()[0] in shown.text
    assert (early.status_code, foreign.status_code) == (422, 422)
    assert 'href="#effective_from"' in early.text
    assert "取り消せません" in confirm.text
    assert (made.status_code, again.status_code) == (303, 303)
    with tenant_scope(OPERATOR):
        after = versions(db.session())
    assert len(after) == len(before) + 1
    assert after[0].text == text
    page = visit.get(made.headers["Location"]).text
    assert "第2条" in page
    assert after[0].sha256[:8] in page
    assert after[0].sha256[:8] in confirm.text


def test_an_entry_is_added_up_posted_once_and_reversed_by_its_opposite(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    address = f"/ledger/{sample.tenant_id}/entries/post"
    before = _entries(sample)

    confirm = visit.submit(address, step="confirm", key="e", **ENTRY)
    unposted = _entries(sample)
    first = visit.submit(address, **{**hidden(confirm), "step": "apply"})
    second = visit.submit(address, **{**hidden(confirm), "step": "apply"})
    other = visit.submit(address, step="apply", key="e2", **{**ENTRY, "debit_1": "2000", "credit_2": "2000"})

    assert confirm.text.count("1,000") >= 4
    assert unposted == before
    assert (first.status_code, second.status_code, other.status_code) == (303, 303, 303)
    assert first.headers["Location"] == second.headers["Location"]
    assert _entries(sample) == before
    approver = visit_as(Role.OPERATOR_APPROVER)
    approve_on_the_page(approver, first.headers["Location"])
    assert len(_entries(sample)) == len(before) + 1
    address_of_other = other.headers["Location"].partition("?")[0]
    late = approver.submit(f"{address_of_other}/decide", decision="approved", **hidden(approver.get(address_of_other)))
    assert (late.status_code, len(_entries(sample))) == (409, len(before) + 1)
    assert "実行できません" in late.text

    with tenant_scope(OPERATOR):
        newest = entries(db.session(), sample.tenant_id, fiscal_year=2025, limit=1)[0]
    page = f"/ledger/{sample.tenant_id}/entries/{newest.id}"
    early = visit.submit(f"{page}/reverse", step="apply", key="r0", happened_on="2025-05-01", reason="誤り")
    reversed_ = visit.submit(f"{page}/reverse", step="apply", key="r1", happened_on="2025-06-02", reason="誤り")
    twice = visit.submit(f"{page}/reverse", step="apply", key="r2", happened_on="2025-06-02", reason="誤り")

    assert (early.status_code, reversed_.status_code, twice.status_code) == (422, 303, 303)
    assert len(_entries(sample)) == len(before) + 1
    done = approve_on_the_page(approver, reversed_.headers["Location"])
    assert len(_entries(sample)) == len(before) + 2
    [result] = [link for link in re.findall(r'href="([^"]+)"', done) if link.endswith("done=reversed")]
    assert "反対の仕訳を記帳しました" in visit.get(result).text
    assert "この仕訳を取り消す" not in visit.get(page).text


def approve_on_the_page(approver: Visit, location: str) -> str:
    """Approve the request on its page, which shows what would be done. Returns the page afterwards."""
    address = location.partition("?")[0]
    page = approver.get(address)
    assert "承認する" in page.text
    sent = approver.submit(f"{address}/decide", decision="approved", reason="確認済み", **hidden(page))
    assert sent.status_code == 303, sent.text
    done = approver.get(sent.headers["Location"]).text
    assert "承認しました" in done
    assert "確認済み" in done
    return done


WRONG_ENTRIES: tuple[tuple[dict[str, str], str], ...] = (
    ({"credit_2": "999"}, "debit_1"),
    ({"credit_2": ""}, "debit_2"),
    ({"credit_1": "5"}, "debit_1"),
    ({"debit_1": "千"}, "debit_1"),
    ({"debit_1": "-1000"}, "debit_1"),
    ({"account_1": "cash"}, "account_1"),
    ({"reference": "伝票"}, "reference"),
    ({"happened_on": ""}, "happened_on"),
    ({"memo": ""}, "memo"),
    ({"account_1": "", "debit_1": "", "account_2": "", "credit_2": ""}, "debit_1"),
    ({"kind": "reversal"}, "kind"),
)


def test_an_invalid_entry_is_shown_at_its_field_and_not_posted(
    sample: ConsoleSample, visit_as: VisitAs, subtests: pytest.Subtests
) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    before = _entries(sample)

    for changes, field_in_error in WRONG_ENTRIES:
        with subtests.test(**changes):
            answer = visit.submit(
                f"/ledger/{sample.tenant_id}/entries/post", step="apply", key="e", **{**ENTRY, **changes}
            )

            assert answer.status_code == 422
            assert f'href="#{field_in_error}"' in answer.text
            assert _entries(sample) == before


def _contacts(sample: ConsoleSample) -> list[str]:
    with tenant_scope(OPERATOR):
        return [row.name for row in contacts(db.session(), sample.tenant_id) if row.purpose == "finance"]


def _entries(sample: ConsoleSample) -> list[str]:
    with tenant_scope(OPERATOR):
        return [one.reference for one in entries(db.session(), sample.tenant_id, fiscal_year=2025, limit=100)]
