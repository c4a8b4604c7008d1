"""What queries about a municipality's directory return."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from governance.kernel.labels import LabelledEnum
from governance.kernel.models import ReadModel
from governance.permissions import Role
from tenancy.people.states import MemberState


class ScimTokenState(LabelledEnum):
    """Whether a token counts."""

    ACTIVE = "active", "有効", "active"
    EXPIRED = "expired", "期限切れ", "expired"
    WITHDRAWN = "withdrawn", "失効", "withdrawn"


class ScimTokenFacts(ReadModel):
    """A token of a tenant's directory, without the token itself, which nobody has here.

    `valid_until` is the first day on which it counts no more.
    """

    id: UUID
    state: ScimTokenState
    valid_until: date
    issued_by: str
    issued_at: datetime
    withdrawn_at: datetime | None
    last_used_at: datetime | None


class ScimUserFacts(ReadModel):
    """A person as the directory sees them: `user_name` is the address for whoever it has not named yet."""

    member_id: UUID
    user_name: str
    external_id: str | None
    family_name: str
    given_name: str
    email: str
    state: MemberState
    roles: frozenset[Role]
    added_at: datetime
    changed_at: datetime


class ScimGroupFacts(ReadModel):
    """A group: of a role, whose members hold it, or of the directory's own, which gives no right."""

    id: str
    role: Role | None
    name: str
    external_id: str | None
    member_ids: frozenset[UUID]
    added_at: datetime
    changed_at: datetime
