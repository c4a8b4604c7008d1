"""What is known of an application: for its applicant, and for the operator who screens and decides it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from governance.kernel.models import ReadModel
from tenancy.applications.checklist import Check
from tenancy.applications.content import ApplicationContent
from tenancy.applications.states import (
    ApplicantKind,
    ApplicantLanguage,
    ApplicationState,
    Attestation,
    AwaitedParty,
    Conclusion,
    Ground,
)


class ApplicationSummary(ReadModel):
    """An application in a list. `awaited` is whom it waits for; `joined_tenant_id` the tenant it became."""

    id: UUID
    number: int
    state: ApplicationState
    awaited: AwaitedParty
    name: str | None
    code: str | None
    kind: ApplicantKind | None
    submitted_at: datetime | None
    changed_at: datetime
    joined_tenant_id: UUID | None


class AttachmentFacts(ReadModel):
    """A file of an application, without its content; `sha256` in hex."""

    id: UUID
    name: str
    media_type: str
    size: int
    sha256: str
    added_at: datetime


class ScreeningFacts(ReadModel):
    """What somebody stated to have checked, in a round."""

    round: int
    attestations: tuple[Attestation, ...]
    note: str | None
    screened_by: str
    screened_at: datetime


class DecisionFacts(ReadModel):
    """What was decided in a round, with the letter that the applicant got."""

    round: int
    outcome: Conclusion
    reasons: tuple[Ground, ...]
    letter: str
    proposed_by: str
    decided_by: str
    decided_at: datetime


class ApplicationFacts(ApplicationSummary):
    """An application with what it says. `email` is where its link went; `link_expires_at` when that ends.

    `version` grows with each change; `round` counts its submissions.
    """

    language: ApplicantLanguage
    email: str
    version: int
    round: int
    link_number: int
    link_expires_at: datetime
    begun_by: str
    begun_at: datetime
    content: ApplicationContent
    attachments: tuple[AttachmentFacts, ...]
    decisions: tuple[DecisionFacts, ...]
    """Newest first."""


class ScreeningView(ReadModel):
    """What the operator screens an application by: the checks, and what was stated in this round."""

    application_id: UUID
    checks: tuple[Check, ...]
    screening: ScreeningFacts | None
    is_complete: bool
    """Whether no check fails and everything was attested, so that it may be approved."""
