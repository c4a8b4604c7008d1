"""Sessions by cookie: looked up and checked at each request; the time of last use is stored.

The cookie is `<tenant id>.<secret>`: the tenant is in it because without a tenant scope no row is visible. The database
holds only the SHA-256 of the secret.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, delete, func, literal, not_, or_, select, update
from sqlalchemy.orm import Session

from admin.core.request_checks import SESSION_COOKIE
from admin.identity.commands import CloseSession, SessionEndReason, close_session
from admin.identity.lifetimes import ENDED_KEPT
from admin.identity.persons import PersonClaims, person_actor
from admin.identity.sign_in_limits import SignInLimits, idle_limit, longest_limit, sign_in_limits
from admin.identity.tables import EndedSession, TokenSession, WebSession
from governance.actors import Actor
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import NotAllowed, NotFound
from governance.permissions import Role
from tenancy.keycloak.port import Realm
from tenancy.preferences.models import PreferencesFacts
from tenancy.preferences.queries import saved_preferences

COOKIE: Final = SESSION_COOKIE
TOUCH_INTERVAL: Final = timedelta(minutes=1)
_MAX_ENDED: Final = 20


@dataclass(frozen=True, slots=True)
class ActiveSession:
    """A session in force, as the request sees it."""

    id: UUID
    tenant_id: UUID
    realm: Realm
    sid: str
    csrf_secret: str
    id_token_encrypted: str
    actor: Actor
    preferences: PreferencesFacts | None


def new_cookie(tenant_id: UUID) -> tuple[str, str]:
    """A cookie's value with 256 random bits, and the hash under which its session is kept."""
    value = f"{tenant_id}.{secrets.token_urlsafe(32)}"
    return value, _hash(value)


def find_session(cookie: str) -> ActiveSession | None:
    """The session of this cookie when it, the person and the tenant are still in force; else None.

    The roles are computed at each request: those of the token at sign-in that are granted at this instant.
    """
    tenant_id = _parse_tenant_id(cookie)
    if tenant_id is None:
        return None
    now = clock.now()
    with tenant_scope(tenant_id):
        session = db.session()
        row = session.scalar(
            select(WebSession).where(
                WebSession.tenant_id == tenant_id,
                WebSession.secret_hash == _hash(cookie),
                is_open(now),
            )
        )
        if row is None:
            return None
        roles = frozenset(Role(role) for role in row.roles)
        try:
            actor = person_actor(PersonClaims(Realm(row.realm), tenant_id, row.sub, roles, row.opened_at))
        except NotAllowed:
            return None
        actor = replace(actor, second_factor_at=row.second_factor_at)
        preferences = saved_preferences(session, tenant_id, UUID(actor.id))
    if now - row.last_seen_at >= TOUCH_INTERVAL:
        _touch(row, now)
    return ActiveSession(
        row.id, tenant_id, Realm(row.realm), row.sid, row.csrf_secret, row.id_token_encrypted, actor, preferences
    )


@dataclass(frozen=True, slots=True)
class EndedSessionFacts:
    """Whose session a cookie was of. It lets nobody in."""

    tenant_id: UUID
    person_id: UUID
    csrf_secret: str
    is_idle: bool
    """Whether nothing was done for too long; otherwise it had lasted as long as any may."""


def find_ended_session(cookie: str) -> EndedSessionFacts | None:
    """The session of this cookie where it ran out, within the last hours; None for one in force, ended or unknown."""
    tenant_id = _parse_tenant_id(cookie)
    if tenant_id is None:
        return None
    now = clock.now()
    with tenant_scope(tenant_id):
        session = db.session()
        of_cookie = (WebSession.tenant_id == tenant_id, WebSession.secret_hash == _hash(cookie))
        row = session.scalar(select(WebSession).where(*of_cookie, _ran_out(now)))
        if row is not None:
            is_idle = _ran_out_idle(row, sign_in_limits(session))
            return EndedSessionFacts(tenant_id, row.person_id, row.csrf_secret, is_idle)
        kept = session.scalar(
            select(EndedSession).where(
                EndedSession.tenant_id == tenant_id,
                EndedSession.secret_hash == _hash(cookie),
                EndedSession.ended_at > now - ENDED_KEPT,
            )
        )
    return None if kept is None else EndedSessionFacts(tenant_id, kept.person_id, kept.csrf_secret, kept.is_idle)


def csrf_secrets_of_ended(tenant_id: UUID, person_id: UUID) -> Sequence[str]:
    """The CSRF secrets of this person's sessions that ran out within the last hours, the latest first."""
    now = clock.now()
    mine = (WebSession.tenant_id == tenant_id, WebSession.person_id == person_id)
    kept = (EndedSession.tenant_id == tenant_id, EndedSession.person_id == person_id)
    with tenant_scope(tenant_id):
        session = db.session()
        still = session.scalars(select(WebSession.csrf_secret).where(*mine, _ran_out(now)).limit(_MAX_ENDED)).all()
        swept = session.scalars(
            select(EndedSession.csrf_secret)
            .where(*kept, EndedSession.ended_at > now - ENDED_KEPT)
            .order_by(EndedSession.ended_at.desc())
            .limit(_MAX_ENDED)
        ).all()
    return [*still, *swept]


def sessions_at_keycloak(session: Session, realm: Realm, sid: str | None, sub: str | None) -> Sequence[UUID]:
    """Our sessions that came from one of Keycloak's (`sid`), or all of one person (`sub`). In the operator's scope."""
    which = WebSession.sid == sid if sid else WebSession.sub == sub
    return session.scalars(select(WebSession.id).where(WebSession.realm == realm.value, which)).all()


def count_sessions_of_tenant(session: Session, tenant_id: UUID, now: datetime) -> int:
    """How many browsers people of this tenant are signed in with."""
    which = WebSession.tenant_id == tenant_id, ~_ran_out(now)
    return session.execute(select(func.count()).select_from(WebSession).where(*which)).scalar_one()


def end_sessions_of_tenant(tenant_id: UUID, *, actor: Actor) -> None:
    """End every session of the tenant's people, in browsers and by token, so that none comes back with the tenant.

    Safe to repeat; one that somebody ended meanwhile is left.
    """
    _end_sessions(actor, WebSession.tenant_id == tenant_id)
    with system_transaction(OPERATOR) as session:
        session.execute(
            update(TokenSession)
            .where(TokenSession.tenant_id == tenant_id)
            .values(is_live=False)
            .execution_options(synchronize_session=False)
        )


def end_sessions_of_person(tenant_id: UUID, person_id: UUID, *, actor: Actor) -> None:
    """End the sessions of one person in one tenant; those that the same account has in another one stay.

    Safe to repeat. Tokens of the tenant are refused because of the person's state.
    """
    _end_sessions(actor, WebSession.tenant_id == tenant_id, WebSession.person_id == person_id)


def _end_sessions(actor: Actor, *which: ColumnElement[bool]) -> None:
    with system_transaction(OPERATOR) as session:
        session_ids = session.scalars(select(WebSession.id).where(*which)).all()
    for session_id in session_ids:
        with suppress(NotFound):
            close_session(CloseSession(session_id=session_id, reason=SessionEndReason.ENDED_AT_KEYCLOAK), actor=actor)


def delete_expired_sessions(now: datetime) -> int:
    """Delete the rows of sessions that ran out, and what was remembered of them too long ago.

    No audit event: the sweep does it. Returns how many of people's ran out.
    """
    with system_transaction(OPERATOR) as session:
        session.execute(delete(TokenSession).where(TokenSession.ends_at <= now))
        session.execute(delete(EndedSession).where(EndedSession.ended_at <= now - ENDED_KEPT))
        limits = sign_in_limits(session)
        gone = session.scalars(delete(WebSession).where(_ran_out(now)).returning(WebSession)).all()
        session.add_all(
            EndedSession(
                id=row.id,
                tenant_id=row.tenant_id,
                person_id=row.person_id,
                secret_hash=row.secret_hash,
                csrf_secret=row.csrf_secret,
                is_idle=_ran_out_idle(row, limits),
                ended_at=min(_last_moment(row, limits), row.last_seen_at + limits.idle),
            )
            for row in gone
        )
        return len(gone)


def _last_moment(row: WebSession, limits: SignInLimits) -> datetime:
    """When the session ends, however much it is used."""
    return min(row.ends_at, row.opened_at + limits.longest)


def _ran_out_idle(row: WebSession, limits: SignInLimits) -> bool:
    """Whether a session that ran out did so because nothing was done, however late that is seen."""
    return row.last_seen_at + limits.idle < _last_moment(row, limits)


def is_open(now: datetime) -> ColumnElement[bool]:
    """The condition on a session's row that it has not run out."""
    return not_(_ran_out(now))


def _ran_out(now: datetime) -> ColumnElement[bool]:
    # The limits are those of now: who shortens them ends sessions that were opened under longer ones.
    at = literal(now, DateTime(timezone=True))
    return or_(
        WebSession.ends_at <= at,
        WebSession.opened_at <= at - longest_limit(),
        WebSession.last_seen_at <= at - idle_limit(),
    )


def _touch(row: WebSession, now: datetime) -> None:
    with system_transaction(row.tenant_id) as session:
        session.execute(
            update(WebSession)
            .where(WebSession.id == row.id, WebSession.last_seen_at < now)
            .values(last_seen_at=now)
            .execution_options(synchronize_session=False)
        )


def _parse_tenant_id(cookie: str) -> UUID | None:
    tenant, dot, secret = cookie.partition(".")
    if not dot or not secret or len(cookie) > 200:
        return None
    try:
        return UUID(tenant)
    except ValueError:
        return None


def _hash(cookie: str) -> str:
    return sha256(cookie.encode()).hexdigest()
