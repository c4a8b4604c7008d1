"""What queries about people return."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from governance.kernel.models import ReadModel
from governance.permissions import Role
from tenancy.people.states import INVITATION_LIFETIME, InvitationState, MemberState, RoleChangeKind, SyncProblem


class MemberFacts(ReadModel):
    """A person of a tenant. `person_id` is the username in Keycloak."""

    id: UUID
    person_id: UUID
    family_name: str
    given_name: str
    email: str
    state: MemberState


class FoundPerson(MemberFacts):
    """A person that was looked for, with the tenant they belong to."""

    tenant_id: UUID


class MemberDetails(MemberFacts):
    """A person of a tenant with the roles in force. `person_id` is the username in Keycloak.

    `excluded_roles` were granted, but do not count beside another role of the same person. `sync_problem` is why they
    are not in Keycloak yet; `address_released` says that others may have their address now. `invitation` is None for
    people who came, and for those removed without one that was cancelled.
    """

    roles: tuple[Role, ...]
    excluded_roles: tuple[Role, ...]
    password_mail_sent_at: datetime | None
    invitation: InvitationState | None
    sync_problem: SyncProblem | None
    address_released: bool
    added_at: datetime

    @property
    def invitation_expires_at(self) -> datetime | None:
        """When the link in the mail to set a password ends; None for who has set one or was not mailed yet."""
        if self.state is not MemberState.INVITED or self.password_mail_sent_at is None:
            return None
        return self.password_mail_sent_at + INVITATION_LIFETIME


class PlannedRoleChange(ReadModel):
    """A role that begins or ends for a person on a day to come, at 0:00 in Japan. `id` is the grant's.

    `valid_until` is the day after the role's last one, None for no end.
    """

    id: UUID
    member_id: UUID
    family_name: str
    given_name: str
    role: Role
    kind: RoleChangeKind
    takes_effect_at: datetime
    valid_until: date | None


class MemberToSync(MemberFacts):
    """A person as Keycloak is to have them: `keycloak_id` is None until they are created there."""

    tenant_id: UUID
    email_key: str
    keycloak_id: str | None
    replaced_keycloak_id: str | None
    password_mail_sent_at: datetime | None
    sync_problem: SyncProblem | None
    sync_retry_at: datetime | None
    address_released_at: datetime | None

    def is_due(self, now: datetime) -> bool:
        """Whether to try to bring the person to Keycloak: nothing stands in the way, or it is time to try again."""
        if self.replaced_keycloak_id is not None:
            return False
        return self.sync_problem is None or (self.sync_retry_at is not None and self.sync_retry_at <= now)
