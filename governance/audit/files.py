"""What proves the audit log from outside the database: the key of its chain, and the tip of every stream.

Whoever may write every table has neither. The tips are one JSON file, signed with the key and replaced after each
sealing; it holds ids and hashes only, so copies of it may go anywhere.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from governance.kernel.digest import canonical
from governance.kernel.private_files import write_private

_FORM: Final = "moyai.audit-tips/1"
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Tip:
    """The last sealed place of one stream: its number from 1, and the chain's hash there.

    `swept_at` is a time before which nothing of the stream was left unsealed.
    """

    stream: UUID
    sequence: int
    chain_hash: str
    swept_at: datetime

    def __str__(self) -> str:
        """What `moyai audit verify --expect` takes, and what is sent to syslog or by mail."""
        return f"{self.stream}:{self.sequence}:{self.chain_hash}"


Tips = Mapping[UUID, Tip]
"""Stream → its tip."""


TipSender = Callable[[Sequence[Tip]], None]
"""Hands new tips to somebody outside; raises OSError where that fails."""


class TipsUnreadable(Exception):
    """The file of tips was changed, or signed with another key."""


@dataclass(frozen=True, slots=True)
class AuditFiles:
    """Where the key and the tips of one installation are kept: outside the database, mode 0600."""

    key_file: Path
    tips_file: Path

    def read_key(self) -> bytes | None:
        """The key; None where there is no file. Raises ValueError for a file that cannot be read or holds no key."""
        try:
            text = self.key_file.read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise ValueError(f"{self.key_file.name} cannot be read: {type(fault).__name__}") from None
        key = bytes.fromhex(text.strip())
        if len(key) != _KEY_BYTES:
            raise ValueError(f"{self.key_file.name} holds {len(key)} bytes instead of {_KEY_BYTES}")
        return key

    def create_key(self) -> bytes:
        """Make the key, and the file of tips without any tip. The key of a process that was faster is kept."""
        key = secrets.token_bytes(_KEY_BYTES)
        if write_private(self.key_file, key.hex() + "\n", replace=False):
            self.replace_tips(key, {})
        return self.read_key() or key

    def read_tips(self, key: bytes) -> Tips | None:
        """The tips; None where there is no file. Raises TipsUnreadable unless this key signed what the file says."""
        try:
            content = self.tips_file.read_bytes()
        except FileNotFoundError:
            return None
        try:
            given = json.loads(content)
            signature = given.pop("signature")
            if given["form"] != _FORM or not hmac.compare_digest(signature, _signature(key, given)):
                raise TipsUnreadable
            return {
                UUID(stream): Tip(UUID(stream), tip[0], tip[1], datetime.fromisoformat(tip[2]))
                for stream, tip in given["tips"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError) as malformed:
            raise TipsUnreadable from malformed

    def add_tips(self, key: bytes, newer: Tips) -> None:
        """Put these tips in the place of those of the same streams, unless the file has later ones already.

        Raises TipsUnreadable. A file that is gone meanwhile stays away: `replace_tips` alone makes one.
        """
        with self._locked():
            stored = self.read_tips(key)
            if stored is None:
                return
            merged = dict(stored)
            for stream, tip in newer.items():
                known = merged.get(stream)
                if known is None or (tip.sequence, tip.swept_at) > (known.sequence, known.swept_at):
                    merged[stream] = tip
            self._write(key, merged)

    def replace_tips(self, key: bytes, tips: Tips) -> None:
        """Write the file anew with these tips and no others."""
        with self._locked():
            self._write(key, tips)

    def _write(self, key: bytes, tips: Tips) -> None:
        said: dict[str, Any] = {
            "form": _FORM,
            "key": key_id(key),
            "tips": {
                str(tip.stream): [tip.sequence, tip.chain_hash, tip.swept_at.isoformat()] for tip in tips.values()
            },
        }
        write_private(self.tips_file, json.dumps(said | {"signature": _signature(key, said)}, indent=1) + "\n")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process of this host at a time reads the file and replaces it."""
        self.tips_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.tips_file.with_name(f".{self.tips_file.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def key_id(key: bytes) -> str:
    """A name of the key that says nothing about it: 16 hexadecimal digits."""
    return hashlib.sha256(b"moyai.audit-key-id\n" + key).hexdigest()[:16]


def _signature(key: bytes, said: Mapping[str, Any]) -> str:
    return hmac.digest(key, f"{_FORM}\n".encode() + canonical(said), "sha256").hex()
