"""An invitation that is sent again, or cancelled: what Keycloak's links are worth afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import UUID

import pytest

from admin.operations.mail.outbox import MailOutbox
from admin.workflows.job_handlers import onboarding_runner, periodic_tasks
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.onboarding.queries import onboardings_in_progress
from tenancy.onboarding.unsynced_members import INVITE
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.people import queries
from tenancy.people.states import InvitationState
from tenancy.people.tables import Member
from tenancy.people.unaccepted_invitations import (
    REPLACE_ACCOUNT,
    CancelInvitation,
    ResendInvitation,
    cancel_invitation,
    resend_invitation,
)
from tenancy.people.withdrawal import WITHDRAW
from tests.actors import Actors
from tests.admin.browser import Browser
from tests.tenancy.onboarding.applicants import Applicants

pytestmark = pytest.mark.keycloak


@pytest.mark.parametrize("role", [Role.TENANT_FINANCE, Role.TENANT_OWNER])
def test_the_link_sent_before_leads_nowhere_and_the_new_one_does_until_it_is_cancelled(
    applicants: Applicants,
    worker: OnboardingWorker,
    identities: KeycloakIdentities,
    mails: MailOutbox,
    do_jobs: Callable[[str], int],
    actors: Actors,
    role: Role,
) -> None:
    applicant = applicants.ready()
    worker.run(applicants.start(applicant))
    address = f"later@{applicant.domain}"
    person_id = applicants.with_person(applicant, address, role)

    def sync() -> None:
        for task in periodic_tasks(identities):
            task()
        with tenant_scope(OPERATOR):
            begun = [view.id for view in onboardings_in_progress(db.session())]
        for onboarding_id in begun:
            onboarding_runner(identities)(onboarding_id)
        do_jobs(INVITE)

    sync()
    (first_link,) = _links(mails, address)
    first_account = _row(person_id).keycloak_id
    assert _works(first_link)

    resend_invitation(ResendInvitation(tenant_id=applicant.tenant_id, member_id=person_id), actor=actors.security)
    # Until the old account is gone none is made, so that it is not taken up again.
    sync()
    assert _row(person_id).keycloak_id is None
    assert do_jobs(REPLACE_ACCOUNT) == 1
    sync()

    assert not _works(first_link)
    (_, second_link) = sorted(_links(mails, address), key=lambda link: link == first_link, reverse=True)
    assert _works(second_link)
    row = _row(person_id)
    assert row.keycloak_id not in (None, first_account)
    in_keycloak = {one.username: one for one in identities.describe_tenant(applicant.tenant_id).people}
    found = in_keycloak[str(person_id)]
    assert (found.id, found.email, found.groups) == (row.keycloak_id, address, frozenset({role.value}))
    with tenant_scope(OPERATOR):
        facts = queries.member(db.session(), applicant.tenant_id, person_id, clock.now())
    assert facts.invitation is InvitationState.SENT
    # Nothing more is sent or made by what runs again.
    sync()
    assert len(_links(mails, address)) == 2

    command = CancelInvitation(tenant_id=applicant.tenant_id, member_id=person_id, reason="採用の取消し")
    cancel_invitation(command, actor=actors.security)
    assert do_jobs(WITHDRAW) == 1
    assert not _works(second_link)
    assert str(person_id) not in {one.username for one in identities.describe_tenant(applicant.tenant_id).people}
    again = applicants.with_person(applicant, address, role)
    sync()
    members = [one for one in identities.describe_tenant(applicant.tenant_id).people if one.email == address]
    assert [one.username for one in members] == [str(again)]


def _links(mails: MailOutbox, address: str) -> list[str]:
    found = [re.search(r"https?://\S+", mails.body(mail.id)) for mail in mails.mails() if mail.recipient == address]
    return [link[0] for link in found if link is not None]


def _works(link: str) -> bool:
    """Whether the link leads to where a password is set."""
    page = Browser().get(link)
    return 'pf-m-primary" href="' in page.text and "手続を続けられません" not in page.text


def _row(person_id: UUID) -> Member:
    with tenant_scope(OPERATOR):
        db.session.rollback()
        return db.session.query(Member).filter(Member.person_id == person_id).one()
