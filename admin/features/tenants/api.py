"""Tenants: what they are called, what state they are in, what is known about them."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from admin.core.guard import requires
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag, json_response
from admin.interface.paging import Page, paginate
from governance.kernel import clock
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.tenants import queries
from tenancy.tenants.commands import (
    ImportTenants,
    change_tenant_state,
    edit_tenant,
    import_tenants,
    preview_import,
    record_contact,
    record_statistic,
    register_tenant,
    remove_contact,
)
from tenancy.tenants.queries import TenantFilter, TenantListItem
from tenancy.tenants.states import ContactPurpose, StatisticKind, TenantKind, TenantState

routes = ApiRoutes(Tag.TENANTS)


class TenantsQuery(PageQuery):
    """Which tenants; `words` are looked for in code, name and kana."""

    state: TenantState | None = None
    kind: TenantKind | None = None
    cohort: str | None = Field(default=None, max_length=40)
    words: str = Field(default="", max_length=100)


class TenantPage(Page[TenantListItem]):
    """Tenants by code."""


class TenantResponse(BaseModel):
    """One tenant. Its `version` is also its ETag, which a change names in If-Match."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    code: str | None
    name: str
    kana: str
    name_en: str | None
    kind: TenantKind
    state: TenantState
    is_operator: bool
    cohort_id: UUID | None
    valid_from: date | None
    valid_until: date | None
    version: int
    registered_at: datetime


class StateChangeResponse(BaseModel):
    """How a tenant came from one state to another."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    from_state: TenantState
    to_state: TenantState
    reason: str
    effective_on: date
    changed_by: str
    changed_at: datetime


class StateChangePage(Page[StateChangeResponse]):
    """Moves, newest first."""


class StatisticResponse(BaseModel):
    """A figure as published: its exact value in decimal digits, the day it is of, its source."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: StatisticKind
    value: str
    basis_date: date
    source: str
    recorded_at: datetime


class StatisticPage(Page[StatisticResponse]):
    """The figures that stand, by kind, the newest day first."""


class ContactResponse(BaseModel):
    """Whom to ask at a tenant about one purpose."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    purpose: ContactPurpose
    section: str
    name: str
    email: str
    phone: str | None
    recorded_at: datetime


class ContactPage(Page[ContactResponse]):
    """Contacts by purpose."""


class ImportRowResponse(BaseModel):
    """What would become of one row of a file."""

    line: int
    code: str
    name: str
    accepted: bool
    reason: str | None = Field(description="Why it is refused, in Japanese.")


class ImportPreviewResponse(BaseModel):
    """The verdict on a file."""

    encoding: str
    sha256: str
    accepted: bool
    rows: list[ImportRowResponse]


@routes.query_route("/tenants")
@requires(Permission.TENANT_READ)
def list_tenants(query: TenantsQuery) -> TenantPage:
    """List tenants."""
    wanted = TenantFilter(state=query.state, kind=query.kind, cohort=query.cohort, words=query.words)
    return paginate(TenantPage, queries.list_tenants(db.session(), wanted), lambda row: str(row.id), query)


@routes.query_route("/tenants/<tenant>", response_model=TenantResponse)
@requires(Permission.TENANT_READ)
def get_tenant(tenant: UUID) -> Response:
    """Show one tenant, under its ETag."""
    response = TenantResponse.model_validate(queries.tenant(db.session(), tenant))
    return json_response(response, version=response.version)


@routes.query_route("/tenants/<tenant>/state-changes")
@requires(Permission.TENANT_READ)
def list_state_changes(tenant: UUID, query: PageQuery) -> StateChangePage:
    """List how a tenant came to its state."""
    return paginate(StateChangePage, queries.state_changes(db.session(), tenant), lambda row: str(row.id), query)


@routes.query_route("/tenants/<tenant>/statistics")
@requires(Permission.TENANT_READ)
def list_statistics(tenant: UUID, query: PageQuery) -> StatisticPage:
    """List the figures of a tenant that stand."""
    return paginate(StatisticPage, queries.statistics(db.session(), tenant), lambda row: str(row.id), query)


@routes.query_route("/tenants/<tenant>/contacts")
@requires(Permission.CONTACT_READ)
def list_contacts(tenant: UUID, query: PageQuery) -> ContactPage:
    """List whom to ask at a tenant."""
    return paginate(ContactPage, queries.contacts(db.session(), tenant), lambda row: str(row.id), query)


routes.command_route("POST", "/tenants", register_tenant)
routes.command_route("PUT", "/tenants/<tenant>", edit_tenant, {"tenant": "tenant_id"}, version=True)
routes.command_route("POST", "/tenants/<tenant>/state-changes", change_tenant_state, {"tenant": "tenant_id"})
routes.command_route("POST", "/tenants/<tenant>/statistics", record_statistic, {"tenant": "tenant_id"})
_CONTACT = {"tenant": "tenant_id", "purpose": "purpose"}
routes.command_route("PUT", "/tenants/<tenant>/contacts/<purpose>", record_contact, _CONTACT)
routes.command_route("DELETE", "/tenants/<tenant>/contacts/<purpose>", remove_contact, _CONTACT)
routes.command_route("POST", "/tenant-imports", import_tenants)


@routes.action_route("/tenant-import-previews", ImportTenants)
@requires(Permission.TENANT_IMPORT)
def preview_tenant_import(command: ImportTenants, key: str) -> ImportPreviewResponse:
    """Say what importing a file would do, row by row; changes nothing."""
    verdict = preview_import(db.session(), command, today=clock.today())
    return ImportPreviewResponse(
        encoding=str(verdict.encoding),
        sha256=verdict.sha256,
        accepted=not verdict.refused,
        rows=[
            ImportRowResponse(
                line=row.line,
                code=row.code,
                name=row.name,
                accepted=row.refusal is None,
                reason=None if row.refusal is None else row.refusal.text("ja"),
            )
            for row in verdict.rows
        ],
    )
