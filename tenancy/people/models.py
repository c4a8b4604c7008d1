"""What queries about people return."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from governance.file_imports import ImportFacts, ImportRowFacts
from governance.kernel.models import ReadModel
from governance.permissions import Role
from tenancy.people.states import (
    INVITATION_LIFETIME,
    InvitationState,
    LeavingKind,
    MemberAction,
    MemberState,
    RoleChangeKind,
    SyncProblem,
)


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
    people who came, and for those removed without one that was cancelled. `last_sign_in_at` is when they last signed
    in to the console, None for never; `is_dormant` says that they are active and have not for 90 days. `valid_until` is
    the day after their last one where they are to leave; then they become what `leaves_as` says.
    """

    roles: tuple[Role, ...]
    excluded_roles: tuple[Role, ...]
    password_mail_sent_at: datetime | None
    invitation: InvitationState | None
    sync_problem: SyncProblem | None
    address_released: bool
    added_at: datetime
    last_sign_in_at: datetime | None
    is_dormant: bool
    section: str | None
    valid_until: date | None
    leaves_as: LeavingKind | None

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


class PlannedSectionChange(ReadModel):
    """A section that a person works in from a day to come on, at 0:00 in Japan; None for none."""

    id: UUID
    member_id: UUID
    family_name: str
    given_name: str
    section: str | None
    takes_effect_at: datetime


class MemberToSync(MemberFacts):
    """A person as Keycloak is to have them: `keycloak_id` is None until they are created there."""

    tenant_id: UUID
    email_key: str
    account_id: UUID | None
    keycloak_id: str | None
    replaced_keycloak_id: str | None
    password_mail_sent_at: datetime | None
    sync_problem: SyncProblem | None
    sync_retry_at: datetime | None
    address_released_at: datetime | None

    @property
    def username(self) -> UUID:
        """The username in Keycloak: an account of their own, or one that they had in another tenant."""
        return self.account_id or self.person_id

    def is_due(self, now: datetime) -> bool:
        """Whether to try to bring the person to Keycloak: nothing stands in the way, or it is time to try again."""
        if self.replaced_keycloak_id is not None:
            return False
        return self.sync_problem is None or (self.sync_retry_at is not None and self.sync_retry_at <= now)


class OwnMembership(ReadModel):
    """A tenant that a person may use with their account. `is_current` is the one that this session or token is of."""

    tenant_id: UUID
    code: str | None
    name: str
    name_en: str | None
    is_current: bool


class ConsentRequest(ReadModel):
    """A tenant that asks a person whether they want to be its member with the account they have, and as what.

    `member_id` is what the person would be there; the code that the mail brings is not here.
    """

    member_id: UUID
    tenant_id: UUID
    tenant_name: str
    asked_at: datetime | None
    expires_at: datetime | None
    roles: tuple[Role, ...]


class MemberImportRow(ImportRowFacts):
    """What importing a file would do with one row: whom it is about, which roles and section, and from which day.

    `action` is null where it could not be read; `valid_from` null for at once.
    """

    action: MemberAction | None
    family_name: str
    given_name: str
    email: str
    roles_granted: tuple[Role, ...]
    roles_ended: tuple[Role, ...]
    section: str | None = Field(description="The new section, empty for none at all; null where it stays as it is.")
    valid_from: date | None

    @property
    def title(self) -> str:
        return " ".join(part for part in (self.family_name, self.given_name, self.email) if part)


class MemberImportPreview(ImportFacts):
    """What importing a file would do: how it was read, its SHA-256 in hex, and each row in the order of the file.

    `added`, `changed`, `suspended` and `removed` count its rows that would be carried out.
    """

    rows: tuple[MemberImportRow, ...]
    added: int
    changed: int
    suspended: int
    removed: int
