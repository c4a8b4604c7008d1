"""参加団体: the list, and one of them with everything known about it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, may, requires
from admin.core.language import either, gettext
from admin.features.audit.pages import names_of_actors
from admin.interface.downloads import table_response
from admin.interface.labels import LABELS, label_of
from admin.interface.lists import PAGE_SIZE, query_choice, query_enum, query_search
from admin.interface.pages import render_page, session
from admin.interface.paging import next_cursor, query_part
from billing.notices.queries import notices
from billing.runs.queries import shares_of_tenant
from governance.agreements.queries import acceptances, unaccepted, versions
from governance.audit.queries import events
from governance.kernel import clock
from governance.permissions import Permission
from tenancy import directory
from tenancy.clients.queries import service_clients
from tenancy.onboarding.queries import onboardings_of
from tenancy.people.queries import members
from tenancy.quotas.queries import plan_in_force, quota_requests, quotas_in_force
from tenancy.tenants import queries
from tenancy.tenants.queries import LIST_ORDERS, TenantFilter
from tenancy.tenants.states import TRANSITIONS, ContactPurpose, TenantKind, TenantState

pages = Blueprint("tenants", __name__, template_folder="templates")


@pages.get("/tenants")
@requires(Permission.TENANT_READ)
def tenants() -> AnyResponse | tuple[str, int]:
    """The list; for a municipality, which sees one tenant only, its own record."""
    actor = current_actor()
    if not actor.is_operator:
        return redirect(url_for("tenants.tenant", tenant_id=actor.tenant_id), 303)
    filters, order, descending = _read_filters()
    found = queries.tenants_page(session(), query_part(), filters, order=order, descending=descending)
    return render_page(
        "tenants/tenants",
        tenants=found.items,
        next_cursor=next_cursor(found),
        total=queries.count_tenants(session(), filters),
        filters=filters,
        order=order,
        descending=descending,
        states=LABELS["tenant"],
        kinds=LABELS["kind"],
        cohorts=queries.cohorts(session()),
    )


@pages.get("/tenants.<any(csv, xlsx):file_kind>")
@requires(Permission.TENANT_READ)
def tenants_file(file_kind: str) -> Response:
    """The whole of what the list's filters let through."""
    filters, order, descending = _read_filters()
    header = [
        either(ja, en)
        for ja, en in (
            ("団体コード", "code"),
            ("名称", "name"),
            ("フリガナ", "kana"),
            ("種別", "kind"),
            ("状態", "state"),
            ("参加年度グループ", "cohort"),
            ("参加開始日", "member from"),
            ("参加終了日", "member until"),
        )
    ]
    rows = (
        (
            row.code,
            row.name,
            row.kana,
            label_of(row.kind, "kind"),
            label_of(row.state, "tenant"),
            row.cohort_label,
            row.valid_from,
            row.valid_until,
        )
        for row in queries.list_tenants(session(), filters, order=order, descending=descending)
    )
    return table_response(file_kind, gettext("tenants"), header, rows)


@pages.get("/tenants/<uuid:tenant_id>")
@requires(Permission.TENANT_READ)
def tenant(tenant_id: UUID) -> tuple[str, int]:
    """One tenant: what it is, who belongs to it, what it may use, what it agreed to, what it pays, what was done."""
    found = queries.tenant(session(), tenant_id)
    now, today = clock.now(), clock.today()
    record = events(session(), tenant_id=tenant_id, limit=20) if may(Permission.AUDIT_READ) else []
    accepted = acceptances(session(), tenant_id)
    return render_page(
        "tenants/tenant",
        tenant=found,
        cohort=directory.cohort(session(), found.cohort) if found.cohort else None,
        version=found.version,
        state_changes=queries.state_changes(session(), tenant_id),
        possible=[] if found.is_operator else sorted(TRANSITIONS[found.state], key=list(TenantState).index),
        statistics=queries.statistics(session(), tenant_id),
        purposes=list(ContactPurpose),
        contacts=queries.contacts(session(), tenant_id) if may(Permission.CONTACT_READ) else [],
        members=members(session(), tenant_id, now)[:PAGE_SIZE] if may(Permission.MEMBER_READ) else [],
        clients=service_clients(session(), tenant_id) if may(Permission.CLIENT_READ) else [],
        plan=plan_in_force(session(), tenant_id, today),
        quotas=quotas_in_force(session(), tenant_id, today),
        requests=quota_requests(session(), tenant_id)[:10],
        accepted=accepted,
        versions={version.id: version for version in versions(session())},
        to_accept=[] if found.is_operator else unaccepted(session(), tenant_id, today),
        onboardings=onboardings_of(session(), tenant_id) if may(Permission.ONBOARDING_READ) else [],
        shares=shares_of_tenant(session(), tenant_id) if may(Permission.ALLOCATION_READ) else [],
        notices=notices(session(), tenant_id=tenant_id) if may(Permission.NOTICE_READ) else [],
        record=record,
        names=names_of_actors(record),
    )


def _read_filters() -> tuple[TenantFilter, str, bool]:
    cohort = query_choice("cohort", [row.name for row in queries.cohorts(session())], "") or None
    filters = TenantFilter(query_enum("state", TenantState), query_enum("kind", TenantKind), cohort, query_search())
    return filters, query_choice("order", list(LIST_ORDERS), "code"), query_choice("direction", ["desc"], "") == "desc"
