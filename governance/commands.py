"""The command bus: every change of Moyai is a command, and nothing else commits.

`@handles` makes a function a handler. Calling a handler checks the permission, opens one transaction in the actor's
tenant scope, locks the idempotency key, runs the function, refuses to commit without an audit record, commits once, and
dispatches the jobs after the commit. A denied, refused or failed command is recorded too, in a transaction of its own.
A handler makes no remote call: it would hold row locks for as long as the other server takes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType, ModuleType
from typing import Any, Final, Generic, Self, TypeVar, get_type_hints
from uuid import UUID

import structlog
from pydantic import BaseModel, ConfigDict, model_validator
from sqlalchemy.orm import Session

from governance import outbox
from governance.actors import Actor, refuse_command_line
from governance.audit import writer
from governance.audit.writer import AuditOutcome, AuditRecord
from governance.declaration import run_checks
from governance.events import Event
from governance.idempotency import answer_statement, begin_with_key
from governance.kernel import clock
from governance.kernel.application import ApplicationValue
from governance.kernel.database import TenantScope, db, tenant_scope
from governance.kernel.errors import DomainError, NotAllowed, message
from governance.kernel.pipelined import commit_pipelined
from governance.permissions import DECISIONS, Permission

log = structlog.get_logger(__name__)

PERMISSION_MISSING = message(
    "permission.missing",
    ja="この操作（{permission}）を行う権限がありません。",
    en="You do not hold the permission {permission}.",
    hint_ja="団体管理者または運営者に権限の付与を依頼してください。",
    hint_en="Ask an owner of your tenant or the operator to grant it.",
)


class Command(BaseModel):
    """The input of a command. Strict and frozen: a wrong type or an unknown field is a ValidationError, a bug of ours.

    Entry points build a command of a person's input by `read_command` or `build_command`, which raise InvalidCommand.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="after")
    def _run_checks(self) -> Self:
        run_checks(self)
        return self


class Result(BaseModel):
    """What a command returns. Stored as JSON with the idempotency key and returned again for the same key."""

    model_config = ConfigDict(frozen=True, extra="forbid")


CommandT = TypeVar("CommandT", bound=Command)
ResultT = TypeVar("ResultT", bound=Result)


@dataclass(slots=True)
class CommandContext:
    """What a handler may use: session, actor, time, audit recorder, job queue. Lives for one transaction."""

    session: Session
    actor: Actor
    now: datetime
    event: Event
    audit_records: list[AuditRecord] = field(default_factory=list)
    jobs: list[UUID] = field(default_factory=list)
    is_noop: bool = False

    @property
    def today(self) -> date:
        """The date in Japan at `now`: the same in the whole command, also when it runs across midnight."""
        return clock.jst_date(self.now)

    def audit(
        self, *, subject: UUID | str, tenant_id: UUID | None = None, event: Event | None = None, **facts: Any
    ) -> None:
        """Add an audit event to this transaction. `facts` are JSON values without personal data."""
        self.audit_records.append(
            AuditRecord(event or self.event, str(subject), tenant_id or self.actor.tenant_id, facts)
        )

    def mark_noop(self) -> None:
        """Declare that the state is already as the command asks: commit without an audit event."""
        self.is_noop = True

    def enqueue(self, name: str, payload: dict[str, Any], *, tenant_id: UUID | None = None) -> UUID:
        """Add a job to this transaction; it is dispatched after the commit. Returns its id."""
        job_id = outbox.enqueue(self.session, tenant_id or self.actor.tenant_id, name, payload, self.now)
        self.jobs.append(job_id)
        return job_id


@dataclass(eq=False)
class CommandHandler(Generic[CommandT, ResultT]):
    """A function `(ctx, command) -> result` with its permission and event; its name is the command's name."""

    body: Callable[[CommandContext, CommandT], ResultT]
    permission: Permission
    event: Event
    command_type: type[CommandT]
    result_type: type[ResultT]

    @property
    def name(self) -> str:
        return self.body.__name__

    def __call__(self, command: CommandT, *, actor: Actor, key: str | None = None) -> ResultT:
        """Execute the command for the actor, once per `key`.

        Returns the stored result for a key used before. Raises NotAllowed without the permission, IdempotencyKeyReused
        when the key was used with another request, RuntimeError inside another command, and whatever the function
        raises; then nothing is committed but the audit event of the failure.
        """
        if _in_command.get():
            raise RuntimeError(f"{self.name} is called inside another command")
        token = _in_command.set(True)
        try:
            with tenant_scope(actor.tenant_scope):
                return self._execute(command, actor, key)
        finally:
            _in_command.reset(token)

    def previous_result(self, command: CommandT, *, actor: Actor, key: str) -> ResultT | None:
        """The result stored with this key; None for a key not used yet. Changes nothing.

        Raises IdempotencyKeyReused when the key came with another command.
        """
        with tenant_scope(actor.tenant_scope):
            session = db.session()
            session.rollback()
            answered = begin_with_key(session, actor, self.name, key, command.model_dump(mode="json"))
            session.rollback()
        return None if answered is None else self.result_type.model_validate_json(answered)

    def _execute(self, command: CommandT, actor: Actor, key: str | None) -> ResultT:
        session = db.session()
        session.rollback()
        ctx = CommandContext(session, actor, clock.now(), self.event)
        try:
            require(actor, self.permission)
            if key is not None:
                request = command.model_dump(mode="json")
                answered = begin_with_key(session, actor, self.name, key, request)
                if answered is not None:
                    session.rollback()
                    return self.result_type.model_validate_json(answered)
            result = self.body(ctx, command)
            session.flush()
            if not ctx.audit_records and not ctx.is_noop:
                raise RuntimeError(f"{self.name} changed something without recording it")
            statements = writer.insert_statements(
                ctx.audit_records, actor, self.name, self.permission, AuditOutcome.DONE, ctx.now
            )
            if key is not None:
                answer = result.model_dump_json()
                statements.append(answer_statement(actor, self.name, key, request, answer, ctx.now))
            commit_pipelined(session, *statements)
        except DomainError as refusal:
            session.rollback()
            kind = AuditOutcome.DENIED if isinstance(refusal, NotAllowed) else AuditOutcome.REFUSED
            self._record_failure(actor, kind, refusal.code, command)
            raise
        except Exception as error:
            session.rollback()
            self._record_failure(actor, AuditOutcome.FAILED, type(error).__name__, command)
            raise
        outbox.dispatch(ctx.jobs)
        return result

    def _record_failure(self, actor: Actor, kind: AuditOutcome, code: str, command: CommandT) -> None:
        """Write the audit event of a command that committed nothing. If that fails too, log `audit.write_failed`."""
        session = db.session()
        try:
            record = AuditRecord(self.event, self.name, actor.tenant_id, {"code": code, "fields": _redacted(command)})
            commit_pipelined(
                session, *writer.insert_statements([record], actor, self.name, self.permission, kind, clock.now())
            )
        except Exception:
            session.rollback()
            log.exception("audit.write_failed", command=self.name, outcome=kind.value, code=code)


def _redacted(command: Command) -> list[str]:
    """The names of the fields given, sorted, without values: a refused command may hold personal data."""
    return sorted(command.model_fields_set)


_in_command: ContextVar[bool] = ContextVar("inside_a_command", default=False)

Commands = Mapping[str, CommandHandler[Any, Any]]

COMMANDS: Final = ApplicationValue[Commands]("commands", MappingProxyType({}))
"""Every command of the application by its name; `moyai permissions` prints them."""


def collect_commands(modules: Iterable[ModuleType]) -> Commands:
    """The commands that these modules define, by name. Raises ValueError for two of one name."""
    found: dict[str, CommandHandler[Any, Any]] = {}
    for module in modules:
        for handler in vars(module).values():
            if not isinstance(handler, CommandHandler) or handler.body.__module__ != module.__name__:
                continue
            if found.setdefault(handler.name, handler) is not handler:
                raise ValueError(f"command {handler.name} is declared twice")
    return MappingProxyType(found)


def handles(
    permission: Permission, event: Event
) -> Callable[[Callable[[CommandContext, CommandT], ResultT]], CommandHandler[CommandT, ResultT]]:
    """Make a function `(ctx, command) -> result` a handler. Both annotations must be given."""

    def register(body: Callable[[CommandContext, CommandT], ResultT]) -> CommandHandler[CommandT, ResultT]:
        hints = get_type_hints(body)
        handler: CommandHandler[CommandT, ResultT] = CommandHandler(
            body, permission, event, hints["command"], hints["return"]
        )
        functools.update_wrapper(handler, body)
        return handler

    return register


def require(actor: Actor, permission: Permission) -> None:
    """Raise NotAllowed unless the actor holds the permission. For reads, which do not go through a handler."""
    if permission in DECISIONS:
        refuse_command_line(actor)
    if not actor.may(permission):
        raise NotAllowed(PERMISSION_MISSING, permission=permission.value)


@contextmanager
def system_transaction(scope: TenantScope) -> Iterator[Session]:
    """Transaction for system state (leases, job states, seals, last seen) and for reads. Writes no audit event.

    Yields the session in the tenant scope; commits at the end, rolls back on any exception. Raises RuntimeError inside
    a command. What an auditor would ask about is a command instead.
    """
    if _in_command.get():
        raise RuntimeError("system_transaction inside a command")
    with tenant_scope(scope):
        session = db.session()
        session.rollback()
        try:
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise
