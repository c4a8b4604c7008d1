"""The steps as a pure machine: what can begin, what an outcome makes of a step, what a person may decide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from governance.kernel.errors import Conflict
from tenancy.onboarding.steps import (
    MAX_RETRY_DELAY,
    NEEDS,
    SKIPPABLE,
    OnboardingState,
    StepDecision,
    StepName,
    StepResult,
    StepState,
    StepStatus,
    Transition,
    apply_decision,
    next_step,
    next_time,
    next_transition,
    overall_state,
)

NOW = datetime(2025, 4, 1, tzinfo=UTC)


def statuses(**states: StepState) -> dict[StepName, StepStatus]:
    """Every step queued, but for those named."""
    return {name: StepStatus(name, states.get(name.value, StepState.QUEUED)) for name in StepName}


def test_every_step_needs_only_steps_that_come_before_it() -> None:
    order = list(StepName)
    for name, needed in NEEDS.items():
        assert all(order.index(one) < order.index(name) for one in needed)


def test_the_steps_run_to_the_end_in_their_order() -> None:
    now = statuses()
    walked = []
    while (step := next_step(now, NOW)) is not None:
        walked.append(step)
        now[step] = StepStatus(step, StepState.DONE)

    assert walked == list(StepName)
    assert overall_state(now) is OnboardingState.DONE
    assert next_time(now, NOW) is None


def test_of_fewer_steps_each_waits_only_for_those_that_are_among_them() -> None:
    now = {name: StepStatus(name, StepState.QUEUED) for name in (StepName.PASSWORD_MAIL, StepName.FIRST_OWNER)}

    walked = []
    while (step := next_step(now, NOW)) is not None:
        walked.append(step)
        now[step] = StepStatus(step, StepState.DONE)

    assert walked == [StepName.FIRST_OWNER, StepName.PASSWORD_MAIL]
    assert overall_state(now) is OnboardingState.DONE


def test_a_missing_owner_does_not_hold_up_what_needs_no_owner() -> None:
    now = statuses(organization=StepState.DONE, role_groups=StepState.DONE)
    now[StepName.FIRST_OWNER] = StepStatus(
        StepName.FIRST_OWNER, StepState.WAITING, attempts=1, retry_at=NOW + timedelta(minutes=1)
    )

    assert next_step(now, NOW) is StepName.PEOPLE


def test_membership_does_not_begin_while_anything_it_needs_is_open() -> None:
    for missing in NEEDS[StepName.MEMBERSHIP]:
        now = {name: StepStatus(name, StepState.DONE) for name in StepName}
        now[StepName.MEMBERSHIP] = StepStatus(StepName.MEMBERSHIP, StepState.QUEUED)
        now[missing] = StepStatus(missing, StepState.FAILED)

        assert next_step(now, NOW) is None
        assert next_time(now, NOW) is None


def test_a_step_left_running_by_a_worker_that_died_is_tried_again() -> None:
    assert next_step(statuses(organization=StepState.RUNNING), NOW) is StepName.ORGANIZATION


def test_an_unreachable_server_is_waited_for_however_long_it_takes() -> None:
    pauses = []
    for attempt in range(1, 8):
        transition = next_transition(StepResult.UNREACHABLE, attempts=attempt, faults=0, now=NOW)
        assert transition.state is StepState.WAITING
        assert transition.retry_at is not None
        pauses.append((transition.retry_at - NOW).total_seconds())

    assert pauses == [1, 5, 25, 60, 60, 60, 60]


def test_a_fault_is_tried_again_three_times_and_then_a_person_decides() -> None:
    transitions = [next_transition(StepResult.FAULT, attempts=fault + 1, faults=fault, now=NOW) for fault in range(4)]

    assert transitions == [
        Transition(StepState.WAITING, NOW + timedelta(seconds=1)),
        Transition(StepState.WAITING, NOW + timedelta(seconds=5)),
        Transition(StepState.WAITING, NOW + timedelta(seconds=25)),
        Transition(StepState.FAILED),
    ]


def test_waiting_for_a_server_uses_up_no_tries_of_a_fault() -> None:
    transition = next_transition(StepResult.FAULT, attempts=40, faults=0, now=NOW)

    assert transition == Transition(StepState.WAITING, NOW + timedelta(seconds=1))


def test_a_refusal_fails_at_once() -> None:
    assert next_transition(StepResult.REFUSED, attempts=1, faults=0, now=NOW) == Transition(StepState.FAILED)


def test_what_nobody_entered_yet_is_looked_for_again_within_a_minute() -> None:
    transition = next_transition(StepResult.MISSING, attempts=1, faults=0, now=NOW)

    assert transition == Transition(StepState.WAITING, NOW + MAX_RETRY_DELAY)


@pytest.mark.parametrize("name", StepName)
def test_only_steps_that_membership_can_do_without_may_be_skipped(name: StepName) -> None:
    failed = StepStatus(name, StepState.FAILED, attempts=4)
    if name in SKIPPABLE:
        assert apply_decision(failed, StepDecision.SKIP) is StepState.SKIPPED
    else:
        with pytest.raises(Conflict) as refused:
            apply_decision(failed, StepDecision.SKIP)
        assert refused.value.code == "onboarding.skip_refused"


@pytest.mark.parametrize("name", StepName)
def test_only_a_mail_can_be_taken_over_as_done(name: StepName) -> None:
    failed = StepStatus(name, StepState.FAILED)
    if name is StepName.PASSWORD_MAIL:
        assert apply_decision(failed, StepDecision.ADOPT) is StepState.DONE
    else:
        with pytest.raises(Conflict) as refused:
            apply_decision(failed, StepDecision.ADOPT)
        assert refused.value.code == "onboarding.adopt_refused"


@pytest.mark.parametrize("state", [StepState.QUEUED, StepState.RUNNING, StepState.DONE, StepState.SKIPPED])
def test_there_is_nothing_to_decide_about_a_step_that_neither_waits_nor_failed(state: StepState) -> None:
    with pytest.raises(Conflict) as refused:
        apply_decision(StepStatus(StepName.PASSWORD_MAIL, state), StepDecision.RETRY)

    assert refused.value.code == "onboarding.nothing_to_decide"


def test_the_whole_shows_what_a_person_must_see_first() -> None:
    done = {name.value: StepState.DONE for name in StepName}
    cases = [
        (statuses(), OnboardingState.QUEUED),
        (statuses(organization=StepState.DONE), OnboardingState.RUNNING),
        (statuses(organization=StepState.WAITING), OnboardingState.WAITING),
        (statuses(organization=StepState.WAITING, quotas=StepState.FAILED), OnboardingState.FAILED),
        (statuses(**{**done, "password_mail": StepState.SKIPPED}), OnboardingState.DONE),
        (statuses(**{**done, "password_mail": StepState.FAILED}), OnboardingState.FAILED),
    ]
    for now, whole in cases:
        assert overall_state(now) is whole
