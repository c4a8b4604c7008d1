"""Commands of notices: issue those of a posted run, once."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Annotated, ClassVar
from uuid import UUID

from billing.documents.typeset import typeset
from billing.ledger.periods import date_warning
from billing.notices.notice_content import notice_content, number_of
from billing.notices.planning import NoticeChoices, plan_notices
from billing.notices.states import EarlierRuns
from billing.notices.tables import Notice
from billing.runs.queries import run_by_id, workings_of_run
from governance.commands import Command, CommandContext, DatedResult, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.field_types import Id, JstDate, PlainLine
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.locks import advisory_lock
from governance.permissions import Permission, SecondPerson


class IssueNotices(Command):
    """One notice for each municipality of a posted run: what its share is now, less what it was notified before.

    Who issues it, the budget head and where it is paid are those of the record in force (`SetIssuer`); whether it is
    marked as 例示データ says the installation.
    """

    added_later: ClassVar[frozenset[str]] = frozenset({"earlier_runs"})

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
            "納入の請求の事由",
            "Reason of the claim",
            empty=Label("共同利用基盤の運営経費に係る負担金", "the standard text on the platform's running costs"),
        ),
    ] = None
    earlier_runs: Annotated[
        EarlierRuns | None,
        Input(
            "未通知の回",
            "Runs not notified",
            Label(
                "前の回が未通知のときに選びます。", "To choose where the notices of an earlier run were never issued."
            ),
            empty=Label("なし", "none"),
        ),
    ] = None

    @property
    def choices(self) -> NoticeChoices:
        """The command without its run."""
        return NoticeChoices(self.issued_on, self.due_on, self.claim, self.earlier_runs)


class NoticesIssued(DatedResult):
    """The ids of the notices by municipality code, and the due date; null where no municipality has to pay."""

    notices: dict[str, UUID]
    issued_on: date
    due_on: date | None


@handles(Permission.NOTICE_ISSUE, Event.NOTICE_ISSUED, approval=SecondPerson.MONEY)
def issue_notices(ctx: CommandContext, command: IssueNotices) -> NoticesIssued:
    """Issue the notices of a run. Content, PDF and its SHA-256 are stored and never change.

    A revision over a run that was never notified is refused, unless the command says to notify both together.

    Raises NotFound, Conflict (not posted, issued already, no issuer is set, or an earlier run is unnotified) and
    Invalid (an issue date in the future, a due date before it or on a holiday).
    """
    # The year's notices one at a time: each counts on what the others stated.
    advisory_lock(ctx.session, f"notices.{run_by_id(ctx.session, command.run_id).fiscal_year}")
    planned = plan_notices(ctx.session, command.run_id, command.choices, ctx.today)
    run, plan = planned.run, planned.plan
    ctx.date_warning = date_warning(FiscalYear(run.fiscal_year), ctx.today)
    shares = {share.tenant_id: share for share in run.shares}
    workings = {member.tenant_id: member.workings for member in workings_of_run(ctx.session, run.id)}
    notices = {}
    for one in plan.notices:
        share = shares[one.tenant_id]
        content = notice_content(share, one, workings.get(one.tenant_id, ()), planned.wording, plan)
        pdf = typeset("notice.typ", content, ctx.now)
        notice = Notice(
            id=new_id(),
            tenant_id=one.tenant_id,
            share_id=one.share_id,
            run_id=run.id,
            number=number_of(share),
            fiscal_year=run.fiscal_year,
            amount_yen=one.amount_yen,
            first_run_number=min(plan.combined_runs, default=None),
            issued_on=plan.issued_on,
            due_on=one.due_on,
            is_example=planned.wording.is_example,
            facts=content.model_dump(mode="json"),
            pdf=pdf,
            pdf_sha256=hashlib.sha256(pdf).hexdigest(),
            issued_at=ctx.now,
            issued_by=ctx.actor.id,
        )
        ctx.session.add(notice)
        notices[one.code] = notice.id
        ctx.audit(
            subject=notice.id,
            tenant_id=one.tenant_id,
            number=notice.number,
            amount_yen=notice.amount_yen,
            issuer=planned.wording.issuer.number,
            pdf_sha256=notice.pdf_sha256,
        )
    return NoticesIssued(notices=notices, issued_on=plan.issued_on, due_on=plan.due_on)
