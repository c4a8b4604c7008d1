"""Two tenants and one e-mail address: nobody but the one person waits; released, taken again, skipped, resumed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from admin.operations.mail.outbox import MailOutbox
from admin.workflows.drift import find_drift
from admin.workflows.job_handlers import onboarding_runner, periodic_tasks, provision_operators
from governance.actors import Actor
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Invalid, NotAllowed
from governance.permissions import Role
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.port import PersonFacts, Realm, released_address
from tenancy.onboarding.queries import onboardings_in_progress
from tenancy.onboarding.steps import OnboardingState, StepName, StepState
from tenancy.onboarding.unsynced_members import INVITE, tenants_with_unsynced_members
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.people import queries
from tenancy.people.commands import (
    DecideMemberSync,
    DisableMember,
    RemoveMember,
    ResumeMember,
    decide_member_sync,
    disable_member,
    remove_member,
    resume_member,
)
from tenancy.people.models import MemberDetails
from tenancy.people.states import MemberState, SyncDecision, SyncProblem
from tenancy.people.withdrawal import WITHDRAW
from tenancy.tenants.commands import ChangeTenantState, change_tenant_state
from tenancy.tenants.states import TenantState
from tests.actors import Actors
from tests.database_rows import recorded
from tests.tenancy.keycloak.installation import Installation
from tests.tenancy.onboarding.applicants import Applicant, Applicants, look_at
from tests.tenancy.onboarding.conftest import run_later

pytestmark = pytest.mark.keycloak


@pytest.fixture
def sync(identities: KeycloakIdentities) -> Callable[[], None]:
    """What the worker does by itself every few seconds."""

    def go_on() -> None:
        for task in periodic_tasks(identities):
            task()
        with tenant_scope(OPERATOR):
            begun = [view.id for view in onboardings_in_progress(db.session())]
        for onboarding_id in begun:
            onboarding_runner(identities)(onboarding_id)

    return go_on


@pytest.fixture
def first(applicants: Applicants, worker: OnboardingWorker) -> Applicant:
    """A tenant that takes part, with an owner and one more person."""
    applicant = applicants.ready(people=1)
    worker.run(applicants.start(applicant))
    return applicant


def _shared(first: Applicant) -> str:
    return f"person0@{first.domain}"


def _member(tenant_id: UUID, person_id: UUID) -> MemberDetails:
    with tenant_scope(OPERATOR):
        db.session.expire_all()
        return queries.member(db.session(), tenant_id, person_id, clock.now())


def _by_address(tenant_id: UUID, email: str) -> MemberDetails:
    with tenant_scope(OPERATOR):
        return next(one for one in queries.members(db.session(), tenant_id, clock.now()) if one.email == email)


def _in_keycloak(identities: KeycloakIdentities, applicant: Applicant) -> dict[str, PersonFacts]:
    return {person.username: person for person in identities.describe_tenant(applicant.tenant_id).people}


def _owner_of(actors: Actors, applicant: Applicant) -> Actor:
    return actors.municipal(applicant.tenant_id, Role.TENANT_OWNER)


def _suspend(actors: Actors, applicant: Applicant, email: str) -> MemberDetails:
    member = _by_address(applicant.tenant_id, email)
    disable_member(
        DisableMember(tenant_id=applicant.tenant_id, member_id=member.id, reason="異動"), actor=actors.security
    )
    return member


def test_a_taken_address_stops_one_person_and_not_the_tenant(
    applicants: Applicants,
    worker: OnboardingWorker,
    identities: KeycloakIdentities,
    first: Applicant,
    mails: MailOutbox,
) -> None:
    second = applicants.ready(people=1)
    waiting = applicants.with_person(second, _shared(first).upper())

    onboarding_id = applicants.start(second)
    worker.run(onboarding_id)

    assert look_at(onboarding_id).state is OnboardingState.DONE
    member = _member(second.tenant_id, waiting)
    assert (member.state, member.sync_problem) == (MemberState.INVITED, SyncProblem.AWAITING_CONSENT)
    assert {person.email for person in _in_keycloak(identities, second).values()} == {
        second.owner_email,
        f"person0@{second.domain}",
    }
    # Nothing is begun again for the one who waits, until it is time.
    with tenant_scope(OPERATOR):
        assert tenants_with_unsynced_members(db.session(), clock.now()) == []
        later = clock.now() + timedelta(days=1, minutes=1)
        assert tenants_with_unsynced_members(db.session(), later) == [second.tenant_id]
    assert _shared(first) in {person.email for person in _in_keycloak(identities, first).values()}


def test_an_owner_is_not_told_where_an_address_is_used(
    applicants: Applicants, worker: OnboardingWorker, first: Applicant
) -> None:
    second = applicants.ready()
    waiting = applicants.with_person(second, _shared(first))
    onboarding_id = applicants.start(second)
    worker.run(onboarding_id)

    with tenant_scope(second.tenant_id):
        member = queries.member(db.session(), second.tenant_id, waiting, clock.now())
        seen = member.model_dump_json() + member.sync_problem.label("en") if member.sync_problem else ""
        holder = queries.members_in_keycloak(db.session(), second.tenant_id)
        assert not queries.former_holders(db.session(), holder).get(waiting)
    events = recorded("onboarding.advanced")
    own = [event for event in events if event.tenant_id == second.tenant_id]
    with tenant_scope(OPERATOR):
        present = _by_address(first.tenant_id, _shared(first))
    texts = [seen, look_at(onboarding_id).model_dump_json(), *(str(event.facts) for event in own)]
    assert seen
    for text in texts:
        for secret in (str(first.tenant_id), first.code, first.name, str(present.person_id)):
            assert secret not in text


def test_a_first_owner_with_a_taken_address_waits_until_another_owner_is_added(
    applicants: Applicants, worker: OnboardingWorker, identities: KeycloakIdentities, first: Applicant
) -> None:
    second = applicants.agreed()
    applicants.on_plan(second)
    waiting = applicants.with_person(second, _shared(first), Role.TENANT_OWNER)
    applicants.with_system(second)
    applicants.accept_agreement_for(second)
    onboarding_id = applicants.start(second)
    worker.run(onboarding_id)

    step = look_at(onboarding_id).step(StepName.FIRST_OWNER)
    assert (step.state, step.reason, step.needs_input) == (StepState.WAITING, "onboarding.owner_waits", True)

    applicants.with_owner(second)
    run_later(worker, onboarding_id)

    assert look_at(onboarding_id).state is OnboardingState.DONE
    assert [person.email for person in _in_keycloak(identities, second).values()] == [second.owner_email]
    assert _member(second.tenant_id, waiting).sync_problem is SyncProblem.AWAITING_CONSENT


def test_a_removed_persons_address_is_released_at_once_and_taken_by_who_waited(
    applicants: Applicants,
    actors: Actors,
    worker: OnboardingWorker,
    identities: KeycloakIdentities,
    first: Applicant,
    do_jobs: Callable[[str], int],
    sync: Callable[[], None],
    mails: MailOutbox,
) -> None:
    second = applicants.ready()
    waiting = applicants.with_person(second, _shared(first))
    worker.run(applicants.start(second))
    former = _by_address(first.tenant_id, _shared(first))

    remove_member(RemoveMember(tenant_id=first.tenant_id, member_id=former.id, reason="退職"), actor=actors.security)
    assert do_jobs(WITHDRAW) == 1
    assert str(former.person_id) not in _in_keycloak(identities, first)
    sync()

    made = _in_keycloak(identities, second)[str(waiting)]
    assert (made.email, made.enabled) == (_shared(first), True)
    assert _member(second.tenant_id, waiting).sync_problem is None
    # The one removed was to be invited, too; the address has one mail, the new holder's.
    assert do_jobs(INVITE) == 2
    assert [mail.recipient for mail in mails.mails()].count(_shared(first)) == 1
    (event,) = recorded("member.address-released")
    assert (event.tenant_id, event.subject, event.facts) == (first.tenant_id, str(former.person_id), {})


def test_a_suspended_persons_address_is_kept_until_another_tenant_registers_it(
    applicants: Applicants,
    actors: Actors,
    worker: OnboardingWorker,
    identities: KeycloakIdentities,
    first: Applicant,
    do_jobs: Callable[[str], int],
) -> None:
    suspended = _suspend(actors, first, _shared(first))
    do_jobs(WITHDRAW)
    kept = _in_keycloak(identities, first)[str(suspended.person_id)]
    assert (kept.email, kept.enabled) == (_shared(first), False)
    assert recorded("member.address-released") == []

    second = applicants.ready()
    taker = applicants.with_person(second, _shared(first))
    worker.run(applicants.start(second))

    assert _in_keycloak(identities, second)[str(taker)].email == _shared(first)
    former = _in_keycloak(identities, first)[str(suspended.person_id)]
    assert (former.email, former.enabled) == (released_address(suspended.person_id), False)
    assert _member(first.tenant_id, suspended.person_id).address_released
    assert [event.tenant_id for event in recorded("member.address-released")] == [first.tenant_id]
    assert not [one for one in find_drift(identities, first.code).differences if one.object.startswith("person")]


def test_a_suspended_person_of_the_operator_gives_up_no_address_to_a_tenant(
    applicants: Applicants, actors: Actors, worker: OnboardingWorker, identities: KeycloakIdentities
) -> None:
    tenant = applicants.ready()
    email = f"both@{tenant.domain}"
    former = applicants.factory.add_person(actors.operator_tenant, email, Role.OPERATOR_AUDITOR)
    provision_operators(identities)
    disable_member(
        DisableMember(tenant_id=actors.operator_tenant, member_id=former.member_id, reason="異動"),
        actor=actors.security,
    )
    person = applicants.with_person(tenant, email)
    worker.run(applicants.start(tenant))

    assert _in_keycloak(identities, tenant)[str(person)].email == email
    assert not _member(actors.operator_tenant, former.person_id).address_released
    assert recorded("member.address-released") == []


def test_suspending_a_tenant_releases_no_address(
    applicants: Applicants, actors: Actors, worker: OnboardingWorker, identities: KeycloakIdentities, first: Applicant
) -> None:
    change_tenant_state(
        ChangeTenantState(tenant_id=first.tenant_id, to=TenantState.SUSPENDED, reason="未納"), actor=actors.onboarding
    )
    second = applicants.ready()
    waiting = applicants.with_person(second, _shared(first))
    worker.run(applicants.start(second))

    assert _member(second.tenant_id, waiting).sync_problem is SyncProblem.AWAITING_CONSENT
    assert recorded("member.address-released") == []
    assert _shared(first) in {person.email for person in _in_keycloak(identities, first).values()}


def test_a_person_is_resumed_at_the_former_address_where_nobody_took_it(
    actors: Actors,
    identities: KeycloakIdentities,
    first: Applicant,
    do_jobs: Callable[[str], int],
    sync: Callable[[], None],
) -> None:
    suspended = _suspend(actors, first, _shared(first))
    do_jobs(WITHDRAW)
    owner = _owner_of(actors, first)

    with pytest.raises(Invalid) as refused:
        resume_member(_resume(first, suspended, email=f"new@{first.domain}"), actor=owner)
    assert (refused.value.code, refused.value.field) == ("member.address_kept", "email")
    resume_member(_resume(first, suspended, roles=(Role.TENANT_FINANCE,)), actor=owner)
    sync()

    back = _in_keycloak(identities, first)[str(suspended.person_id)]
    assert (back.email, back.enabled, back.groups) == (_shared(first), True, frozenset({"tenant-finance"}))


def test_a_person_whose_address_was_taken_is_resumed_only_with_a_new_one(
    applicants: Applicants,
    actors: Actors,
    worker: OnboardingWorker,
    identities: KeycloakIdentities,
    first: Applicant,
    do_jobs: Callable[[str], int],
    sync: Callable[[], None],
    mails: MailOutbox,
) -> None:
    suspended = _suspend(actors, first, _shared(first))
    do_jobs(WITHDRAW)
    second = applicants.ready()
    taker = applicants.with_person(second, _shared(first))
    worker.run(applicants.start(second))
    do_jobs(INVITE)
    owner = _owner_of(actors, first)

    with pytest.raises(Invalid) as refused:
        resume_member(_resume(first, suspended), actor=owner)
    assert (refused.value.code, refused.value.field) == ("member.address_released", "email")
    assert _member(first.tenant_id, suspended.person_id).state is MemberState.SUSPENDED
    resume_member(_resume(first, suspended, email=f"new@{first.domain}"), actor=owner)
    sync()

    back = _in_keycloak(identities, first)[str(suspended.person_id)]
    assert (back.email, back.enabled) == (f"new@{first.domain}", True)
    assert _in_keycloak(identities, second)[str(taker)].email == _shared(first)
    assert do_jobs(INVITE) == 1
    assert [mail.recipient for mail in mails.mails()].count(f"new@{first.domain}") == 1


def test_the_operator_skips_one_person_and_takes_it_back(
    applicants: Applicants,
    actors: Actors,
    worker: OnboardingWorker,
    identities: KeycloakIdentities,
    first: Applicant,
    sync: Callable[[], None],
) -> None:
    second = applicants.agreed()
    applicants.on_plan(second)
    applicants.with_owner(second)
    skipped = applicants.with_person(second, f"later@{second.domain}")
    applicants.with_system(second)
    applicants.accept_agreement_for(second)

    def decide(choice: SyncDecision, actor: Actor) -> None:
        decide_member_sync(
            DecideMemberSync(tenant_id=second.tenant_id, member_id=skipped, choice=choice, reason="着任前"), actor=actor
        )

    with pytest.raises(NotAllowed):
        decide(SyncDecision.SKIP, _owner_of(actors, second))
    decide(SyncDecision.SKIP, actors.onboarding)
    onboarding_id = applicants.start(second)
    worker.run(onboarding_id)

    assert look_at(onboarding_id).state is OnboardingState.DONE
    assert str(skipped) not in _in_keycloak(identities, second)
    assert find_drift(identities, second.code).in_sync
    assert _member(second.tenant_id, skipped).sync_problem is SyncProblem.SKIPPED
    decide(SyncDecision.RETRY, actors.onboarding)
    sync()
    assert _in_keycloak(identities, second)[str(skipped)].enabled
    with pytest.raises(Conflict) as refused:
        decide(SyncDecision.SKIP, actors.onboarding)
    assert refused.value.code == "member.not_waiting"
    assert [event.facts["choice"] for event in recorded("member.sync-decided") if event.outcome == "done"] == [
        "skip",
        "retry",
    ]


def test_a_withdrawal_that_comes_after_the_person_was_resumed_leaves_them_in(
    actors: Actors,
    identities: KeycloakIdentities,
    first: Applicant,
    do_jobs: Callable[[str], int],
    sync: Callable[[], None],
) -> None:
    suspended = _suspend(actors, first, _shared(first))
    resume_member(_resume(first, suspended), actor=_owner_of(actors, first))
    sync()

    assert do_jobs(WITHDRAW) == 1

    assert _in_keycloak(identities, first)[str(suspended.person_id)].enabled


def test_an_operator_whose_address_is_taken_stops_no_other(
    actors: Actors, identities: KeycloakIdentities, installation: Installation, applicants: Applicants
) -> None:
    mark = actors.operator_tenant.hex[-8:]
    administrator = installation.as_administrator(Realm.OPERATORS)
    administrator.create("users", {"username": f"by-hand-{mark}", "email": f"a-{mark}@pref.example", "enabled": True})
    factory = applicants.factory
    refused = factory.add_person(actors.operator_tenant, f"a-{mark}@pref.example", Role.OPERATOR_AUDITOR)
    made = factory.add_person(actors.operator_tenant, f"b-{mark}@pref.example", Role.OPERATOR_AUDITOR)

    provision_operators(identities)

    assert _member(actors.operator_tenant, refused.person_id).sync_problem is SyncProblem.ADDRESS_IN_USE
    users = administrator.read("users", username=str(made.person_id), exact="true")
    assert [user["email"] for user in users] == [f"b-{mark}@pref.example"]


def _resume(
    applicant: Applicant, member: MemberDetails, *, email: str | None = None, roles: tuple[Role, ...] = ()
) -> ResumeMember:
    return ResumeMember(tenant_id=applicant.tenant_id, member_id=member.id, email=email, roles=roles, reason="復職")
