"""Invitations that are not accepted yet: sent again, cancelled, expired; and who reaches whom."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from governance.actors import Actor
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, DomainError, NotAllowed, NotFound
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.people import queries
from tenancy.people.commands import (
    DisableMember,
    RemoveMember,
    ResumeMember,
    disable_member,
    remove_member,
    resume_member,
)
from tenancy.people.models import MemberDetails
from tenancy.people.states import InvitationState, MemberState
from tenancy.people.sync import record_keycloak_id, record_password_mails
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
from tests.database_rows import recorded, rows
from tests.factories import Factory, Visitors


def _invited(factory: Factory, tenant_id: UUID, *roles: Role, email: str = "new@city.example.jp") -> UUID:
    """Somebody to whom the link was mailed just now."""
    added = factory.add_person(tenant_id, email, *roles)
    _mail(tenant_id, added.person_id)
    return added.member_id


def _mail(tenant_id: UUID, person_id: UUID) -> None:
    with system_transaction(OPERATOR) as session:
        record_keycloak_id(session, tenant_id, person_id, f"kc-{person_id}")
        record_password_mails(session, tenant_id, [person_id], clock.now())


def _member(tenant_id: UUID, member_id: UUID) -> MemberDetails:
    with tenant_scope(OPERATOR):
        return queries.member(db.session(), tenant_id, member_id, clock.now())


def _resend(tenant_id: UUID, member_id: UUID, actor: Actor) -> UUID:
    return resend_invitation(ResendInvitation(tenant_id=tenant_id, member_id=member_id), actor=actor).job_id


def _cancel(tenant_id: UUID, member_id: UUID, actor: Actor) -> UUID:
    return cancel_invitation(
        CancelInvitation(tenant_id=tenant_id, member_id=member_id, reason="採用の取消し"), actor=actor
    ).job_id


def _everything() -> list[object]:
    """What a refusal must not change."""
    return [rows("member"), rows("role_grant"), rows("job")]


def test_an_invitation_expires_a_day_after_its_mail_and_says_so(factory: Factory, city: UUID) -> None:
    waiting = factory.add_person(city, "waiting@city.example.jp").member_id
    sent = _invited(factory, city)

    assert _member(city, waiting).invitation is InvitationState.WAITING
    assert _member(city, sent).invitation is InvitationState.SENT
    with clock.at(clock.now() + timedelta(hours=24, seconds=2)):
        assert _member(city, sent).invitation is InvitationState.EXPIRED
        assert _member(city, waiting).invitation is InvitationState.WAITING


@pytest.mark.parametrize("hours", [1, 25])
def test_an_invitation_sent_again_has_no_account_until_another_is_made(
    factory: Factory, city: UUID, owner: Actor, hours: int
) -> None:
    member_id = _invited(factory, city, Role.TENANT_FINANCE)

    with clock.at(clock.now() + timedelta(hours=hours)):
        job_id = _resend(city, member_id, owner)
        with pytest.raises(Conflict) as again:
            _resend(city, member_id, owner)

    assert again.value.code == "member.invitation_not_sent"
    found = _member(city, member_id)
    assert (found.state, found.invitation, set(found.roles)) == (
        MemberState.INVITED,
        InvitationState.WAITING,
        {Role.TENANT_FINANCE, Role.TENANT_MEMBER},
    )
    with tenant_scope(OPERATOR):
        (job,) = (one for one in db.session.query(Job) if one.name == REPLACE_ACCOUNT)
        row = db.session.get_one(Member, member_id)
        assert (job.id, row.keycloak_id, row.replaced_keycloak_id) == (job_id, None, f"kc-{row.person_id}")
        # None is made while the one of the old link is there.
        assert queries.unsynced_members(db.session(), city, clock.now(), 10) == []
    assert [one.tenant_id for one in recorded("member.invitation_resent")] == [city]


def test_a_cancelled_invitation_ends_and_its_address_may_be_invited_anew(
    factory: Factory, city: UUID, owner: Actor
) -> None:
    member_id = _invited(factory, city, Role.TENANT_FINANCE)

    _cancel(city, member_id, owner)

    found = _member(city, member_id)
    assert (found.state, found.invitation, found.roles) == (MemberState.REMOVED, InvitationState.CANCELLED, ())
    with tenant_scope(OPERATOR):
        assert [job.payload["member_id"] for job in db.session.query(Job) if job.name == WITHDRAW] == [str(member_id)]
    (record,) = recorded("member.invitation_cancelled")
    assert record.facts["reason"] == "採用の取消し"
    assert factory.add_person(city, "new@city.example.jp").member_id != member_id


def test_there_is_nothing_to_send_again_or_to_cancel_for_who_came_or_was_here_before(
    factory: Factory, city: UUID, owner: Actor, visitors: Visitors
) -> None:
    active = UUID(visitors.person(city).id)
    waiting = factory.add_person(city, "waiting@city.example.jp").member_id
    # Somebody who worked here, left, and is invited back: the password and the second factor are still theirs.
    leaver = visitors.person(city, Role.TENANT_OWNER)
    _cancel(city, _invited(factory, city), leaver)
    disable_member(DisableMember(tenant_id=city, member_id=UUID(leaver.id), reason="休職"), actor=owner)
    returned = resume_member(
        ResumeMember(tenant_id=city, member_id=UUID(leaver.id), reason="復職"), actor=owner
    ).member_id
    _mail(city, UUID(leaver.id))
    before = _everything()

    for act, member_id, code in (
        (_resend, active, "member.not_invited"),
        (_cancel, active, "member.not_invited"),
        (_resend, waiting, "member.invitation_not_sent"),
        (_resend, returned, "member.has_signed_in"),
        (_cancel, returned, "member.comes_back"),
    ):
        with pytest.raises(Conflict) as refused:
            act(city, member_id, owner)
        assert refused.value.code == code
    assert _everything() == before


def test_nobody_reaches_above_the_own_rights(
    factory: Factory, city: UUID, owner: Actor, visitors: Visitors, actors: Actors
) -> None:
    user_admin = visitors.person(city, Role.TENANT_USER_ADMIN)
    second_owner = _invited(factory, city, Role.TENANT_OWNER)
    finance = UUID(visitors.person(city, Role.TENANT_FINANCE).id)
    plain = _invited(factory, city, email="plain@city.example.jp")
    before = _everything()

    for member_id in (UUID(owner.id), finance):
        disable = DisableMember(tenant_id=city, member_id=member_id, reason="異動")
        remove = RemoveMember(tenant_id=city, member_id=member_id, reason="異動")
        with pytest.raises(NotAllowed) as kept:
            disable_member(disable, actor=user_admin)
        assert kept.value.code == "member.person_above_own"
        with pytest.raises(NotAllowed) as kept:
            remove_member(remove, actor=user_admin)
        assert kept.value.code == "member.person_above_own"
    for act in (_resend, _cancel):
        with pytest.raises(NotAllowed) as kept:
            act(city, second_owner, user_admin)
        assert kept.value.code == "member.person_above_own"
    assert _everything() == before

    _resend(city, plain, user_admin)
    _resend(city, second_owner, actors.onboarding)
    disable_member(DisableMember(tenant_id=city, member_id=finance, reason="異動"), actor=owner)


def test_another_tenants_invitation_is_not_found_and_the_last_owner_stays(
    factory: Factory, city: UUID, owner: Actor, visitors: Visitors
) -> None:
    other = visitors.municipality("432091", "菊池市")
    theirs = _invited(factory, other, Role.TENANT_OWNER)
    before = _everything()

    for act in (_resend, _cancel):
        for tenant_id in (city, other):
            with pytest.raises(DomainError) as refused:
                act(tenant_id, theirs, owner)
            assert isinstance(refused.value, NotFound)
    with pytest.raises(Conflict) as last:
        _cancel(other, theirs, factory.actors.security)
    assert last.value.code == "member.last_owner"
    assert _everything() == before
