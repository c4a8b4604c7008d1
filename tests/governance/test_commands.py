"""The command bus: what it promises to every command, tried on a real database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from governance import outbox
from governance.actors import Actor
from governance.approvals import OWN_REQUEST
from governance.audit import queries
from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, IdempotencyKeyReused, Invalid, NotAllowed
from governance.kernel.ids import new_id
from governance.permissions import Permission, Role
from tenancy.tenants.tables import Cohort
from tests.actors import Actors


class NameCohort(Command):
    name: str
    then: str = "answer"


class CohortNamed(Result):
    cohort_id: UUID


def _name_cohort(ctx: CommandContext, command: NameCohort) -> CohortNamed:
    """Write one row, then behave as the command says."""
    cohort = Cohort(id=new_id(), name=command.name, label=command.name, fiscal_year=2025, created_at=ctx.now)
    ctx.session.add(cohort)
    ctx.session.flush()
    if command.then == "refuse":
        raise Conflict(OWN_REQUEST)
    if command.then == "break":
        raise ZeroDivisionError
    if command.then == "nest":
        name_cohort(NameCohort(name="inner"), actor=ctx.actor)
    if command.then != "forget":
        ctx.audit(subject=cohort.id, name=command.name)
    if command.then == "enqueue":
        ctx.enqueue("test.job", {"cohort": str(cohort.id)})
    return CohortNamed(cohort_id=cohort.id)


name_cohort = handles(Permission.COHORT_DEFINE, Event.COHORT_DEFINED)(_name_cohort)
edit_cohort = handles(Permission.COHORT_DEFINE, Event.COHORT_DEFINED, edits="cohort {name}")(_name_cohort)


def _cohorts() -> set[str]:
    with tenant_scope(OPERATOR):
        return set(db.session.execute(text("SELECT name FROM cohort")).scalars())


def _record(outcome: str) -> list[queries.AuditEventFacts]:
    with tenant_scope(OPERATOR):
        return [event for event in queries.events(db.session(), outcome=outcome) if event.command == "_name_cohort"]


def test_a_command_changes_and_records_in_one_transaction(actors: Actors) -> None:
    outcome = name_cohort(NameCohort(name="r6"), actor=actors.onboarding)

    assert _cohorts() == {"r6"}
    (event,) = _record("done")
    assert event.subject == str(outcome.cohort_id)
    assert event.actor == actors.onboarding.id
    assert event.facts == {"name": "r6"}


def test_without_the_permission_nothing_is_changed_and_the_attempt_is_recorded(actors: Actors) -> None:
    with pytest.raises(NotAllowed):
        name_cohort(NameCohort(name="r6"), actor=actors.finance)

    assert _cohorts() == set()
    (event,) = _record("denied")
    assert event.facts == {"code": "permission.missing", "fields": ["name"]}


def test_a_refusal_leaves_no_change_but_a_record(actors: Actors) -> None:
    with pytest.raises(Conflict):
        name_cohort(NameCohort(name="r6", then="refuse"), actor=actors.onboarding)

    assert _cohorts() == set()
    assert len(_record("refused")) == 1
    assert _record("done") == []


def test_a_bug_stays_an_exception_and_is_recorded_without_its_text(actors: Actors) -> None:
    with pytest.raises(ZeroDivisionError):
        name_cohort(NameCohort(name="r6", then="break"), actor=actors.onboarding)

    assert _cohorts() == set()
    (event,) = _record("failed")
    assert event.facts["code"] == "ZeroDivisionError"


def test_a_change_that_left_no_record_is_not_committed(actors: Actors) -> None:
    with pytest.raises(RuntimeError, match="without recording"):
        name_cohort(NameCohort(name="r6", then="forget"), actor=actors.onboarding)

    assert _cohorts() == set()


def test_the_same_key_and_command_give_the_same_answer_and_one_change(actors: Actors) -> None:
    first = name_cohort(NameCohort(name="r6"), actor=actors.onboarding, key="k-1")
    second = name_cohort(NameCohort(name="r6"), actor=actors.onboarding, key="k-1")

    assert second == first
    assert len(_record("done")) == 1


def test_the_same_key_with_another_command_is_refused(actors: Actors) -> None:
    name_cohort(NameCohort(name="r6"), actor=actors.onboarding, key="k-1")
    with pytest.raises(IdempotencyKeyReused):
        name_cohort(NameCohort(name="r7"), actor=actors.onboarding, key="k-1")

    assert _cohorts() == {"r6"}


def test_a_refused_command_does_not_use_its_key_up(actors: Actors) -> None:
    with pytest.raises(Conflict):
        name_cohort(NameCohort(name="r6", then="refuse"), actor=actors.onboarding, key="k-1")
    name_cohort(NameCohort(name="r6"), actor=actors.onboarding, key="k-1")

    assert _cohorts() == {"r6"}


@pytest.mark.parametrize("key", ["", "x" * 256, "鍵", "a\nb"])
def test_a_key_that_is_none_is_refused(actors: Actors, key: str) -> None:
    with pytest.raises(Invalid):
        name_cohort(NameCohort(name="r6"), actor=actors.onboarding, key=key)

    assert _cohorts() == set()


def test_fifty_at_once_with_one_key_change_once(database: Flask, actors: Actors) -> None:
    def ask(_: int) -> UUID:
        with database.app_context():
            return name_cohort(NameCohort(name="r6"), actor=actors.onboarding, key="k-1").cohort_id

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(ask, range(50)))

    assert len(answers) == 1
    assert len(_record("done")) == 1


def test_a_key_is_the_actors_own(actors: Actors) -> None:
    other = Actor(str(new_id()), actors.onboarding.kind, actors.operator_tenant, actors.onboarding.roles)
    name_cohort(NameCohort(name="r6"), actor=actors.onboarding, key="k-1")
    name_cohort(NameCohort(name="r7"), actor=other, key="k-1")

    assert _cohorts() == {"r6", "r7"}


def test_jobs_are_dispatched_after_the_commit_and_never_after_a_refusal(database: Flask, actors: Actors) -> None:
    dispatched: list[UUID] = []

    class Noting:
        def dispatch(self, job_id: UUID) -> None:
            with tenant_scope(OPERATOR):
                assert outbox.due(db.session(), clock.now()) == [job_id]
            dispatched.append(job_id)

    outbox.DISPATCHER.set(database, Noting())
    try:
        name_cohort(NameCohort(name="r6", then="enqueue"), actor=actors.onboarding)
        with pytest.raises(NotAllowed):
            name_cohort(NameCohort(name="r7", then="enqueue"), actor=actors.finance)
    finally:
        outbox.DISPATCHER.set(database, None)

    assert len(dispatched) == 1


def test_a_command_inside_a_command_is_a_bug(actors: Actors) -> None:
    with pytest.raises(RuntimeError, match="inside another command"):
        name_cohort(NameCohort(name="r6", then="nest"), actor=actors.onboarding)

    assert _cohorts() == set()


def test_a_municipal_actor_works_in_its_own_scope(actors: Actors) -> None:
    outsider = actors.municipal(new_id(), Role.TENANT_OWNER)

    assert outsider.tenant_scope == outsider.tenant_id
    assert not outsider.may(Permission.COHORT_DEFINE)
    assert actors.onboarding.tenant_scope == OPERATOR


def test_today_is_one_date_in_japan_for_the_whole_command(actors: Actors) -> None:
    # 15:00 UTC is midnight in Japan: the command that began before it stays on its day.
    before_midnight = datetime(2026, 3, 31, 14, 59, 59, tzinfo=UTC)
    ctx = CommandContext(db.session(), actors.onboarding, before_midnight, Event.COHORT_DEFINED)

    with clock.at(datetime(2026, 3, 31, 15, 0, tzinfo=UTC)):
        assert clock.today() == date(2026, 4, 1)
        assert ctx.today == date(2026, 3, 31)


def test_what_a_precondition_refuses_changes_nothing_and_is_recorded(actors: Actors) -> None:
    def refuse(session: Session) -> None:
        raise Conflict(OWN_REQUEST)

    with pytest.raises(Conflict):
        edit_cohort(NameCohort(name="r6"), actor=actors.onboarding, key="k", precondition=refuse)

    assert _cohorts() == set()
    (event,) = _record("refused")
    assert event.facts["code"] == OWN_REQUEST.code
    # The key is still free: the same request may be sent again.
    edit_cohort(NameCohort(name="r6"), actor=actors.onboarding, key="k", precondition=lambda session: None)
    assert _cohorts() == {"r6"}


def test_a_key_used_before_answers_whatever_its_precondition_says_now(actors: Actors) -> None:
    first = edit_cohort(NameCohort(name="r6"), actor=actors.onboarding, key="k", precondition=lambda session: None)

    def refuse(session: Session) -> None:
        raise Conflict(OWN_REQUEST)

    assert edit_cohort(NameCohort(name="r6"), actor=actors.onboarding, key="k", precondition=refuse) == first


def test_a_precondition_of_a_command_that_edits_nothing_is_a_bug(actors: Actors) -> None:
    with pytest.raises(RuntimeError, match="edits no object"):
        name_cohort(NameCohort(name="r6"), actor=actors.onboarding, precondition=lambda session: None)
    assert _cohorts() == set()


def test_an_edited_object_is_named_by_fields_that_the_command_has() -> None:
    with pytest.raises(ValueError, match="colour"):
        handles(Permission.COHORT_DEFINE, Event.COHORT_DEFINED, edits="cohort {colour}")(_name_cohort)
