"""Which notices a run would get: checked against what was notified before. Reads; changes nothing.

The confirm page, the sample paper and the command itself go by the same plan, so that what was shown is what is issued.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, func, select
from sqlalchemy.orm import Session

from billing.documents.typeset import typeset
from billing.ledger.periods import date_warning
from billing.notices.due import check_due_day, due_day
from billing.notices.issuer import IssuerFacts, issuer_in_force
from billing.notices.models import NoticePlan, NoticeTotal, PlannedNotice
from billing.notices.notice_content import Wording, notice_content, title_of
from billing.notices.queries import notified_runs, unnotified_runs
from billing.notices.states import EarlierRuns, NoticeKind
from billing.notices.tables import Notice
from billing.runs.queries import RunFacts, RunSummary, ShareFacts, run_by_id, run_summaries, workings_of_share
from billing.runs.states import RunState
from governance.kernel import clock
from governance.kernel.era import show_day
from governance.kernel.errors import Conflict, DomainError, Invalid, message, not_found
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.installation import IS_EXAMPLE
from governance.kernel.labels import Label

NOT_POSTED = message(
    "notice.run_not_posted",
    ja="{label}の按分（{run}）はまだ記帳されていないため、通知書を発行できません。",
    en="The {run} of fiscal year {year} is {state}, not posted, so no notices can be issued.",
    hint_ja="先に按分を承認してください。",
    hint_en="Approve the run first.",
)
ALREADY_ISSUED = message(
    "notice.already_issued",
    ja="{label}の按分（{run}）の通知書は、{issued_on}に発行済みです。",
    en="The notices of the {run} of fiscal year {year} were issued on {issued_on}.",
    hint_ja="発行した通知書は変更できません。額が変わるときは、按分を変更してその通知書を発行してください。",
    hint_en="Notices are never changed; if an amount changes, revise the allocation and issue the notices of that run.",
)
NOTIFIED_TOGETHER = message(
    "notice.notified_together",
    ja="{label}の按分（{run}）は、後の変更と合わせて通知済みです。",
    en="The {run} of fiscal year {year} was notified together with a later one.",
    hint_ja="発行する通知書はありません。",
    hint_en="There is no notice of it left to issue.",
)
EARLIER_UNNOTIFIED = message(
    "notice.earlier_unnotified",
    ja="{label}の{earlier}が未通知です。{run}だけを通知すると、受け取っていない請求への変更通知になります。",
    en="The {earlier} of fiscal year {year} has not been notified; notices of the {run} alone would change a demand"
    " that nobody received.",
    hint_ja="先に{earlier}の通知書を発行するか、「未通知の回と合わせて、いまの負担額で通知する」を選んでください。",
    hint_en="Issue the notices of the {earlier} first, or choose one notice of the amount in force for all of them.",
)
NO_ISSUER = message(
    "notice.no_issuer",
    ja="通知書の発行者と納入先がまだ定められていないため、発行できません。",
    en="Who issues the notices and where they are paid is not set yet.",
    hint_ja="発行者と納入先を申請し、承認を受けてください。",
    hint_en="Request it on the page of the notices and have it approved.",
)
CONTACT_INCOMPLETE = message(
    "notice.contact_incomplete",
    ja="通知書に印刷する問合せ先の電話番号がまだ定められていないため、発行できません。",
    en="The telephone number that the notices print for questions is not set yet.",
    hint_ja="「通知書の発行者と納入先を定める」で問合せ先の課・係と電話番号を入力し、承認を受けてください。",
    hint_en="Enter the section and its telephone where the issuer of the notices is set, and have it approved.",
)
ISSUED_IN_FUTURE = message(
    "notice.issued_in_the_future",
    ja="発行日 {given} はまだ来ていません。",
    en="The date of issue {given} is in the future.",
)


@dataclass(frozen=True, slots=True)
class NoticeChoices:
    """What a person may choose for the notices of a run; null where the usual is meant."""

    issued_on: date | None = None
    due_on: date | None = None
    claim: str | None = None
    earlier_runs: EarlierRuns | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with the run it is of and the issuer whose wording the papers get."""

    run: RunFacts
    plan: NoticePlan
    wording: Wording


def plan_notices(session: Session, run_id: UUID, choices: NoticeChoices, today: date) -> Planned:
    """The notices of a posted run as they would be issued today.

    Raises NotFound, Conflict (not posted, issued already, no issuer or no telephone for questions is set, or a run
    before it is unnotified and the choice says nothing of it) and Invalid (a date of issue in the future, a due date
    before it or on a holiday).
    """
    issued_on = choices.issued_on or today
    if issued_on > today:
        raise Invalid(ISSUED_IN_FUTURE, field="issued_on", given=show_day(issued_on))
    due_on = due_day(issued_on) if choices.due_on is None else check_due_day(choices.due_on, issued_on)
    run = run_by_id(session, run_id)
    earlier = _refuse_notified(session, run)
    if earlier and choices.earlier_runs is not EarlierRuns.COMBINE:
        raise Conflict(
            EARLIER_UNNOTIFIED,
            field="earlier_runs",
            earlier=tuple(one.run_name for one in earlier),
            **_facts(run),
        )
    issuer = issuer_in_force(session)
    if issuer is None or issuer.contact_phone is None:
        raise Conflict(NO_ISSUER if issuer is None else CONTACT_INCOMPLETE)
    notified = _notified_yen(session, run)
    notices = tuple(_planned(share, notified, due_on) for share in run.shares)
    warning = date_warning(FiscalYear(run.fiscal_year), today)
    plan = NoticePlan(
        run_id=run.id,
        fiscal_year=run.fiscal_year,
        run_number=run.number,
        revision=run.revision,
        combined_runs=tuple(one.number for one in earlier),
        combined_revisions=tuple(one.revision for one in earlier),
        issued_on=issued_on,
        due_on=due_on if any(notice.due_on for notice in notices) else None,
        totals=_totals(notices),
        notices=notices,
        date_warning=None if warning is None else warning.ja,
        date_warning_en=None if warning is None else warning.en,
    )
    return Planned(run, plan, _wording(run, issuer, choices.claim))


def sample_paper(session: Session, run_id: UUID, tenant_id: UUID, choices: NoticeChoices) -> bytes:
    """One municipality's notice of the plan as PDF, marked as a sample. It gets no number, and nothing is stored.

    Raises what `plan_notices` does, and NotFound for a tenant without a share of the run.
    """
    now = clock.now()
    planned = plan_notices(session, run_id, choices, clock.jst_date(now))
    found = {notice.tenant_id: notice for notice in planned.plan.notices}
    if tenant_id not in found:
        raise not_found(what=Label("按分の負担額", "allocation share"), given=tenant_id)
    share = next(share for share in planned.run.shares if share.tenant_id == tenant_id)
    content = notice_content(
        share,
        found[tenant_id],
        workings_of_share(session, tenant_id, share.id).items,
        planned.wording,
        planned.plan,
        is_sample=True,
    )
    return typeset("notice.typ", content, now)


def missing_wording(session: Session) -> DomainError | None:
    """What keeps every notice from being issued, because the record of the issuer lacks it; None where it is whole."""
    issuer = issuer_in_force(session)
    if issuer is None:
        return Conflict(NO_ISSUER)
    return Conflict(CONTACT_INCOMPLETE) if issuer.contact_phone is None else None


def earlier_unnotified(session: Session, run_id: UUID) -> tuple[RunFacts, tuple[RunSummary, ...]]:
    """The run, and the posted runs of its year before it that no notice states. Raises NotFound."""
    run = run_by_id(session, run_id)
    return run, _earlier(session, run)


def _earlier(session: Session, run: RunFacts) -> tuple[RunSummary, ...]:
    found = unnotified_runs(session, run.fiscal_year)
    return tuple(earlier for earlier in found if earlier.number < run.number)


def _refuse_notified(session: Session, run: RunFacts) -> tuple[RunSummary, ...]:
    """Refuse a run that is not posted or was notified; answers the unnotified runs before it."""
    facts = _facts(run)
    if run.state is not RunState.POSTED:
        raise Conflict(NOT_POSTED, state=run.state, **facts)
    if run.id in notified_runs(session):
        issued = session.scalars(select(Notice.issued_on).where(Notice.run_id == run.id).limit(1)).one()
        raise Conflict(ALREADY_ISSUED, issued_on=show_day(issued), **facts)
    if run.id not in {one.id for one in unnotified_runs(session, run.fiscal_year)}:
        raise Conflict(NOTIFIED_TOGETHER, **facts)
    return _earlier(session, run)


def _facts(run: RunFacts) -> dict[str, Any]:
    year = FiscalYear(run.fiscal_year)
    return {"label": year.shown, "year": year.year, "run": run.run_name}


def _notified_yen(session: Session, run: RunFacts) -> dict[UUID, int]:
    """What earlier runs' notices of the year come to, by tenant; none for a tenant that was sent none."""
    before = [one.id for one in run_summaries(session, fiscal_year=run.fiscal_year) if one.number < run.number]
    found = session.execute(
        select(Notice.tenant_id, func.sum(Notice.amount_yen).cast(BigInteger).label("yen"))
        .where(Notice.run_id.in_(before))
        .group_by(Notice.tenant_id)
    )
    return {row.tenant_id: row.yen for row in found}


def _planned(share: ShareFacts, notified: Mapping[UUID, int], due_on: date) -> PlannedNotice:
    before = notified.get(share.tenant_id, 0)
    amount_yen = share.share_yen - before
    is_first = share.tenant_id not in notified
    return PlannedNotice(
        tenant_id=share.tenant_id,
        share_id=share.id,
        code=share.code,
        name=share.name,
        kind=NoticeKind.DEMAND if amount_yen > 0 else NoticeKind.REDUCTION if amount_yen < 0 else NoticeKind.UNCHANGED,
        title=title_of(amount_yen, is_first=is_first),
        notified_yen=before,
        share_yen=share.share_yen,
        amount_yen=amount_yen,
        due_on=due_on if amount_yen > 0 else None,
        is_first=is_first,
    )


def _totals(notices: tuple[PlannedNotice, ...]) -> tuple[NoticeTotal, ...]:
    counts = Counter(notice.kind for notice in notices)
    return tuple(
        NoticeTotal(
            kind=kind, count=counts[kind], yen=sum(notice.amount_yen for notice in notices if notice.kind is kind)
        )
        for kind in NoticeKind
        if counts[kind]
    )


def _wording(run: RunFacts, issuer: IssuerFacts, claim: str | None) -> Wording:
    standard = f"共同利用基盤の{FiscalYear(run.fiscal_year).label}運営経費に係る負担金"
    return Wording(issuer=issuer, claim=claim or standard, is_example=IS_EXAMPLE.get())
