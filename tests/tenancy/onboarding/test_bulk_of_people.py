"""Two hundred people of a file while Keycloak is down, slow or failing: nobody is lost or there twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from admin.workflows.job_handlers import periodic_tasks
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.outbox.tables import Job
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.onboarding.queries import onboardings_in_progress
from tenancy.onboarding.step_actions import KEYCLOAK_UNAVAILABLE, PORTION
from tenancy.onboarding.steps import OnboardingState, StepName, StepState
from tenancy.onboarding.unsynced_members import INVITE
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.people import queries as people
from tests.actors import Actors
from tests.tenancy.keycloak.fault_proxy import FaultProxy
from tests.tenancy.keycloak.installation import Installation
from tests.tenancy.onboarding.applicants import Applicant, Applicants, look_at
from tests.tenancy.onboarding.conftest import run_later
from tests.tenancy.onboarding.findings import Findings, in_moyai

pytestmark = pytest.mark.keycloak

BULK = 200


@pytest.fixture
def line(installation: Installation) -> Iterator[FaultProxy]:
    with FaultProxy(installation.server.url) as proxy:
        yield proxy


@pytest.fixture
def over_line(installation: Installation, line: FaultProxy) -> Iterator[KeycloakIdentities]:
    connected = installation.identities(through=line.url)
    yield connected
    connected.close()


def test_a_bulk_of_200_outlives_a_keycloak_that_is_down_slow_and_failing(
    applicants: Applicants,
    worker: OnboardingWorker,
    actors: Actors,
    line: FaultProxy,
    over_line: KeycloakIdentities,
    findings: Findings,
) -> None:
    applicant = applicants.ready()
    worker.run(applicants.start(applicant))
    flaky = OnboardingWorker(over_line, actor=actors.worker, name="flaky")
    line.is_down = True

    imported = applicants.file_of_people(applicant, BULK)
    for task in periodic_tasks(over_line)[:1]:
        task()
    with tenant_scope(OPERATOR):
        (onboarding_id,) = [one.id for one in onboardings_in_progress(db.session())]
    flaky.run(onboarding_id)

    assert imported.added == BULK
    step = look_at(onboarding_id).step(StepName.PEOPLE)
    assert (step.state, step.reason) == (StepState.WAITING, KEYCLOAK_UNAVAILABLE.code)
    assert _synced(applicant) == 1, "nobody is recorded who is not there"
    with tenant_scope(OPERATOR):
        assert len(people.members(db.session(), applicant.tenant_id, clock.now())) == 1 + BULK, "pages show everybody"

    line.is_down = False
    line.delay(10.0, times=2)
    line.fail("GET", "/members.*", 2)
    line.fail("POST", "/users", 20)
    line.fail("POST", "/members", 20, after=True)
    minutes = 2
    while look_at(onboarding_id).state is not OnboardingState.DONE:
        assert minutes < 100, "it comes to its end"
        run_later(flaky, onboarding_id, minutes=minutes)
        minutes += 2

    assert line.failed_all
    found = findings.in_keycloak(applicant)
    wanted = [applicant.owner_email, *(f"file{number}@{applicant.domain}" for number in range(BULK))]
    assert found.users == found.members == sorted(wanted)
    assert _synced(applicant) == in_moyai(applicant.tenant_id)["members"] == len(wanted)
    with system_transaction(OPERATOR) as session:
        mails = session.scalar(
            select(func.count()).select_from(Job).where(Job.name == INVITE, Job.tenant_id == applicant.tenant_id)
        )
    assert mails == BULK, "each is invited once"
    assert BULK > PORTION, "or no portion would have ended while the others waited"


def _synced(applicant: Applicant) -> int:
    return int(in_moyai(applicant.tenant_id)["members_synced"])
