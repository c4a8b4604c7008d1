"""対応待ち: one of each thing that waits, seen by exactly the right people on home, in the header and in the list, and
gone after what ends it. Nothing waits only when nothing does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import event, update

from admin.features.approvals.stored import requestable
from admin.workflows.tasks import SHOWN, Task, tasks
from admin.workflows.waiting import OWN_SECTIONS, TaskKind, TaskSection, waiting
from billing.ledger import commands as ledger
from billing.ledger.commands import ChangePeriodState
from billing.ledger.periods import PeriodState
from billing.runs.commands import (
    AllocationPrepared,
    DraftRevision,
    RejectAllocation,
    SubmitAllocation,
    draft_revision,
    reject_allocation,
    submit_allocation,
)
from billing.runs.states import RunKind
from governance.actors import Actor
from governance.agreements.commands import accept_agreement
from governance.approvals import approval_by_id
from governance.approvals.commands import DecideApproval, decide_approval
from governance.approvals.states import Decision
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from governance.webhooks.commands import ChangeWebhookState, change_webhook_state
from governance.webhooks.states import RETRY_DELAYS, DeliveryProblem, WebhookState
from governance.webhooks.tables import Webhook
from tenancy.access_reviews.commands import StartAccessReview, start_access_review
from tenancy.announcements.commands import ConfirmAnnouncement, confirm_announcement
from tenancy.applications.commands import WithdrawApplication, withdraw_application
from tenancy.clients.last_days import SetClientLastDay, set_client_last_day
from tenancy.drift_checks.commands import (
    RecordDriftCheck,
    RequestDriftCheck,
    record_drift_check,
    request_drift_check,
)
from tenancy.drift_checks.models import to_findings
from tenancy.keycloak.comparison import DifferenceKind, TenantDifference
from tenancy.onboarding.commands import DecideStep, decide_step
from tenancy.onboarding.step_actions import QUOTAS_MISSING
from tenancy.onboarding.steps import StepDecision, StepName, StepState
from tenancy.onboarding.tables import Onboarding, OnboardingStep
from tenancy.people.identity_providers.states import CheckProblem, IdentityProviderState
from tenancy.people.identity_providers.tables import IdentityProvider
from tenancy.people.states import MemberState, SyncProblem
from tenancy.people.tables import Member
from tenancy.quotas.commands import DecideQuota, decide_quota
from tenancy.quotas.queries import quota_request
from tenancy.tenants.states import TenantKind, TenantState
from tests.admin.api.conftest import Caller
from tests.admin.cli.command_line import Moyai
from tests.admin.console.conftest import ConsoleSample, keep_all_access
from tests.admin.visitors import Visit
from tests.billing.ledger.books import change_period_state, contribution, post_entry
from tests.factories import acceptance
from tests.second_person import join

ROLES: Final = [role for role in Role if role.startswith(("operator-", "tenant-"))]
VisitAs = Callable[[Role], Visit]
Seen = tuple[TaskSection, TaskKind]

ONBOARDING, FINANCE = Role.OPERATOR_ONBOARDING, Role.OPERATOR_FINANCE
APPROVER, SECURITY = Role.OPERATOR_APPROVER, Role.OPERATOR_SECURITY
OWNER, USER_ADMIN, CLIENT_ADMIN = Role.TENANT_OWNER, Role.TENANT_USER_ADMIN, Role.TENANT_CLIENT_ADMIN
D, M, U, W = TaskSection.DECIDE, TaskSection.MEND, TaskSection.DUE, TaskSection.WAIT


def rows_of(actor: Actor) -> dict[str, Task]:
    """The rows of this actor by their keys."""
    with tenant_scope(actor.tenant_scope):
        session, now = db.session(), clock.now()
        session.rollback()
        return {row.key: row for row in tasks(session, actor, now, waiting(session, actor, now), requestable())}


# ---- making and ending one of each ----------------------------------------------------------------------------------


def _applicant(*states: TenantState) -> Callable[[ConsoleSample], UUID]:
    def make(sample: ConsoleSample) -> UUID:
        tenant_id = sample.factory.register_applicant("433683", "長洲町", population=15372)
        sample.factory.change_state(tenant_id, *states)
        return tenant_id

    return make


def _move_to(state: TenantState) -> Callable[[ConsoleSample, UUID], None]:
    return lambda sample, tenant_id: sample.factory.change_state(tenant_id, state)


def _start(sample: ConsoleSample, tenant_id: UUID) -> None:
    sample.factory.start_onboarding(tenant_id)


def _request_entry(sample: ConsoleSample) -> UUID:
    return ledger.post_entry(contribution(sample.other_id, 2_000), actor=sample.factory.actors.finance).approval_id


def _reject(sample: ConsoleSample, approval_id: UUID) -> None:
    with tenant_scope(OPERATOR):
        digest = approval_by_id(db.session(), approval_id).digest
    command = DecideApproval(approval_id=approval_id, digest=digest, decision=Decision.REJECTED, reason="不要")
    decide_approval(command, actor=sample.people[APPROVER])


def _request_quota(sample: ConsoleSample) -> UUID:
    return sample.factory.request_quota(sample.tenant_id, "users", 200)


def _set_last_day(sample: ConsoleSample) -> UUID:
    client_id = sample.factory.add_service_client(sample.tenant_id, "期限のあるシステム")
    _last_day(sample, client_id, clock.today() + timedelta(days=31))
    return client_id


def _take_last_day_away(sample: ConsoleSample, client_id: UUID) -> None:
    _last_day(sample, client_id, None)


def _last_day(sample: ConsoleSample, client_id: UUID, end: date | None) -> None:
    command = SetClientLastDay(tenant_id=sample.tenant_id, client_id=client_id, valid_until=end, reason="契約")
    set_client_last_day(command, actor=sample.people[OWNER])


def _submit_application(sample: ConsoleSample) -> UUID:
    sample.factory.submit_application(sample.application_id)
    return sample.application_id


def _approve_application(sample: ConsoleSample) -> UUID:
    application_id = _submit_application(sample)
    sample.factory.approve_application(application_id)
    return application_id


def _withdraw_application(sample: ConsoleSample, application_id: UUID) -> None:
    command = WithdrawApplication(application_id=application_id, reason="見送り")
    withdraw_application(command, actor=sample.people[ONBOARDING])


def _reject_quota(sample: ConsoleSample, request_id: UUID) -> None:
    with tenant_scope(OPERATOR):
        digest = quota_request(db.session(), request_id).digest
    command = DecideQuota(request_id=request_id, digest=digest, decision=Decision.REJECTED, reason="不要")
    decide_quota(command, actor=sample.people[APPROVER])


def _revise(sample: ConsoleSample) -> AllocationPrepared:
    sample.factory.record(1_000_000, name="追加")
    return sample.factory.prepare(RunKind.REVISION)


def _send_back(sample: ConsoleSample, prepared: AllocationPrepared) -> None:
    reject_allocation(RejectAllocation(run_id=prepared.run_id, reason="経費の誤り"), actor=sample.people[APPROVER])


def _draft(sample: ConsoleSample) -> AllocationPrepared:
    sample.factory.record(1_000_000, name="追加")
    command = DraftRevision(fiscal_year=2025)
    return draft_revision(command, actor=sample.factory.actors.worker)


def _submit(sample: ConsoleSample, drafted: AllocationPrepared) -> None:
    command = SubmitAllocation(run_id=drafted.run_id, digest=drafted.digest)
    submit_allocation(command, actor=sample.people[FINANCE])


def _revise_and_approve(sample: ConsoleSample) -> UUID:
    prepared = _revise(sample)
    sample.factory.approve(prepared)
    return prepared.run_id


def _issue(sample: ConsoleSample, run_id: UUID) -> None:
    sample.factory.issue_notices(run_id)


def _revise_and_send_back(sample: ConsoleSample) -> None:
    _send_back(sample, _revise(sample))


def _prepare_again(sample: ConsoleSample, _: None) -> None:
    sample.factory.approve(sample.factory.prepare(RunKind.REVISION))


def _blocked(state: StepState, reason: str) -> Callable[[ConsoleSample], UUID]:
    def make(sample: ConsoleSample) -> UUID:
        onboarding_id = sample.factory.start_onboarding(sample.joining["432032"])
        is_quotas = (OnboardingStep.onboarding_id == onboarding_id, OnboardingStep.name == StepName.QUOTAS.value)
        with system_transaction(OPERATOR) as session:
            session.execute(
                update(OnboardingStep)
                .where(*is_quotas)
                .values(state=state.value, reason=reason, started_at=clock.now(), attempts=1)
            )
            session.execute(
                update(Onboarding).where(Onboarding.id == onboarding_id).values(state=state.value, retry_at=None)
            )
        return onboarding_id

    return make


def _retry(sample: ConsoleSample, onboarding_id: UUID) -> None:
    command = DecideStep(
        onboarding_id=onboarding_id, step=StepName.QUOTAS, choice=StepDecision.RETRY, reason="原因を直した"
    )
    decide_step(command, actor=sample.people[ONBOARDING])


def _add_refused(sample: ConsoleSample) -> UUID:
    return _add_late(sample, sync_problem=SyncProblem.REFUSED.value)


def _add_expired(sample: ConsoleSample) -> UUID:
    return _add_late(sample, keycloak_id="late", password_mail_sent_at=clock.now() - timedelta(days=2))


def _add_late(sample: ConsoleSample, **values: Any) -> UUID:
    added = sample.factory.add_person(sample.tenant_id, "late@example.jp")
    _change_member(**values)(sample, added.member_id)
    return added.member_id


def _change_member(**values: Any) -> Callable[[ConsoleSample, UUID], None]:
    def end(sample: ConsoleSample, member_id: UUID) -> None:
        with system_transaction(OPERATOR) as session:
            session.execute(update(Member).where(Member.id == member_id).values(**values))

    return end


def _publish(effective_from: date) -> Callable[[ConsoleSample], UUID]:
    return lambda sample: sample.factory.publish(effective_from=effective_from, words="第1条 改正")


def _accept_by_all(sample: ConsoleSample, version_id: UUID) -> None:
    for tenant_id in set(sample.factory.ids.values()) - set(sample.joining.values()):
        accept_agreement(acceptance(tenant_id, version_id), actor=sample.people[ONBOARDING])


def _announce(sample: ConsoleSample) -> UUID:
    return sample.factory.announce(sample.tenant_id, title="確認のお願い", asks_confirmation=True)


def _start_review(sample: ConsoleSample) -> UUID:
    command = StartAccessReview(
        tenant_id=sample.tenant_id, as_of=clock.today(), due_on=clock.today() + timedelta(days=30)
    )
    return start_access_review(command, actor=sample.people[SECURITY]).review_id


def _confirm(sample: ConsoleSample, announcement_id: UUID) -> None:
    command = ConfirmAnnouncement(tenant_id=sample.tenant_id, announcement_id=announcement_id)
    confirm_announcement(command, actor=sample.people[OWNER])


def _fail(sample: ConsoleSample, failures: int = len(RETRY_DELAYS)) -> None:
    with system_transaction(OPERATOR) as session:
        session.execute(
            update(Webhook)
            .where(Webhook.id == sample.webhook_id)
            .values(failures=failures, failing_since=clock.now(), last_problem=DeliveryProblem.UNREACHABLE.value)
        )


def _pause(sample: ConsoleSample, _: None) -> None:
    command = ChangeWebhookState(webhook_id=sample.webhook_id, state=WebhookState.PAUSED)
    change_webhook_state(command, actor=sample.people[SECURITY])


def _differ(sample: ConsoleSample) -> None:
    _compared(sample, TenantDifference(tenant="moyai", kind=DifferenceKind.FOREIGN, object="client somebodys-own"))


def _compared(sample: ConsoleSample, *differences: TenantDifference) -> None:
    check_id = request_drift_check(RequestDriftCheck(), actor=sample.people[SECURITY]).check_id
    found = RecordDriftCheck(check_id=check_id, looked_at=clock.now(), findings=to_findings(differences))
    record_drift_check(found, actor=sample.factory.actors.worker)


def _provider(**values: Any) -> Callable[..., None]:
    """The tenant's identity provider with these values."""

    def change(sample: ConsoleSample, *_: None) -> None:
        with system_transaction(OPERATOR) as session:
            of_tenant = IdentityProvider.tenant_id == sample.tenant_id
            session.execute(update(IdentityProvider).where(of_tenant).values(**values))

    return change


def _post_last_year(sample: ConsoleSample) -> None:
    post_entry(
        contribution(sample.tenant_id, 1_000, happened_on=date(2025, 3, 31)), actor=sample.factory.actors.finance
    )


def _close_last_year(sample: ConsoleSample, _: None) -> None:
    for state in (PeriodState.CLOSING, PeriodState.CLOSED):
        command = ChangePeriodState(tenant_id=sample.tenant_id, fiscal_year=2024, to=state)
        change_period_state(command, actor=sample.factory.actors.finance)


@dataclass(frozen=True)
class Example:
    """How something comes to wait, what ends it, and who sees it where."""

    name: str
    make: Callable[[ConsoleSample], Any]
    end: Callable[[ConsoleSample, Any], None]
    seen_by: dict[Role, Seen]


EXAMPLES: Final = [
    Example("applicant", _applicant(), _move_to(TenantState.SCREENING), {ONBOARDING: (D, TaskKind.APPLICANTS)}),
    Example(
        "screening",
        _applicant(TenantState.SCREENING),
        _move_to(TenantState.AGREED),
        {ONBOARDING: (D, TaskKind.SCREENING)},
    ),
    Example(
        "agreed",
        _applicant(TenantState.SCREENING, TenantState.AGREED),
        _start,
        {ONBOARDING: (D, TaskKind.AGREED)},
    ),
    Example(
        "entry requested",
        _request_entry,
        _reject,
        {APPROVER: (D, TaskKind.APPROVAL), FINANCE: (W, TaskKind.REQUEST)},
    ),
    Example(
        "quota requested",
        _request_quota,
        _reject_quota,
        {
            APPROVER: (D, TaskKind.APPROVAL),
            OWNER: (W, TaskKind.REQUEST),
            CLIENT_ADMIN: (W, TaskKind.REQUEST),
        },
    ),
    Example(
        "run requested",
        _revise,
        lambda sample, prepared: sample.factory.approve(prepared),
        {APPROVER: (D, TaskKind.APPROVAL), FINANCE: (W, TaskKind.REQUEST)},
    ),
    Example("draft run", _draft, _submit, {FINANCE: (D, TaskKind.DRAFT_RUN)}),
    Example("notices", _revise_and_approve, _issue, {FINANCE: (D, TaskKind.NOTICES)}),
    Example("returned run", _revise_and_send_back, _prepare_again, {FINANCE: (M, TaskKind.RETURNED_RUN)}),
    Example(
        "step without input",
        _blocked(StepState.WAITING, QUOTAS_MISSING.code),
        _retry,
        {ONBOARDING: (M, TaskKind.STEP)},
    ),
    Example(
        "failed step",
        _blocked(StepState.FAILED, "internal"),
        _retry,
        {ONBOARDING: (D, TaskKind.STEP), SECURITY: (D, TaskKind.STEP)},
    ),
    Example(
        "refused person",
        _add_refused,
        _change_member(sync_problem=SyncProblem.SKIPPED.value),
        {ONBOARDING: (M, TaskKind.REFUSED_PEOPLE), SECURITY: (M, TaskKind.REFUSED_PEOPLE)},
    ),
    Example(
        "invitation",
        _add_expired,
        _change_member(state=MemberState.ACTIVE.value),
        {OWNER: (M, TaskKind.INVITATIONS), USER_ADMIN: (M, TaskKind.INVITATIONS)},
    ),
    Example(
        "awaited consent",
        lambda sample: _add_late(sample, sync_problem=SyncProblem.AWAITING_CONSENT.value),
        _change_member(sync_problem=None),
        {OWNER: (W, TaskKind.CONSENT), USER_ADMIN: (W, TaskKind.CONSENT)},
    ),
    Example(
        "declined consent",
        lambda sample: _add_late(sample, sync_problem=SyncProblem.CONSENT_DECLINED.value),
        _change_member(sync_problem=None),
        {OWNER: (M, TaskKind.CONSENT), USER_ADMIN: (M, TaskKind.CONSENT)},
    ),
    Example(
        "dormant account",
        lambda sample: _add_late(
            sample,
            state=MemberState.ACTIVE.value,
            added_at=clock.now() - timedelta(days=200),
            last_sign_in_at=clock.now() - timedelta(days=91),
        ),
        lambda sample, member_id: _change_member(last_sign_in_at=clock.now() - timedelta(days=89))(sample, member_id),
        {OWNER: (M, TaskKind.DORMANT), USER_ADMIN: (M, TaskKind.DORMANT)},
    ),
    Example(
        "agreement to come",
        _publish(date(2025, 7, 1)),
        _accept_by_all,
        {OWNER: (U, TaskKind.AGREEMENT), ONBOARDING: (W, TaskKind.ACCEPTANCES)},
    ),
    Example(
        "agreement in force",
        _publish(date(2025, 6, 2)),
        _accept_by_all,
        {OWNER: (D, TaskKind.AGREEMENT), ONBOARDING: (W, TaskKind.ACCEPTANCES)},
    ),
    Example(
        "announcement",
        _announce,
        _confirm,
        dict.fromkeys((OWNER, USER_ADMIN, CLIENT_ADMIN, Role.TENANT_FINANCE), (U, TaskKind.ANNOUNCEMENT))
        | {ONBOARDING: (W, TaskKind.CONFIRMATIONS)},
    ),
    Example(
        "access review",
        _start_review,
        lambda sample, review_id: keep_all_access(sample.tenant_id, review_id, sample.people[OWNER]),
        {
            OWNER: (U, TaskKind.ACCESS_REVIEW),
            USER_ADMIN: (U, TaskKind.ACCESS_REVIEW),
            SECURITY: (W, TaskKind.SIGNATURES),
        },
    ),
    Example(
        "last day",
        _set_last_day,
        _take_last_day_away,
        {OWNER: (U, TaskKind.LAST_DAY), CLIENT_ADMIN: (U, TaskKind.LAST_DAY)},
    ),
    Example(
        "differences with Keycloak",
        _differ,
        lambda sample, _: _compared(sample),
        {SECURITY: (M, TaskKind.DRIFT), ONBOARDING: (M, TaskKind.DRIFT)},
    ),
    Example(
        "application",
        _submit_application,
        _withdraw_application,
        {ONBOARDING: (D, TaskKind.APPLICATIONS)},
    ),
    Example(
        "approved application",
        _approve_application,
        _withdraw_application,
        {ONBOARDING: (D, TaskKind.APPROVED_APPLICATIONS)},
    ),
    Example("failing webhook", _fail, _pause, {SECURITY: (M, TaskKind.WEBHOOK)}),
    Example(
        "identity provider",
        _provider(state=IdentityProviderState.ENABLED.value, check_problem=CheckProblem.CLIENT_REFUSED.value),
        _provider(check_problem=None),
        {OWNER: (M, TaskKind.IDENTITY_PROVIDER)},
    ),
    Example(
        "certificate of an identity provider",
        _provider(state=IdentityProviderState.ENABLED.value, certificate_ends_on=date(2025, 6, 30)),
        _provider(certificate_ends_on=date(2026, 6, 30)),
        {OWNER: (M, TaskKind.IDENTITY_PROVIDER)},
    ),
    Example("year", _post_last_year, _close_last_year, {FINANCE: (U, TaskKind.YEAR)}),
]
BY_NAME: Final = pytest.mark.parametrize(
    "example",
    EXAMPLES,
    ids=[example.name for example in EXAMPLES],
)


def test_every_kind_of_task_is_made_here() -> None:
    made = {kind for example in EXAMPLES for _, kind in example.seen_by.values()}

    assert made | {TaskKind.PLAN} == set(TaskKind)


@BY_NAME
def test_a_thing_that_waits_is_seen_by_the_right_people_and_is_gone_after_what_ends_it(
    sample: ConsoleSample, visit_as: VisitAs, example: Example
) -> None:
    before = {role: rows_of(sample.people[role]) for role in ROLES}

    made = example.make(sample)
    waits = {role: rows_of(sample.people[role]) for role in ROLES}
    new = {
        role: [row for key, row in rows.items() if key not in before[role]]
        for role, rows in waits.items()
        if rows.keys() != before[role].keys()
    }

    assert {role: [(row.section, row.kind) for row in rows] for role, rows in new.items()} == {
        role: [seen] for role, seen in example.seen_by.items()
    }
    for role, [row] in new.items():
        visit = visit_as(role)
        home, listed = visit.get("/").text, visit.get("/approvals").text
        assert row.text in listed
        own = sum(one.number for one in waits[role].values() if one.section in OWN_SECTIONS)
        assert header_count(home) == header_count(listed) == own
        if row.section is W:
            assert row.waits_for
            assert (
                f"ほかの人を待っているもの {sum(one.number for one in waits[role].values() if one.section is W)}件"
                in home
            )
        else:
            assert row.text in home
            assert row.verb in home
            assert visit.get(row.address).status_code == 200, row.address

    example.end(sample, made)

    for role, [row] in new.items():
        left = rows_of(sample.people[role])
        assert row.key not in left
        own = sum(one.number for one in left.values() if one.section in OWN_SECTIONS)
        assert header_count(visit_as(role).get("/").text) == own


def header_count(page: str) -> int:
    """The number beside 対応待ち in the header."""
    header = page.partition("<header")[2].partition("</header>")[0]
    return int(re.findall(r"([\d,]+)件", header)[0].replace(",", ""))


def test_nothing_waits_is_said_only_where_nothing_does(sample: ConsoleSample, visit_as: VisitAs) -> None:
    nothing = "いま対応を待っているものはありません"
    for role in ROLES:
        visit, rows = visit_as(role), rows_of(sample.people[role]).values()
        own = [row for row in rows if row.section in OWN_SECTIONS]
        assert (nothing in visit.get("/").text) is not bool(own), role
        assert ("ほかの人を待っているものもありません" in visit.get("/approvals").text) is not bool(rows), role
    assert rows_of(sample.people[Role.OPERATOR_AUDITOR]) == {}
    assert rows_of(sample.people[APPROVER]) != {}


def test_a_cohort_is_ready_once_all_of_it_is_agreed_and_until_it_is_begun(sample: ConsoleSample) -> None:
    onboarding = sample.people[ONBOARDING]
    [ready] = [row for row in rows_of(onboarding).values() if row.kind is TaskKind.PLAN]
    assert (ready.text, ready.about) == ("令和7年度参加: 計画ができます（2団体）", "人吉市、多良木町")
    assert [
        role for role in ROLES if any(row.kind is TaskKind.PLAN for row in rows_of(sample.people[role]).values())
    ] == [ONBOARDING]

    late = sample.factory.register_applicant("433683", "長洲町")
    sample.factory.define_cohort("fy2025-two", "令和7年度参加", late)
    assert ready.key not in rows_of(onboarding)
    sample.factory.change_state(late, TenantState.SCREENING, TenantState.AGREED)
    assert "（3団体）" in rows_of(onboarding)[ready.key].text
    for tenant_id in (*sample.joining.values(), late):
        sample.factory.change_state(tenant_id, TenantState.PROVISIONING)
    assert ready.key not in rows_of(onboarding)


def test_nobody_decides_their_own_request_nor_that_of_their_other_account(sample: ConsoleSample) -> None:
    approver = sample.people[APPROVER]
    both = sample.factory.actors
    requested = ledger.post_entry(contribution(sample.other_id, 3_000), actor=both.finance)
    assert f"approval:{requested.approval_id}" in rows_of(approver)

    person = join(both.finance.id, both.operator_tenant)
    join(approver.id, both.operator_tenant, person)

    assert f"approval:{requested.approval_id}" not in rows_of(approver)
    assert rows_of(approver)[f"request:{requested.approval_id}"].section is W


def test_a_receiver_that_missed_a_few_attempts_is_nobodys_task(sample: ConsoleSample) -> None:
    _fail(sample, len(RETRY_DELAYS) - 1)
    assert not any(row.kind is TaskKind.WEBHOOK for row in rows_of(sample.people[SECURITY]).values())

    _fail(sample)
    row = rows_of(sample.people[SECURITY])[f"webhook:{sample.webhook_id}"]

    assert row.text == "監査記録が送信先「県の SIEM」に届いていません（受信側に接続できません）"
    assert row.since == clock.now()
    assert row.address == f"/webhooks/{sample.webhook_id}"


def test_an_invitation_of_a_tenant_without_anybody_active_is_the_operators_to_see_to(sample: ConsoleSample) -> None:
    member = sample.factory.add_person(sample.other_id, "first@example.jp", Role.TENANT_OWNER).member_id
    _change_member(keycloak_id="first", password_mail_sent_at=clock.now() - timedelta(days=2))(sample, member)

    seen = [role for role in ROLES if "invitations" in rows_of(sample.people[role])]
    assert seen == [ONBOARDING]
    assert rows_of(sample.people[ONBOARDING])["invitations"].about == "八代市"

    _change_member(password_mail_sent_at=clock.now() - timedelta(hours=23))(sample, member)
    assert "invitations" not in rows_of(sample.people[ONBOARDING])


def test_many_things_of_a_kind_are_one_row_that_leads_to_the_filtered_list(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    for number in range(5):
        sample.factory.register_applicant(None, f"第{number}組合", kind=TenantKind.UNION)
    visit = visit_as(ONBOARDING)

    row = rows_of(sample.people[ONBOARDING])["applicants"]

    assert (row.number, row.text, row.address) == (5, "申請中の団体 5団体", "/tenants?state=applied")
    assert row.about.endswith("ほか2団体")
    assert visit.get(row.address).text.count("組合</a>") == 5
    assert header_count(visit.get("/").text) == 6  # and the cohort that is ready


def test_the_oldest_requests_are_listed_and_the_rest_counted(sample: ConsoleSample, visit_as: VisitAs) -> None:
    for yen in range(1, SHOWN + 3):
        ledger.post_entry(contribution(sample.other_id, yen), actor=sample.factory.actors.finance)
    visit = visit_as(APPROVER)

    listed = visit.get("/approvals").text

    assert header_count(listed) == SHOWN + 2 + 2
    assert listed.count("確認して決める") <= SHOWN + 1  # and the button at the head
    assert "ほかに 4件の申請が待っています" in listed


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    found: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_the_number_of_statements_does_not_grow_with_what_waits(
    web: Flask, sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(ONBOARDING)

    def statements(path: str) -> int:
        visit.get(path)
        with web.app_context(), counted_statements() as found:
            assert visit.get(path).status_code == 200
        return len(found)

    before = {path: statements(path) for path in ("/", "/approvals")}
    for example in EXAMPLES:
        if example.name in ("applicant", "failed step", "refused person", "agreement to come", "run requested"):
            example.make(sample)
    after = {path: statements(path) for path in before}

    assert before == after
    assert max(after.values()) <= 25, after


def items(caller: Caller, address: str) -> list[dict[str, Any]]:
    answer = caller.get(address).get_json()
    found: list[dict[str, Any]] = answer["items"]
    return found


def test_the_list_is_the_same_over_the_api(sample: ConsoleSample, caller_as: Callable[[Role], Caller]) -> None:
    _publish(date(2025, 7, 1))(sample)
    for role in (ONBOARDING, APPROVER, OWNER):
        expected = [row.model_dump(mode="json") for row in rows_of(sample.people[role]).values()]
        caller = caller_as(role)

        assert items(caller, "/tasks?limit=200") == expected
        for section in TaskSection:
            listed = items(caller, f"/tasks?section={section.value}")
            assert listed == [row for row in expected if row["section"] == section.value]
    assert items(caller_as(Role.TENANT_MEMBER), "/tasks") == []


def test_the_machines_command_line_lists_what_waits_and_decides_nothing(sample: ConsoleSample, moyai: Moyai) -> None:
    _applicant()(sample)

    code, printed, _ = moyai("task", "list")

    assert code == 0
    assert {"applicants", "plan:fy2025-two"} <= {row["key"] for row in printed["tasks"]}
    assert [row for row in printed["tasks"] if row["kind"] == "approval"] == []
    assert "申請中の団体 1団体" in moyai.text("task", "list", "--section", "decide")[1]
