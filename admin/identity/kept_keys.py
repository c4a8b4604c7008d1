"""The realms' public keys (JWKS) in the database: for a process that starts while Keycloak is unreachable.

Every row is signed with HMAC-SHA-256. The key is derived from the session secret, which is in files that all hosts
share and never in the database, so that whoever can write a row can name no signer of tokens. The time at which
Keycloak gave the keys is signed with them: an earlier row that is put back counts no longer than it would have.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import DateTime, String, column, select, table
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from admin.identity.lifetimes import ABSOLUTE
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.digest import canonical

log = structlog.get_logger(__name__)

TRUSTED_FOR: Final = ABSOLUTE
"""How long keys count after Keycloak gave them, in memory and in the database: as long as a session may last. Then no
token that it signed can be left, and a key that was taken out of use must not count for ever."""

_CLOCKS_DIFFER: Final = timedelta(minutes=5)
_RENEWED_AFTER: Final = timedelta(minutes=4)
_FORM: Final = "moyai.realm-keys/1"

_ROWS = table(
    "realm_keys",
    column("address", String),
    column("jwks", String),
    column("fetched_at", DateTime(timezone=True)),
    column("signature", String),
)


@dataclass(frozen=True, slots=True)
class KeptKeySet:
    """The key set (JWKS, RFC 7517) that Keycloak gave at an address, as JSON text, and when, by this host's clock."""

    address: str
    jwks: str
    fetched_at: datetime


class KeyStore(Protocol):
    """Where key sets are kept beyond a process. Neither method raises anything where it cannot be reached."""

    def load(self, address: str) -> KeptKeySet | None: ...

    def save(self, found: KeptKeySet) -> None: ...


class DatabaseKeyStore:
    """Keeps key sets in the table `realm_keys`. Needs an application context, and no transaction that is under way."""

    def __init__(self, secret: str) -> None:
        """`secret` is the installation's session secret."""
        derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=_FORM.encode())
        self._key = derivation.derive(secret.encode())

    def load(self, address: str) -> KeptKeySet | None:
        """The keys kept for that address. None where there are none, or they are too old, or we did not write them."""
        try:
            with system_transaction(OPERATOR) as session:
                row = _find(session, address)
        except SQLAlchemyError as failure:
            log.warning("jwks.not_loaded", address=address, exc_info=failure)
            return None
        return None if row is None else self._verified(*row)

    def save(self, found: KeptKeySet) -> None:
        """Keep what Keycloak has just given, unless the same is there already and some minutes old at most."""
        try:
            with system_transaction(OPERATOR) as session:
                row = _find(session, found.address)
                kept = None if row is None else self._verified(*row)
                if kept is not None and _is_as_good_as(kept, found):
                    return
                content = {
                    "jwks": found.jwks,
                    "fetched_at": found.fetched_at,
                    "signature": self._signature(found),
                }
                session.execute(
                    insert(_ROWS)
                    .values(address=found.address, **content)
                    .on_conflict_do_update(index_elements=["address"], set_=content)
                )
        except SQLAlchemyError as failure:
            # The token at hand is verified with what Keycloak said; the next fetch tries again.
            log.warning("jwks.not_saved", address=found.address, exc_info=failure)

    def _verified(self, kept: KeptKeySet, signature: str) -> KeptKeySet | None:
        if not hmac.compare_digest(self._signature(kept).encode(), signature.encode()):
            # Somebody wrote into the table, or the session secret is another one than that of the host that wrote.
            log.error("jwks.kept_forged", address=kept.address)
            return None
        age = clock.now() - kept.fetched_at
        if not -_CLOCKS_DIFFER <= age <= TRUSTED_FOR:
            log.warning("jwks.kept_too_old", address=kept.address, fetched_at=kept.fetched_at.isoformat())
            return None
        return kept

    def _signature(self, kept: KeptKeySet) -> str:
        stated = {
            "form": _FORM,
            "address": kept.address,
            "jwks": kept.jwks,
            "fetched_at": round(kept.fetched_at.timestamp() * 1_000_000),
        }
        return hmac.digest(self._key, canonical(stated), "sha256").hex()


def _is_as_good_as(kept: KeptKeySet, found: KeptKeySet) -> bool:
    return kept.jwks == found.jwks and found.fetched_at - kept.fetched_at < _RENEWED_AFTER


def _find(session: Session, address: str) -> tuple[KeptKeySet, str] | None:
    columns = (_ROWS.c.jwks, _ROWS.c.fetched_at, _ROWS.c.signature)
    row = session.execute(select(*columns).where(_ROWS.c.address == address)).one_or_none()
    return None if row is None else (KeptKeySet(address, row.jwks, row.fetched_at), row.signature)
