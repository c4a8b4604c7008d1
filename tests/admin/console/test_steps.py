"""The way in, step by step: what waits has its action, wakes when it was done, and offers only what is possible."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from flask import Flask
from sqlalchemy import select, update

from billing.costs.commands import RecordCost, record_cost
from billing.costs.states import ItemKind
from billing.runs.commands import ApproveAllocation, PrepareAllocation, approve_allocation, prepare_allocation
from billing.runs.states import RunKind
from governance.actors import system_actor
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.outbox import INPUT_ENTERED
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy import directory
from tenancy.clients.states import ClientState
from tenancy.clients.tables import ServiceClient
from tenancy.onboarding.commands import StartSync, start_sync
from tenancy.onboarding.queries import due, onboarding
from tenancy.onboarding.step_actions import (
    AGREEMENT_MISSING,
    CLIENT_MISSING,
    KEYCLOAK_UNAVAILABLE,
    OWNER_MISSING,
    QUOTAS_MISSING,
)
from tenancy.onboarding.steps import StepDecision, StepName, StepState, possible_decisions
from tenancy.onboarding.tables import Onboarding, OnboardingStep
from tenancy.onboarding.unsynced_members import tenants_with_unsynced_members
from tenancy.onboarding.worker import wake
from tenancy.people.states import MemberState
from tenancy.people.tables import Member
from tenancy.quotas.queries import plans_of_tenants
from tenancy.tenants.states import TenantState
from tests.admin.console.conftest import ConsoleSample
from tests.admin.console.test_issuing_notices import text_of
from tests.admin.visitors import Visit

VisitAs = Callable[[Role], Visit]
MISSING = {
    StepName.FIRST_OWNER: OWNER_MISSING,
    StepName.SERVICE_CLIENT: CLIENT_MISSING,
    StepName.QUOTAS: QUOTAS_MISSING,
    StepName.AGREEMENT: AGREEMENT_MISSING,
}


def waiting_onboarding(sample: ConsoleSample) -> UUID:
    """人吉市's onboarding, in which everything that can wait for input does, for another minute."""
    onboarding_id = sample.factory.start_onboarding(sample.joining["432032"])
    later = clock.now() + timedelta(minutes=1)
    with system_transaction(OPERATOR) as session:
        for name, reason in MISSING.items():
            session.execute(
                update(OnboardingStep)
                .where(OnboardingStep.onboarding_id == onboarding_id, OnboardingStep.name == name.value)
                .values(state=StepState.WAITING.value, reason=reason.code, attempts=1, retry_at=later)
            )
        for name in (StepName.ORGANIZATION, StepName.ROLE_GROUPS, StepName.PEOPLE):
            session.execute(
                update(OnboardingStep)
                .where(OnboardingStep.onboarding_id == onboarding_id, OnboardingStep.name == name.value)
                .values(state=StepState.DONE.value)
            )
        session.execute(
            update(Onboarding)
            .where(Onboarding.id == onboarding_id)
            .values(state=StepState.WAITING.value, retry_at=later)
        )
    return onboarding_id


def test_each_waiting_step_has_the_action_that_ends_it(sample: ConsoleSample, visit_as: VisitAs) -> None:
    onboarding_id, tenant_id = waiting_onboarding(sample), sample.joining["432032"]
    visit = visit_as(Role.OPERATOR_ONBOARDING)

    page = visit.get(f"/onboardings/{onboarding_id}").text

    for verb, address in (
        ("団体管理者を登録する", f"/tenants/{tenant_id}/people/new?roles=tenant-owner"),
        ("連携システムを登録する", f"/tenants/{tenant_id}/clients/new"),
        ("利用プランを選ぶ", f"/tenants/{tenant_id}/plan"),
        ("同意を記録する", f"/tenants/{tenant_id}/documents"),
    ):
        assert re.search(rf'href="{re.escape(address)}"[^>]*>{verb}', page), verb
        assert visit.get(address).status_code == 200
    adding = visit.get(f"/tenants/{tenant_id}/people/new?roles=tenant-owner").text
    assert re.search(r'value="tenant-owner" checked', adding)
    # Only the system may be left out; the others go on by themselves, so there is nothing to decide.
    assert re.findall(r"\?step=(\w+)#decide", page) == ["service_client"]
    assert "<select" not in page
    assert "扱いを決める" not in visit_as(Role.OPERATOR_FINANCE).get(f"/onboardings/{onboarding_id}").text


def test_what_waits_says_whom_it_waits_for(sample: ConsoleSample, visit_as: VisitAs) -> None:
    onboarding_id = waiting_onboarding(sample)
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    with system_transaction(OPERATOR) as session:
        session.execute(
            update(OnboardingStep)
            .where(OnboardingStep.onboarding_id == onboarding_id, OnboardingStep.name == StepName.QUOTAS.value)
            .values(reason=KEYCLOAK_UNAVAILABLE.code)
        )

    page = text_of(visit.get(f"/onboardings/{onboarding_id}").text)
    listed = text_of(visit.get("/onboardings").text)

    assert "状態 県の入力待ち" in page
    for said in ("県の入力待ち", "市町村の入力待ち", "認証サービスの応答待ち"):
        assert said in page
    assert "県の入力待ち" in listed
    assert "待機中" not in page + listed


def test_a_person_without_a_password_is_shown_with_the_end_of_the_link(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    tenant_id = sample.tenant_id

    def mailed(ago: timedelta) -> str:
        with system_transaction(OPERATOR) as session:
            session.execute(
                update(Member)
                .where(Member.id == sample.member_id)
                .values(state=MemberState.INVITED.value, password_mail_sent_at=clock.now() - ago)
            )
        return text_of(visit.get(f"/tenants/{tenant_id}/people").text)

    assert re.search(r"パスワード未設定 期限 令和7年6月2日（月）\d\d:\d\d", mailed(timedelta(hours=23)))
    assert re.search(r"パスワード未設定 期限切れ（ ?令和7年5月31日（土）\d\d:\d\d ?）", mailed(timedelta(days=3)))
    assert "期限" not in text_of(visit.get(f"/tenants/{sample.other_id}/people").text)


def test_a_decision_offers_only_what_is_possible_and_keeps_what_was_typed(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    onboarding_id = waiting_onboarding(sample)
    visit = visit_as(Role.OPERATOR_ONBOARDING)

    form = visit.get(f"/onboardings/{onboarding_id}?step=service_client").text
    refused = visit.submit(
        f"/onboardings/{onboarding_id}/decide", name="service_client", choice="skip", reason="", key="k"
    )
    odd = visit.submit(f"/onboardings/{onboarding_id}/decide", name="no such", choice="skip", reason="x", key="k")
    done = visit.submit(
        f"/onboardings/{onboarding_id}/decide", name="service_client", choice="skip", reason="使わない", key="k"
    )

    assert re.findall(r'<option value="(\w+)"', form) == ["skip"]
    assert (refused.status_code, odd.status_code, done.status_code) == (422, 422, 303)
    assert '<input type="hidden" name="name" value="service_client">' in refused.text
    assert "<select" not in visit.get(f"/onboardings/{onboarding_id}?step=quotas").text
    assert "<select" not in visit.get(f"/onboardings/{onboarding_id}?step=nonsense").text


def test_what_may_be_decided_about_a_step() -> None:
    retry, skip, adopt = StepDecision
    assert possible_decisions(StepName.QUOTAS, StepState.FAILED, needs_input=False) == (retry,)
    assert possible_decisions(StepName.PASSWORD_MAIL, StepState.FAILED, needs_input=False) == (retry, skip, adopt)
    assert possible_decisions(StepName.PEOPLE, StepState.WAITING, needs_input=False) == (retry, skip)
    assert possible_decisions(StepName.AGREEMENT, StepState.WAITING, needs_input=True) == ()
    for state in (StepState.QUEUED, StepState.RUNNING, StepState.DONE, StepState.SKIPPED):
        assert possible_decisions(StepName.PEOPLE, state, needs_input=False) == ()


def test_what_was_entered_makes_the_steps_due_at_once(sample: ConsoleSample) -> None:
    onboarding_id, tenant_id = waiting_onboarding(sample), sample.joining["432032"]
    entries = (
        lambda: sample.factory.add_person(tenant_id, "first@example.jp", Role.TENANT_OWNER),
        lambda: sample.factory.put_on_standard(tenant_id),
        lambda: sample.factory.accept(tenant_id, sample.version_id),
        lambda: sample.factory.add_service_client(tenant_id),
    )
    assert not is_due(onboarding_id)
    for enter in entries:
        before = jobs(tenant_id)
        enter()
        assert jobs(tenant_id) == before + 1

    with system_transaction(OPERATOR) as session:
        assert wake(session, tenant_id, clock.now()) == onboarding_id
        assert wake(session, sample.tenant_id, clock.now()) is None
    assert is_due(onboarding_id)
    with system_transaction(OPERATOR) as session:
        view = onboarding(session, onboarding_id)
        assert {step.name for step in view.steps if step.state is StepState.WAITING} == set(MISSING)
        assert not view.is_blocked or all(step.retry_at is None for step in view.steps)


def test_somebody_else_added_and_a_tenant_that_takes_part_wake_nothing(sample: ConsoleSample) -> None:
    tenant_id = sample.joining["432032"]
    waiting_onboarding(sample)
    before = jobs(tenant_id), jobs(sample.tenant_id)
    sample.factory.add_person(tenant_id, "plain@example.jp")
    sample.factory.add_person(sample.tenant_id, "another@example.jp", Role.TENANT_OWNER)

    assert (jobs(tenant_id), jobs(sample.tenant_id)) == before


def is_due(onboarding_id: UUID) -> bool:
    with system_transaction(OPERATOR) as session:
        return onboarding_id in [found for _, found in due(session, clock.now())]


def jobs(tenant_id: UUID) -> int:
    with system_transaction(OPERATOR) as session:
        query = select(Job.payload).where(Job.name == INPUT_ENTERED)
        return sum(payload["tenant_id"] == str(tenant_id) for payload in session.scalars(query))


def test_a_new_applicants_page_is_its_list_of_tasks(sample: ConsoleSample, visit_as: VisitAs) -> None:
    tenant_id = sample.factory.register_applicant("433683", "長洲町")
    visit = visit_as(Role.OPERATOR_ONBOARDING)

    page = visit.get(f"/tenants/{tenant_id}").text

    tasks = page.partition('id="joining"')[2].partition("<h2")[0]
    assert tasks.count("未着手") == 7
    assert tasks.count("まだ始められません") == 2
    assert "審査が終わり「合意済み」になると始められます。" in tasks
    for address in re.findall(r'href="([^"]+)"', tasks):
        assert visit.get(address.replace("&amp;", "&")).status_code == 200, address
    assert len(re.findall(r'href="([^"]+)"', tasks)) == 7
    watched = visit_as(Role.OPERATOR_AUDITOR).get(f"/tenants/{tenant_id}").text
    assert "href" not in watched.partition('id="joining"')[2].partition("<h2")[0]
    assert 'id="joining"' not in visit.get(f"/tenants/{sample.tenant_id}").text


def test_a_plan_says_what_keeps_it_from_being_applied_with_what_ends_it(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    late = sample.factory.register_applicant("433683", "長洲町")
    sample.factory.define_cohort("fy2025-two", "令和7年度参加", late)
    visit = visit_as(Role.OPERATOR_ONBOARDING)

    page = visit.get("/cohorts/fy2025-two/plan").text
    digest = re.findall(r'title="(sha256:[0-9a-f]{64})"', page)[0]
    sent = visit.submit("/cohorts/fy2025-two/plan", step="confirm", digest=digest, key="k")

    assert "1団体が「申請」なので、この計画では手続を始められません: 長洲町" in page
    assert 'value="confirm"' not in page
    assert f'href="/tenants/state-changes?tenant_ids={late}"' in page
    assert "1団体を「審査中」にする" in page
    assert sent.status_code == 409
    assert "applied" not in re.sub(r"<[^>]+>", " ", sent.text)
    assert "変わった可能性" not in sent.text
    sample.factory.change_state(late, TenantState.SCREENING, TenantState.AGREED)
    ready = visit.get("/cohorts/fy2025-two/plan").text
    assert 'value="confirm"' in ready
    assert "始められません" not in ready


def test_many_are_moved_from_the_list_in_three_pages(web: Flask, sample: ConsoleSample, visit_as: VisitAs) -> None:
    towns = {"433683": "長洲町", "434418": "御船町"}
    chosen = [sample.factory.register_applicant(code, name) for code, name in towns.items()]
    visit = visit_as(Role.OPERATOR_ONBOARDING)

    listed = visit.get("/tenants?state=applied").text
    assert re.findall(r'name="tenant_ids" value="([^"]+)"', listed) == [str(one) for one in chosen]
    address = "/tenants/state-changes?" + "&".join(f"tenant_ids={one}" for one in chosen)
    form = visit.get(address).text
    assert form.count(" checked") == 2
    assert re.findall(r'<option value="(\w+)"', form) == ["screening"]
    fields = {"tenant_ids": ",".join(map(str, chosen)), "to": "screening", "reason": "申込書を受領", "key": "k"}
    review = visit.submit(address, step="confirm", **fields)
    assert re.findall(r"<dt>(\S+町)</dt>\s*<dd>([^<]+)</dd>", review.text) == [
        ("長洲町", "申請 → 審査中"),
        ("御船町", "申請 → 審査中"),
    ]
    done = visit.submit(address, step="apply", **fields)
    again = visit.submit(address, step="apply", **fields)

    assert (done.status_code, again.status_code) == (303, 303)
    assert "2団体の状態を変更しました" in visit.get(done.headers["Location"]).text
    assert 'name="tenant_ids"' not in visit_as(Role.OPERATOR_FINANCE).get("/tenants?state=screening").text


def test_an_owners_first_page_says_how_much_until_when_why_and_what_is_used(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    sample.factory.request_quota(sample.tenant_id, "users", 200)
    page = visit_as(Role.TENANT_OWNER).get("/").text

    first = page.partition('id="this-year"')[2].partition("</section>")[0]
    assert page.index('id="this-year"') < page.index('id="today"') < page.index('id="quotas"')
    assert "令和7年6月" in first
    assert "円" in first
    assert f'href="/shares/{sample.share_id}"' in first
    quotas = page.partition('id="quotas"')[2]
    used = re.findall(r"(\d+)／100人", quotas)
    assert used
    assert int(used[0]) == 6
    assert quotas.count("<meter") == 2
    assert quotas.count("計測前") == 2
    assert "申請中 200" in quotas
    assert "style=" not in page


def test_whoever_may_read_the_quotas_sees_what_is_used_of_them(sample: ConsoleSample, visit_as: VisitAs) -> None:
    quotas = visit_as(Role.TENANT_FINANCE).get("/").text.partition('id="quotas"')[2]

    assert re.findall(r"(\d+)／100人", quotas)
    assert quotas.count("計測前") == 2, "what nobody measures yet"


def test_an_owners_first_page_shows_the_years_there_are(sample: ConsoleSample, visit_as: VisitAs) -> None:
    first_year = visit_as(Role.TENANT_OWNER).get("/").text
    assert 'id="trend-title"' not in first_year
    finance, approver = sample.factory.actors.finance, sample.factory.actors.approver
    with clock.at(datetime(2026, 6, 2, 3, tzinfo=UTC)):
        record_cost(
            RecordCost(
                fiscal_year=2026, pool="running", kind=ItemKind.COST, name="運用保守", yen=12_000_000, source="契約書"
            ),
            actor=finance,
        )
        made = prepare_allocation(PrepareAllocation(fiscal_year=2026, kind=RunKind.ESTIMATE), actor=finance)
        approve_allocation(ApproveAllocation(run_id=made.run_id, digest=made.digest), actor=approver)
        page = visit_as(Role.TENANT_OWNER).get("/").text

    assert re.search(r'<h2 id="trend-heading">令和8年度の負担額は、前年度より50.0%（[0-9,]+円）下がりました</h2>', page)
    assert '<svg class="chart" role="img" aria-labelledby="trend-title trend-desc"' in page
    table = text_of(page.partition('id="trend-heading"')[2].partition("</section>")[0])
    assert re.search(r"年度ごとの負担額（円）.*令和8年度 [0-9,]+ ▲[0-9,]+ ▲50.0% 令和7年度 [0-9,]+ ― ―", table)
    assert "令和6年度" not in page


def test_what_is_added_to_a_member_is_an_update_and_no_second_way_in(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit, tenant_id, applicant = visit_as(Role.OPERATOR_ONBOARDING), sample.tenant_id, sample.joining["432032"]
    first = waiting_onboarding(sample)
    assert "認証サービスへの反映" not in visit.get(f"/tenants/{tenant_id}/people").text
    sample.factory.add_person(tenant_id, "later@kumamoto.example", Role.TENANT_FINANCE)

    with system_transaction(OPERATOR) as session:
        worker = system_actor("worker", directory.operator(session).id)
        # The sample's system is in Keycloak: the person alone is new.
        session.execute(update(ServiceClient).values(state=ClientState.ACTIVE.value))
    later = start_sync(StartSync(tenant_id=tenant_id), actor=worker).onboarding_id
    again = start_sync(StartSync(tenant_id=tenant_id), actor=worker).onboarding_id

    assert later is not None
    assert again == later, "one at a time"
    assert "<h1>人吉市の参加手続</h1>" in visit.get(f"/onboardings/{first}").text
    page = visit.get(f"/onboardings/{later}").text
    assert "<h1>熊本市の変更の反映</h1>" in page
    assert "利用者" in text_of(page.partition("<tbody>")[2].partition("</tbody>")[0])
    assert page.partition("<tbody>")[2].partition("</tbody>")[0].count("<tr>") == 1, "one step and not nine"
    assert f'href="/onboardings/{later}">認証サービスへの反映</a>' in visit.get(f"/tenants/{tenant_id}/people").text
    assert "認証サービスへの反映" not in visit.get(f"/tenants/{applicant}/people").text
    in_progress = visit.get("/onboardings").text
    assert "／1団体" in in_progress, "the figures are of tenants on their way in"
    assert f'href="/onboardings/{later}"' in in_progress.partition("進行中の反映")[2]
    assert "熊本市の変更を認証サービスへ反映し始めた（利用者）" in text_of(
        visit.get("/audit?automatic=yes").text
    ).replace(" ", "")
    assert "反映し始めた" not in visit.get("/audit").text
    assert "熊本市の参加手続を始めた" not in visit.get("/audit?automatic=yes").text


def test_an_update_that_failed_holds_back_nothing_but_its_own_step(sample: ConsoleSample) -> None:
    tenant_id = sample.tenant_id
    with system_transaction(OPERATOR) as session:
        worker = system_actor("worker", directory.operator(session).id)
        # Only what is added here is new.
        session.execute(update(Member).where(Member.keycloak_id.is_(None)).values(keycloak_id=Member.person_id))
    sample.factory.add_service_client(tenant_id, "はじめのシステム")
    begun = start_sync(StartSync(tenant_id=tenant_id), actor=worker).onboarding_id
    assert begun is not None
    with system_transaction(OPERATOR) as session:
        session.execute(update(OnboardingStep).where(OnboardingStep.onboarding_id == begun).values(state="failed"))
        session.execute(update(Onboarding).where(Onboarding.id == begun).values(state="failed", retry_at=None))
        assert due(session, clock.now()) == []
        before = {step.name: step.state for step in onboarding(session, begun).steps}
    assert before == {StepName.SERVICE_CLIENT: StepState.FAILED}
    assert start_sync(StartSync(tenant_id=tenant_id), actor=worker).onboarding_id == begun
    sample.factory.add_person(tenant_id, "later@kumamoto.example", Role.TENANT_FINANCE)

    with system_transaction(OPERATOR) as session:
        assert tenant_id in tenants_with_unsynced_members(session, clock.now())
    again = start_sync(StartSync(tenant_id=tenant_id), actor=worker).onboarding_id

    assert again == begun, "one at a time"
    with system_transaction(OPERATOR) as session:
        found = onboarding(session, begun)
        assert {step.name: step.state for step in found.steps} == before | {StepName.PEOPLE: StepState.QUEUED}
        assert due(session, clock.now()) == [(tenant_id, begun)]
        session.execute(
            update(OnboardingStep)
            .where(OnboardingStep.onboarding_id == begun, OnboardingStep.name == StepName.PEOPLE.value)
            .values(state="done")
        )
        session.execute(update(Onboarding).where(Onboarding.id == begun).values(retry_at=None))
        session.execute(update(Member).where(Member.keycloak_id.is_(None)).values(keycloak_id=Member.person_id))
    sample.factory.add_person(tenant_id, "latest@kumamoto.example", Role.TENANT_FINANCE)
    start_sync(StartSync(tenant_id=tenant_id), actor=worker)
    with system_transaction(OPERATOR) as session:
        assert due(session, clock.now()) == [(tenant_id, begun)], "the step that was done is done for the next one"


def test_what_is_said_after_adding_a_person_is_when_the_mail_comes(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)

    member = visit.get(f"/tenants/{sample.tenant_id}/done/member-added").text
    applicant = visit.get(f"/tenants/{sample.joining['432032']}/done/member-added").text

    assert "数分で、本人にパスワード設定メールが届きます" in member
    assert "参加手続の中で" not in member
    assert "参加手続の中で送られます" in applicant
    assert "数分で" not in applicant


def test_a_person_of_a_tenant_that_takes_part_is_nothing_that_waits_for_anybody(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    before = text_of(visit.get("/approvals").text.partition("<main")[2])
    sample.factory.add_person(sample.tenant_id, "later@kumamoto.example", Role.TENANT_FINANCE)
    with system_transaction(OPERATOR) as session:
        worker = system_actor("worker", directory.operator(session).id)
    begun = start_sync(StartSync(tenant_id=sample.tenant_id), actor=worker).onboarding_id

    during = text_of(visit.get("/approvals").text.partition("<main")[2])
    with system_transaction(OPERATOR) as session:
        session.execute(update(OnboardingStep).where(OnboardingStep.onboarding_id == begun).values(state="failed"))
    stopped = visit.get("/approvals").text

    assert "反映" not in before + during
    assert "「利用者」の反映が止まっています（1団体）" in stopped
    assert f'href="/onboardings/{begun}"' in stopped


def test_a_plan_is_chosen_for_the_tenants_ticked_in_the_list(
    sample: ConsoleSample, visit_as: Callable[[Role], Visit]
) -> None:
    visit, chosen = visit_as(Role.OPERATOR_ONBOARDING), [*sample.joining.values()]
    address = "/plans/assign?" + "&".join(f"tenant_ids={one}" for one in chosen)

    listed = visit.get("/tenants").text
    form, unchosen = visit.get(address).text, visit.get("/plans/assign").text
    review = visit.submit(address, step="confirm", key="p", tenant_ids=",".join(map(str, chosen)), plan="standard")
    done = visit.submit(address, step="apply", key="p", tenant_ids=",".join(map(str, chosen)), plan="standard")

    assert 'formaction="/plans/assign"' in listed
    assert form.count(" checked") == 2
    assert "人吉市" in unchosen, "those that are not chosen in a list are chosen here"
    assert " checked" not in unchosen
    assert [name in review.text for name in ("人吉市", "多良木町", "熊本市")] == [True, True, False]
    assert done.status_code == 303
    assert "2団体" in visit.get(done.headers["Location"]).text
    with tenant_scope(OPERATOR):
        on_plans = plans_of_tenants(db.session(), clock.today())
    assert {on_plans[one] for one in chosen} == {"標準プラン"}


def test_without_a_choice_in_the_list_a_plan_is_offered_to_those_without_one_and_else_to_all(
    sample: ConsoleSample, visit_as: Callable[[Role], Visit]
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)

    form = visit.get("/plans/assign").text
    offered = re.findall(r'name="tenant_ids" value="([0-9a-f-]{36})"', form)
    done = visit.submit("/plans/assign", step="apply", key="all", tenant_ids=",".join(offered), plan="standard")
    afterwards = visit.get("/plans/assign").text

    assert {str(one) for one in sample.joining.values()} <= set(offered)
    assert str(sample.tenant_id) not in offered
    assert " checked" not in form
    assert done.status_code == 303
    assert f'value="{sample.tenant_id}"' in afterwards
