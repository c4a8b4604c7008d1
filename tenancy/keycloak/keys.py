"""Keys that sign the backend's and the console's own assertions to Keycloak.

They are made in MOYAI_HOME, one file per account, readable by their owner only, and never committed. Keycloak is told
the public half. Keys of service clients are made by whoever runs the client; Moyai sees their public half alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from time import time
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey

from governance.kernel.private_files import write_private

ALGORITHM = "ES256"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 60
"""Keycloak accepts far longer; a stolen assertion should be worth nothing by the time it is read."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key (P-256) with its public half; its `kid` is the RFC 7638 thumbprint."""

    private_pem: str

    @classmethod
    def generate(cls) -> SigningKey:
        return cls(ECKey.generate_key("P-256").as_pem(private=True).decode())

    @property
    def kid(self) -> str:
        return self._key.thumbprint()

    @property
    def public_jwks(self) -> str:
        """The public key set as JSON text, always the same text for the same key, so that it can be compared."""
        public = self._key.as_dict(private=False)
        public.update({"kid": self.kid, "use": "sig", "alg": ALGORITHM})
        return json.dumps({"keys": [public]}, sort_keys=True, separators=(",", ":"))

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


@dataclass(frozen=True, slots=True)
class BackendKeys:
    """The keys of Moyai's own accounts: two that write, one that reads, and the console that signs people in."""

    people: SigningKey
    clients: SigningKey
    reconciler: SigningKey
    console: SigningKey


def load_or_create_keys(folder: Path) -> BackendKeys:
    """The keys kept in `folder`, each made when it is not there yet. Safe to call from several processes at once."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return BackendKeys(**{name: _load_or_create(folder / f"{name}.pem") for name in BackendKeys.__slots__})


def _load_or_create(path: Path) -> SigningKey:
    if not path.exists():
        # Whoever comes second keeps the first one's key instead of replacing it.
        write_private(path, SigningKey.generate().private_pem, replace=False)
    return SigningKey(path.read_text())
