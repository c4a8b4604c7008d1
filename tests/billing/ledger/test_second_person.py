"""A command that needs a second person, on the books: what one person can do alone is nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from psycopg import errors
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from billing.ledger import queries
from billing.ledger.commands import (
    ChangePeriodState,
    EntryPosted,
    ReverseEntry,
    change_period_state,
    post_entry,
    reverse_entry,
)
from billing.ledger.periods import PeriodState
from governance.actors import Actor, ActorKind, command_line_actor
from governance.approvals import approval_by_id, may_decide, pending_requests, pending_requests_for
from governance.approvals.commands import ApprovalDecided, DecideApproval, decide_approval
from governance.approvals.states import Decision
from governance.audit.queries import events
from governance.commands import ApprovalRequested, system_transaction
from governance.declaration import InvalidCommand, build_command
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, DomainError, NotAllowed, Stale
from governance.kernel.ids import new_id
from governance.permissions import Role
from tests import servers
from tests.actors import Actors
from tests.billing.ledger.books import DAY, close, contribution, posted
from tests.second_person import approve, join


@pytest.fixture
def requested(book: UUID, actors: Actors) -> ApprovalRequested:
    """A request of finance to post 1,000 yen."""
    return post_entry(contribution(book), actor=actors.finance)


def entries_of(book: UUID) -> list[queries.EntryFacts]:
    with tenant_scope(OPERATOR):
        return queries.entries(db.session(), book)


def waiting() -> list[UUID]:
    with tenant_scope(OPERATOR):
        return [one.id for one in pending_requests(db.session())]


def decide(
    requested: ApprovalRequested, actor: Actor, decision: Decision = Decision.APPROVED, **more: Any
) -> ApprovalDecided:
    given = {"digest": requested.digest, "reason": "確認した"} | more
    return decide_approval(DecideApproval(approval_id=requested.approval_id, decision=decision, **given), actor=actor)


@contextmanager
def refused(kind: type[DomainError], code: str) -> Iterator[pytest.ExceptionInfo[DomainError]]:
    """What is refused meanwhile, with this code."""
    with pytest.raises(kind) as refusal:
        yield refusal
    assert refusal.value.code == code


# -- two people


def test_a_request_changes_nothing_and_is_on_record(book: UUID, actors: Actors, requested: ApprovalRequested) -> None:
    assert entries_of(book) == []
    assert waiting() == [requested.approval_id]
    with tenant_scope(OPERATOR):
        [event] = events(db.session(), subject=str(requested.approval_id))
        assert events(db.session(), event="ledger.posted") == []
        found = approval_by_id(db.session(), requested.approval_id)
    assert (event.event, event.actor, event.facts["command"]) == ("approval.requested", actors.finance.id, "post_entry")
    assert found.body is not None
    assert (found.body["tenant_id"], found.body["memo"]) == (str(book), "令和7年度 負担金")
    assert (found.requested_by, found.decision) == (actors.finance.id, None)


def test_another_person_approves_and_the_stored_command_runs_once(
    book: UUID, actors: Actors, requested: ApprovalRequested
) -> None:
    first = approve(requested, actor=actors.approver, key="k")
    again = approve(requested, actor=actors.approver, key="k")

    [entry] = entries_of(book)
    assert first == again
    assert EntryPosted.model_validate(first.result).entry_id == entry.id
    assert waiting() == []
    with tenant_scope(OPERATOR):
        [decided] = events(db.session(), event="approval.decided")
        [done] = events(db.session(), event="ledger.posted")
    assert (decided.actor, decided.facts["requested_by"]) == (actors.approver.id, actors.finance.id)
    assert done.facts["approval"] == str(requested.approval_id)
    with refused(Conflict, "approval.already_decided"):
        approve(requested, actor=actors.approver)
    assert len(entries_of(book)) == 1


def test_sent_back_nothing_is_done_and_the_same_can_be_requested_again(
    book: UUID, actors: Actors, requested: ApprovalRequested
) -> None:
    decide(requested, actors.approver, Decision.REJECTED, reason="摘要が違う")

    assert (entries_of(book), waiting()) == ([], [])
    with tenant_scope(OPERATOR):
        assert approval_by_id(db.session(), requested.approval_id).decision_reason == "摘要が違う"
    post_entry(contribution(book), actor=actors.finance)
    assert len(waiting()) == 1


def test_what_the_decider_notes_is_kept(actors: Actors, requested: ApprovalRequested) -> None:
    decide(requested, actors.approver, decision_number="会計第12号", decided_for="会計課長", decided_for_reason="出張")

    with tenant_scope(OPERATOR):
        found = approval_by_id(db.session(), requested.approval_id)
    assert (found.decision_number, found.decided_for, found.decided_for_reason) == ("会計第12号", "会計課長", "出張")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"decision": Decision.REJECTED}, "approval.reason_of_rejection"),
        ({"decision": Decision.APPROVED, "decided_for": "課長"}, "approval.decided_for_whole"),
        ({"decision": Decision.APPROVED, "decided_for_reason": "出張"}, "approval.decided_for_whole"),
    ],
)
def test_a_decision_is_whole(given: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidCommand) as refusal:
        build_command(DecideApproval, approval_id=new_id(), digest="sha256:0", **given)
    assert refusal.value.code == code


# -- one person


def test_nobody_decides_the_own_request(book: UUID, actors: Actors) -> None:
    both = Actor(
        actors.finance.id, ActorKind.PERSON, actors.operator_tenant, actors.finance.roles | actors.approver.roles
    )
    own = post_entry(contribution(book), actor=both)

    for decision in Decision:
        with refused(NotAllowed, "approval.own_request"):
            decide(own, both, decision)
    assert entries_of(book) == []
    assert waiting() == [own.approval_id]


def test_two_accounts_of_one_person_are_one_person(book: UUID, actors: Actors, requested: ApprovalRequested) -> None:
    person = join(actors.finance.id, actors.operator_tenant)
    join(actors.approver.id, actors.operator_tenant, person)

    with refused(NotAllowed, "approval.own_request"):
        decide(requested, actors.approver)

    with tenant_scope(OPERATOR):
        assert pending_requests_for(db.session(), actors.approver, ()) == []
        [found] = pending_requests(db.session())
        assert not may_decide(db.session(), actors.approver, found)
    assert entries_of(book) == []


@pytest.mark.parametrize("who", ["finance", "security", "onboarding", "auditor"])
def test_only_the_role_that_decides_money_decides_it(
    book: UUID, actors: Actors, requested: ApprovalRequested, who: str
) -> None:
    with pytest.raises(NotAllowed):
        decide(requested, getattr(actors, who))
    assert entries_of(book) == []


def test_the_shell_and_programs_decide_nothing(book: UUID, actors: Actors, requested: ApprovalRequested) -> None:
    shell = command_line_actor(actors.operator_tenant)
    program = Actor("system:worker", ActorKind.SYSTEM, actors.operator_tenant, actors.approver.roles)

    for decision in Decision:
        with refused(NotAllowed, "permission.decided_by_people"):
            decide(requested, shell, decision)
        with refused(NotAllowed, "approval.not_a_person"):
            decide(requested, program, decision)
    assert entries_of(book) == []
    assert waiting() == [requested.approval_id]


def test_what_the_shell_requested_is_approved_only_once_its_person_is_known(book: UUID, actors: Actors) -> None:
    shell = command_line_actor(actors.operator_tenant)
    asked = post_entry(contribution(book), actor=shell)

    with refused(Conflict, "approval.requester_unknown"):
        decide(asked, actors.approver)
    assert entries_of(book) == []

    person = join(shell.id, actors.operator_tenant)
    join(actors.approver.id, actors.operator_tenant, person)
    with refused(NotAllowed, "approval.own_request"):
        decide(asked, actors.approver)
    assert entries_of(book) == []

    other = Actor(str(new_id()), ActorKind.PERSON, actors.operator_tenant, frozenset({Role.OPERATOR_APPROVER}))
    decide(asked, other)
    assert len(entries_of(book)) == 1


def test_a_reversal_and_a_closing_need_two_people_too(book: UUID, actors: Actors) -> None:
    entry = posted(actors, book)
    command = ReverseEntry(tenant_id=book, entry_id=entry.entry_id, happened_on=DAY, reason="誤り")

    reversal = reverse_entry(command, actor=actors.finance)
    closing = change_period_state(
        ChangePeriodState(tenant_id=book, fiscal_year=2025, to=PeriodState.CLOSING), actor=actors.finance
    )

    assert len(entries_of(book)) == 1
    with tenant_scope(OPERATOR):
        assert queries.periods(db.session(), book, 2025)[0].state is PeriodState.OPEN
    for one in (reversal, closing):
        with pytest.raises(NotAllowed):
            decide(one, actors.finance)
        approve(one, actor=actors.approver)
    assert len(entries_of(book)) == 2
    with tenant_scope(OPERATOR):
        assert queries.periods(db.session(), book, 2025)[0].state is PeriodState.CLOSING


# -- what is refused


def test_what_would_be_refused_is_refused_when_it_is_requested(book: UUID, actors: Actors) -> None:
    posted(actors, book)
    close(actors, book)

    with refused(DomainError, "ledger.year_closed"):
        post_entry(contribution(book), actor=actors.finance)

    assert waiting() == []
    assert len(entries_of(book)) == 1


def test_what_is_refused_at_the_decision_leaves_nothing_half_done(
    book: UUID, actors: Actors, requested: ApprovalRequested
) -> None:
    posted(actors, book)
    close(actors, book)

    with refused(Conflict, "approval.cannot_be_done") as refusal:
        decide(requested, actors.approver)

    assert "2025" in refusal.value.text("ja")
    assert waiting() == [requested.approval_id]
    assert len(entries_of(book)) == 1
    decide(requested, actors.approver, Decision.REJECTED)
    assert waiting() == []


def test_another_digest_than_the_requests_is_stale(actors: Actors, requested: ApprovalRequested) -> None:
    with refused(Stale, "approval.stale"):
        decide(requested, actors.approver, digest="sha256:0")
    assert waiting() == [requested.approval_id]


def test_the_same_request_again_is_the_same_one_and_somebody_elses_is_refused(book: UUID, actors: Actors) -> None:
    command = contribution(book, reference="slip-1")
    first = post_entry(command, actor=actors.finance)
    assert post_entry(command, actor=actors.finance) == first

    other = Actor(str(new_id()), ActorKind.PERSON, actors.operator_tenant, actors.finance.roles)
    with refused(Conflict, "approval.already_requested"):
        post_entry(command, actor=other)
    assert waiting() == [first.approval_id]


def test_what_is_there_already_needs_no_approval(book: UUID, actors: Actors) -> None:
    command = contribution(book, reference="slip-1")
    approve(post_entry(command, actor=actors.finance), actor=actors.approver)

    with refused(Conflict, "approval.nothing_to_do"):
        post_entry(command, actor=actors.finance)
    assert waiting() == []


def test_of_two_deciders_at_once_one_runs_it(
    database: Flask, book: UUID, actors: Actors, requested: ApprovalRequested
) -> None:
    people = [Actor(str(new_id()), ActorKind.PERSON, actors.operator_tenant, actors.approver.roles) for _ in range(2)]

    def as_person(person: Actor) -> str:
        with database.app_context():
            try:
                decide(requested, person)
                return "done"
            except Conflict as refusal:
                return refusal.code
            finally:
                db.session.remove()

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(as_person, people))
    assert outcomes == ["approval.already_decided", "done"]
    assert len(entries_of(book)) == 1


# -- the database refuses last

DECIDE = "UPDATE approval_request SET decided_by = {}, decided_at = now(), decision = 'approved'"


@pytest.fixture
def execute(database: Flask) -> Callable[..., None]:
    """A statement as the application's role in the operator's scope."""

    def run(statement: str, **values: Any) -> None:
        with system_transaction(OPERATOR) as session:
            session.execute(text(statement), values)

    return run


@pytest.mark.parametrize("decider", ["cli:root", "system:worker", "", "finance", "0"])
def test_the_database_takes_no_decider_but_a_person(
    execute: Callable[..., None], requested: ApprovalRequested, decider: str
) -> None:
    with pytest.raises(IntegrityError, match="only a person who is signed in decides"):
        execute(DECIDE.format(":decider"), decider=decider)
    assert waiting() == [requested.approval_id]


def test_the_database_knows_both_accounts_of_one_person(
    execute: Callable[..., None], actors: Actors, requested: ApprovalRequested
) -> None:
    person = join(actors.finance.id, actors.operator_tenant)
    join(actors.approver.id, actors.operator_tenant, person)

    with pytest.raises(IntegrityError, match="are one person"):
        execute(DECIDE.format(":decider"), decider=actors.approver.id)
    assert waiting() == [requested.approval_id]


def test_a_tenants_scope_knows_the_requesters_person(execute: Callable[..., None], actors: Actors, book: UUID) -> None:
    """The tenant sees no account of the operator's; the request keeps whose it is."""
    person = join(actors.finance.id, actors.operator_tenant)
    owner = actors.municipal(book, Role.TENANT_OWNER)
    join(owner.id, book, person)
    with system_transaction(OPERATOR) as session:
        session.execute(
            text(
                "INSERT INTO approval_request (id, tenant_id, kind, subject_id, digest, requested_by, requested_at,"
                " request_reason) VALUES (:id, :tenant, 'test', :id, 'd', :by, now(), '')"
            ),
            {"id": new_id(), "tenant": book, "by": actors.finance.id},
        )

    with pytest.raises(IntegrityError, match="are one person"), system_transaction(book) as session:
        session.execute(text(DECIDE.format(":decider")), {"decider": owner.id})
    assert len(waiting()) == 1


def test_the_database_approves_nothing_of_an_unknown_shell(
    execute: Callable[..., None], actors: Actors, book: UUID
) -> None:
    post_entry(contribution(book), actor=command_line_actor(actors.operator_tenant))

    with pytest.raises(IntegrityError, match="nobody recorded whose account"):
        execute(DECIDE.format(":decider"), decider=actors.approver.id)
    assert len(waiting()) == 1


@pytest.fixture
def stored(postgresql: servers.PostgreSQL, database_name: str, requested: ApprovalRequested) -> Iterator[Stored]:
    """The request in the database, over a connection of the application's role alone in the operator's scope."""
    url = servers.libpq(postgresql.app_url(database_name))
    with psycopg.connect(url, options="-c moyai.scope=operator") as connection:
        yield Stored(connection, requested.approval_id)


DECISION = {
    "decided_by": "gen_random_uuid()::text",
    "decided_at": "now()",
    "decision": "'approved'",
    "decision_reason": "''",
    "decision_number": "'1'",
    "decided_for": "'課長'",
    "decided_for_reason": "'出張'",
    "result": "'{}'",
}
"""The columns of a decision, each with a value."""


class Stored:
    """One request, written by hand."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]], approval_id: UUID) -> None:
        self.connection = connection
        self.approval_id = approval_id

    @property
    def columns(self) -> list[str]:
        cursor = self.connection.execute("SELECT * FROM approval_request LIMIT 0")
        return [column.name for column in cursor.description or ()]

    def update(self, **values: str) -> None:
        assigned = ", ".join(f"{column} = {value}" for column, value in values.items())
        self.execute(f"UPDATE approval_request SET {assigned} WHERE id = %(id)s")

    def insert_copy(self, **values: str) -> None:
        """Another request like it, with these values besides."""
        like = ("tenant_id", "kind", "digest", "requested_by", "requested_at", "request_reason")
        columns = ("id", "subject_id", *like, *values)
        given = ("gen_random_uuid()", "gen_random_uuid()", *like, *values.values())
        self.execute(
            f"INSERT INTO approval_request ({', '.join(columns)}) SELECT {', '.join(given)} FROM approval_request"
            " WHERE id = %(id)s"
        )

    def execute(self, statement: str) -> None:
        self.connection.execute(statement.encode(), {"id": self.approval_id})

    def rows(self) -> list[tuple[Any, ...]]:
        self.connection.rollback()
        return self.connection.execute("SELECT * FROM approval_request").fetchall()


def test_an_open_request_and_a_whole_decision_are_what_the_application_may_store(stored: Stored) -> None:
    """So that what is refused below is refused for its column or its state."""
    stored.insert_copy()
    stored.update(**DECISION)
    stored.connection.rollback()
    assert set(DECISION) < set(stored.columns)


def test_sql_as_the_application_may_name_anybody_but_never_one_person_twice(stored: Stored) -> None:
    """That they did it the database cannot check; SECURITY.md says what that role is worth."""
    named, other = str(new_id()), str(new_id())

    def request() -> None:
        stored.execute(
            "INSERT INTO approval_request"
            " (id, tenant_id, kind, subject_id, digest, requested_by, requested_at, request_reason, command, body,"
            f" second_person) SELECT gen_random_uuid(), tenant_id, kind, gen_random_uuid(), digest, '{named}', now(),"
            " '', command, body, second_person FROM approval_request WHERE id = %(id)s"
        )

    def decide_as(person: str) -> None:
        stored.execute(f"{DECIDE.format(repr(person))} WHERE requested_by = '{named}'")

    request()
    decide_as(other)
    found = stored.connection.execute("SELECT requested_by, decided_by FROM approval_request WHERE decided_by <> ''")
    assert found.fetchall() == [(named, other)]
    stored.connection.rollback()

    request()
    with pytest.raises(errors.IntegrityError):
        decide_as(named)


def test_the_application_sets_no_column_but_those_of_a_decision(stored: Stored) -> None:
    before = stored.rows()
    others = [column for column in stored.columns if column not in DECISION]
    assert len(others) == 12
    for column in others:
        with pytest.raises(errors.InsufficientPrivilege):
            stored.update(**{column: column})
        assert stored.rows() == before, column


@pytest.mark.parametrize("column", [*DECISION, "requester_persons"])
def test_the_application_inserts_no_request_with_anything_decided(stored: Stored, column: str) -> None:
    before = stored.rows()
    with pytest.raises(errors.InsufficientPrivilege):
        stored.insert_copy(**{column: DECISION.get(column, "'{}'")})
    assert stored.rows() == before


HALF_DECIDED = [
    {"decided_by": DECISION["decided_by"]},
    {"decided_at": "now()"},
    {"decision": "'approved'"},
    {"decision_reason": "'良い'"},
    {"decision_number": "'1'"},
    {"decided_for": "'課長'", "decided_for_reason": "'出張'"},
    {"result": "'{}'"},
    DECISION | {"decision": "NULL"},
    DECISION | {"decided_by": "NULL"},
    DECISION | {"decided_at": "NULL"},
    DECISION | {"decided_for": "NULL"},
    DECISION | {"decided_for_reason": "NULL"},
    DECISION | {"decision": "'withdrawn'"},
    DECISION | {"decided_by": "requested_by"},
]


@pytest.mark.parametrize("values", HALF_DECIDED, ids=lambda values: ", ".join(f"{k}={v}" for k, v in values.items()))
def test_no_state_between_open_and_decided_is_stored(stored: Stored, values: dict[str, str]) -> None:
    before = stored.rows()
    with pytest.raises(errors.IntegrityError):
        stored.update(**values)
    assert stored.rows() == before


@pytest.mark.parametrize(
    "values", [{"decision": "'rejected'"}, dict.fromkeys(DECISION, "NULL"), {"result": "'{1}'"}, DECISION]
)
def test_what_is_decided_stays_as_it_was_decided(
    stored: Stored, actors: Actors, requested: ApprovalRequested, values: dict[str, str]
) -> None:
    approve(requested, actor=actors.approver)
    before = stored.rows()
    with pytest.raises(errors.IntegrityError, match="was decided already"):
        stored.update(**values)
    assert stored.rows() == before


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM approval_request",
        "TRUNCATE approval_request",
        "UPDATE person_account SET person_id = gen_random_uuid()",
        "DELETE FROM person_account",
    ],
)
def test_the_application_removes_no_request_and_no_account(stored: Stored, statement: str) -> None:
    before = stored.rows()
    with pytest.raises(errors.InsufficientPrivilege):
        stored.execute(statement)
    assert stored.rows() == before


def test_a_decision_is_not_changed(execute: Callable[..., None], actors: Actors, requested: ApprovalRequested) -> None:
    approve(requested, actor=actors.approver)

    for change in (DECIDE.format(f"'{new_id()}'"), "UPDATE approval_request SET decision_number = 'x'"):
        with pytest.raises(IntegrityError, match="decided already"):
            execute(change)


def test_a_body_that_was_changed_behind_the_triggers_is_not_run(
    postgresql: servers.PostgreSQL,
    database_name: str,
    book: UUID,
    actors: Actors,
    requested: ApprovalRequested,
) -> None:
    with psycopg.connect(servers.libpq(postgresql.superuser_url), dbname=database_name) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("UPDATE approval_request SET body = replace(body, '1000', '9000')")

    with refused(Conflict, "approval.cannot_be_done"):
        approve(requested, actor=actors.approver)
    assert entries_of(book) == []


def test_accounts_with_one_address_are_one_persons(actors: Actors, book: UUID) -> None:
    person_ids = []
    with system_transaction(OPERATOR) as session:
        for tenant, address in (
            (actors.operator_tenant, "a@example.jp"),
            (book, "A@Example.jp"),
            (book, "b@example.jp"),
        ):
            person_ids.append(person := new_id())
            session.execute(
                text(
                    "INSERT INTO member (id, tenant_id, person_id, family_name, given_name, email, email_key, state,"
                    " added_by, added_at) VALUES (:id, :tenant, :id, '姓', '名', CAST(:address AS text),"
                    " lower(CAST(:address AS text)), 'active', 'test', now())"
                ),
                {"id": person, "tenant": tenant, "address": address},
            )
    with tenant_scope(OPERATOR):
        keys = [
            set(
                db.session()
                .execute(text("SELECT person_id FROM person_account WHERE account = :a"), {"a": str(one)})
                .scalars()
            )
            for one in person_ids
        ]
    assert keys[0] == keys[1] != keys[2]

    with system_transaction(OPERATOR) as session:
        session.execute(
            text("UPDATE member SET email = 'c@example.jp', email_key = 'c@example.jp' WHERE id = :id"),
            {"id": person_ids[0]},
        )
    with tenant_scope(OPERATOR):
        now = set(
            db.session()
            .execute(text("SELECT person_id FROM person_account WHERE account = :a"), {"a": str(person_ids[0])})
            .scalars()
        )
    # Another address makes nobody another person.
    assert keys[0] < now
