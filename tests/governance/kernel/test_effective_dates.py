"""Half-open intervals: what holds on a day, in a query and of a row, and what supersedes it."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.effective_dates import supersede
from governance.kernel.errors import Conflict, message
from governance.kernel.ids import new_id
from tenancy.quotas.tables import Plan, PlanQuota

LATER = message("test.later_exists", ja="{given} より後の {later}", en="{later} is later than {given}")
APRIL, MAY = date(2026, 4, 1), date(2026, 5, 1)


def _plan(session: Session) -> Plan:
    plan = Plan(id=new_id(), name="effective", label="effective", created_at=clock.now())
    session.add(plan)
    session.flush()
    return plan


def _quota(plan: Plan, value: int, since: date) -> PlanQuota:
    return PlanQuota(id=new_id(), plan_id=plan.id, dimension="users", value=value, valid_from=since)


def _in_force(session: Session, plan_id: UUID, day: date) -> list[int | None]:
    query = select(PlanQuota.value).where(PlanQuota.plan_id == plan_id, PlanQuota.in_force_on(day))
    return list(session.scalars(query))


def test_a_successor_begins_on_the_day_its_predecessor_ends(database: Flask) -> None:
    with tenant_scope(OPERATOR):
        session = db.session()
        plan = _plan(session)
        first, second = _quota(plan, 10, APRIL), _quota(plan, 20, MAY)
        supersede(session, None, first, later_exists=LATER)
        supersede(session, first, second, later_exists=LATER)
        session.flush()

        assert _in_force(session, plan.id, date(2026, 3, 31)) == []
        assert _in_force(session, plan.id, date(2026, 4, 30)) == [10]
        assert _in_force(session, plan.id, MAY) == [20]
        assert [quota.in_force_on(MAY) for quota in (first, second)] == [False, True]
        session.rollback()


def test_a_row_superseded_on_its_first_day_never_holds(database: Flask) -> None:
    with tenant_scope(OPERATOR):
        session = db.session()
        plan = _plan(session)
        first, second = _quota(plan, 10, APRIL), _quota(plan, 20, APRIL)
        supersede(session, None, first, later_exists=LATER)
        supersede(session, first, second, later_exists=LATER)
        session.flush()

        assert _in_force(session, plan.id, APRIL) == [20]
        assert not first.in_force_on(APRIL)
        session.rollback()


def test_what_was_decided_for_later_is_not_superseded_by_something_earlier(database: Flask) -> None:
    with tenant_scope(OPERATOR):
        session = db.session()
        plan = _plan(session)
        later = _quota(plan, 10, MAY)
        supersede(session, None, later, later_exists=LATER)
        with pytest.raises(Conflict) as refused:
            supersede(session, later, _quota(plan, 20, APRIL), later_exists=LATER)

        assert refused.value.field == "valid_from"
        assert refused.value.facts == {"given": "2026-04-01", "later": "2026-05-01"}
        assert later.valid_until is None
        session.rollback()
