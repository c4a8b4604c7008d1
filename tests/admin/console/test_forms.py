"""Forms: what is refused is shown at its field and keeps what was typed; what is sent twice is done once."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
from werkzeug.test import TestResponse

from billing.runs.queries import run_summaries
from billing.runs.states import RunState
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.onboarding.queries import onboardings_in_progress
from tenancy.quotas.queries import quota_requests
from tenancy.tenants import queries
from tenancy.tenants.commands import EditTenant, edit_tenant
from tenancy.tenants.states import TenantState
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit
from tests.database_rows import recorded, rows

VisitAs = Callable[[Role], Visit]


def hidden(page: TestResponse) -> dict[str, str]:
    """The hidden fields of the page's forms, the sign-out's left out."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
    return {name: unescape(value) for name, value in found if name != "csrf_token"}


def test_a_wrong_check_digit_is_shown_at_the_field_with_what_was_typed(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    entered = {"kind": "city", "code": "432059", "name": "水俣𠮷市", "kana": "ミナマタシ"}
    entered["code"] = "432058"

    answer = visit.submit("/tenants/new", step="apply", key="a-key", **entered)

    assert answer.status_code == 422
    assert "432058" in answer.text
    assert "432059" in answer.text
    assert 'href="#code"' in answer.text
    assert 'value="水俣𠮷市"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    with tenant_scope(OPERATOR):
        assert "水俣𠮷市" not in [tenant.name for tenant in queries.list_tenants(db.session())]


def test_registering_twice_by_a_double_click_registers_once(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    entered = {"kind": "city", "code": "432059", "name": "水俣市", "kana": "ミナマタシ", "valid_from": "R8.4.1"}

    confirm = visit.submit("/tenants/new", step="confirm", key="one-key", **entered)
    sent = hidden(confirm)
    first = visit.submit("/tenants/new", **{**sent, "step": "apply"})
    second = visit.submit("/tenants/new", **{**sent, "step": "apply"})

    assert confirm.status_code == 200
    assert sent["key"] == "one-key"
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["Location"] == second.headers["Location"]
    assert "登録しました" in visit.get(first.headers["Location"]).text
    with tenant_scope(OPERATOR):
        assert [tenant.name for tenant in queries.list_tenants(db.session())].count("水俣市") == 1


def test_an_edit_of_what_changed_meanwhile_says_so_and_keeps_what_was_typed(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    address = f"/tenants/{sample.tenant_id}/edit"
    shown = visit.get(address)
    version = hidden(shown)["version"]
    with tenant_scope(OPERATOR):
        tenant = queries.tenant(db.session(), sample.tenant_id)
    edit_tenant(
        EditTenant(
            tenant_id=tenant.id,
            version=tenant.version,
            code=tenant.code,
            name="熊本市",
            kana="クマモトシ",
            name_en=None,
            valid_from=tenant.valid_from,
        ),
        actor=sample.people[Role.OPERATOR_ONBOARDING],
    )

    answer = visit.submit(
        address,
        step="apply",
        key="k",
        version=version,
        code="431001",
        name="熊本市",
        kana="クマモト",
        name_en="Kumamoto",
        valid_from="2025-04-01",
    )

    assert answer.status_code == 409
    assert "この間に行われた変更" in answer.text
    assert "山田 花子" in answer.text
    assert 'value="クマモト"' in answer.text
    with tenant_scope(OPERATOR):
        assert queries.tenant(db.session(), sample.tenant_id).kana == "クマモトシ"

    again = visit.submit(address, **{**_fields(answer), "step": "apply"})

    assert again.status_code == 303
    with tenant_scope(OPERATOR):
        assert queries.tenant(db.session(), sample.tenant_id).kana == "クマモト"


def test_a_suspension_asks_for_the_code_of_the_tenant(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    address = f"/tenants/{sample.tenant_id}/state"
    fields = {"to": "suspended", "reason": "申し出のため", "effective_on": "", "key": "k"}

    confirm = visit.submit(address, step="confirm", **fields)
    without = visit.submit(address, step="apply", code_typed="43100", **fields)

    assert "費用の負担" in confirm.text
    assert "ログインできる利用者" in confirm.text
    assert without.status_code == 422
    assert "431001" in without.text
    with tenant_scope(OPERATOR):
        assert queries.tenant(db.session(), sample.tenant_id).state == TenantState.ACTIVE

    assert visit.submit(address, step="apply", code_typed="431001", **fields).status_code == 303
    with tenant_scope(OPERATOR):
        assert queries.tenant(db.session(), sample.tenant_id).state == TenantState.SUSPENDED


@pytest.mark.parametrize("address", ["departure", "merger"])
def test_leaving_is_asked_for_only_where_a_tenant_can_leave(
    sample: ConsoleSample, visit_as: VisitAs, address: str
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    joining_id = sample.factory.ids["432032"]
    fields = {"notified_on": "2025-10-01", "last_day": "2026-03-31", "successor_id": str(sample.tenant_id)}
    fields |= {"merged_on": "2026-04-01", "reason": "届出による", "key": "k"}
    before = rows("tenant"), rows("departure"), rows("merger")

    offered = visit.get(f"/tenants/{sample.tenant_id}/{address}")
    explained = [visit.get(f"/tenants/{one}/{address}") for one in (joining_id, sample.factory.actors.operator_tenant)]
    refused = visit.submit(f"/tenants/{joining_id}/{address}", step="confirm", **fields)

    assert 'name="reason"' in offered.text
    assert "することはできません" not in offered.text
    assert [page.status_code for page in explained] == [200, 200]
    assert "「合意済み」の団体を「脱退手続中」にすることはできません" in explained[0].text
    assert "運営者の状態は変更できません" in explained[1].text
    assert refused.status_code == 409
    for page in (*explained, refused):
        assert 'name="reason"' not in page.text
        assert page.text.count("できません。") == 1
    assert (rows("tenant"), rows("departure"), rows("merger")) == before
    links = [visit.get(f"/tenants/{one}").text.count(f'/{address}"') for one in (sample.tenant_id, joining_id)]
    assert links == [1, 0]


def test_a_plan_is_confirmed_applied_and_a_second_click_begins_nothing_more(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    shown = visit.get("/cohorts/fy2025-two/plan")
    sent = hidden(shown)

    confirm = visit.submit("/cohorts/fy2025-two/plan", **{**sent, "step": "confirm"})
    with tenant_scope(OPERATOR):
        begun_by_confirming = onboardings_in_progress(db.session())
    first = visit.submit("/cohorts/fy2025-two/plan", **{**hidden(confirm), "step": "apply"})
    second = visit.submit("/cohorts/fy2025-two/plan", **{**hidden(confirm), "step": "apply"})

    assert sent["digest"] in confirm.text
    assert begun_by_confirming == ()
    assert (first.status_code, second.status_code) == (303, 303)
    with tenant_scope(OPERATOR):
        assert len(onboardings_in_progress(db.session())) == 2
    progress = visit.get(first.headers["Location"])
    assert "この計画で手続を始めました" in progress.text
    assert "更新する" in progress.text


def test_a_stale_plan_is_not_applied_and_says_who_changed_what(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    sent = hidden(visit.get("/cohorts/fy2025-two/plan"))
    sample.factory.record(1_000_000, name="追加の保守")

    answer = visit.submit("/cohorts/fy2025-two/plan", **{**sent, "step": "apply"})

    assert answer.status_code == 409
    assert "計画を作り直しました" in answer.text
    assert "経費" in answer.text.split("前の計画のあとに行われたこと")[1][:400]
    assert hidden(answer)["digest"] != sent["digest"]
    with tenant_scope(OPERATOR):
        assert onboardings_in_progress(db.session()) == ()


def test_nobody_approves_the_own_run_and_approving_twice_posts_once(sample: ConsoleSample, visit_as: VisitAs) -> None:
    sample.factory.record(2_000_000, name="改修")
    finance, approver = visit_as(Role.OPERATOR_FINANCE), visit_as(Role.OPERATOR_APPROVER)
    confirm = finance.submit("/allocations/prepare", step="confirm", key="p", fiscal_year="2025", kind="revision")
    prepared = finance.submit("/allocations/prepare", **{**hidden(confirm), "step": "apply"})
    address = prepared.headers["Location"].partition("?")[0]

    own = finance.get(address)
    sent = hidden(approver.get(address))
    refused = finance.submit(f"{address}/approve", step="apply", key="x", digest=sent["digest"])
    stale = approver.submit(f"{address}/approve", step="apply", key="y", digest="sha256:0")
    first = approver.submit(f"{address}/approve", step="apply", key="z", digest=sent["digest"])
    second = approver.submit(f"{address}/approve", step="apply", key="z", digest=sent["digest"])

    assert "別の担当者" in own.text
    assert refused.status_code == 403
    assert stale.status_code == 409
    assert (first.status_code, second.status_code) == (303, 303)
    with tenant_scope(OPERATOR):
        runs = run_summaries(db.session(), fiscal_year=2025)
        assert [run.state for run in runs] == [RunState.POSTED, RunState.POSTED]
        assert runs[0].total_yen == 26_000_000


def test_the_form_of_a_run_proposes_the_only_possible_kind_and_checks_the_other_before_asking(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    finance = visit_as(Role.OPERATOR_FINANCE)

    proposed = finance.get("/allocations/prepare?fiscal_year=2025").text
    first = finance.get("/allocations/prepare?fiscal_year=2027").text
    again = finance.submit("/allocations/prepare", step="confirm", key="a", fiscal_year="2025", kind="estimate")
    unchanged = finance.submit("/allocations/prepare", step="confirm", key="b", fiscal_year="2025", kind="revision")

    assert '<option value="revision" selected>' in proposed
    assert '<option value="estimate" selected>' in first
    for refused in (again, unchanged):
        assert refused.status_code == 409
        assert "申請しますか" not in refused.text
        assert 'value="confirm"' in refused.text, "the form, to choose again"


def test_a_quota_is_asked_for_by_a_municipality_and_decided_by_the_operator(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    owner, approver = visit_as(Role.TENANT_OWNER), visit_as(Role.OPERATOR_APPROVER)
    address = f"/tenants/{sample.tenant_id}/quotas/request"
    with tenant_scope(OPERATOR):
        known = quota_requests(db.session(), sample.tenant_id)
    dimension = "users"

    wide = owner.submit(address, step="confirm", key="q", dimension=dimension, value="三百", reason="増員")
    asked = owner.submit(address, step="apply", key="q", dimension=dimension, value="300", reason="増員")
    request_page = asked.headers["Location"].partition("?")[0]
    by_owner = owner.submit(f"{request_page}/decide", decision="approved", reason="自分で", digest="x", key="d")
    sent = hidden(approver.get(request_page))
    decided = approver.submit(
        f"{request_page}/decide", **{**sent, "decision": "approved", "reason": "妥当", "value": ""}
    )

    assert wide.status_code == 422
    assert 'value="三百"' in wide.text
    assert asked.status_code == 303
    assert by_owner.status_code == 403
    assert decided.status_code == 303
    with tenant_scope(OPERATOR):
        newest = quota_requests(db.session(), sample.tenant_id)
        assert len(newest) == len(known) + 1
        assert (newest[0].state, newest[0].decided_value) == ("approved", 300)


def test_a_form_that_is_not_ours_changes_nothing(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)

    answer = visit.post("/tenants/new", data={"kind": "city", "name": "水俣市", "kana": "ミナマタシ", "step": "apply"})

    assert answer.status_code == 400
    with tenant_scope(OPERATOR):
        assert "水俣市" not in [tenant.name for tenant in queries.list_tenants(db.session())]


def _fields(page: TestResponse) -> dict[str, str]:
    """Every field of the page's form with its value."""
    typed = re.findall(r'<input id="([^"]+)" name="[^"]+" type="text" value="([^"]*)"', page.text)
    return {**hidden(page), **{name: unescape(value) for name, value in typed}}


def test_the_review_refuses_what_carrying_it_out_would_refuse_and_changes_nothing(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    known = {"code": "431001", "name": "熊本市", "kana": "クマモトシ", "kind": "city"}

    review = visit.submit("/tenants/new", step="confirm", key="t", **known)
    other = {"code": "434248", "name": "小国町", "kana": "オグニマチ", "kind": "town"}
    free = visit.submit("/tenants/new", step="confirm", key="u", **other)

    assert review.status_code == 409
    assert 'href="#code"' in review.text
    assert free.status_code == 200
    with tenant_scope(OPERATOR):
        assert not [one for one in queries.list_tenants(db.session()) if one.name == "小国町"]
    assert recorded("tenant.registered", "refused") == []
