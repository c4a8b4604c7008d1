"""`moyai onboarding`: beginning the steps, seeing them, deciding about one that stopped."""

from __future__ import annotations

from uuid import UUID

import pytest

from governance.kernel.ids import new_id
from tenancy.onboarding.commands import AdvanceStep, advance_step
from tenancy.onboarding.steps import OnboardingState, StepName, StepResult, StepState
from tests.actors import Actors
from tests.admin.cli.command_line import Moyai
from tests.database_rows import recorded, rows
from tests.factories import Factory
from tests.tenancy.onboarding.applicants import Applicant, Applicants, look_at


@pytest.fixture
def applicants(actors: Actors) -> Applicants:
    return Applicants(actors)


@pytest.fixture
def applicant(applicants: Applicants) -> Applicant:
    return applicants.agreed()


@pytest.fixture
def stopped(applicants: Applicants, applicant: Applicant, actors: Actors) -> UUID:
    """An onboarding whose mail went into the dark, so that a person decides."""
    onboarding_id = applicants.start(applicant)
    advance_step(
        AdvanceStep(
            tenant_id=applicant.tenant_id,
            onboarding_id=onboarding_id,
            step=StepName.PASSWORD_MAIL,
            fence=0,
            result=StepResult.REFUSED,
            reason="onboarding.mail_unknown",
        ),
        actor=actors.worker,
    )
    return onboarding_id


def test_a_tenant_that_is_agreed_begins_and_a_job_waits_for_the_worker(moyai: Moyai, applicant: Applicant) -> None:
    code, started, _ = moyai("onboarding", "start", applicant.code)

    assert code == 0
    view = look_at(UUID(started["onboarding_id"]))
    assert (view.tenant_id, view.state) == (applicant.tenant_id, OnboardingState.QUEUED)
    assert moyai("tenant", "show", applicant.code)[1]["state"] == "provisioning"
    assert len(rows("job")) == 1


def test_starting_again_answers_the_one_that_is_open(moyai: Moyai, applicant: Applicant) -> None:
    first, second = (moyai("onboarding", "start", applicant.code)[:2] for _ in range(2))

    assert first == second
    assert first[0] == 0
    assert len(rows("onboarding")) == 1


def test_a_tenant_that_is_not_agreed_does_not_begin(moyai: Moyai, factory: Factory) -> None:
    factory.kumamoto_city()

    assert moyai.refusal("onboarding", "start", "431001")[:2] == (1, "onboarding.not_ready")
    assert moyai.refusal("onboarding", "start", "430005")[:2] == (1, "not_found")
    assert moyai.refusal("onboarding", "start", "431002") == (2, "code.check_digit", "CODE")
    assert rows("onboarding") == []


def test_those_in_progress_are_listed_with_why_a_step_stopped(
    moyai: Moyai, applicants: Applicants, applicant: Applicant, stopped: UUID
) -> None:
    other = applicants.agreed()
    other_id = applicants.start(other)

    _, listed, _ = moyai("onboarding", "list")
    _, of_one, _ = moyai("onboarding", "list", applicant.code)

    assert [(row["id"], row["code"]) for row in listed["onboardings"]] == [
        (str(stopped), applicant.code),
        (str(other_id), other.code),
    ]
    assert of_one["onboardings"] == listed["onboardings"][:1]
    steps = {step["name"]: step for step in of_one["onboardings"][0]["steps"]}
    assert list(steps) == list(StepName)
    assert (steps["password_mail"]["state"], steps["password_mail"]["reason"]) == ("failed", "onboarding.mail_unknown")
    assert steps["password_mail"]["why"].startswith("パスワード設定メール")
    assert steps["password_mail"]["why_en"].startswith("Sending the password email")
    assert moyai("onboarding", "show", str(stopped))[1] == of_one["onboardings"][0]
    assert moyai.refusal("onboarding", "show", str(new_id()))[:2] == (1, "not_found")
    assert applicant.name in moyai.text("onboarding", "list")[1]


@pytest.mark.parametrize(("choice", "state"), [("retry", "queued"), ("skip", "skipped"), ("adopt", "done")])
def test_a_step_that_stopped_is_decided_with_a_reason(moyai: Moyai, stopped: UUID, choice: str, state: str) -> None:
    code, decided, _ = moyai("onboarding", "decide", str(stopped), "password_mail", choice, "--reason", "電話で確認")

    assert (code, decided) == (0, {"step": "password_mail", "state": state})
    assert look_at(stopped).step(StepName.PASSWORD_MAIL).state == state
    (event,) = recorded("onboarding.decided")
    assert (event.facts["choice"], event.facts["reason"]) == (choice, "電話で確認")


@pytest.mark.parametrize(
    ("words", "reason", "field"),
    [
        (("password_mail", "skip", "--reason", "  "), "text.empty", "--reason"),
        (("password_mail", "skip", "--reason", "理" * 501), "text.too_long", "--reason"),
        (("password_mail", "skip"), "usage", "reason"),
        (("coffee", "skip", "--reason", "理由"), "usage", "step"),
        (("password_mail", "forget", "--reason", "理由"), "usage", "choice"),
    ],
)
def test_a_decision_that_is_none_is_refused_with_what_was_typed(
    moyai: Moyai, stopped: UUID, words: tuple[str, ...], reason: str, field: str
) -> None:
    assert moyai.refusal("onboarding", "decide", str(stopped), *words) == (2, reason, field)
    assert look_at(stopped).step(StepName.PASSWORD_MAIL).state is StepState.FAILED


def test_what_membership_needs_is_not_skipped_and_what_goes_on_is_not_decided(
    moyai: Moyai, applicant: Applicant, actors: Actors, stopped: UUID
) -> None:
    advance_step(
        AdvanceStep(
            tenant_id=applicant.tenant_id,
            onboarding_id=stopped,
            step=StepName.ORGANIZATION,
            fence=0,
            result=StepResult.REFUSED,
        ),
        actor=actors.worker,
    )

    def decided(step: str) -> tuple[int, str, str | None]:
        return moyai.refusal("onboarding", "decide", str(stopped), step, "skip", "--reason", "急ぎのため")

    assert decided("organization") == (1, "onboarding.skip_refused", "CHOICE")
    assert decided("people") == (1, "onboarding.nothing_to_decide", "STEP")
    view = look_at(stopped)
    assert view.step(StepName.ORGANIZATION).state is StepState.FAILED
    assert view.step(StepName.PEOPLE).state is StepState.QUEUED


def test_an_onboarding_that_is_not_there_is_not_decided(moyai: Moyai, stopped: UUID) -> None:
    words = ("onboarding", "decide", str(new_id()), "password_mail", "skip", "--reason", "理由")

    assert moyai.refusal(*words)[:2] == (1, "not_found")
    assert look_at(stopped).step(StepName.PASSWORD_MAIL).state is StepState.FAILED
