"""What queries about people return."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from governance.kernel.models import ReadModel
from governance.permissions import Role
from tenancy.people.states import MemberState


class MemberFacts(ReadModel):
    """A person of a tenant. `person_id` is the username in Keycloak."""

    id: UUID
    person_id: UUID
    family_name: str
    given_name: str
    email: str
    state: MemberState


class MemberDetails(MemberFacts):
    """A person of a tenant with the roles in force. `person_id` is the username in Keycloak."""

    roles: tuple[Role, ...]
    password_mail_sent_at: datetime | None
    added_at: datetime


class MemberToSync(MemberFacts):
    """A person as Keycloak is to have them: `keycloak_id` is None until they are created there."""

    tenant_id: UUID
    keycloak_id: str | None
    password_mail_sent_at: datetime | None
