"""What is to be done before an organization takes part: which tasks are open, done, or cannot start yet, and why."""

from __future__ import annotations

from dataclasses import replace

from admin.workflows.joining import JoiningFacts, JoiningState, JoiningTaskName, joining_tasks
from tenancy.tenants.states import TenantState

NEW = JoiningFacts(TenantState.APPLIED, False, False, False, False, False, False)


def states(facts: JoiningFacts) -> dict[JoiningTaskName, JoiningState]:
    return {task.name: task.state for task in joining_tasks(facts)}


def why(facts: JoiningFacts, name: JoiningTaskName) -> str:
    return next(task.why.ja for task in joining_tasks(facts) if task.name is name)


def test_of_a_new_applicant_all_is_open_but_what_needs_something_first() -> None:
    blocked = {JoiningTaskName.ONBOARDING, JoiningTaskName.MEMBERSHIP}

    assert {name for name, state in states(NEW).items() if state is JoiningState.BLOCKED} == blocked
    assert {name for name, state in states(NEW).items() if state is JoiningState.OPEN} == set(JoiningTaskName) - blocked
    assert why(NEW, JoiningTaskName.ONBOARDING) == "審査が終わり「合意済み」になると始められます。"
    assert why(NEW, JoiningTaskName.MEMBERSHIP) == "団体管理者、利用プラン、協定への同意がまだありません。"


def test_what_was_entered_is_done_and_no_longer_missing() -> None:
    facts = replace(NEW, state=TenantState.SCREENING, has_owner=True, has_plan=True)

    assert states(facts)[JoiningTaskName.SCREENING] is JoiningState.RUNNING
    assert states(facts)[JoiningTaskName.OWNER] is states(facts)[JoiningTaskName.PLAN] is JoiningState.DONE
    assert why(facts, JoiningTaskName.MEMBERSHIP) == "協定への同意がまだありません。"


def test_once_agreed_onboarding_can_start_and_membership_follows_by_itself() -> None:
    facts = replace(NEW, state=TenantState.AGREED, has_owner=True, has_plan=True, has_accepted=True)

    assert states(facts)[JoiningTaskName.SCREENING] is JoiningState.DONE
    assert states(facts)[JoiningTaskName.ONBOARDING] is JoiningState.OPEN
    assert why(facts, JoiningTaskName.MEMBERSHIP) == "参加手続が終わると、自動で始まります。"
