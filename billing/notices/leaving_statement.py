"""脱退時の計算書: what a municipality that leaves has borne year by year, what was notified, and what is not yet.

Receipts are not kept here, so that it says what was to be paid and when, and not what was paid.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from billing.documents.typeset import typeset
from billing.notices.contributions import contribution_ledger
from billing.notices.queries import notices
from billing.runs.queries import shares_of_tenant
from governance.kernel.era import format_day
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.models import ReadModel
from governance.kernel.yen import format_amount
from tenancy import directory


class StatementNotice(ReadModel):
    """A notice as the statement lists it; `due_on` is None where nothing is to be paid."""

    number: str
    amount_yen: int
    issued_on: date
    due_on: date | None


class StatementYear(ReadModel):
    """One fiscal year: the share, what of it was notified, and what is not yet; negative where it is to be repaid."""

    fiscal_year: int
    share_yen: int
    notified_yen: int
    unnotified_yen: int
    notices: tuple[StatementNotice, ...]


class LeavingStatement(ReadModel):
    """What a municipality has borne and what is still open, as of a day. `not_due_yen` is notified and due later."""

    tenant_id: UUID
    code: str | None
    name: str
    as_of: date
    years: tuple[StatementYear, ...]
    share_yen: int
    notified_yen: int
    unnotified_yen: int
    not_due_yen: int


class StatementContent(ReadModel):
    """What the document prints, worded in Japanese."""

    title: str
    name: str
    code: str
    made_on: str
    totals: tuple[tuple[str, str], ...]
    years: tuple[tuple[str, str, str, str], ...]
    notices: tuple[tuple[str, str, str, str], ...]


def leaving_statement(session: Session, tenant_id: UUID, today: date) -> LeavingStatement:
    """The municipality's years, the oldest first. Raises NotFound."""
    tenant = directory.tenant_by_id(session, tenant_id)
    issued = notices(session, tenant_id=tenant_id)
    posted = {share.fiscal_year for share in shares_of_tenant(session, tenant_id)}
    years = []
    for fiscal_year in sorted(posted | {one.fiscal_year for one in issued}):
        ledger = contribution_ledger(session, tenant_id, fiscal_year)
        years.append(
            StatementYear(
                fiscal_year=fiscal_year,
                share_yen=ledger.share_yen,
                notified_yen=ledger.notified_yen,
                unnotified_yen=ledger.unnotified_yen,
                notices=tuple(
                    StatementNotice(
                        number=one.number, amount_yen=one.amount_yen, issued_on=one.issued_on, due_on=one.due_on
                    )
                    for one in issued
                    if one.fiscal_year == fiscal_year
                ),
            )
        )
    return LeavingStatement(
        tenant_id=tenant_id,
        code=tenant.code,
        name=tenant.name,
        as_of=today,
        years=tuple(years),
        share_yen=sum(one.share_yen for one in years),
        notified_yen=sum(one.notified_yen for one in years),
        unnotified_yen=sum(one.unnotified_yen for one in years),
        not_due_yen=sum(one.amount_yen for one in issued if one.due_on is not None and one.due_on >= today),
    )


def leaving_statement_pdf(statement: LeavingStatement, made_at: datetime) -> bytes:
    """The statement as a document. Raises Conflict for a character that the font cannot show."""
    content = StatementContent(
        title="脱退に係る負担金計算書",
        name=statement.name,
        code=statement.code or "―",
        made_on=format_day(statement.as_of),
        totals=(
            ("負担額の合計", _yen(statement.share_yen)),
            ("通知済みの額", _yen(statement.notified_yen)),
            ("未通知の額", _yen(statement.unnotified_yen)),
            ("うち納期限が未到来の額", _yen(statement.not_due_yen)),
        ),
        years=tuple(
            (
                FiscalYear(one.fiscal_year).label,
                _yen(one.share_yen),
                _yen(one.notified_yen),
                _yen(one.unnotified_yen),
            )
            for one in statement.years
        ),
        notices=tuple(
            (
                one.number,
                _yen(one.amount_yen),
                format_day(one.issued_on),
                "―" if one.due_on is None else format_day(one.due_on),
            )
            for year in statement.years
            for one in year.notices
        ),
    )
    return typeset("leaving_statement.typ", content, made_at)


def _yen(amount: int) -> str:
    return f"{format_amount(amount)}円"
