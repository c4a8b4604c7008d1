"""What PostgreSQL says of jobs, mails, sealing and schema: the same figures from whichever host they are asked for.

Read over a connection of its own, as the application's role in the operator's scope; counts and ages only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import psycopg
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from governance.audit import chain
from governance.kernel.deadline_connection import DeadlineConnection

_STATEMENT_SECONDS: Final = 1.0
"""`statement_timeout`: a server that lives leaves a part of the figures out rather than the whole."""

_ANSWER_SECONDS: Final = 2.0

_BEGIN: Final = f"SET statement_timeout = {_STATEMENT_SECONDS * 1000:.0f}; SET moyai.scope = 'operator'"

_SCHEMA: Final = "SELECT version_num FROM alembic_version"

_JOBS: Final = """
    SELECT name,
        count(*) FILTER (WHERE state = 'queued'),
        count(*) FILTER (WHERE state = 'running'),
        count(*) FILTER (WHERE state = 'failed'),
        count(*) FILTER (WHERE state = 'done'),
        coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE state IN ('queued', 'running'))), 0)
    FROM (
        SELECT name, state, created_at FROM job WHERE state IN ('queued', 'running')
        UNION ALL SELECT name, state, created_at FROM job WHERE state = 'failed'
        UNION ALL SELECT name, state, created_at FROM job WHERE state = 'done' AND ended_at > now() - interval '1 hour'
    ) AS one
    GROUP BY name ORDER BY name
"""

# Each stream is looked into from its last seal on, less what an honest transaction may take: as the sealer does.
_OLDEST_UNSEALED: Final = f"""
    SELECT coalesce(extract(epoch FROM clock_timestamp() - min(unsealed.recorded_at)), 0)
    FROM tenant
    LEFT JOIN LATERAL (
        SELECT sealed_at FROM audit_seal WHERE tenant_id = tenant.id ORDER BY sequence DESC LIMIT 1
    ) AS head ON true
    CROSS JOIN LATERAL (
        SELECT lpad(to_hex(greatest(0, (extract(epoch FROM
            coalesce(head.sealed_at, 'epoch') - interval '{
    (chain.MAX_TRANSACTION + chain.COMMIT_MARGIN) // timedelta(seconds=1)
} seconds') * 1000)::bigint)), 12, '0') || repeat('0', 20) AS first_id
    ) AS since
    CROSS JOIN LATERAL (
        SELECT event.recorded_at FROM audit_event AS event
        WHERE event.tenant_id = tenant.id AND event.id >= since.first_id::uuid
            AND NOT EXISTS (
                SELECT FROM audit_seal AS link WHERE link.tenant_id = event.tenant_id AND link.event_id = event.id
            )
        ORDER BY event.id LIMIT 1
    ) AS unsealed
"""  # noqa: S608 - of constants only


class DatabaseMetrics:
    """Asks one question at a time; each time anew, as nothing is kept between two scrapes but the connection."""

    def __init__(self, url: str, *, schema_of_code: str, mail_kinds: Sequence[str]) -> None:
        """`url` is SQLAlchemy's, as the application's role. `mail_kinds` are the kinds of jobs that send a mail."""
        self._address = url.replace("postgresql+psycopg://", "postgresql://", 1)
        self._schema_of_code = schema_of_code
        self._mail_kinds = frozenset(mail_kinds)
        self._connection: DeadlineConnection[tuple[Any, ...]] | None = None

    def read(self) -> list[Metric]:
        """The figures that PostgreSQL gave in time. `moyai_database_up` is 0 where it did not answer at all."""
        up = GaugeMetricFamily("moyai_database_up", "1 where PostgreSQL answers.", value=0)
        parts = GaugeMetricFamily("moyai_scrape_part_up", "1 where this part was answered in time.", labels=["part"])
        metrics: list[Metric] = [up, parts]
        for part, read in (("schema", self._schema), ("jobs", self._jobs), ("sealing", self._sealing)):
            try:
                metrics += read()
                parts.add_metric([part], 1)
                up.samples.clear()
                up.add_metric([], 1)
            except psycopg.errors.QueryCanceled:
                parts.add_metric([part], 0)  # It took too long; the connection is good.
            except psycopg.Error:
                parts.add_metric([part], 0)
                self._close()
        return metrics

    def _schema(self) -> list[Metric]:
        version = str(self._rows(_SCHEMA)[0][0])
        info = GaugeMetricFamily("moyai_schema_info", "The version of the tables.", labels=["schema"])
        info.add_metric([version], 1)
        matches = GaugeMetricFamily(
            "moyai_schema_matches", "1 where the tables are of the version that this program was written for."
        )
        matches.add_metric([], float(version == self._schema_of_code))
        return [info, matches]

    def _jobs(self) -> list[Metric]:
        jobs = GaugeMetricFamily("moyai_jobs", "Jobs that are not done, by kind and state.", labels=["kind", "state"])
        done = GaugeMetricFamily("moyai_jobs_done_last_hour", "Jobs done within the last hour.", labels=["kind"])
        oldest = GaugeMetricFamily(
            "moyai_jobs_oldest_seconds", "Age of the oldest job that is queued or running.", labels=["kind"]
        )
        mails = 0
        for kind, queued, running, failed, ended, age in self._rows(_JOBS):
            for state, count in (("queued", queued), ("running", running), ("failed", failed)):
                jobs.add_metric([kind, state], count)
            done.add_metric([kind], ended)
            oldest.add_metric([kind], float(age))
            mails += queued + running if kind in self._mail_kinds else 0
        return [jobs, done, oldest, GaugeMetricFamily("moyai_mails_waiting", "Mails that wait to be sent.", mails)]

    def _sealing(self) -> list[Metric]:
        age = float(self._rows(_OLDEST_UNSEALED)[0][0])
        text = "Age of the oldest audit event without a seal; 0 where all are sealed."
        return [GaugeMetricFamily("moyai_audit_oldest_unsealed_seconds", text, age)]

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = DeadlineConnection.connect(self._address, autocommit=True)
            self._connection.own_limit_seconds = _ANSWER_SECONDS
            self._connection.statement_seconds = _STATEMENT_SECONDS
            # Not as `options` of the connection, which PgBouncer refuses.
            self._connection.execute(_BEGIN)
        return self._connection.execute(statement).fetchall()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
