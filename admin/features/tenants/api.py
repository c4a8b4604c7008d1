"""Tenants over the API: their names and states, state changes, statistics, contacts, and the import of a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import Field

from admin.core.guard import requires
from admin.features.tenants.entry_points import ENTRY_POINTS
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from governance.declaration import Input
from governance.kernel import clock
from governance.kernel.database import db
from governance.kernel.errors import require_found
from governance.kernel.field_type import Control
from governance.kernel.keyset import KeysetPage, PageRequest
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.tenants import queries
from tenancy.tenants.commands import ImportTenants, import_tenants, preview_import
from tenancy.tenants.models import (
    ContactRecord,
    ImportColumn,
    ImportPreview,
    StateChange,
    StatisticRecord,
    TenantDetails,
    TenantListItem,
)
from tenancy.tenants.queries import TenantFilter
from tenancy.tenants.states import ContactPurpose, TenantKind, TenantState

routes = ApiRoutes(Tag.TENANTS, ENTRY_POINTS)


class TenantsQuery(PageQuery):
    """Which tenants; `words` are looked for in code, name and kana."""

    state: Annotated[TenantState, Input("状態", "State")] | None = None
    kind: Annotated[TenantKind, Input("種別", "Kind")] | None = None
    cohort: Annotated[str, Field(max_length=40), Input("参加期", "Cohort")] | None = None
    words: Annotated[str, Field(max_length=100), Input("語", "Words")] = ""
    operator: Annotated[bool, Input("運営者も", "The operator too", control=Control.YES_NO)] = True


def _line(row: TenantListItem) -> str:
    return f"{row.code or '------'}  {row.state:<12}  {row.name}" + (f"  [{row.cohort}]" if row.cohort else "")


@routes.list("/tenants", Permission.TENANT_READ, "TenantPage")
@cli_query("tenant list", "参加団体の一覧（運営者を除く）", "tenants", _line, fixed={"operator": "false"})
def list_tenants(query: TenantsQuery, part: PageRequest) -> KeysetPage[TenantListItem]:
    """List tenants by code."""
    wanted = TenantFilter(
        state=query.state,
        kind=query.kind,
        cohort=query.cohort,
        words=query.words,
        includes_operator=query.operator,
    )
    return queries.tenants_page(db.session(), part, wanted)


@routes.query("/tenants/<tenant>", Permission.TENANT_READ, etag="version", ja="参加団体を 1 つ見る")
def get_tenant(tenant: UUID) -> TenantDetails:
    """Show one tenant, under its ETag."""
    return queries.tenant(db.session(), tenant)


@routes.list("/tenants/<tenant>/state-changes", Permission.TENANT_READ, "StateChangePage")
@cli_query("tenant state-changes", "状態の履歴", "state_changes", "effective_on from_state to_state reason")
def list_state_changes(tenant: UUID) -> Sequence[StateChange]:
    """List how a tenant came to its state, newest first."""
    return queries.state_changes(db.session(), tenant)


@routes.list("/tenants/<tenant>/statistics", Permission.TENANT_READ, "StatisticPage")
@cli_query("tenant statistics", "統計値の一覧", "statistics", "kind value basis_date source")
def list_statistics(tenant: UUID) -> Sequence[StatisticRecord]:
    """List the current statistics of a tenant by kind, the newest reference date first."""
    return queries.statistics(db.session(), tenant)


@routes.list("/tenants/<tenant>/contacts", Permission.CONTACT_READ, "ContactPage")
@cli_query("tenant contacts", "連絡先の一覧", "contacts", "purpose section name email phone")
def list_contacts(tenant: UUID) -> Sequence[ContactRecord]:
    """List whom to ask at a tenant, by purpose."""
    return queries.contacts(db.session(), tenant)


@routes.query("/tenants/<tenant>/contacts/<purpose>", Permission.CONTACT_READ, ja="連絡先を 1 つ見る")
def get_contact(tenant: UUID, purpose: ContactPurpose) -> ContactRecord:
    """Show whom to ask at a tenant about one purpose."""
    found = queries.contact(db.session(), tenant, purpose)
    return require_found(found, what=Label("連絡先", "contact"), given=purpose)


@routes.list("/tenant-import-columns", Permission.TENANT_READ, "ImportColumnPage")
@cli_query("tenant import-columns", "取り込めるファイルの列の一覧", "columns", "heading name content example")
def list_import_columns() -> Sequence[ImportColumn]:
    """List the columns that a file of municipalities may have, in the order of the template."""
    return queries.import_columns()


routes.command_route("POST", "/tenant-imports", import_tenants, label_ja="市町村のファイルを取り込む")


@routes.action_route("/tenant-import-previews", ImportTenants, ja="取込みの結果を行ごとに確かめる（変更なし）")
@requires(Permission.TENANT_IMPORT)
def preview_tenant_import(command: ImportTenants, key: str) -> ImportPreview:
    """Say what importing a file would do, row by row; changes nothing."""
    return preview_import(db.session(), command, today=clock.today())
