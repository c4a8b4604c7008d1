"""Agreements over the API: the versions, and who accepted which for whom."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from admin.core.guard import requires
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, paginate
from governance.agreements import queries as agreements
from governance.agreements.commands import accept_agreement, publish_agreement
from governance.kernel.database import db
from governance.permissions import Permission

routes = ApiRoutes(Tag.AGREEMENTS)


class AgreementVersionResponse(BaseModel):
    """A version of an agreement. `sha256` is of its text in UTF-8."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    agreement: str
    title: str
    number: int
    language: str
    text: str
    sha256: str
    effective_from: date
    mandatory: bool


class AgreementVersionPage(Page[AgreementVersionResponse]):
    """Versions by agreement, newest first."""


class AcceptanceResponse(BaseModel):
    """Who accepted a version for a tenant, on whose behalf and by what right."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    version_id: UUID
    sha256: str
    signer_name: str
    signer_title: str
    on_behalf_of: str
    authority: str
    signed_on: date
    accepted_at: datetime


class AcceptancePage(Page[AcceptanceResponse]):
    """Acceptances, newest first."""


@routes.query_route("/agreement-versions")
@requires(Permission.AGREEMENT_READ)
def list_agreement_versions(query: PageQuery) -> AgreementVersionPage:
    """List every version of every agreement."""
    return paginate(AgreementVersionPage, agreements.versions(db.session()), lambda row: str(row.id), query)


@routes.query_route("/agreement-versions/<version>")
@requires(Permission.AGREEMENT_READ)
def show_agreement_version(version: UUID) -> AgreementVersionResponse:
    """Show one version of an agreement with its text."""
    return AgreementVersionResponse.model_validate(agreements.version(db.session(), version))


@routes.query_route("/tenants/<tenant>/acceptances")
@requires(Permission.AGREEMENT_READ)
def list_acceptances(tenant: UUID, query: PageQuery) -> AcceptancePage:
    """List what a tenant accepted."""
    return paginate(AcceptancePage, agreements.acceptances(db.session(), tenant), lambda row: str(row.id), query)


routes.command_route("POST", "/agreement-versions", publish_agreement)

routes.command_route("POST", "/tenants/<tenant>/acceptances", accept_agreement, {"tenant": "tenant_id"})
