"""Verification of the audit log: every event and every link recomputed, and compared with the tips outside.

Reads what the scope can see and changes nothing. Each finding says the stream and the number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ValidationError
from sqlalchemy import text
from sqlalchemy.orm import Session

from governance.audit import chain
from governance.audit.chain import GENESIS
from governance.audit.files import AuditFiles, Tip, Tips, TipsUnreadable
from governance.audit.findings import (
    AuditFinding,
    AuditFindingKind,
    AuditHead,
    AuditRestore,
    AuditVerificationReport,
)
from governance.audit.seal import MAX_AGE
from governance.events import Event
from governance.kernel.database import OPERATOR, allow_long_statements
from governance.kernel.errors import Invalid, message
from governance.kernel.pipelined import copy_rows

MAX_FINDINGS: Final = 1_000
MAX_WAIT_FOR_SEAL: Final = timedelta(minutes=15)
"""An event that waits longer says that nothing seals; the worker seals within seconds."""

INVALID_HEAD = message(
    "audit.invalid_head",
    ja="「{given}」は控えの形（団体の番号:記録の番号:ハッシュ値）ではありません。",
    en="“{given}” is not a head (stream:number:hash).",
)

_Watched = tuple[int, bytes, AuditFindingKind]
"""A number, the chain's hash that must be there, and what is found where it is not."""

_NO_EVENT: Final = b"\\N\t"
_KEYED: Final = str(chain.KEYED_FORM).encode()

_RESTORES: Final = text(
    "SELECT id, recorded_at, facts FROM audit_event WHERE event = :event AND outcome = 'done' ORDER BY id"
)


class _RestoreFacts(BaseModel):
    """What of a restore's facts the verification needs: stream → number of its last seal in the backup."""

    taken_at: datetime
    heads: dict[str, int]


def parse_head(given: str) -> tuple[UUID, int, str]:
    """A stream, a number and the chain's hash there, from `stream:number:hash`. Raises Invalid."""
    try:
        stream, sequence, hash_there = given.strip().split(":")
        if int(sequence) < 1 or len(bytes.fromhex(hash_there)) != 32:
            raise ValueError(given)
        return UUID(stream), int(sequence), hash_there.lower()
    except ValueError:
        raise Invalid(INVALID_HEAD, field="expect", given=given[:200]) from None


def verify(session: Session, files: AuditFiles, expected: Sequence[str] = ()) -> AuditVerificationReport:
    """Recompute the chain of every stream that the scope can see.

    `expected` are heads that somebody kept (`stream:number:hash`): each must still be a link. A tenant's scope judges
    its own stream. Raises Invalid for a head that is none.
    """
    heads = [parse_head(given) for given in expected]
    # Read before the database: what is sealed meanwhile only makes the streams longer than their tips.
    verification = _Verification(session, files)
    allow_long_statements(session)
    verification.expect(heads)
    verification.check_sealed()
    verification.check_unsealed()
    return verification.report()


class _Verification:
    """One pass. Findings are collected; the end of every stream is kept to compare it with its tip."""

    def __init__(self, session: Session, files: AuditFiles) -> None:
        self._session = session
        self._findings: list[AuditFinding] = []
        self._records = self._unsealed = self._total = 0
        self.key: bytes | None = None
        self._is_key_needed = False
        self._known_tips = self._read(files)
        is_operator = session.execute(text("SELECT current_setting('moyai.scope', true)")).scalar_one() == OPERATOR
        self._tenants: set[UUID] = set(session.execute(text("SELECT id FROM tenant")).scalars())
        self._known_tips = {
            stream: tip for stream, tip in self._known_tips.items() if is_operator or stream in self._tenants
        }
        self._watched: dict[bytes, list[_Watched]] = {}
        for tip in self._known_tips.values():
            self._watch(tip.stream, tip.sequence, tip.chain_hash, AuditFindingKind.TIP_DIFFERS)
        self._ends: dict[UUID, tuple[int, bytes, datetime]] = {}
        self._restores: list[AuditRestore] = []
        self._heads_of_restores: list[Mapping[str, int]] = []
        for row in session.execute(_RESTORES, {"event": Event.BACKUP_RESTORED.value}):
            # What somebody else wrote there does not stop the verification, which finds it.
            with suppress(ValidationError):
                facts = _RestoreFacts.model_validate(row.facts)
                self._restores.append(
                    AuditRestore(event_id=row.id, recorded_at=row.recorded_at, taken_at=facts.taken_at)
                )
                self._heads_of_restores.append(facts.heads)

    def _read(self, files: AuditFiles) -> Tips:
        """Read the key, and return the tips. Neither is there before the first sealing with a key."""
        try:
            self.key = files.read_key()
        except ValueError:
            self._is_key_needed = True
        if self.key is None:
            self._is_key_needed |= files.tips_file.exists()
            return {}
        try:
            tips = files.read_tips(self.key)
        except TipsUnreadable:
            self.found(AuditFindingKind.TIPS_CHANGED)
            return {}
        if tips is None:
            self.found(AuditFindingKind.TIPS_MISSING)
        return tips or {}

    def found(
        self,
        kind: AuditFindingKind,
        stream: UUID | None = None,
        sequence: int | None = None,
        last_sequence: int | None = None,
        event_id: UUID | None = None,
    ) -> None:
        self._total += 1
        if len(self._findings) < MAX_FINDINGS:
            self._findings.append(
                AuditFinding(
                    kind=kind, stream=stream, sequence=sequence, last_sequence=last_sequence, event_id=event_id
                )
            )

    def _watch(self, stream: UUID, sequence: int, chain_hash: str, kind: AuditFindingKind) -> None:
        self._watched.setdefault(str(stream).encode(), []).append((sequence, chain_hash.encode(), kind))

    def is_given_up(self, stream: UUID, sequence: int) -> bool:
        """Whether a restore says that the stream ended before this number in its backup."""
        return any(sequence > heads.get(str(stream), 0) for heads in self._heads_of_restores)

    def expect(self, heads: Sequence[tuple[UUID, int, str]]) -> None:
        for stream, sequence, chain_hash in heads:
            self._watch(stream, sequence, chain_hash, AuditFindingKind.EXPECTED_DIFFERS)

    def check_sealed(self) -> None:
        """Every link in order, with its event."""
        links = copy_rows(
            self._session,
            f"""
            {chain.SELECT_SEAL}, {chain.EVENT_COLUMNS}
            FROM audit_seal AS link
            LEFT JOIN audit_event AS event ON event.tenant_id = link.tenant_id AND event.id = link.event_id
            ORDER BY link.tenant_id, link.sequence
            """,
            {},
        )
        current: bytes | None = None
        stream: _StreamCheck | None = None
        for row in links:
            columns = row.split(b"\t", 8)
            if stream is None or columns[2] != current:
                if stream is not None:
                    self._end(stream)
                current = columns[2]
                stream = _StreamCheck(self, UUID(current.decode()), self._watched.get(current, []))
            stream.check(row, columns)
        if stream is not None:
            self._end(stream)
        if self.key is None and self._is_key_needed:
            self.found(AuditFindingKind.KEY_MISSING)
        for tenant_id in sorted(self._watched):
            id_of_stream = UUID(tenant_id.decode())
            if id_of_stream not in self._ends:
                last = max(sequence for sequence, _, _ in self._watched[tenant_id])
                given_up = all(self.is_given_up(id_of_stream, number) for number, _, _ in self._watched[tenant_id])
                kind = AuditFindingKind.GIVEN_UP if given_up else AuditFindingKind.STREAM_MISSING
                self.found(kind, id_of_stream, 1, last)

    def _end(self, stream: _StreamCheck) -> None:
        """Compare the end of a stream with what is known of it outside."""
        self._records += stream.events
        self._is_key_needed |= stream.is_keyed
        self._ends[stream.id] = (stream.sequence, stream.chain_hash, chain.parse_copy_time(stream.sealed_at))
        beyond = [sequence for sequence in stream.watched if sequence > stream.sequence]
        for sequence in beyond:
            if self.is_given_up(stream.id, sequence):
                self.found(AuditFindingKind.GIVEN_UP, stream.id, sequence)
        cut = [sequence for sequence in beyond if not self.is_given_up(stream.id, sequence)]
        if cut:
            self.found(AuditFindingKind.STREAM_CUT, stream.id, stream.sequence + 1, max(cut))
        # Keyed chains begin everywhere in one transaction, whose tips are written after it.
        if not stream.is_keyed and self._known_tips:
            self.found(AuditFindingKind.CHAIN_NOT_STARTED, stream.id, stream.sequence)

    def check_unsealed(self) -> None:
        """Events without a seal: those that wait for it, and those that no honest transaction recorded."""
        now: datetime = self._session.execute(text("SELECT clock_timestamp()")).scalar_one()
        rows = self._session.execute(
            text(
                """
                SELECT event.tenant_id, event.id, event.recorded_at FROM audit_event AS event
                WHERE NOT EXISTS (
                    SELECT FROM audit_seal AS link WHERE link.tenant_id = event.tenant_id AND link.event_id = event.id
                )
                ORDER BY event.tenant_id, event.recorded_at, event.id
                """
            )
        )
        waiting: dict[UUID, tuple[UUID, datetime]] = {}
        for tenant_id, event_id, recorded_at in rows:
            self._unsealed += 1
            end, tip = self._ends.get(tenant_id), self._known_tips.get(tenant_id)
            known = ([] if end is None else [end[2]]) + ([] if tip is None else [tip.swept_at])
            is_of_another_time = abs(chain.time_in_id(event_id) - recorded_at) > MAX_AGE
            if is_of_another_time or (known and recorded_at < max(known) - MAX_AGE):
                self.found(AuditFindingKind.BACKDATED, tenant_id, 1 if end is None else end[0] + 1, event_id=event_id)
            elif recorded_at > now + chain.COMMIT_MARGIN:
                self.found(AuditFindingKind.POSTDATED, tenant_id, 1 if end is None else end[0] + 1, event_id=event_id)
            else:
                waiting.setdefault(tenant_id, (event_id, recorded_at))
        for tenant_id, (event_id, recorded_at) in waiting.items():
            if now - recorded_at > MAX_WAIT_FOR_SEAL:
                end = self._ends.get(tenant_id)
                self.found(AuditFindingKind.UNSEALED, tenant_id, 1 if end is None else end[0] + 1, event_id=event_id)
        # Every tenant's own registration is an event of its stream.
        for tenant_id in sorted(self._tenants - set(self._ends) - set(self._known_tips)):
            if not self._session.execute(
                text("SELECT EXISTS (SELECT FROM audit_event WHERE tenant_id = :tenant_id)"), {"tenant_id": tenant_id}
            ).scalar_one():
                self.found(AuditFindingKind.STREAM_MISSING, tenant_id)

    def report(self) -> AuditVerificationReport:
        return AuditVerificationReport(
            intact=not self._total,
            records=self._records + self._unsealed,
            unsealed=self._unsealed,
            findings_total=self._total,
            findings=tuple(self._findings),
            heads=tuple(
                AuditHead(
                    stream=stream,
                    sequence=sequence,
                    chain_hash=chain_hash.decode(),
                    text=str(Tip(stream, sequence, chain_hash.decode(), sealed_at)),
                )
                for stream, (sequence, chain_hash, sealed_at) in sorted(self._ends.items())
            ),
            restores=tuple(self._restores),
        )


class _StreamCheck:
    """The links of one stream, checked in order. After a fault it goes on from what is stored."""

    def __init__(self, verification: _Verification, stream: UUID, watched: Sequence[_Watched]) -> None:
        self._verification = verification
        self._key = None if verification.key is None else chain.ChainKey(verification.key)
        self._seals = hashlib.sha256()
        self.id = stream
        self.watched: dict[int, list[tuple[bytes, AuditFindingKind]]] = {}
        for sequence, chain_hash, kind in watched:
            self.watched.setdefault(sequence, []).append((chain_hash, kind))
        self.sequence = self.events = 0
        self.chain_hash = GENESIS
        self.sealed_at = b""
        self.is_keyed = False

    def check(self, row: bytes, columns: Sequence[bytes]) -> None:
        """One link with its event as COPY prints them: the row, and its columns, the event's as one."""
        linked, _, _, number, form, event_id, hash_of_event, sealed_at, event_row = columns
        sequence = int(number)
        has_event = not event_row.startswith(_NO_EVENT)
        previous: bytes | None = self.chain_hash
        if sequence != self.sequence + 1:
            self._found(AuditFindingKind.SEAL_MISSING, self.sequence + 1, sequence - 1)
            previous = None
        if not has_event:
            self._found(AuditFindingKind.EVENT_MISSING, sequence, event_id=event_id)
        if form == _KEYED:
            if not self.is_keyed:
                self._check_start(sequence, event_row if has_event else None)
                self.is_keyed = True
            if self._key is not None and previous is not None:
                own = row[len(linked) + 1 : len(row) - len(event_row) - 1]
                if self._key.chain_hash(previous, own) != linked:
                    self._found(AuditFindingKind.SEAL_CHANGED, sequence)
            found_hash = chain.event_hash(event_row) if has_event else hash_of_event
        else:
            if self.is_keyed:
                self._found(AuditFindingKind.UNKEYED_SEAL, sequence)
            self._seals.update(row[: len(row) - len(event_row) - 1] + b"\n")
            if previous is not None and chain.unkeyed_chain_hash(previous, number, hash_of_event) != linked:
                self._found(AuditFindingKind.SEAL_CHANGED, sequence)
            found_hash = chain.unkeyed_event_hash(event_row) if has_event else hash_of_event
        if found_hash != hash_of_event:
            self._found(AuditFindingKind.EVENT_CHANGED, sequence, event_id=event_id)
        for hash_there, kind in self.watched.get(sequence, ()):
            if hash_there != linked:
                is_given_up = self._verification.is_given_up(self.id, sequence)
                self._found(AuditFindingKind.GIVEN_UP if is_given_up else kind, sequence)
        self.events += has_event
        self.sequence, self.chain_hash, self.sealed_at = sequence, linked, sealed_at

    def _check_start(self, sequence: int, event_row: bytes | None) -> None:
        """The first keyed link is that of the event that starts the chain, and this says what came before it."""
        if event_row is None:
            return
        facts = chain.facts_of(event_row)
        if (
            event_row.split(b"\t", 8)[7].decode() != Event.AUDIT_CHAIN_STARTED
            or facts.get("after") != self.sequence
            or facts.get("chain_hash") != self.chain_hash.decode()
        ):
            self._found(AuditFindingKind.CHAIN_NOT_STARTED, sequence)
        elif facts.get("seals") != self._seals.hexdigest():
            self._found(AuditFindingKind.SEAL_CHANGED, 1, sequence - 1)

    def _found(
        self, kind: AuditFindingKind, sequence: int, last_sequence: int | None = None, event_id: bytes | None = None
    ) -> None:
        self._verification.found(
            kind, self.id, sequence, last_sequence, None if event_id is None else UUID(event_id.decode())
        )
