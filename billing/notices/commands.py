"""Commands of notices: issue those of a posted run, once."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Annotated
from uuid import UUID

from sqlalchemy import select

from billing.documents.typeset import typeset
from billing.notices.due import check_due_day, due_day
from billing.notices.issuer import issuer_in_force
from billing.notices.notice_content import Wording, notice_content, number_of
from billing.notices.tables import Notice
from billing.runs.queries import run_by_id, workings_of_run
from billing.runs.states import RunState
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.era import format_day
from governance.kernel.errors import Conflict, Invalid, message
from governance.kernel.field_types import Id, JstDate, PlainLine
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.ids import new_id
from governance.kernel.installation import IS_EXAMPLE
from governance.kernel.labels import Label
from governance.kernel.locks import advisory_lock
from governance.permissions import Permission, SecondPerson

NOT_POSTED = message(
    "notice.run_not_posted",
    ja="{label}の按分 第{number}回はまだ記帳されていないため、通知書を発行できません。",
    en="Run {number} of fiscal year {year} is {state}, not posted, so no notices can be issued.",
    hint_ja="先に按分を承認してください。",
    hint_en="Approve the run first.",
)
ALREADY_ISSUED = message(
    "notice.already_issued",
    ja="{label}の按分 第{number}回の通知書は、{issued_on}に発行済みです。",
    en="The notices of run {number} of the fiscal year {year} were issued on {issued_on}.",
    hint_ja="発行した通知書は変更できません。額が変わるときは、按分を変更してその通知書を発行してください。",
    hint_en="Notices are never changed; if an amount changes, revise the allocation and issue the notices of that run.",
)
NO_ISSUER = message(
    "notice.no_issuer",
    ja="通知書の発行者と納付先がまだ定められていないため、発行できません。",
    en="Who issues the notices and where they are paid is not set yet.",
    hint_ja="発行者と納付先を申請し、承認を受けてください。",
    hint_en="Request it on the page of the notices and have it approved.",
)
ISSUED_IN_FUTURE = message(
    "notice.issued_in_the_future",
    ja="発行日 {given} はまだ来ていません。",
    en="The date of issue {given} is in the future.",
)


class IssueNotices(Command):
    """One notice for each municipality of a posted run.

    Who issues it, the budget head and where it is paid are those of the record in force (`SetIssuer`); whether it is
    marked as 例示データ says the installation.
    """

    run_id: Annotated[Id, Input("按分の回", "Run")]
    issued_on: Annotated[JstDate | None, Input("発行日", "Issued on", empty=Label("今日", "today"))] = None
    due_on: Annotated[
        JstDate | None,
        Input(
            "納期限",
            "Due on",
            empty=Label("14 日以上あとの最初の営業日", "the first business day at least 14 days later"),
        ),
    ] = None
    claim: Annotated[
        PlainLine | None,
        Input(
            "納付の請求の事由",
            "Reason of the claim",
            empty=Label("共同利用基盤の運営経費に係る負担金", "the standard text on the platform's running costs"),
        ),
    ] = None


class NoticesIssued(Result):
    """The ids of the notices by municipality code, and the due date; null where no municipality has to pay."""

    notices: dict[str, UUID]
    issued_on: date
    due_on: date | None


@handles(Permission.NOTICE_ISSUE, Event.NOTICE_ISSUED, approval=SecondPerson.MONEY)
def issue_notices(ctx: CommandContext, command: IssueNotices) -> NoticesIssued:
    """Issue the notices of a run. Content, PDF and its SHA-256 are stored and never change.

    Raises NotFound, Conflict (not posted, issued already, or no issuer is set) and Invalid (an issue date in the
    future, a due date before it or on a holiday).
    """
    today = ctx.today
    issued_on = command.issued_on or today
    if issued_on > today:
        raise Invalid(ISSUED_IN_FUTURE, field="issued_on", given=format_day(issued_on))
    due_on = due_day(issued_on) if command.due_on is None else check_due_day(command.due_on, issued_on)
    advisory_lock(ctx.session, f"notices.{command.run_id}")
    run = run_by_id(ctx.session, command.run_id)
    year = FiscalYear(run.fiscal_year)
    if run.state is not RunState.POSTED:
        raise Conflict(NOT_POSTED, label=year.label, year=year.year, number=run.number, state=run.state)
    issued = ctx.session.scalars(select(Notice).where(Notice.run_id == run.id).limit(1)).first()
    if issued is not None:
        raise Conflict(
            ALREADY_ISSUED,
            label=year.label,
            year=year.year,
            number=run.number,
            issued_on=format_day(issued.issued_on),
        )
    issuer = issuer_in_force(ctx.session)
    if issuer is None:
        raise Conflict(NO_ISSUER)
    is_example = IS_EXAMPLE.get()
    claim = command.claim or f"共同利用基盤の{year.label}運営経費に係る負担金"
    wording = Wording(issuer=issuer, claim=claim, is_example=is_example)
    workings = {member.tenant_id: member.workings for member in workings_of_run(ctx.session, run.id)}
    notices = {}
    for share in run.shares:
        own_due = due_on if share.difference_yen > 0 else None
        content = notice_content(share, workings.get(share.tenant_id, ()), wording, issued_on, own_due)
        pdf = typeset("notice.typ", content, ctx.now)
        notice = Notice(
            id=new_id(),
            tenant_id=share.tenant_id,
            share_id=share.id,
            run_id=run.id,
            number=number_of(share),
            fiscal_year=share.fiscal_year,
            amount_yen=share.difference_yen,
            issued_on=issued_on,
            due_on=own_due,
            is_example=is_example,
            facts=content.model_dump(mode="json"),
            pdf=pdf,
            pdf_sha256=hashlib.sha256(pdf).hexdigest(),
            issued_at=ctx.now,
            issued_by=ctx.actor.id,
        )
        ctx.session.add(notice)
        notices[share.code] = notice.id
        ctx.audit(
            subject=notice.id,
            tenant_id=share.tenant_id,
            number=notice.number,
            amount_yen=notice.amount_yen,
            issuer=issuer.number,
            pdf_sha256=notice.pdf_sha256,
        )
    return NoticesIssued(
        notices=notices,
        issued_on=issued_on,
        due_on=due_on if any(share.difference_yen > 0 for share in run.shares) else None,
    )
