"""How far an organization is on its way to membership: its tasks, each with its state, why and whose it is. Pure.

未着手 (nothing yet), 入力中 (under way), 完了 (done), まだ始められません (something else comes first).
"""

from __future__ import annotations

from dataclasses import dataclass

from governance.kernel.labels import Label, LabelledEnum
from governance.permissions import Permission
from tenancy.onboarding.models import OnboardingView
from tenancy.onboarding.steps import OnboardingState
from tenancy.tenants.states import TenantState


class JoiningState(LabelledEnum):
    """How far one task is."""

    OPEN = "open", "未着手", "not started"
    RUNNING = "running", "処理中", "under way"
    DONE = "done", "完了", "done"
    BLOCKED = "blocked", "まだ始められません", "cannot start yet"


class JoiningTaskName(LabelledEnum):
    """The tasks, in the order in which people usually do them."""

    SCREENING = "screening", "審査", "Screening"
    COHORT = "cohort", "参加期を決める（任意）", "Choose its cohort (optional)"
    OWNER = "owner", "団体管理者を登録する", "Add its first owner"
    PLAN = "plan", "利用プランを選ぶ", "Assign a plan"
    AGREEMENT = "agreement", "協定への同意を記録する", "Record that it accepts the agreement"
    CLIENT = "client", "連携システムを登録する（使う団体だけ）", "Register its service client (where it has one)"
    CONTACT = "contact", "連絡先を登録する", "Record a contact"
    ONBOARDING = "onboarding", "参加手続（ログイン用の登録とお知らせ）", "Onboarding (accounts and invitations)"
    MEMBERSHIP = "membership", "参加の開始", "Membership"


@dataclass(frozen=True, slots=True)
class JoiningFacts:
    """What is known of an organization on its way in; `onboarding` is its newest way in, None before the first."""

    state: TenantState
    has_cohort: bool
    has_owner: bool
    has_plan: bool
    has_accepted: bool
    has_client: bool
    has_contact: bool
    onboarding: OnboardingView | None = None


@dataclass(frozen=True, slots=True)
class JoiningTask:
    """One task: its state, why it cannot start yet or what happens now, and the permission to do it."""

    name: JoiningTaskName
    state: JoiningState
    why: Label
    permission: Permission | None


_NOTHING = Label("", "")
_BEFORE_AGREED = (TenantState.APPLIED, TenantState.SCREENING)
JOINING_STATES = (*_BEFORE_AGREED, TenantState.AGREED, TenantState.PROVISIONING)
"""States of an organization that is on its way in: those that have a list of tasks."""


def joining_tasks(facts: JoiningFacts) -> tuple[JoiningTask, ...]:
    """The tasks of an organization on its way in, in their order."""
    return (
        _screening(facts),
        _entered(JoiningTaskName.COHORT, facts.has_cohort, Permission.COHORT_DEFINE),
        _entered(JoiningTaskName.OWNER, facts.has_owner, Permission.MEMBER_ADD),
        _entered(JoiningTaskName.PLAN, facts.has_plan, Permission.PLAN_ASSIGN),
        _entered(JoiningTaskName.AGREEMENT, facts.has_accepted, Permission.AGREEMENT_ACCEPT),
        _entered(JoiningTaskName.CLIENT, facts.has_client, Permission.CLIENT_REGISTER),
        _entered(JoiningTaskName.CONTACT, facts.has_contact, Permission.CONTACT_RECORD),
        _onboarding(facts),
        _membership(facts),
    )


def _entered(name: JoiningTaskName, is_entered: bool, permission: Permission) -> JoiningTask:
    return JoiningTask(name, JoiningState.DONE if is_entered else JoiningState.OPEN, _NOTHING, permission)


def _screening(facts: JoiningFacts) -> JoiningTask:
    state = {TenantState.APPLIED: JoiningState.OPEN, TenantState.SCREENING: JoiningState.RUNNING}
    why = Label("審査中です。合意したら「合意済み」にします。", "It is being screened; once agreed, change its state.")
    return JoiningTask(
        JoiningTaskName.SCREENING,
        state.get(facts.state, JoiningState.DONE),
        why if facts.state is TenantState.SCREENING else _NOTHING,
        Permission.TENANT_CHANGE_STATE,
    )


def _onboarding(facts: JoiningFacts) -> JoiningTask:
    def task(state: JoiningState, why: Label = _NOTHING) -> JoiningTask:
        return JoiningTask(JoiningTaskName.ONBOARDING, state, why, Permission.ONBOARDING_START)

    if facts.state in _BEFORE_AGREED:
        return task(
            JoiningState.BLOCKED,
            Label("審査が終わり「合意済み」になると始められます。", "It can start once the organization is agreed."),
        )
    if facts.onboarding is None:
        return task(JoiningState.OPEN)
    if facts.onboarding.state is OnboardingState.DONE:
        return task(JoiningState.DONE)
    done, total = facts.onboarding.steps_done, len(facts.onboarding.steps)
    counted = Label(f"{total} 手順のうち {done} 手順が完了しました。", f"{done} of {total} steps are done.")
    waits = Label("入力か判断を待っています。", " It waits for input or a decision.")
    is_blocked = facts.onboarding.is_blocked
    return task(JoiningState.RUNNING, Label(counted.ja + waits.ja, counted.en + waits.en) if is_blocked else counted)


def _membership(facts: JoiningFacts) -> JoiningTask:
    missing = [
        label
        for label, is_there in (
            (Label("団体管理者", "an owner"), facts.has_owner),
            (Label("利用プラン", "a plan"), facts.has_plan),
            (Label("協定への同意", "the acceptance"), facts.has_accepted),
        )
        if not is_there
    ]
    if missing:
        ja, en = "、".join(one.ja for one in missing), ", ".join(one.en for one in missing)
        why = Label(f"{ja}がまだありません。", f"Still missing: {en}.")
        return JoiningTask(JoiningTaskName.MEMBERSHIP, JoiningState.BLOCKED, why, None)
    why = Label("参加手続が終わると、自動で始まります。", "It begins by itself when onboarding is complete.")
    is_running = facts.onboarding is not None
    state = JoiningState.RUNNING if is_running else JoiningState.BLOCKED
    return JoiningTask(JoiningTaskName.MEMBERSHIP, state, why, None)
