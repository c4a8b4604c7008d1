"""The sessions in which a person is signed in: those known here beside those that Keycloak keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from admin.identity.sessions import is_open
from admin.identity.tables import TokenSession, WebSession
from admin.identity.token_sessions import remember
from governance.actors import Actor, ActorKind
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import db, tenant_scope
from governance.kernel.labels import LabelledEnum
from governance.kernel.models import ReadModel
from tenancy.keycloak.port import COMMAND_LINE_CLIENT, Realm, SessionFacts
from tenancy.people.membership import keycloak_id_of


class SessionKind(LabelledEnum):
    """What a session is used with."""

    CONSOLE = "console", "ブラウザー（画面）", "browser (pages)"
    PROGRAM = "program", "コマンドライン・プログラム", "command line or program"
    LOGIN_ONLY = "login-only", "ログインのみ（まだ使われていない）", "login only, not used yet"


class PersonSession(ReadModel):
    """One session of a person. `address` is where the browser or program was at the login, where that is known."""

    id: UUID
    kind: SessionKind
    opened_at: datetime | None
    last_seen_at: datetime | None
    address: str | None
    is_current: bool


@dataclass(frozen=True, slots=True)
class SessionOwner:
    """A person with the user in Keycloak whose sessions are in question."""

    tenant_id: UUID
    person_id: UUID
    realm: Realm
    keycloak_id: str


def session_owner(actor: Actor) -> SessionOwner | None:
    """The person who asks; None for who is no person, and has no sessions."""
    if actor.kind is not ActorKind.PERSON:
        return None
    person_id = UUID(actor.id)
    keycloak_id = keycloak_id_of(db.session(), actor.tenant_id, person_id)
    realm = Realm.OPERATORS if actor.is_operator else Realm.TENANTS
    return None if keycloak_id is None else SessionOwner(actor.tenant_id, person_id, realm, keycloak_id)


def sessions_of_person(
    owner: SessionOwner, at_keycloak: Sequence[SessionFacts] | None, current_sid: str
) -> tuple[PersonSession, ...]:
    """The person's sessions, the one that asks first, then the one used last.

    `at_keycloak` is None where Keycloak does not answer. One that only Keycloak knows is kept here as one to be ended.
    A session in a browser goes on here when Keycloak's has run out; one of tokens alone does not.
    """
    if at_keycloak is not None:
        _keep_unknown(owner, at_keycloak)
    with tenant_scope(owner.tenant_id):
        web, tokens = _rows(db.session(), owner, clock.now())
    known = {one.sid: one for one in at_keycloak or ()}
    listed = [sid for sid in tokens if sid not in web and (at_keycloak is None or sid in known)]
    found = [
        *(_of_browser(rows, known.get(sid), current_sid) for sid, rows in web.items()),
        *(_of_tokens(tokens[sid], known.get(sid), current_sid) for sid in listed),
    ]
    return tuple(sorted(found, key=_last_use, reverse=True))


def count_open_sessions(session: Session, tenant_id: UUID, person_id: UUID, now: datetime) -> int:
    """In how many browsers the person is signed in to this tenant."""
    mine = (WebSession.tenant_id == tenant_id, WebSession.person_id == person_id, is_open(now))
    return session.scalar(select(func.count()).select_from(WebSession).where(*mine)) or 0


def _last_use(found: PersonSession) -> tuple[bool, float]:
    at = found.last_seen_at or found.opened_at
    return found.is_current, 0.0 if at is None else at.timestamp()


def _keep_unknown(owner: SessionOwner, at_keycloak: Sequence[SessionFacts]) -> None:
    with tenant_scope(owner.tenant_id):
        web, tokens = _rows(db.session(), owner, clock.now())
    unknown = [one.sid for one in at_keycloak if one.sid not in web and one.sid not in tokens]
    if not unknown:
        return
    with system_transaction(owner.tenant_id) as session:
        for sid in unknown:
            remember(session, owner.tenant_id, owner.realm, sid, owner.keycloak_id, is_live=True)


def _rows(
    session: Session, owner: SessionOwner, now: datetime
) -> tuple[Mapping[str, Sequence[WebSession]], Mapping[str, TokenSession]]:
    """The rows of sessions in force by Keycloak's id of each, those in a browser and those of tokens."""
    web: dict[str, list[WebSession]] = {}
    of_browsers = select(WebSession).where(
        WebSession.tenant_id == owner.tenant_id, WebSession.person_id == owner.person_id, is_open(now)
    )
    for row in session.scalars(of_browsers.order_by(WebSession.last_seen_at)):
        web.setdefault(row.sid, []).append(row)
    of_tokens = select(TokenSession).where(
        TokenSession.tenant_id == owner.tenant_id,
        TokenSession.realm == owner.realm.value,
        TokenSession.sub == owner.keycloak_id,
        TokenSession.is_live,
        TokenSession.ends_at > now,
    )
    return web, {row.sid: row for row in session.scalars(of_tokens)}


def _of_browser(rows: Sequence[WebSession], known: SessionFacts | None, current_sid: str) -> PersonSession:
    newest = rows[-1]
    return PersonSession(
        id=newest.id,
        kind=SessionKind.CONSOLE,
        opened_at=min(row.opened_at for row in rows),
        last_seen_at=newest.last_seen_at,
        address=None if known is None else known.address,
        is_current=newest.sid == current_sid,
    )


def _of_tokens(row: TokenSession, known: SessionFacts | None, current_sid: str) -> PersonSession:
    return PersonSession(
        id=row.id,
        kind=_kind(() if known is None else known.clients, row.sid == current_sid),
        opened_at=None if known is None else known.began_at,
        last_seen_at=None if known is None else known.last_used_at,
        address=None if known is None else known.address,
        is_current=row.sid == current_sid,
    )


def _kind(clients: Iterable[str], is_current: bool) -> SessionKind:
    return SessionKind.PROGRAM if is_current or COMMAND_LINE_CLIENT in clients else SessionKind.LOGIN_ONLY
