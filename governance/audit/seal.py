"""Sealing the audit log: a keyed hash chain per tenant, made after the commit, its tips written outside the database.

Sealing afterwards keeps the hot path free of a lock per tenant (reference figures: an inline chain leaves a third of
the postings). The worker seals an event within seconds, in the order in which events became visible: the order of
commits. What a sealer must not put right by sealing over it, it leaves as it is, for `verification` to find.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from psycopg.types.json import Jsonb
from sqlalchemy import text
from sqlalchemy.orm import Session

from governance.actors import system_actor
from governance.audit import chain
from governance.audit.files import AuditFiles, Tip, Tips, TipsUnreadable, key_id
from governance.audit.writer import AuditOutcome, AuditRecord, insert_statements
from governance.commands import system_transaction
from governance.events import Event
from governance.kernel.database import OPERATOR, allow_long_statements
from governance.kernel.ids import first_id_at, new_id
from governance.kernel.pipelined import copy_rows, execute_raw
from governance.permissions import Permission

log = structlog.get_logger(__name__)

MAX_EVENTS_A_ROUND: Final = 10_000
SWEEP_NOTED_EVERY: Final = timedelta(minutes=1)
"""How often the file of tips says that a stream without a new event was swept."""

MAX_AGE: Final = chain.MAX_TRANSACTION + chain.COMMIT_MARGIN
"""How much older than its stream's last seal an event of an honest transaction can be."""


STATEMENT_SECONDS: Final = 60
"""How long one statement of a sealing may take, on the server."""

NEVER: Final = datetime.fromtimestamp(0, UTC)


class SealingStopped(Exception):
    """Nothing may be sealed: `reason` is key_missing, tips_missing or tips_changed, as `verification` reports it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SealingResult:
    """How many events were sealed, the tips that this made, and the streams that contradict their tip."""

    sealed: int = 0
    tips: tuple[Tip, ...] = ()
    stopped: tuple[UUID, ...] = ()


@dataclass(slots=True)
class _Stream:
    """A tenant's stream as this round finds it: its last link (none: sequence 0, form 0)."""

    id: UUID
    sequence: int
    chain_hash: bytes
    form: int
    reference: datetime | None
    """Whatever committed honestly was recorded no earlier than this, less the longest transaction."""
    swept_at: datetime = NEVER
    """Nothing recorded before this is left unsealed by this round; NEVER where the round did not come to the stream."""


def seal(files: AuditFiles) -> SealingResult:
    """Seal what is not sealed yet, commit, and write the tips. Call it outside of any transaction.

    One sealer at a time, whichever host it is on; a second one finds nothing to do. A stream whose tip is not in the
    database any more is left alone, and so is an event older than an honest transaction can make it. Raises
    SealingStopped where the key or the tips are gone or are not those of this database.
    """
    with system_transaction(OPERATOR) as session:
        if not session.execute(text("SELECT pg_try_advisory_xact_lock(hashtext('moyai.audit.seal'))")).scalar_one():
            return SealingResult()
        key, tips = _read_files(session, files)
        now: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        streams, stopped = _streams(session, tips)
        allow_long_statements(session, STATEMENT_SECONDS)
        beginning = [stream for stream in streams if stream.form != chain.KEYED_FORM]
        _begin_chains(session, key, beginning, now)
        # Where chains begin they all begin in one round, whatever else there is to seal.
        sealed = _seal_streams(session, key, streams, now, None if beginning else MAX_EVENTS_A_ROUND)
    made = {
        stream.id: Tip(stream.id, stream.sequence, stream.chain_hash.decode(), stream.swept_at)
        for stream in streams
        if stream.id not in tips or stream.sequence > tips[stream.id].sequence
    }
    swept = {
        stream.id: replace(tips[stream.id], swept_at=stream.swept_at)
        for stream in streams
        if stream.id not in made and stream.swept_at - tips[stream.id].swept_at > SWEEP_NOTED_EVERY
    }
    if made or swept:
        files.add_tips(key, made | swept)
    return SealingResult(sealed, tuple(made.values()), tuple(stopped))


def reset_tips(files: AuditFiles) -> int:
    """Make the tips anew of what the database holds now; returns how many. Waits for a sealer at work.

    Raises SealingStopped without the key. Record it first: `governance.audit.commands.reset_audit_tips`.
    """
    with system_transaction(OPERATOR) as session:
        session.execute(text("SELECT pg_advisory_xact_lock(hashtext('moyai.audit.seal'))"))
        key = _read_key(files)
        if key is None:
            raise SealingStopped("key_missing")
        streams, _ = _streams(session, {})
        tips = {
            stream.id: Tip(stream.id, stream.sequence, stream.chain_hash.decode(), stream.reference)
            for stream in streams
            if stream.form == chain.KEYED_FORM and stream.reference is not None
        }
        files.replace_tips(key, tips)
    return len(tips)


def _read_files(session: Session, files: AuditFiles) -> tuple[bytes, Tips]:
    """The key and the tips. They are made where the database has no keyed seal yet."""
    key = _read_key(files)
    if key is None:
        if session.execute(
            text("SELECT EXISTS (SELECT FROM audit_seal WHERE form = :form)"), {"form": chain.KEYED_FORM}
        ).scalar_one():
            raise SealingStopped("key_missing")
        key = files.create_key()
    try:
        tips = files.read_tips(key)
    except TipsUnreadable:
        raise SealingStopped("tips_changed") from None
    if tips is None:
        raise SealingStopped("tips_missing")
    return key, tips


def _read_key(files: AuditFiles) -> bytes | None:
    try:
        return files.read_key()
    except ValueError:
        raise SealingStopped("key_missing") from None


def _streams(session: Session, tips: Tips) -> tuple[list[_Stream], list[UUID]]:
    """Every tenant's stream, and those left out because the database contradicts their tip."""
    rows = session.execute(
        text(
            """
            SELECT tenant.id, head.sequence, head.chain_hash, head.form, head.sealed_at, at_tip.chain_hash AS at_tip
            FROM tenant
            LEFT JOIN unnest(CAST(:streams AS uuid[]), CAST(:sequences AS bigint[])) AS tip (tenant_id, sequence)
                ON tip.tenant_id = tenant.id
            LEFT JOIN audit_seal AS at_tip ON at_tip.tenant_id = tenant.id AND at_tip.sequence = tip.sequence
            LEFT JOIN LATERAL (
                SELECT sequence, chain_hash, form, sealed_at FROM audit_seal
                WHERE tenant_id = tenant.id ORDER BY sequence DESC LIMIT 1
            ) AS head ON true
            ORDER BY tenant.id
            """
        ),
        {"streams": list(tips), "sequences": [tip.sequence for tip in tips.values()]},
    ).all()
    streams, stopped = [], []
    for row in rows:
        tip = tips.get(row.id)
        # Where keyed chains have begun they have begun everywhere: what is unkeyed now was made so.
        is_unkeyed = bool(tips) and row.form == chain.UNKEYED_FORM
        if (tip is not None and row.at_tip != tip.chain_hash) or is_unkeyed:
            stopped.append(row.id)
            continue
        known = [at for at in (row.sealed_at, None if tip is None else tip.swept_at) if at is not None]
        streams.append(
            _Stream(
                row.id,
                row.sequence or 0,
                chain.GENESIS if row.chain_hash is None else row.chain_hash.encode(),
                row.form or 0,
                max(known, default=None),
            )
        )
    return streams, stopped


def _begin_chains(session: Session, key: bytes, streams: list[_Stream], now: datetime) -> None:
    """Record in each stream that its keyed chain begins, and what the unkeyed one before it came to.

    Every stream's genesis: a stream without this event is not whole.
    """
    operator_id = session.execute(text("SELECT id FROM tenant WHERE is_operator")).scalar_one_or_none()
    for stream in streams:
        record = AuditRecord(
            Event.AUDIT_CHAIN_STARTED,
            str(stream.id),
            stream.id,
            {
                "form": chain.KEYED_FORM,
                "key": key_id(key),
                "after": stream.sequence,
                "chain_hash": stream.chain_hash.decode(),
                "seals": _digest_of_seals(session, stream.id),
            },
        )
        for statement, values in insert_statements(
            [record],
            system_actor("worker", operator_id or stream.id),
            "seal",
            Permission.AUDIT_SEAL,
            AuditOutcome.DONE,
            now,
        ):
            execute_raw(session, statement, values)


def _digest_of_seals(session: Session, stream: UUID) -> str:
    """SHA-256 over every column of the stream's seals so far. Form 1 leaves the time of sealing out."""
    digest = hashlib.sha256()
    query = f"{chain.SELECT_SEAL} FROM audit_seal AS link WHERE tenant_id = %(stream)s ORDER BY sequence"
    for row in copy_rows(session, query, {"stream": stream}):
        digest.update(row + b"\n")
    return digest.hexdigest()


def _seal_streams(session: Session, key: bytes, streams: list[_Stream], now: datetime, limit: int | None) -> int:
    """Add the links of these streams' unsealed events; returns how many. Moves the streams on to their new ends."""
    rows = _unsealed(session, streams, now, limit)
    # A stream of which the round takes a part only is sealed up to the time of that part's end: what is left would be
    # taken for an insertion into the past otherwise. Those after it wait for the next round.
    last_id, last_time = rows[-1].split(b"\t", 3)[1:3] if len(rows) == limit else (b"", b"")
    for stream in streams:
        if not last_id or str(stream.id).encode() < last_id:
            stream.swept_at = now
        elif str(stream.id).encode() == last_id:
            stream.swept_at = chain.parse_copy_time(last_time)
    by_id = {str(stream.id).encode(): stream for stream in streams}
    chain_key = chain.ChainKey(key)
    links = [_link(chain_key, by_id[row[37:73]], row) for row in rows]
    for start in range(0, len(links), MAX_EVENTS_A_ROUND):
        execute_raw(session, _INSERT_SEALS, {"links": Jsonb(links[start : start + MAX_EVENTS_A_ROUND])})
    return len(links)


_INSERT_SEALS: Final = """
    INSERT INTO audit_seal (id, tenant_id, sequence, form, event_id, event_hash, chain_hash, sealed_at)
    SELECT id, tenant_id, sequence, form, event_id, event_hash, chain_hash, sealed_at
    FROM jsonb_to_recordset(%(links)s) AS link (
        id uuid, tenant_id uuid, sequence bigint, form smallint, event_id uuid, event_hash text, chain_hash text,
        sealed_at timestamptz
    )
"""


def _link(key: chain.ChainKey, stream: _Stream, event_row: bytes) -> dict[str, Any]:
    """The seal of an event at the end of its stream, which is moved on to it."""
    event_id, tenant_id, _ = event_row.split(b"\t", 2)
    link = {
        "id": str(new_id()),
        "tenant_id": tenant_id.decode(),
        "sequence": stream.sequence + 1,
        "form": chain.KEYED_FORM,
        "event_id": event_id.decode(),
        "event_hash": chain.event_hash(event_row).decode(),
        "sealed_at": chain.copy_time(stream.swept_at).decode(),
    }
    row = "\t".join(str(column) for column in link.values()).encode()
    stream.sequence, stream.chain_hash = stream.sequence + 1, key.chain_hash(stream.chain_hash, row)
    return link | {"chain_hash": stream.chain_hash.decode()}


# Left out is what no honest transaction recorded: older than the longest one allows, later than now, or with another
# time in its id.
_UNSEALED: Final = """
    FROM audit_event AS event
    WHERE event.tenant_id = stream.id AND event.id >= stream.first_id
        AND event.recorded_at BETWEEN stream.earliest AND %(latest)s
        AND abs(
            ('x' || translate(left(event.id::text, 13), '-', ''))::bit(48)::bigint
            - extract(epoch FROM event.recorded_at) * 1000
        ) <= %(tolerance_ms)s
        AND NOT EXISTS (
            SELECT FROM audit_seal AS link WHERE link.tenant_id = event.tenant_id AND link.event_id = event.id
        )
"""


def _unsealed(session: Session, streams: list[_Stream], now: datetime, limit: int | None) -> list[bytes]:
    """Rows of events without a seal, as COPY prints them: by stream, where a chain begins, by time; at most `limit`."""
    # Each look goes by the index from one time on, whatever statistics say of tables that have just grown.
    session.execute(text("SET LOCAL enable_seqscan = off"))
    bounds = {
        "latest": now + chain.COMMIT_MARGIN,
        "tolerance_ms": MAX_AGE // timedelta(milliseconds=1),
        "start": Event.AUDIT_CHAIN_STARTED.value,
    }
    earliest = [NEVER if stream.reference is None else stream.reference - MAX_AGE for stream in streams]
    pending = execute_raw(
        session,
        f"""
        {_SELECT_STREAM}
        FROM unnest(%(streams)s::uuid[], %(first_ids)s::uuid[], %(earliest)s::timestamptz[])
            AS stream (id, first_id, earliest),
            -- LIMIT keeps it a look into each stream: as a join, every round would read the whole log.
            LATERAL (SELECT {_UNSEALED} LIMIT 1) AS one
        ORDER BY stream.id
        """,
        {
            **bounds,
            "streams": [stream.id for stream in streams],
            "first_ids": [first_id_at(instant) for instant in earliest],
            "earliest": earliest,
        },
    )
    rows: list[bytes] = []
    for stream_id, first_id, since in pending:
        left = None if limit is None else limit - len(rows)
        if left == 0:
            break
        rows += copy_rows(
            session,
            _SELECT_UNSEALED,
            {**bounds, "stream": stream_id, "first_id": first_id, "earliest": since, "limit": left},
        )
    return rows


_SELECT_STREAM: Final = "SELECT stream.id, stream.first_id, stream.earliest"

_SELECT_UNSEALED: Final = f"""
    {chain.SELECT_EVENT} FROM (
        SELECT event.*
        FROM (SELECT %(stream)s::uuid, %(first_id)s::uuid, %(earliest)s::timestamptz)
                AS stream (id, first_id, earliest),
            LATERAL (SELECT event.* {_UNSEALED}) AS event
        ORDER BY event.id LIMIT %(limit)s
    ) AS event
    ORDER BY event.event <> %(start)s, event.id
"""  # noqa: S608 - made of this package's constants only
