"""Commands of the books. Allocation runs post through `posting.post` inside their own command."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import text
from sqlmodel import col, select

from billing.ledger.chart import AccountCode
from billing.ledger.periods import EntryKind, PeriodState, closing_warning, date_warning, transition
from billing.ledger.posting import ALREADY_REVERSED, MAX_LINES, Posting, PostingLine, create_period, post
from billing.ledger.tables import LedgerAccount, LedgerEntry, LedgerLine, LedgerPeriod
from governance.commands import Command, CommandContext, DatedResult, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, Invalid, message, not_found, require_found
from governance.kernel.field_type import Control, FieldType
from governance.kernel.field_types import FiscalYear, Id, JstDate
from governance.kernel.fiscal_year import FiscalYear as Year
from governance.kernel.labels import Label
from governance.kernel.yen import MAX_YEN, format_yen, yen_from_form
from governance.permissions import Permission, SecondPerson

REVERSAL_OF_REVERSAL = message(
    "ledger.reversal_of_reversal",
    ja="取消仕訳を取り消すことはできません。正しい内容で新しく記帳してください。",
    en="A reversal cannot be reversed; post the correct entry instead.",
)
REVERSAL_BEFORE_ENTRY = message(
    "ledger.reversal_before_entry",
    ja="取消日は、取り消す仕訳の日付 {happened_on} 以後にしてください。",
    en="A reversal cannot happen before {happened_on}, the date of what it reverses.",
)
ENTRY_OF_RUN = message(
    "ledger.entry_of_run",
    ja="費用按分が記帳した仕訳は、取消できません。",
    en="An entry that an allocation posted is not reversed by hand.",
    hint_ja="変更の按分を行うと、差額が記帳されます。",
    hint_en="Prepare a revision of the allocation; it posts the difference.",
)
REFERENCE: Final = FieldType(
    name="entry_reference",
    read=lambda text: text,
    hint=Label(
        "英数字と : . _ / - の120字以内。同じ番号の記帳は1回だけです",
        "letters, digits and : . _ / -; each reference is posted once",
    ),
    is_short=True,
    right=("manual:2026-001", "D/1"),
    wrong=((":1", "input.wrong"), ("伝票1", "input.wrong")),
)
MEMO: Final = FieldType(
    name="memo",
    read=lambda text: text,
    right=("端数の調整", "Rounding"),
    wrong=(("a\x1fb", "input.wrong"), ("a\u2028b", "input.wrong")),
)

LINE_YEN: Final = FieldType(
    name="line_yen",
    read=lambda text: yen_from_form(text, field="", least=-MAX_YEN),
    show=lambda value, language: format_yen(value),
    right=("1,000", "-1,000"),
    wrong=(("12.5", "yen.not_an_amount"),),
)

Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9:._/-]{0,119}$"), REFERENCE]
"""An entry's own name in its book, chosen before the first attempt."""

Memo = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f\u2028\u2029]*$"), MEMO]
"""One line for people, of at most 200 characters."""


class EntryLine(BaseModel):
    """A debit (positive) or a credit (negative) on an account, in whole yen."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    account: Annotated[AccountCode, Input("勘定科目", "Account")]
    yen: Annotated[
        int, Field(ge=-MAX_YEN, le=MAX_YEN), LINE_YEN, Input("金額（借方は正、貸方は負の▲）", "Yen, debit positive")
    ]


class PostEntry(Command):
    """An entry into the book of `tenant_id`; its lines add up to 0.

    `kind` adjustment is for a year that is closing. `fiscal_year` is that of `happened_on` unless the entry belongs to
    the year before, whose books stay open to 31 May (出納整理期間, 地方自治法235条の5).
    """

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    reference: Annotated[Reference, Input("伝票番号", "Reference")]
    happened_on: Annotated[JstDate, Input("日付", "Date")]
    lines: Annotated[
        tuple[EntryLine, ...], Field(min_length=2, max_length=MAX_LINES), Input("明細（円）", "Lines (yen)")
    ]
    memo: Annotated[Memo, Input("摘要", "Memo")] = ""
    kind: Annotated[
        Literal["ordinary", "adjustment"],
        Input(
            "種別",
            "Kind",
            Label("締切作業中の年度には決算整理だけを記帳できます。", "A closing year accepts adjustments only."),
            choices=lambda session, language: [
                (kind.value, kind.label(language)) for kind in (EntryKind.ORDINARY, EntryKind.ADJUSTMENT)
            ],
        ),
    ] = "ordinary"
    fiscal_year: Annotated[
        FiscalYear | None, Input("会計年度", "Fiscal year", empty=Label("日付の年度", "that of its date"))
    ] = None


class EntryPosted(DatedResult):
    entry_id: UUID
    reference: str
    fiscal_year: int


@handles(Permission.LEDGER_POST, Event.LEDGER_POSTED, approval=SecondPerson.MONEY)
def post_entry(ctx: CommandContext, command: PostEntry) -> EntryPosted:
    """Post one entry. The same reference with the same content answers the entry that is there."""
    [posted] = post(
        ctx,
        [
            Posting(
                tenant_id=command.tenant_id,
                reference=command.reference,
                happened_on=command.happened_on,
                lines=tuple(PostingLine(line.account, line.yen) for line in command.lines),
                memo=command.memo,
                kind=EntryKind(command.kind),
                fiscal_year=command.fiscal_year,
            )
        ],
    )
    ctx.date_warning = date_warning(Year(posted.fiscal_year), ctx.today)
    if posted.repeated:
        ctx.mark_noop()
    else:
        ctx.audit(
            subject=posted.entry_id, tenant_id=command.tenant_id, reference=command.reference, **posted.audit_facts
        )
    return EntryPosted(entry_id=posted.entry_id, reference=posted.reference, fiscal_year=posted.fiscal_year)


class ReverseEntry(Command):
    """The opposite of an entry, on a date of its own in a fiscal year that takes it. `reason` becomes its memo."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    entry_id: Annotated[Id, Input("仕訳", "Entry")]
    happened_on: Annotated[
        JstDate,
        Input("取消日", "Date of the reversal", Label("仕訳の日付以後", "on or after the date of the entry")),
    ]
    reason: Annotated[Memo, Field(min_length=1), Input("理由", "Reason", former=("why",), control=Control.TEXT)]


class EntryReversed(DatedResult):
    entry_id: UUID
    reverses_id: UUID


@handles(Permission.LEDGER_REVERSE, Event.LEDGER_REVERSED, approval=SecondPerson.MONEY, edits="entry {entry_id}")
def reverse_entry(ctx: CommandContext, command: ReverseEntry) -> EntryReversed:
    """Post the opposite of an entry, once.

    Raises NotFound, Conflict (reversed already, itself a reversal, or a run's entry), Closed and Invalid (a date before
    the entry's).
    """
    entry = require_found(
        ctx.session.get(LedgerEntry, (command.tenant_id, command.entry_id)),
        what=Label("仕訳", "entry"),
        given=command.entry_id,
        field="entry_id",
    )
    if entry.reverses_id is not None:
        raise Conflict(REVERSAL_OF_REVERSAL, field="entry_id")
    if entry.kind == EntryKind.ALLOCATION:
        raise Conflict(ENTRY_OF_RUN, field="entry_id")
    if command.happened_on < entry.happened_on:
        raise Invalid(REVERSAL_BEFORE_ENTRY, field="happened_on", happened_on=entry.happened_on.isoformat())
    [posted] = post(
        ctx,
        [
            Posting(
                tenant_id=command.tenant_id,
                # A reference given in a command cannot begin like this, so nobody takes it beforehand.
                reference=f"_reversal:{command.entry_id}",
                happened_on=command.happened_on,
                lines=_opposite_lines(ctx, entry),
                memo=command.reason,
                kind=EntryKind.REVERSAL,
                reverses_id=command.entry_id,
            )
        ],
    )
    if posted.repeated:
        raise Conflict(ALREADY_REVERSED, field="entry_id")
    ctx.date_warning = date_warning(Year(posted.fiscal_year), ctx.today)
    ctx.audit(
        subject=posted.entry_id,
        tenant_id=command.tenant_id,
        reverses=str(command.entry_id),
        reason=command.reason,
        **posted.audit_facts,
    )
    return EntryReversed(entry_id=posted.entry_id, reverses_id=command.entry_id)


def _opposite_lines(ctx: CommandContext, entry: LedgerEntry) -> tuple[PostingLine, ...]:
    rows = ctx.session.execute(
        select(LedgerAccount.code, LedgerLine.yen)
        .join(
            LedgerAccount,
            (LedgerAccount.tenant_id == LedgerLine.tenant_id) & (LedgerAccount.id == LedgerLine.account_id),  # type: ignore[arg-type]
        )
        .where(LedgerLine.tenant_id == entry.tenant_id, LedgerLine.entry_id == entry.id)
        .order_by(LedgerLine.line_no)  # type: ignore[arg-type]
    )
    return tuple(PostingLine(AccountCode(code), -yen) for code, yen in rows)


class ChangePeriodState(Command):
    """The next state of a fiscal year in one book. A year that is not there yet is opened by `to` = open."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    fiscal_year: Annotated[FiscalYear, Input("会計年度", "Fiscal year")]
    to: Annotated[
        PeriodState,
        Input("変更後の状態", "Next state", Label("締めた年度は再び開けません。", "A closed year cannot be reopened.")),
    ]


class PeriodStateChanged(DatedResult):
    fiscal_year: int
    state: PeriodState


@handles(
    Permission.PERIOD_CHANGE_STATE,
    Event.PERIOD_STATE_CHANGED,
    approval=SecondPerson.MONEY,
    edits="period {tenant_id} {fiscal_year}",
)
def change_period_state(ctx: CommandContext, command: ChangePeriodState) -> PeriodStateChanged:
    """Move a fiscal year `open ⇄ closing → closed`, after every posting in flight.

    Raises Conflict (no such move), Closed (a later year is closed already) and NotFound (nothing to close).
    """
    year = command.fiscal_year
    # Alone in this book from here on: postings hold the same lock shared until they end.
    ctx.session.execute(text("SELECT pg_advisory_xact_lock(ledger_lock(:tenant_id))"), {"tenant_id": command.tenant_id})
    period = ctx.session.get(LedgerPeriod, (command.tenant_id, year), populate_existing=True)
    if period is None:
        if command.to is not PeriodState.OPEN:
            raise not_found(what=Label("会計年度", "fiscal year"), given=year, field="fiscal_year")
        create_period(ctx, command.tenant_id, year)
        before = "none"
    else:
        before = _move_period(ctx, period, command.to)
    _audit_period(ctx, command.tenant_id, year, before, command.to)
    ctx.date_warning = closing_warning(Year(year), ctx.today, command.to)
    return PeriodStateChanged(fiscal_year=year, state=command.to)


class ChangeYearState(Command):
    """The next state of a fiscal year in every book that has it: all of them or none (年度の締切)."""

    fiscal_year: Annotated[FiscalYear, Input("会計年度", "Fiscal year")]
    to: Annotated[
        PeriodState,
        Input("変更後の状態", "Next state", Label("締めた年度は再び開けません。", "A closed year cannot be reopened.")),
    ]


class YearStateChanged(DatedResult):
    """`books` is how many books changed; those that were in the state already stay as they are."""

    fiscal_year: int
    state: PeriodState
    books: int


@handles(Permission.PERIOD_CHANGE_STATE, Event.PERIOD_STATE_CHANGED, approval=SecondPerson.MONEY)
def change_year_state(ctx: CommandContext, command: ChangeYearState) -> YearStateChanged:
    """Move a fiscal year of all books `open ⇄ closing → closed`, after every posting in flight.

    Raises NotFound (no book has the year) and Conflict (a book is in a state that cannot become it).
    """
    year = command.fiscal_year
    # Alone in these books from here on, taken in one order: postings hold the same locks shared until they end.
    ctx.session.execute(
        text(
            "SELECT pg_advisory_xact_lock(ledger_lock(book.tenant_id)) FROM (SELECT tenant_id FROM ledger_period"
            " WHERE fiscal_year = :year ORDER BY tenant_id) AS book"
        ),
        {"year": year},
    )
    found = select(LedgerPeriod).where(LedgerPeriod.fiscal_year == year).order_by(col(LedgerPeriod.tenant_id))
    periods = ctx.session.scalars(found.execution_options(populate_existing=True)).all()
    if not periods:
        raise not_found(what=Label("会計年度", "fiscal year"), given=year, field="fiscal_year")
    changed = [period for period in periods if period.state != command.to.value]
    for period in changed:
        _audit_period(ctx, period.tenant_id, year, _move_period(ctx, period, command.to), command.to)
    if not changed:
        ctx.mark_noop()
    ctx.date_warning = closing_warning(Year(year), ctx.today, command.to)
    return YearStateChanged(fiscal_year=year, state=command.to, books=len(changed))


def _move_period(ctx: CommandContext, period: LedgerPeriod, to: PeriodState) -> str:
    """The state it was in. Raises Conflict where that cannot become `to`."""
    before = period.state
    period.state = transition(PeriodState(before), to).value
    period.changed_at = ctx.now
    return before


def _audit_period(ctx: CommandContext, tenant_id: UUID, year: int, before: str, to: PeriodState) -> None:
    ctx.audit(
        subject=f"{tenant_id}/{year}", tenant_id=tenant_id, fiscal_year=year, from_state=before, to_state=to.value
    )
