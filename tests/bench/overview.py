"""How long the server works on home, 対応待ち and 検索, with every municipality of Japan in it.

    python -m tests.bench.overview

The goals of the 95th percentile: 150 ms for the first two, 100 ms for 検索.

1,741 members, each with its onboarding behind it, a former name, its share of a posted run and its notice of the first
one, 50,000 people and a million ledger lines, filled by PostgreSQL itself and proved afterwards by the ledger's own
verification. Each page is asked for through the whole application (session, permissions, queries, template) by a person
who is signed in; what the network would add is not in the figure.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from flask import Flask
from flask.testing import FlaskClient

from admin.app import create_app
from admin.core.logs import configure_logs
from admin.migrations.apply import migrate_url
from admin.operations.settings import Settings
from billing.ledger.chart import CHART, AccountCode
from billing.ledger.verification import verify
from billing.notices.models import NoticeContent
from governance.events import Event
from governance.kernel.codes import check_digit
from governance.kernel.database import OPERATOR, connect, db, dispose_engines, tenant_scope
from governance.permissions import Permission, Role
from tenancy.onboarding.steps import StepName
from tests import servers
from tests.actors import seed_operator
from tests.admin.visitors import visit
from tests.bench._conditions import machine, percentile, spread
from tests.factories import Visitors

MEMBERS, LINES, PEOPLE = 1_741, 1_000_000, 50_000
YEARS = (2023, 2024, 2025)
SHARE_YEN = 1_000_000
WARM_UP, REQUESTS = 20, 300
PUBLIC_URL = "https://moyai.example.jp"
CODES = tuple(five + check_digit(five) for five in (f"{1 + n % 47:02}{201 + n // 47:03}" for n in range(MEMBERS)))


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is measured: its address, a text that it shows when it is right, the goal for its 95th percentile."""

    name: str
    address: str
    shows: str
    goal_milliseconds: float


PAGES = (
    Page("home", "/", f"{MEMBERS:,}", 150.0),
    Page("対応待ち", "/approvals", "通知を出す", 150.0),
    Page("検索, kana of every member", "/search?q=そくていし", "測定市1<", 100.0),
    Page("検索, code", f"/search?q={CODES[-1]}", f"測定市{MEMBERS}<", 100.0),
    Page("検索, former name", f"/search?q=旧測定町{MEMBERS}", f"測定市{MEMBERS}<", 100.0),
    Page("検索, mail of a person", f"/search?q=p{PEOPLE - 1}@bench.example", f"{PEOPLE - 1}郎<", 100.0),
    Page("検索, number of a notice", f"/search?q={YEARS[0]}-01-{CODES[-1]}", "納入通知書<", 100.0),
    Page("検索, nothing", "/search?q=どこにもない", "「どこにもない」", 100.0),
)


class Clocked:
    """The application with a stopwatch around it: from the first byte in to the last byte out, in milliseconds."""

    def __init__(self, app: Flask) -> None:
        self._inner = app.wsgi_app
        self.milliseconds: list[float] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        started = time.perf_counter()
        answer = self._inner(environ, start_response)
        try:
            return list(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()
            self.milliseconds.append((time.perf_counter() - started) * 1000)


def bench() -> dict[str, Any]:
    """For each page the spread and the 95th percentile over REQUESTS requests."""
    with _filled() as (postgresql, folder, operator_id):
        settings = Settings.from_environment(
            {
                "MOYAI_HOME": str(folder / "home"),
                "MOYAI_PUBLIC_URL": PUBLIC_URL,
                **postgresql.urls("bench"),
                # Nobody is asked there: the session is open already.
                "KEYCLOAK_URL": "http://localhost:1",
            }
        )
        app = create_app(settings)
        configure_logs(logging.WARNING)
        with app.app_context():
            person = Visitors().person(operator_id, *_ROLES)
            browser = visit(app, PUBLIC_URL, person)
            version = db.session.connection().exec_driver_sql("SHOW server_version").scalar_one()
            db.session.remove()
        clocked = Clocked(app)
        app.wsgi_app = clocked  # type: ignore[method-assign]
        pages = {page.name: _measure(browser, clocked, page) for page in PAGES}
        with app.app_context():
            dispose_engines()
        return {
            "what": f"{MEMBERS:,} members, {PEOPLE:,} people, {LINES:,} ledger lines",
            "conditions": f"{machine()}; PostgreSQL {version}, fsync on; {REQUESTS} requests, one after the other, "
            f"after {WARM_UP} of warming up",
            "pages": pages,
        }


def _measure(browser: FlaskClient, clocked: Clocked, page: Page) -> dict[str, Any]:
    clocked.milliseconds.clear()
    for _ in range(WARM_UP + REQUESTS):
        answer = browser.get(page.address)
        if answer.status_code != 200 or page.shows not in answer.text:
            raise AssertionError(f"{page.address}: {answer.status_code}, and {page.shows!r} is not on the page")
    measured = clocked.milliseconds[WARM_UP:]
    return {
        **spread(measured, digits=1),
        "p95": round(percentile(measured, 0.95), 1),
        "bytes": len(answer.data),
        "goal_p95": page.goal_milliseconds,
    }


_ROLES = (Role.OPERATOR_ONBOARDING, Role.OPERATOR_FINANCE, Role.OPERATOR_AUDITOR)


@contextmanager
def _filled() -> Iterator[tuple[servers.PostgreSQL, Path, UUID]]:
    """A durable PostgreSQL with the members and the lines, whose books are proved."""
    with tempfile.TemporaryDirectory(prefix="moyai-bench-") as name:
        folder = Path(name)
        postgresql = servers.start_postgresql(folder / "postgresql", durable=True)
        try:
            with psycopg.connect(servers.libpq(postgresql.superuser_url), autocommit=True) as connection:
                connection.execute("CREATE DATABASE bench OWNER moyai_owner TEMPLATE template0")
            migrate_url(postgresql.owner_url("bench"))
            app = Flask("bench")
            connect(app, postgresql.app_url("bench"))
            with app.app_context():
                operator_id = seed_operator()
                _fill(postgresql, operator_id)
                with tenant_scope(OPERATOR):
                    report = verify(db.session())
                db.session.remove()
                db.engine.dispose()
            # The runs are there for their shares, which the page reads; the lines are of other entries.
            wrong = [each for each in report.imbalances if each.kind != "run"]
            if wrong or report.entries * 2 != LINES:
                raise AssertionError(f"the books are not right: {report.entries} entries, {wrong[:5]}")
            yield postgresql, folder, operator_id
        finally:
            postgresql.stop()


def _fill(postgresql: servers.PostgreSQL, operator_id: UUID) -> None:
    chart = [(code.value, CHART[code].name, CHART[code].kind.value) for code in (AccountCode.RECEIVABLE, _BURDEN)]
    values = {
        "operator": operator_id,
        "codes": list(CODES),
        "steps": [step.value for step in StepName],
        "years": list(YEARS),
        "entries": LINES // 2,
        "people": PEOPLE,
        "share": SHARE_YEN,
        "total": SHARE_YEN * MEMBERS,
        "accounts": [line[0] for line in chart],
        "names": [line[1] for line in chart],
        "kinds": [line[2] for line in chart],
        "since": date(YEARS[0], 4, 1),
        "digest": "sha256:" + "0" * 64,
        "edited": Event.TENANT_EDITED.value,
        "permission": Permission.TENANT_EDIT.value,
        "printed": _PRINTED.model_dump_json(),
    }
    address = servers.libpq(postgresql.server.url("postgres", "bench"))
    with psycopg.connect(address) as connection:
        # Triggers ask each entry whether it is balanced; here all are asked at once, by `verify`.
        connection.execute("SET session_replication_role = replica")
        for statement in _FILLING:
            connection.execute(statement, values)
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM (ANALYZE)")


_BURDEN = AccountCode.BURDEN
_PRINTED = NoticeContent(
    title="納入通知書",
    example=None,
    number="",
    issued_on="",
    addressee="",
    code="",
    issuer="",
    sentence="",
    amount_label="",
    amount="",
    due_on=None,
    particulars=(),
    change=None,
    divisions=(),
    share="",
    no_divisions="",
    digest="",
)
"""What the filled notices have printed, but for the addressee: the pages show no more of it."""

_FILLING = (
    """
    INSERT INTO cohort (id, name, label, fiscal_year, created_at)
    SELECT uuidv7(), 'year-' || year, year || '年度参加', year, now() FROM unnest(%(years)s::int[]) AS year
    """,
    """
    INSERT INTO tenant (id, code, name, kana, kind, state, is_operator, alias, cohort_id, valid_from, version,
        registered_at)
    SELECT uuidv7(), code, '測定市' || place, 'ソクテイシ', 'city', 'active', false, 't-' || code,
        (SELECT id FROM cohort ORDER BY name OFFSET place %% 3 LIMIT 1), %(since)s, 1, now()
    FROM unnest(%(codes)s::text[]) WITH ORDINALITY AS one (code, place)
    """,
    """
    INSERT INTO onboarding (id, tenant_id, cohort_id, state, requested_by, requested_at, finished_at, fence)
    SELECT uuidv7(), id, cohort_id, 'done', 'bench', now(), now(), 1 FROM tenant WHERE NOT is_operator
    """,
    """
    INSERT INTO onboarding_step (id, tenant_id, onboarding_id, name, state, attempts, faults, facts, outcome,
        started_at, finished_at)
    SELECT uuidv7(), tenant_id, id, step, 'done', 1, 0, '{}', '{}', now(), now()
    FROM onboarding, unnest(%(steps)s::text[]) AS step
    """,
    """
    INSERT INTO allocation_run (id, tenant_id, fiscal_year, number, kind, state, total_yen, operator_yen,
        operator_residual_yen, deductions_yen, digest, inputs, prepared_at, prepared_by, requested_by, decided_at,
        happened_on)
    SELECT uuidv7(), %(operator)s, year, 1, 'estimate', 'posted', %(total)s, 0, 0, 0, %(digest)s, '{}', now(), 'bench',
        'bench', now(), make_date(year, 4, 1)
    FROM unnest(%(years)s::int[]) AS year
    """,
    """
    INSERT INTO allocation_share (id, tenant_id, operator_id, run_id, fiscal_year, run_number, kind, digest, label,
        name, share_yen, previous_yen, divisions, posted_at)
    SELECT uuidv7(), tenant.id, run.tenant_id, run.id, run.fiscal_year, 1, 'estimate', run.digest, tenant.code,
        tenant.name, %(share)s, 0, '[]', now()
    FROM allocation_run AS run, tenant WHERE NOT tenant.is_operator
    """,
    """
    INSERT INTO notice (id, tenant_id, share_id, run_id, number, fiscal_year, amount_yen, issued_on, due_on, is_example,
        facts, pdf, pdf_sha256, issued_at, issued_by)
    SELECT uuidv7(), tenant_id, id, run_id, fiscal_year || '-01-' || label, fiscal_year, share_yen,
        make_date(fiscal_year, 4, 1), make_date(fiscal_year, 4, 30), true,
        %(printed)s::jsonb || jsonb_build_object('addressee', name, 'code', label), '', '', now(), 'bench'
    FROM allocation_share WHERE fiscal_year = (%(years)s::int[])[1]
    """,
    """
    INSERT INTO audit_event (id, tenant_id, recorded_at, actor, actor_kind, acting_tenant_id, command, event,
        permission, outcome, subject, facts)
    SELECT uuidv7(), tenant.id, now(), 'bench', 'person', %(operator)s, 'edit_tenant', %(edited)s, %(permission)s,
        'done', tenant.id::text, jsonb_build_object('before', jsonb_build_object('name', '旧測定町' || place))
    FROM unnest(%(codes)s::text[]) WITH ORDINALITY AS one (code, place) JOIN tenant USING (code)
    """,
    """
    WITH body AS (SELECT id, row_number() OVER (ORDER BY code) - 1 AS place FROM tenant WHERE NOT is_operator)
    INSERT INTO member (id, tenant_id, person_id, family_name, given_name, email, email_key, state, keycloak_id,
        added_by, added_at)
    SELECT uuidv7(), body.id, uuidv7(), '測定', number || '郎', 'p' || number || '@bench.example',
        'p' || number || '@bench.example', 'active', gen_random_uuid()::text, 'bench', now()
    FROM generate_series(0, %(people)s - 1) AS number
    JOIN body ON body.place = number %% (SELECT count(*) FROM body)
    """,
    """
    INSERT INTO ledger_account (tenant_id, id, code, name, kind)
    SELECT tenant.id, uuidv7(), account.code, account.name, account.kind
    FROM tenant, unnest(%(accounts)s::text[], %(names)s::text[], %(kinds)s::text[]) AS account (code, name, kind)
    WHERE NOT tenant.is_operator
    """,
    """
    INSERT INTO ledger_period (tenant_id, fiscal_year, state)
    SELECT id, year, 'open' FROM tenant, unnest(%(years)s::int[]) AS year WHERE NOT is_operator
    """,
    """
    WITH member AS (SELECT id, row_number() OVER (ORDER BY code) - 1 AS place FROM tenant WHERE NOT is_operator)
    INSERT INTO ledger_entry (tenant_id, id, reference, request_hash, kind, fiscal_year, happened_on, line_count, memo)
    SELECT member.id, uuidv7(), 'bench:' || number, %(digest)s, 'ordinary', year, make_date(year, 4, 1), 2, '負担金'
    FROM (
        SELECT number, number %% (SELECT count(*) FROM member) AS place,
            (%(years)s::int[])[1 + number / (SELECT count(*) FROM member) %% 3] AS year
        FROM generate_series(0, %(entries)s - 1) AS number
    ) AS entry JOIN member USING (place)
    """,
    """
    INSERT INTO ledger_line (tenant_id, entry_id, line_no, account_id, yen, happened_on)
    SELECT entry.tenant_id, entry.id, 1 + (account.code <> (%(accounts)s::text[])[1])::int, account.id,
        CASE WHEN account.code = (%(accounts)s::text[])[1] THEN 1 ELSE -1 END * (1000 + entry.number %% 9000),
        entry.happened_on
    FROM ledger_entry AS entry JOIN ledger_account AS account USING (tenant_id)
    """,
    """
    INSERT INTO ledger_balance (tenant_id, account_id, fiscal_year, yen, line_count)
    SELECT line.tenant_id, line.account_id, entry.fiscal_year, sum(line.yen), count(*)
    FROM ledger_line AS line JOIN ledger_entry AS entry ON entry.tenant_id = line.tenant_id AND entry.id = line.entry_id
    GROUP BY 1, 2, 3
    """,
)


def main() -> None:
    result = bench()
    print(f"pages: {result['what']} ({result['conditions']})")
    for name, found in result["pages"].items():
        verdict = "met" if found["p95"] <= found["goal_p95"] else "NOT MET"
        print(
            f"  {name}: server time p95 {found['p95']} ms, median {found['median']} ms (from {found['min']} to "
            f"{found['max']} ms), {found['bytes']:,} bytes; goal {found['goal_p95']:g} ms {verdict}, "
            f"ratio {found['p95'] / found['goal_p95']:.2f}"
        )


if __name__ == "__main__":
    main()
