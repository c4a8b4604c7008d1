"""What is known of a tenant's acceptance of a version."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from governance.kernel.models import ReadModel
from tenancy.acceptances.states import AcceptanceState


class AcceptanceStatus(ReadModel):
    """Whether one tenant accepted the version: when and who signed; else since when it is asked, and until when.

    `asked_at` and `due_on` are empty for a version that nobody is asked for: an optional one, or one that was replaced.
    `reminded_at` is when its owners were last reminded.
    """

    tenant_id: UUID
    code: str | None
    name: str
    state: AcceptanceState
    accepted_at: datetime | None
    signed_on: date | None
    signer_title: str | None
    signer_name: str | None
    asked_at: datetime | None
    due_on: date | None
    reminded_at: datetime | None
