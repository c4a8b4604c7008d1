"""Roles granted and ended later, now and on a day to come: who may, when it counts, and that it can be undone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from admin.workflows.tenant_mails import mail_handlers
from governance import grants
from governance.actors import Actor
from governance.commands import ApprovalRequested
from governance.kernel import clock
from governance.kernel.clock import JST
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import DomainError
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.people import queries
from tenancy.people.commands import DisableMember, disable_member
from tenancy.people.membership import membership_status
from tenancy.people.models import PlannedRoleChange
from tenancy.people.role_changes import (
    MAIL_ROLE_CHANGE,
    EndRole,
    GrantRole,
    RoleGranted,
    UndoRoleChange,
    end_role,
    grant_role,
    undo_role_change,
)
from tenancy.people.states import RoleChangeKind
from tenancy.preferences.commands import SavePreferences, save_preferences
from tenancy.preferences.models import PreferencesFacts
from tenancy.preferences.states import ScreenLanguage
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import Factory, Visitors
from tests.second_person import approve

MARCH = datetime(2027, 3, 10, 5, 0, tzinfo=UTC)
APRIL = date(2027, 4, 1)
MIDNIGHT = datetime(2027, 4, 1, tzinfo=JST)
BEFORE = MIDNIGHT - timedelta(microseconds=1)


def _grant(
    tenant_id: UUID,
    member_id: UUID,
    role: Role,
    actor: Actor,
    *,
    since: date | None = None,
    until: date | None = None,
) -> RoleGranted | ApprovalRequested:
    command = GrantRole(
        tenant_id=tenant_id, member_id=member_id, role=role, valid_from=since, valid_until=until, reason="異動"
    )
    return grant_role(command, actor=actor)


def _granted(tenant_id: UUID, member_id: UUID, role: Role, actor: Actor, **days: date) -> UUID:
    done = _grant(tenant_id, member_id, role, actor, **days)
    assert isinstance(done, RoleGranted)
    return done.grant_id


def _end(tenant_id: UUID, member_id: UUID, role: Role, actor: Actor, until: date | None = None) -> None:
    end_role(
        EndRole(tenant_id=tenant_id, member_id=member_id, role=role, valid_until=until, reason="異動"), actor=actor
    )


def _undo(tenant_id: UUID, member_id: UUID, grant_id: UUID, actor: Actor) -> None:
    undo_role_change(
        UndoRoleChange(tenant_id=tenant_id, member_id=member_id, grant_id=grant_id, reason="誤り"), actor=actor
    )


def _roles(tenant_id: UUID, person_id: UUID, at: datetime) -> frozenset[Role]:
    """What counts at every request: the rows here, whatever a token says."""
    with tenant_scope(OPERATOR):
        status = membership_status(db.session(), tenant_id, str(person_id), at)
    assert status is not None
    return status.granted - {Role.TENANT_MEMBER}


def _planned(tenant_id: UUID) -> list[PlannedRoleChange]:
    with tenant_scope(OPERATOR):
        return queries.planned_role_changes(db.session(), tenant_id, clock.now())


def _changed(at: datetime) -> set[UUID]:
    """Whose roles Keycloak does not have as they are at this instant."""
    with tenant_scope(OPERATOR):
        return {row.person_id for row in db.session.execute(queries.with_changed_roles(at))}


def _everything() -> list[object]:
    return [rows("member"), rows("role_grant"), rows("job"), rows("approval_request")]


def test_a_role_is_granted_and_ended_at_once(city: UUID, owner: Actor, colleague: UUID) -> None:
    _granted(city, colleague, Role.TENANT_FINANCE, owner)
    after_grant = clock.now()

    assert _roles(city, colleague, after_grant) == {Role.TENANT_FINANCE}
    assert _changed(after_grant) == {colleague}
    _end(city, colleague, Role.TENANT_FINANCE, owner)

    assert _roles(city, colleague, clock.now()) == frozenset()
    assert _roles(city, colleague, after_grant) == {Role.TENANT_FINANCE}
    assert _planned(city) == []
    (granted,), (ended,) = recorded("member.role_granted"), recorded("member.role_ended")
    assert [one.facts["role"] for one in (granted, ended)] == ["tenant-finance"] * 2
    assert [one.tenant_id for one in (granted, ended)] == [city, city]
    with tenant_scope(OPERATOR):
        mails = db.session.scalars(select(Job.payload).where(Job.name == MAIL_ROLE_CHANGE).order_by(Job.id)).all()
    assert [mail["what"] for mail in mails] == ["granted", "ended"]


def test_a_transfer_prepared_in_march_counts_from_midnight_of_the_first_of_april_and_not_a_moment_before(
    city: UUID, owner: Actor, colleague: UUID, visitors: Visitors
) -> None:
    leaver = UUID(visitors.person(city, Role.TENANT_FINANCE).id)
    with clock.at(MARCH):
        _end(city, leaver, Role.TENANT_FINANCE, owner, until=APRIL)
        _granted(city, colleague, Role.TENANT_FINANCE, owner, since=APRIL)
        planned = _planned(city)
    with clock.at(MIDNIGHT):
        assert _planned(city) == []

    assert [(one.member_id, one.role, one.kind, one.takes_effect_at) for one in planned] == [
        (_member_id(city, leaver), Role.TENANT_FINANCE, RoleChangeKind.END, MIDNIGHT),
        (_member_id(city, colleague), Role.TENANT_FINANCE, RoleChangeKind.START, MIDNIGHT),
    ]
    finance = frozenset({Role.TENANT_FINANCE})
    assert [_roles(city, leaver, BEFORE), _roles(city, colleague, BEFORE)] == [finance, frozenset()]
    assert [_roles(city, leaver, MIDNIGHT), _roles(city, colleague, MIDNIGHT)] == [frozenset(), finance]
    # Keycloak is told once the day has come, by a worker that was down at midnight, too.
    assert {leaver, colleague} <= _changed(MIDNIGHT + timedelta(minutes=30))


def _member_id(tenant_id: UUID, person_id: UUID) -> UUID:
    with tenant_scope(OPERATOR):
        return queries.member(db.session(), tenant_id, person_id, clock.now()).id


def test_what_is_prepared_is_undone_until_its_day_and_not_after(
    city: UUID, owner: Actor, colleague: UUID, visitors: Visitors
) -> None:
    leaver = UUID(visitors.person(city, Role.TENANT_FINANCE).id)
    with clock.at(MARCH):
        granted = _granted(city, colleague, Role.TENANT_AUDITOR, owner, since=APRIL, until=date(2027, 10, 1))
        _end(city, leaver, Role.TENANT_FINANCE, owner, until=APRIL)
        (ended,) = (one.id for one in _planned(city) if one.kind is RoleChangeKind.END)
        _undo(city, colleague, granted, owner)
        _undo(city, leaver, ended, owner)
        assert _planned(city) == []
        before = _everything()
        for member_id, grant_id in ((colleague, granted), (leaver, ended)):
            with pytest.raises(DomainError) as refused:
                _undo(city, member_id, grant_id, owner)
            assert refused.value.code == "member.no_planned_change"
        assert _everything() == before
        later = _granted(city, colleague, Role.TENANT_AUDITOR, owner, since=APRIL)
    assert _roles(city, leaver, MIDNIGHT) == {Role.TENANT_FINANCE}
    assert _roles(city, colleague, MIDNIGHT) == {Role.TENANT_AUDITOR}
    with clock.at(MIDNIGHT), pytest.raises(DomainError) as too_late:
        _undo(city, colleague, later, owner)
    assert too_late.value.code == "member.no_planned_change"
    assert _roles(city, colleague, MIDNIGHT) == {Role.TENANT_AUDITOR}
    assert [one.facts["role"] for one in recorded("member.role_change_undone")] == ["tenant-auditor", "tenant-finance"]


def test_nobody_grants_to_themselves_above_their_own_rights_or_to_who_is_not_here(
    city: UUID, owner: Actor, colleague: UUID, visitors: Visitors, actors: Actors, factory: Factory
) -> None:
    user_admin = visitors.person(city, Role.TENANT_USER_ADMIN)
    other_city = visitors.municipality("432091", "菊池市")
    stranger = UUID(visitors.person(other_city).id)
    gone = factory.add_person(city, "gone@city.example.jp").member_id
    disable_member(DisableMember(tenant_id=city, member_id=gone, reason="退職"), actor=owner)
    another_owner = visitors.person(city, Role.TENANT_OWNER)
    with clock.at(MARCH):
        _end(city, UUID(another_owner.id), Role.TENANT_OWNER, owner, until=APRIL)
        (ending,) = (one.id for one in _planned(city))
        before = _everything()

        for act, code in (
            (lambda: _grant(city, UUID(owner.id), Role.TENANT_FINANCE, owner), "member.role_to_oneself"),
            (lambda: _undo(city, UUID(another_owner.id), ending, another_owner), "member.role_to_oneself"),
            (lambda: _grant(city, colleague, Role.TENANT_AUDITOR, user_admin), "permission.missing"),
            (lambda: _end(city, UUID(owner.id), Role.TENANT_OWNER, user_admin), "permission.missing"),
            (lambda: _grant(city, colleague, Role.TENANT_FINANCE, actors.onboarding), "permission.missing"),
            (lambda: _grant(city, colleague, Role.OPERATOR_FINANCE, owner), "member.role_of_another_realm"),
            (lambda: _grant(city, colleague, Role.TENANT_MEMBER, owner), "member.role_of_everybody"),
            (lambda: _end(city, colleague, Role.TENANT_MEMBER, owner), "member.role_of_everybody"),
            (lambda: _grant(city, gone, Role.TENANT_FINANCE, owner), "member.roles_of_absent"),
            (lambda: _grant(city, stranger, Role.TENANT_FINANCE, owner), "not_found"),
            (lambda: _grant(other_city, stranger, Role.TENANT_FINANCE, owner), "not_found"),
            (lambda: _undo(city, colleague, ending, owner), "member.no_planned_change"),
            (lambda: _end(city, colleague, Role.TENANT_FINANCE, owner), "member.role_not_held"),
            (
                lambda: _grant(city, colleague, Role.TENANT_FINANCE, owner, since=date(2027, 3, 9)),
                "member.role_begins_in_the_past",
            ),
            (
                lambda: _grant(city, colleague, Role.TENANT_FINANCE, owner, since=APRIL, until=APRIL),
                "member.role_ends_too_early",
            ),
            (
                lambda: _end(city, UUID(owner.id), Role.TENANT_OWNER, owner, date(2027, 3, 9)),
                "member.role_ends_too_early",
            ),
            (lambda: _grant(city, UUID(another_owner.id), Role.TENANT_OWNER, owner), "member.role_held"),
        ):
            with pytest.raises(DomainError) as refused:
                act()
            assert refused.value.code == code
        assert _everything() == before
        # What is above is read from the person's roles, and those to come count, too.
        _granted(city, colleague, Role.TENANT_FINANCE, owner, since=APRIL)
        with pytest.raises(DomainError) as kept:
            disable_member(DisableMember(tenant_id=city, member_id=colleague, reason="異動"), actor=user_admin)
        assert kept.value.code == "member.person_above_own"


def test_a_tenant_has_an_owner_at_every_instant_to_come(
    city: UUID, owner: Actor, colleague: UUID, visitors: Visitors
) -> None:
    with clock.at(MARCH):
        before = _everything()
        for until in (None, APRIL):
            with pytest.raises(DomainError) as last:
                _end(city, UUID(owner.id), Role.TENANT_OWNER, owner, until)
            assert last.value.code == "member.last_owner"
        # A successor who comes a day late leaves the tenant without an owner for that day.
        late = _granted(city, colleague, Role.TENANT_OWNER, owner, since=date(2027, 4, 2))
        with pytest.raises(DomainError) as gap:
            _end(city, UUID(owner.id), Role.TENANT_OWNER, owner, APRIL)
        assert gap.value.code == "member.last_owner"
        _undo(city, colleague, late, owner)
        assert [rows("member"), rows("role_grant")] != before

        successor = _granted(city, colleague, Role.TENANT_OWNER, owner, since=APRIL)
        _end(city, UUID(owner.id), Role.TENANT_OWNER, owner, APRIL)
        held = rows("role_grant")
        for act in (
            lambda: _undo(city, colleague, successor, owner),
            lambda: disable_member(DisableMember(tenant_id=city, member_id=colleague, reason="異動"), actor=owner),
            lambda: disable_member(DisableMember(tenant_id=city, member_id=UUID(owner.id), reason="異動"), actor=owner),
        ):
            with pytest.raises(DomainError) as kept:
                act()
            assert kept.value.code == "member.last_owner"
        assert rows("role_grant") == held


def test_suspending_ends_what_was_prepared_too(city: UUID, owner: Actor, colleague: UUID) -> None:
    with clock.at(MARCH):
        _granted(city, colleague, Role.TENANT_FINANCE, owner, since=APRIL)
        _granted(city, colleague, Role.TENANT_AUDITOR, owner, until=APRIL)
        disable_member(DisableMember(tenant_id=city, member_id=colleague, reason="退職"), actor=owner)
        assert _planned(city) == []

    for at in (MARCH, BEFORE, MIDNIGHT):
        assert _roles(city, colleague, at) == frozenset()


def test_an_owner_from_outside_and_roles_of_the_operator_need_a_second_person(
    city: UUID, owner: Actor, colleague: UUID, actors: Actors, factory: Factory, visitors: Visitors
) -> None:
    asked = _grant(city, colleague, Role.TENANT_OWNER, actors.security)
    assert isinstance(asked, ApprovalRequested)
    assert _roles(city, colleague, clock.now()) == frozenset()
    approve(asked, actor=owner)
    assert _roles(city, colleague, clock.now()) == {Role.TENANT_OWNER}

    finance = factory.add_person(actors.operator_tenant, "f@pref.example.jp", Role.OPERATOR_FINANCE)
    auditor = factory.add_person(actors.operator_tenant, "a@pref.example.jp", Role.OPERATOR_AUDITOR)
    with pytest.raises(DomainError) as excluded:
        _grant(actors.operator_tenant, finance.member_id, Role.OPERATOR_APPROVER, actors.security)
    assert excluded.value.code == "member.roles_exclude_each_other"
    waiting = _grant(actors.operator_tenant, auditor.member_id, Role.OPERATOR_ONBOARDING, actors.security)
    assert isinstance(waiting, ApprovalRequested)
    for decider in (actors.security, actors.approver):
        with pytest.raises(DomainError):
            approve(waiting, actor=decider)
    with tenant_scope(OPERATOR):
        assert grants.roles_in_force(db.session(), actors.operator_tenant, auditor.person_id, clock.now()) == {
            Role.OPERATOR_AUDITOR
        }


def test_the_person_is_told_in_their_own_language_and_nobody_who_is_gone(
    city: UUID, owner: Actor, colleague: UUID, visitors: Visitors
) -> None:
    abroad = visitors.person(city)
    english = PreferencesFacts(language=ScreenLanguage.ENGLISH)
    save_preferences(SavePreferences(**dict(english)), actor=abroad)
    gone = UUID(visitors.person(city).id)
    with clock.at(MARCH):
        _granted(city, colleague, Role.TENANT_FINANCE, owner, since=APRIL, until=date(2028, 4, 1))
        _granted(city, UUID(abroad.id), Role.TENANT_FINANCE, owner)
        _end(city, UUID(abroad.id), Role.TENANT_FINANCE, owner, until=APRIL)
        _granted(city, gone, Role.TENANT_FINANCE, owner)
        disable_member(DisableMember(tenant_id=city, member_id=gone, reason="退職"), actor=owner)
    with tenant_scope(OPERATOR):
        payloads = db.session.scalars(select(Job.payload).where(Job.name == MAIL_ROLE_CHANGE).order_by(Job.id)).all()
    sent: list[tuple[str, str, str]] = []

    for payload in payloads:
        mail_handlers(lambda *mail: sent.append(mail), "https://moyai.example")[MAIL_ROLE_CHANGE](payload)

    (japanese, first, second) = sent
    assert japanese[1] == "【Moyai】あなたの役割が変わります"
    assert "山鹿市 山田 花子 様" in japanese[2]
    assert "令和9年4月1日（木） 0:00 から、役割「会計担当（団体）」が付与されます" in japanese[2]
    assert "最終日 令和10年3月31日（金）" in japanese[2]
    assert [mail[1] for mail in (first, second)] == ["[Moyai] Your roles change"] * 2
    assert "You were granted the role finance of a tenant." in first[2]
    assert "Your role finance of a tenant ends after 31 March 2027." in second[2]
