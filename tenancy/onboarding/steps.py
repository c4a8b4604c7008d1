"""The steps of an onboarding: their order, what each needs, and what an outcome makes of them. Pure.

A step that cannot go on does not hold up the ones that do not need it, so that everything that is missing shows at
once. Compensation is not among the states: nothing is undone by itself (docs/decisions/0006).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from governance.kernel.errors import Conflict, message
from governance.kernel.labels import LabelledEnum

SKIP_REFUSED = message(
    "onboarding.skip_refused",
    ja="「{step}」は参加に欠かせない手順なので、省けません。",
    en="The step {step} cannot be skipped: membership needs it.",
    hint_ja="原因を直してから、再実行してください。",
    hint_en="Fix the cause, then retry.",
)
NOTHING_TO_DECIDE = message(
    "onboarding.nothing_to_decide",
    ja="手順「{step}」は「{state}」なので、決めることはありません。",
    en="The step {step} is {state}; there is nothing to decide.",
)
ADOPT_REFUSED = message(
    "onboarding.adopt_refused",
    ja="手順「{step}」は、実施済みとすることはできません。",
    en="The step {step} cannot be adopted as done.",
    hint_ja="再実行すると、Moyai が自分で確かめて続けます。",
    hint_en="Retry it: Moyai checks Keycloak and adopts what it created.",
)


class OnboardingKind(LabelledEnum):
    """What the steps are run for: to bring a tenant in, or to bring to Keycloak what was added since."""

    JOINING = "joining", "参加手続", "onboarding"
    SYNC = "sync", "反映", "update"


class StepName(LabelledEnum):
    """The steps, in the order in which they are shown and begun."""

    ORGANIZATION = "organization", "ログイン用の団体登録", "organization"
    ROLE_GROUPS = "role_groups", "権限の準備", "role groups"
    FIRST_OWNER = "first_owner", "団体管理者", "owner"
    PASSWORD_MAIL = "password_mail", "パスワード設定メール", "password email"
    PEOPLE = "people", "利用者", "people"
    SERVICE_CLIENT = "service_client", "連携システム", "service client"
    QUOTAS = "quotas", "利用プランと利用枠", "plan and quotas"
    AGREEMENT = "agreement", "協定への同意", "agreement"
    MEMBERSHIP = "membership", "参加の開始", "membership"


class StepState(LabelledEnum):
    """The state of a step. `waiting` is tried again by itself; `failed` needs a person's decision.

    A step waits for a server that cannot be reached, or for input that has not been entered.
    """

    QUEUED = "queued", "順番待ち", "not started"
    RUNNING = "running", "処理中", "running"
    WAITING = "waiting", "入力または応答待ち", "waiting"
    DONE = "done", "完了", "done"
    SKIPPED = "skipped", "省略", "skipped"
    FAILED = "failed", "判断が必要", "needs a decision"


class AwaitedFrom(LabelledEnum):
    """Whom a waiting step waits for, in words that stand in place of `waiting`."""

    OPERATOR = "operator", "県の入力待ち", "waiting for the operator"
    TENANT = "tenant", "市町村の入力待ち", "waiting for the municipality"
    SERVER = "server", "認証サービスの応答待ち", "waiting for the identity server"


INPUT_OF_TENANT: Final = frozenset({StepName.SERVICE_CLIENT, StepName.AGREEMENT})
"""Steps whose input is the municipality's to give, whoever records it: its systems' keys, and its acceptance."""


def awaited_from(name: StepName, *, needs_input: bool) -> AwaitedFrom:
    """Whom a waiting step waits for."""
    if not needs_input:
        return AwaitedFrom.SERVER
    return AwaitedFrom.TENANT if name in INPUT_OF_TENANT else AwaitedFrom.OPERATOR


class OnboardingState(StrEnum):
    """The state of an onboarding as a whole, named and labelled as that of its steps."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class StepDecision(LabelledEnum):
    """What a person decides about a step: try it again, leave it out, or take it as done outside Moyai."""

    RETRY = "retry", "再実行する", "retry"
    SKIP = "skip", "省く", "skip"
    ADOPT = "adopt", "実施済みとする", "accept as done"


NEEDS: Final[dict[StepName, frozenset[StepName]]] = {
    StepName.ORGANIZATION: frozenset(),
    StepName.ROLE_GROUPS: frozenset({StepName.ORGANIZATION}),
    StepName.FIRST_OWNER: frozenset({StepName.ROLE_GROUPS}),
    StepName.PASSWORD_MAIL: frozenset({StepName.FIRST_OWNER}),
    StepName.PEOPLE: frozenset({StepName.ROLE_GROUPS}),
    StepName.SERVICE_CLIENT: frozenset({StepName.ORGANIZATION}),
    StepName.QUOTAS: frozenset(),
    StepName.AGREEMENT: frozenset(),
    StepName.MEMBERSHIP: frozenset(
        {StepName.FIRST_OWNER, StepName.SERVICE_CLIENT, StepName.QUOTAS, StepName.AGREEMENT}
    ),
}
"""What must be done or skipped before a step begins, as far as it is among the onboarding's steps."""

KEYCLOAK_STEPS: Final = (
    StepName.ORGANIZATION,
    StepName.ROLE_GROUPS,
    StepName.FIRST_OWNER,
    StepName.PASSWORD_MAIL,
    StepName.PEOPLE,
    StepName.SERVICE_CLIENT,
)
"""The steps that write to Keycloak: all that is left of an onboarding once the tenant takes part."""

SKIPPABLE: Final = frozenset({StepName.PASSWORD_MAIL, StepName.PEOPLE, StepName.SERVICE_CLIENT})
"""What a tenant can be a member without. Everything else is refused to `skip`."""

ADOPTABLE: Final = frozenset({StepName.PASSWORD_MAIL})
"""What a person can know better than Moyai: whether a mail arrived. The rest Moyai sees for itself on `retry`."""

FAULT_RETRY_DELAYS: Final = (timedelta(seconds=1), timedelta(seconds=5), timedelta(seconds=25))
"""The pauses after a fault; after the last one a person decides."""

MAX_RETRY_DELAY: Final = timedelta(seconds=60)
"""How long, at most, until a server that is away is asked again, or something still missing is looked for again."""

COMPLETED_STATES: Final = frozenset({StepState.DONE, StepState.SKIPPED})


class StepResult(StrEnum):
    """How one try of a step ended. After a portion the step goes on at once with what is left."""

    DONE = "done"
    PORTION = "portion"
    MISSING = "missing"
    UNREACHABLE = "unreachable"
    FAULT = "fault"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class StepStatus:
    """One step as it stands. `attempts` and, among them, `faults` count since it was queued or a person said retry."""

    name: StepName
    state: StepState
    attempts: int = 0
    faults: int = 0
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """What a try made of its step: the new state and, where it goes on by itself, when."""

    state: StepState
    retry_at: datetime | None = None


def next_step(statuses: Mapping[StepName, StepStatus], now: datetime) -> StepName | None:
    """The first step that can be tried now, or None. One left `running` by a worker that died is tried again."""
    for name in StepName:
        status = statuses.get(name)
        if status is None or status.state in COMPLETED_STATES or status.state is StepState.FAILED:
            continue
        if status.retry_at is not None and status.retry_at > now:
            continue
        if all(statuses[needed].state in COMPLETED_STATES for needed in NEEDS[name] if needed in statuses):
            return name
    return None


def next_time(statuses: Mapping[StepName, StepStatus], now: datetime) -> datetime | None:
    """When a step can next be tried without anybody's help, or None where only a person can help or all is done."""
    if next_step(statuses, now) is not None:
        return now
    times = [
        status.retry_at
        for status in statuses.values()
        if status.state is StepState.WAITING and status.retry_at is not None
    ]
    return min(times, default=None)


def next_transition(result: StepResult, *, attempts: int, faults: int, now: datetime) -> Transition:
    """What the `attempts`-th try, after `faults` faults before it, makes of its step.

    A server that is away and something still to be entered wait for as long as it takes; a fault is tried again three
    times; a refusal (something of that name is there and is not ours) never mends itself.
    """
    if result is StepResult.DONE:
        return Transition(StepState.DONE)
    if result is StepResult.PORTION:
        return Transition(StepState.RUNNING)
    if result is StepResult.REFUSED:
        return Transition(StepState.FAILED)
    if result is StepResult.FAULT:
        if faults >= len(FAULT_RETRY_DELAYS):
            return Transition(StepState.FAILED)
        return Transition(StepState.WAITING, now + FAULT_RETRY_DELAYS[faults])
    if result is StepResult.UNREACHABLE and 1 <= attempts <= len(FAULT_RETRY_DELAYS):
        return Transition(StepState.WAITING, now + FAULT_RETRY_DELAYS[attempts - 1])
    return Transition(StepState.WAITING, now + MAX_RETRY_DELAY)


def apply_decision(status: StepStatus, choice: StepDecision) -> StepState:
    """What a person's decision makes of a step that waits or failed. Raises Conflict where it may not."""
    if status.state not in (StepState.FAILED, StepState.WAITING):
        raise Conflict(NOTHING_TO_DECIDE, field="step", step=status.name, state=status.state)
    if choice is StepDecision.SKIP and status.name not in SKIPPABLE:
        raise Conflict(SKIP_REFUSED, field="choice", step=status.name)
    if choice is StepDecision.ADOPT and status.name not in ADOPTABLE:
        raise Conflict(ADOPT_REFUSED, field="choice", step=status.name)
    return {
        StepDecision.RETRY: StepState.QUEUED,
        StepDecision.SKIP: StepState.SKIPPED,
        StepDecision.ADOPT: StepState.DONE,
    }[choice]


def possible_decisions(name: StepName, state: StepState, *, needs_input: bool) -> tuple[StepDecision, ...]:
    """What a person may decide about the step now; nothing about one that neither waits nor failed.

    One that waits for input goes on by itself once it is there, so that to try it again is no choice.
    """
    if state not in (StepState.FAILED, StepState.WAITING):
        return ()
    offered = {
        StepDecision.RETRY: not needs_input,
        StepDecision.SKIP: name in SKIPPABLE,
        StepDecision.ADOPT: name in ADOPTABLE and state is StepState.FAILED,
    }
    return tuple(choice for choice, is_possible in offered.items() if is_possible)


def overall_state(statuses: Mapping[StepName, StepStatus]) -> OnboardingState:
    """The state of the whole: what a person must see first wins."""
    states = {status.state for status in statuses.values()}
    if states <= COMPLETED_STATES:
        return OnboardingState.DONE
    for state in (StepState.FAILED, StepState.RUNNING, StepState.WAITING):
        if state in states:
            return OnboardingState(state.value)
    return OnboardingState.QUEUED if not states & COMPLETED_STATES else OnboardingState.RUNNING
