"""Tenants over the API: their names and states, state changes, statistics, contacts, and the import of a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from flask import Response
from pydantic import Field

from admin.core.guard import requires
from admin.core.rate_limits import RateLimit
from admin.features.tenants.entry_points import ENTRY_POINTS
from admin.interface.api_requests import PageQuery, Query
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from admin.workflows.tenant_access import StateChangeEffects, state_change_effects
from billing.notices.leaving_statement import LeavingStatement, leaving_statement, leaving_statement_pdf
from governance.declaration import Input
from governance.file_imports import ImportColumn
from governance.kernel import clock
from governance.kernel.database import db
from governance.kernel.errors import require_found
from governance.kernel.field_type import Control
from governance.kernel.keyset import KeysetPage, PageRequest
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.tenants import queries
from tenancy.tenants.commands import ImportTenants, import_tenants, preview_import
from tenancy.tenants.departures import DepartureFacts, departures
from tenancy.tenants.hand_backs import HandBackFacts, hand_back_content, hand_backs
from tenancy.tenants.mergers import MergerFacts, mergers
from tenancy.tenants.models import (
    ContactRecord,
    ImportPreview,
    StateChange,
    StatisticRecord,
    TenantDetails,
    TenantListItem,
)
from tenancy.tenants.queries import TenantFilter
from tenancy.tenants.renamings import RenamingFacts, renamings
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


class StateEffectsQuery(Query):
    """The state that the tenant might come to."""

    to: Annotated[TenantState, Input("新しい状態", "New state")]


def _effects_line(found: StateChangeEffects) -> str:
    pairs = {
        "利用者 / people": (found.people_before, found.people_after),
        "セッション / sessions": (found.sessions_before, found.sessions_after),
        "連携システム / clients": (found.clients_before, found.clients_after),
        "費用負担 / bears cost": (int(found.bears_cost_before), int(found.bears_cost_after)),
    }
    return "\n".join(f"{name}\t{before} → {after}" for name, (before, after) in pairs.items())


@routes.query(
    "/tenants/<tenant>/state-effects",
    Permission.MEMBER_READ,
    ja="状態の変更で何が変わるかを見る（変更なし）",
    may_conflict=True,
)
@cli_query("tenant state-effects", "状態の変更で何が変わるか（変更なし）", line=_effects_line, arguments=["to"])
def get_state_effects(tenant: UUID, query: StateEffectsQuery) -> StateChangeEffects:
    """Say what changing a tenant's state would do to people, sessions, service clients and cost; changes nothing."""
    return state_change_effects(db.session(), tenant, query.to, clock.now())


@routes.list("/tenants/<tenant>/departures", Permission.TENANT_READ, "DeparturePage")
@cli_query("tenant departures", "脱退の届出の一覧", "departures", "notified_on ends_on ended_at reason")
def list_departures(tenant: UUID) -> Sequence[DepartureFacts]:
    """List the notices that a tenant leaves, newest first."""
    return departures(db.session(), tenant)


@routes.list("/tenants/<tenant>/renamings", Permission.TENANT_READ, "RenamingPage")
@cli_query("tenant renamings", "名称・コードの変更の一覧", "renamings", "id valid_from code name undone_at")
def list_renamings(tenant: UUID) -> Sequence[RenamingFacts]:
    """List the dated changes of a tenant's name and code, planned, undone and carried out, newest first."""
    return renamings(db.session(), tenant)


@routes.list("/tenants/<tenant>/mergers", Permission.TENANT_READ, "MergerPage")
@cli_query("tenant mergers", "合併の一覧", "mergers", "merged_on code name successor_code successor_name")
def list_mergers(tenant: UUID) -> Sequence[MergerFacts]:
    """List the mergers in which a tenant ended or went on, newest first."""
    return mergers(db.session(), tenant)


@routes.query("/tenants/<tenant>/leaving-statement", Permission.NOTICE_READ, ja="脱退に係る負担金計算書の内容を見る")
@cli_query("tenant leaving-statement", "脱退に係る負担金計算書の内容")
def get_leaving_statement(tenant: UUID) -> LeavingStatement:
    """Say what a tenant has borne year by year, and what of it is not notified or not due yet."""
    return leaving_statement(db.session(), tenant, clock.today())


@routes.query(
    "/tenants/<tenant>/leaving-statement/pdf",
    Permission.NOTICE_READ,
    content=("application/pdf",),
    limit=RateLimit.DOWNLOAD,
    ja="脱退に係る負担金計算書の PDF を取得する",
)
def get_leaving_statement_pdf(tenant: UUID) -> Response:
    """Answer the final statement as of today, as a document."""
    statement = leaving_statement(db.session(), tenant, clock.today())
    answered = Response(leaving_statement_pdf(statement, clock.now()), content_type="application/pdf")
    answered.headers["Content-Disposition"] = f'attachment; filename="leaving-statement-{statement.code or tenant}.pdf"'
    return answered


@routes.list("/tenants/<tenant>/hand-backs", Permission.HAND_BACK_READ, "HandBackPage")
@cli_query("tenant hand-backs", "引渡しデータの一覧", "hand_backs", "id requested_at made_at size sha256")
def list_hand_backs(tenant: UUID) -> Sequence[HandBackFacts]:
    """List the archives of a tenant's records that were asked for, newest first."""
    return hand_backs(db.session(), tenant)


@routes.query(
    "/tenants/<tenant>/hand-backs/<hand_back>/archive",
    Permission.HAND_BACK_READ,
    content=("application/zip",),
    limit=RateLimit.DOWNLOAD,
    ja="引渡しデータの ZIP を取得する",
)
def get_hand_back_archive(tenant: UUID, hand_back: UUID) -> Response:
    """Answer the archive as it was made."""
    answered = Response(hand_back_content(db.session(), tenant, hand_back), content_type="application/zip")
    answered.headers["Content-Disposition"] = f'attachment; filename="hand-back-{hand_back}.zip"'
    return answered


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
