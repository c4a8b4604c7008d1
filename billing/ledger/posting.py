"""Posts journal entries into the books of tenants, in one SQL statement and in the command's transaction.

The statement inserts entries and lines and updates balances, all or none. Where an account or a fiscal year is missing,
it is created and the statement repeated. The rules are checked here, and again by constraints and triggers of the
database. A reference is unique in its book: posting the same content again returns the entry that is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Error
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from billing.ledger.chart import CHART, AccountCode
from billing.ledger.entry_hash import ENTRY_FORM, entry_hash
from billing.ledger.periods import EntryKind, PeriodState, accepts, year_of
from governance.commands import CommandContext
from governance.kernel.digest import digest_of
from governance.kernel.errors import Closed, Conflict, IdempotencyKeyReused, Invalid, message
from governance.kernel.ids import new_id
from governance.kernel.pipelined import execute_raw
from governance.kernel.yen import MAX_YEN, whole_yen
from tenancy import directory

MAX_LINES: Final = 1_000

UNBALANCED = message(
    "ledger.unbalanced",
    ja="借方と貸方が {difference} 円合いません。",
    en="Debits and credits differ by {difference} yen.",
)
TOO_FEW_LINES = message(
    "ledger.line_count",
    ja="仕訳には 2 行以上 {most} 行以下の明細が必要です（指定: {given} 行）。",
    en="An entry must have 2 to {most} lines; this one has {given}.",
)
YEAR_CLOSED = message(
    "ledger.year_closed",
    ja="{fiscal_year} 年度は締められています（{state}）。",
    en="The fiscal year {fiscal_year} is {state}.",
    hint_ja="開いている年度に記帳するか、会計担当に確認してください。",
    hint_en="Post to an open year, or ask finance.",
)
BEFORE_CLOSED_YEAR = message(
    "ledger.before_closed_year",
    ja="{closed_year} 年度が締められているため、{fiscal_year} 年度の帳簿は開けません。",
    en="The books of {fiscal_year} cannot be opened, because {closed_year} is closed.",
)
REFERENCE_REUSED = message(
    "ledger.reference_reused",
    ja="伝票番号「{reference}」は、内容の異なる仕訳に使われています。",
    en="The reference {reference} was already used for another entry.",
    hint_ja="新しい伝票番号で記帳してください。",
    hint_en="Post it with a new reference.",
)
ALREADY_REVERSED = message(
    "ledger.already_reversed",
    ja="この仕訳はすでに取り消されています。",
    en="This entry has already been reversed.",
)


@dataclass(frozen=True, slots=True)
class PostingLine:
    """A debit (positive) or a credit (negative) on an account of the chart, in whole yen."""

    account: AccountCode
    yen: int


@dataclass(frozen=True, slots=True)
class Posting:
    """An entry to be posted. `reference` is unique in the book; a retry must use the same one.

    `fiscal_year` is that of `happened_on`, or the year before where its books are still open (to 31 May).
    """

    tenant_id: UUID
    reference: str
    happened_on: date
    lines: tuple[PostingLine, ...]
    memo: str = ""
    kind: EntryKind = EntryKind.ORDINARY
    fiscal_year: int | None = None
    reverses_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """The entry in the book. `repeated`: it had been posted before, under the same reference.

    `entry_hash` is None for one that had. The audit event of a posting carries `audit_facts`: `ledger verify` finds
    every entry whose event is not there or says something else.
    """

    tenant_id: UUID
    entry_id: UUID
    reference: str
    fiscal_year: int
    entry_hash: str | None

    @property
    def repeated(self) -> bool:
        return self.entry_hash is None

    @property
    def audit_facts(self) -> dict[str, Any]:
        """The entry's id, its hash and the form of the hash; nothing for an entry that had been posted before."""
        if self.entry_hash is None:
            return {}
        return {"entry_id": str(self.entry_id), "entry_form": ENTRY_FORM, "entry_hash": self.entry_hash}


def post(ctx: CommandContext, postings: Sequence[Posting]) -> list[Posted]:
    """Post all the entries in the command's transaction, or refuse all; answers in the order they were given.

    Raises Invalid (fewer than two lines, a sum other than 0, yen out of bounds, a date outside the year), Closed (the
    year takes no such entry), IdempotencyKeyReused (a reference with another content) and Conflict (reversed already).
    Call it once in a command: one call takes its locks in a fixed order, which excludes deadlocks between postings.
    """
    if not postings:
        return []
    drafts = [_draft(posting) for posting in postings]
    _refuse_duplicate_reference(drafts)
    added = _add(ctx, drafts)
    found: dict[UUID, UUID] = {}
    if len(added) < len(drafts):
        found, later = _post_remaining(ctx, [draft for draft in drafts if draft.entry_id not in added])
        added |= later
    return [
        Posted(
            draft.posting.tenant_id,
            found.get(draft.entry_id, draft.entry_id),
            draft.posting.reference,
            draft.fiscal_year,
            None if draft.entry_id in found else _hash_of(draft, *added[draft.entry_id]),
        )
        for draft in drafts
    ]


@dataclass(frozen=True, slots=True)
class _Draft:
    posting: Posting
    entry_id: UUID
    fiscal_year: int
    request_hash: str


def _draft(posting: Posting) -> _Draft:
    lines = posting.lines
    if not 2 <= len(lines) <= MAX_LINES:
        raise Invalid(TOO_FEW_LINES, field="lines", given=len(lines), most=MAX_LINES)
    for line in lines:
        whole_yen(line.yen, field="lines.yen", least=-MAX_YEN)
        if line.yen == 0:
            whole_yen(line.yen, field="lines.yen")
    difference = sum(line.yen for line in lines)
    if difference:
        raise Invalid(UNBALANCED, field="lines", difference=difference)
    return _Draft(posting, new_id(), year_of(posting.happened_on, posting.fiscal_year), _request_hash(posting))


def _hash_of(draft: _Draft, number: int, recorded_at: datetime) -> str:
    posting = draft.posting
    return entry_hash(
        tenant_id=posting.tenant_id,
        entry_id=draft.entry_id,
        number=number,
        reference=posting.reference,
        request_hash=draft.request_hash,
        kind=posting.kind,
        fiscal_year=draft.fiscal_year,
        happened_on=posting.happened_on,
        recorded_at=recorded_at,
        reverses_id=posting.reverses_id,
        memo=posting.memo,
        lines=[(line.account, line.yen) for line in posting.lines],
    )


def _request_hash(posting: Posting) -> str:
    return digest_of(
        {
            "happened_on": posting.happened_on.isoformat(),
            "fiscal_year": posting.fiscal_year,
            "kind": posting.kind,
            "memo": posting.memo,
            "reverses_id": posting.reverses_id and str(posting.reverses_id),
            "lines": [[line.account, line.yen] for line in posting.lines],
        }
    )


def _refuse_duplicate_reference(drafts: Iterable[_Draft]) -> None:
    seen: set[tuple[UUID, str]] = set()
    for draft in drafts:
        key = (draft.posting.tenant_id, draft.posting.reference)
        if key in seen:
            raise IdempotencyKeyReused(REFERENCE_REUSED, field="reference", reference=draft.posting.reference)
        seen.add(key)


# Entries are added in the order of their keys and balances in the order of theirs, so two postings never wait for each
# other in a circle. An entry that is not added (its reference or what it reverses is taken) adds no line, no balance.
_POST: Final = """
    WITH given AS (
        SELECT *
        FROM unnest(
            %(entry_ids)s::uuid[], %(tenant_ids)s::uuid[], %(references)s::text[],
            %(request_hashes)s::text[], %(kinds)s::text[], %(fiscal_years)s::smallint[],
            %(dates)s::date[], %(line_counts)s::smallint[], %(reversed_ids)s::uuid[],
            %(memos)s::text[]
        ) WITH ORDINALITY AS given (
            id, tenant_id, reference, request_hash, kind, fiscal_year, happened_on, line_count, reverses_id, memo, place
        )
    ), given_line AS MATERIALIZED (
        SELECT given.id AS entry_id, given.tenant_id, line.line_no, account.id AS account_id, line.yen
        FROM unnest(
            %(line_places)s::bigint[], %(line_nos)s::smallint[], %(account_codes)s::text[], %(yens)s::bigint[]
        ) AS line (place, line_no, account_code, yen)
        JOIN given ON given.place = line.place
        LEFT JOIN ledger_account AS account
            ON account.tenant_id = given.tenant_id AND account.code = line.account_code
    ), ready AS (
        SELECT NOT EXISTS (SELECT FROM given_line WHERE account_id IS NULL)
            AND NOT EXISTS (
                SELECT FROM given
                LEFT JOIN ledger_period AS period
                    ON period.tenant_id = given.tenant_id AND period.fiscal_year = given.fiscal_year
                WHERE (period.state = 'open'
                    OR period.state = 'closing' AND given.kind IN ('adjustment', 'reversal')) IS NOT TRUE
            ) AS all_open
    ), entry AS (
        INSERT INTO ledger_entry (
            tenant_id, id, reference, request_hash, kind, fiscal_year, happened_on, line_count, reverses_id, memo
        )
        SELECT tenant_id, id, reference, request_hash, kind, fiscal_year, happened_on, line_count, reverses_id, memo
        FROM given
        WHERE (SELECT all_open FROM ready)
        ORDER BY tenant_id, reference
        ON CONFLICT DO NOTHING
        RETURNING tenant_id, id, fiscal_year, happened_on, number, recorded_at
    ), line AS (
        INSERT INTO ledger_line (tenant_id, entry_id, line_no, account_id, yen, happened_on)
        SELECT given_line.tenant_id, given_line.entry_id, line_no, account_id, yen, happened_on
        FROM given_line
        JOIN entry ON entry.tenant_id = given_line.tenant_id AND entry.id = given_line.entry_id
    ), balance AS (
        INSERT INTO ledger_balance AS kept (tenant_id, account_id, fiscal_year, yen, line_count)
        SELECT given_line.tenant_id, account_id, fiscal_year, sum(yen), count(*)
        FROM given_line
        JOIN entry ON entry.tenant_id = given_line.tenant_id AND entry.id = given_line.entry_id
        GROUP BY given_line.tenant_id, account_id, fiscal_year
        ORDER BY given_line.tenant_id, account_id, fiscal_year
        ON CONFLICT (tenant_id, account_id, fiscal_year) DO UPDATE
            SET yen = kept.yen + EXCLUDED.yen, line_count = kept.line_count + EXCLUDED.line_count
    )
    SELECT id, number, recorded_at FROM entry
    """


def _add(ctx: CommandContext, drafts: Sequence[_Draft]) -> dict[UUID, tuple[int, datetime]]:
    """Execute the statement. Returns number and time of the entries it inserted, by their id."""
    try:
        rows = execute_raw(ctx.session, _POST, _columns(drafts))
    except IntegrityError as refused:
        # The year closed while this statement waited for its lock; the trigger saw it.
        if isinstance(refused.orig, Error) and refused.orig.diag.constraint_name == "ledger_entry_needs_its_year":
            raise _closed(drafts[0].fiscal_year, PeriodState.CLOSED) from None
        raise
    return {entry_id: (number, recorded_at) for entry_id, number, recorded_at in rows}


def _columns(drafts: Sequence[_Draft]) -> dict[str, Any]:
    postings = [draft.posting for draft in drafts]
    lines = [
        (place, number, line)
        for place, posting in enumerate(postings, 1)
        for number, line in enumerate(posting.lines, 1)
    ]
    return {
        "entry_ids": _array(draft.entry_id.hex for draft in drafts),
        "tenant_ids": _array(posting.tenant_id.hex for posting in postings),
        "references": _text_array(posting.reference for posting in postings),
        "request_hashes": _array(draft.request_hash for draft in drafts),
        "kinds": _array(posting.kind for posting in postings),
        "fiscal_years": _array(str(draft.fiscal_year) for draft in drafts),
        "dates": _array(posting.happened_on.isoformat() for posting in postings),
        "line_counts": _array(str(len(posting.lines)) for posting in postings),
        "reversed_ids": _array(posting.reverses_id.hex if posting.reverses_id else "NULL" for posting in postings),
        "memos": _text_array(posting.memo for posting in postings),
        "line_places": _array(str(place) for place, _, _ in lines),
        "line_nos": _array(str(number) for _, number, _ in lines),
        "account_codes": _array(line.account for _, _, line in lines),
        "yens": _array(str(line.yen) for _, _, line in lines),
    }


def _array(values: Iterable[str]) -> str:
    """PostgreSQL's array literal of values that need no quotation marks: ids, numbers, dates, enum values.

    psycopg's own list adapter checks every element for quoting, which takes longer than the rest of the posting.
    """
    return "{" + ",".join(values) + "}"


def _text_array(values: Iterable[str]) -> str:
    return _array('"' + value.replace("\\", r"\\").replace('"', r"\"") + '"' for value in values)


def _post_remaining(
    ctx: CommandContext, drafts: Sequence[_Draft]
) -> tuple[dict[UUID, UUID], dict[UUID, tuple[int, datetime]]]:
    """Handle the drafts that the statement did not insert. Returns draft id → id of the entry posted before, and the
    number and time of the entries inserted now by their id.

    The drafts without such an entry are posted after the missing fiscal years and accounts are created. Raises as
    `post` does.
    """
    added: dict[UUID, tuple[int, datetime]] = {}
    found = _posted_before(ctx, drafts)
    missing = [draft for draft in drafts if draft.entry_id not in found]
    if missing:
        _create_periods_and_accounts(ctx, missing)
        added = _add(ctx, missing)
        missing = [draft for draft in missing if draft.entry_id not in added]
    if missing:
        # A concurrent transaction posted the same reference or reversal, or closed the year.
        found |= _posted_before(ctx, missing)
        missing = [draft for draft in missing if draft.entry_id not in found]
    if missing:
        _create_periods_and_accounts(ctx, missing)
        raise Conflict(ALREADY_REVERSED, field="entry_id")
    return found, added


def _create_periods_and_accounts(ctx: CommandContext, drafts: Sequence[_Draft]) -> None:
    """Create the accounts and fiscal years that these entries need and their books lack.

    Raises NotFound for an unknown tenant, Closed for a year that does not accept the entry's kind.
    """
    for tenant_id in sorted({draft.posting.tenant_id for draft in drafts}):
        directory.tenant_by_id(ctx.session, tenant_id)
    years = sorted({(draft.posting.tenant_id, draft.fiscal_year) for draft in drafts})
    states = _states(ctx, years)
    for draft in drafts:
        state = states.get((draft.posting.tenant_id, draft.fiscal_year), PeriodState.OPEN)
        if not accepts(state, draft.posting.kind):
            raise _closed(draft.fiscal_year, state)
    for tenant_id, fiscal_year in years:
        if (tenant_id, fiscal_year) not in states:
            create_period(ctx, tenant_id, fiscal_year)
    _create_accounts(ctx, sorted({draft.posting.tenant_id for draft in drafts}))


def _closed(fiscal_year: int, state: PeriodState) -> Closed:
    return Closed(YEAR_CLOSED, field="happened_on", fiscal_year=fiscal_year, state=state)


def _states(ctx: CommandContext, years: Sequence[tuple[UUID, int]]) -> dict[tuple[UUID, int], PeriodState]:
    rows = ctx.session.execute(
        text("SELECT tenant_id, fiscal_year, state FROM ledger_period WHERE tenant_id = ANY(CAST(:tenants AS uuid[]))"),
        {"tenants": [tenant_id for tenant_id, _ in years]},
    )
    return {(row.tenant_id, row.fiscal_year): PeriodState(row.state) for row in rows}


def create_period(ctx: CommandContext, tenant_id: UUID, fiscal_year: int) -> None:
    """Create the fiscal year, open, in the tenant's book unless it exists. Raises Closed if a later year is closed."""
    closed_year = ctx.session.execute(
        text(
            "SELECT min(fiscal_year) FROM ledger_period"
            " WHERE tenant_id = :tenant_id AND fiscal_year > :fiscal_year AND state = 'closed'"
        ),
        {"tenant_id": tenant_id, "fiscal_year": fiscal_year},
    ).scalar_one()
    if closed_year is not None:
        raise Closed(BEFORE_CLOSED_YEAR, field="fiscal_year", fiscal_year=fiscal_year, closed_year=closed_year)
    ctx.session.execute(
        text(
            "INSERT INTO ledger_period (tenant_id, fiscal_year, state)"
            " VALUES (:tenant_id, :fiscal_year, 'open') ON CONFLICT DO NOTHING"
        ),
        {"tenant_id": tenant_id, "fiscal_year": fiscal_year},
    )


def _create_accounts(ctx: CommandContext, tenant_ids: Sequence[UUID]) -> None:
    """Insert the accounts of the chart that a book lacks."""
    ctx.session.execute(
        text(
            """
            INSERT INTO ledger_account (tenant_id, id, code, name, kind)
            SELECT * FROM unnest(
                CAST(:tenant_ids AS uuid[]), CAST(:ids AS uuid[]), CAST(:codes AS text[]),
                CAST(:names AS text[]), CAST(:kinds AS text[])
            )
            ON CONFLICT DO NOTHING
            """
        ),
        {
            "tenant_ids": [tenant_id for tenant_id in tenant_ids for _ in CHART],
            "ids": [new_id() for _ in tenant_ids for _ in CHART],
            "codes": [code.value for _ in tenant_ids for code in CHART],
            "names": [line.name for _ in tenant_ids for line in CHART.values()],
            "kinds": [line.kind.value for _ in tenant_ids for line in CHART.values()],
        },
    )


def _posted_before(ctx: CommandContext, drafts: Sequence[_Draft]) -> dict[UUID, UUID]:
    """Draft id → id of the entry that has its reference in its book already.

    Raises IdempotencyKeyReused where that entry has other content, and Conflict where it reverses the same entry.
    """
    rows = ctx.session.execute(
        text(
            """
            SELECT entry.tenant_id, entry.reference, entry.id, entry.request_hash
            FROM ledger_entry AS entry
            JOIN unnest(CAST(:tenant_ids AS uuid[]), CAST(:references AS text[])) AS given (tenant_id, reference)
                ON given.tenant_id = entry.tenant_id AND given.reference = entry.reference
            """
        ),
        {
            "tenant_ids": [draft.posting.tenant_id for draft in drafts],
            "references": [draft.posting.reference for draft in drafts],
        },
    )
    stored: dict[tuple[UUID, str], Any] = {(row.tenant_id, row.reference): row for row in rows}
    found: dict[UUID, UUID] = {}
    for draft in drafts:
        row = stored.get((draft.posting.tenant_id, draft.posting.reference))
        if row is None:
            continue
        if row.request_hash != draft.request_hash:
            if draft.posting.reverses_id is not None:
                raise Conflict(ALREADY_REVERSED, field="entry_id")
            raise IdempotencyKeyReused(REFERENCE_REUSED, field="reference", reference=draft.posting.reference)
        found[draft.entry_id] = row.id
    return found
