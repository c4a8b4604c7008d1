"""Where onboardings run: applicants, the worker of this process, the mail it causes, Keycloak's eyes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import update

from admin.operations.mail.outbox import MailOutbox
from admin.operations.mail.server import LocalMailServer
from admin.workflows.job_handlers import handlers
from governance.commands import system_transaction
from governance.derived_secrets import SECRETS_KEY
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.outbox import JobState
from governance.outbox.tables import Job
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.onboarding.worker import OnboardingWorker
from tests.actors import Actors
from tests.tenancy.keycloak.installation import Installation
from tests.tenancy.onboarding.applicants import Applicants
from tests.tenancy.onboarding.findings import Findings


@contextmanager
def captured_mail(installation: Installation, folder: Path) -> Iterator[MailOutbox]:
    """Every mail Keycloak sends meanwhile."""
    kept = MailOutbox(folder)
    server = LocalMailServer(kept, installation.mail_box)
    server.start()
    try:
        yield kept
    finally:
        server.stop()


@pytest.fixture
def mails(installation: Installation, tmp_path: Path) -> Iterator[MailOutbox]:
    with captured_mail(installation, tmp_path) as kept:
        yield kept


@pytest.fixture
def applicants(actors: Actors) -> Applicants:
    return Applicants(actors)


@pytest.fixture
def worker(identities: KeycloakIdentities, actors: Actors, database: Flask, mails: MailOutbox) -> OnboardingWorker:
    """The worker of this process."""
    return OnboardingWorker(identities, actor=actors.worker, name="second")


@pytest.fixture
def secrets_key(database: Flask) -> Iterator[None]:
    """The installation's key, of which the secrets of service clients are made."""
    SECRETS_KEY.set(database, lambda: b"k" * 32)
    yield
    SECRETS_KEY.set(database, lambda: None)


@pytest.fixture
def findings(installation: Installation) -> Findings:
    """What is there, asked of both sides directly."""
    return Findings(installation.as_administrator())


def run_later(worker: OnboardingWorker, onboarding_id: UUID, minutes: int = 2) -> None:
    """Run when every lease has run out and every pause is over."""
    with clock.at(datetime.now(UTC) + timedelta(minutes=minutes)):
        worker.run(onboarding_id)


@pytest.fixture
def do_jobs(identities: KeycloakIdentities) -> Callable[[str], int]:
    """Do every waiting job of a name, as the worker would; answers how many there were."""

    def do(name: str) -> int:
        with system_transaction(OPERATOR) as session:
            waiting = session.execute(
                update(Job)
                .where(Job.name == name, Job.state == JobState.QUEUED)
                .values(state=JobState.DONE, ended_at=clock.now())
                .returning(Job.payload)
            ).all()
        for (payload,) in waiting:
            handlers(identities)[name](payload)
        return len(waiting)

    return do
