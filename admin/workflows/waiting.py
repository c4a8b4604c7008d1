"""What waits for an actor, counted by the database in one statement, whatever the number of tenants.

Each package says what waits of its own (`governance.kernel.waiting`); here it is decided who has to do with it. The
count in the header is made of it, and the rows of `tasks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import literal, select, union_all
from sqlalchemy.orm import Session

from billing.ledger.queries import years_to_close
from billing.notices.queries import runs_without_notices
from billing.runs.queries import draft_runs, returned_runs
from governance.actors import Actor, ActorKind
from governance.approvals import decidable_requests
from governance.kernel import clock
from governance.kernel.labels import LabelledEnum
from governance.kernel.waiting import WaitingSelect
from governance.permissions import Permission, decidable_by
from governance.webhooks.queries import failing_webhooks
from tenancy.acceptances.queries import missing_acceptances, unaccepted_versions
from tenancy.access_reviews.queries import missing_signatures, unsigned_reviews
from tenancy.announcements.queries import missing_confirmations, unconfirmed_announcements
from tenancy.applications.queries import waiting_applications
from tenancy.applications.states import SCREENED_STATES, ApplicationState
from tenancy.clients.last_days import coming_last_days
from tenancy.drift_checks.queries import kept_differences
from tenancy.onboarding.queries import waiting_steps
from tenancy.onboarding.steps import StepName
from tenancy.people.identity_providers.queries import identity_providers_to_mend
from tenancy.people.queries import dormant_people, expired_invitations, people_without_consent, refused_people
from tenancy.people.states import SyncProblem
from tenancy.tenants.queries import ready_cohorts, waiting_tenants
from tenancy.tenants.states import TenantState

RETURNED_FOR: Final = timedelta(days=30)
"""How long a run that was sent back is listed, unless it is replaced before."""

_P = Permission


class TaskSection(LabelledEnum):
    """What a row asks of its reader."""

    DECIDE = "decide", "決める・進める", "To decide and go on"
    MEND = "mend", "直す・入力する", "To correct or enter"
    DUE = "due", "期限が近い", "Falls due"
    WAIT = "wait", "ほかの人を待っている", "Waiting for others"


OWN_SECTIONS: Final = (TaskSection.DECIDE, TaskSection.MEND, TaskSection.DUE)
"""What its reader can end: what the header counts."""


class TaskKind(LabelledEnum):
    """What waits."""

    APPROVAL = "approval", "承認を待っている申請", "Request for approval"
    APPLICANTS = "applicants", "申請中の団体", "Applicants"
    SCREENING = "screening", "審査中の団体", "Tenants being screened"
    AGREED = "agreed", "手続を始められる団体（参加期なし）", "Agreed tenants without a cohort"
    PLAN = "plan", "手続を始められる参加期", "Cohort ready to be onboarded"
    NOTICES = "notices", "納入通知書を出していない按分", "Run without notices"
    DRAFT_RUN = "draft-run", "提出していない按分", "Run to submit"
    RETURNED_RUN = "returned-run", "差し戻された按分", "Run sent back"
    STEP = "step", "参加手続の手順", "Step of an onboarding"
    REFUSED_PEOPLE = "refused-people", "認証サービスに登録できない利用者", "People the identity server refused"
    INVITATIONS = "invitations", "期限の切れた利用者登録のお知らせ", "Invitations that ran out"
    CONSENT = "consent", "本人の承諾を待っている利用者", "People whose consent is waited for"
    DORMANT = "dormant", "長くログインしていない利用者", "Dormant accounts"
    AGREEMENT = "agreement", "同意していない協定", "Agreement not accepted"
    ACCEPTANCES = "acceptances", "協定への同意", "Acceptances of an agreement"
    ANNOUNCEMENT = "announcement", "確認していないお知らせ", "Announcement not confirmed"
    CONFIRMATIONS = "confirmations", "お知らせの確認", "Confirmations of an announcement"
    ACCESS_REVIEW = "access-review", "署名していない権限の棚卸し", "Access review to sign"
    SIGNATURES = "signatures", "権限の棚卸しの署名", "Signatures of access reviews"
    WEBHOOK = "webhook", "届いていない監査記録の送信先", "Webhook that does not get through"
    DRIFT = "drift", "認証サービスとの差分", "Differences with the identity server"
    LAST_DAY = "last-day", "最終日が近い連携システムと鍵", "Service client or key that ends soon"
    IDENTITY_PROVIDER = "identity-provider", "直す必要のある IdP 連携", "Identity provider to mend"
    YEAR = "year", "締切を待っている会計年度", "Fiscal year to close"
    APPLICATIONS = "applications", "審査を待っている利用申請", "Applications to screen"
    APPROVED_APPLICATIONS = "approved-applications", "承認した利用申請", "Approved applications"
    REQUEST = "request", "申請", "Request"


class ApprovalKind(LabelledEnum):
    """What a request for approval is about; `kind` of its row."""

    ALLOCATION = "allocation", "費用按分", "allocation"
    QUOTA = "quota", "利用枠の変更", "quota"


DECIDED_BY: Final = {ApprovalKind.QUOTA: _P.QUOTA_DECIDE}
"""Kind of request that a command of its own decides → the permission of that command."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row of the one statement: so many things of a kind, distinguished by `facts`."""

    kind: TaskKind
    facts: Mapping[str, Any]
    number: int
    since: datetime | None
    tenant_ids: Sequence[UUID]


def decidable_kinds(actor: Actor) -> list[str]:
    """The kinds of requests with a command of their own that this actor may decide."""
    return [kind.value for kind, permission in DECIDED_BY.items() if actor.may(permission)]


def waiting(session: Session, actor: Actor, now: datetime) -> list[Waiting]:
    """What waits and this actor has to do with, by kind; one statement. Reads in the actor's tenant scope."""
    sources = _sources(actor, now)
    if not sources:
        return []
    parts = []
    for kind, query in sources:
        counted = query.subquery()
        parts.append(select(literal(kind.value).label("kind"), *counted.c).where(counted.c.number > 0))
    return [
        Waiting(TaskKind(row.kind), row.facts or {}, row.number, row.since, tuple(row.tenant_ids or ()))
        for row in session.execute(union_all(*parts))
    ]


def count_waiting(found: Iterable[Waiting], actor: Actor, now: datetime) -> int:
    """How many things wait for this actor, of what `waiting` returned: what the rows of OWN_SECTIONS stand for."""
    return sum(one.number for one in found if section_of(one, actor, now) in OWN_SECTIONS)


# ---- who sees what --------------------------------------------------------------------------------------------------

ENTERED_WITH: Final = {
    StepName.FIRST_OWNER: _P.MEMBER_ADD,
    StepName.SERVICE_CLIENT: _P.CLIENT_REGISTER,
    StepName.QUOTAS: _P.PLAN_ASSIGN,
    StepName.AGREEMENT: _P.AGREEMENT_ACCEPT,
}
"""Step that waits for input → the permission to enter it."""


def _sources(actor: Actor, now: datetime) -> list[tuple[TaskKind, WaitingSelect]]:
    """The queries of what this actor's permissions are for."""
    today = clock.jst_date(now)
    found: list[tuple[TaskKind, WaitingSelect]] = []
    if _decides(actor):
        found.append((TaskKind.APPROVAL, decidable_requests(actor, decidable_kinds(actor))))
    if actor.is_operator:
        offered: list[tuple[Permission, TaskKind, Callable[[], WaitingSelect]]] = [
            (_P.APPLICATION_SCREEN, TaskKind.APPLICATIONS, lambda: waiting_applications(SCREENED_STATES)),
            (
                _P.APPLICATION_ADMIT,
                TaskKind.APPROVED_APPLICATIONS,
                lambda: waiting_applications([ApplicationState.APPROVED]),
            ),
            (_P.TENANT_CHANGE_STATE, TaskKind.APPLICANTS, lambda: waiting_tenants(TenantState.APPLIED)),
            (_P.TENANT_CHANGE_STATE, TaskKind.SCREENING, lambda: waiting_tenants(TenantState.SCREENING)),
            (_P.ONBOARDING_START, TaskKind.AGREED, lambda: waiting_tenants(TenantState.AGREED, without_cohort=True)),
            (_P.COHORT_APPLY, TaskKind.PLAN, ready_cohorts),
            (_P.ONBOARDING_DECIDE, TaskKind.STEP, waiting_steps),
            (_P.NOTICE_ISSUE, TaskKind.NOTICES, runs_without_notices),
            (_P.ALLOCATION_PREPARE, TaskKind.DRAFT_RUN, draft_runs),
            (_P.ALLOCATION_PREPARE, TaskKind.RETURNED_RUN, lambda: returned_runs(now - RETURNED_FOR)),
            (_P.MEMBER_DECIDE_SYNC, TaskKind.REFUSED_PEOPLE, refused_people),
            (_P.ONBOARDING_START, TaskKind.INVITATIONS, lambda: expired_invitations(now)),
            (_P.AGREEMENT_PUBLISH, TaskKind.ACCEPTANCES, lambda: missing_acceptances(today)),
            (_P.ANNOUNCEMENT_PUBLISH, TaskKind.CONFIRMATIONS, lambda: missing_confirmations(today)),
            (_P.ACCESS_REVIEW_REMIND, TaskKind.SIGNATURES, missing_signatures),
            (_P.WEBHOOK_CHANGE_ADDRESS, TaskKind.WEBHOOK, failing_webhooks),
            (_P.DRIFT_REPAIR, TaskKind.DRIFT, kept_differences),
            (_P.CLIENT_ADD_KEY, TaskKind.LAST_DAY, lambda: coming_last_days(actor.tenant_id, today)),
            (_P.PERIOD_CHANGE_STATE, TaskKind.YEAR, lambda: years_to_close(today)),
        ]
        # The security people look after the operator's own people; whoever onboards does so for the tenants'.
        if actor.may(_P.MEMBER_REMOVE):
            found.append((TaskKind.INVITATIONS, expired_invitations(now, tenant_id=actor.tenant_id)))
            found.append((TaskKind.DORMANT, dormant_people(now, actor.tenant_id)))
    else:
        offered = [
            (_P.AGREEMENT_ACCEPT, TaskKind.AGREEMENT, lambda: unaccepted_versions(actor.tenant_id, today)),
            (
                _P.ANNOUNCEMENT_CONFIRM,
                TaskKind.ANNOUNCEMENT,
                lambda: unconfirmed_announcements(actor.tenant_id, today),
            ),
            (_P.ACCESS_REVIEW_DECIDE, TaskKind.ACCESS_REVIEW, lambda: unsigned_reviews(actor.tenant_id)),
            (_P.CLIENT_ADD_KEY, TaskKind.LAST_DAY, lambda: coming_last_days(actor.tenant_id, today)),
            (_P.MEMBER_ADD, TaskKind.INVITATIONS, lambda: expired_invitations(now, tenant_id=actor.tenant_id)),
            (_P.MEMBER_ADD, TaskKind.CONSENT, lambda: people_without_consent(actor.tenant_id)),
            (_P.MEMBER_DISABLE, TaskKind.DORMANT, lambda: dormant_people(now, actor.tenant_id)),
            (
                _P.IDENTITY_PROVIDER_CHECK,
                TaskKind.IDENTITY_PROVIDER,
                lambda: identity_providers_to_mend(actor.tenant_id, today),
            ),
        ]
        if any(actor.may(permission) for permission in ENTERED_WITH.values()):
            found.append((TaskKind.STEP, waiting_steps()))
    return found + [(kind, query()) for permission, kind, query in offered if actor.may(permission)]


def _decides(actor: Actor) -> bool:
    """Whether requests of others may be this actor's to decide: a person's only, whoever sits at the machine."""
    return actor.kind is ActorKind.PERSON and bool(decidable_by(actor.roles) or decidable_kinds(actor))


def section_of(one: Waiting, actor: Actor, now: datetime) -> TaskSection | None:
    """Where the row stands for this actor; None where it does not concern them."""
    if one.kind is TaskKind.STEP:
        return _section_of_step(one, actor)
    if one.kind is TaskKind.AGREEMENT:
        is_coming = date.fromisoformat(one.facts["effective_from"]) > clock.jst_date(now)
        return TaskSection.DUE if is_coming else TaskSection.DECIDE
    if one.kind is TaskKind.ACCESS_REVIEW and one.facts["decided"] == one.facts["lines"]:
        return TaskSection.DECIDE if actor.may(_P.ACCESS_REVIEW_SIGN) else TaskSection.WAIT
    if one.kind is TaskKind.CONSENT:
        is_declined = one.facts["ending"] == SyncProblem.CONSENT_DECLINED
        return TaskSection.MEND if is_declined else TaskSection.WAIT
    return _SECTIONS[one.kind]


_SECTIONS: Final = {
    TaskKind.APPROVAL: TaskSection.DECIDE,
    TaskKind.APPLICATIONS: TaskSection.DECIDE,
    TaskKind.APPROVED_APPLICATIONS: TaskSection.DECIDE,
    TaskKind.APPLICANTS: TaskSection.DECIDE,
    TaskKind.SCREENING: TaskSection.DECIDE,
    TaskKind.AGREED: TaskSection.DECIDE,
    TaskKind.PLAN: TaskSection.DECIDE,
    TaskKind.NOTICES: TaskSection.DECIDE,
    TaskKind.DRAFT_RUN: TaskSection.DECIDE,
    TaskKind.RETURNED_RUN: TaskSection.MEND,
    TaskKind.REFUSED_PEOPLE: TaskSection.MEND,
    TaskKind.INVITATIONS: TaskSection.MEND,
    TaskKind.DORMANT: TaskSection.MEND,
    TaskKind.WEBHOOK: TaskSection.MEND,
    TaskKind.DRIFT: TaskSection.MEND,
    TaskKind.ACCEPTANCES: TaskSection.WAIT,
    TaskKind.ANNOUNCEMENT: TaskSection.DUE,
    TaskKind.CONFIRMATIONS: TaskSection.WAIT,
    TaskKind.ACCESS_REVIEW: TaskSection.DUE,
    TaskKind.SIGNATURES: TaskSection.WAIT,
    TaskKind.LAST_DAY: TaskSection.DUE,
    TaskKind.IDENTITY_PROVIDER: TaskSection.MEND,
    TaskKind.YEAR: TaskSection.DUE,
}


def _section_of_step(one: Waiting, actor: Actor) -> TaskSection | None:
    permission = ENTERED_WITH.get(StepName(one.facts["step"]))
    onboards = actor.may(_P.ONBOARDING_START) or not actor.is_operator
    if one.facts["has_failed"]:
        if actor.may(_P.ONBOARDING_DECIDE):
            return TaskSection.DECIDE
    elif permission is not None and onboards and actor.may(permission):
        return TaskSection.MEND
    return TaskSection.WAIT if actor.may(_P.ONBOARDING_READ) and onboards else None
