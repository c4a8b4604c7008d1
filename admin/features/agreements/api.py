"""Agreements over the API: the versions, and who accepted which for whom."""

from __future__ import annotations

from uuid import UUID

from admin.core.guard import requires
from admin.features.agreements.entry_points import ENTRY_POINTS
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, paginate
from governance.agreements import queries as agreements
from governance.agreements.queries import AcceptanceFacts, AgreementVersionFacts
from governance.kernel.database import db
from governance.permissions import Permission

routes = ApiRoutes(Tag.AGREEMENTS, ENTRY_POINTS)


class AgreementVersionPage(Page[AgreementVersionFacts]):
    """Versions by agreement, newest first."""


class AcceptancePage(Page[AcceptanceFacts]):
    """Acceptances, newest first."""


@routes.query_route("/agreement-versions")
@requires(Permission.AGREEMENT_READ)
def list_agreement_versions(query: PageQuery) -> AgreementVersionPage:
    """List every version of every agreement."""
    return paginate(AgreementVersionPage, agreements.versions(db.session()), lambda row: str(row.id), query)


@routes.query_route("/agreement-versions/<version>")
@requires(Permission.AGREEMENT_READ)
def get_agreement_version(version: UUID) -> AgreementVersionFacts:
    """Show one version of an agreement with its text."""
    return agreements.version(db.session(), version)


@routes.query_route("/tenants/<tenant>/acceptances")
@requires(Permission.AGREEMENT_READ)
def list_acceptances(tenant: UUID, query: PageQuery) -> AcceptancePage:
    """List what a tenant accepted."""
    return paginate(AcceptancePage, agreements.acceptances(db.session(), tenant), lambda row: str(row.id), query)
