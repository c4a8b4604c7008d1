"""The worker is killed at every place of every step, and after every single write: run again, it completes, once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from admin.mail.outbox import MailOutbox
from tenancy.onboarding.commands import DecideStep, decide_step
from tenancy.onboarding.steps import Choice, OnboardingState, StepName, StepState
from tenancy.onboarding.worker import OnboardingWorker
from tests import servers
from tests.actors import Actors
from tests.tenancy.keycloak.installation import Installation
from tests.tenancy.onboarding.applicants import Applicants, look_at
from tests.tenancy.onboarding.conftest import run_later
from tests.tenancy.onboarding.findings import Findings, in_moyai, steps_recorded_done
from tests.tenancy.onboarding.killing import KILLED, Job, Place, work_until, work_until_write

pytestmark = pytest.mark.keycloak

# Forked from a process that has imported everything and holds no thread, lock or connection.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.tenancy.onboarding.killing"])

Doomed = Callable[..., int | None]

UNSURE_OF_MAIL = (Place.BEFORE_DEED, Place.AFTER_DEED, Place.WHILE_RECORDING)
"""Places after which nobody can know whether the mail went out."""

WRITES = 17
"""What one owner and one system take: organization, 5 groups, 5 mappings, user, membership, group, mail, client, and
one more, which is not reached."""


@pytest.fixture
def dies(
    postgresql: servers.PostgreSQL, database_name: str, installation: Installation, operator_tenant: UUID
) -> Callable[[UUID, Callable[..., None], Any], int | None]:
    """Run a doomed worker in a process of its own; answers its exit code."""

    def run(onboarding_id: UUID, work: Callable[..., None], *place: Any) -> int | None:
        job = Job(
            postgresql.app_url(database_name),
            installation.server.url,
            installation.home / "keys",
            operator_tenant,
            onboarding_id,
        )
        process = _processes.Process(target=work, args=(job, *place))
        process.start()
        process.join(timeout=60)
        return process.exitcode

    return run


@pytest.mark.parametrize("place", Place)
@pytest.mark.parametrize("step", StepName)
def test_killed_at_any_place_of_any_step_it_completes_when_run_again(
    step: StepName,
    place: Place,
    dies: Doomed,
    applicants: Applicants,
    worker: OnboardingWorker,
    findings: Findings,
    mails: MailOutbox,
    actors: Actors,
) -> None:
    applicant = applicants.ready()
    onboarding_id = applicants.start(applicant)

    assert dies(onboarding_id, work_until, step, place) == KILLED
    run_later(worker, onboarding_id)

    findings.assert_whole_and_single(applicant)
    view = look_at(onboarding_id)
    if step is StepName.PASSWORD_MAIL and place in UNSURE_OF_MAIL:
        # A member all the same; about the mail only a person can know.
        assert view.step(step).state is StepState.FAILED
        assert view.step(step).reason == "onboarding.mail_unknown"
        assert len(mails.mails()) == (0 if place is Place.BEFORE_DEED else 1)
        choice = Choice.RETRY if place is Place.BEFORE_DEED else Choice.ADOPT
        decide_step(
            DecideStep(onboarding_id=onboarding_id, step=step, choice=choice, reason="本人に確認"),
            actor=actors.onboarding,
        )
        run_later(worker, onboarding_id)
        view = look_at(onboarding_id)
    assert view.state is OnboardingState.DONE
    assert len(mails.mails()) == 1
    recorded = steps_recorded_done(onboarding_id)
    assert set(recorded.values()) == {1}
    assert recorded.keys() | {StepName.PASSWORD_MAIL.value} == {name.value for name in StepName}


@pytest.mark.parametrize("number", range(1, WRITES))
def test_killed_after_any_write_to_keycloak_it_completes_when_run_again(
    number: int,
    dies: Doomed,
    applicants: Applicants,
    worker: OnboardingWorker,
    findings: Findings,
    mails: MailOutbox,
) -> None:
    applicant = applicants.ready()
    onboarding_id = applicants.start(applicant)

    assert dies(onboarding_id, work_until_write, number) == KILLED
    run_later(worker, onboarding_id)

    findings.assert_whole_and_single(applicant)
    assert len(mails.mails()) == 1


def test_there_are_no_more_writes_than_were_killed_after(
    dies: Doomed, applicants: Applicants, worker: OnboardingWorker, findings: Findings
) -> None:
    applicant = applicants.ready()
    onboarding_id = applicants.start(applicant)

    assert dies(onboarding_id, work_until_write, WRITES) == 0

    findings.assert_whole_and_single(applicant)


def test_a_lease_that_has_not_run_out_keeps_other_workers_away(
    dies: Doomed, applicants: Applicants, worker: OnboardingWorker
) -> None:
    applicant = applicants.ready()
    onboarding_id = applicants.start(applicant)
    assert dies(onboarding_id, work_until, StepName.FIRST_OWNER, Place.AFTER_DEED) == KILLED

    worker.run(onboarding_id)

    assert look_at(onboarding_id).step(StepName.FIRST_OWNER).state is StepState.RUNNING
    assert in_moyai(applicant.tenant_id)["state"] == "provisioning"
