"""参加団体: the list, the parts of one of them, and what was done. The forms are derived."""

from __future__ import annotations

from typing import Any, Final, TypedDict
from uuid import UUID

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, may, requires
from admin.core.language import current_language, either, gettext
from admin.core.rate_limits import RateLimit, limited
from admin.features.tenants.entry_points import ENTRY_POINTS
from admin.identity.sign_in_networks import sign_in_networks
from admin.interface.command_forms import add_forms
from admin.interface.downloads import table_response
from admin.interface.history import newest_actions
from admin.interface.labels import dimension_label
from admin.interface.lists import PAGE_SIZE, query_choice, query_enum, query_search
from admin.interface.pages import render_page, session
from admin.interface.paging import next_cursor, query_part
from admin.workflows.joining import (
    JOINING_STATES,
    JoiningFacts,
    JoiningState,
    JoiningTask,
    JoiningTaskName,
    joining_tasks,
)
from admin.workflows.tasks import holders
from billing.notices.leaving_statement import leaving_statement, leaving_statement_pdf
from billing.notices.queries import notices
from billing.runs.queries import shares_of_tenant
from governance.agreements.queries import acceptances, unaccepted, versions
from governance.audit.queries import AuditEventFacts
from governance.kernel import clock
from governance.kernel.field_types import last_day
from governance.kernel.labels import Label
from governance.permissions import OPERATOR_ROLES, TENANT_ROLES, Permission, Role
from tenancy import directory
from tenancy.clients.queries import service_clients
from tenancy.onboarding.models import OnboardingView
from tenancy.onboarding.queries import latest_sync, onboardings_of
from tenancy.onboarding.steps import OnboardingKind
from tenancy.people.queries import members, owners, planned_role_changes
from tenancy.people.states import MemberState, SignIn
from tenancy.quotas.queries import dimensions, plan_in_force, quota_requests, quotas_in_force
from tenancy.tenants import queries
from tenancy.tenants.commands import BULK_STATES
from tenancy.tenants.departures import departure_under_way
from tenancy.tenants.hand_backs import hand_back_content, hand_backs
from tenancy.tenants.mergers import mergers
from tenancy.tenants.models import TenantDetails
from tenancy.tenants.queries import LIST_ORDERS, TenantFilter
from tenancy.tenants.renamings import planned_renaming, renamings
from tenancy.tenants.states import TRANSITIONS, ContactPurpose, TenantKind, TenantState

pages = add_forms(Blueprint("tenants", __name__, template_folder="templates"), ENTRY_POINTS)

_NOTHING: Final = Label("", "")
DONE_MESSAGES: Final[dict[str, tuple[Label, Label]]] = {
    "registered": (
        Label("団体を登録しました", "Registered"),
        Label(
            "「申請」の状態です。審査、合意の順に状態を進めると、参加手続を始められます。",
            "It is an applicant. Advance it to agreed, then start onboarding.",
        ),
    ),
    "edited": (Label("内容を変更しました", "Changed"), _NOTHING),
    "state-changed": (
        Label("状態を変更しました", "State changed"),
        Label(
            "ログインとアクセストークンには、すぐに効いています。認証サービスにも続けて反映します。",
            "For sign-ins and access tokens it counts already; the identity server follows.",
        ),
    ),
    "renaming-planned": (
        Label("名称・コードの変更を予定しました", "The change is planned"),
        Label(
            "変更日の0:00に変わります。それまでは、この団体の画面で取り消せます。",
            "It takes effect at 0:00 of its day. Until then it can be undone on the tenant's page.",
        ),
    ),
    "renaming-undone": (Label("変更の予定を取り消しました", "The planned change is undone"), _NOTHING),
    "departure-announced": (
        Label("脱退の届出を登録しました", "The notice is recorded"),
        Label(
            "最終日の翌日の0:00に脱退となります。それまでに、未通知の負担額を通知し、引渡しデータを作成してください。",
            "It has left at 0:00 of the day after its last. Notify what is open and make the archive before then.",
        ),
    ),
    "merged": (
        Label("合併を登録しました", "The merger is recorded"),
        Label(
            "合併の日の0:00に脱退となります。その後、利用者を存続する団体に追加できます。",
            "It has left at 0:00 of that day. Its people can then be added to the tenant that goes on.",
        ),
    ),
    "hand-back-requested": (
        Label("引渡しデータの作成を受け付けました", "The archive is being made"),
        Label(
            "数分で、この団体の「文書」に現れます。",
            "Within minutes it is among the documents of this tenant.",
        ),
    ),
    "member-added": (
        Label("利用者を追加しました", "Added"),
        Label(
            "数分で、本人にパスワード設定メールが届きます。",
            "Within minutes the person receives an email to set a password.",
        ),
    ),
    "member-disabled": (
        Label("利用を停止しました", "Disabled"),
        Label(
            "権限は終わりました。認証サービスのアカウントも続けて停止します。",
            "All roles were revoked; the Keycloak account is disabled next.",
        ),
    ),
    "member-resumed": (
        Label("利用を再開しました", "Resumed"),
        Label("認証サービスのアカウントも続けて有効にします。", "The Keycloak account is enabled next."),
    ),
    "member-removed": (
        Label("利用者を削除しました", "Removed"),
        Label(
            "認証サービスのアカウントを続けて停止し、メールアドレスを解放します。",
            "The Keycloak account is disabled next, and the address released.",
        ),
    ),
    "fewest-owners-set": (
        Label("団体管理者の最少人数を変えました", "Changed"),
        Label("団体管理者の全員にメールで知らせます。", "All owners are mailed."),
    ),
    "invitation-resent": (
        Label("招待を送り直します", "The invitation is sent again"),
        Label(
            "前のメールのリンクは、もう使えません。数分で、本人に新しいメールが届きます。",
            "The link in the mail before is void. Within minutes the person receives another one.",
        ),
    ),
    "invitation-cancelled": (
        Label("招待を取り消しました", "Cancelled"),
        Label(
            "メールのリンクは使えなくなります。同じメールアドレスで、あらためて追加できます。",
            "The link in the mail becomes void. The same address may be added anew.",
        ),
    ),
    "member-sync-decided": (Label("判断を記録しました", "Decision recorded"), _NOTHING),
    "factor-reset": (
        Label("二要素認証の再設定を受け付けました", "Second factor reset"),
        Label(
            "登録されていた認証アプリとパスキーは、まもなく消えます。本人は次のログインで新しく設定します。",
            "Authenticator apps and passkeys are removed shortly; the person sets up a new one at the next sign-in.",
        ),
    ),
    "client-registered": (
        Label("連携システムを登録しました", "Registered"),
        Label("数分で認証サービスに反映されます。", "Within minutes the identity server knows it."),
    ),
    "accepted": (
        Label("同意を記録しました", "Accepted"),
        Label("署名者と本文の照合番号が残りました。", "The signer and the text's SHA-256 were recorded."),
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

_BEFORE_PARTICIPATION: Final = {
    "member-added": Label(
        "本人へのパスワード設定メールは、参加手続の中で送られます。",
        "The email to set a password is sent in the course of the onboarding.",
    ),
    "client-registered": Label(
        "認証サービスへの登録は、参加手続の中で行われます。",
        "It is created in the identity server in the course of the onboarding.",
    ),
}
"""Action → what comes next for a tenant that does not take part yet."""

_SHOWN_ON: Final = {
    **dict.fromkeys(
        (
            *("member-added", "member-disabled", "member-resumed", "member-removed", "member-sync-decided"),
            *("factor-reset", "fewest-owners-set", "invitation-resent", "invitation-cancelled"),
        ),
        "tenants.tenant_people",
    ),
    "client-registered": "tenants.tenant_systems",
    "plan-assigned": "tenants.tenant_quotas",
    "accepted": "tenants.tenant_documents",
    "hand-back-requested": "tenants.tenant_documents",
}
"""Action → the part of the tenant's page that shows it, where that is not the first."""


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
        bulk_states=BULK_STATES,
        changed=request.args.get("changed", 0, type=int),
    )


_FILE_HEADER: Final = (
    Label("団体コード", "code"),
    Label("名称", "name"),
    Label("フリガナ", "kana"),
    Label("種別", "kind"),
    Label("状態", "state"),
    Label("参加期", "cohort"),
    Label("参加開始日", "member from"),
    Label("最終日", "last day"),
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
            None if row.valid_until is None else last_day(row.valid_until),
        )
        for row in queries.list_tenants(session(), filters, order=order, descending=descending)
    )
    return table_response(file_kind, gettext("tenants"), header, rows)


@pages.get("/tenants/<uuid:tenant_id>")
@requires(Permission.TENANT_READ)
def tenant(tenant_id: UUID) -> tuple[str, int]:
    """One tenant: what it is, its statistics and contacts; beside them its state, what is next, and what was last."""
    found = queries.tenant(session(), tenant_id)
    contacts = queries.contacts(session(), tenant_id) if may(Permission.CONTACT_READ) else []
    onboardings = onboardings_of(session(), tenant_id) if may(Permission.ONBOARDING_READ) else []
    beside = _glance(found)
    joining = JoiningFacts(
        state=found.state,
        has_cohort=found.cohort is not None,
        has_owner=bool(beside["owners"]),
        has_plan=plan_in_force(session(), tenant_id, clock.today()) is not None,
        has_accepted=bool(acceptances(session(), tenant_id)) and not beside["to_accept"],
        has_client=may(Permission.CLIENT_READ) and bool(service_clients(session(), tenant_id)),
        has_contact=bool(contacts),
        onboarding=next((one for one in onboardings if one.kind is OnboardingKind.JOINING), None),
    )
    return _render_part(
        "tenants/tenant",
        found,
        joining=_joining_rows(joining) if found.state in JOINING_STATES and not found.is_operator else [],
        onboardings=onboardings,
        statistics=queries.statistics(session(), tenant_id),
        purposes=list(ContactPurpose),
        contacts=contacts,
        **beside,
    )


@pages.get("/tenants/<uuid:tenant_id>/people")
@requires(Permission.MEMBER_READ)
def tenant_people(tenant_id: UUID) -> tuple[str, int]:
    """Its people with their roles and states, 50 at a time; the cursor is the number of the first one."""
    everybody = members(session(), tenant_id, clock.now(), **_people_filter())
    cursor = request.args.get("cursor", "")
    first = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 6 else 0
    return _render_part(
        "tenants/tenant_people",
        queries.tenant(session(), tenant_id),
        gettext("People"),
        is_wide=True,
        sync=_latest_sync(tenant_id),
        networks=(sign_in_networks(session(), tenant_id).networks if may(Permission.SIGN_IN_NETWORKS_READ) else None),
        planned=planned_role_changes(session(), tenant_id, clock.now()),
        filters=_people_filter(),
        states=list(MemberState),
        roles=sorted(OPERATOR_ROLES if directory.tenant_by_id(session(), tenant_id).is_operator else TENANT_ROLES),
        sign_ins=list(SignIn),
        members=everybody[first : first + PAGE_SIZE],
        total=len(everybody),
        next_cursor=str(first + PAGE_SIZE) if first + PAGE_SIZE < len(everybody) else None,
    )


class _PeopleFilter(TypedDict):
    state: MemberState | None
    role: Role | None
    sign_in: SignIn | None


def _people_filter() -> _PeopleFilter:
    """Which people the address asks for."""
    return {
        "state": query_enum("state", MemberState),
        "role": query_enum("role", Role),
        "sign_in": query_enum("sign_in", SignIn),
    }


_PEOPLE_FILE_HEADER: Final = (
    Label("姓", "family name"),
    Label("名", "given name"),
    Label("所属", "section"),
    Label("メール", "email"),
    Label("役割", "roles"),
    Label("状態", "state"),
    Label("最終日", "last day"),
    Label("最終ログイン", "last sign-in"),
    Label("休眠", "dormant"),
    Label("追加日時", "added"),
)


@pages.get("/tenants/<uuid:tenant_id>/people.<any(csv, xlsx):file_kind>")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.MEMBER_READ)
def tenant_people_file(tenant_id: UUID, file_kind: str) -> Response:
    """The whole of what the list's filters let through."""
    found = directory.tenant_by_id(session(), tenant_id)
    language = current_language()
    rows = (
        (
            one.family_name,
            one.given_name,
            one.section,
            one.email,
            gettext(", ").join(role.label(language) for role in one.roles),
            one.state.label(language),
            None if one.valid_until is None else last_day(one.valid_until),
            one.last_sign_in_at,
            "○" if one.is_dormant else "",
            one.added_at,
        )
        for one in members(session(), tenant_id, clock.now(), **_people_filter())
    )
    name = gettext("%(name)s_people", name=found.name)
    return table_response(file_kind, name, [either(*label) for label in _PEOPLE_FILE_HEADER], rows)


@pages.get("/tenants/<uuid:tenant_id>/systems")
@requires(Permission.CLIENT_READ)
def tenant_systems(tenant_id: UUID) -> tuple[str, int]:
    """The systems that call the API for it."""
    return _render_part(
        "tenants/tenant_systems",
        queries.tenant(session(), tenant_id),
        gettext("Service clients"),
        is_wide=True,
        sync=_latest_sync(tenant_id),
        clients=service_clients(session(), tenant_id),
    )


@pages.get("/tenants/<uuid:tenant_id>/quotas")
@requires(Permission.QUOTA_READ)
def tenant_quotas(tenant_id: UUID) -> tuple[str, int]:
    """Its plan, the quotas in force, and what was requested."""
    today = clock.today()
    return _render_part(
        "tenants/tenant_quotas",
        queries.tenant(session(), tenant_id),
        gettext("Quotas"),
        is_wide=True,
        plan=plan_in_force(session(), tenant_id, today),
        quotas=quotas_in_force(session(), tenant_id, today),
        requests=quota_requests(session(), tenant_id)[:10],
        dimension_labels={one.name: dimension_label(one) for one in dimensions(session())},
    )


@pages.get("/tenants/<uuid:tenant_id>/money")
@requires(Permission.ALLOCATION_READ)
def tenant_money(tenant_id: UUID) -> tuple[str, int]:
    """What it pays, year by year, and the notices about it."""
    return _render_part(
        "tenants/tenant_money",
        queries.tenant(session(), tenant_id),
        gettext("Shares and notices"),
        is_wide=True,
        shares=shares_of_tenant(session(), tenant_id),
        notices=notices(session(), tenant_id=tenant_id) if may(Permission.NOTICE_READ) else [],
    )


@pages.get("/tenants/<uuid:tenant_id>/documents")
@requires(Permission.AGREEMENT_READ)
def tenant_documents(tenant_id: UUID) -> tuple[str, int]:
    """The agreements it accepted and those it has not, and its notices."""
    found = queries.tenant(session(), tenant_id)
    return _render_part(
        "tenants/tenant_documents",
        found,
        gettext("Documents"),
        accepted=acceptances(session(), tenant_id),
        versions={version.id: version for version in versions(session())},
        notices=notices(session(), tenant_id=tenant_id) if may(Permission.NOTICE_READ) else [],
        hand_backs=hand_backs(session(), tenant_id) if may(Permission.HAND_BACK_READ) else [],
        **_glance(found),
    )


@pages.get("/tenants/<uuid:tenant_id>/hand-backs/<uuid:hand_back_id>.zip")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.HAND_BACK_READ)
def hand_back_file(tenant_id: UUID, hand_back_id: UUID) -> Response:
    """The archive of the tenant's records as it was made."""
    return Response(
        hand_back_content(session(), tenant_id, hand_back_id),
        mimetype="application/zip",
        headers={"Content-Disposition": f'attachment; filename="hand-back-{hand_back_id}.zip"'},
    )


@pages.get("/tenants/<uuid:tenant_id>/leaving-statement.pdf")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.NOTICE_READ)
def leaving_statement_file(tenant_id: UUID) -> Response:
    """What the tenant has borne and what is open, as of today, for when it leaves."""
    statement = leaving_statement(session(), tenant_id, clock.today())
    return Response(
        leaving_statement_pdf(statement, clock.now()),
        mimetype="application/pdf",
        headers={"Content-Disposition": f'inline; filename="leaving-statement-{statement.code or tenant_id}.pdf"'},
    )


@pages.get("/tenants/<uuid:tenant_id>/history")
@requires(Permission.TENANT_READ)
def tenant_history(tenant_id: UUID) -> tuple[str, int]:
    """How its state changed, its onboardings, and what was done about it."""
    record = _record(tenant_id, 50)
    return _render_part(
        "tenants/tenant_history",
        queries.tenant(session(), tenant_id),
        gettext("History"),
        is_wide=True,
        state_changes=queries.state_changes(session(), tenant_id),
        renamings=renamings(session(), tenant_id),
        onboardings=onboardings_of(session(), tenant_id) if may(Permission.ONBOARDING_READ) else [],
        record=record,
    )


def _joining_rows(facts: JoiningFacts) -> list[tuple[JoiningTask, str, Label]]:
    """The tasks of an organization on its way in: each with the endpoint that does it, empty where this person may not
    do it or it cannot be done now, and whose it is."""
    rows = []
    for task in joining_tasks(facts):
        is_possible = task.state in (JoiningState.OPEN, JoiningState.RUNNING)
        is_own = task.permission is not None and may(task.permission)
        endpoint = _JOINING_PAGES.get(task.name, "") if is_possible and is_own else ""
        whose = Label("Moyai（自動）", "Moyai (automatic)") if task.permission is None else holders(task.permission)
        rows.append((task, endpoint, whose))
    return rows


_JOINING_PAGES: Final = {
    JoiningTaskName.SCREENING: "tenants.tenant_state_changing",
    JoiningTaskName.COHORT: "cohorts.cohort_defining",
    JoiningTaskName.OWNER: "people.member_adding",
    JoiningTaskName.PLAN: "plans.plan_assigning",
    JoiningTaskName.CLIENT: "clients.client_registering",
    JoiningTaskName.ONBOARDING: "onboarding.onboarding_starting",
}
"""Where a task is done; the others have a place on the tenant's page itself."""


@pages.get("/tenants/<uuid:tenant_id>/done/<action>")
@requires(Permission.TENANT_READ)
def tenant_done(tenant_id: UUID, action: str) -> tuple[str, int]:
    """完了: what was done and what is likely next."""
    title, next_step = DONE_MESSAGES.get(action, (_NOTHING, _NOTHING))
    found = queries.tenant(session(), tenant_id)
    if not found.is_operator and found.state in JOINING_STATES:
        next_step = _BEFORE_PARTICIPATION.get(action, next_step)
    return render_page(
        "tenants/tenant_done",
        tenant=directory.tenant_by_id(session(), tenant_id),
        address=url_for(_SHOWN_ON.get(action, "tenants.tenant"), tenant_id=tenant_id),
        action=action,
        title=either(*title),
        next_step=either(*next_step),
    )


def _render_part(template: str, found: TenantDetails, part_title: str = "", **values: Any) -> tuple[str, int]:
    return render_page(template, tenant=found, part_title=part_title, **values)


def _glance(found: TenantDetails) -> dict[str, Any]:
    """What stands beside a part: the state and those that may follow, what is next, who owns it, and what was last."""
    record = _record(found.id, 5)
    return {
        "cohort": directory.cohort(session(), found.cohort) if found.cohort else None,
        "possible": [] if found.is_operator else sorted(TRANSITIONS[found.state], key=list(TenantState).index),
        "to_accept": [] if found.is_operator else unaccepted(session(), found.id, clock.today()),
        "mergers": mergers(session(), found.id),
        "departure": departure_under_way(session(), found.id),
        "renaming": planned_renaming(session(), found.id),
        "owners": owners(session(), found.id, clock.now()) if may(Permission.MEMBER_READ) else None,
        "record": record,
    }


def _latest_sync(tenant_id: UUID) -> OnboardingView | None:
    return latest_sync(session(), tenant_id) if may(Permission.ONBOARDING_READ) else None


def _record(tenant_id: UUID, limit: int) -> list[AuditEventFacts]:
    return newest_actions(limit, tenant_id=tenant_id)


def _read_filters() -> tuple[TenantFilter, str, bool]:
    cohort = query_choice("cohort", [row.name for row in queries.cohorts(session())], "") or None
    filters = TenantFilter(query_enum("state", TenantState), query_enum("kind", TenantKind), cohort, query_search())
    return filters, query_choice("order", list(LIST_ORDERS), "code"), query_choice("direction", ["desc"], "") == "desc"
