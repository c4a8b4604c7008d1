"""The write door: every change of Moyai is a command, and nothing else commits.

The decorator asks the permission, opens one transaction in the actor's scope, holds the idempotency key, runs the
body, refuses to commit a change that left no record, commits once, and only then lets jobs go. What was denied,
refused or failed leaves a record too, in a transaction of its own. No remote call belongs inside a body.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeVar, get_type_hints
from uuid import UUID

import structlog
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from governance import outbox
from governance.actors import Actor
from governance.audit import record
from governance.audit.record import AuditOutcome, Entry
from governance.events import Event
from governance.idempotency import answer_statement, begin_with_key
from governance.kernel import clock
from governance.kernel.database import Scope, commit_hot, db, scope
from governance.kernel.digest import digest_of
from governance.kernel.errors import NotAllowed, Refused, reason
from governance.permissions import Permission

log = structlog.get_logger(__name__)

NOT_PERMITTED = reason(
    "permission.missing",
    ja="この操作（{permission}）を行う権限がありません。",
    en="You do not hold the permission {permission}.",
    hint_ja="団体管理者または運営者に権限の付与を依頼してください。",
    hint_en="Ask an owner of your tenant or the operator to grant it.",
)


class Order(BaseModel):
    """What somebody asks for. Strict: a wrong type or an unknown field is refused, never guessed at."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Outcome(BaseModel):
    """What a command answers; kept with the idempotency key, so that asking again gives the same."""

    model_config = ConfigDict(frozen=True, extra="forbid")


O = TypeVar("O", bound=Order)  # noqa: E741 - reads as the order in every signature below
R = TypeVar("R", bound=Outcome)


@dataclass(slots=True)
class Work:
    """One transaction in the hands of a command's body."""

    session: Session
    actor: Actor
    now: datetime
    command: str
    event: Event
    entries: list[Entry] = field(default_factory=list)
    jobs: list[UUID] = field(default_factory=list)
    is_unchanged: bool = False

    def record(
        self, *, subject: UUID | str, tenant_id: UUID | None = None, event: Event | None = None, **facts: Any
    ) -> None:
        """Put what was done in the record, in this transaction. `facts` are JSON values without personal data."""
        self.entries.append(Entry(event or self.event, str(subject), tenant_id or self.actor.tenant_id, facts))

    def unchanged(self) -> None:
        """Say that everything already was as ordered, so that there is nothing to record."""
        self.is_unchanged = True

    def enqueue(self, name: str, payload: dict[str, Any], *, tenant_id: UUID | None = None) -> UUID:
        """Leave a job that starts after the commit, and only then. Returns its id."""
        job_id = outbox.write(self.session, tenant_id or self.actor.tenant_id, name, payload, self.now)
        self.jobs.append(job_id)
        return job_id


@dataclass(eq=False)
class Command(Generic[O, R]):
    """A body with its permission and event. Calling it is the only way to change anything."""

    body: Callable[[Work, O], R]
    permission: Permission
    event: Event
    order_type: type[O]
    outcome_type: type[R]

    @property
    def name(self) -> str:
        return self.body.__name__

    def __call__(self, order: O, *, actor: Actor, key: str | None = None) -> R:
        """Carry the order out for the actor, once per `key`.

        Raises NotAllowed without the permission, KeyReused when the key came with another order, whatever Refused
        the body raises (then nothing has changed), and any bug as it is.
        """
        if _inside.get():
            raise RuntimeError(f"{self.name} is called inside another command")
        token = _inside.set(True)
        try:
            with scope(actor.scope):
                return self._carry_out(order, actor, key)
        finally:
            _inside.reset(token)

    def _carry_out(self, order: O, actor: Actor, key: str | None) -> R:
        session = db.session()
        session.rollback()
        work = Work(session, actor, clock.now(), self.name, self.event)
        try:
            require(actor, self.permission)
            if key is not None:
                order_hash = digest_of(order.model_dump(mode="json"))
                answered = begin_with_key(session, actor, self.name, key, order_hash)
                if answered is not None:
                    session.rollback()
                    return self.outcome_type.model_validate_json(answered)
            outcome = self.body(work, order)
            session.flush()
            if not work.entries and not work.is_unchanged:
                raise RuntimeError(f"{self.name} changed something without recording it")
            closing = record.statements(work.entries, actor, self.name, self.permission, AuditOutcome.DONE, work.now)
            if key is not None:
                answer = outcome.model_dump_json()
                closing.append(answer_statement(actor, self.name, key, order_hash, answer, work.now))
            commit_hot(session, *closing)
        except Refused as refusal:
            session.rollback()
            kind = AuditOutcome.DENIED if isinstance(refusal, NotAllowed) else AuditOutcome.REFUSED
            self._record_no(actor, kind, refusal.code, order)
            raise
        except Exception as bug:
            session.rollback()
            self._record_no(actor, AuditOutcome.FAILED, type(bug).__name__, order)
            raise
        outbox.carry(work.jobs)
        return outcome

    def _record_no(self, actor: Actor, kind: AuditOutcome, code: str, order: O) -> None:
        """Record in a transaction of its own that nothing was done. Where even that fails, the log must do."""
        session = db.session()
        try:
            entry = Entry(self.event, self.name, actor.tenant_id, {"code": code, "order": _names_only(order)})
            commit_hot(session, *record.statements([entry], actor, self.name, self.permission, kind, clock.now()))
        except Exception:
            session.rollback()
            log.exception("audit.unrecorded", command=self.name, outcome=kind.value, code=code)


def _names_only(order: Order) -> list[str]:
    """The fields that were given, without their values: a refused order may hold anything, also personal data."""
    return sorted(order.model_fields_set)


_inside: ContextVar[bool] = ContextVar("inside_a_command", default=False)

COMMANDS: Final[dict[str, Command[Any, Any]]] = {}
"""Every command by its name; `moyai permissions` prints it."""


def command(permission: Permission, event: Event) -> Callable[[Callable[[Work, O], R]], Command[O, R]]:
    """Make a function `(work, order) -> outcome` a command. Both annotations must be given; the name must be new."""

    def register(body: Callable[[Work, O], R]) -> Command[O, R]:
        hints = get_type_hints(body)
        made: Command[O, R] = Command(body, permission, event, hints["order"], hints["return"])
        functools.update_wrapper(made, body)
        if body.__name__ in COMMANDS:
            raise ValueError(f"command {body.__name__} is declared twice")
        COMMANDS[body.__name__] = made
        return made

    return register


def require(actor: Actor, permission: Permission) -> None:
    """Raise NotAllowed unless the actor holds the permission: for reads, which pass no write door."""
    if not actor.may(permission):
        raise NotAllowed(NOT_PERMITTED, permission=permission.value)


@contextmanager
def bookkeeping(whose: Scope) -> Iterator[Session]:
    """A transaction for the machine's own state: leases, job states, seals, sessions last seen. Nobody's deed.

    What a person would ask about later is a command instead. Commits at the end, rolls back on any exception.
    """
    if _inside.get():
        raise RuntimeError("bookkeeping inside a command")
    with scope(whose):
        session = db.session()
        session.rollback()
        try:
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise
