"""Two owners where the tenant says so, and an owner who hands over: who may, what it counts, who is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import select

from admin.workflows.tenant_mails import ONE_OWNER, TWO_OWNERS, mail_handlers
from governance.actors import Actor
from governance.kernel import clock
from governance.kernel.clock import JST
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import DomainError
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.people.commands import DisableMember, RemoveMember, disable_member, remove_member
from tenancy.people.leaving import PlanLeaving, plan_leaving
from tenancy.people.membership import membership_status
from tenancy.people.ownership import (
    MAIL_FEWEST_OWNERS,
    HandOverOwner,
    SetFewestOwners,
    hand_over_owner,
    set_fewest_owners,
)
from tenancy.people.role_changes import MAIL_ROLE_CHANGE, EndRole, end_role
from tenancy.people.states import LeavingKind
from tenancy.preferences.commands import SavePreferences, save_preferences
from tenancy.preferences.models import PreferencesFacts
from tenancy.preferences.states import ScreenLanguage
from tenancy.tenants.queries import tenant
from tenancy.tenants.states import FewestOwners
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import Factory, Visitors

MARCH = datetime(2027, 3, 10, 5, 0, tzinfo=UTC)
APRIL = date(2027, 4, 1)
MIDNIGHT = datetime(2027, 4, 1, tzinfo=JST)
OWNER = Role.TENANT_OWNER


def _set(tenant_id: UUID, fewest: FewestOwners, actor: Actor) -> None:
    set_fewest_owners(SetFewestOwners(tenant_id=tenant_id, fewest_owners=fewest, reason="引継ぎに備える"), actor=actor)


def _fewest(tenant_id: UUID) -> FewestOwners:
    with tenant_scope(OPERATOR):
        return tenant(db.session(), tenant_id).fewest_owners


def _end(tenant_id: UUID, person: Actor, actor: Actor, until: date | None = None) -> None:
    command = EndRole(tenant_id=tenant_id, member_id=UUID(person.id), role=OWNER, valid_until=until, reason="異動")
    end_role(command, actor=actor)


def _hand_over(tenant_id: UUID, former: Actor, successor: Actor, actor: Actor, day: date | None = None) -> None:
    command = HandOverOwner(
        tenant_id=tenant_id,
        member_id=UUID(former.id),
        successor_id=UUID(successor.id),
        valid_from=day,
        reason="人事異動",
    )
    hand_over_owner(command, actor=actor)


def _owns(tenant_id: UUID, person: Actor, at: datetime) -> bool:
    with tenant_scope(OPERATOR):
        status = membership_status(db.session(), tenant_id, person.id, at)
    assert status is not None
    return OWNER in status.granted


def _refused(act: Callable[[], object]) -> str:
    """The code of the refusal of an act that changes nothing."""
    before = [rows(name) for name in ("member", "role_grant", "job", "tenant")]
    with pytest.raises(DomainError) as refusal:
        act()
    assert [rows(name) for name in ("member", "role_grant", "job", "tenant")] == before
    return refusal.value.code


def _mails(name: str) -> list[tuple[str, str, str]]:
    with tenant_scope(OPERATOR):
        payloads = db.session.scalars(select(Job.payload).where(Job.name == name).order_by(Job.id)).all()
    sent: list[tuple[str, str, str]] = []
    for payload in payloads:
        mail_handlers(lambda *mail: sent.append(mail), "https://moyai.example")[name](payload)
    return sent


def test_two_owners_are_required_only_where_there_are_two_on_every_day_to_come(
    city: UUID, owner: Actor, visitors: Visitors, actors: Actors
) -> None:
    with clock.at(MARCH):
        assert _refused(lambda: _set(city, FewestOwners.TWO, owner)) == "tenant.not_two_owners_yet"
        second = visitors.person(city, OWNER)
        third = visitors.person(city, OWNER)
        _end(city, second, owner, APRIL)
        _end(city, third, owner, APRIL)
        assert _refused(lambda: _set(city, FewestOwners.TWO, owner)) == "tenant.not_two_owners_yet"
        visitors.person(city, OWNER)

        _set(city, FewestOwners.TWO, actors.onboarding)

    assert _fewest(city) is FewestOwners.TWO
    assert recorded("tenant.fewest_owners_set")[-1].facts["fewest_owners"] == "two"


def test_with_two_owners_required_nothing_leaves_the_tenant_with_one(
    city: UUID, owner: Actor, visitors: Visitors
) -> None:
    with clock.at(MARCH):
        second = visitors.person(city, OWNER)
        member_id = UUID(second.id)
        _set(city, FewestOwners.TWO, owner)
        leaving = PlanLeaving(
            tenant_id=city, member_id=member_id, valid_until=APRIL, leaves_as=LeavingKind.SUSPENDED, reason="退職"
        )
        for act in (
            lambda: _end(city, second, owner),
            lambda: _end(city, second, owner, APRIL),
            lambda: disable_member(DisableMember(tenant_id=city, member_id=member_id, reason="退職"), actor=owner),
            lambda: remove_member(RemoveMember(tenant_id=city, member_id=member_id, reason="退職"), actor=owner),
            lambda: plan_leaving(leaving, actor=owner),
        ):
            assert _refused(act) == "member.one_of_two_owners"

        visitors.person(city, OWNER)
        _end(city, second, owner, APRIL)
        assert not _owns(city, second, MIDNIGHT)


def test_only_an_owner_of_the_tenant_goes_back_to_one_and_all_owners_are_told_in_their_language(
    city: UUID, owner: Actor, visitors: Visitors, actors: Actors, factory: Factory
) -> None:
    english = visitors.person(city, OWNER)
    save_preferences(SavePreferences(**dict(PreferencesFacts(language=ScreenLanguage.ENGLISH))), actor=english)
    _set(city, FewestOwners.TWO, owner)
    elsewhere = visitors.person(visitors.municipality("432148", "阿蘇市"), OWNER)
    for other, code in (
        (actors.onboarding, "tenant.fewest_owners_lowered_from_outside"),
        (visitors.person(city, Role.TENANT_USER_ADMIN), "permission.missing"),
        (elsewhere, "not_found"),
    ):
        assert _refused(partial(_set, city, FewestOwners.ONE, other)) == code
    assert _refused(lambda: _set(actors.operator_tenant, FewestOwners.TWO, actors.onboarding)) == (
        "tenant.operator_has_no_owners"
    )

    _set(city, FewestOwners.ONE, owner)
    _set(city, FewestOwners.ONE, owner)

    assert _fewest(city) is FewestOwners.ONE
    assert [one.facts["fewest_owners"] for one in recorded("tenant.fewest_owners_set")] == ["two", "one"]
    subjects = [subject for _, subject, _ in _mails(MAIL_FEWEST_OWNERS)]
    assert sorted(subjects) == sorted(
        [TWO_OWNERS.subject.ja, TWO_OWNERS.subject.en, ONE_OWNER.subject.ja, ONE_OWNER.subject.en]
    )


@pytest.mark.parametrize("fewest", [FewestOwners.ONE, FewestOwners.TWO])
def test_an_owner_hands_over_on_a_day_with_no_instant_between(
    city: UUID, owner: Actor, visitors: Visitors, fewest: FewestOwners
) -> None:
    with clock.at(MARCH):
        successor = visitors.person(city)
        if fewest is FewestOwners.TWO:
            visitors.person(city, OWNER)
            _set(city, fewest, owner)
        _hand_over(city, owner, successor, owner, APRIL)

        before = MIDNIGHT - timedelta(microseconds=1)
        for at in (MARCH, before):
            assert (_owns(city, owner, at), _owns(city, successor, at)) == (True, False)
        assert (_owns(city, owner, MIDNIGHT), _owns(city, successor, MIDNIGHT)) == (False, True)
        (event,) = recorded("member.owner_handed_over")
        assert (event.subject, event.facts["successor"]) == (owner.id, successor.id)
        mails = _mails(MAIL_ROLE_CHANGE)
        assert len(mails) == 2
        assert "令和9年3月31日（水） を最終日として終わります" in mails[0][2]
        assert "令和9年4月1日（木） 0:00 から、役割「団体管理者」が付与されます" in mails[1][2]


def test_an_owner_hands_over_at_once(city: UUID, owner: Actor, visitors: Visitors) -> None:
    successor = visitors.person(city)

    _hand_over(city, owner, successor, owner)

    now = clock.now()
    assert (_owns(city, owner, now), _owns(city, successor, now)) == (False, True)
    assert _refused(lambda: _hand_over(city, successor, owner, owner)) == "member.role_to_oneself"


def test_nobody_takes_over_who_has_not_come_is_the_same_is_an_owner_or_asks_for_themselves(
    city: UUID, owner: Actor, visitors: Visitors, factory: Factory, actors: Actors
) -> None:
    second, member = visitors.person(city, OWNER), visitors.person(city)
    invited = factory.add_person(city, "new@city.example.jp")

    def to(member_id: UUID, former: Actor = owner, actor: Actor = owner, day: date | None = None) -> str:
        command = HandOverOwner(
            tenant_id=city,
            member_id=UUID(former.id),
            successor_id=member_id,
            valid_from=day,
            reason="異動",
        )
        return _refused(lambda: hand_over_owner(command, actor=actor))

    assert to(invited.member_id) == "member.successor_not_active"
    assert to(UUID(owner.id)) == "member.handed_over_to_the_same"
    assert to(UUID(second.id)) == "member.role_held"
    assert to(UUID(owner.id), former=second) == "member.role_to_oneself"
    assert to(UUID(member.id), former=member) == "member.handed_over_to_the_same"
    assert to(UUID(visitors.person(city).id), former=member) == "member.role_not_held"
    assert to(UUID(member.id), day=clock.today() - timedelta(days=1)) == "member.role_begins_in_the_past"
    assert to(UUID(member.id), actor=visitors.person(city, Role.TENANT_USER_ADMIN)) == "permission.missing"
    other = visitors.person(visitors.municipality("432148", "阿蘇市"))
    assert to(UUID(other.id)) == "not_found"
