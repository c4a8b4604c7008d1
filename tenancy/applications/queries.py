"""Reads of applications: the list, one of them, what it is screened by, its files, and what waits.

All of them need the operator's scope: before it is admitted an applicant is nobody here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from pydantic import ConfigDict
from sqlalchemy import ColumnElement, Uuid, func, select, type_coerce
from sqlalchemy.orm import Session, undefer

from governance.agreements.queries import versions_in_force
from governance.approvals import pending_command
from governance.kernel.codes import LocalGovernmentCode
from governance.kernel.errors import Invalid, require_found
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel
from governance.kernel.waiting import WaitingSelect, waiting_columns
from tenancy.applications.checklist import ApplicationEvidence, checks, failing
from tenancy.applications.content import ApplicationContent, read_content
from tenancy.applications.models import (
    ApplicationFacts,
    ApplicationSummary,
    AttachmentFacts,
    DecisionFacts,
    ScreeningFacts,
    ScreeningView,
)
from tenancy.applications.states import (
    EDITABLE_STATES,
    OPEN_STATES,
    SCREENED_STATES,
    ApplicantLanguage,
    ApplicationState,
    Attestation,
    AwaitedParty,
    Conclusion,
    Ground,
)
from tenancy.applications.tables import (
    Application,
    ApplicationAttachment,
    ApplicationDecision,
    ApplicationScreening,
)
from tenancy.tenants.eligibility import eligible_code
from tenancy.tenants.facts import find_by_code, find_by_name, operator_id, tenant_by_id
from tenancy.tenants.municipality_directory import municipalities, name_of

CONCLUDE: Final = "conclude_application"
"""The command that proposes a decision: while one waits, the application waits for the decider."""

APPLICATION: Final = Label("利用申請", "application")


class AttachmentFile(ReadModel):
    """A file with its content, in JSON as base64."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    name: str
    media_type: str
    content: bytes


def applications(
    session: Session, *, state: ApplicationState | None = None, includes_drafts: bool = False
) -> list[ApplicationSummary]:
    """The applications, newest first; of one state where given. Drafts only where they are asked for."""
    query = select(Application, _has_proposal().label("is_proposed")).order_by(Application.number.desc())
    if state is not None:
        query = query.where(Application.state == state.value)
    elif not includes_drafts:
        query = query.where(Application.state != ApplicationState.DRAFT.value)
    return [_summary(row.Application, row.is_proposed) for row in session.execute(query)]


def application(session: Session, application_id: UUID) -> ApplicationFacts:
    """One application with its files and decisions. Raises NotFound."""
    found = session.execute(
        select(Application, _has_proposal().label("is_proposed")).where(Application.id == application_id)
    ).first()
    row = require_found(found, what=APPLICATION, given=application_id, field="application_id")
    one: Application = row.Application
    return ApplicationFacts(
        **dict(_summary(one, row.is_proposed)),
        language=ApplicantLanguage(one.language),
        email=one.email,
        version=one.version,
        round=one.round,
        link_number=one.link_number,
        link_expires_at=one.link_expires_at,
        begun_by=one.begun_by,
        begun_at=one.begun_at,
        content=read_content(one.content),
        attachments=tuple(attachments(session, application_id)),
        decisions=tuple(decisions(session, application_id)),
    )


def attachments(session: Session, application_id: UUID) -> list[AttachmentFacts]:
    """The files of an application, in the order in which they were added."""
    query = select(ApplicationAttachment).where(ApplicationAttachment.application_id == application_id)
    return [
        AttachmentFacts(
            id=one.id,
            name=one.name,
            media_type=one.media_type,
            size=one.size,
            sha256=one.sha256,
            added_at=one.added_at,
        )
        for one in session.scalars(query.order_by(ApplicationAttachment.id))
    ]


def attachment_file(session: Session, application_id: UUID, attachment_id: UUID) -> AttachmentFile:
    """One file of this application with its content. Raises NotFound, also for a file of another application."""
    found = session.scalars(
        select(ApplicationAttachment)
        .where(ApplicationAttachment.application_id == application_id, ApplicationAttachment.id == attachment_id)
        .options(undefer(ApplicationAttachment.content))
    ).first()
    one = require_found(found, what=Label("添付", "attachment"), given=attachment_id, field="attachment_id")
    return AttachmentFile(name=one.name, media_type=one.media_type, content=one.content)


def decisions(session: Session, application_id: UUID) -> list[DecisionFacts]:
    """What was decided about an application, newest first."""
    query = select(ApplicationDecision).where(ApplicationDecision.application_id == application_id)
    return [
        DecisionFacts(
            round=one.round,
            outcome=Conclusion(one.outcome),
            reasons=tuple(Ground(reason) for reason in one.reasons),
            letter=one.letter,
            proposed_by=one.proposed_by,
            decided_by=one.decided_by,
            decided_at=one.decided_at,
        )
        for one in session.scalars(query.order_by(ApplicationDecision.round.desc()))
    ]


def screenings(session: Session, application_id: UUID, round_number: int) -> list[ScreeningFacts]:
    """What was stated about an application in one round, newest first."""
    query = select(ApplicationScreening).where(
        ApplicationScreening.application_id == application_id, ApplicationScreening.round == round_number
    )
    return [
        ScreeningFacts(
            round=one.round,
            attestations=tuple(Attestation(value) for value in one.attestations),
            note=one.note,
            screened_by=one.screened_by,
            screened_at=one.screened_at,
        )
        for one in session.scalars(query.order_by(ApplicationScreening.id.desc()))
    ]


def screening_view(session: Session, application_id: UUID, today: date) -> ScreeningView:
    """What an application is screened by, as of that day. Raises NotFound."""
    one = application(session, application_id)
    found = checks(one.content, _evidence(session, one, today))
    stated = next(iter(screenings(session, application_id, one.round)), None)
    attested = () if stated is None else stated.attestations
    return ScreeningView(
        application_id=application_id,
        checks=tuple(found),
        screening=stated,
        is_complete=not failing(found) and set(attested) == set(Attestation),
    )


def required_versions(session: Session, today: date) -> dict[UUID, str]:
    """The versions of agreements that whoever takes part must have accepted on that day, with title and number."""
    return {one.id: f"{one.title} ({one.number})" for one in versions_in_force(session, today) if one.mandatory}


def waiting_applications(states: Sequence[ApplicationState]) -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: how many applications are in these states and wait for no decider."""
    return select(
        *waiting_columns(func.count(), since=func.min(func.coalesce(Application.submitted_at, Application.changed_at)))
    ).where(Application.state.in_([one.value for one in states]), ~_has_proposal())


def next_number(session: Session) -> int:
    """The number of the next application. For use under a lock."""
    return (session.scalar(select(func.max(Application.number))) or 0) + 1


def _evidence(session: Session, one: ApplicationFacts, today: date) -> ApplicationEvidence:
    operator = tenant_by_id(session, require_found(operator_id(session), what=APPLICATION, given=one.id))
    content = one.content
    prefecture = (operator.code or "")[:2]
    ineligible, listed = None, None
    if content.kind is not None:
        try:
            eligible_code(content.code, content.kind.tenant_kind, operator_prefecture=prefecture)
        except Invalid as refusal:
            ineligible = refusal
    if content.code is not None:
        listed = name_of(municipalities(session, operator), LocalGovernmentCode.parse(content.code))
    known = find_by_code(session, content.code) if content.code else find_by_name(session, content.name or "")
    return ApplicationEvidence(
        listed_name=listed,
        ineligible=ineligible,
        tenant=None if known is None else known.name,
        others=_others(session, one.id, content),
        required=required_versions(session, today),
        attachments=len(one.attachments),
        today=today,
    )


def _others(session: Session, application_id: UUID, content: ApplicationContent) -> list[int]:
    """The numbers of other applications of the same body that were submitted and are not over."""
    states = [one.value for one in OPEN_STATES if one is not ApplicationState.DRAFT]
    same = (
        Application.content["code"].astext == content.code
        if content.code
        else Application.content["name"].astext == content.name
    )
    query = select(Application.number).where(Application.id != application_id, Application.state.in_(states), same)
    return list(session.scalars(query.order_by(Application.number)))


def _has_proposal() -> ColumnElement[bool]:
    """Whether a decision about the application was proposed and waits for another person."""
    return pending_command(CONCLUDE, "application_id", type_coerce(Application.id, Uuid))


def _summary(one: Application, is_proposed: bool) -> ApplicationSummary:
    content: dict[str, Any] = one.content
    state = ApplicationState(one.state)
    return ApplicationSummary(
        id=one.id,
        number=one.number,
        state=state,
        awaited=_awaited(state, is_proposed),
        name=content.get("name"),
        code=content.get("code"),
        kind=content.get("kind"),
        submitted_at=one.submitted_at,
        changed_at=one.changed_at,
        joined_tenant_id=one.joined_tenant_id,
    )


def _awaited(state: ApplicationState, is_proposed: bool) -> AwaitedParty:
    if state in EDITABLE_STATES:
        return AwaitedParty.APPLICANT
    if state in SCREENED_STATES:
        return AwaitedParty.DECIDER if is_proposed else AwaitedParty.SCREENER
    return AwaitedParty.ONBOARDING if state is ApplicationState.APPROVED else AwaitedParty.NOBODY
