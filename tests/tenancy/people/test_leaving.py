"""A person leaves after a last day, changes section on a day, and is dormant after 90 days without a sign-in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from admin.workflows.job_handlers import periodic_tasks
from admin.workflows.tenant_mails import LEAVING, LEAVING_UNDONE, mail_handlers
from governance import grants
from governance.actors import Actor
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.clock import JST
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import DomainError
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.keycloak.port import Realm
from tenancy.people import queries
from tenancy.people.leaving import MAIL_LEAVING, PlanLeaving, UndoLeaving, plan_leaving, undo_leaving
from tenancy.people.membership import MembershipStatus, membership_status
from tenancy.people.models import MemberDetails
from tenancy.people.sections import ChangeSection, UndoSectionChange, change_section, undo_section_change
from tenancy.people.states import LeavingKind, MemberState, SignIn
from tenancy.people.sync import record_sign_in
from tenancy.people.tables import Member
from tests.admin.empty_keycloak import EmptyKeycloak
from tests.database_rows import recorded, rows
from tests.factories import Visitors

MARCH = datetime(2027, 3, 10, 5, 0, tzinfo=UTC)
APRIL = date(2027, 4, 1)
MIDNIGHT = datetime(2027, 4, 1, tzinfo=JST)
BEFORE = MIDNIGHT - timedelta(microseconds=1)
HALF_PAST = MIDNIGHT + timedelta(minutes=30)


@pytest.fixture
def leaver(visitors: Visitors, city: UUID) -> UUID:
    return UUID(visitors.person(city, Role.TENANT_FINANCE).id)


def _plan(
    tenant_id: UUID, person: UUID, actor: Actor, kind: LeavingKind = LeavingKind.SUSPENDED, day: date = APRIL
) -> None:
    command = PlanLeaving(tenant_id=tenant_id, member_id=person, valid_until=day, leaves_as=kind, reason="退職")
    plan_leaving(command, actor=actor)


def _undo(tenant_id: UUID, person: UUID, actor: Actor) -> None:
    undo_leaving(UndoLeaving(tenant_id=tenant_id, member_id=person, reason="誤り"), actor=actor)


def _status(tenant_id: UUID, person: UUID, at: datetime) -> MembershipStatus:
    with tenant_scope(OPERATOR):
        found = membership_status(db.session(), tenant_id, str(person), at)
    assert found is not None
    return found


def _details(tenant_id: UUID, person: UUID, at: datetime) -> MemberDetails:
    with tenant_scope(OPERATOR):
        db.session.rollback()
        return queries.member(db.session(), tenant_id, person, at)


def _worker() -> None:
    """The task that ends the access of people whose last day is over."""
    periodic_tasks(EmptyKeycloak())[2]()  # type: ignore[arg-type]


def _refused(act: Callable[[], object]) -> str:
    before = [rows(name) for name in ("member", "role_grant", "job", "member_section")]
    with pytest.raises(DomainError) as refusal:
        act()
    assert [rows(name) for name in ("member", "role_grant", "job", "member_section")] == before
    return refusal.value.code


@pytest.mark.parametrize("kind", LeavingKind)
def test_who_leaves_is_out_at_midnight_while_no_worker_runs_and_their_roles_end_as_of_it(
    city: UUID, owner: Actor, leaver: UUID, kind: LeavingKind
) -> None:
    with clock.at(MARCH):
        _plan(city, leaver, owner, kind)
        _worker()
    before = _status(city, leaver, BEFORE)
    assert before.may_sign_in(Realm.TENANTS)
    assert Role.TENANT_FINANCE in before.granted
    after = _status(city, leaver, MIDNIGHT)
    assert not after.may_sign_in(Realm.TENANTS)
    assert after.granted == frozenset()

    with clock.at(HALF_PAST):
        _worker()
        _worker()

    found = _details(city, leaver, HALF_PAST)
    assert (found.state, found.valid_until) == (kind.state, None)
    with tenant_scope(OPERATOR):
        held = [one for one in grants.grants_in_tenant(db.session(), city) if one.person_id == leaver]
        jobs = db.session.scalars(select(Job.name).where(Job.name == "member.withdraw")).all()
    assert {one.valid_until for one in held} == {MIDNIGHT}
    assert len(jobs) == 1
    (event,) = recorded("member.left")
    assert event.facts["leaves_as"] == kind.value


def test_a_leaving_is_undone_until_its_day_and_nothing_is_lost(city: UUID, owner: Actor, leaver: UUID) -> None:
    with clock.at(MARCH):
        held = rows("role_grant")
        _plan(city, leaver, owner)
        _plan(city, leaver, owner, LeavingKind.REMOVED)
        assert _details(city, leaver, MARCH).leaves_as is LeavingKind.REMOVED
        _undo(city, leaver, owner)
        assert rows("role_grant") == held
        assert _refused(lambda: _undo(city, leaver, owner)) == "member.no_leaving_planned"
        _plan(city, leaver, owner)
    with clock.at(MIDNIGHT):
        assert _refused(lambda: _undo(city, leaver, owner)) == "member.no_leaving_planned"

    with tenant_scope(OPERATOR):
        payloads = db.session.scalars(select(Job.payload).where(Job.name == MAIL_LEAVING).order_by(Job.id)).all()
    sent: list[tuple[str, str, str]] = []
    for payload in payloads:
        mail_handlers(lambda *mail: sent.append(mail), "https://moyai.example")[MAIL_LEAVING](payload)
    subjects = [LEAVING.subject.ja, LEAVING.subject.ja, LEAVING_UNDONE.subject.ja, LEAVING.subject.ja]
    assert [subject for _, subject, _ in sent] == subjects
    assert "令和9年3月31日（水） まで" in sent[0][2]


def test_the_last_owner_nobody_above_and_nobody_of_another_tenant_is_made_to_leave(
    city: UUID, owner: Actor, leaver: UUID, visitors: Visitors
) -> None:
    admin = visitors.person(city, Role.TENANT_USER_ADMIN)
    stranger = visitors.person(visitors.municipality("432148", "阿蘇市"), Role.TENANT_OWNER)
    plain = UUID(visitors.person(city).id)
    with clock.at(MARCH):
        assert _refused(lambda: _plan(city, UUID(owner.id), owner)) == "member.last_owner"
        assert _refused(lambda: _plan(city, leaver, admin)) == "member.person_above_own"
        assert _refused(lambda: _plan(city, leaver, stranger)) == "not_found"
        assert _refused(lambda: _plan(city, leaver, owner, day=date(2027, 3, 10))) == "member.leaving_in_the_past"
        _plan(city, plain, admin)
        second = visitors.person(city, Role.TENANT_OWNER)
        _plan(city, UUID(second.id), owner)
        # Of two owners one leaves in April: the other stays, also today.
        assert _refused(lambda: _plan(city, UUID(owner.id), second)) == "member.last_owner"


def test_a_section_is_changed_now_and_on_a_day_and_undone_until_then(
    city: UUID, owner: Actor, leaver: UUID, visitors: Visitors
) -> None:
    def change(section: str | None, day: date | None = None, actor: Actor = owner) -> UUID:
        command = ChangeSection(tenant_id=city, member_id=leaver, section=section, valid_from=day, reason="異動")
        return change_section(command, actor=actor).change_id

    def undo(change_id: UUID) -> None:
        undo_section_change(
            UndoSectionChange(tenant_id=city, member_id=leaver, change_id=change_id, reason="誤り"), actor=owner
        )

    with clock.at(MARCH):
        change("総務課")
        now = clock.now()
        first = change("税務課", APRIL)
        second = change("財政課", APRIL)
        assert _refused(lambda: undo(first)) == "member.no_planned_section"
        assert _refused(lambda: change("総務課")) == "member.same_section"
        with tenant_scope(OPERATOR):
            (planned,) = queries.planned_section_changes(db.session(), city, now)
        assert (planned.id, planned.section, planned.takes_effect_at) == (second, "財政課", MIDNIGHT)
        assert [_details(city, leaver, at).section for at in (now, BEFORE, MIDNIGHT)] == ["総務課", "総務課", "財政課"]
        undo(second)
        assert _details(city, leaver, MIDNIGHT).section == "総務課"
        change(None, APRIL)
        assert _details(city, leaver, MIDNIGHT).section is None
        auditor = visitors.person(city, Role.TENANT_AUDITOR)
        assert _refused(lambda: change("会計課", actor=auditor)) == "permission.missing"
    with clock.at(HALF_PAST), tenant_scope(OPERATOR):
        assert queries.planned_section_changes(db.session(), city, clock.now()) == []
    assert [one.facts["section"] for one in recorded("member.section_changed")] == ["総務課", "税務課", "財政課", None]


def test_people_are_found_by_state_role_and_last_sign_in(city: UUID, owner: Actor, leaver: UUID) -> None:
    now = clock.now()

    def found(role: Role | None = None, sign_in: SignIn | None = None, state: MemberState | None = None) -> set[UUID]:
        with tenant_scope(OPERATOR):
            db.session.rollback()
            rows_found = queries.members(db.session(), city, now, state=state, role=role, sign_in=sign_in)
            return {one.person_id for one in rows_found}

    own = UUID(owner.id)
    assert found(sign_in=SignIn.NEVER) == {own, leaver}
    assert found(sign_in=SignIn.DORMANT) == found(sign_in=SignIn.RECENT) == set()
    assert found(role=Role.TENANT_FINANCE) == {leaver}
    with system_transaction(OPERATOR) as session:
        record_sign_in(session, city, own, now)
        session.execute(
            update(Member).where(Member.person_id == leaver).values(last_sign_in_at=now - timedelta(days=90, seconds=1))
        )

    assert found(sign_in=SignIn.RECENT) == {own}
    assert found(sign_in=SignIn.DORMANT) == {leaver}
    assert found(sign_in=SignIn.DORMANT, role=Role.TENANT_OWNER) == set()
    assert (_details(city, own, now).is_dormant, _details(city, leaver, now).is_dormant) == (False, True)
    with system_transaction(OPERATOR) as session:
        session.execute(update(Member).where(Member.person_id == leaver).values(state=MemberState.SUSPENDED.value))
    assert found(sign_in=SignIn.DORMANT) == set()
    assert found(state=MemberState.SUSPENDED) == {leaver}
