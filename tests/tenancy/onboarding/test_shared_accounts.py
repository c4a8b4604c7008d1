"""One account in several tenants: asked, consented, joined with roles of its own, left without touching the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from admin.identity.memberships import as_asked, consent_requests_of, memberships_of
from admin.operations.mail.outbox import MailOutbox
from admin.workflows.drift import find_drift
from admin.workflows.job_handlers import onboarding_runner, periodic_tasks
from admin.workflows.tenant_mails import mail_handlers
from governance.actors import Actor, ActorKind
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, DomainError, Invalid, NotFound
from governance.outbox import JobState
from governance.outbox.tables import Job
from governance.permissions import SCIM_PERMISSIONS, Role
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.port import PersonFacts
from tenancy.onboarding.queries import onboardings_in_progress
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.people import queries
from tenancy.people.commands import (
    DisableMember,
    RemoveMember,
    ResumeMember,
    disable_member,
    remove_member,
    resume_member,
)
from tenancy.people.consents import MAIL_CONSENT, DeclineConsent, GiveConsent, decline_consent, give_consent
from tenancy.people.editing import EditMember, edit_member
from tenancy.people.membership import membership_status
from tenancy.people.models import MemberDetails
from tenancy.people.role_changes import GrantRole, grant_role
from tenancy.people.scim.commands import AddScimUser, ChangeScimUser, add_scim_user, change_scim_user
from tenancy.people.states import MemberState, SyncProblem
from tenancy.people.tables import Member
from tenancy.people.unaccepted_invitations import (
    CancelInvitation,
    ResendInvitation,
    cancel_invitation,
    resend_invitation,
)
from tenancy.people.withdrawal import WITHDRAW
from tenancy.tenants.commands import ChangeTenantState, change_tenant_state
from tenancy.tenants.state_changes import SYNC_TENANT
from tenancy.tenants.states import TenantState
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.tenancy.keycloak.installation import Installation
from tests.tenancy.onboarding.applicants import Applicant, Applicants

pytestmark = pytest.mark.keycloak


class TwoTenants:
    """A person of the first tenant, whom the second one adds under the same address."""

    def __init__(
        self,
        applicants: Applicants,
        actors: Actors,
        worker: OnboardingWorker,
        identities: KeycloakIdentities,
        do_jobs: Callable[[str], int],
        installation: Installation,
    ) -> None:
        self.administrator = installation.as_administrator()
        self.actors, self.identities, self.do_jobs = actors, identities, do_jobs
        self.applicants, self._worker = applicants, worker
        self.first, self.second = applicants.ready(people=1), applicants.ready()
        for applicant in (self.first, self.second):
            self.onboard(applicant)
        self.address = f"person0@{self.first.domain}"
        self.home = self.by_address(self.first)

    def onboard(self, applicant: Applicant) -> None:
        self._worker.run(self.applicants.start(applicant))

    def add(self, *roles: Role, to: Applicant | None = None) -> UUID:
        """The second tenant adds the person; their id there."""
        person_id = self.applicants.with_person(to or self.second, self.address.upper(), *roles)
        self.work()
        return self.member(to or self.second, person_id).id

    def work(self) -> None:
        """What the worker does by itself every few seconds, and the jobs of people."""
        self.do_jobs(WITHDRAW)
        self.do_jobs(SYNC_TENANT)
        for task in periodic_tasks(self.identities):
            task()
        with tenant_scope(OPERATOR):
            begun = [view.id for view in onboardings_in_progress(db.session())]
        for onboarding_id in begun:
            onboarding_runner(self.identities)(onboarding_id)

    def mail(self) -> tuple[str, str, str]:
        """Recipient, subject and text of the one mail that asks; sent now."""
        (sent,) = self.mails()
        return sent

    def mails(self) -> list[tuple[str, str, str]]:
        sent: list[tuple[str, str, str]] = []
        handler = mail_handlers(lambda *mail: sent.append(mail), "https://moyai.example")[MAIL_CONSENT]
        with system_transaction(OPERATOR) as session:
            waiting = session.query(Job).filter(Job.name == MAIL_CONSENT, Job.state == JobState.QUEUED).all()
            payloads = [job.payload for job in waiting]
            for job in waiting:
                job.state, job.ended_at = JobState.DONE, clock.now()
        for payload in payloads:
            handler(payload)
        return sent

    def code(self) -> str:
        found = re.search(r"code=(\S+)", self.mail()[2])
        assert found is not None
        return found[1]

    def person(self) -> Actor:
        """The person, signed in to the first tenant."""
        return Actor(str(self.home.person_id), ActorKind.PERSON, self.first.tenant_id, frozenset({Role.TENANT_MEMBER}))

    def consent(self, member_id: UUID, code: str, *, by: Actor | None = None) -> None:
        command = GiveConsent(member_id=member_id, code=code)
        give_consent(command, actor=as_asked(by or self.person(), command))

    def join(self, *roles: Role) -> UUID:
        """Added, asked, consented and joined; the member of the second tenant."""
        member_id = self.add(*roles)
        self.consent(member_id, self.code())
        self.work()
        return member_id

    def member(self, applicant: Applicant, member_id: UUID) -> MemberDetails:
        with tenant_scope(OPERATOR):
            db.session.expire_all()
            return queries.member(db.session(), applicant.tenant_id, member_id, clock.now())

    def row(self, member_id: UUID) -> Member:
        with tenant_scope(OPERATOR):
            db.session.expire_all()
            return db.session.get_one(Member, member_id)

    def by_address(self, applicant: Applicant) -> MemberDetails:
        with tenant_scope(OPERATOR):
            people = queries.members(db.session(), applicant.tenant_id, clock.now())
        return next(one for one in people if one.email == self.address)

    def found(self, applicant: Applicant) -> PersonFacts | None:
        """The account as a member of the tenant's organization."""
        people = self.identities.describe_tenant(applicant.tenant_id).people
        return next((one for one in people if one.username == str(self.home.person_id)), None)

    def account(self, applicant: Applicant) -> PersonFacts:
        """As `found`, for who is there."""
        found = self.found(applicant)
        assert found is not None
        return found

    def enabled(self) -> bool:
        """Whether Keycloak lets the account in."""
        (user,) = self.administrator.read("users", username=str(self.home.person_id), exact="true")
        return bool(user["enabled"])

    def owner_of(self, applicant: Applicant) -> Actor:
        return self.actors.municipal(applicant.tenant_id, Role.TENANT_OWNER)

    def differences(self) -> list[object]:
        """What drift finds about people of either tenant."""
        found = [find_drift(self.identities, one.code).differences for one in (self.first, self.second)]
        return [one for differences in found for one in differences if one.object.startswith("person")]


@pytest.fixture
def two(
    applicants: Applicants,
    actors: Actors,
    worker: OnboardingWorker,
    identities: KeycloakIdentities,
    do_jobs: Callable[[str], int],
    installation: Installation,
    mails: MailOutbox,
) -> TwoTenants:
    return TwoTenants(applicants, actors, worker, identities, do_jobs, installation)


def test_who_has_an_account_is_asked_and_until_then_the_second_tenant_sees_nothing_else(two: TwoTenants) -> None:
    member_id = two.add(Role.TENANT_FINANCE)

    seen = two.member(two.second, member_id)
    assert seen.sync_problem is SyncProblem.AWAITING_CONSENT
    assert seen.sync_problem.ja == "本人の承諾待ち"
    with tenant_scope(two.second.tenant_id):
        shown = queries.member(db.session(), two.second.tenant_id, member_id, clock.now()).model_dump_json()
    events = [str(event.facts) for event in recorded("onboarding.advanced") if event.tenant_id == two.second.tenant_id]
    for secret in (str(two.first.tenant_id), two.first.code, two.first.name, str(two.home.person_id)):
        assert secret not in shown
        assert not any(secret in text for text in events)
    assert two.found(two.second) is None
    recipient, subject, text = two.mail()
    assert recipient.lower() == two.address
    assert two.second.name in subject
    assert two.first.name not in subject + text
    # Asked once, also when it is tried again after a day.
    with clock.at(clock.now() + timedelta(days=1, minutes=1)):
        two.work()
    assert two.mails() == []
    assert two.member(two.second, member_id).sync_problem is SyncProblem.AWAITING_CONSENT
    assert not two.row(two.home.id).is_shared


def test_who_consents_joins_with_the_account_they_have_and_the_roles_of_each_tenant_stay_apart(two: TwoTenants) -> None:
    grant_role(
        GrantRole(tenant_id=two.first.tenant_id, member_id=two.home.id, role=Role.TENANT_USER_ADMIN, reason="異動"),
        actor=two.owner_of(two.first),
    )
    member_id = two.add(Role.TENANT_FINANCE)
    (asked,) = consent_requests_of(two.person())
    assert (asked.tenant_id, asked.member_id) == (two.second.tenant_id, member_id)
    assert set(asked.roles) == {Role.TENANT_FINANCE, Role.TENANT_MEMBER}

    two.consent(member_id, two.code())
    two.work()

    joined = two.member(two.second, member_id)
    assert (joined.state, joined.sync_problem) == (MemberState.ACTIVE, None)
    first, second = two.account(two.first), two.account(two.second)
    assert first.id == second.id
    assert first.groups == frozenset({"tenant-user-admin"})
    assert second.groups == frozenset({"tenant-finance"})
    assert two.member(two.first, two.home.id).state is not MemberState.REMOVED
    assert [one.tenant_id for one in memberships_of(two.person())].count(two.second.tenant_id) == 1
    assert consent_requests_of(two.person()) == []
    given = recorded("member.consent_given")
    assert [(one.tenant_id, one.actor) for one in given] == [(two.second.tenant_id, str(joined.person_id))]
    assert two.row(two.home.id).is_shared
    assert two.row(member_id).is_shared
    assert two.differences() == []


def test_neither_a_wrong_code_nor_another_person_nor_an_expired_one_joins_anybody(two: TwoTenants) -> None:
    member_id = two.add()
    code = two.code()
    stranger = two.actors.municipal(two.first.tenant_id, Role.TENANT_OWNER)
    before = [rows("member"), rows("role_grant"), rows("job")]

    def refused(by: Actor | None = None, code: str = code) -> type[DomainError]:
        with pytest.raises(DomainError) as refusal:
            two.consent(member_id, code, by=by)
        return refusal.type

    assert refused(code="guessed") is Invalid
    assert refused(by=stranger) is NotFound
    with clock.at(clock.now() + timedelta(days=1, minutes=1)):
        assert refused() is Conflict
    assert [rows("member"), rows("role_grant"), rows("job")] == before

    resend_invitation(
        ResendInvitation(tenant_id=two.second.tenant_id, member_id=member_id), actor=two.owner_of(two.second)
    )
    newer = two.code()
    assert refused() is Invalid
    two.consent(member_id, newer)
    assert refused(code=newer) is Conflict
    two.work()
    assert two.found(two.second) is not None


def test_who_declines_stays_away_and_the_second_tenant_cancels(two: TwoTenants) -> None:
    member_id = two.add()
    command = DeclineConsent(member_id=member_id)

    decline_consent(command, actor=as_asked(two.person(), command))
    with clock.at(clock.now() + timedelta(days=2)):
        two.work()

    assert two.member(two.second, member_id).sync_problem is SyncProblem.CONSENT_DECLINED
    assert two.found(two.second) is None
    code = two.mails()
    assert code == []
    with pytest.raises(Conflict):
        resend_invitation(
            ResendInvitation(tenant_id=two.second.tenant_id, member_id=member_id), actor=two.owner_of(two.second)
        )
    cancel_invitation(
        CancelInvitation(tenant_id=two.second.tenant_id, member_id=member_id, reason="辞退"),
        actor=two.owner_of(two.second),
    )
    two.work()
    first = two.account(two.first)
    assert (first.enabled, first.email) == (True, two.address)


def test_leaving_one_tenant_leaves_the_other_untouched_until_none_is_left(two: TwoTenants) -> None:
    member_id = two.join(Role.TENANT_FINANCE)

    disable_member(
        DisableMember(tenant_id=two.second.tenant_id, member_id=member_id, reason="休職"),
        actor=two.owner_of(two.second),
    )
    two.work()

    first = two.account(two.first)
    assert (first.enabled, first.email) == (True, two.address)
    assert two.found(two.second) is None
    assert two.differences() == []

    resume_member(
        ResumeMember(tenant_id=two.second.tenant_id, member_id=member_id, roles=(Role.TENANT_AUDITOR,), reason="復職"),
        actor=two.owner_of(two.second),
    )
    two.work()
    back = two.account(two.second)
    assert back.groups == frozenset({"tenant-auditor"})
    assert two.differences() == []

    # The tenant that the account was made for lets the person go: the other one keeps the account.
    remove_member(
        RemoveMember(tenant_id=two.first.tenant_id, member_id=two.home.id, reason="退職"),
        actor=two.owner_of(two.first),
    )
    two.work()
    kept = two.account(two.second)
    assert two.found(two.first) is None
    assert (kept.enabled, kept.email) == (True, two.address)
    assert not two.row(member_id).is_shared
    assert two.differences() == []

    disable_member(
        DisableMember(tenant_id=two.second.tenant_id, member_id=member_id, reason="退職"),
        actor=two.owner_of(two.second),
    )
    two.work()
    assert two.found(two.second) is None
    assert two.enabled() is False


def test_a_tenant_changes_no_address_of_an_account_that_another_one_uses(two: TwoTenants) -> None:
    member_id = two.join(Role.TENANT_OWNER)

    for applicant, one in ((two.first, two.home.id), (two.second, member_id)):
        with pytest.raises(Conflict) as refusal:
            edit_member(
                EditMember(
                    tenant_id=applicant.tenant_id,
                    member_id=one,
                    family_name="試験",
                    given_name="花子",
                    email=f"taken-over@{applicant.domain}",
                ),
                actor=two.owner_of(applicant),
            )
        assert refusal.value.code == "member.shared_address"
    two.work()
    found = two.account(two.first)
    assert found.email == two.address
    assert found.needs_second_factor

    edit_member(
        EditMember(
            tenant_id=two.second.tenant_id,
            member_id=member_id,
            family_name="試験",
            given_name="花子",
            email=f"renamed@{two.first.domain}",
        ),
        actor=two.actors.security,
    )
    assert {two.row(one).email for one in (two.home.id, member_id)} == {f"renamed@{two.first.domain}"}


def test_suspending_a_tenant_does_not_lock_its_people_out_of_another_one(two: TwoTenants) -> None:
    two.join()

    def move(to: TenantState) -> None:
        change_tenant_state(
            ChangeTenantState(tenant_id=two.second.tenant_id, to=to, reason="調査"), actor=two.actors.onboarding
        )
        two.work()

    move(TenantState.SUSPENDED)
    first = two.account(two.first)
    assert first.enabled
    assert two.differences() == []
    move(TenantState.ACTIVE)
    assert two.differences() == []


def test_a_directory_takes_over_nobody_of_another_tenant(two: TwoTenants) -> None:
    directory = Actor(
        f"scim:{two.second.tenant_id}",
        ActorKind.CLIENT,
        two.second.tenant_id,
        frozenset(),
        by_scope=SCIM_PERMISSIONS,
        is_directory=True,
    )
    command = AddScimUser(
        tenant_id=two.second.tenant_id, user_name="hanako", family_name="別名", given_name="花", email=two.address
    )

    member_id = add_scim_user(command, actor=directory).member_id
    two.work()

    assert two.member(two.second, member_id).sync_problem is SyncProblem.AWAITING_CONSENT
    before = two.account(two.first)
    assert (before.enabled, before.family_name) == (True, "試験")
    two.consent(member_id, two.code())
    two.work()

    def write(*, email: str = two.address, active: bool = True) -> None:
        changed = ChangeScimUser(
            tenant_id=two.second.tenant_id,
            member_id=member_id,
            user_name="hanako",
            family_name="別名",
            given_name="花",
            email=email,
            active=active,
        )
        change_scim_user(changed, actor=directory)
        two.work()

    with pytest.raises(Conflict) as refusal:
        write(email=f"taken-over@{two.second.domain}")
    assert refusal.value.code == "member.shared_address"
    write(active=False)

    after = two.account(two.first)
    assert (after.enabled, after.email, after.family_name) == (True, two.address, "試験")
    assert two.found(two.second) is None


def test_who_was_removed_comes_back_by_consent_with_the_same_account_and_no_session_of_before(two: TwoTenants) -> None:
    there_id = two.join()
    there = two.row(there_id)
    remove_member(
        RemoveMember(tenant_id=two.first.tenant_id, member_id=two.home.id, reason="退職"),
        actor=two.owner_of(two.first),
    )
    two.work()
    account = two.account(two.second)

    again_id = two.add(Role.TENANT_AUDITOR, to=two.first)

    # The other tenant's person still has the address: they are asked, and nothing of theirs is given up.
    assert two.member(two.first, again_id).sync_problem is SyncProblem.AWAITING_CONSENT
    assert two.account(two.second).email == two.address
    signed_in = Actor(str(there.person_id), ActorKind.PERSON, two.second.tenant_id, frozenset({Role.TENANT_MEMBER}))
    code, consented_at = two.code(), clock.now()
    with clock.at(consented_at):
        two.consent(again_id, code, by=signed_in)
    two.work()
    back = two.account(two.first)
    assert (back.id, back.groups) == (account.id, frozenset({"tenant-auditor"}))
    assert (two.row(two.home.id).keycloak_id, two.row(again_id).keycloak_id) == (None, account.id)
    with tenant_scope(two.first.tenant_id):
        status = membership_status(db.session(), two.first.tenant_id, account.id, clock.now())
    assert status is not None
    assert str(status.person_id) == str(two.row(again_id).person_id)
    # A token says the second in which it was issued, and no more.
    second = consented_at.replace(microsecond=0)
    assert (status.is_over(second - timedelta(seconds=1)), status.is_over(second)) == (True, False)
    assert two.differences() == []


def test_an_address_that_was_changed_between_the_answer_and_the_joining_lets_nobody_in(two: TwoTenants) -> None:
    member_id = two.add(Role.TENANT_FINANCE)
    two.consent(member_id, two.code())

    edit_member(
        EditMember(
            tenant_id=two.first.tenant_id,
            member_id=two.home.id,
            family_name="試験",
            given_name="花子",
            email=f"taken-over@{two.first.domain}",
        ),
        actor=two.owner_of(two.first),
    )
    two.work()

    row = two.row(member_id)
    assert (row.keycloak_id, row.account_id, row.sync_problem) == (None, None, SyncProblem.REFUSED)
    assert two.row(two.home.id).is_shared is False


def test_who_gave_up_the_address_of_a_shared_account_is_added_anew_and_not_resumed(two: TwoTenants) -> None:
    member_id = two.join()
    for applicant, one in ((two.first, two.home.id), (two.second, member_id)):
        disable_member(
            DisableMember(tenant_id=applicant.tenant_id, member_id=one, reason="休職"),
            actor=two.owner_of(applicant),
        )
    two.work()
    assert two.enabled() is False
    third = two.applicants.ready()
    two.onboard(third)

    newcomer = two.applicants.with_person(third, two.address)
    two.work()

    taken = next(one for one in two.identities.describe_tenant(third.tenant_id).people if one.email == two.address)
    assert taken.username == str(newcomer)
    for one in (two.home.id, member_id):
        assert two.row(one).address_released_at is not None
    with pytest.raises(Conflict) as refusal:
        resume_member(
            ResumeMember(
                tenant_id=two.second.tenant_id,
                member_id=member_id,
                email=f"other@{two.second.domain}",
                reason="復職",
            ),
            actor=two.owner_of(two.second),
        )
    assert refusal.value.code == "member.shared_account_released"
