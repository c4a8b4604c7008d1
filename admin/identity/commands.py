"""The write door of sessions: opening and ending one is a deed, and stands in the record."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import delete

from admin.identity.tables import WebSession
from governance.actors import ActorKind
from governance.commands import Order, Outcome, Work, command
from governance.events import Event
from governance.kernel.errors import NOT_FOUND, NotFound
from governance.kernel.ids import new_id
from governance.permissions import Permission, Role
from tenancy.keycloak.port import Realm
from tenancy.people.queries import member_of_person
from tenancy.people.tables import MemberState

IDLE: Final = timedelta(minutes=30)
ABSOLUTE: Final = timedelta(hours=10)
"""A session ends after half an hour without a click, and after ten hours in any case."""


class OpenSession(Order):
    """A sign-in that Keycloak has vouched for. `roles` are those of the token; `secret_hash` is that of the cookie."""

    realm: Realm
    sid: str
    sub: str
    person_id: UUID
    roles: frozenset[Role]
    secret_hash: str
    csrf_secret: str
    id_token_sealed: str


class SessionOpened(Outcome):
    session_id: UUID


@command(Permission.SIGNED_IN, Event.SESSION_OPENED)
def open_session(work: Work, order: OpenSession) -> SessionOpened:
    """Open a session for the actor, who must hold at least one role that counts. An invited member is then active."""
    session_id = new_id()
    work.session.add(
        WebSession(
            id=session_id,
            tenant_id=work.actor.tenant_id,
            secret_hash=order.secret_hash,
            realm=order.realm.value,
            sid=order.sid,
            sub=order.sub,
            person_id=order.person_id,
            roles=sorted(role.value for role in order.roles),
            id_token_sealed=order.id_token_sealed,
            csrf_secret=order.csrf_secret,
            opened_at=work.now,
            last_seen_at=work.now,
            ends_at=work.now + ABSOLUTE,
        )
    )
    member = member_of_person(work.session, work.actor.tenant_id, order.person_id)
    is_first = member is not None and member.state == MemberState.INVITED
    if member is not None and is_first:
        member.state = MemberState.ACTIVE.value
    work.record(
        subject=session_id,
        realm=order.realm.value,
        is_first=is_first,
        roles=sorted(role.value for role in work.actor.roles),
    )
    return SessionOpened(session_id=session_id)


class Ending(StrEnum):
    """Why a session ended."""

    SIGNED_OUT = "signed_out"
    SIGNED_IN_ANEW = "signed_in_anew"
    ENDED_AT_KEYCLOAK = "ended_at_keycloak"


class CloseSession(Order):
    session_id: UUID
    why: Ending


class SessionClosed(Outcome):
    session_id: UUID


@command(Permission.PUBLIC, Event.SESSION_CLOSED)
def close_session(work: Work, order: CloseSession) -> SessionClosed:
    """End a session: a person one's own, the system any. Raises NotFound for one that is over or somebody else's."""
    ended = delete(WebSession).where(WebSession.id == order.session_id)
    if work.actor.kind is not ActorKind.SYSTEM:
        ended = ended.where(WebSession.tenant_id == work.actor.tenant_id, WebSession.person_id == UUID(work.actor.id))
    row = work.session.execute(ended.returning(WebSession.tenant_id, WebSession.person_id)).one_or_none()
    if row is None:
        raise NotFound(NOT_FOUND, what="session", given=str(order.session_id))
    work.record(subject=order.session_id, tenant_id=row.tenant_id, person=str(row.person_id), why=order.why.value)
    return SessionClosed(session_id=order.session_id)
