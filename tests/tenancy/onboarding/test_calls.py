"""How many calls an onboarding costs Keycloak, tokens included: bounded, and few when there is nothing to do."""

from __future__ import annotations

import pytest

from admin.operations.mail.outbox import MailOutbox
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.calls import counted_calls
from tenancy.onboarding.models import StepEffect
from tenancy.onboarding.steps import OnboardingState
from tenancy.onboarding.worker import OnboardingWorker
from tests.actors import Actors
from tests.tenancy.keycloak.installation import Installation
from tests.tenancy.onboarding.applicants import Applicants, look_at
from tests.tenancy.onboarding.findings import Findings

pytestmark = pytest.mark.keycloak

FOR_FIFTY_PEOPLE = 140
FOR_NOTHING = 4


def test_one_owner_fifty_people_and_three_systems_take_at_most_140_calls(
    installation: Installation, actors: Actors, applicants: Applicants, findings: Findings, mails: MailOutbox
) -> None:
    applicant = applicants.ready(people=50, systems=3)
    onboarding_id = applicants.start(applicant)
    # A process that has just started: it has no token and knows no role's id yet.
    identities = installation.identities()
    with counted_calls() as calls:
        OnboardingWorker(identities, actor=actors.worker, name="cold").run(onboarding_id)
    identities.close()

    assert look_at(onboarding_id).state is OnboardingState.DONE
    assert len(calls) <= FOR_FIFTY_PEOPLE, len(calls)
    findings.assert_whole_and_single(applicant, people=50, systems=3)


@pytest.mark.parametrize("people", [0, 3])
def test_running_again_with_nothing_to_do_takes_at_most_4_calls_and_writes_nothing(
    people: int,
    applicants: Applicants,
    worker: OnboardingWorker,
    identities: KeycloakIdentities,
    findings: Findings,
    mails: MailOutbox,
) -> None:
    applicant = applicants.ready(people=people)
    worker.run(applicants.start(applicant))
    before = findings.in_keycloak(applicant)

    again = applicants.start(applicant)
    with counted_calls() as calls:
        worker.run(again)

    assert look_at(again).state is OnboardingState.DONE
    assert {step.outcome and step.outcome.effect for step in look_at(again).steps} == {StepEffect.KEPT}
    assert len(calls) <= FOR_NOTHING, [call.path for call in calls.calls]
    assert calls.writes == []
    assert findings.in_keycloak(applicant) == before
    assert len(mails.mails()) == 1
