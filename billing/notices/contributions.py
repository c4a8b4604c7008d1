"""負担金の台帳: what one municipality owes for a year: 調定, its changes, and what was notified.

Read from the entries of its book, whose double entry is the prefecture's view.
"""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from billing.ledger.chart import AccountCode
from billing.ledger.periods import EntryKind
from billing.ledger.queries import EntryFacts, entries
from billing.notices.models import NoticeFacts
from billing.notices.queries import notices
from billing.runs.postings import reference_of
from billing.runs.queries import shares_of_tenant
from governance.kernel.labels import LabelledEnum
from governance.kernel.models import ReadModel

MAX_ENTRIES: Final = 10_000
"""More entries than a municipality's year has."""


class ContributionKind(LabelledEnum):
    """What moved the amount: the first assessment of the year, a later run, or an entry made by hand."""

    ORIGINAL = "original", "当初", "original"
    CHANGE = "change", "変更", "change"
    OTHER = "other", "その他", "other"


class ContributionNotice(ReadModel):
    """The notice that states a row's run; `amount_yen` may be of earlier runs, too."""

    id: UUID
    number: str
    amount_yen: int
    issued_on: date
    due_on: date | None


class ContributionRow(ReadModel):
    """One movement: `amount_yen` is negative for a reduction, `balance_yen` the amount of the year after it."""

    entry_id: UUID
    happened_on: date
    kind: ContributionKind
    memo: str
    amount_yen: int
    balance_yen: int
    notice: ContributionNotice | None


class ContributionLedger(ReadModel):
    """A municipality's contribution of one fiscal year, in whole yen.

    `original_yen` + `changes_yen` = `share_yen`, the balance after the last row. `unnotified_yen` is what of it no
    notice states yet; negative where a reduction is still to be notified.
    """

    tenant_id: UUID
    fiscal_year: int
    original_yen: int
    changes_yen: int
    share_yen: int
    notified_yen: int
    unnotified_yen: int
    rows: tuple[ContributionRow, ...]


def contribution_ledger(session: Session, tenant_id: UUID, fiscal_year: int) -> ContributionLedger:
    """The year's movements, the oldest first; empty before anything was posted, also for another municipality's."""
    stated = _notices_by_reference(session, tenant_id, fiscal_year)
    rows: list[ContributionRow] = []
    balance_yen = original_yen = 0
    for entry in reversed(entries(session, tenant_id, fiscal_year=fiscal_year, limit=MAX_ENTRIES)):
        amount_yen = sum(line.yen for line in entry.lines if line.account is AccountCode.RECEIVABLE)
        if not amount_yen:
            continue
        balance_yen += amount_yen
        kind = _kind(entry, rows)
        if kind is ContributionKind.ORIGINAL:
            original_yen = amount_yen
        rows.append(
            ContributionRow(
                entry_id=entry.id,
                happened_on=entry.happened_on,
                kind=kind,
                memo=entry.memo,
                amount_yen=amount_yen,
                balance_yen=balance_yen,
                notice=_notice(stated.get(entry.reference)),
            )
        )
    notified_yen = sum(notice.amount_yen for notice in stated.values())
    return ContributionLedger(
        tenant_id=tenant_id,
        fiscal_year=fiscal_year,
        original_yen=original_yen,
        changes_yen=balance_yen - original_yen,
        share_yen=balance_yen,
        notified_yen=notified_yen,
        unnotified_yen=balance_yen - notified_yen,
        rows=tuple(rows),
    )


def _notices_by_reference(session: Session, tenant_id: UUID, fiscal_year: int) -> dict[str, NoticeFacts]:
    """The notices of the year by the reference of the entry that their run posted."""
    runs = {share.id: share.run_number for share in shares_of_tenant(session, tenant_id, fiscal_year)}
    return {
        reference_of(fiscal_year, runs[notice.share_id]): notice
        for notice in notices(session, fiscal_year=fiscal_year, tenant_id=tenant_id)
    }


def _kind(entry: EntryFacts, before: list[ContributionRow]) -> ContributionKind:
    if entry.kind is not EntryKind.ALLOCATION:
        return ContributionKind.OTHER
    is_first = all(row.kind is not ContributionKind.ORIGINAL for row in before)
    return ContributionKind.ORIGINAL if is_first else ContributionKind.CHANGE


def _notice(facts: NoticeFacts | None) -> ContributionNotice | None:
    if facts is None:
        return None
    return ContributionNotice(
        id=facts.id,
        number=facts.number,
        amount_yen=facts.amount_yen,
        issued_on=facts.issued_on,
        due_on=facts.due_on,
    )
