"""Tenants over the API: their names and states, state changes, statistics, contacts, and the import of a file."""

from __future__ import annotations

from uuid import UUID

from flask import Response
from pydantic import Field

from admin.core.guard import requires
from admin.features.tenants.entry_points import ENTRY_POINTS
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag, json_response
from admin.interface.paging import Page, page_request, page_response, paginate
from governance.kernel import clock
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.tenants import queries
from tenancy.tenants.commands import ImportTenants, import_tenants, preview_import
from tenancy.tenants.models import (
    ContactRecord,
    ImportPreview,
    StateChange,
    StatisticRecord,
    TenantDetails,
    TenantListItem,
)
from tenancy.tenants.queries import TenantFilter
from tenancy.tenants.states import TenantKind, TenantState

routes = ApiRoutes(Tag.TENANTS, ENTRY_POINTS)


class TenantsQuery(PageQuery):
    """Which tenants; `words` are looked for in code, name and kana."""

    state: TenantState | None = None
    kind: TenantKind | None = None
    cohort: str | None = Field(default=None, max_length=40)
    words: str = Field(default="", max_length=100)


class TenantPage(Page[TenantListItem]):
    """Tenants by code."""


class StateChangePage(Page[StateChange]):
    """State changes, newest first."""


class StatisticPage(Page[StatisticRecord]):
    """The current statistics, by kind, the newest reference date first."""


class ContactPage(Page[ContactRecord]):
    """Contacts by purpose."""


@routes.query_route("/tenants")
@requires(Permission.TENANT_READ)
def list_tenants(query: TenantsQuery) -> TenantPage:
    """List tenants."""
    wanted = TenantFilter(state=query.state, kind=query.kind, cohort=query.cohort, words=query.words)
    return page_response(TenantPage, queries.tenants_page(db.session(), page_request(query), wanted))


@routes.query_route("/tenants/<tenant>", response_model=TenantDetails)
@requires(Permission.TENANT_READ)
def get_tenant(tenant: UUID) -> Response:
    """Show one tenant, under its ETag."""
    found = queries.tenant(db.session(), tenant)
    return json_response(found, version=found.version)


@routes.query_route("/tenants/<tenant>/state-changes")
@requires(Permission.TENANT_READ)
def list_state_changes(tenant: UUID, query: PageQuery) -> StateChangePage:
    """List how a tenant came to its state."""
    return paginate(StateChangePage, queries.state_changes(db.session(), tenant), lambda row: str(row.id), query)


@routes.query_route("/tenants/<tenant>/statistics")
@requires(Permission.TENANT_READ)
def list_statistics(tenant: UUID, query: PageQuery) -> StatisticPage:
    """List the current statistics of a tenant."""
    return paginate(StatisticPage, queries.statistics(db.session(), tenant), lambda row: str(row.id), query)


@routes.query_route("/tenants/<tenant>/contacts")
@requires(Permission.CONTACT_READ)
def list_contacts(tenant: UUID, query: PageQuery) -> ContactPage:
    """List whom to ask at a tenant."""
    return paginate(ContactPage, queries.contacts(db.session(), tenant), lambda row: str(row.id), query)


routes.command_route("POST", "/tenant-imports", import_tenants)


@routes.action_route("/tenant-import-previews", ImportTenants)
@requires(Permission.TENANT_IMPORT)
def preview_tenant_import(command: ImportTenants, key: str) -> ImportPreview:
    """Say what importing a file would do, row by row; changes nothing."""
    return preview_import(db.session(), command, today=clock.today())
