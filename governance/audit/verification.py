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

_NULL: Final = b"\\N"
_NO_EVENT: Final = b"\\N\t"
_KEYED: Final = str(chain.KEYED_FORM).encode()

_LINKS_AND_EVENTS: Final = (
    f"{chain.SELECT_SEAL}, {chain.EVENT_COLUMNS} FROM audit_seal AS link"
    " FULL JOIN audit_event AS event ON event.tenant_id = link.tenant_id AND event.id = link.event_id"
)
_UNKEYED_LINKS: Final = (
    f"{chain.SELECT_SEAL} FROM audit_seal AS link WHERE link.form IS DISTINCT FROM %(keyed)s"
    " ORDER BY link.tenant_id, link.sequence"
)

_MAX_HASHED_LINKS: Final = 2_000_000
"""Of so many links the hash takes half a gigabyte of the server's memory."""

# One process of the server, from the table's beginning: the other processor hashes here what it has read.
_SCAN: Final = "SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL synchronize_seqscans = off"
_HASH_PLAN: Final = f"{_SCAN}; SET LOCAL work_mem = '256MB'; SET LOCAL enable_mergejoin = off"
_MERGE_PLAN: Final = f"{_SCAN}; SET LOCAL enable_hashjoin = off; SET LOCAL enable_sort = off"
_DEFAULT_PLAN: Final = "; ".join(
    f"SET LOCAL {setting} TO DEFAULT"
    for setting in (
        *("max_parallel_workers_per_gather", "synchronize_seqscans"),
        *("work_mem", "enable_mergejoin", "enable_hashjoin", "enable_sort"),
    )
)

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
    verification.check_rows()
    verification.check_unsealed()
    return verification.report()


class _Verification:
    """One pass. Findings are collected; the end of every stream is kept to compare it with its tip."""

    def __init__(self, session: Session, files: AuditFiles) -> None:
        self._session = session
        self._findings: list[AuditFinding] = []
        self._records = self._total = 0
        self._unsealed: list[tuple[UUID, bytes, UUID]] = []
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

    def check_rows(self) -> None:
        """Every link with its event, in whatever order PostgreSQL finds fastest, and every event without a link."""
        self._choose_join()
        streams: dict[bytes, _StreamCheck] = {}
        for row in copy_rows(self._session, _LINKS_AND_EVENTS, {}):
            columns = row.split(b"\t", 8)
            if columns[0] == _NULL:
                self._add_unsealed(columns[8])
                continue
            stream = streams.get(columns[2])
            if stream is None:
                id_of_stream = UUID(columns[2].decode())
                stream = _StreamCheck(self, id_of_stream, self._watched.get(columns[2], []))
                streams[columns[2]] = stream
            if not stream.accept_next(row, columns):
                stream.check(row, columns)
        self._session.execute(text(_DEFAULT_PLAN))
        self._check_unkeyed(streams)
        for _, stream in sorted(streams.items()):
            stream.finish()
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

    def _choose_join(self) -> None:
        """Join by a hash of all links while memory holds it, else by two indexes, which takes half as long again.

        Left to itself PostgreSQL expects one row in a hundred to pass the policies, and looks every event up.
        """
        links: int = self._session.execute(
            text("SELECT reltuples::bigint FROM pg_class WHERE oid = 'audit_seal'::regclass")
        ).scalar_one()
        self._session.execute(text(_HASH_PLAN if links < _MAX_HASHED_LINKS else _MERGE_PLAN))

    def _add_unsealed(self, event_row: bytes) -> None:
        event_id, tenant_id, recorded_at, _ = event_row.split(b"\t", 3)
        self._unsealed.append((UUID(tenant_id.decode()), recorded_at, UUID(event_id.decode())))

    def _check_unkeyed(self, streams: Mapping[bytes, _StreamCheck]) -> None:
        """The links of form 1 in order: the event that starts a keyed chain says what they were."""
        if any(stream.has_unkeyed for stream in streams.values()):
            for row in copy_rows(self._session, _UNKEYED_LINKS, {"keyed": chain.KEYED_FORM}):
                stream = streams.get(row.split(b"\t", 3)[2])
                if stream is not None:
                    stream.add_unkeyed(row)

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
        waiting: dict[UUID, tuple[UUID, datetime]] = {}
        for tenant_id, printed_time, event_id in sorted(self._unsealed):
            end, tip = self._ends.get(tenant_id), self._known_tips.get(tenant_id)
            following = 1 if end is None else end[0] + 1
            known = ([] if end is None else [end[2]]) + ([] if tip is None else [tip.swept_at])
            try:
                recorded_at = chain.parse_copy_time(printed_time)
            except ValueError:  # An infinite one, or one that no calendar has.
                self.found(AuditFindingKind.BACKDATED, tenant_id, following, event_id=event_id)
                continue
            is_of_another_time = abs(chain.time_in_id(event_id) - recorded_at) > MAX_AGE
            if is_of_another_time or (known and recorded_at < max(known) - MAX_AGE):
                self.found(AuditFindingKind.BACKDATED, tenant_id, following, event_id=event_id)
            elif recorded_at > now + chain.COMMIT_MARGIN:
                self.found(AuditFindingKind.POSTDATED, tenant_id, following, event_id=event_id)
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
            records=self._records + len(self._unsealed),
            unsealed=len(self._unsealed),
            findings_total=self._total,
            findings=tuple(
                sorted(self._findings, key=lambda one: (str(one.stream or ""), one.sequence or 0, one.kind))
            ),
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


def _place(finding: AuditFinding) -> tuple[str, int, str]:
    return str(finding.stream or ""), finding.sequence or 0, finding.kind


class _StreamCheck:
    """The links of one stream, each compared with its predecessor as soon as both are there, in whatever order."""

    def __init__(self, verification: _Verification, stream: UUID, watched: Sequence[_Watched]) -> None:
        self._verification = verification
        self._key = None if verification.key is None else chain.ChainKey(verification.key)
        self._unkeyed = hashlib.sha256()
        self.id = stream
        self.watched: dict[int, list[tuple[bytes, AuditFindingKind]]] = {}
        for sequence, chain_hash, kind in watched:
            self.watched.setdefault(sequence, []).append((chain_hash, kind))
        # The ends of the runs of links found so far: the hash of one whose successor, and the form and what is hashed
        # of one whose predecessor is not there yet. The end of the run that was met last stands apart.
        self._last: dict[int, bytes] = {}
        self._first: dict[int, tuple[bytes, bytes, bytes]] = {}
        self._present, self._present_hash = 0, GENESIS
        self._start: tuple[int, bytes | None] | None = None
        self._before_start: bytes | None = None
        self.sequence = self.events = 0
        self.chain_hash = GENESIS
        self.sealed_at = b""
        self.has_unkeyed = False

    @property
    def is_keyed(self) -> bool:
        """Whether a link of form 2 was found."""
        return self._start is not None

    def accept_next(self, row: bytes, columns: Sequence[bytes]) -> bool:
        """Take a keyed link that is the next one and right, as nearly all are; False where `check` has to look.

        The row is as COPY prints it, `columns` are its own and the event's as one.
        """
        linked, _, _, number, form, _, hash_of_event, sealed_at, event_row = columns
        sequence = int(number)
        if (
            form != _KEYED
            or sequence != self._present + 1
            or sequence + 1 in self._first
            or sequence in self.watched
            or self._start is None
            or sequence < self._start[0]  # An earlier start of the keyed chain than the one met so far.
            or self._key is None
            or chain.event_hash(event_row) != hash_of_event
            or self._key.chain_hash(self._present_hash, row[len(linked) + 1 : -len(event_row) - 1]) != linked
        ):
            return False
        self.events += 1
        self._present, self._present_hash = sequence, linked
        if sequence > self.sequence:
            self.sequence, self.chain_hash, self.sealed_at = sequence, linked, sealed_at
        return True

    def check(self, row: bytes, columns: Sequence[bytes]) -> None:
        """Any link with its event, as `accept_next` has them; whatever is wrong is found."""
        linked, _, _, number, form, event_id, hash_of_event, sealed_at, event_row = columns
        sequence = int(number)
        has_event = not event_row.startswith(_NO_EVENT)
        if not has_event:
            self._found(AuditFindingKind.EVENT_MISSING, sequence, event_id=event_id)
        if form == _KEYED:
            if self._start is None or sequence < self._start[0]:
                self._start, self._before_start = (sequence, event_row if has_event else None), None
            hashed = row[len(linked) + 1 : len(row) - len(event_row) - 1]
            found_hash = chain.event_hash(event_row) if has_event else hash_of_event
        else:
            self.has_unkeyed = True
            hashed = hash_of_event
            found_hash = chain.unkeyed_event_hash(event_row) if has_event else hash_of_event
        if found_hash != hash_of_event:
            self._found(AuditFindingKind.EVENT_CHANGED, sequence, event_id=event_id)
        for hash_there, kind in self.watched.get(sequence, ()):
            if hash_there != linked:
                is_given_up = self._verification.is_given_up(self.id, sequence)
                self._found(AuditFindingKind.GIVEN_UP if is_given_up else kind, sequence)
        self.events += has_event
        self._connect(sequence, linked, form, hashed)
        if sequence > self.sequence:
            self.sequence, self.chain_hash, self.sealed_at = sequence, linked, sealed_at

    def _connect(self, sequence: int, linked: bytes, form: bytes, hashed: bytes) -> None:
        self._last[self._present] = self._present_hash
        if sequence in self._last or sequence in self._first:
            self._found(AuditFindingKind.SEAL_CHANGED, sequence)  # A second one of this number.
        else:
            previous = self._last.pop(sequence - 1, None)
            if previous is None:
                self._first[sequence] = (linked, form, hashed)
            else:
                self._check_link(sequence, previous, linked, form, hashed)
            following = self._first.pop(sequence + 1, None)
            if following is None:
                self._last[sequence] = linked
            else:
                self._check_link(sequence + 1, linked, *following)
        self._present, self._present_hash = self._last.popitem()

    def _check_link(self, sequence: int, previous: bytes, linked: bytes, form: bytes, hashed: bytes) -> None:
        if self._start is not None and sequence == self._start[0]:
            self._before_start = previous
        if form != _KEYED:
            is_right = chain.unkeyed_chain_hash(previous, str(sequence).encode(), hashed) == linked
        else:
            is_right = self._key is None or self._key.chain_hash(previous, hashed) == linked
        if not is_right:
            self._found(AuditFindingKind.SEAL_CHANGED, sequence)

    def add_unkeyed(self, row: bytes) -> None:
        """A link of form 1 as COPY prints it. They come in order, after all links were checked."""
        sequence = int(row.split(b"\t", 4)[3])
        if self._start is not None and sequence > self._start[0]:
            self._found(AuditFindingKind.UNKEYED_SEAL, sequence)
        else:
            self._unkeyed.update(row + b"\n")

    def finish(self) -> None:
        """After the last link: numbers that are missing or there twice, and the start of the keyed chain."""
        ends = sorted((*self._last, self._present))
        for end, first in zip(ends, sorted(self._first), strict=False):
            if first > end + 1:
                self._found(AuditFindingKind.SEAL_MISSING, end + 1, first - 1)
            else:
                self._found(AuditFindingKind.SEAL_CHANGED, first)
        if self._start is not None:
            self._check_start(*self._start)

    def _check_start(self, sequence: int, event_row: bytes | None) -> None:
        """The first keyed link is that of the event that starts the chain, and this says what came before it."""
        if event_row is None:
            return
        facts = chain.facts_of(event_row)
        if (
            event_row.split(b"\t", 8)[7].decode() != Event.AUDIT_CHAIN_STARTED
            or facts.get("after") != sequence - 1
            or self._before_start is None
            or facts.get("chain_hash") != self._before_start.decode()
        ):
            self._found(AuditFindingKind.CHAIN_NOT_STARTED, sequence)
        elif facts.get("seals") != self._unkeyed.hexdigest():
            self._found(AuditFindingKind.SEAL_CHANGED, 1, sequence - 1)

    def _found(
        self, kind: AuditFindingKind, sequence: int, last_sequence: int | None = None, event_id: bytes | None = None
    ) -> None:
        self._verification.found(
            kind, self.id, sequence, last_sequence, None if event_id is None else UUID(event_id.decode())
        )
