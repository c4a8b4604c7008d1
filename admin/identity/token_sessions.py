"""Whether a person's access token is one that Keycloak issued to that person, in a session that lasts.

Keycloak signs what the mappers of a client say: whoever holds the key of the account that writes clients can have it
sign any `azp`, `aud`, `sub`, `organization` and `sid`. What no mapper makes is Keycloak's own record: that a token of
this number (`jti`) was issued to this user for this client, and that the user has this session. The account that can
only read asks for both once, of a session that no sign-in here opened and of each token.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol
from uuid import UUID

from sqlalchemy import exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from admin.identity.lifetimes import LONGEST
from admin.identity.persons import PersonClaims
from admin.identity.tables import TokenSession, WebSession
from admin.identity.tokens import MAX_CACHED_TOKENS, TokenRejected, VerifiedToken
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.ids import new_id
from tenancy.keycloak.port import IssuedToken, Realm
from tenancy.people.membership import tenants_of_user

MAX_ISSUED: Final = MAX_CACHED_TOKENS


class TokenRecord(Protocol):
    """What of `Identities` is asked about tokens. Both raise DependencyUnavailable."""

    def has_session(self, realm: Realm, user: str, sid: str) -> bool: ...

    def was_issued(self, realm: Realm, token: IssuedToken) -> bool: ...


class PersonTokens:
    """Asks Keycloak about people's tokens and remembers its answers. Thread-safe."""

    def __init__(self, record: Callable[[], TokenRecord]) -> None:
        self._record = record
        self._issued: OrderedDict[tuple[Realm, IssuedToken], None] = OrderedDict()
        self._lock = threading.Lock()

    def require_issued(self, token: VerifiedToken) -> IssuedToken:
        """The token as Keycloak recorded it. Raises TokenRejected where it did not, DependencyUnavailable."""
        named = _named(token)
        with self._lock:
            if (token.realm, named) in self._issued:
                return named
        if not self._record().was_issued(token.realm, named):
            raise TokenRejected("jti")
        with self._lock:
            self._issued[token.realm, named] = None
            while len(self._issued) > MAX_ISSUED:
                self._issued.popitem(last=False)
        return named

    def require_live(self, token: VerifiedToken, person: PersonClaims) -> None:
        """Raises TokenRejected for a token that Keycloak did not issue, or whose session has ended or is not theirs.

        Raises DependencyUnavailable where Keycloak is to be asked and does not answer.
        """
        named = self.require_issued(token)
        if not self._is_live(person, named.sid):
            raise TokenRejected("sid")

    def _is_live(self, person: PersonClaims, sid: str) -> bool:
        with tenant_scope(person.tenant_id):
            known = _known(db.session(), person, sid)
        if known is not None:
            return known
        answer = self._record().has_session(person.realm, person.sub, sid)
        with system_transaction(person.tenant_id) as session:
            remember(session, person.tenant_id, person.realm, sid, person.sub, is_live=answer)
            # It may have ended while Keycloak was asked.
            return _known(session, person, sid) is True


def _named(token: VerifiedToken) -> IssuedToken:
    """What the token says of itself. Raises TokenRejected for a claim that is missing or malformed."""
    texts = {claim: token.claims.get(claim) for claim in ("azp", "sub", "sid", "jti")}
    for claim, value in texts.items():
        if not isinstance(value, str):
            raise TokenRejected(claim)
    issued_at = int(token.claims["iat"])
    return IssuedToken(str(texts["azp"]), str(texts["sub"]), str(texts["sid"]), str(texts["jti"]), issued_at)


def remember(session: Session, tenant_id: UUID, realm: Realm, sid: str, sub: str, *, is_live: bool) -> None:
    """Keep what is known of a session for as long as one may last. What has ended stays ended."""
    row = {"tenant_id": tenant_id, "realm": realm.value, "sid": sid, "sub": sub}
    statement = insert(TokenSession).values(id=new_id(), **row, is_live=is_live, ends_at=clock.now() + LONGEST)
    if is_live:
        statement = statement.on_conflict_do_nothing(index_elements=list(row))
    else:
        statement = statement.on_conflict_do_update(index_elements=list(row), set_={"is_live": False})
    session.execute(statement)


def end_token_sessions(realm: Realm, sid: str | None, sub: str | None) -> None:
    """End one session of Keycloak (`sid`), or all that are remembered of one person (`sub`).

    With both given, one that nobody asked about yet is kept as ended too: an answer that is under way comes too late.
    """
    which = TokenSession.sid == sid if sid else TokenSession.sub == sub
    with system_transaction(OPERATOR) as session:
        for tenant_id in tenants_of_user(session, sub) if sid and sub else ():
            remember(session, tenant_id, realm, str(sid), str(sub), is_live=False)
        session.execute(
            update(TokenSession)
            .where(TokenSession.realm == realm.value, which)
            .values(is_live=False)
            .execution_options(synchronize_session=False)
        )


def ended_sids(session: Session, tenant_id: UUID, sub: str) -> frozenset[str]:
    """Keycloak's ids of the person's sessions in this tenant that are kept as ended."""
    over = select(TokenSession.sid).where(
        TokenSession.tenant_id == tenant_id, TokenSession.sub == sub, TokenSession.is_live.is_(False)
    )
    return frozenset(session.scalars(over))


def _known(session: Session, person: PersonClaims, sid: str) -> bool | None:
    """What we know by ourselves; None for a session to be asked about."""
    remembered = session.scalar(
        select(TokenSession.is_live).where(
            TokenSession.tenant_id == person.tenant_id,
            TokenSession.realm == person.realm.value,
            TokenSession.sid == sid,
            TokenSession.sub == person.sub,
            TokenSession.ends_at > clock.now(),
        )
    )
    if remembered is not None:
        return remembered
    opened_here = exists().where(
        WebSession.tenant_id == person.tenant_id,
        WebSession.realm == person.realm.value,
        WebSession.sid == sid,
        WebSession.sub == person.sub,
        WebSession.ends_at > clock.now(),
    )
    return True if session.scalar(select(opened_here)) else None
