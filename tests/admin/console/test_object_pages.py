"""The page of an object: its parts, each with an address and a permission, and what stands beside them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

import pytest
from markupsafe import escape

from admin.features.tenants import pages as tenant_pages
from billing.ledger.queries import entries
from billing.runs.states import RunKind
from governance.agreements import queries as agreements
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.clients.queries import service_client
from tenancy.people.queries import members
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit
from tests.factories import THIRTEEN

VisitAs = Callable[[Role], Visit]


def _tabs(page: str) -> dict[str, str]:
    """Address of each part → what `aria-current` says of it."""
    part = page.split('<ul class="tabs">', 1)[1].split("</ul>", 1)[0]
    return dict(re.findall(r'<a href="([^"]*)"(?: aria-current="(\w+)")?', part))


def _glance(page: str) -> str:
    return page.split('<section class="glance"', 1)[1].split("</section>", 1)[0]


def test_each_part_of_a_tenants_page_opens_and_lights_itself(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit, first = visit_as(Role.OPERATOR_ONBOARDING), f"/tenants/{sample.tenant_id}"

    tabs = _tabs(visit.get(first).text)

    assert list(tabs) == [
        first,
        *(f"{first}/{part}" for part in ("people", "systems", "quotas", "money", "documents", "history")),
    ]
    for address in tabs:
        page = visit.get(address)
        assert page.status_code == 200, address
        assert [one for one, current in _tabs(page.text).items() if current] == [address]
        assert page.text.count("<h1>熊本市</h1>") == 1


def test_a_part_that_one_may_not_open_is_not_offered(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit, first = visit_as(Role.TENANT_MEMBER), f"/tenants/{sample.tenant_id}"

    tabs = _tabs(visit.get(first).text)

    assert set(tabs) == {first, f"{first}/quotas", f"{first}/documents", f"{first}/history"}
    for part in ("people", "systems", "money"):
        assert visit.get(f"{first}/{part}").status_code == 403, part
    assert "最近の履歴" not in visit.get(first).text


def test_beside_a_tenant_stand_its_state_what_is_next_who_and_the_last_five_events(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)

    beside = _glance(visit.get(f"/tenants/{sample.tenant_id}").text)
    applicant = _glance(visit.get(f"/tenants/{sample.joining['432032']}").text)

    assert re.findall(r"<h2>(.*?)</h2>", beside) == ["状態", "次にすること", "団体管理者", "最近の履歴"]
    assert beside.count("<time") == 2 + 5, "the day of joining, that of the planned name, and one for each event"
    assert f'href="/tenants/{sample.tenant_id}/history"' in beside
    assert "団体管理者がまだいません" in applicant
    assert f'href="/tenants/{sample.joining["432032"]}/people/new"' in applicant
    assert "団体管理者がまだいません" not in beside


def test_the_people_of_a_tenant_are_shown_page_by_page(
    sample: ConsoleSample, visit_as: VisitAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_pages, "PAGE_SIZE", 2)
    visit, address = visit_as(Role.TENANT_OWNER), f"/tenants/{sample.tenant_id}/people"
    with tenant_scope(OPERATOR):
        everybody = [one.email for one in members(db.session(), sample.tenant_id, clock.now())]

    shown: list[str] = []
    following: str | None = address
    while following:
        page = visit.get(following).text
        shown += [email for email in everybody if email in page]
        found = re.search(r'rel="next" href="([^"]*)"', page)
        following = found[1] if found else None

    assert len(everybody) > 4
    assert shown == everybody
    assert f"{len(everybody)}人" in visit.get(address).text


def test_a_person_has_a_page_with_the_own_history_and_the_actions_one_may_take(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    address = f"/tenants/{sample.tenant_id}/people/{sample.member_id}"
    with tenant_scope(OPERATOR):
        found = members(db.session(), sample.tenant_id, clock.now())[0]
    owner, auditor = visit_as(Role.TENANT_OWNER), visit_as(Role.TENANT_AUDITOR)

    page, history = owner.get(address), owner.get(f"{address}/history")

    assert (page.status_code, history.status_code) == (200, 200)
    assert f"<h1>{found.family_name} {found.given_name}</h1>" in page.text
    assert found.email in page.text
    assert f'href="{address}/disable"' in _glance(page.text)
    assert f'href="{address}/disable"' not in auditor.get(address).text
    assert f'href="{address}"' in owner.get(f"/tenants/{sample.tenant_id}/people").text
    assert owner.get(f"/tenants/{sample.other_id}/people/{sample.member_id}").status_code == 404


def test_the_history_of_a_person_is_of_nobody_else(sample: ConsoleSample, visit_as: VisitAs) -> None:
    with tenant_scope(OPERATOR):
        first, second = members(db.session(), sample.tenant_id, clock.now())[:2]
    visit = visit_as(Role.OPERATOR_SECURITY)
    people = f"/tenants/{sample.tenant_id}/people"
    before = [visit.get(f"{people}/{one.id}/history").text.count("利用を停止した") for one in (first, second)]

    answer = visit.submit(f"{people}/{second.id}/disable", step="apply", key="stop", reason="異動")

    after = [visit.get(f"{people}/{one.id}/history").text.count("利用を停止した") for one in (first, second)]
    assert answer.status_code == 303
    assert (before, after) == ([0, 0], [0, 1])


# ---- every object ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Object:
    """An object's page: its address, its heading, who looks, and its parts after the first.

    An empty heading is the one of its first page. Those of `own_heads` are pages with a heading of their own.
    """

    address: Callable[[ConsoleSample], str]
    heading: str
    role: Role
    parts: tuple[str, ...] = ("related", "documents", "history")
    own_heads: tuple[str, ...] = ()


OBJECTS: Final = {
    "run": _Object(lambda s: f"/allocations/{s.run_id}", "令和7年度の按分（当初）", Role.OPERATOR_FINANCE),
    "notice": _Object(lambda s: f"/notices/{s.notice_id}", "納入通知書", Role.OPERATOR_FINANCE),
    "own notice": _Object(lambda s: f"/notices/{s.notice_id}", "納入通知書", Role.TENANT_OWNER),
    "rule": _Object(
        lambda s: f"/rules/{s.rule_version_id}",
        "運営経費負担規則 第1版",
        Role.OPERATOR_FINANCE,
        ("changes", "related", "history"),
    ),
    "agreement": _Object(
        lambda s: f"/agreements/{s.version_id}",
        "共同利用協定 第1版",
        Role.OPERATOR_ONBOARDING,
        ("acceptances", "related", "documents", "history"),
    ),
    "own agreement": _Object(lambda s: f"/agreements/{s.version_id}", "共同利用協定 第1版", Role.TENANT_OWNER),
    "cost": _Object(
        lambda s: f"/costs/{s.item_id}", "データ連携基盤運用保守", Role.OPERATOR_FINANCE, ("related", "history")
    ),
    "plan": _Object(lambda s: f"/plans/{s.plan_id}", "標準プラン", Role.OPERATOR_ONBOARDING, ("related", "history")),
    "person": _Object(
        lambda s: f"/tenants/{s.tenant_id}/people/{s.member_id}",
        "",
        Role.OPERATOR_SECURITY,
        ("related", "history"),
    ),
    "cohort": _Object(
        lambda s: "/cohorts/fy2025-two",
        "令和7年度参加",
        Role.OPERATOR_ONBOARDING,
        ("plan", "related", "history"),
        ("plan",),
    ),
    "webhook": _Object(lambda s: f"/webhooks/{s.webhook_id}", "", Role.OPERATOR_SECURITY, ("related", "history")),
    "entry": _Object(
        lambda s: f"/ledger/{s.tenant_id}/entries/{s.entry_id}", "", Role.OPERATOR_FINANCE, ("related", "history")
    ),
    "system": _Object(
        lambda s: f"/tenants/{s.factory.actors.operator_tenant}/clients/{s.operators_client_id}",
        "システム",
        Role.OPERATOR_SECURITY,
    ),
}

EACH_OBJECT = pytest.mark.parametrize("one", OBJECTS.values(), ids=list(OBJECTS))


@EACH_OBJECT
def test_each_part_of_an_object_opens_and_lights_itself_under_one_head(
    sample: ConsoleSample, visit_as: VisitAs, one: _Object
) -> None:
    visit, first = visit_as(one.role), one.address(sample)
    heading = one.heading or visit.get(first).text.partition("<h1>")[2].partition("</h1>")[0]

    assert heading
    assert list(_tabs(visit.get(first).text)) == [first, *(f"{first}/{part}" for part in one.parts)]

    for address in _tabs(visit.get(first).text):
        page = visit.get(address)
        assert page.status_code == 200, address
        assert [each for each, current in _tabs(page.text).items() if current] == [address]
        if address.rpartition("/")[2] not in one.own_heads:
            assert page.text.count(f"<h1>{heading}</h1>") == 1


@EACH_OBJECT
def test_beside_each_object_stand_its_state_what_is_next_who_and_its_last_events(
    sample: ConsoleSample, visit_as: VisitAs, one: _Object
) -> None:
    first = one.address(sample)

    beside = _glance(visit_as(one.role).get(first).text)

    assert re.findall(r"<h2>(.*?)</h2>", beside) == ["状態", "次にすること", "担当", "最近の履歴"]
    assert f'href="{first}/history"' in beside


@pytest.mark.parametrize("one", [OBJECTS[name] for name in ("run", "notice", "own notice")])
def test_each_figure_of_an_object_leads_to_where_it_comes_from(
    sample: ConsoleSample, visit_as: VisitAs, one: _Object
) -> None:
    visit = visit_as(one.role)
    page = visit.get(one.address(sample)).text
    figures = page.split('<ul class="figures">', 1)[1].split("</ul>", 1)[0].split('<li class="figure">')[1:]

    assert len(figures) >= 3
    for figure in figures:
        found = re.findall(r'href="([^"]*)"', figure)
        assert found, figure
        for address in found:
            path, _, anchor = address.partition("#")
            shown = visit.get(path or one.address(sample))
            assert shown.status_code == 200, address
            assert not anchor or f'id="{anchor}"' in shown.text, address


@EACH_OBJECT
def test_the_history_of_an_object_is_for_those_who_may_read_the_audit_log(
    sample: ConsoleSample, visit_as: VisitAs, one: _Object
) -> None:
    first = one.address(sample)
    visit = visit_as(Role.TENANT_FINANCE if one.role.startswith("tenant-") else one.role)
    reads_record = one.role.startswith("operator-")

    page = visit.get(first)

    assert page.status_code == 200
    assert ("最近の履歴" in page.text) is reads_record
    assert (f"{first}/history" in _tabs(page.text)) is reads_record
    assert visit.get(f"{first}/history").status_code == (200 if reads_record else 403)


def test_a_run_shows_what_it_was_computed_from_and_its_notices(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit, first = visit_as(Role.OPERATOR_FINANCE), f"/allocations/{sample.run_id}"

    related, documents = visit.get(f"{first}/related").text, visit.get(f"{first}/documents").text

    assert f'href="/rules/{sample.rule_version_id}"' in related
    assert "24,000,000" in related
    assert "3団体" in related
    for notice_id in (sample.notice_id, sample.other_notice_id):
        assert f'href="/notices/{notice_id}"' in documents
    assert "3通" in documents


def test_the_notices_of_another_run_are_not_among_those_of_a_run(sample: ConsoleSample, visit_as: VisitAs) -> None:
    factory = sample.factory
    factory.record(1_200_000)
    second = factory.prepare(RunKind.REVISION)
    factory.approve(second)
    later = factory.issue_notices(second.run_id)["431001"]
    visit = visit_as(Role.OPERATOR_FINANCE)

    documents = visit.get(f"/allocations/{sample.run_id}/documents").text
    notice = visit.get(f"/notices/{sample.notice_id}").text

    assert f'href="/notices/{sample.notice_id}"' in documents
    assert f'href="/notices/{later}"' not in documents
    assert f'href="/notices/{later}"' in _glance(notice), "it says that a later one changes the amount"
    assert "後の通知書" not in visit.get(f"/notices/{later}").text


def test_a_municipality_sees_its_own_notice_and_no_others(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.TENANT_FINANCE)

    related = visit.get(f"/notices/{sample.notice_id}/related").text

    assert f'href="/shares/{sample.share_id}"' in related
    assert f"/allocations/{sample.run_id}" not in related, "a run is the operator's"
    assert str(sample.other_notice_id) not in related
    for part in ("", "/related", "/documents"):
        assert visit.get(f"/notices/{sample.other_notice_id}{part}").status_code == 404, part
    owner = visit_as(Role.TENANT_OWNER)
    assert owner.get(f"/notices/{sample.other_notice_id}/history").status_code == 404


def test_the_history_of_a_notice_says_that_it_was_issued(sample: ConsoleSample, visit_as: VisitAs) -> None:
    page = visit_as(Role.OPERATOR_AUDITOR).get(f"/notices/{sample.notice_id}/history").text

    record = page.split("<tbody>", 1)[1].split("</tbody>", 1)[0]
    assert record.count("<tr>") == 1
    assert "2025-01-431001" in record


def test_a_rule_shows_the_runs_and_to_a_municipality_the_own_shares_that_went_by_it(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    related = f"/rules/{sample.rule_version_id}/related"

    operators, own = visit_as(Role.OPERATOR_FINANCE).get(related).text, visit_as(Role.TENANT_FINANCE).get(related).text

    assert f'href="/allocations/{sample.run_id}"' in operators
    assert f'href="/shares/{sample.share_id}"' in own
    assert f"/allocations/{sample.run_id}" not in own
    assert str(sample.other_share_id) not in own


def test_a_rule_that_nothing_went_by_shows_no_run(sample: ConsoleSample, visit_as: VisitAs) -> None:
    draft = sample.factory.draft()

    related = visit_as(Role.OPERATOR_FINANCE).get(f"/rules/{draft}/related").text

    assert "/allocations/" not in related.split('<div class="object-main">', 1)[1].split("<section", 1)[0]


def test_the_history_of_a_rule_is_the_operators(sample: ConsoleSample, visit_as: VisitAs) -> None:
    page = f"/rules/{sample.rule_version_id}"
    owner = visit_as(Role.TENANT_OWNER)

    assert "施行した" in visit_as(Role.OPERATOR_AUDITOR).get(f"{page}/history").text
    assert owner.get(f"{page}/history").status_code == 404
    assert set(_tabs(owner.get(page).text)) == {page, f"{page}/changes", f"{page}/related"}


def test_an_agreement_shows_who_accepted_it_to_the_operator_and_the_own_acceptance_to_a_municipality(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    page = f"/agreements/{sample.version_id}"

    operators = visit_as(Role.OPERATOR_ONBOARDING).get(f"{page}/related").text
    own = visit_as(Role.TENANT_OWNER).get(f"{page}/related").text

    assert "同意の状況 3／3" in operators
    assert f'href="{page}/acceptances"' in operators
    assert f'href="{page}/acceptances"' not in own
    assert "熊本市 市長 肥後 花子" in own
    assert "八代市" not in own


def test_the_text_of_an_agreement_is_given_byte_for_byte(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit, page = visit_as(Role.TENANT_MEMBER), f"/agreements/{sample.version_id}"
    with tenant_scope(OPERATOR):
        version = agreements.version(db.session(), sample.version_id)

    text = visit.get(f"{page}/text.txt")

    assert hashlib.sha256(text.data).hexdigest() == version.sha256
    assert text.mimetype == "text/plain"
    assert version.sha256 in visit.get(f"{page}/documents").text
    assert set(_tabs(visit.get(page).text)) == {page, f"{page}/related", f"{page}/documents"}


def test_a_cost_shows_the_runs_it_is_in_and_none_that_it_is_not(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit, added = visit_as(Role.OPERATOR_FINANCE), sample.factory.record(1_200_000, name="追加の経費")

    shared_out = visit.get(f"/costs/{sample.item_id}/related").text
    not_yet = visit.get(f"/costs/{added}/related").text

    assert f'href="/allocations/{sample.run_id}"' in shared_out
    assert f'href="/rules/{sample.rule_version_id}"' in shared_out
    assert f'href="/costs/{added}"' in shared_out
    assert f'href="/allocations/{sample.run_id}"' not in not_yet
    assert "まだどの按分にも入っていません" in not_yet
    assert f'href="/costs/{added}"' in visit.get("/costs?fiscal_year=2025").text


def test_a_withdrawn_cost_says_why_and_offers_no_withdrawal(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit, page = visit_as(Role.OPERATOR_FINANCE), f"/costs/{sample.item_id}"
    before = visit.get(page).text

    visit.submit(f"{page}/withdraw", step="apply", key="w", reason="二重に登録した")

    after = visit.get(page).text
    assert f'href="{page}/withdraw"' in before
    assert f'href="{page}/withdraw"' not in after
    assert "二重に登録した" in _glance(after)
    assert "二重に登録した" not in before


def test_a_plan_shows_who_is_on_it_and_what_comes(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit, page = visit_as(Role.OPERATOR_ONBOARDING), f"/plans/{sample.plan_id}"

    assert f'href="/tenants/{sample.tenant_id}/quotas"' in visit.get(f"{page}/related").text
    assert str(sample.other_id) not in visit.get(f"{page}/related").text
    assert "これからの値" not in visit.get(page).text

    sample.factory.define_standard(date(2026, 4, 1), label="標準プラン", users=300)

    assert "令和8年4月1日" in _glance(visit.get(page).text)
    assert "これからの値" in visit.get(page).text


def test_a_municipality_sees_of_a_plan_whether_it_is_on_it(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit, page = visit_as(Role.TENANT_OWNER), f"/plans/{sample.plan_id}"
    sample.factory.put_on_standard(sample.other_id, clock.today())

    related = visit.get(f"{page}/related").text

    assert f'href="/tenants/{sample.tenant_id}/quotas"' in related
    assert str(sample.other_id) not in related
    assert set(_tabs(visit.get(page).text)) == {page, f"{page}/related"}
    assert visit.get(f"{page}/history").status_code == 404


def test_a_municipality_sees_its_own_system_and_no_other(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.TENANT_CLIENT_ADMIN)
    sample.factory.put_on_standard(sample.other_id, clock.today())
    own, other = (sample.factory.add_service_client(one) for one in (sample.tenant_id, sample.other_id))
    page = f"/tenants/{sample.tenant_id}/clients/{own}"

    assert visit.get(page).status_code == 200
    assert f'href="{page}"' in visit.get(f"/tenants/{sample.tenant_id}/systems").text
    assert "最近の履歴" not in visit.get(page).text
    for foreign in (
        f"/tenants/{sample.other_id}/clients/{other}",
        f"/tenants/{sample.tenant_id}/clients/{other}",
        f"/tenants/{sample.factory.actors.operator_tenant}/clients/{sample.operators_client_id}",
    ):
        for part in ("", "/related", "/documents"):
            assert visit.get(f"{foreign}{part}").status_code == 404, foreign + part


@pytest.mark.parametrize(
    ("query", "said", "allowed"),
    [("", "許可する操作の詳細", "利用量の閲覧"), ("?lang=en", "Details of the scopes", "read usage")],
)
def test_what_a_system_may_do_is_said_in_words_and_its_name_for_programs_only_in_the_details(
    sample: ConsoleSample, visit_as: VisitAs, query: str, said: str, allowed: str
) -> None:
    visit = visit_as(Role.OPERATOR_SECURITY)
    tenant = f"/tenants/{sample.factory.actors.operator_tenant}"

    page = visit.get(f"{tenant}/clients/{sample.operators_client_id}{query}").text
    listed = visit.get(f"{tenant}/systems{query}").text

    shown, _, details = page.partition("<details><summary>" + said)
    assert allowed in shown
    assert allowed in listed
    assert '<span class="code">moyai:usage.read</span>' in details
    assert "moyai:" not in shown.partition("<main")[2]
    assert "moyai:" not in listed.partition("<main")[2]


def test_the_public_keys_of_a_system_are_shown_as_they_were_registered(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    operator = sample.factory.actors.operator_tenant
    with tenant_scope(OPERATOR):
        keys = service_client(db.session(), operator, sample.operators_client_id).jwks

    page = visit_as(Role.OPERATOR_SECURITY).get(f"/tenants/{operator}/clients/{sample.operators_client_id}/documents")

    assert str(escape(keys)) in page.text


def test_the_recent_history_shows_an_action_of_many_tenants_whole(sample: ConsoleSample, visit_as: VisitAs) -> None:
    factory = sample.factory
    factory.add_members({code: facts for code, facts in THIRTEEN.items() if code not in factory.ids})
    factory.record(1_000_000, name="追加")
    prepared = factory.prepare(RunKind.REVISION)
    factory.approve(prepared)
    posted = "按分（第1回変更）を承認し、記帳した（総額 25,000,000円）"
    with tenant_scope(OPERATOR):
        entry = entries(db.session(), sample.tenant_id, fiscal_year=2025, limit=1)[0].id
    visit = visit_as(Role.OPERATOR_AUDITOR)

    address = f"/ledger/{sample.tenant_id}/entries/{entry}"

    beside, whole = visit.get(address).text, visit.get(f"{address}/history").text

    assert posted in _plain(_glance(beside))
    assert posted in _plain(whole)
    # What the 13 tenants' own records say is part of it, and not as many of them as are read at once.
    assert "団体の負担額を承認し" not in _plain(beside)
    assert 1 <= _glance(beside).split("最近の履歴", 1)[1].count("<li>") <= 5


def _plain(html: str) -> str:
    return re.sub(r"<[^>]+>", "", html)
