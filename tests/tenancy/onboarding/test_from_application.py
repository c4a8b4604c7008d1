"""From the application to a tenant that is in: applied for, screened, decided by another, onboarded in Keycloak."""

from __future__ import annotations

from uuid import uuid4

import pytest

from admin.operations.mail.outbox import MailOutbox
from governance.commands import ApprovalRequested
from governance.declaration import build_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict
from tenancy.applications.admission import AdmitApplicant, admit_applicant
from tenancy.applications.commands import (
    BeginApplication,
    SaveApplication,
    SubmitApplication,
    begin_application,
    save_application,
    submit_application,
)
from tenancy.applications.queries import application
from tenancy.applications.screening import (
    ConcludeApplication,
    ScreenApplication,
    conclude_application,
    screen_application,
)
from tenancy.applications.states import ApplicationState, Attestation, AwaitedParty, Conclusion
from tenancy.onboarding.steps import OnboardingState, StepName, StepState
from tenancy.onboarding.worker import OnboardingWorker
from tests.actors import Actors
from tests.factories import application_content
from tests.second_person import approve
from tests.tenancy.onboarding.applicants import Applicant, Applicants, look_at
from tests.tenancy.onboarding.conftest import run_later
from tests.tenancy.onboarding.findings import Findings, in_moyai


@pytest.mark.keycloak
def test_an_application_becomes_a_tenant_whose_administrators_are_in_keycloak(
    applicants: Applicants, worker: OnboardingWorker, actors: Actors, findings: Findings, mails: MailOutbox
) -> None:
    mark, by_link = uuid4().hex[:8], applicants.factory.applicant
    name, domain = f"試験市-{mark}", f"{mark}.example"
    begun = begin_application(BeginApplication(name=name, email=f"kikaku@{domain}"), actor=by_link)
    application_id = begun.application_id
    values = application_content(name) | {
        "administrator_email": f"owner@{domain}",
        "deputy_email": f"deputy@{domain}",
        "contact_email": f"kikaku@{domain}",
        "first_day": clock.today(),
    }
    saved = save_application(
        build_command(SaveApplication, application_id=application_id, version=1, **values), actor=by_link
    )
    submit_application(SubmitApplication(application_id=application_id, version=saved.version), actor=by_link)
    screen_application(
        ScreenApplication(application_id=application_id, attestations=tuple(Attestation)), actor=actors.onboarding
    )
    proposal = ConcludeApplication(application_id=application_id, outcome=Conclusion.APPROVE, letter="承認します。")
    requested = conclude_application(proposal, actor=actors.onboarding)
    assert isinstance(requested, ApprovalRequested)
    with pytest.raises(Conflict):
        admit_applicant(AdmitApplicant(application_id=application_id), actor=actors.onboarding)
    approve(requested, actor=actors.approver)
    admitted = admit_applicant(AdmitApplicant(application_id=application_id), actor=actors.onboarding)
    applicant = Applicant(admitted.tenant_id, "432083", name, domain)

    worker.run(admitted.onboarding_id)

    # What the application says is there; what it cannot say is asked for, and nothing else.
    waiting = look_at(admitted.onboarding_id)
    assert {step.name for step in waiting.steps if step.state is StepState.WAITING} == {
        StepName.SERVICE_CLIENT,
        StepName.QUOTAS,
    }
    assert in_moyai(applicant.tenant_id)["state"] == "provisioning"
    applicants.with_system(applicant)
    applicants.on_plan(applicant)
    run_later(worker, admitted.onboarding_id)

    assert look_at(admitted.onboarding_id).state is OnboardingState.DONE
    found = findings.in_keycloak(applicant)
    assert found.members == found.owners == found.users == [f"deputy@{domain}", f"owner@{domain}"]
    assert (len(found.organizations), len(found.service_clients)) == (1, 1)
    assert in_moyai(applicant.tenant_id)["state"] == "active"
    with tenant_scope(OPERATOR):
        one = application(db.session(), application_id)
    assert (one.state, one.awaited, one.joined_tenant_id) == (
        ApplicationState.ADMITTED,
        AwaitedParty.NOBODY,
        admitted.tenant_id,
    )
    # Keycloak asks both administrators, and nobody else, to set a password.
    assert sorted(str(mail.recipient) for mail in mails.mails()) == [f"deputy@{domain}", f"owner@{domain}"]
