"""Rows of tenants' own identity providers and of the people linked to them."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase, enum_check
from tenancy.keycloak.port import IdentityProviderKind
from tenancy.people.identity_providers.states import CheckProblem, IdentityProviderState


class IdentityProvider(TableBase):
    """The identity provider of one tenant. The secret is sealed (`governance.sealed_secrets`) and never shown.

    `settings` are what the last check that found nothing wrong read of it, in Keycloak's words; null before.
    `version` counts what its people change; `checked_version` and `applied_version` say which of them was checked and
    which Keycloak has.
    """

    __tablename__ = "identity_provider"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id"),
        enum_check("kind", IdentityProviderKind, name="kind_known"),
        enum_check("state", IdentityProviderState, name="state_known"),
        enum_check("check_problem", CheckProblem, name="check_problem_known"),
        CheckConstraint("(metadata_url IS NULL) <> (metadata IS NULL)", name="metadata_once"),
        CheckConstraint(
            "(kind = 'oidc') = (client_id IS NOT NULL AND sealed_secret IS NOT NULL)", name="client_of_oidc"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    kind: Mapped[str]
    name: Mapped[str]
    metadata_url: Mapped[str | None]
    # `metadata` is a name of SQLAlchemy's own.
    metadata_text: Mapped[str | None] = mapped_column("metadata")
    client_id: Mapped[str | None]
    sealed_secret: Mapped[str | None]
    claim: Mapped[str]
    domains: Mapped[list[str]] = mapped_column(JSONB)
    state: Mapped[str]
    version: Mapped[int]
    settings: Mapped[dict[str, str] | None] = mapped_column(JSONB)
    checked_at: Mapped[datetime | None]
    checked_version: Mapped[int | None]
    check_problem: Mapped[str | None]
    certificate_ends_on: Mapped[date | None]
    applied_version: Mapped[int | None]
    registered_by: Mapped[str]
    registered_at: Mapped[datetime]


class IdentityProviderLink(TableBase):
    """A person for whom the tenant's identity provider may speak in Keycloak, and the name it knows them by."""

    __tablename__ = "identity_provider_link"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "member_id"),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["member.tenant_id", "member.id"]),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    member_id: Mapped[UUID]
    keycloak_id: Mapped[str]
    name: Mapped[str]
    linked_at: Mapped[datetime]
