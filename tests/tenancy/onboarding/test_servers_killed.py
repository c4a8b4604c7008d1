"""Keycloak and PostgreSQL are killed in a step: it waits or is taken up again, and nothing is there twice."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from sqlalchemy.exc import DBAPIError

from admin.migrations.apply import migrate_url
from admin.operations.mail.outbox import MailOutbox
from governance.kernel.database import connect, db
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.calls import Call, observed_by
from tenancy.keycloak.port import Identities
from tenancy.onboarding import worker as worker_module
from tenancy.onboarding.intents import OnboardingIntent
from tenancy.onboarding.step_actions import StepAttempt
from tenancy.onboarding.step_actions import run_step as real_run_step
from tenancy.onboarding.steps import OnboardingState, StepName, StepState
from tenancy.onboarding.worker import OnboardingWorker
from tests import servers
from tests.actors import Actors, seed_operator
from tests.tenancy.onboarding.applicants import Applicants, look_at
from tests.tenancy.onboarding.conftest import run_later
from tests.tenancy.onboarding.findings import Findings, in_moyai

pytestmark = pytest.mark.keycloak


@pytest.mark.parametrize(
    ("step", "write"),
    [(StepName.ORGANIZATION, 0), (StepName.ROLE_GROUPS, 4), (StepName.FIRST_OWNER, 12)],
)
def test_keycloak_killed_in_a_step_is_waited_for_and_the_step_completes(
    step: StepName,
    write: int,
    keycloak_server: servers.Keycloak,
    applicants: Applicants,
    worker: OnboardingWorker,
    findings: Findings,
    mails: MailOutbox,
) -> None:
    applicant = applicants.ready()
    onboarding_id = applicants.start(applicant)
    written = 0

    def kill_after(call: Call) -> None:
        nonlocal written
        written += call.method != "GET" and not call.is_token
        if written == write:
            keycloak_server.kill()

    if write == 0:
        keycloak_server.kill()
    with observed_by(kill_after):
        worker.run(onboarding_id)

    stopped = look_at(onboarding_id)
    assert stopped.step(step).state is StepState.WAITING
    assert stopped.step(step).reason == "onboarding.identities_away"
    assert stopped.step(step).retry_at is not None
    assert stopped.state is OnboardingState.WAITING
    assert in_moyai(applicant.tenant_id)["state"] == "provisioning"

    keycloak_server.start_again()
    run_later(worker, onboarding_id)

    findings.assert_whole_and_single(applicant)
    assert look_at(onboarding_id).state is OnboardingState.DONE
    assert len(mails.mails()) == 1


@pytest.fixture
def own_postgresql() -> Iterator[servers.PostgreSQL]:
    """A PostgreSQL that nobody else uses, so that killing it takes nothing else along."""
    with tempfile.TemporaryDirectory(prefix="moyai-test-") as folder:
        server = servers.start_postgresql(Path(folder))
        with psycopg.connect(servers.libpq(server.superuser_url), autocommit=True) as connection:
            connection.execute("CREATE DATABASE moyai OWNER moyai_owner")
            # Throw-away servers answer before they write; what is to survive a kill is written first, as in earnest.
            connection.execute("ALTER DATABASE moyai SET synchronous_commit = on")
        migrate_url(server.owner_url("moyai"))
        yield server
        server.stop()


@pytest.fixture
def own_database(own_postgresql: servers.PostgreSQL) -> Iterator[Flask]:
    app = Flask("own")
    connect(app, own_postgresql.app_url("moyai"))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def test_postgresql_killed_between_an_action_and_its_record_loses_no_step_and_repeats_none(
    own_postgresql: servers.PostgreSQL,
    own_database: Flask,
    identities: KeycloakIdentities,
    findings: Findings,
    mails: MailOutbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    actors = Actors(seed_operator())
    applicants = Applicants(actors)
    worker = OnboardingWorker(identities, actor=actors.worker, name="second")
    for step in (StepName.ORGANIZATION, StepName.FIRST_OWNER, StepName.SERVICE_CLIENT):
        applicant = applicants.ready()
        onboarding_id = applicants.start(applicant)
        monkeypatch.setattr(worker_module, "run_step", _killing(own_postgresql, step))

        with pytest.raises(DBAPIError):
            worker.run(onboarding_id)
        db.session.remove()
        own_postgresql.start_again()
        monkeypatch.setattr(worker_module, "run_step", real_run_step)
        run_later(worker, onboarding_id)

        findings.assert_whole_and_single(applicant)
        assert look_at(onboarding_id).state is OnboardingState.DONE
    assert len(mails.mails()) == 3


def _killing(server: servers.PostgreSQL, step: StepName) -> object:
    def run_step(name: StepName, intent: OnboardingIntent, identities: Identities, *, is_retry: bool) -> StepAttempt:
        result = real_run_step(name, intent, identities, is_retry=is_retry)
        if name is step:
            server.kill()
        return result

    return run_step
