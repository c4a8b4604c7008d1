"""How long logins last, as the operator sets it: here at the next request, at Keycloak by its configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from admin.identity.sessions import delete_expired_sessions
from admin.identity.sign_in_limits import SetSignInLimits, SignInLimitsSet, set_sign_in_limits, sign_in_limits
from admin.identity.tables import EndedSession, SignInLimitsVersion, WebSession
from admin.operations.keycloak_setup import deployment_config, read_limits
from admin.operations.settings import Settings
from governance.actors import Actor
from governance.commands import ApprovalRequested
from governance.declaration import InvalidCommand, read_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import NotAllowed
from governance.permissions import Role
from governance.step_up import STEP_UP_MAX_AGE
from tenancy.keycloak.specification import realms
from tests.actors import Actors
from tests.admin.visitors import Visit
from tests.factories import Visitors
from tests.second_person import approve

MINUTE = timedelta(minutes=1)


def limits(idle: int = 30, longest: int = 10, step_up: int = 10) -> SetSignInLimits:
    return SetSignInLimits(idle_minutes=idle, longest_hours=longest, step_up_minutes=step_up)


def in_force() -> tuple[int, int, int]:
    with tenant_scope(OPERATOR):
        db.session.expire_all()
        found = sign_in_limits(db.session())
    return found.idle_minutes, found.longest_hours, found.step_up_minutes


def rows() -> list[SignInLimitsVersion]:
    with tenant_scope(OPERATOR):
        return db.session.query(SignInLimitsVersion).all()


def test_shorter_limits_end_open_sessions_at_the_next_click(
    web: Flask, actors: Actors, visitors: Visitors, signed_in: Callable[[Actor], Visit]
) -> None:
    start = clock.now()
    idle = signed_in(visitors.person(actors.operator_tenant, Role.OPERATOR_FINANCE))
    busy = signed_in(visitors.person(actors.operator_tenant, Role.OPERATOR_ONBOARDING))
    with clock.at(start + 6 * MINUTE):
        assert (idle.get("/help").status_code, busy.get("/help").status_code) == (200, 200)

    done = set_sign_in_limits(limits(idle=5, longest=1), actor=actors.security)

    assert isinstance(done, SignInLimitsSet)
    with clock.at(start + 10 * MINUTE):
        assert busy.get("/help").status_code == 200
    with clock.at(start + 12 * MINUTE):
        ended = idle.get("/help")
        assert (ended.status_code, "ended=idle" in ended.location) == (303, True)
        assert "5分操作がなかったため" in idle.get(ended.location).text
    for minutes in range(14, 60, 4):
        with clock.at(start + minutes * MINUTE):
            assert busy.get("/help").status_code == 200
    with clock.at(start + 61 * MINUTE):
        over = busy.get("/help")
        assert (over.status_code, "ended=ended" in over.location) == (303, True)
        delete_expired_sessions(clock.now())
    with tenant_scope(OPERATOR):
        kept = {row.person_id: row.is_idle for row in db.session.query(EndedSession)}
        assert db.session.query(WebSession).count() == 0
    assert sorted(kept.values()) == [False, True]


def test_a_longer_limit_waits_for_a_second_person(actors: Actors) -> None:
    set_sign_in_limits(limits(idle=15), actor=actors.security)

    requested = set_sign_in_limits(limits(idle=20), actor=actors.security)

    assert isinstance(requested, ApprovalRequested)
    assert in_force() == (15, 10, 10)
    approve(requested, actor=actors.approver)
    assert in_force() == (20, 10, 10)
    assert [row.number for row in rows()] == [1, 2]


def test_the_same_again_adds_no_version_and_others_may_not(actors: Actors) -> None:
    set_sign_in_limits(limits(idle=15), actor=actors.security)
    set_sign_in_limits(limits(idle=15), actor=actors.security)
    with pytest.raises(NotAllowed):
        set_sign_in_limits(limits(idle=5), actor=actors.finance)

    assert [(row.number, row.idle_minutes) for row in rows()] == [(1, 15)]


def test_what_cannot_be_is_refused_at_its_field() -> None:
    typed = {"idle_minutes": "4", "longest_hours": "25", "step_up_minutes": "0"}
    with pytest.raises(InvalidCommand) as refused:
        read_command(SetSignInLimits, typed, typed=True)
    assert {error.field for error in refused.value.errors} == set(typed)

    with pytest.raises(InvalidCommand) as longer:
        read_command(SetSignInLimits, {**typed, "idle_minutes": "90", "longest_hours": "1"}, typed=True)
    assert "idle_minutes" in {error.field for error in longer.value.errors}


def test_a_second_factor_is_fresh_for_as_long_as_is_set(web: Flask, actors: Actors) -> None:
    set_sign_in_limits(limits(step_up=2), actor=replace(actors.security, second_factor_at=clock.now()))

    with web.app_context(), tenant_scope(OPERATOR):
        assert STEP_UP_MAX_AGE.get()(db.session()) == 2 * MINUTE


def test_the_realms_are_meant_to_have_the_same_limits(web: Flask, settings: Settings, actors: Actors) -> None:
    before = deployment_config(settings)
    set_sign_in_limits(limits(idle=15, longest=8), actor=actors.security)

    for realm in realms(deployment_config(settings)):
        assert realm.settings["ssoSessionIdleTimeout"] == 15 * 60
        assert realm.settings["ssoSessionMaxLifespan"] == 8 * 3600
    assert (before.idle_seconds, before.longest_seconds) == (1800, 36000)


def test_without_a_database_the_usual_limits_are_meant() -> None:
    assert read_limits("postgresql+psycopg://nobody@127.0.0.1:1/none") == {}
