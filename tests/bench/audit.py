"""Seconds to verify 100,000 sealed events, against hashing as many lines of that length in the same run.

    python -m tests.bench.audit [EVENTS]

A PostgreSQL of its own, 21 streams. The events are added in bulk behind the triggers and sealed as the worker does it.
In the end one event is changed behind the triggers: a run counts only where verification sees that.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from flask import Flask

from admin.migrations import metadata  # noqa: F401 - every table is known before the first session
from admin.migrations.apply import migrate_url
from governance.audit.files import AuditFiles
from governance.audit.findings import AuditVerificationReport
from governance.audit.seal import seal
from governance.audit.verification import verify
from governance.kernel.database import OPERATOR, connect, db, tenant_scope
from tenancy.tenants.states import TenantKind
from tests.actors import Actors, seed_operator
from tests.bench._conditions import machine
from tests.factories import Factory
from tests.servers import PostgreSQL, libpq, start_postgresql

EVENTS: Final = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
STREAMS: Final = 21
GOAL_SECONDS: Final = 10 * EVENTS / 1_000_000
_LINE_BYTES: Final = 400

# The ids and times of real ones: one after the other, a microsecond apart.
_ADD: Final = """
    INSERT INTO audit_event
    SELECT (lpad(to_hex(us / 1000), 12, '0') || '7' || lpad(to_hex(mod(us, 1000) * 4096 / 1000), 3, '0')
            || '8' || lpad(to_hex(number), 15, '0'))::uuid,
        streams.ids[1 + mod(number, array_length(streams.ids, 1))], to_timestamp(us / 1000000.0),
        'person:' || mod(number, 300), 'person', streams.ids[1], 'record_cost', 'cost.recorded', 'billing:cost:record',
        'done', gen_random_uuid()::text, jsonb_build_object('yen', number, 'fiscal_year', 2025, 'pool', '運用保守'),
        gen_random_uuid()::text
    FROM generate_series(1, %(events)s) AS number,
        (SELECT array_agg(id) AS ids FROM tenant) AS streams,
        LATERAL (SELECT (extract(epoch FROM %(start)s::timestamptz) * 1000000)::bigint + number AS us) AS at
"""


def bench() -> dict[str, Any]:
    """Seconds of one verification of everything, twice, and what it found."""
    before = machine()
    with _server() as server, tempfile.TemporaryDirectory() as folder:
        files = AuditFiles(Path(folder) / "audit.key", Path(folder) / "tips.json")
        app = Flask("bench")
        connect(app, server.app_url("bench"))
        with app.app_context():
            _prepare(server, files)
            seconds_sealing, sealed = _seal(server, files)
            (first, report), (second, _) = _timed(files), _timed(files)
            _superuser(
                server,
                "UPDATE audit_event SET actor = 'x' WHERE id = (SELECT id FROM audit_event ORDER BY id DESC LIMIT 1)",
            )
            _, tampered = _timed(files)
            db.session.remove()
            db.engine.dispose()
    return {
        "what": f"seconds to verify {report.records:,} events of {STREAMS} streams",
        "conditions": f"before: {before}; after: {machine()}",
        "goal_seconds": GOAL_SECONDS,
        "seconds": [round(first, 1), round(second, 1)],
        "bare_hashing_seconds": round(_bare(report.records), 1),
        "sealed_per_second": round(sealed / seconds_sealing),
        "proved": report.intact and tampered.findings_total == 1,
    }


@contextmanager
def _server() -> Iterator[PostgreSQL]:
    with tempfile.TemporaryDirectory(prefix="moyai-bench-") as folder:
        server = start_postgresql(Path(folder))
        try:
            with psycopg.connect(libpq(server.superuser_url), autocommit=True) as connection:
                connection.execute("CREATE DATABASE bench OWNER moyai_owner TEMPLATE template0")
            migrate_url(server.owner_url("bench"))
            yield server
        finally:
            server.stop()


def _prepare(server: PostgreSQL, files: AuditFiles) -> None:
    actors = Actors(seed_operator())
    for number in range(STREAMS - 1):
        Factory(actors).register_applicant(None, f"企業{number}", "キギョウ", TenantKind.COMPANY)
    seal(files)
    with psycopg.connect(libpq(server.superuser_url), dbname="bench", autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")
        start = superuser.execute("SELECT clock_timestamp()").fetchone()
        superuser.execute(_ADD, {"events": EVENTS, "start": start and start[0]})
        superuser.execute("VACUUM ANALYZE")


def _superuser(server: PostgreSQL, statement: str) -> None:
    with psycopg.connect(libpq(server.superuser_url), dbname="bench", autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(statement)


def _seal(server: PostgreSQL, files: AuditFiles) -> tuple[float, int]:
    start, sealed = time.perf_counter(), 0
    while count := seal(files).sealed:
        if not sealed:
            # As autovacuum does within a minute, which a worker takes for what is sealed here in a second.
            _superuser(server, "ANALYZE audit_seal")
        sealed += count
    return time.perf_counter() - start, sealed


def _timed(files: AuditFiles) -> tuple[float, AuditVerificationReport]:
    start = time.perf_counter()
    with tenant_scope(OPERATOR):
        report = verify(db.session(), files)
    return time.perf_counter() - start, report


def _bare(lines: int) -> float:
    """One SHA-256 and one HMAC for each line, from memory."""
    line, linked = b"x" * _LINE_BYTES, b"0" * 64
    start = time.perf_counter()
    for _ in range(lines):
        linked = hmac.digest(b"k" * 32, linked + hashlib.sha256(line).hexdigest().encode(), "sha256").hex().encode()
    return time.perf_counter() - start


if __name__ == "__main__":
    print(json.dumps(bench(), ensure_ascii=False, indent=2))
