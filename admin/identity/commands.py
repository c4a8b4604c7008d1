"""The commands of sessions: opening and closing one is a command, with its audit event."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import delete

from admin.identity.sign_in_limits import sign_in_limits
from admin.identity.tables import WebSession
from admin.identity.token_sessions import remember
from governance.actors import ActorKind
from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.kernel.errors import require_found
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.permissions import Permission, Role
from tenancy.keycloak.port import Realm
from tenancy.people.sync import record_sign_in


class OpenSession(Command):
    """A sign-in that Keycloak has vouched for. `roles` are those of the token; `secret_hash` is that of the cookie.

    `second_factor_at` is when the person was asked for a second factor; null for a sign-in without one.
    """

    added_later: ClassVar[frozenset[str]] = frozenset({"second_factor_at"})

    realm: Realm
    sid: str
    sub: str
    person_id: UUID
    roles: frozenset[Role]
    secret_hash: str
    csrf_secret: str
    id_token_encrypted: str
    second_factor_at: datetime | None = None


class SessionOpened(Result):
    session_id: UUID


@handles(Permission.SIGNED_IN, Event.SESSION_OPENED)
def open_session(ctx: CommandContext, command: OpenSession) -> SessionOpened:
    """Open a session for the actor, who must hold at least one role that counts. An invited member is then active."""
    session_id = new_id()
    ctx.session.add(
        WebSession(
            id=session_id,
            tenant_id=ctx.actor.tenant_id,
            secret_hash=command.secret_hash,
            realm=command.realm.value,
            sid=command.sid,
            sub=command.sub,
            person_id=command.person_id,
            roles=sorted(role.value for role in command.roles),
            id_token_encrypted=command.id_token_encrypted,
            csrf_secret=command.csrf_secret,
            second_factor_at=command.second_factor_at,
            opened_at=ctx.now,
            last_seen_at=ctx.now,
            ends_at=ctx.now + sign_in_limits(ctx.session).longest,
        )
    )
    is_first = record_sign_in(ctx.session, ctx.actor.tenant_id, command.person_id, ctx.now)
    ctx.audit(
        subject=session_id,
        realm=command.realm.value,
        is_first=is_first,
        with_second_factor=command.second_factor_at is not None,
        roles=sorted(role.value for role in ctx.actor.roles),
    )
    return SessionOpened(session_id=session_id)


class SessionEndReason(StrEnum):
    """Why a session ended."""

    SIGNED_OUT = "signed_out"
    SIGNED_IN_ANEW = "signed_in_anew"
    ENDED_AT_KEYCLOAK = "ended_at_keycloak"


class CloseSession(Command):
    session_id: UUID
    reason: SessionEndReason


class SessionClosed(Result):
    session_id: UUID


@handles(Permission.PUBLIC, Event.SESSION_CLOSED)
def close_session(ctx: CommandContext, command: CloseSession) -> SessionClosed:
    """End a session: a person one's own, the system any. Raises NotFound for one that is over or somebody else's.

    Access tokens of it end too, whether or not the browser goes on to end it at Keycloak.
    """
    ended = delete(WebSession).where(WebSession.id == command.session_id)
    if ctx.actor.kind is not ActorKind.SYSTEM:
        ended = ended.where(WebSession.tenant_id == ctx.actor.tenant_id, WebSession.person_id == UUID(ctx.actor.id))
    row = require_found(
        ctx.session.execute(ended.returning(WebSession)).scalar_one_or_none(),
        what=Label("セッション", "session"),
        given=command.session_id,
    )
    if command.reason is not SessionEndReason.SIGNED_IN_ANEW:
        # Signed in anew without a password, the new session has the same sid.
        remember(ctx.session, row.tenant_id, Realm(row.realm), row.sid, row.sub, is_live=False)
    ctx.audit(
        subject=command.session_id, tenant_id=row.tenant_id, person=str(row.person_id), reason=command.reason.value
    )
    return SessionClosed(session_id=command.session_id)
