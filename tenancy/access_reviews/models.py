"""What is known of an access review, of its lines, and of who came after it was started."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from governance.kernel.models import ReadModel
from governance.permissions import Role
from tenancy.access_reviews.states import LineDecision, LineKind, ReviewState


class AccessReviewFacts(ReadModel):
    """A review of a tenant's access as of the end of a day, to be signed by `due_on`.

    `lines` is how many there are, `decided` on how many of them somebody decided, `withdrawn` how many end or suspend
    something. `signed_by` and `started_by` are accounts as the audit log names them. `digest` is the SHA-256 of what
    was signed; `reminded_at` when the owners were last reminded.
    """

    id: UUID
    tenant_id: UUID
    code: str | None
    name: str
    as_of: date
    due_on: date
    state: ReviewState
    is_overdue: bool
    lines: int
    decided: int
    withdrawn: int
    started_by: str
    started_at: datetime
    signed_by: str | None
    signed_at: datetime | None
    digest: str | None
    cancelled_at: datetime | None
    cancel_reason: str | None
    reminded_at: datetime | None

    @property
    def undecided(self) -> int:
        return self.lines - self.decided


class AccessReviewLineFacts(ReadModel):
    """A person or a service client as they stood on the day of the review, and what was decided.

    `rights` are the roles of a person besides that of a plain member, or the scopes of a client; `present_rights` those
    of now, null for somebody whose access has ended since. `has_changed` says that access or section are other than on
    the list. `last_used_on` is the day of the last sign-in or call known when the review was started.
    """

    id: UUID
    kind: LineKind
    member_id: UUID | None
    client_id: UUID | None
    name: str
    section: str | None
    rights: tuple[str, ...]
    last_used_on: date | None
    present_section: str | None
    present_rights: tuple[str, ...] | None
    has_changed: bool
    decision: LineDecision | None
    ended_roles: tuple[Role, ...]
    reason: str | None
    decided_by: str | None
    decided_at: datetime | None


class AccessSince(ReadModel):
    """A person or a service client with access now who is not on the list: they came after its day."""

    kind: LineKind
    id: UUID
    name: str
    section: str | None
    rights: tuple[str, ...]
