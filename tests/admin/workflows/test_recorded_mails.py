"""What became of each mail: sent once, refused with the reason, unknown where the worker died meanwhile."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest

from admin.workflows.jobs import CURRENT_JOB
from admin.workflows.recorded_mails import RecordedMailer
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.ids import new_id
from governance.kernel.keyset import PageRequest
from governance.outbox import ClaimedJob
from governance.permissions import ROLE_PERMISSIONS, Permission
from tenancy.mails.queries import SentMailFacts, sent_mails
from tenancy.mails.states import MailState
from tests.actors import Actors
from tests.factories import Factory

FIRST, SECOND = "first@aso.example.jp", "second@aso.example.jp"


class Died(BaseException):
    """The worker is gone."""


class MailServer:
    """Takes mails, but for what a test refuses."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.refuses: dict[str, BaseException] = {}

    def __call__(self, recipient: str, subject: str, text: str, html: str | None = None) -> None:
        if recipient in self.refuses:
            raise self.refuses[recipient]
        self.taken.append(recipient)


@contextmanager
def as_job(tenant_id: UUID, job_id: UUID) -> Iterator[None]:
    now = clock.now()
    job = ClaimedJob(
        id=job_id, tenant_id=tenant_id, created_at=now, name="test", payload={}, attempts=1, not_before=now
    )
    token = CURRENT_JOB.set(job)
    try:
        yield
    finally:
        CURRENT_JOB.reset(token)


def send_both(server: MailServer, tenant_id: UUID, job_id: UUID) -> None:
    """The handler of a job with two mails."""
    send = RecordedMailer(server)
    with as_job(tenant_id, job_id):
        for recipient in (FIRST, SECOND):
            send(recipient, "協定への同意のお願い", "本文")


def kept(tenant_id: UUID | None = None, scope: UUID | str = OPERATOR) -> list[SentMailFacts]:
    with system_transaction(scope) as session:
        return sent_mails(session, PageRequest(), tenant_id=tenant_id).items


def by_address(tenant_id: UUID) -> dict[str, tuple[MailState, int, str | None]]:
    return {one.address: (one.state, one.attempts, one.problem) for one in kept(tenant_id)}


def test_a_job_that_is_run_again_sends_nobody_a_second_mail(actors: Actors, factory: Factory) -> None:
    tenant_id, job_id, server = factory.aso_city(), new_id(), MailServer()
    person = factory.add_person(tenant_id, FIRST)
    server.refuses[SECOND] = smtplib.SMTPRecipientsRefused({SECOND: (550, b"no such user")})

    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send_both(server, tenant_id, job_id)
    refused = by_address(tenant_id)
    server.refuses.clear()
    send_both(server, tenant_id, job_id)
    send_both(server, tenant_id, job_id)

    assert refused == {
        FIRST: (MailState.SENT, 1, None),
        SECOND: (MailState.FAILED, 1, "SMTPRecipientsRefused 550"),
    }
    assert by_address(tenant_id) == {FIRST: (MailState.SENT, 1, None), SECOND: (MailState.SENT, 2, None)}
    assert server.taken == [FIRST, SECOND]
    assert {one.address: one.person_id for one in kept(tenant_id)} == {FIRST: person.person_id, SECOND: None}


def test_of_a_mail_whose_worker_died_nobody_knows_and_it_is_not_sent_again(factory: Factory) -> None:
    tenant_id, job_id, server = factory.aso_city(), new_id(), MailServer()
    server.refuses[FIRST] = Died()

    with pytest.raises(Died):
        send_both(server, tenant_id, job_id)
    server.refuses.clear()
    send_both(server, tenant_id, job_id)

    assert by_address(tenant_id) == {FIRST: (MailState.SENDING, 1, None), SECOND: (MailState.SENT, 1, None)}
    assert server.taken == [SECOND]


def test_another_job_sends_anew_and_outside_of_a_job_nothing_is_kept(factory: Factory) -> None:
    tenant_id, server = factory.aso_city(), MailServer()

    send_both(server, tenant_id, new_id())
    send_both(server, tenant_id, new_id())
    RecordedMailer(server)(FIRST, "確認", "本文")

    assert server.taken == [FIRST, SECOND, FIRST, SECOND, FIRST]
    assert len(kept(tenant_id)) == 4


def test_a_municipality_sees_its_own_mails_only(actors: Actors, factory: Factory) -> None:
    one, other = factory.aso_city(), factory.kumamoto_city()
    for tenant_id in (one, other):
        send_both(MailServer(), tenant_id, new_id())

    assert {mail.tenant_id for mail in kept(scope=actors.municipal(one).tenant_scope)} == {one}
    assert {mail.tenant_id for mail in kept()} == {one, other}


def test_whoever_sees_the_mails_may_see_the_people_they_went_to() -> None:
    assert {role for role, held in ROLE_PERMISSIONS.items() if Permission.SENT_MAIL_READ in held} <= {
        role for role, held in ROLE_PERMISSIONS.items() if Permission.MEMBER_READ in held
    }
