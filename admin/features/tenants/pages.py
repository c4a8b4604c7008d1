"""参加団体: the list, one of them with everything known about it, and what was done. The forms are derived."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from flask import Blueprint, Response, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, may, requires
from admin.core.language import current_language, either, gettext
from admin.core.rate_limits import RateLimit, limited
from admin.features.audit.pages import names_of_actors
from admin.features.tenants.entry_points import ENTRY_POINTS
from admin.interface.command_forms import add_forms
from admin.interface.downloads import table_response
from admin.interface.lists import PAGE_SIZE, query_choice, query_enum, query_search
from admin.interface.pages import render_page, session
from admin.interface.paging import next_cursor, query_part
from billing.notices.queries import notices
from billing.runs.queries import shares_of_tenant
from governance.agreements.queries import acceptances, unaccepted, versions
from governance.audit.queries import events
from governance.kernel import clock
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy import directory
from tenancy.clients.queries import service_clients
from tenancy.onboarding.queries import onboardings_of
from tenancy.people.queries import members
from tenancy.quotas.queries import dimensions, plan_in_force, quota_requests, quotas_in_force
from tenancy.tenants import queries
from tenancy.tenants.queries import LIST_ORDERS, TenantFilter
from tenancy.tenants.states import TRANSITIONS, ContactPurpose, TenantKind, TenantState

pages = add_forms(Blueprint("tenants", __name__, template_folder="templates"), ENTRY_POINTS)

_NOTHING: Final = Label("", "")
DONE_MESSAGES: Final[dict[str, tuple[Label, Label]]] = {
    "registered": (
        Label("団体を登録しました", "Registered"),
        Label(
            "「申請」の状態です。審査、合意の順に状態を進めると、参加手続きを始められます。",
            "It is an applicant. Advance it to agreed, then start onboarding.",
        ),
    ),
    "edited": (Label("内容を変更しました", "Changed"), _NOTHING),
    "state-changed": (Label("状態を変更しました", "State changed"), _NOTHING),
    "member-added": (
        Label("利用者を追加しました", "Added"),
        Label(
            "参加手続きが、認証基盤への登録とパスワード設定メールの送信を行います。",
            "Onboarding creates the person in Keycloak and sends an email to set the password.",
        ),
    ),
    "member-disabled": (
        Label("利用を停止しました", "Disabled"),
        Label(
            "権限は終わりました。認証基盤のアカウントも続けて停止します。",
            "All roles were revoked; the Keycloak account is disabled next.",
        ),
    ),
    "member-resumed": (
        Label("利用を再開しました", "Resumed"),
        Label("認証基盤のアカウントも続けて有効にします。", "The Keycloak account is enabled next."),
    ),
    "member-removed": (
        Label("利用者を削除しました", "Removed"),
        Label(
            "認証基盤のアカウントを続けて停止し、メールアドレスを解放します。",
            "The Keycloak account is disabled next, and the address released.",
        ),
    ),
    "member-sync-decided": (Label("判断を記録しました", "Decision recorded"), _NOTHING),
    "factor-reset": (
        Label("二要素認証の再設定を受け付けました", "Second factor reset"),
        Label(
            "登録されていた認証アプリとパスキーは、まもなく消えます。本人は次のサインインで新しく設定します。",
            "Authenticator apps and passkeys are removed shortly; the person sets up a new one at the next sign-in.",
        ),
    ),
    "client-registered": (
        Label("API利用者を登録しました", "Registered"),
        Label("参加手続きが、認証基盤に登録します。", "Onboarding registers it in Keycloak."),
    ),
    "accepted": (
        Label("同意を記録しました", "Accepted"),
        Label("署名者と本文の SHA-256 が残りました。", "The signer and the text's SHA-256 were recorded."),
    ),
    "plan-assigned": (Label("利用プランを決めました", "Plan assigned"), _NOTHING),
    "statistic-recorded": (
        Label("統計値を登録しました", "Recorded"),
        Label("次に作成する按分から使われます。", "The next allocation uses it."),
    ),
    "contact-recorded": (Label("連絡先を登録しました", "Recorded"), _NOTHING),
    "contact-removed": (Label("連絡先を削除しました", "Removed"), _NOTHING),
}
"""Action → what was done, and what comes next."""


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
        states=list(TenantState),
        kinds=list(TenantKind),
        cohorts=queries.cohorts(session()),
    )


_FILE_HEADER: Final = (
    Label("団体コード", "code"),
    Label("名称", "name"),
    Label("フリガナ", "kana"),
    Label("種別", "kind"),
    Label("状態", "state"),
    Label("参加年度グループ", "cohort"),
    Label("参加開始日", "member from"),
    Label("参加終了日", "member until"),
)


@pages.get("/tenants.<any(csv, xlsx):file_kind>")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.TENANT_READ)
def tenants_file(file_kind: str) -> Response:
    """The whole of what the list's filters let through."""
    filters, order, descending = _read_filters()
    header = [either(*label) for label in _FILE_HEADER]
    rows = (
        (
            row.code,
            row.name,
            row.kana,
            row.kind.label(current_language()),
            row.state.label(current_language()),
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
        dimension_labels={one.name: one.label for one in dimensions(session())},
        accepted=accepted,
        versions={version.id: version for version in versions(session())},
        to_accept=[] if found.is_operator else unaccepted(session(), tenant_id, today),
        onboardings=onboardings_of(session(), tenant_id) if may(Permission.ONBOARDING_READ) else [],
        shares=shares_of_tenant(session(), tenant_id) if may(Permission.ALLOCATION_READ) else [],
        notices=notices(session(), tenant_id=tenant_id) if may(Permission.NOTICE_READ) else [],
        record=record,
        names=names_of_actors(record),
    )


@pages.get("/tenants/<uuid:tenant_id>/done/<action>")
@requires(Permission.TENANT_READ)
def tenant_done(tenant_id: UUID, action: str) -> tuple[str, int]:
    """完了: what was done and what is likely next."""
    title, next_step = DONE_MESSAGES.get(action, (_NOTHING, _NOTHING))
    return render_page(
        "tenants/tenant_done",
        tenant=directory.tenant_by_id(session(), tenant_id),
        action=action,
        title=either(*title),
        next_step=either(*next_step),
    )


def _read_filters() -> tuple[TenantFilter, str, bool]:
    cohort = query_choice("cohort", [row.name for row in queries.cohorts(session())], "") or None
    filters = TenantFilter(query_enum("state", TenantState), query_enum("kind", TenantKind), cohort, query_search())
    return filters, query_choice("order", list(LIST_ORDERS), "code"), query_choice("direction", ["desc"], "") == "desc"
