"""An onboarding as a person meets it: what it waits for, what may be decided and by whom, how a cohort ends."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import select

from admin.operations.mail.outbox import MailOutbox
from governance.audit import queries as audit_queries
from governance.declaration import build_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, Stale
from governance.kernel.ids import new_id
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.onboarding.commands import (
    COHORT_COMPLETED,
    AdvanceStep,
    ApplyCohort,
    DecideStep,
    StartOnboarding,
    advance_step,
    apply_cohort,
    decide_step,
    start_onboarding,
)
from tenancy.onboarding.queries import due, intents_digest
from tenancy.onboarding.steps import OnboardingState, StepDecision, StepName, StepResult, StepState
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.tenants.cohorts import DefineCohort, define_cohort
from tests.actors import Actors
from tests.factories import Factory
from tests.tenancy.onboarding.applicants import Applicant, Applicants, look_at
from tests.tenancy.onboarding.conftest import run_later
from tests.tenancy.onboarding.findings import Findings, in_moyai

NEEDS_INPUT = {
    StepName.FIRST_OWNER: "onboarding.owner_missing",
    StepName.SERVICE_CLIENT: "onboarding.client_missing",
    StepName.QUOTAS: "onboarding.quotas_missing",
    StepName.AGREEMENT: "onboarding.agreement_missing",
}


@pytest.mark.keycloak
def test_everything_that_is_missing_shows_at_once_and_goes_on_when_entered(
    applicants: Applicants, worker: OnboardingWorker, findings: Findings, mails: MailOutbox
) -> None:
    applicant = applicants.agreed()
    onboarding_id = applicants.start(applicant)
    worker.run(onboarding_id)

    view = look_at(onboarding_id)
    assert view.state is OnboardingState.WAITING
    assert view.is_blocked
    assert {step.name: step.reason for step in view.steps if step.state is StepState.WAITING} == NEEDS_INPUT
    assert view.step(StepName.AGREEMENT).why_en == "The agreement has not been accepted yet."
    assert view.step(StepName.MEMBERSHIP).state is StepState.QUEUED
    assert in_moyai(applicant.tenant_id)["state"] == "provisioning"

    applicants.with_owner(applicant)
    applicants.with_system(applicant)
    applicants.on_plan(applicant)
    applicants.accept_agreement_for(applicant)
    run_later(worker, onboarding_id)

    assert look_at(onboarding_id).state is OnboardingState.DONE
    findings.assert_whole_and_single(applicant)
    assert len(mails.mails()) == 1


@pytest.mark.keycloak
def test_a_tenant_without_systems_skips_that_step_by_a_persons_decision(
    applicants: Applicants, worker: OnboardingWorker, actors: Actors, findings: Findings
) -> None:
    applicant = applicants.ready(systems=0)
    onboarding_id = applicants.start(applicant)
    worker.run(onboarding_id)
    assert in_moyai(applicant.tenant_id)["state"] == "provisioning"

    decide_step(
        DecideStep(
            onboarding_id=onboarding_id,
            step=StepName.SERVICE_CLIENT,
            choice=StepDecision.SKIP,
            reason="システム連携なし",
        ),
        actor=actors.onboarding,
    )
    worker.run(onboarding_id)

    view = look_at(onboarding_id)
    assert view.state is OnboardingState.DONE
    assert view.step(StepName.SERVICE_CLIENT).state is StepState.SKIPPED
    findings.assert_whole_and_single(applicant, systems=0)


@pytest.mark.keycloak
def test_an_organization_of_somebody_else_fails_the_step_and_is_left_alone(
    applicants: Applicants, worker: OnboardingWorker, actors: Actors, findings: Findings
) -> None:
    applicant = applicants.ready()
    title = f"{applicant.name} ({applicant.code})"
    administrator = findings.administrator
    administrator.create("organizations", {"name": title, "alias": f"by-hand-{applicant.domain}"})
    onboarding_id = applicants.start(applicant)
    worker.run(onboarding_id)

    step = look_at(onboarding_id).step(StepName.ORGANIZATION)
    assert step.state is StepState.FAILED
    assert step.reason == "keycloak.organization_taken"
    assert title in step.why
    assert findings.in_keycloak(applicant).organizations == [f"by-hand-{applicant.domain}"]
    with pytest.raises(Conflict) as refused:
        decide_step(
            DecideStep(
                onboarding_id=onboarding_id, step=StepName.ORGANIZATION, choice=StepDecision.SKIP, reason="急ぎのため"
            ),
            actor=actors.onboarding,
        )
    assert refused.value.code == "onboarding.skip_refused"

    (by_hand,) = administrator.read("organizations", search=applicant.name)
    administrator.delete(f"organizations/{by_hand['id']}")
    decide_step(
        DecideStep(
            onboarding_id=onboarding_id, step=StepName.ORGANIZATION, choice=StepDecision.RETRY, reason="片づけた"
        ),
        actor=actors.onboarding,
    )
    worker.run(onboarding_id)
    findings.assert_whole_and_single(applicant)


def test_a_decision_needs_a_reason(applicants: Applicants) -> None:
    onboarding_id = applicants.start(applicants.ready())

    with pytest.raises(Invalid) as refused:
        build_command(
            DecideStep,
            onboarding_id=onboarding_id,
            step=StepName.PASSWORD_MAIL,
            choice=StepDecision.SKIP,
            reason="  ",
        )

    assert refused.value.field == "reason"
    assert look_at(onboarding_id).step(StepName.PASSWORD_MAIL).state is StepState.QUEUED


@pytest.mark.parametrize("who", ["finance", "approver", "auditor"])
def test_only_people_of_onboarding_start_and_decide(who: str, applicants: Applicants, actors: Actors) -> None:
    applicant = applicants.ready()
    with pytest.raises(NotAllowed):
        start_onboarding(StartOnboarding(tenant_id=applicant.tenant_id), actor=getattr(actors, who))
    assert in_moyai(applicant.tenant_id)["onboardings"] == 0

    onboarding_id = applicants.start(applicant)
    with pytest.raises(NotAllowed):
        decide_step(
            DecideStep(
                onboarding_id=onboarding_id, step=StepName.PASSWORD_MAIL, choice=StepDecision.SKIP, reason="試験"
            ),
            actor=getattr(actors, who),
        )


def test_an_owner_sees_the_own_onboarding_and_no_other(applicants: Applicants, actors: Actors) -> None:
    own, other = applicants.ready(), applicants.ready()
    onboarding_id, other_id = applicants.start(own), applicants.start(other)
    owner = actors.municipal(own.tenant_id, Role.TENANT_OWNER)

    with pytest.raises(NotAllowed):
        decide_step(
            DecideStep(
                onboarding_id=onboarding_id, step=StepName.PASSWORD_MAIL, choice=StepDecision.SKIP, reason="試験"
            ),
            actor=owner,
        )
    with tenant_scope(own.tenant_id):
        assert [one[1] for one in due(db.session(), clock.now())] == [onboarding_id]
    assert other_id != onboarding_id


def test_starting_twice_is_one_onboarding(applicants: Applicants) -> None:
    applicant = applicants.ready()

    assert applicants.start(applicant) == applicants.start(applicant)
    assert in_moyai(applicant.tenant_id)["onboardings"] == 1


def test_a_tenant_that_is_not_agreed_cannot_be_taken_in(
    applicants: Applicants, actors: Actors, factory: Factory
) -> None:
    applied = factory.aso_city()
    with pytest.raises(Conflict) as refused:
        start_onboarding(StartOnboarding(tenant_id=applied), actor=actors.onboarding)

    assert refused.value.code == "onboarding.not_ready"
    assert in_moyai(applied)["onboardings"] == 0
    with pytest.raises(NotFound):
        start_onboarding(StartOnboarding(tenant_id=new_id()), actor=actors.onboarding)


def test_a_worker_that_lost_its_lease_can_write_nothing_more(applicants: Applicants, actors: Actors) -> None:
    applicant = applicants.ready()
    onboarding_id = applicants.start(applicant)
    command = AdvanceStep(
        tenant_id=applicant.tenant_id,
        onboarding_id=onboarding_id,
        step=StepName.MEMBERSHIP,
        fence=7,
        result=StepResult.DONE,
    )

    with pytest.raises(Stale) as refused:
        advance_step(command, actor=actors.worker)

    assert refused.value.code == "onboarding.lease_lost"
    assert in_moyai(applicant.tenant_id)["state"] == "provisioning"
    with pytest.raises(NotAllowed):
        advance_step(command, actor=actors.onboarding)


@pytest.mark.keycloak
def test_the_last_tenant_of_a_cohort_leaves_one_job_behind(
    applicants: Applicants, worker: OnboardingWorker, actors: Actors
) -> None:
    members = [applicants.ready(), applicants.ready()]
    started = _apply(actors, members)

    worker.run(started[0])
    assert _completed() == []
    worker.run(started[1])
    assert len(_completed()) == 1
    assert set(_completed()[0].payload) == {"cohort_id"}

    for onboarding_id in _apply(actors, members):
        worker.run(onboarding_id)
    assert len(_completed()) == 1


def test_a_cohort_whose_intents_changed_since_the_plan_is_not_begun(applicants: Applicants, actors: Actors) -> None:
    members = [applicants.ready(), applicants.ready()]
    digest = _cohort_digest(actors, members)
    applicants.with_person(members[0], f"late@{members[0].domain}")

    with pytest.raises(Stale) as refused:
        apply_cohort(
            ApplyCohort(cohort="c1", digest="sha256:0", planned_digest="sha256:0", intents_digest=digest),
            actor=actors.onboarding,
        )

    assert refused.value.code == "cohort.plan_stale"
    assert [in_moyai(member.tenant_id)["onboardings"] for member in members] == [0, 0]


def test_a_plan_that_is_another_by_now_is_refused_and_the_refusal_recorded(
    applicants: Applicants, actors: Actors
) -> None:
    members = [applicants.ready()]
    digest = _cohort_digest(actors, members)
    shown = ApplyCohort(cohort="c1", digest="sha256:0", planned_digest="sha256:1", intents_digest=digest)

    with pytest.raises(Stale):
        apply_cohort(shown, actor=actors.onboarding)

    assert in_moyai(members[0].tenant_id)["onboardings"] == 0
    with tenant_scope(OPERATOR):
        (refused,) = audit_queries.events(db.session(), outcome="refused", limit=1)
    assert (refused.command, refused.facts["code"]) == ("apply_cohort", "cohort.plan_stale")


def test_the_same_key_answers_alike_also_when_the_plan_has_become_another(
    applicants: Applicants, actors: Actors
) -> None:
    digest = _cohort_digest(actors, [applicants.ready()])
    command = ApplyCohort(cohort="c1", digest="sha256:0", planned_digest="sha256:0", intents_digest=digest)
    applied = apply_cohort(command, actor=actors.onboarding, key="k-1")

    again = command.model_copy(update={"planned_digest": "sha256:1", "intents_digest": "sha256:2"})

    assert apply_cohort(again, actor=actors.onboarding, key="k-1") == applied


def test_an_unknown_and_an_empty_cohort_are_refused(applicants: Applicants, actors: Actors) -> None:
    define_cohort(DefineCohort(name="empty", label="空", fiscal_year=2025), actor=actors.onboarding)
    for name, refusal in (("nobody", NotFound), ("empty", Conflict)):
        with pytest.raises(refusal):
            apply_cohort(
                ApplyCohort(cohort=name, digest="", planned_digest="", intents_digest=""), actor=actors.onboarding
            )


def _cohort_digest(actors: Actors, members: list[Applicant]) -> str:
    ids = tuple(member.tenant_id for member in members)
    define_cohort(DefineCohort(name="c1", label="試験", fiscal_year=2025, tenant_ids=ids), actor=actors.onboarding)
    with tenant_scope(OPERATOR):
        return intents_digest(db.session(), list(ids), on=clock.today(), now=clock.now())


def _apply(actors: Actors, members: list[Applicant]) -> tuple[UUID, ...]:
    digest = _cohort_digest(actors, members)
    command = ApplyCohort(cohort="c1", digest="sha256:0", planned_digest="sha256:0", intents_digest=digest)
    return apply_cohort(command, actor=actors.onboarding).onboardings


def _completed() -> list[Job]:
    with tenant_scope(OPERATOR):
        return list(db.session.scalars(select(Job).where(Job.name == COHORT_COMPLETED)))
