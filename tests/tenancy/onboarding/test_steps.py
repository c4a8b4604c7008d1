"""The steps as a pure machine: what can begin, what an outcome makes of a step, what a person may decide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from governance.kernel.errors import Conflict
from tenancy.onboarding.steps import (
    ASK_AGAIN_AT_MOST,
    NEEDS,
    SKIPPABLE,
    Choice,
    Ending,
    OnboardingState,
    Standing,
    StepName,
    StepState,
    Turn,
    decided,
    next_step,
    next_time,
    roll_up,
    turn_after,
)

NOW = datetime(2025, 4, 1, tzinfo=UTC)


def standings(**states: StepState) -> dict[StepName, Standing]:
    """Every step queued, but for those named."""
    return {name: Standing(name, states.get(name.value, StepState.QUEUED)) for name in StepName}


def test_every_step_needs_only_steps_that_come_before_it() -> None:
    order = list(StepName)
    for name, needed in NEEDS.items():
        assert all(order.index(one) < order.index(name) for one in needed)


def test_the_steps_run_to_the_end_in_their_order() -> None:
    now = standings()
    walked = []
    while (step := next_step(now, NOW)) is not None:
        walked.append(step)
        now[step] = Standing(step, StepState.DONE)

    assert walked == list(StepName)
    assert roll_up(now) is OnboardingState.DONE
    assert next_time(now, NOW) is None


def test_a_missing_owner_does_not_hold_up_what_needs_no_owner() -> None:
    now = standings(organization=StepState.DONE, role_groups=StepState.DONE)
    now[StepName.FIRST_OWNER] = Standing(
        StepName.FIRST_OWNER, StepState.WAITING, attempts=1, retry_at=NOW + timedelta(minutes=1)
    )

    assert next_step(now, NOW) is StepName.PEOPLE


def test_membership_does_not_begin_while_anything_it_needs_is_open() -> None:
    for missing in NEEDS[StepName.MEMBERSHIP]:
        now = {name: Standing(name, StepState.DONE) for name in StepName}
        now[StepName.MEMBERSHIP] = Standing(StepName.MEMBERSHIP, StepState.QUEUED)
        now[missing] = Standing(missing, StepState.FAILED)

        assert next_step(now, NOW) is None
        assert next_time(now, NOW) is None


def test_a_step_left_running_by_a_worker_that_died_is_tried_again() -> None:
    assert next_step(standings(organization=StepState.RUNNING), NOW) is StepName.ORGANIZATION


def test_a_server_that_is_away_is_waited_for_however_long_it_takes() -> None:
    pauses = []
    for attempt in range(1, 8):
        turn = turn_after(Ending.UNREACHABLE, attempts=attempt, faults=0, now=NOW)
        assert turn.state is StepState.WAITING
        assert turn.retry_at is not None
        pauses.append((turn.retry_at - NOW).total_seconds())

    assert pauses == [1, 5, 25, 60, 60, 60, 60]


def test_a_fault_is_tried_again_three_times_and_then_a_person_decides() -> None:
    turns = [turn_after(Ending.FAULT, attempts=fault + 1, faults=fault, now=NOW) for fault in range(4)]

    assert turns == [
        Turn(StepState.WAITING, NOW + timedelta(seconds=1)),
        Turn(StepState.WAITING, NOW + timedelta(seconds=5)),
        Turn(StepState.WAITING, NOW + timedelta(seconds=25)),
        Turn(StepState.FAILED),
    ]


def test_waiting_for_a_server_uses_up_no_tries_of_a_fault() -> None:
    turn = turn_after(Ending.FAULT, attempts=40, faults=0, now=NOW)

    assert turn == Turn(StepState.WAITING, NOW + timedelta(seconds=1))


def test_a_refusal_fails_at_once() -> None:
    assert turn_after(Ending.REFUSED, attempts=1, faults=0, now=NOW) == Turn(StepState.FAILED)


def test_what_nobody_entered_yet_is_looked_for_again_within_a_minute() -> None:
    turn = turn_after(Ending.MISSING, attempts=1, faults=0, now=NOW)

    assert turn == Turn(StepState.WAITING, NOW + ASK_AGAIN_AT_MOST)


@pytest.mark.parametrize("name", StepName)
def test_only_steps_that_membership_can_do_without_may_be_skipped(name: StepName) -> None:
    failed = Standing(name, StepState.FAILED, attempts=4)
    if name in SKIPPABLE:
        assert decided(failed, Choice.SKIP) is StepState.SKIPPED
    else:
        with pytest.raises(Conflict) as refused:
            decided(failed, Choice.SKIP)
        assert refused.value.code == "onboarding.skip_refused"


@pytest.mark.parametrize("name", StepName)
def test_only_a_mail_can_be_taken_over_as_done(name: StepName) -> None:
    failed = Standing(name, StepState.FAILED)
    if name is StepName.PASSWORD_MAIL:
        assert decided(failed, Choice.ADOPT) is StepState.DONE
    else:
        with pytest.raises(Conflict) as refused:
            decided(failed, Choice.ADOPT)
        assert refused.value.code == "onboarding.adopt_refused"


@pytest.mark.parametrize("state", [StepState.QUEUED, StepState.RUNNING, StepState.DONE, StepState.SKIPPED])
def test_there_is_nothing_to_decide_about_a_step_that_neither_waits_nor_failed(state: StepState) -> None:
    with pytest.raises(Conflict) as refused:
        decided(Standing(StepName.PASSWORD_MAIL, state), Choice.RETRY)

    assert refused.value.code == "onboarding.nothing_to_decide"


def test_the_whole_shows_what_a_person_must_see_first() -> None:
    done = {name.value: StepState.DONE for name in StepName}
    cases = [
        (standings(), OnboardingState.QUEUED),
        (standings(organization=StepState.DONE), OnboardingState.RUNNING),
        (standings(organization=StepState.WAITING), OnboardingState.WAITING),
        (standings(organization=StepState.WAITING, quotas=StepState.FAILED), OnboardingState.FAILED),
        (standings(**{**done, "password_mail": StepState.SKIPPED}), OnboardingState.DONE),
        (standings(**{**done, "password_mail": StepState.FAILED}), OnboardingState.FAILED),
    ]
    for now, whole in cases:
        assert roll_up(now) is whole
