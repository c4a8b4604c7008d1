"""Who held which role at a past moment: from when to when, given and ended by whom, and why; never another tenant's."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import pytest

from governance.actors import Actor
from governance.kernel import clock
from governance.kernel.clock import JST
from governance.kernel.database import OPERATOR, TenantScope, db, tenant_scope
from governance.kernel.errors import Invalid
from governance.kernel.keyset import PageRequest
from governance.permissions import Role
from tenancy.people.commands import DisableMember, ResumeMember, disable_member, resume_member
from tenancy.people.leaving import PlanLeaving, UndoLeaving, plan_leaving, undo_leaving
from tenancy.people.ownership import HandOverOwner, hand_over_owner
from tenancy.people.role_changes import (
    EndRole,
    GrantRole,
    RoleGranted,
    UndoRoleChange,
    end_role,
    grant_role,
    undo_role_change,
)
from tenancy.people.roles_held import RoleHeld, moment_of, roles_held
from tenancy.people.states import LeavingKind
from tests.actors import Actors
from tests.factories import Factory, Visitors

MARCH = datetime(2027, 3, 10, 5, 0, tzinfo=UTC)
LATER = MARCH + timedelta(hours=1)
LAST = MARCH + timedelta(hours=2)
APRIL = date(2027, 4, 1)
MIDNIGHT = datetime(2027, 4, 1, tzinfo=JST)
BEFORE = MIDNIGHT - timedelta(microseconds=1)
FINANCE, AUDITOR, OWNER = Role.TENANT_FINANCE, Role.TENANT_AUDITOR, Role.TENANT_OWNER


@pytest.fixture
def city(actors: Actors) -> UUID:
    return Visitors().municipality("432083", "山鹿市")


@pytest.fixture
def owner(city: UUID) -> Actor:
    with clock.at(MARCH - timedelta(days=400)):
        return Visitors().person(city, OWNER)


@pytest.fixture
def person(city: UUID, actors: Actors) -> UUID:
    """Somebody who was added by the command, a plain member."""
    with clock.at(MARCH - timedelta(days=30)):
        return Factory(actors).add_person(city, "tamana@example.jp").person_id


def held(at: datetime, scope: TenantScope = OPERATOR, tenant_id: UUID | None = None) -> list[RoleHeld]:
    with tenant_scope(scope):
        db.session.rollback()
        return roles_held(db.session(), at, PageRequest(), tenant_id=tenant_id).items


def of(person: UUID, role: Role, at: datetime) -> RoleHeld | None:
    found = [one for one in held(at) if (one.person_id, one.role) == (person, role)]
    assert len(found) <= 1
    return found[0] if found else None


def grant(city: UUID, person: UUID, role: Role, actor: Actor, reason: str, **days: date) -> UUID:
    command = GrantRole(tenant_id=city, member_id=person, role=role, reason=reason, **days)
    done = grant_role(command, actor=actor)
    assert isinstance(done, RoleGranted)
    return done.grant_id


def end(city: UUID, person: UUID, role: Role, actor: Actor, reason: str, day: date | None = None) -> None:
    end_role(EndRole(tenant_id=city, member_id=person, role=role, valid_until=day, reason=reason), actor=actor)


def test_a_role_is_there_from_its_beginning_to_its_end_with_who_and_why(
    city: UUID, owner: Actor, person: UUID, actors: Actors
) -> None:
    with clock.at(MARCH):
        grant(city, person, FINANCE, owner, "決算の応援")
    with clock.at(LATER):
        end(city, person, FINANCE, actors.security, "応援の終了")
    with clock.at(LAST):
        grant(city, person, FINANCE, actors.security, "再び応援")

    assert of(person, FINANCE, MARCH - timedelta(microseconds=1)) is None
    first = of(person, FINANCE, MARCH)
    assert first == of(person, FINANCE, LATER - timedelta(microseconds=1))
    assert first is not None
    assert (first.valid_from, first.valid_until) == (MARCH, LATER)
    assert (first.granted_by, first.grant_reason) == (owner.id, "決算の応援")
    assert (first.ended_by, first.end_reason) == (actors.security.id, "応援の終了")
    assert (first.tenant_name, first.family_name, first.given_name, first.counts) == ("山鹿市", "山田", "花子", True)
    assert of(person, FINANCE, LATER) is None
    second = of(person, FINANCE, LAST)
    assert second is not None
    assert (second.granted_by, second.grant_reason) == (actors.security.id, "再び応援")
    assert (second.valid_until, second.ended_by, second.end_reason) == (None, None, None)
    # What no event tells of is left out: the owner of this test was planted.
    planted = of(UUID(owner.id), OWNER, MARCH)
    assert planted is not None
    assert (planted.granted_by, planted.grant_reason) == ("test", None)


def test_a_transfer_of_1_april_shows_the_old_role_to_midnight_and_the_new_one_from_it(
    city: UUID, owner: Actor, person: UUID, actors: Actors
) -> None:
    with clock.at(MARCH):
        grant(city, person, FINANCE, owner, "昨年の異動")
    with clock.at(LATER):
        end(city, person, FINANCE, owner, "人事異動", APRIL)
        grant(city, person, AUDITOR, actors.security, "人事異動", valid_from=APRIL)
        mistaken = grant(city, person, Role.TENANT_CLIENT_ADMIN, owner, "誤り", valid_from=APRIL)
        undo_role_change(
            UndoRoleChange(tenant_id=city, member_id=person, grant_id=mistaken, reason="取違え"), actor=owner
        )

    before, after = of(person, FINANCE, BEFORE), of(person, AUDITOR, MIDNIGHT)
    assert before is not None
    assert (before.valid_until, before.ended_by, before.end_reason) == (MIDNIGHT, owner.id, "人事異動")
    assert before.grant_reason == "昨年の異動"
    assert after is not None
    assert (after.valid_from, after.granted_by, after.grant_reason) == (MIDNIGHT, actors.security.id, "人事異動")
    assert of(person, FINANCE, MIDNIGHT) is None
    assert of(person, AUDITOR, BEFORE) is None
    assert of(person, Role.TENANT_CLIENT_ADMIN, MIDNIGHT) is None


def test_an_end_that_was_given_with_the_role_is_the_givers_until_somebody_ends_it_earlier(
    city: UUID, owner: Actor, person: UUID, actors: Actors
) -> None:
    with clock.at(MARCH):
        grant(city, person, FINANCE, owner, "年度末まで", valid_until=APRIL)
    given = of(person, FINANCE, LATER)
    assert given is not None
    assert (given.valid_until, given.ended_by, given.end_reason) == (MIDNIGHT, owner.id, "年度末まで")

    with clock.at(LAST):
        end(city, person, FINANCE, actors.security, "早まった")

    ended = of(person, FINANCE, LATER)
    assert ended is not None
    assert (ended.valid_until, ended.ended_by, ended.end_reason) == (LAST, actors.security.id, "早まった")


def test_an_end_that_was_undone_is_no_end(city: UUID, owner: Actor, person: UUID) -> None:
    with clock.at(MARCH):
        grant_id = grant(city, person, FINANCE, owner, "会計")
        end(city, person, FINANCE, owner, "誤り", APRIL)
        undo_role_change(
            UndoRoleChange(tenant_id=city, member_id=person, grant_id=grant_id, reason="残留"), actor=owner
        )
        plan_leaving(
            PlanLeaving(
                tenant_id=city, member_id=person, valid_until=APRIL, leaves_as=LeavingKind.SUSPENDED, reason="退職"
            ),
            actor=owner,
        )
        undo_leaving(UndoLeaving(tenant_id=city, member_id=person, reason="残留"), actor=owner)

    found = of(person, FINANCE, MIDNIGHT)
    assert found is not None
    assert (found.valid_until, found.ended_by, found.end_reason) == (None, None, None)
    assert found.grant_reason == "会計"


def test_who_left_holds_nothing_from_midnight_on_though_no_worker_ran(city: UUID, owner: Actor, person: UUID) -> None:
    with clock.at(MARCH):
        grant(city, person, FINANCE, owner, "会計")
        plan_leaving(
            PlanLeaving(
                tenant_id=city, member_id=person, valid_until=APRIL, leaves_as=LeavingKind.REMOVED, reason="退職"
            ),
            actor=owner,
        )

    last = of(person, FINANCE, BEFORE)
    assert last is not None
    assert (last.valid_until, last.ended_by, last.end_reason) == (MIDNIGHT, owner.id, "退職")
    assert [one for one in held(MIDNIGHT) if one.person_id == person] == []


def test_every_role_of_somebody_who_was_suspended_ended_then_and_begins_anew_when_they_are_resumed(
    city: UUID, owner: Actor, person: UUID, actors: Actors
) -> None:
    with clock.at(MARCH):
        grant(city, person, FINANCE, owner, "会計")
    with clock.at(LATER):
        disable_member(DisableMember(tenant_id=city, member_id=person, reason="休職"), actor=owner)
    with clock.at(LAST):
        resume_member(
            ResumeMember(tenant_id=city, member_id=person, roles=(AUDITOR,), reason="復職"), actor=actors.security
        )

    for role in (FINANCE, Role.TENANT_MEMBER):
        found = of(person, role, MARCH)
        assert found is not None
        assert (found.valid_until, found.ended_by, found.end_reason) == (LATER, owner.id, "休職")
    assert [one for one in held(LATER) if one.person_id == person] == []
    back = {one.role: one.granted_by for one in held(LAST) if one.person_id == person}
    assert back == {AUDITOR: actors.security.id, Role.TENANT_MEMBER: actors.security.id}


def test_a_handover_ends_one_owner_and_begins_another(city: UUID, owner: Actor) -> None:
    successor = Visitors().person(city, FINANCE)
    other = Visitors().person(city, OWNER)
    with clock.at(MARCH):
        hand_over_owner(
            HandOverOwner(
                tenant_id=city,
                member_id=UUID(owner.id),
                successor_id=UUID(successor.id),
                valid_from=APRIL,
                reason="人事異動",
            ),
            actor=other,
        )

    former, new = of(UUID(owner.id), OWNER, BEFORE), of(UUID(successor.id), OWNER, MIDNIGHT)
    assert former is not None
    assert (former.valid_until, former.ended_by, former.end_reason) == (MIDNIGHT, other.id, "人事異動")
    assert new is not None
    assert (new.valid_from, new.granted_by, new.grant_reason) == (MIDNIGHT, other.id, "人事異動")
    assert of(UUID(owner.id), OWNER, MIDNIGHT) is None


def test_a_tenant_sees_its_own_people_only_and_the_operator_everybody(city: UUID, owner: Actor, actors: Actors) -> None:
    other = Visitors().municipality("432148", "阿蘇市")
    theirs = Visitors().person(other, OWNER)
    operators = Visitors().person(actors.operator_tenant, Role.OPERATOR_SECURITY)
    now = clock.now()

    own = held(now, city)
    assert {one.tenant_id for one in own} == {city}
    assert held(now, city, tenant_id=other) == []
    everybody = {one.person_id for one in held(now)}
    assert {UUID(owner.id), UUID(theirs.id), UUID(operators.id)} <= everybody
    assert {one.person_id for one in held(now, tenant_id=other)} == {UUID(theirs.id)}


def test_the_list_goes_on_after_each_page_and_says_what_does_not_count(city: UUID, owner: Actor) -> None:
    Visitors().person(city, FINANCE)
    now = clock.now()
    whole = held(now)
    pages: list[RoleHeld] = []
    part: str | None = None
    with tenant_scope(OPERATOR):
        while True:
            found = roles_held(db.session(), now, PageRequest(1, part))
            pages += found.items
            part = found.next_key
            if part is None:
                break

    assert pages == whole
    assert len(whole) == 4


@pytest.mark.parametrize(
    ("day", "clock_time", "moment"),
    [
        (None, None, MIDNIGHT),
        (date(2027, 3, 31), None, BEFORE),
        (date(2027, 3, 31), time(12, 30), datetime(2027, 3, 31, 12, 30, tzinfo=JST)),
        (APRIL, None, MIDNIGHT),
        (APRIL, time(0, 0), MIDNIGHT),
    ],
)
def test_a_day_without_a_time_means_its_end_and_today_means_now(
    day: date | None, clock_time: time | None, moment: datetime
) -> None:
    assert moment_of(day, clock_time, MIDNIGHT) == moment


@pytest.mark.parametrize(("day", "clock_time"), [(date(2027, 4, 2), None), (APRIL, time(0, 1))])
def test_no_moment_to_come_is_answered(day: date, clock_time: time | None) -> None:
    with pytest.raises(Invalid) as refused:
        moment_of(day, clock_time, MIDNIGHT)
    assert (refused.value.code, refused.value.field) == ("member.roles_held_in_future", "on")
