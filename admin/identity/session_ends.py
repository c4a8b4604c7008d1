"""The commands that end sessions on request: a person's own, and those of somebody whom one looks after.

What is open here ends in the command's transaction, so the next click and the next token are refused. Keycloak's own
session is ended by a job: until then it opens nothing here but by a new login.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final
from uuid import UUID

from sqlalchemy import delete, select, update

from admin.identity.tables import TokenSession, WebSession
from admin.identity.token_sessions import remember
from governance.actors import Actor, ActorKind
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.grants import roles_held_from
from governance.kernel.errors import Conflict, NotAllowed, message, require_found
from governance.kernel.field_types import Id, LongLine
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.keycloak.port import Realm
from tenancy.people.membership import keycloak_id_of
from tenancy.people.queries import PRESENT_STATES, member
from tenancy.people.rights import require_reach

END_SESSIONS: Final = "session.end"
"""The job that ends sessions at Keycloak which are over here."""

OF_PEOPLE: Final = message(
    "session.of_people",
    ja="セッションは、ログインした本人だけが終わらせることができます。",
    en="Sessions are ended by the person who is signed in.",
    hint_ja="moyai login で本人としてログインしてから行ってください。",
    hint_en="Sign in as yourself with `moyai login` first.",
)
NOT_PRESENT: Final = message(
    "session.member_not_present",
    ja="この利用者は「{state}」なので、開いているセッションはありません。",
    en="This member is {state}, and has no sessions.",
)
_SESSION: Final = Label("セッション", "session")


class EndSession(Command):
    """One of one's own sessions."""

    session_id: Annotated[Id, Input("セッション", "Session", Label("", "The id that `session list` prints."))]


class SessionEnded(Result):
    """`job_id` is the job that ends it at Keycloak, too."""

    job_id: UUID


class EndOwnSessions(Command):
    """All of one's own sessions, or all but one."""

    kept: Annotated[
        Id | None,
        Input("残すセッション", "Session to keep", empty=Label("残さず、すべて終わらせます", "none: all of them end")),
    ] = None


class OwnSessionsEnded(Result):
    """How many ended here; `job_id` is the job that ends Keycloak's, also those that were never used here."""

    sessions: int
    job_id: UUID


class EndMemberSessions(Command):
    """A person all of whose sessions end, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[
        Id, Input("利用者", "Member", Label("", "The id that `member list` prints, or the username in Keycloak."))
    ]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class MemberSessionsEnded(Result):
    """How many ended here; `job_id` is the job that ends Keycloak's, also those that were never used here."""

    sessions: int
    job_id: UUID


@handles(Permission.SESSION_END, Event.SESSION_ENDED)
def end_session(ctx: CommandContext, command: EndSession) -> SessionEnded:
    """End one of one's own sessions. Raises NotFound for one that is over or somebody else's."""
    person_id = _person(ctx.actor)
    sid = _own_sid(ctx, person_id, command.session_id)
    sessions = _end_here(ctx, ctx.actor.tenant_id, person_id, only=sid)
    job_id = _enqueue(ctx, ctx.actor.tenant_id, person_id, only=sid)
    ctx.audit(subject=command.session_id, sessions=sessions)
    return SessionEnded(job_id=job_id)


@handles(Permission.SESSION_END, Event.OWN_SESSIONS_ENDED)
def end_own_sessions(ctx: CommandContext, command: EndOwnSessions) -> OwnSessionsEnded:
    """End all of one's own sessions but the one that is kept. Raises NotFound for one that is over or another's."""
    person_id = _person(ctx.actor)
    kept = None if command.kept is None else _own_sid(ctx, person_id, command.kept)
    sessions = _end_here(ctx, ctx.actor.tenant_id, person_id, kept=kept)
    job_id = _enqueue(ctx, ctx.actor.tenant_id, person_id, kept=kept)
    ctx.audit(subject=person_id, sessions=sessions)
    return OwnSessionsEnded(sessions=sessions, job_id=job_id)


@handles(Permission.MEMBER_END_SESSIONS, Event.MEMBER_SESSIONS_ENDED, edits="member {member_id}")
def end_member_sessions(ctx: CommandContext, command: EndMemberSessions) -> MemberSessionsEnded:
    """End every session of a person in this tenant: the next click and the next token are refused.

    The person may sign in again. Raises NotFound, NotAllowed for a person above the actor's own rights, and Conflict
    for one who is suspended or removed.
    """
    found = member(ctx.session, command.tenant_id, command.member_id, ctx.now)
    if found.state not in PRESENT_STATES:
        raise Conflict(NOT_PRESENT, field="member_id", state=found.state)
    require_reach(ctx.actor, roles_held_from(ctx.session, command.tenant_id, found.person_id, ctx.now))
    sessions = _end_here(ctx, command.tenant_id, found.person_id)
    job_id = _enqueue(ctx, command.tenant_id, found.person_id, of_tenant=True)
    ctx.audit(subject=found.person_id, tenant_id=command.tenant_id, reason=command.reason, sessions=sessions)
    return MemberSessionsEnded(sessions=sessions, job_id=job_id)


def _person(actor: Actor) -> UUID:
    """Who ends own sessions. Raises NotAllowed for who is no person."""
    if actor.kind is not ActorKind.PERSON:
        raise NotAllowed(OF_PEOPLE)
    return UUID(actor.id)


def _own_sid(ctx: CommandContext, person_id: UUID, session_id: UUID) -> str:
    """Keycloak's id of a session of this person. Raises NotFound."""
    tenant_id = ctx.actor.tenant_id
    of_browser = select(WebSession.sid).where(
        WebSession.tenant_id == tenant_id, WebSession.person_id == person_id, WebSession.id == session_id
    )
    of_tokens = select(TokenSession.sid).where(
        TokenSession.tenant_id == tenant_id,
        TokenSession.sub == keycloak_id_of(ctx.session, tenant_id, person_id),
        TokenSession.id == session_id,
        TokenSession.is_live,
    )
    found = ctx.session.scalar(of_browser) or ctx.session.scalar(of_tokens)
    return require_found(found, what=_SESSION, given=session_id)


def _end_here(
    ctx: CommandContext, tenant_id: UUID, person_id: UUID, *, only: str | None = None, kept: str | None = None
) -> int:
    """End the person's sessions in this tenant, one of them or all but one; returns how many there were."""
    gone = delete(WebSession).where(WebSession.tenant_id == tenant_id, WebSession.person_id == person_id)
    over = update(TokenSession).where(
        TokenSession.tenant_id == tenant_id,
        TokenSession.sub == keycloak_id_of(ctx.session, tenant_id, person_id),
        TokenSession.is_live,
    )
    if only is not None:
        gone, over = gone.where(WebSession.sid == only), over.where(TokenSession.sid == only)
    if kept is not None:
        gone, over = gone.where(WebSession.sid != kept), over.where(TokenSession.sid != kept)
    rows = ctx.session.scalars(gone.returning(WebSession)).all()
    # A token of it that nobody has seen yet is not asked about any more, however Keycloak answers at this moment.
    _remember_as_ended(ctx, rows)
    ended = over.values(is_live=False).returning(TokenSession.sid).execution_options(synchronize_session=False)
    return len({row.sid for row in rows} | set(ctx.session.scalars(ended)))


def _remember_as_ended(ctx: CommandContext, rows: Iterable[WebSession]) -> None:
    for row in rows:
        remember(ctx.session, row.tenant_id, Realm(row.realm), row.sid, row.sub, is_live=False)


def _enqueue(
    ctx: CommandContext,
    tenant_id: UUID,
    person_id: UUID,
    *,
    only: str | None = None,
    kept: str | None = None,
    of_tenant: bool = False,
) -> UUID:
    """The job for Keycloak. `of_tenant`: who is a person of other tenants, too, stays signed in there."""
    payload = {
        "tenant_id": str(tenant_id),
        "person_id": str(person_id),
        "only": only,
        "kept": kept,
        "of_tenant": of_tenant,
        "asked_at": ctx.now.isoformat(),
    }
    return ctx.enqueue(END_SESSIONS, payload, tenant_id=tenant_id)
