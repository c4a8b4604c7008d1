"""The emergency role: two people, one hour, and everybody who watches over the installation is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import cast
from uuid import UUID

import pytest
from flask import Flask

from admin.workflows.job_handlers import periodic_tasks
from admin.workflows.tenant_mails import mail_handlers
from governance.actors import Actor
from governance.audit.tables import AuditEvent
from governance.commands import ApprovalRequested
from governance.grants import roles_in_force
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, DomainError, NotAllowed
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.keycloak.port import Identities
from tenancy.people.break_glass import (
    MAIL_BREAK_GLASS,
    BreakGlassStarted,
    CloseBreakGlass,
    StartBreakGlass,
    break_glass_hours,
    close_break_glass,
    start_break_glass,
)
from tenancy.people.commands import DisableMember, disable_member
from tests.actors import Actors
from tests.factories import Visitors
from tests.second_person import approve, approved

HOUR = timedelta(hours=1)


@pytest.fixture
def auditor(actors: Actors, visitors: Visitors) -> Actor:
    return visitors.person(actors.operator_tenant, Role.OPERATOR_AUDITOR)


def asked(auditor: Actor) -> StartBreakGlass:
    return StartBreakGlass(tenant_id=auditor.tenant_id, member_id=UUID(auditor.id), reason="担当者と連絡が取れない")


def given(auditor: Actor, actors: Actors) -> UUID:
    done = approved(start_break_glass, asked(auditor), BreakGlassStarted, actor=actors.security, by=actors.approver)
    return done.hour_id


def roles(person: Actor) -> frozenset[Role]:
    with tenant_scope(OPERATOR):
        db.session.expire_all()
        return roles_in_force(db.session(), person.tenant_id, UUID(person.id), clock.now())


def mails(app: Flask) -> list[tuple[str, str, str]]:
    sent: list[tuple[str, str, str]] = []
    with tenant_scope(OPERATOR):
        db.session.expire_all()
        waiting = db.session.query(Job).filter_by(name=MAIL_BREAK_GLASS).order_by(Job.created_at)
        payloads = [job.payload for job in waiting]
    handler = mail_handlers(lambda *mail: sent.append(mail), "https://moyai.example")[MAIL_BREAK_GLASS]
    for payload in payloads:
        handler(payload)
    return sent


def test_it_is_given_once_a_second_person_has_approved_it_and_for_an_hour(auditor: Actor, actors: Actors) -> None:
    requested = start_break_glass(asked(auditor), actor=actors.security)
    assert isinstance(requested, ApprovalRequested)
    assert Role.BREAK_GLASS not in roles(auditor)

    start = clock.now()
    with clock.at(start):
        approve(requested, actor=actors.approver)
        assert Role.BREAK_GLASS in roles(auditor)
    with clock.at(start + HOUR - timedelta(seconds=1)):
        assert Role.BREAK_GLASS in roles(auditor)
    with clock.at(start + HOUR):
        assert Role.BREAK_GLASS not in roles(auditor), "whether a worker runs or not"


def test_nobody_approves_their_own_request_nor_the_role_for_themselves(
    actors: Actors, visitors: Visitors, auditor: Actor
) -> None:
    requested = start_break_glass(asked(auditor), actor=actors.security)
    with pytest.raises(DomainError):
        approve(requested, actor=actors.security)
    with pytest.raises(DomainError):
        approve(requested, actor=actors.finance)

    approver = visitors.person(actors.operator_tenant, Role.OPERATOR_APPROVER)
    for_approver = start_break_glass(asked(approver), actor=actors.security)
    with pytest.raises(Conflict, match="does not approve"):
        approve(for_approver, actor=approver)

    assert Role.BREAK_GLASS not in roles(auditor) | roles(approver)
    with pytest.raises(NotAllowed):
        start_break_glass(asked(auditor), actor=actors.onboarding)


def test_it_is_not_given_twice_nor_to_who_is_suspended(actors: Actors, visitors: Visitors, auditor: Actor) -> None:
    given(auditor, actors)
    with pytest.raises(Conflict):
        start_break_glass(asked(auditor), actor=actors.security)

    other = visitors.person(actors.operator_tenant, Role.OPERATOR_AUDITOR)
    command = DisableMember(tenant_id=other.tenant_id, member_id=UUID(other.id), reason="異動")
    disable_member(command, actor=actors.security)
    with pytest.raises(Conflict):
        start_break_glass(asked(other), actor=actors.security)


def test_it_ends_before_its_time_where_somebody_ends_it(auditor: Actor, actors: Actors) -> None:
    hour_id = given(auditor, actors)
    with pytest.raises(NotAllowed):
        close_break_glass(CloseBreakGlass(hour_id=hour_id), actor=actors.finance)
    assert Role.BREAK_GLASS in roles(auditor)

    close_break_glass(CloseBreakGlass(hour_id=hour_id), actor=actors.approver)
    close_break_glass(CloseBreakGlass(hour_id=hour_id), actor=actors.security)

    assert Role.BREAK_GLASS not in roles(auditor)
    with tenant_scope(OPERATOR):
        assert db.session.query(AuditEvent).filter_by(event="break_glass.closed", outcome="done").count() == 1


def test_those_who_watch_are_told_when_it_begins_and_what_was_done(
    database: Flask, actors: Actors, visitors: Visitors, auditor: Actor
) -> None:
    stopped = visitors.person(actors.operator_tenant, Role.OPERATOR_FINANCE)
    start = clock.now()
    with clock.at(start):
        given(auditor, actors)
        holder = replace(auditor, roles=auditor.roles | {Role.BREAK_GLASS})
        command = DisableMember(tenant_id=stopped.tenant_id, member_id=UUID(stopped.id), reason="不正な操作の疑い")
        disable_member(command, actor=holder)
    with clock.at(start + HOUR):
        for task in periodic_tasks(cast(Identities, None)):
            if getattr(task, "__name__", "") == "close_break_glass_hours":
                task()
                task()
        sent = mails(database)
        with tenant_scope(OPERATOR):
            (hour,) = break_glass_hours(db.session())

    assert hour.closed_at == hour.ends_at
    opened = [text for _, subject, text in sent if "始まりました" in subject]
    closed = [text for _, subject, text in sent if "終わりました" in subject]
    assert len(opened) == len(closed) >= 1
    assert all("担当者と連絡が取れない" in text for text in opened)
    assert all("利用者を停止した" in text for text in closed)
    with tenant_scope(OPERATOR):
        marked = db.session.query(AuditEvent).filter_by(event="member.disabled").one()
    assert marked.facts["break_glass"] is True
