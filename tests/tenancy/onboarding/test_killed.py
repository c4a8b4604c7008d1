"""The worker is killed at every place of every step, and after every single write: run again, it completes, once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from admin.operations.mail.outbox import MailOutbox
from governance.file_imports import ImportRefused
from tenancy.onboarding.commands import DecideStep, StartSync, decide_step, start_sync
from tenancy.onboarding.step_actions import PORTION
from tenancy.onboarding.steps import OnboardingState, StepDecision, StepName, StepState
from tenancy.onboarding.worker import OnboardingWorker
from tests import servers
from tests.actors import Actors
from tests.tenancy.keycloak.installation import Installation
from tests.tenancy.onboarding.applicants import Applicant, Applicants, look_at
from tests.tenancy.onboarding.conftest import run_later
from tests.tenancy.onboarding.findings import Findings, in_moyai, steps_recorded_done
from tests.tenancy.onboarding.killing import KILLED, Job, Place, import_until_written, work_until, work_until_write

pytestmark = pytest.mark.keycloak

# Forked from a process that has imported everything and holds no thread, lock or connection.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.tenancy.onboarding.killing"])

UNSURE_OF_MAIL = (Place.BEFORE_ACTION, Place.AFTER_ACTION, Place.WHILE_RECORDING)
"""Places after which nobody can know whether the mail went out."""

WRITES = 17
"""What one owner and one system take: organization, 5 groups, 5 mappings, user, membership, group, what the mail is to
say, mail, client."""
NOTED = 15
"""The write of what the mail is to say: who is killed right after it has sent none, and cannot know that."""


@dataclass(frozen=True)
class Case:
    """One applicant whose worker dies; the tests put several to death side by side."""

    applicant: Applicant
    onboarding_id: UUID
    place: Any

    def mails(self, kept: MailOutbox) -> int:
        return sum(mail.recipient == self.applicant.owner_email for mail in kept.mails())


class DoomedWorkers:
    """Starts doomed workers, each in a process of its own, and waits for their end."""

    def __init__(self, database_url: str, installation: Installation, operator_tenant: UUID) -> None:
        self._database_url = database_url
        self._installation = installation
        self._operator_tenant = operator_tenant

    def put_to_work(self, work: Callable[..., None], orders: list[tuple[UUID, tuple[Any, ...]]]) -> list[int | None]:
        """Their exit codes, in the order given."""
        processes = [
            _processes.Process(target=work, args=(self._job(onboarding_id), *place)) for onboarding_id, place in orders
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(timeout=120)
        return [process.exitcode for process in processes]

    def _job(self, onboarding_id: UUID) -> Job:
        return Job(
            self._database_url,
            self._installation.server.url,
            self._installation.home / "keys",
            self._operator_tenant,
            onboarding_id,
        )


@pytest.fixture
def doomed_workers(
    postgresql: servers.PostgreSQL, database_name: str, installation: Installation, operator_tenant: UUID
) -> DoomedWorkers:
    return DoomedWorkers(postgresql.app_url(database_name), installation, operator_tenant)


def _cases(applicants: Applicants, places: Iterable[Any]) -> list[Case]:
    made = []
    for place in places:
        applicant = applicants.ready()
        made.append(Case(applicant, applicants.start(applicant), place))
    return made


@pytest.mark.parametrize("step", StepName)
def test_killed_at_any_place_of_any_step_it_completes_when_run_again(
    step: StepName,
    doomed_workers: DoomedWorkers,
    applicants: Applicants,
    worker: OnboardingWorker,
    findings: Findings,
    mails: MailOutbox,
    actors: Actors,
) -> None:
    cases = _cases(applicants, Place)

    ends = doomed_workers.put_to_work(work_until, [(case.onboarding_id, (step, case.place)) for case in cases])

    assert ends == [KILLED] * len(Place)
    for case in cases:
        run_later(worker, case.onboarding_id)
        findings.assert_whole_and_single(case.applicant)
        if step is StepName.PASSWORD_MAIL and case.place in UNSURE_OF_MAIL:
            _decide_about_the_mail(case, worker, mails, actors, was_sent=case.place is not Place.BEFORE_ACTION)
        assert look_at(case.onboarding_id).state is OnboardingState.DONE, case.place
        assert case.mails(mails) == 1, case.place
        recorded = steps_recorded_done(case.onboarding_id)
        assert set(recorded.values()) == {1}, case.place
        assert recorded.keys() | {StepName.PASSWORD_MAIL.value} == {name.value for name in StepName}, case.place


def _decide_about_the_mail(
    case: Case, worker: OnboardingWorker, mails: MailOutbox, actors: Actors, *, was_sent: bool
) -> None:
    """A member all the same; about the mail only a person can know, so nothing was sent again."""
    step = look_at(case.onboarding_id).step(StepName.PASSWORD_MAIL)
    assert (step.state, step.reason) == (StepState.FAILED, "onboarding.mail_unknown")
    assert case.mails(mails) == was_sent
    decide_step(
        DecideStep(
            onboarding_id=case.onboarding_id,
            step=StepName.PASSWORD_MAIL,
            choice=StepDecision.ADOPT if was_sent else StepDecision.RETRY,
            reason="本人に確認",
        ),
        actor=actors.onboarding,
    )
    run_later(worker, case.onboarding_id)


@pytest.mark.parametrize("first", range(1, WRITES + 1, 4))
def test_killed_after_any_write_to_keycloak_it_completes_when_run_again(
    first: int,
    doomed_workers: DoomedWorkers,
    applicants: Applicants,
    worker: OnboardingWorker,
    findings: Findings,
    mails: MailOutbox,
    actors: Actors,
) -> None:
    cases = _cases(applicants, range(first, min(first + 4, WRITES + 1)))

    ends = doomed_workers.put_to_work(work_until_write, [(case.onboarding_id, (case.place,)) for case in cases])

    assert ends == [KILLED] * len(cases)
    for case in cases:
        run_later(worker, case.onboarding_id)
        findings.assert_whole_and_single(case.applicant)
        if case.place == NOTED:
            _decide_about_the_mail(case, worker, mails, actors, was_sent=False)
        assert case.mails(mails) == 1, case.place


def test_killed_half_way_through_the_people_of_a_file_it_completes_without_anybody_twice(
    doomed_workers: DoomedWorkers,
    applicants: Applicants,
    worker: OnboardingWorker,
    actors: Actors,
    findings: Findings,
) -> None:
    applicant = applicants.ready()
    worker.run(applicants.start(applicant))
    # First whoever imports the file dies, with every row of it written: nothing of it is there, and the key is free.
    before = in_moyai(applicant.tenant_id)
    order = applicants.people_to_import(applicant, PORTION + 50), actors.onboarding, "april"
    assert doomed_workers.put_to_work(import_until_written, [(applicant.tenant_id, order)]) == [KILLED]
    assert in_moyai(applicant.tenant_id) == before
    assert applicants.file_of_people(applicant, PORTION + 50, key="april").added == PORTION + 50
    onboarding_id = start_sync(StartSync(tenant_id=applicant.tenant_id), actor=actors.worker).onboarding_id
    assert onboarding_id is not None

    # Two writes a person: the account and its membership. The second portion is half done.
    ends = doomed_workers.put_to_work(work_until_write, [(onboarding_id, (2 * PORTION + 51,))])

    assert ends == [KILLED]
    assert in_moyai(applicant.tenant_id)["members_synced"] == 1 + PORTION, "the first portion was recorded"
    repeated = applicants.file_of_people(applicant, PORTION + 50, key="april")
    with pytest.raises(ImportRefused):
        applicants.file_of_people(applicant, PORTION + 50)
    run_later(worker, onboarding_id)
    assert repeated.added == PORTION + 50
    assert look_at(onboarding_id).state is OnboardingState.DONE
    found = findings.in_keycloak(applicant)
    wanted = [applicant.owner_email, *(f"file{number}@{applicant.domain}" for number in range(PORTION + 50))]
    assert found.users == found.members == sorted(wanted)
    here = in_moyai(applicant.tenant_id)
    assert here["members"] == here["members_synced"] == len(wanted)


def test_there_are_no_more_writes_than_were_killed_after(
    doomed_workers: DoomedWorkers, applicants: Applicants, worker: OnboardingWorker, findings: Findings
) -> None:
    (case,) = _cases(applicants, [WRITES + 1])

    assert doomed_workers.put_to_work(work_until_write, [(case.onboarding_id, (case.place,))]) == [0]

    findings.assert_whole_and_single(case.applicant)


def test_a_lease_that_has_not_run_out_keeps_other_workers_away(
    doomed_workers: DoomedWorkers, applicants: Applicants, worker: OnboardingWorker
) -> None:
    (case,) = _cases(applicants, [Place.AFTER_ACTION])
    orders = [(case.onboarding_id, (StepName.FIRST_OWNER, case.place))]
    assert doomed_workers.put_to_work(work_until, orders) == [KILLED]

    worker.run(case.onboarding_id)

    assert look_at(case.onboarding_id).step(StepName.FIRST_OWNER).state is StepState.RUNNING
    assert in_moyai(case.applicant.tenant_id)["state"] == "provisioning"
