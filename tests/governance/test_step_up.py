"""What needs a fresh login with a second factor: held by the command bus, for whichever entry point sends it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask

from governance.actors import Actor, ActorKind
from governance.audit.tables import AuditEvent
from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import NotAllowed
from governance.kernel.ids import new_id
from governance.permissions import Permission, Role
from governance.step_up import STEP_UP_MAX_AGE, StepUpNeeded
from tenancy.tenants.tables import Cohort
from tests.actors import Actors

TEN_MINUTES = timedelta(minutes=10)


class NameCohort(Command):
    name: str


class CohortNamed(Result):
    cohort_id: UUID


@handles(Permission.COHORT_DEFINE, Event.COHORT_DEFINED, step_up=True)
def name_cohort(ctx: CommandContext, command: NameCohort) -> CohortNamed:
    """Write one row."""
    cohort = Cohort(id=new_id(), name=command.name, label=command.name, fiscal_year=2025, created_at=ctx.now)
    ctx.session.add(cohort)
    ctx.audit(subject=cohort.id, name=command.name)
    return CohortNamed(cohort_id=cohort.id)


@pytest.fixture(autouse=True)
def asked_for(database: Flask) -> None:
    STEP_UP_MAX_AGE.set(database, lambda session: TEN_MINUTES)


def cohorts() -> list[str]:
    with tenant_scope(OPERATOR):
        return [cohort.name for cohort in db.session.query(Cohort)]


def recorded() -> int:
    with tenant_scope(OPERATOR):
        return db.session.query(AuditEvent).filter_by(command="name_cohort").count()


def fresh(actor: Actor, ago: timedelta = timedelta(0)) -> Actor:
    return replace(actor, second_factor_at=clock.now() - ago)


def test_a_person_without_a_fresh_second_factor_is_asked_for_one_and_nothing_is_done(actors: Actors) -> None:
    for person in (actors.onboarding, fresh(actors.onboarding, TEN_MINUTES)):
        with pytest.raises(StepUpNeeded) as asked:
            name_cohort(NameCohort(name="a"), actor=person, key="k")
        with pytest.raises(StepUpNeeded):
            name_cohort.try_out(NameCohort(name="a"), actor=person)
        assert asked.value.max_age == TEN_MINUTES
        assert "10" in asked.value.refusal.text("ja")

    assert (cohorts(), recorded()) == ([], 0)


def test_a_fresh_one_does_and_the_same_key_gives_the_answer_when_it_is_no_longer_fresh(actors: Actors) -> None:
    almost = fresh(actors.onboarding, TEN_MINUTES - timedelta(seconds=5))

    named = name_cohort(NameCohort(name="a"), actor=almost, key="k")
    again = name_cohort(NameCohort(name="a"), actor=actors.onboarding, key="k")

    assert again == named
    assert cohorts() == ["a"]


def test_who_may_not_is_refused_before_being_asked(actors: Actors) -> None:
    with pytest.raises(NotAllowed):
        name_cohort(NameCohort(name="a"), actor=actors.finance)


def test_moyai_itself_and_a_service_client_are_not_asked(actors: Actors) -> None:
    scoped = Actor(
        str(new_id()), ActorKind.CLIENT, actors.operator_tenant, frozenset(), frozenset({Permission.COHORT_DEFINE})
    )
    machine = Actor("cli:root", ActorKind.SYSTEM, actors.operator_tenant, frozenset({Role.OPERATOR_ONBOARDING}))

    name_cohort(NameCohort(name="a"), actor=replace(scoped, of_operator=True))
    name_cohort(NameCohort(name="b"), actor=machine)

    assert cohorts() == ["a", "b"]


def test_where_no_second_factor_is_required_nobody_is_asked(database: Flask, actors: Actors) -> None:
    STEP_UP_MAX_AGE.set(database, lambda session: None)

    name_cohort(NameCohort(name="a"), actor=actors.onboarding)

    assert cohorts() == ["a"]
