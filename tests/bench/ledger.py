"""Postings per second through the public command, against bare psycopg writing the same rows in the same run.

    python -m tests.bench.ledger

A PostgreSQL of its own, with durable settings (fsync on). Each client is a process with one connection. The public
command asks the permission, claims and answers the idempotency key, posts entry, lines and balances and leaves the
audit row; the yardstick sends one INSERT for each of these inside a transaction, its scope set once for the connection,
and computes nothing. Rounds alternate, so that both meet the same disk and the same neighbours.
"""

from __future__ import annotations

import json
import multiprocessing
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from flask import Flask

from admin.migrations import metadata  # noqa: F401 - every table is known before the first session
from admin.migrations.apply import migrate_url
from admin.operations.postgresql import ROLES, SUPERUSER, EmbeddedPostgreSQL
from billing.ledger.chart import AccountCode
from billing.ledger.commands import EntryLine, PostEntry
from billing.ledger.posting import Posting, PostingLine, post
from billing.ledger.verification import verify
from governance.actors import Actor, ActorKind
from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.kernel.database import OPERATOR, connect, db, tenant_scope
from governance.kernel.ids import new_id
from governance.permissions import Permission, Role
from tests.actors import seed_operator
from tests.bench._conditions import machine
from tests.billing.ledger.books import post_entry
from tests.ports import find_free_port
from tests.servers import PostgreSQL, libpq

CLIENTS = (1, 8)
BOOKS = 21
ROUNDS = 5
SECONDS_A_ROUND = 2.0
BATCH = 1_000
GOAL = 0.6
DAY = date(2025, 6, 1)
ACCOUNTS = (AccountCode.RECEIVABLE, AccountCode.BURDEN)


class PostRun(Command):
    """A run of entries over the books, as an allocation posts it."""

    run: str
    books: tuple[UUID, ...]


class RunPosted(Result):
    entries: int


@handles(Permission.LEDGER_POST, Event.LEDGER_POSTED)
def post_bench_run(ctx: CommandContext, command: PostRun) -> RunPosted:
    """Post the run in one call, with one audit row."""
    posted = post(
        ctx,
        [
            Posting(
                tenant_id=command.books[place % len(command.books)],
                reference=f"{command.run}:{place}",
                happened_on=DAY,
                lines=(PostingLine(ACCOUNTS[0], 1_000 + place), PostingLine(ACCOUNTS[1], -1_000 - place)),
                memo="令和7年度 負担金",
            )
            for place in range(BATCH)
        ],
    )
    ctx.audit(subject=command.run, entries=len(posted))
    return RunPosted(entries=len(posted))


class PublicClient:
    """Posts as the application does, in its context: an actor, an order, a key for each order."""

    def __init__(self, operator_id: UUID, books: tuple[UUID, ...]) -> None:
        self._books = books
        self._finance = Actor(str(new_id()), ActorKind.PERSON, operator_id, frozenset({Role.OPERATOR_FINANCE}))

    def post_one(self, place: int) -> None:
        reference = f"p:{new_id()}"
        command = PostEntry(
            tenant_id=self._books[place % len(self._books)],
            reference=reference,
            happened_on=DAY,
            lines=(EntryLine(account=ACCOUNTS[0], yen=1_000), EntryLine(account=ACCOUNTS[1], yen=-1_000)),
            memo="令和7年度 負担金",
        )
        post_entry(command, actor=self._finance, key=reference)

    def post_batch(self, place: int) -> None:
        post_bench_run(PostRun(run=f"b:{new_id()}", books=self._books), actor=self._finance, key=str(new_id()))


class BareClient:
    """Writes the same rows with psycopg: prepared statements, one transaction for each posting or batch.

    Batches go as the superuser: PostgreSQL has no COPY into tables under row-level security, and needs none then.
    """

    def __init__(self, url: str, copying_url: str, operator_id: UUID, books: tuple[UUID, ...]) -> None:
        self._operator_id = operator_id
        self._books = books
        self._actor = str(new_id())
        self._connection = psycopg.connect(libpq(url), autocommit=True, options="-c moyai.scope=operator")
        self._copying = psycopg.connect(libpq(copying_url), autocommit=True)
        rows = self._connection.execute("SELECT tenant_id, code, id FROM ledger_account").fetchall()
        self._accounts = {(tenant_id, code): account_id for tenant_id, code, account_id in rows}

    def post_one(self, place: int) -> None:
        book, entry_id, reference = self._books[place % len(self._books)], new_id(), f"p:{new_id()}"
        lines = sorted([(self._accounts[book, ACCOUNTS[0]], 1, 1_000), (self._accounts[book, ACCOUNTS[1]], 2, -1_000)])
        with self._connection.transaction():
            execute = self._connection.execute
            execute(_INSERT_KEY, (new_id(), self._operator_id, self._actor, reference, _HASH, _ANSWER, _now()))
            execute(_INSERT_ENTRY, (book, entry_id, reference, _HASH, DAY))
            places = [
                part for account_id, number, yen in lines for part in (book, entry_id, number, account_id, yen, DAY)
            ]
            execute(_INSERT_TWO_LINES, places)
            balances = [part for account_id, _, yen in lines for part in (book, account_id, yen)]
            execute(_UPSERT_TWO_BALANCES, balances)
            execute(
                _INSERT_AUDIT,
                (
                    new_id(),
                    book,
                    _now(),
                    self._actor,
                    self._operator_id,
                    str(entry_id),
                    json.dumps({"reference": reference}),
                ),
            )

    def post_batch(self, place: int) -> None:
        run = f"b:{new_id()}"
        entries = [(self._books[place % len(self._books)], new_id(), place) for place in range(BATCH)]
        folded: dict[tuple[UUID, UUID], tuple[int, int]] = {}
        with self._copying.transaction(), self._copying.cursor() as cursor:
            cursor.execute(_INSERT_KEY, (new_id(), self._operator_id, self._actor, run, _HASH, _ANSWER, _now()))
            with cursor.copy(_COPY_ENTRIES) as copy:
                for book, entry_id, number in entries:
                    copy.write_row(
                        (book, entry_id, f"{run}:{number}", _HASH, "ordinary", 2025, DAY, 2, "令和7年度 負担金")
                    )
            with cursor.copy(_COPY_LINES) as copy:
                for book, entry_id, number in entries:
                    for line_no, (code, yen) in enumerate(
                        zip(ACCOUNTS, (1_000 + number, -1_000 - number), strict=True), 1
                    ):
                        account_id = self._accounts[book, code]
                        sum_yen, count = folded.get((book, account_id), (0, 0))
                        folded[book, account_id] = (sum_yen + yen, count + 1)
                        copy.write_row((book, entry_id, line_no, account_id, yen, DAY))
            cursor.executemany(
                _UPSERT_BALANCE,
                [(*account, *sums) for account, sums in sorted(folded.items())],
            )
            cursor.execute(
                _INSERT_AUDIT,
                (new_id(), self._operator_id, _now(), self._actor, self._operator_id, run, '{"entries": 1000}'),
            )


_HASH = "sha256:" + "0" * 64
_ANSWER = json.dumps({"entry_id": str(UUID(int=0)), "reference": "p:" + "0" * 36, "fiscal_year": 2025})
_INSERT_KEY = (
    "INSERT INTO idempotency_key (id, tenant_id, actor, command, key, request_hash, answer, claimed_at)"
    " VALUES (%s, %s, %s, 'post_entry', %s, %s, %s, %s)"
)
_ENTRY_COLUMNS = "tenant_id, id, reference, request_hash, kind, fiscal_year, happened_on, line_count, memo"
_INSERT_ENTRY = (
    f"INSERT INTO ledger_entry ({_ENTRY_COLUMNS}) VALUES (%s, %s, %s, %s, 'ordinary', 2025, %s, 2, '令和7年度 負担金')"
)
_INSERT_TWO_LINES = (
    "INSERT INTO ledger_line (tenant_id, entry_id, line_no, account_id, yen, happened_on)"
    " VALUES (%s, %s, %s, %s, %s, %s), (%s, %s, %s, %s, %s, %s)"
)
_ON_CONFLICT = (
    " ON CONFLICT (tenant_id, account_id, fiscal_year)"
    " DO UPDATE SET yen = kept.yen + EXCLUDED.yen, line_count = kept.line_count + EXCLUDED.line_count"
)
_UPSERT_TWO_BALANCES = (
    "INSERT INTO ledger_balance AS kept (tenant_id, account_id, fiscal_year, yen, line_count)"
    " VALUES (%s, %s, 2025, %s, 1), (%s, %s, 2025, %s, 1)" + _ON_CONFLICT
)
_UPSERT_BALANCE = (
    "INSERT INTO ledger_balance AS kept (tenant_id, account_id, fiscal_year, yen, line_count)"
    " VALUES (%s, %s, 2025, %s, %s)" + _ON_CONFLICT
)
_INSERT_AUDIT = (
    "INSERT INTO audit_event (id, tenant_id, recorded_at, actor, actor_kind, acting_tenant_id, command, event,"
    " permission, outcome, subject, facts) VALUES (%s, %s, %s, %s, 'person', %s, 'post_entry', 'ledger.posted',"
    " 'billing:ledger:post', 'done', %s, %s)"
)
_COPY_ENTRIES = f"COPY ledger_entry ({_ENTRY_COLUMNS}) FROM STDIN"
_COPY_LINES = "COPY ledger_line (tenant_id, entry_id, line_no, account_id, yen, happened_on) FROM STDIN"


def _now() -> datetime:
    return datetime.now(UTC)


def bench() -> dict[str, Any]:
    """Postings per second and their ratios, singly with one and with eight clients, and in batches of 1,000."""
    before = machine()
    with _durable_server() as server:
        operator_id, books = _prepare(server)
        urls = (server.app_url("bench"), server.server.url(SUPERUSER, "bench"))
        singles = {
            f"{clients} client{'s' if clients > 1 else ''}": _compare(urls, operator_id, books, clients, "post_one", 1)
            for clients in CLIENTS
        }
        batches = _compare(urls, operator_id, books, 1, "post_batch", BATCH)
        report = _prove(urls[0])
    return {
        "what": "postings per second: public command against bare psycopg, same rows",
        "conditions": f"PostgreSQL {report['version']}, fsync on; {BOOKS} books; medians of {ROUNDS} alternating "
        f"rounds of {SECONDS_A_ROUND:g} s; before: {before}; after: {machine()}",
        "goal_ratio": GOAL,
        "single": singles,
        "batches_of_1000_against_copy": batches,
        "proved": report["proved"],
    }


def _compare(
    urls: tuple[str, str],
    operator_id: UUID,
    books: tuple[UUID, ...],
    clients: int,
    action: str,
    entries_per_action: int,
) -> dict[str, Any]:
    rates: dict[str, list[float]] = {"public": [], "bare": []}
    with _clients(urls, operator_id, books, clients) as pipes:
        for kind in rates:
            _round(pipes, kind, action, 0.5)
        for number in range(ROUNDS):
            for kind in ("public", "bare") if number % 2 == 0 else ("bare", "public"):
                rates[kind].append(_round(pipes, kind, action, SECONDS_A_ROUND) * entries_per_action)
    public, bare = (statistics.median(rates[kind]) for kind in ("public", "bare"))
    return {"public_per_second": round(public), "bare_per_second": round(bare), "ratio": round(public / bare, 2)}


def _round(pipes: list[Pipe], kind: str, action: str, seconds: float) -> float:
    for pipe in pipes:
        pipe.send((kind, action, seconds))
    return float(sum(pipe.recv() for pipe in pipes))


@contextmanager
def _clients(urls: tuple[str, str], operator_id: UUID, books: tuple[UUID, ...], clients: int) -> Iterator[list[Pipe]]:
    spawning = multiprocessing.get_context("spawn")
    started = []
    pipes = []
    for _ in range(clients):
        ours, theirs = spawning.Pipe()
        process = spawning.Process(target=_serve, args=(theirs, urls, operator_id, books), daemon=True)
        process.start()
        theirs.close()
        started.append(process)
        pipes.append(ours)
    try:
        yield pipes
    finally:
        for pipe in pipes:
            pipe.send(None)
        for process in started:
            process.join(timeout=30)


def _serve(pipe: Pipe, urls: tuple[str, str], operator_id: UUID, books: tuple[UUID, ...]) -> None:
    app = Flask("bench")
    connect(app, urls[0])
    kinds = {"public": PublicClient(operator_id, books), "bare": BareClient(*urls, operator_id, books)}
    with app.app_context():
        while (asked := pipe.recv()) is not None:
            kind, action, seconds = asked
            pipe.send(_actions_per_second(getattr(kinds[kind], action), seconds))


def _actions_per_second(action: Callable[[int], None], seconds: float) -> float:
    done, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds:
        action(done)
        done += 1
    return done / passed


def _prepare(server: PostgreSQL) -> tuple[UUID, tuple[UUID, ...]]:
    """The schema, the operator and books that are open."""
    with psycopg.connect(libpq(server.superuser_url), autocommit=True) as connection:
        connection.execute("CREATE DATABASE bench OWNER moyai_owner TEMPLATE template0")
    migrate_url(server.owner_url("bench"))
    app = Flask("bench")
    connect(app, server.app_url("bench"))
    with app.app_context():
        operator_id = seed_operator()
        books = tuple(new_id() for _ in range(BOOKS))
        with psycopg.connect(libpq(server.server.url(SUPERUSER, "bench"))) as connection:
            for number, book in enumerate(books):
                connection.execute(
                    "INSERT INTO tenant (id, name, kana, kind, state, is_operator, alias, version, registered_at)"
                    " VALUES (%s, %s, 'シチョウソン', 'city', 'provisioning', false, %s, 1, now())",
                    (book, f"市町村{number}", f"book-{number}"),
                )
        PublicClient(operator_id, books).post_batch(0)
        db.session.remove()
        db.engine.dispose()
    return operator_id, books


def _prove(url: str) -> dict[str, Any]:
    """The books after the run: figures of a broken ledger would be worth nothing."""
    app = Flask("bench")
    connect(app, url)
    with app.app_context(), tenant_scope(OPERATOR):
        report = verify(db.session())
        version = db.session.connection().exec_driver_sql("SHOW server_version").scalar_one()
        durable = db.session.connection().exec_driver_sql("SHOW fsync").scalar_one()
        db.session.remove()
        db.engine.dispose()
    # The yardstick writes its entries without the audit facts of a posting.
    wrong = [imbalance for imbalance in report.imbalances if imbalance.kind != "entry_unrecorded"]
    if wrong or durable != "on":
        raise AssertionError(f"fsync {durable}, {wrong}")
    return {"version": version, "proved": f"{report.entries:,} entries, every balance the sum of its lines"}


@contextmanager
def _durable_server() -> Iterator[PostgreSQL]:
    with tempfile.TemporaryDirectory(prefix="moyai-bench-") as folder:
        passwords = {role: secrets.token_urlsafe(18) for role in ROLES}
        server = EmbeddedPostgreSQL(Path(folder), find_free_port(), passwords, durable=True)
        server.initialise()
        running = PostgreSQL(server)
        try:
            server.prepare_roles()
            yield running
        finally:
            running.stop()


if __name__ == "__main__":
    print(json.dumps(bench(), ensure_ascii=False, indent=2))
