"""People and systems added after their tenant came in: synced to Keycloak, one mail, withdrawn when disabled."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import select

from admin.operations.mail.outbox import MailOutbox
from admin.workflows.job_handlers import handlers, onboarding_runner, periodic_tasks, provision_operators
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.port import Realm
from tenancy.onboarding.commands import DecideStep, decide_step
from tenancy.onboarding.queries import count_by_state, onboardings_in_progress
from tenancy.onboarding.steps import (
    KEYCLOAK_STEPS,
    OnboardingKind,
    OnboardingState,
    StepDecision,
    StepName,
    StepState,
)
from tenancy.onboarding.unsynced_members import INVITE, operators_to_provision, tenants_with_unsynced_members
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.people.commands import AddMember, DisableMember, MemberAdded, add_member, disable_member
from tenancy.people.withdrawal import WITHDRAW
from tests.actors import Actors
from tests.second_person import directly
from tests.tenancy.keycloak.installation import Installation
from tests.tenancy.onboarding.applicants import Applicants, look_at
from tests.tenancy.onboarding.findings import Findings

pytestmark = pytest.mark.keycloak


def _open() -> list[UUID]:
    with tenant_scope(OPERATOR):
        return [view.id for view in onboardings_in_progress(db.session())]


def test_a_person_and_a_system_added_later_follow_and_the_person_gets_one_mail(
    applicants: Applicants,
    worker: OnboardingWorker,
    identities: KeycloakIdentities,
    findings: Findings,
    mails: MailOutbox,
    do_jobs: Callable[[str], int],
) -> None:
    applicant = applicants.ready()
    worker.run(applicants.start(applicant))
    applicants.with_person(applicant, f"later@{applicant.domain}", Role.TENANT_FINANCE)
    applicants.with_system(applicant, "あとのシステム")

    for task in periodic_tasks(identities):
        task()
    (begun,) = _open()
    steps = [step.name for step in look_at(begun).steps]
    for onboarding_id in _open():
        onboarding_runner(identities)(onboarding_id)

    assert steps == [StepName.PEOPLE, StepName.SERVICE_CLIENT], "nothing else is new"
    assert look_at(begun).kind is OnboardingKind.SYNC
    found = findings.in_keycloak(applicant)
    assert found.members == sorted([applicant.owner_email, f"later@{applicant.domain}"])
    assert len(found.service_clients) == 2
    assert _open() == []
    with tenant_scope(OPERATOR):
        assert tenants_with_unsynced_members(db.session(), clock.now()) == []
    assert do_jobs(INVITE) == 1
    with system_transaction(OPERATOR) as session:
        (payload,) = session.scalars(select(Job.payload).where(Job.name == INVITE)).all()
    handlers(identities)[INVITE](payload)
    assert sorted(mail.recipient for mail in mails.mails()) == [f"later@{applicant.domain}", applicant.owner_email]


def _periodically(identities: KeycloakIdentities) -> None:
    for task in periodic_tasks(identities):
        task()


def test_a_person_added_to_a_tenant_without_systems_waits_for_no_system(
    applicants: Applicants, worker: OnboardingWorker, identities: KeycloakIdentities, findings: Findings
) -> None:
    applicant = applicants.ready(systems=0)
    first = applicants.start(applicant)
    worker.run(first)
    _skip(applicants, first, StepName.SERVICE_CLIENT)
    worker.run(first)
    applicants.with_person(applicant, f"later@{applicant.domain}", Role.TENANT_FINANCE)

    _periodically(identities)
    (begun,) = _open()
    worker.run(begun)

    assert [(step.name, step.state) for step in look_at(begun).steps] == [(StepName.PEOPLE, StepState.DONE)]
    assert findings.in_keycloak(applicant).members == sorted([applicant.owner_email, f"later@{applicant.domain}"])
    _periodically(identities)
    assert _open() == []


def test_a_later_owner_is_mailed_by_the_steps_that_concern_owners(
    applicants: Applicants, worker: OnboardingWorker, identities: KeycloakIdentities, mails: MailOutbox, actors: Actors
) -> None:
    applicant = applicants.ready()
    worker.run(applicants.start(applicant))
    command = AddMember(
        tenant_id=applicant.tenant_id,
        family_name="試験",
        given_name="花子",
        email=f"second@{applicant.domain}",
        roles=(Role.TENANT_OWNER,),
    )
    directly(add_member, MemberAdded)(command, actor=actors.onboarding)

    _periodically(identities)
    (begun,) = _open()
    worker.run(begun)

    assert [step.name for step in look_at(begun).steps] == [StepName.FIRST_OWNER, StepName.PASSWORD_MAIL]
    assert _open() == []
    assert [mail.recipient for mail in mails.mails()].count(f"second@{applicant.domain}") == 1
    assert [mail.recipient for mail in mails.mails()].count(applicant.owner_email) == 1


def test_an_update_is_counted_nowhere_as_a_tenants_way_in(
    applicants: Applicants, worker: OnboardingWorker, identities: KeycloakIdentities
) -> None:
    applicant = applicants.ready()
    worker.run(applicants.start(applicant))
    applicants.with_person(applicant, f"later@{applicant.domain}", Role.TENANT_FINANCE)
    _periodically(identities)
    (begun,) = _open()

    with tenant_scope(OPERATOR):
        during = count_by_state(db.session())
    worker.run(begun)
    with tenant_scope(OPERATOR):
        after = count_by_state(db.session())

    assert during == after == {OnboardingState.DONE: 1}


def test_starting_what_is_in_already_compares_what_it_has_in_keycloak_and_nothing_else(
    applicants: Applicants, worker: OnboardingWorker
) -> None:
    with_system, without = applicants.ready(), applicants.ready(systems=0)
    for one in (with_system, without):
        first = applicants.start(one)
        worker.run(first)
        if one is without:
            _skip(applicants, first, StepName.SERVICE_CLIENT)
            worker.run(first)

    again = [look_at(applicants.start(one)) for one in (with_system, without)]
    for view in again:
        worker.run(view.id)

    assert [view.kind for view in again] == [OnboardingKind.SYNC] * 2
    assert [step.name for step in again[0].steps] == list(KEYCLOAK_STEPS)
    assert [step.name for step in again[1].steps] == [*KEYCLOAK_STEPS[:-1]]
    assert _open() == []


def _skip(applicants: Applicants, onboarding_id: UUID, step: StepName) -> None:
    command = DecideStep(onboarding_id=onboarding_id, step=step, choice=StepDecision.SKIP, reason="使わない")
    decide_step(command, actor=applicants.actors.onboarding)


def test_a_person_of_the_operator_is_made_in_the_operators_realm_once(
    actors: Actors,
    identities: KeycloakIdentities,
    installation: Installation,
    mails: MailOutbox,
    do_jobs: Callable[[str], int],
) -> None:
    email = f"{actors.operator_tenant.hex[-8:]}@pref.example"
    added = directly(add_member, MemberAdded)(
        AddMember(
            tenant_id=actors.operator_tenant,
            family_name="試験",
            given_name="太郎",
            email=email,
            roles=(Role.OPERATOR_FINANCE,),
        ),
        actor=actors.security,
    )

    provision_operators(identities)
    provision_operators(identities)
    assert do_jobs(INVITE) == 1

    users = installation.as_administrator(Realm.OPERATORS).read("users", email=email, exact="true")
    assert [user["username"] for user in users] == [str(added.person_id)]
    assert [mail.recipient for mail in mails.mails()] == [email]
    with tenant_scope(OPERATOR):
        assert operators_to_provision(db.session(), clock.now()) == []


def test_a_disabled_person_is_disabled_in_keycloak_and_out_of_every_role_group(
    applicants: Applicants,
    worker: OnboardingWorker,
    identities: KeycloakIdentities,
    actors: Actors,
    do_jobs: Callable[[str], int],
) -> None:
    applicant = applicants.ready()
    person_id = applicants.with_person(applicant, f"leaves@{applicant.domain}", Role.TENANT_FINANCE)
    worker.run(applicants.start(applicant))
    disable_member(
        DisableMember(tenant_id=applicant.tenant_id, member_id=person_id, reason="異動"), actor=actors.security
    )

    assert do_jobs(WITHDRAW) == 1

    facts = {person.username: person for person in identities.describe_tenant(applicant.tenant_id).people}
    left = facts[str(person_id)]
    assert not left.enabled
    assert left.groups == frozenset()
