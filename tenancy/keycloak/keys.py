"""Keys that sign the backend's and the console's own assertions to Keycloak.

They are made in one folder, one file per account, readable by their owner only, and never committed; all hosts of an
installation have the same. Keycloak is told the public half. While the keys are being rotated an account has two: the
one it signs with, and beside it the next or the former one, which Keycloak accepts as well. Keys of service clients are
made by whoever runs the client; Moyai sees their public half alone.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from time import time
from typing import Any, Protocol
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from governance.kernel.errors import Invalid
from governance.kernel.private_files import write_private
from tenancy.keycloak.messages import KEY_MISSING, KEY_UNREADABLE, KEYS_NOT_WRITTEN

ALGORITHM = "ES256"
_CURVE = "P-256"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 60
"""Keycloak accepts far longer; a stolen assertion should be worth nothing by the time it is read."""


class Signer(Protocol):
    """What can prove to Keycloak who it is."""

    def assertion(self, client_id: str, audience: str) -> str:
        """A client assertion (RFC 7523) for one use within 60 seconds."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key (P-256) with its public half; its `kid` is the RFC 7638 thumbprint."""

    private_pem: str

    @classmethod
    def generate(cls) -> SigningKey:
        return cls(ECKey.generate_key(_CURVE).as_pem(private=True).decode())

    @property
    def kid(self) -> str:
        return self._key.thumbprint()

    @property
    def public_jwks(self) -> str:
        """The public key set as JSON text, always the same text for the same key, so that it can be compared."""
        return jwks_text([self])

    @property
    def public_jwk(self) -> dict[str, Any]:
        """The public key alone (RFC 7517)."""
        return {**self._key.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": ALGORITHM}

    def assertion(self, client_id: str, audience: str) -> str:
        """A client assertion (RFC 7523) for one use within 60 seconds; Keycloak takes one audience only."""
        now = int(time())
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "jti": str(uuid4()),
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        }
        return jwt.encode(
            {"alg": ALGORITHM, "kid": self.kid, "typ": "JWT"},
            claims,
            self._key,
            algorithms=[ALGORITHM],
        )

    @property
    def _key(self) -> ECKey:
        return ECKey.import_key(self.private_pem)

    def __repr__(self) -> str:
        return f"SigningKey({self.kid})"


def jwks_text(keys: Iterable[SigningKey]) -> str:
    """The public key set of these keys as JSON text, the same text for the same keys in any order."""
    public = {key.kid: key.public_jwk for key in keys}
    return json.dumps({"keys": [public[kid] for kid in sorted(public)]}, sort_keys=True, separators=(",", ":"))


def key_ids(jwks: str | None) -> frozenset[str]:
    """The ids of the keys in a key set; a key without one counts as "?", and so does a text that is no key set."""
    if not jwks:
        return frozenset()
    try:
        return frozenset(str(key.get("kid") or "?") for key in json.loads(jwks)["keys"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return frozenset({"?"})


class KeyState(StrEnum):
    """next: published, not used yet · current: signs · former: still published, for processes that hold it."""

    NEXT = "next"
    CURRENT = "current"
    FORMER = "former"


@dataclass(frozen=True)
class AccountKey:
    """The key of one account as its files say it now: `<account>.pem`, beside it `.next.pem` and `.former.pem`.

    A process that runs while the keys are rotated signs with the new one from the moment its file is there.
    Thread-safe. The properties raise Invalid where the file is missing or holds no key.
    """

    folder: Path
    account: str
    _read: dict[Path, tuple[tuple[int, int, int], SigningKey]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _reading: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    def path(self, state: KeyState = KeyState.CURRENT) -> Path:
        """The file of the key in this state."""
        return self.folder / (f"{self.account}.pem" if state is KeyState.CURRENT else f"{self.account}.{state}.pem")

    @property
    def current(self) -> SigningKey:
        """The key that signs."""
        found = self.find(KeyState.CURRENT)
        if found is None:
            raise Invalid(KEY_MISSING, path=str(self.path()))
        return found

    def find(self, state: KeyState) -> SigningKey | None:
        """The key in this state, or None where there is no file. Raises Invalid for a file that holds no key."""
        path = self.path(state)
        with self._reading:
            known = self._read.get(path)
            try:
                stated = path.stat()
                version = (stated.st_ino, stated.st_mtime_ns, stated.st_size)
                if known is None or known[0] != version:
                    known = version, _parsed(path.read_text(encoding="ascii"))
                    self._read[path] = known
            except FileNotFoundError:
                # A folder that is not mounted for a moment is no reason to stop signing.
                return known[1] if known is not None and state is KeyState.CURRENT else None
            except (OSError, ValueError, JoseError) as wrong:
                raise Invalid(KEY_UNREADABLE, path=str(path)) from wrong
            return known[1]

    def made_at(self, state: KeyState) -> datetime:
        """When the file of this state was written."""
        return datetime.fromtimestamp(self.path(state).stat().st_mtime, UTC)

    @property
    def published(self) -> Mapping[KeyState, SigningKey]:
        """The keys that Keycloak is to accept, by what each is for."""
        found = {KeyState.CURRENT: self.current}
        for state in (KeyState.NEXT, KeyState.FORMER):
            if (key := self.find(state)) is not None:
                found[state] = key
        return found

    @property
    def kid(self) -> str:
        """The id of the key that signs."""
        return self.current.kid

    @property
    def public_jwks(self) -> str:
        """The public key set of all its keys, as JSON text."""
        return self.jwks_without(frozenset())

    def jwks_without(self, withdrawn: frozenset[str]) -> str:
        """The public key set of its keys but those with one of these ids, as JSON text."""
        return jwks_text(key for key in self.published.values() if key.kid not in withdrawn)

    def assertion(self, client_id: str, audience: str) -> str:
        """A client assertion by the key that signs now."""
        return self.current.assertion(client_id, audience)

    # -- files

    def create(self, state: KeyState = KeyState.CURRENT) -> None:
        """Make the key in this state; one that is there stays, also one that another process has just made.

        Raises Invalid where its folder cannot be written; so do the two below.
        """
        with writing_keys(self.folder):
            write_private(self.path(state), SigningKey.generate().private_pem, replace=False)

    def use_next(self) -> None:
        """Sign with the next key from now on and keep the present one as the former. Safe to repeat when interrupted.

        At every moment the file of the current key is there and whole.
        """
        with writing_keys(self.folder):
            write_private(self.path(KeyState.FORMER), self.current.private_pem, replace=False)
            os.replace(self.path(KeyState.NEXT), self.path())

    def remove_former(self) -> None:
        """Remove the former key's file."""
        with writing_keys(self.folder):
            self.path(KeyState.FORMER).unlink(missing_ok=True)


@contextmanager
def writing_keys(folder: Path) -> Iterator[None]:
    """Refuse with Invalid, which names the folder and the reason, where a file in it cannot be written or removed."""
    try:
        yield
    except OSError as failure:
        raise Invalid(
            KEYS_NOT_WRITTEN, path=str(folder), reason=failure.strerror or type(failure).__name__
        ) from failure


@dataclass(frozen=True, slots=True)
class BackendKeys:
    """The keys of Moyai's own accounts: two that write, one that reads, and the console that signs people in."""

    people: AccountKey
    clients: AccountKey
    reconciler: AccountKey
    console: AccountKey

    @classmethod
    def of(cls, folder: Path) -> BackendKeys:
        """The keys kept in `folder`; nothing is read yet."""
        return cls(**{one.name: AccountKey(folder, one.name) for one in fields(cls)})

    @property
    def accounts(self) -> tuple[AccountKey, ...]:
        """All of them, in the order of their names above."""
        return (self.people, self.clients, self.reconciler, self.console)

    @property
    def jwks(self) -> Mapping[str, str]:
        """Account → the public key set that Keycloak is to hold for it. Raises Invalid as `AccountKey` does."""
        return {key.account: key.public_jwks for key in self.accounts}


def load_keys(folder: Path) -> BackendKeys:
    """The keys kept in `folder`. Raises Invalid, which names the file, where one is missing or holds no key."""
    keys = BackendKeys.of(folder)
    for key in keys.accounts:
        _ = key.current
    return keys


def load_or_create_keys(folder: Path) -> BackendKeys:
    """The keys kept in `folder`, each made when it is not there yet. Safe to call from several processes at once.

    Raises Invalid for a file that holds no key, and where the folder cannot be written.
    """
    for key in BackendKeys.of(folder).accounts:
        if not key.path().exists():
            key.create()
    return load_keys(folder)


def _parsed(pem: str) -> SigningKey:
    """The key in a file. Raises ValueError or JoseError unless it is a private key on P-256."""
    key = ECKey.import_key(pem)
    if not key.is_private or key.curve_name != _CURVE:
        raise ValueError("not a private key on P-256")
    return SigningKey(pem)
