"""The command bus: every change of Moyai is a command, and nothing else commits.

`@handles` makes a function a handler. Calling a handler checks the permission, opens one transaction in the actor's
tenant scope, locks the idempotency key, runs the function, refuses to commit without an audit record, commits once, and
dispatches the jobs after the commit. A denied, refused or failed command is recorded too, in a transaction of its own.
A handler makes no remote call: it would hold row locks for as long as the other server takes.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType, ModuleType
from typing import Annotated, Any, ClassVar, Final, Generic, Self, TypeVar, cast, get_type_hints, overload
from uuid import UUID

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, model_validator
from sqlalchemy.orm import Session

from governance import approvals, outbox
from governance.actors import Actor, ActorKind, refuse_command_line
from governance.audit import writer
from governance.audit.writer import AuditOutcome, AuditRecord
from governance.declaration import Input, run_checks
from governance.events import Event
from governance.idempotency import answer_statement, begin_with_key
from governance.kernel import clock
from governance.kernel.application import ApplicationValue
from governance.kernel.database import TenantScope, db, tenant_scope
from governance.kernel.deadlines import WaitLimits, wait_limits
from governance.kernel.digest import canonical, digest_of
from governance.kernel.errors import Conflict, DomainError, NotAllowed, Stale, message
from governance.kernel.field_types import LongLine
from governance.kernel.labels import Label
from governance.kernel.locks import advisory_lock
from governance.kernel.pipelined import commit_pipelined
from governance.labels import permission_wording
from governance.permissions import DECISIONS, Permission, Role, SecondPerson
from governance.step_up import StepUpNeeded, require_step_up

log = structlog.get_logger(__name__)

PERMISSION_MISSING = message(
    "permission.missing",
    ja="「{permission}」を行う権限がありません。",
    en="You do not hold the permission to {permission}.",
    hint_ja="団体管理者または運営者に権限の付与を依頼してください。",
    hint_en="Ask an owner of your tenant or the operator to grant it.",
)


ALREADY_REQUESTED = message(
    "approval.already_requested",
    ja="同じ内容の申請が、すでに承認を待っています。",
    en="The same is already waiting for approval.",
    hint_ja="承認待ちの一覧で、その申請を確かめてください。",
    hint_en="See that request in the list of pending approvals.",
)
NOTHING_TO_APPROVE = message(
    "approval.nothing_to_do",
    ja="すでにその状態なので、承認するものはありません。",
    en="It is so already; there is nothing to approve.",
)

Precondition = Callable[[Session], None]
"""What must hold of the object a command edits, just before it is edited: raises a DomainError otherwise."""

COMMENT: Final = "comment"
"""The field that a command which needs a second person has besides its own: what its requester says to the decider."""


class Command(BaseModel):
    """The input of a command. Strict and frozen: a wrong type or an unknown field is a ValidationError, a bug of ours.

    Entry points build a command of a person's input by `read_command` or `build_command`, which raise InvalidCommand.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    added_later: ClassVar[frozenset[str]] = frozenset()
    """Fields that an earlier version did not have: while they are null, keys used with that version still match."""

    @model_validator(mode="after")
    def _run_checks(self) -> Self:
        run_checks(self)
        return self


class Result(BaseModel):
    """What a command returns. Stored as JSON with the idempotency key and returned again for the same key.

    The fields of `shown_once` are not stored: the same key gives their defaults.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shown_once: ClassVar[frozenset[str]] = frozenset()

    def to_store(self) -> str:
        """The JSON that is kept with an idempotency key or a request for approval."""
        return self.model_dump_json(exclude=set(self.shown_once))


class DatedResult(Result):
    """A result that says what to know of the dates of a fiscal year; both are null where there is nothing to say.

    It is what the command found on the day it ran, kept with the answer: the same key says the same on any later day.
    """

    date_warning: str | None = Field(
        default=None, description="What to know of the year's dates, in Japanese; null while the year runs."
    )
    date_warning_en: str | None = Field(default=None, description="The same in English.")

    def with_date_warning(self, warning: Label | None) -> Self:
        """The same result with what to know of its dates; itself for nothing."""
        if warning is None:
            return self
        return self.model_copy(update={"date_warning": warning.ja, "date_warning_en": warning.en})


class ApprovalRequested(DatedResult):
    """Nothing has changed yet: the command waits for a second person, who decides about exactly this `digest`."""

    approval_id: UUID
    digest: str
    second_person: SecondPerson


CommandT = TypeVar("CommandT", bound=Command)
ResultT = TypeVar("ResultT", bound=Result)
DoneT = TypeVar("DoneT", bound=Result)


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
    date_warning: Label | None = None
    """What the actor should know of the dates, in a command whose result is a `DatedResult`; of a request, too."""
    approval: approvals.ApprovalDetails | None = None
    """The request that a second person approved, while its command runs; the actor is then the decider."""

    @property
    def today(self) -> date:
        """The date in Japan at `now`: the same in the whole command, also when it runs across midnight."""
        return clock.jst_date(self.now)

    def audit(
        self, *, subject: UUID | str, tenant_id: UUID | None = None, event: Event | None = None, **facts: Any
    ) -> None:
        """Add an audit event to this transaction. `facts` are JSON values without personal data."""
        if self.approval is not None:
            facts = {**facts, "approval": str(self.approval.id)}
        if self.actor.kind is ActorKind.PERSON and Role.BREAK_GLASS in self.actor.roles:
            facts = {**facts, "break_glass": True}
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
    edits: str | None = field(default=None, kw_only=True)
    """The object that the command changes, by its fields: `plan {name}`. Commands that edit one wait for each other."""
    waits: WaitLimits | None = field(default=None, kw_only=True)
    """How long it may wait for the database, where that is longer than a request may."""
    step_up: bool = field(default=False, kw_only=True)
    """Whether a person must have signed in with a second factor shortly before."""

    @property
    def name(self) -> str:
        return self.body.__name__

    def __call__(
        self, command: CommandT, *, actor: Actor, key: str | None = None, precondition: Precondition | None = None
    ) -> ResultT:
        """Execute the command for the actor, once per `key`.

        Returns the stored result for a key used before. `precondition` is asked in the command's transaction, while no
        other command may edit the object. Raises NotAllowed without the permission, StepUpNeeded where the person has
        to sign in anew first, IdempotencyKeyReused when the key was used with another request, RuntimeError inside
        another command or for a precondition of a command that `edits` nothing, and whatever the precondition or the
        function raises; then nothing is committed but the audit event of the failure.
        """
        if _in_command.get():
            raise RuntimeError(f"{self.name} is called inside another command")
        if precondition is not None and self.edits is None:
            raise RuntimeError(f"{self.name} edits no object")
        token = _in_command.set(True)
        try:
            allowed = nullcontext() if self.waits is None else wait_limits(self.waits)
            with allowed, tenant_scope(actor.tenant_scope):
                return self._execute(command, actor, key, precondition)
        finally:
            _in_command.reset(token)

    def try_out(self, command: CommandT, *, actor: Actor) -> None:
        """Run the command and undo it all: nothing is stored, recorded or dispatched.

        Raises what a call would raise, so that a form's review refuses what carrying it out would refuse.
        """
        token = _in_command.set(True)
        try:
            with tenant_scope(actor.tenant_scope):
                session = db.session()
                session.rollback()
                try:
                    ctx = CommandContext(session, actor, clock.now(), self.event)
                    require(actor, self.permission)
                    self._require_step_up(ctx)
                    self.lock_object(session, command)
                    self.run(ctx, command)
                    session.flush()
                finally:
                    session.rollback()
        finally:
            _in_command.reset(token)

    def run_within(self, ctx: CommandContext, command: CommandT) -> ResultT:
        """Run the function in the transaction of another command: its own permission, its own audit event.

        For a command that is made of several which count together or not at all. Raises what a call would raise.
        """
        require(ctx.actor, self.permission)
        self._require_step_up(ctx)
        self.lock_object(ctx.session, command)
        return self.run(
            CommandContext(ctx.session, ctx.actor, ctx.now, self.event, ctx.audit_records, ctx.jobs), command
        )

    def previous_result(self, command: CommandT, *, actor: Actor, key: str) -> ResultT | None:
        """The result stored with this key; None for a key not used yet. Changes nothing.

        Raises IdempotencyKeyReused when the key came with another command.
        """
        with tenant_scope(actor.tenant_scope):
            session = db.session()
            session.rollback()
            answered = begin_with_key(session, actor, self.name, key, self.request_of(command))
            session.rollback()
        return None if answered is None else self.read_answer(answered)

    def request_of(self, command: CommandT) -> dict[str, Any]:
        """The JSON form of the command that a key is bound to."""
        dumped = command.model_dump(mode="json")
        return {name: value for name, value in dumped.items() if value is not None or name not in command.added_later}

    def read_answer(self, answered: str) -> ResultT:
        """The result that was stored with a key."""
        return self.result_type.model_validate_json(answered)

    def run(self, ctx: CommandContext, command: CommandT) -> ResultT:
        """What a call does inside its transaction: the function itself."""
        return self.body(ctx, command)

    def _require_step_up(self, ctx: CommandContext) -> None:
        if self.step_up:
            require_step_up(ctx.session, ctx.actor, ctx.now)

    def lock_object(self, session: Session, command: Command) -> None:
        """Wait for the other commands that edit the object of this one, where it edits any, and keep them out."""
        if self.edits is not None:
            advisory_lock(session, f"object.{self.edits.format_map(vars(command))}")

    def _execute(self, command: CommandT, actor: Actor, key: str | None, precondition: Precondition | None) -> ResultT:
        session = db.session()
        session.rollback()
        ctx = CommandContext(session, actor, clock.now(), self.event)
        try:
            require(actor, self.permission)
            if key is not None:
                request = self.request_of(command)
                answered = begin_with_key(session, actor, self.name, key, request)
                if answered is not None:
                    session.rollback()
                    return self.read_answer(answered)
            self._require_step_up(ctx)
            self.lock_object(session, command)
            if precondition is not None:
                precondition(session)
                # Rows as the precondition read them are not locked: the function reads its own.
                session.expunge_all()
            result = _dated(self.run(ctx, command), ctx)
            session.flush()
            if not ctx.audit_records and not ctx.is_noop:
                raise RuntimeError(f"{self.name} changed something without recording it")
            statements = writer.insert_statements(
                ctx.audit_records, actor, self.name, self.permission, AuditOutcome.DONE, ctx.now
            )
            if key is not None:
                answer = result.to_store()
                statements.append(answer_statement(actor, self.name, key, request, answer, ctx.now))
            commit_pipelined(session, *statements)
        except StepUpNeeded:
            # Nothing was refused: the person signs in and sends the same again.
            session.rollback()
            log.info("step_up.needed", command=self.name, actor=actor.id)
            raise
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


WhoDecides = SecondPerson | Callable[[CommandContext, CommandT], SecondPerson | None]
"""What a command is about that needs a second person; or a function that says so of each, None for no need."""


@dataclass(eq=False)
class ApprovedCommandHandler(CommandHandler[CommandT, ResultT]):
    """A handler whose function runs only once a second person has approved: a call stores the command instead.

    So no entry point can do without the second person: whatever calls the handler makes a request. The function is
    tried at once in a savepoint that is rolled back, so that what would be refused is refused now. `command_type` is
    the command with a comment for the decider; `stored_type` is the command itself.
    """

    stored_type: type[CommandT]
    done_type: type[Result]
    second_person: WhoDecides[CommandT]
    when_rejected: Callable[[CommandContext, CommandT], None] | None = None

    def rejected(self, body: Callable[[CommandContext, CommandT], None]) -> Callable[[CommandContext, CommandT], None]:
        """Decorate what is done to the subject when the command is rejected."""
        self.when_rejected = body
        return body

    def request_of(self, command: CommandT) -> dict[str, Any]:
        dumped = super().request_of(command)
        if dumped.get(COMMENT) is None:
            # As it was before the command needed a second person: keys of then give the answer of then.
            dumped.pop(COMMENT, None)
        return dumped

    def read_answer(self, answered: str) -> ResultT:
        try:
            return cast(ResultT, ApprovalRequested.model_validate_json(answered))
        except ValidationError:
            return cast(ResultT, self.done_type.model_validate_json(answered))

    def run(self, ctx: CommandContext, command: CommandT) -> ResultT:
        comment = getattr(command, COMMENT, None)
        stored = self.stored_type.model_validate(command.model_dump(exclude={COMMENT}))
        decides = self.second_person
        second_person = decides if isinstance(decides, SecondPerson) else decides(ctx, stored)
        if second_person is None:
            return self.body(ctx, stored)
        ctx.date_warning = self._try(ctx, stored)
        return cast(ResultT, self.request(ctx, stored, second_person, reason=comment or ""))

    def request(
        self,
        ctx: CommandContext,
        command: CommandT,
        second_person: SecondPerson,
        *,
        requested_by: str | None = None,
        reason: str = "",
        kind: str | None = None,
        subject_id: UUID | None = None,
        digest: str | None = None,
    ) -> ApprovalRequested:
        """Store the command for a second person's decision. The same by the same actor gives the request there is.

        `requested_by` is the actor's id unless somebody else wants it. `kind`, `subject_id` and `digest` are given
        where the request is about something with a digest of its own; else they are made of the command. Raises
        Conflict when somebody else requested the same.
        """
        body = canonical(command.model_dump(mode="json")).decode()
        digest = digest or _command_digest(self.name, body, second_person)
        kind, subject_id = kind or self.name, subject_id or UUID(digest.removeprefix("sha256:")[:32])
        requested_by = requested_by or ctx.actor.id
        advisory_lock(ctx.session, f"approval.{kind}.{subject_id}")
        waiting = approvals.pending_request_about(ctx.session, kind, subject_id)
        if waiting is not None:
            if waiting.requested_by != requested_by:
                raise Conflict(ALREADY_REQUESTED)
            ctx.mark_noop()
            return ApprovalRequested(approval_id=waiting.id, digest=waiting.digest, second_person=second_person)
        # An owner's request is seen by the tenant that decides it; all others are the operator's own.
        is_tenants = second_person is SecondPerson.OWNERS
        tenant_id: UUID = getattr(command, "tenant_id") if is_tenants else ctx.actor.tenant_id  # noqa: B009
        approval_id = approvals.request(
            ctx.session,
            ctx.now,
            tenant_id=tenant_id,
            kind=kind,
            subject_id=subject_id,
            digest=digest,
            requested_by=requested_by,
            reason=reason,
            command=approvals.StoredCommand(self.name, body, second_person),
        )
        ctx.audit(
            event=Event.APPROVAL_REQUESTED,
            subject=approval_id,
            tenant_id=tenant_id,
            command=self.name,
            digest=digest,
            requested_by=requested_by,
        )
        return ApprovalRequested(approval_id=approval_id, digest=digest, second_person=second_person)

    def read_stored(self, approval: approvals.ApprovalDetails) -> CommandT:
        """The command that a request holds. Raises Stale when it is not what the request was made for."""
        body = canonical(approval.body).decode()
        current = _command_digest(self.name, body, approval.second_person)
        if approval.kind == self.name and current != approval.digest:
            raise Stale(approvals.DIGEST_STALE, given=approval.digest, current=current)
        return self.stored_type.model_validate_json(body)

    def run_approved(self, ctx: CommandContext, approval: approvals.ApprovalDetails, command: CommandT) -> Result:
        """Run the function of an approved command in the decider's transaction. Raises what it refuses."""
        done = CommandContext(ctx.session, ctx.actor, ctx.now, self.event, ctx.audit_records, ctx.jobs)
        done.approval = approval
        self.lock_object(ctx.session, command)
        result: Result = _dated(self.body(done, command), done)
        if done.is_noop:
            raise Conflict(NOTHING_TO_APPROVE)
        return result

    def run_rejected(self, ctx: CommandContext, approval: approvals.ApprovalDetails) -> None:
        """Do what the rejection means to the subject, where it means anything."""
        if self.when_rejected is not None:
            done = CommandContext(ctx.session, ctx.actor, ctx.now, self.event, ctx.audit_records, ctx.jobs)
            done.approval = approval
            self.when_rejected(done, self.read_stored(approval))

    def _try(self, ctx: CommandContext, command: CommandT) -> Label | None:
        """Run the function and undo it, so that what it refuses is refused before anybody is asked.

        Returns what it says of its dates.
        """
        tried = CommandContext(ctx.session, ctx.actor, ctx.now, self.event)
        savepoint = ctx.session.begin_nested()
        try:
            self.body(tried, command)
            ctx.session.flush()
        finally:
            savepoint.rollback()
            ctx.session.expunge_all()
        if tried.is_noop:
            raise Conflict(NOTHING_TO_APPROVE)
        return tried.date_warning


def _dated(result: ResultT, ctx: CommandContext) -> ResultT:
    """The result with what its handler found to say of the dates."""
    return result.with_date_warning(ctx.date_warning) if isinstance(result, DatedResult) else result


def _command_digest(name: str, body: str, second_person: SecondPerson | None) -> str:
    """Binds the decider's role, too: where somebody else has to decide now, the same command is another request."""
    return digest_of({"command": name, "body": body, "second_person": second_person})


def _with_comment(command_type: type[CommandT]) -> type[CommandT]:
    """The command with the field for what its requester says to the decider. Raises ValueError where it has one."""
    if COMMENT in command_type.model_fields:
        raise ValueError(f"{command_type.__name__} has a field named {COMMENT} of its own")
    label = Input(
        "承認者への説明",
        "Comment for the decider",
        Label("なぜ必要か。承認する人に表示されます", "Why it is needed; shown to the person who decides."),
    )
    made = create_model(
        command_type.__name__,
        __base__=command_type,
        __module__=command_type.__module__,
        __doc__=command_type.__doc__,
        comment=(Annotated[LongLine | None, label], None),
    )
    return made


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


@overload
def handles(
    permission: Permission,
    event: Event,
    *,
    edits: str | None = None,
    waits: WaitLimits | None = None,
    step_up: bool = False,
) -> Callable[[Callable[[CommandContext, CommandT], ResultT]], CommandHandler[CommandT, ResultT]]: ...


@overload
def handles(
    permission: Permission, event: Event, *, approval: SecondPerson, edits: str | None = None, step_up: bool = False
) -> Callable[[Callable[[CommandContext, CommandT], DoneT]], ApprovedCommandHandler[CommandT, ApprovalRequested]]: ...


@overload
def handles(
    permission: Permission,
    event: Event,
    *,
    approval: Callable[[CommandContext, CommandT], SecondPerson | None],
    edits: str | None = None,
    step_up: bool = False,
) -> Callable[
    [Callable[[CommandContext, CommandT], DoneT]], ApprovedCommandHandler[CommandT, DoneT | ApprovalRequested]
]: ...


def handles(
    permission: Permission,
    event: Event,
    *,
    approval: Any = None,
    edits: str | None = None,
    waits: WaitLimits | None = None,
    step_up: bool = False,
) -> Any:
    """Make a function `(ctx, command) -> result` a handler. Both annotations must be given.

    With `approval` the command needs a second person: a call stores a request, and the function runs when another
    person approves it. It is what the command is about, or a function `(ctx, command)` that says so, None for no need.
    `edits` names the object that the command changes, with the command's fields in braces. `waits` allows a command of
    very many rows to wait longer for the database than a request may. With `step_up` a person must have signed in with
    a second factor shortly before.
    """

    def register(body: Any) -> Any:
        hints = get_type_hints(body)
        command_type, done_type = hints["command"], hints["return"]
        if edits is not None and (unknown := set(re.findall(r"{(\w+)}", edits)) - command_type.model_fields.keys()):
            raise ValueError(f"{body.__name__} edits {edits}, and has no {sorted(unknown)}")
        handler: CommandHandler[Any, Any]
        if approval is None:
            handler = CommandHandler(
                body, permission, event, command_type, done_type, edits=edits, waits=waits, step_up=step_up
            )
        else:
            asked = _with_comment(command_type)
            answer = ApprovalRequested if isinstance(approval, SecondPerson) else done_type
            handler = ApprovedCommandHandler(
                body,
                permission,
                event,
                asked,
                answer,
                command_type,
                done_type,
                approval,
                edits=edits,
                step_up=step_up,
            )
        functools.update_wrapper(handler, body)
        return handler

    return register


def require(actor: Actor, permission: Permission) -> None:
    """Raise NotAllowed unless the actor holds the permission. For reads, which do not go through a handler."""
    if permission in DECISIONS:
        refuse_command_line(actor)
    if not actor.may(permission):
        raise NotAllowed(PERMISSION_MISSING, permission=permission_wording(permission))


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
