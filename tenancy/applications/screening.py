"""What the operator does with an application: state what was checked, propose a decision that another person takes."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from governance.approvals import pending_request_of_command
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input, check
from governance.events import Event
from governance.kernel.errors import Conflict, Invalid, NotAllowed, message
from governance.kernel.field_types import Id, LongLine, PlainText
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.sorted_unique import SORTED_UNIQUE
from governance.permissions import Permission, SecondPerson
from governance.persons import accounts_of_person
from tenancy.applications.queries import CONCLUDE, screening_view, screenings
from tenancy.applications.rows import lock_application, mail_applicant, touch
from tenancy.applications.states import (
    OUTCOME_STATES,
    SCREENED_STATES,
    ApplicationState,
    Attestation,
    Conclusion,
    Ground,
    MailOccasion,
)
from tenancy.applications.tables import ApplicationDecision, ApplicationScreening

REASONS_MISSING = message(
    "application.reasons_missing",
    ja="差し戻すとき、承認しないときは、理由を 1 つ以上選んでください。",
    en="Choose at least one reason to send it back or to reject it.",
)
REASONS_GIVEN = message(
    "application.reasons_given",
    ja="承認するときは、理由を選べません。",
    en="An approval has no reasons.",
)
NOT_SCREENED = message(
    "application.not_screened",
    ja="審査の確認が済んでいないため、承認を提案できません。",
    en="The screening is not complete, so an approval cannot be proposed.",
    hint_ja="「不適合」の項目を解消し、確認の項目すべてに記録を付けてください。",
    hint_en="See to the checks that fail and state everything that is to be checked.",
)
ALREADY_PROPOSED = message(
    "application.already_proposed",
    ja="この申請の決定は、すでに承認者の決定を待っています。",
    en="A decision about this application already waits for the approver.",
)
DECIDER_SCREENED = message(
    "application.decider_screened",
    ja="審査をした人は、この申請を決定できません。",
    en="Whoever screened an application does not decide it.",
    hint_ja="審査に関わっていない承認者に依頼してください。",
    hint_en="Ask an approver who took no part in the screening.",
)

MAX_LETTER: Final = 5_000

_APPLICATION: Final = Input("利用申請", "Application")
_Letter = Annotated[PlainText, StringConstraints(max_length=MAX_LETTER)]
_MAILS: Final = {
    Conclusion.APPROVE: MailOccasion.APPROVED,
    Conclusion.SEND_BACK: MailOccasion.SENT_BACK,
    Conclusion.REJECT: MailOccasion.REJECTED,
}


class ScreenApplication(Command):
    """What the person who screens states to have checked, in place of what was stated before in this round."""

    application_id: Annotated[Id, _APPLICATION]
    attestations: Annotated[
        tuple[Attestation, ...],
        Field(max_length=len(Attestation)),
        SORTED_UNIQUE,
        Input("確かめたこと", "What was checked", option="attest"),
    ] = ()
    note: Annotated[
        LongLine | None,
        Input("審査のメモ", "Note", Label("申請者には見えません", "The applicant does not see it.")),
    ] = None


class ApplicationScreened(Result):
    application_id: UUID
    is_complete: bool


class ConcludeApplication(Command):
    """The decision proposed about an application, with the letter that the applicant gets."""

    application_id: Annotated[Id, _APPLICATION]
    outcome: Annotated[Conclusion, Input("決定", "Decision")]
    reasons: Annotated[
        tuple[Ground, ...],
        Field(max_length=len(Ground)),
        SORTED_UNIQUE,
        Input(
            "理由",
            "Reasons",
            Label("差戻し・不承認のとき。いくつでも", "To send back or reject; any number"),
            option="reason",
        ),
    ] = ()
    letter: Annotated[_Letter, Input("申請者への通知文", "Letter to the applicant")]

    @check("outcome", "reasons")
    @staticmethod
    def reasons_fit(outcome: Conclusion, reasons: tuple[Ground, ...]) -> None:
        """Who is not approved reads why."""
        if outcome is Conclusion.APPROVE and reasons:
            raise Invalid(REASONS_GIVEN, field="reasons")
        if outcome is not Conclusion.APPROVE and not reasons:
            raise Invalid(REASONS_MISSING, field="reasons")


class ApplicationConcluded(Result):
    application_id: UUID
    state: ApplicationState


@handles(Permission.APPLICATION_SCREEN, Event.APPLICATION_SCREENED, edits="application {application_id}")
def screen_application(ctx: CommandContext, command: ScreenApplication) -> ApplicationScreened:
    """State what was checked; the first statement takes the application up.

    Raises NotFound, Conflict for one that is not to be screened or whose decision is proposed already.
    """
    row = lock_application(ctx, command.application_id, SCREENED_STATES)
    _refuse_proposed(ctx, row.id)
    row.state = ApplicationState.SCREENING.value
    ctx.session.add(
        ApplicationScreening(
            id=new_id(),
            tenant_id=row.tenant_id,
            application_id=row.id,
            round=row.round,
            attestations=[one.value for one in command.attestations],
            note=command.note,
            screened_by=ctx.actor.id,
            screened_at=ctx.now,
        )
    )
    ctx.session.flush()
    ctx.audit(subject=row.id, number=row.number, attestations=[one.value for one in command.attestations])
    is_complete = screening_view(ctx.session, row.id, ctx.today).is_complete
    return ApplicationScreened(application_id=row.id, is_complete=is_complete)


def _who_decides(ctx: CommandContext, command: ConcludeApplication) -> SecondPerson:
    """Another person always; raises Conflict while one proposal waits."""
    _refuse_proposed(ctx, command.application_id)
    return SecondPerson.APPLICATIONS


@handles(
    Permission.APPLICATION_CONCLUDE,
    Event.APPLICATION_CONCLUDED,
    approval=_who_decides,
    edits="application {application_id}",
)
def conclude_application(ctx: CommandContext, command: ConcludeApplication) -> ApplicationConcluded:
    """Approve, send back or reject an application, as another person than those who screened it decides.

    The applicant is mailed the letter. Raises NotFound, Conflict for one that is not being
    screened and for an approval without a complete screening, NotAllowed to a decider who screened it.
    """
    row = lock_application(ctx, command.application_id, SCREENED_STATES)
    if command.outcome is Conclusion.APPROVE and not screening_view(ctx.session, row.id, ctx.today).is_complete:
        raise Conflict(NOT_SCREENED, field="outcome")
    if ctx.approval is not None:
        own = accounts_of_person(ctx.session, ctx.actor.id)
        if any(one.screened_by in own for one in screenings(ctx.session, row.id, row.round)):
            raise NotAllowed(DECIDER_SCREENED)
        ctx.session.add(
            ApplicationDecision(
                id=new_id(),
                tenant_id=row.tenant_id,
                application_id=row.id,
                round=row.round,
                outcome=command.outcome.value,
                reasons=[one.value for one in command.reasons],
                letter=command.letter,
                proposed_by=ctx.approval.requested_by,
                decided_by=ctx.actor.id,
                decided_at=ctx.now,
            )
        )
    row.state = OUTCOME_STATES[command.outcome].value
    touch(row, ctx.now)
    mail_applicant(ctx, row, _MAILS[command.outcome])
    ctx.audit(
        subject=row.id,
        number=row.number,
        outcome=command.outcome.value,
        reasons=[one.value for one in command.reasons],
    )
    return ApplicationConcluded(application_id=row.id, state=OUTCOME_STATES[command.outcome])


def _refuse_proposed(ctx: CommandContext, application_id: UUID) -> None:
    if pending_request_of_command(ctx.session, CONCLUDE, "application_id", application_id) is not None:
        raise Conflict(ALREADY_PROPOSED, field="application_id")
