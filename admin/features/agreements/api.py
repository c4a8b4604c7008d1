"""Agreements over the API and the command line: the versions, and who accepted which for whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from admin.features.agreements.entry_points import ENTRY_POINTS
from admin.interface.api_requests import NamePageQuery, PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from governance.agreements import queries as agreements
from governance.agreements.queries import AcceptanceFacts, AgreementVersionFacts
from governance.declaration import Input
from governance.kernel import clock
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.acceptances.models import AcceptanceStatus
from tenancy.acceptances.queries import acceptance_statuses
from tenancy.acceptances.states import AcceptanceState

routes = ApiRoutes(Tag.AGREEMENTS, ENTRY_POINTS)


class AcceptanceStatusQuery(PageQuery):
    """Which tenants; all that are asked without a state."""

    state: Annotated[AcceptanceState, Input("同意", "Acceptance")] | None = None


def _line(version: AgreementVersionFacts) -> str:
    return f"{version.id}  {version.agreement} v{version.number}  {version.effective_from}  {version.title}"


@routes.list("/agreement-versions", Permission.AGREEMENT_READ, "AgreementVersionPage")
@cli_query("agreement list", "協定の版の一覧", "versions", _line)
def list_agreement_versions(query: NamePageQuery) -> Sequence[AgreementVersionFacts]:
    """List the versions of every agreement, or of one, newest first."""
    return agreements.versions(db.session(), agreement=query.name)


@routes.query("/agreement-versions/<version>", Permission.AGREEMENT_READ)
@cli_query("agreement show", "協定の版を見る", line=lambda version: f"{_line(version)}\n{version.text}")
def get_agreement_version(version: UUID) -> AgreementVersionFacts:
    """Show one version of an agreement with its text."""
    return agreements.version(db.session(), version)


def _status_line(row: AcceptanceStatus) -> str:
    signed = f"  {row.signed_on}  {row.signer_title} {row.signer_name}" if row.signed_on else f"  ({row.due_on or '-'})"
    return f"{row.code or '------'}  {row.state:<12}  {row.name}{signed}"


@routes.list(
    "/agreement-versions/<version>/acceptances", Permission.AGREEMENT_READ, "AcceptanceStatusPage", "tenant_id"
)
@cli_query("agreement status", "協定への同意の状況", "tenants", _status_line)
def list_acceptance_statuses(version: UUID, query: AcceptanceStatusQuery) -> Sequence[AcceptanceStatus]:
    """List the tenants that are asked to accept a version: who accepted when, who has not and until when it is due."""
    return acceptance_statuses(db.session(), version, clock.today(), state=query.state)


@routes.list("/tenants/<tenant>/acceptances", Permission.AGREEMENT_READ, "AcceptancePage")
@cli_query(
    "agreement acceptances",
    "団体の同意の一覧",
    "acceptances",
    "signed_on version_id on_behalf_of signer_title signer_name authority",
)
def list_acceptances(tenant: UUID) -> Sequence[AcceptanceFacts]:
    """List what a tenant accepted, newest first, and who signed."""
    return agreements.acceptances(db.session(), tenant)
