"""Reads of notices. A municipality sees its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Select, func, literal, select
from sqlalchemy.orm import Session

from billing.notices.models import NoticeContent, NoticeFacts
from billing.notices.tables import Notice
from billing.runs.queries import RunSummary, run_summaries, select_posted_runs
from billing.runs.states import RunState
from governance.approvals import pending_command
from governance.kernel.errors import require_found
from governance.kernel.keyset import KeysetPage, OrderBy, PageRequest, fetch_page
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel
from governance.kernel.waiting import WaitingSelect, waiting_columns

ISSUE_NOTICES: Final = "issue_notices"
"""The command whose approval issues a run's notices."""


def notices(
    session: Session,
    *,
    fiscal_year: int | None = None,
    tenant_id: UUID | None = None,
    run_id: UUID | None = None,
) -> list[NoticeFacts]:
    """The notices that this scope sees, by number; of one year, municipality or run where asked for."""
    wanted = {"fiscal_year": fiscal_year, "tenant_id": tenant_id, "run_id": run_id}
    query = select(Notice).where(
        *(getattr(Notice, column) == value for column, value in wanted.items() if value is not None)
    )
    return _by_number(session, query, PageRequest()).items


def notices_page(
    session: Session,
    part: PageRequest,
    *,
    fiscal_year: int | None = None,
    run_id: UUID | None = None,
    number: str = "",
    descending: bool = False,
) -> KeysetPage[NoticeFacts]:
    """A part of the notices that this scope sees, by number; of one year or run, or with a part of a number."""
    query = select(Notice).where(*_which(fiscal_year, run_id))
    if number:
        query = query.where(Notice.number.contains(number, autoescape=True))
    return _by_number(session, query, part, descending=descending)


class IssuedNotices(ReadModel):
    """What was issued in all: how many notices, and the sum of their yen."""

    count: int
    yen: int


def issued_notices(session: Session, fiscal_year: int | None = None, *, run_id: UUID | None = None) -> IssuedNotices:
    """The totals of the notices that this scope sees; of one year or run where given."""
    found = session.execute(
        select(
            func.count().label("number"),
            func.coalesce(func.sum(Notice.amount_yen), 0).cast(BigInteger).label("yen"),
        ).where(*_which(fiscal_year, run_id))
    ).one()
    return IssuedNotices(count=found.number, yen=found.yen)


def notified_runs(session: Session) -> dict[UUID, int | None]:
    """The runs that have notices, each with the number of the first run whose change they state too; None for none."""
    found = session.execute(
        select(Notice.run_id, func.min(Notice.first_run_number).label("first")).group_by(Notice.run_id)
    )
    return {row.run_id: row.first for row in found}


def unnotified_runs(session: Session, fiscal_year: int | None = None) -> list[RunSummary]:
    """The posted runs that no notice states, alone or together with a later run; the oldest first."""
    first_of = notified_runs(session)
    posted = [run for run in run_summaries(session, fiscal_year=fiscal_year) if run.state is RunState.POSTED]
    # (fiscal year, from which number, up to which number) that notices state.
    stated = [(run.fiscal_year, first_of[run.id] or run.number, run.number) for run in posted if run.id in first_of]
    return [
        run
        for run in reversed(posted)
        if not any(year == run.fiscal_year and first <= run.number <= last for year, first, last in stated)
    ]


def runs_without_notices() -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: the posted runs that no notice states, one a row.

    Without those whose issue is requested and waits for a second person. `facts` are the run's id, fiscal year and
    revision, and how many notices it gives (`notices`).
    """
    run = select_posted_runs().subquery()
    later = select_posted_runs().subquery()
    # A later run's notices may state the changes of earlier ones, too.
    issued = (
        select(Notice.id)
        .join(later, later.c.id == Notice.run_id)
        .where(
            later.c.fiscal_year == run.c.fiscal_year,
            later.c.number >= run.c.number,
            func.coalesce(Notice.first_run_number, later.c.number) <= run.c.number,
        )
        .correlate(run)
        .exists()
    )
    facts = func.jsonb_build_object(
        *("run", run.c.id, "fiscal_year", run.c.fiscal_year, "revision", run.c.revision, "notices", run.c.shares)
    )
    return select(*waiting_columns(literal(1), facts=facts, since=run.c.decided_at)).where(
        ~issued, ~pending_command(ISSUE_NOTICES, "run_id", run.c.id)
    )


def notice_by_id(session: Session, notice_id: UUID) -> NoticeFacts:
    """One notice. Raises NotFound, also for another municipality's."""
    return _facts(_find_notice(session, Notice.id == notice_id, str(notice_id)))


def notice_by_number(session: Session, number: str) -> NoticeFacts:
    """One notice by its number, such as 2025-01-431001. Raises NotFound, also for another municipality's."""
    return _facts(_find_notice(session, Notice.number == number, number))


def notice_pdf(session: Session, notice_id: UUID) -> bytes:
    """The PDF as it was issued. Raises NotFound, and RuntimeError where the stored bytes do not match its SHA-256."""
    notice = _find_notice(session, Notice.id == notice_id, str(notice_id))
    if hashlib.sha256(notice.pdf).hexdigest() != notice.pdf_sha256:
        raise RuntimeError(f"the paper of notice {notice.number} is not the one that was issued")
    return notice.pdf


def notice_papers(session: Session, tenant_id: UUID) -> Iterator[tuple[NoticeFacts, bytes]]:
    """Each notice of a municipality with its PDF as it was issued, by number.

    Raises RuntimeError where stored bytes do not match their SHA-256.
    """
    for facts in notices(session, tenant_id=tenant_id):
        yield facts, notice_pdf(session, facts.id)


def notices_numbered(session: Session, text: str, *, limit: int = 200) -> list[UUID]:
    """The notices whose number begins with the text, as the scope shows them."""
    query = select(Notice.id).where(Notice.number.startswith(text, autoescape=True)).order_by(Notice.number)
    return [*session.scalars(query.limit(limit))]


def _find_notice(session: Session, condition: Any, given: str) -> Notice:
    return require_found(
        session.scalars(select(Notice).where(condition)).first(), what=Label("通知書", "notice"), given=given
    )


def _which(fiscal_year: int | None, run_id: UUID | None) -> list[ColumnElement[bool]]:
    year = [] if fiscal_year is None else [Notice.fiscal_year == fiscal_year]
    return year if run_id is None else [*year, Notice.run_id == run_id]


def _by_number(
    session: Session, query: Select[Notice], part: PageRequest, *, descending: bool = False
) -> KeysetPage[NoticeFacts]:
    order = [OrderBy(Notice.number, descending), OrderBy(Notice.id, descending)]
    return fetch_page(session, query, order, part, _facts)


def _facts(notice: Notice) -> NoticeFacts:
    content = NoticeContent.model_validate_json(json.dumps(notice.facts))
    columns = {
        name: getattr(notice, name) for name in NoticeFacts.model_fields.keys() - {"title", "addressee", "facts"}
    }
    return NoticeFacts(title=content.title, addressee=content.addressee, facts=content, **columns)
