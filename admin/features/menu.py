"""The navigation, declared once: at most seven groups, and the place of every page in them.

A page names its place here by its endpoint or its blueprint (`admin.interface.menu`); a test refuses a page that has
none or two, and a place that names a page which is not there.
"""

from __future__ import annotations

from typing import Final

from admin.interface.menu import Group, Menu, Place
from governance.kernel.labels import Label
from governance.permissions import Permission

_HOME: Final = Label("ホーム", "Home")
_WAITING: Final = Group(
    Label("対応待ち", "To do"),
    "waiting",
    (
        Place(
            Label("対応待ち", "To do"),
            "/approvals",
            Permission.OVERVIEW_READ,
            pages=frozenset({"approvals"}),
        ),
    ),
    counts_waiting=True,
)
_PLANS: Final = Place(Label("利用プラン", "Plans"), "/plans", Permission.PLAN_READ, pages=frozenset({"plans"}))
_RULES: Final = Place(
    Label("負担金算定規程", "Cost-sharing rules"), "/rules", Permission.RULE_READ, pages=frozenset({"rules"})
)
_AGREEMENTS: Final = Place(
    Label("協定と同意", "Agreements"),
    "/agreements",
    Permission.AGREEMENT_READ,
    pages=frozenset({"agreements", "agreement_acceptance"}),
)
_ANNOUNCEMENTS: Final = Place(
    Label("お知らせ", "Announcements"),
    "/announcements",
    Permission.ANNOUNCEMENT_READ,
    pages=frozenset({"announcements"}),
)
_API: Final = Place(
    Label("APIの説明", "API reference"), "/api-reference", Permission.SIGNED_IN, pages=frozenset({"system"})
)
_ACCESS_REVIEWS: Final = Place(
    Label("権限の棚卸し", "Access reviews"),
    "/access-reviews",
    Permission.ACCESS_REVIEW_READ,
    pages=frozenset({"access_reviews"}),
)
_ROLES_HELD: Final = Place(
    Label("役割の保有記録", "Roles held"),
    "/roles-held",
    Permission.ROLES_HELD_READ,
    pages=frozenset({"roles_held"}),
)
_SENT_MAILS: Final = Place(
    Label("メールの送信記録", "Mails sent"),
    "/sent-mails",
    Permission.SENT_MAIL_READ,
    pages=frozenset({"mails.sent"}),
)
_PREFERENCES: Final = Place(
    Label("設定", "Preferences"),
    "/preferences",
    Permission.PREFERENCES_SAVE,
    pages=frozenset({"preferences", "memberships", "sign_in"}),
)
_HELP: Final = Place(Label("ヘルプ", "Help"), "/help", Permission.SIGNED_IN, pages=frozenset({"help"}))

_NETWORKS: Final = "sign_in.sign_in_networks_limiting"
"""The one page beside a person's own login that is about a tenant's people."""

OPERATOR_MENU: Final = Menu(
    groups=(
        Group(_HOME, "home", (Place(_HOME, "/", Permission.OVERVIEW_READ, pages=frozenset({"home", "search"})),)),
        _WAITING,
        Group(
            Label("参加団体", "Members"),
            "members",
            (
                Place(
                    Label("団体の一覧", "All members"),
                    "/tenants",
                    Permission.TENANT_READ,
                    pages=frozenset(
                        {"tenants", "tenant_import", "people", "member_import", "clients", "identity_providers", "scim"}
                        | {"plans.plan_assigning", _NETWORKS}
                    ),
                ),
                Place(
                    Label("参加団体台帳", "Member registry"),
                    "/registry",
                    Permission.REGISTRY_READ,
                    pages=frozenset({"registry"}),
                ),
                Place(
                    Label("利用申請", "Applications"),
                    "/applications",
                    Permission.APPLICATION_READ,
                    pages=frozenset({"applications"}),
                ),
                Place(
                    Label("参加期と計画", "Cohorts and plans"),
                    "/cohorts",
                    Permission.COHORT_READ,
                    pages=frozenset({"cohorts"}),
                ),
                Place(
                    Label("参加手続", "Onboarding"),
                    "/onboardings",
                    Permission.ONBOARDING_READ,
                    pages=frozenset({"onboarding"}),
                ),
                _ANNOUNCEMENTS,
            ),
        ),
        Group(
            Label("利用者と連携システム", "People and systems"),
            "people",
            (
                Place(
                    Label("県の利用者", "Our people"),
                    "/tenants/{tenant}/people",
                    Permission.MEMBER_READ,
                    pages=frozenset({"people.accounts_joining"}),
                    own_pages=frozenset({"tenants.tenant_people", "people", "member_import", _NETWORKS}),
                ),
                Place(
                    Label("県の連携システム", "Our systems"),
                    "/tenants/{tenant}/systems",
                    Permission.CLIENT_READ,
                    pages=frozenset({"clients.client_stopping"}),
                    own_pages=frozenset({"tenants.tenant_systems", "clients"}),
                ),
                _ACCESS_REVIEWS,
                Place(
                    Label("認証サービスとの差分", "Differences with the identity server"),
                    "/drift",
                    Permission.DRIFT_READ,
                    pages=frozenset({"drift"}),
                ),
                Place(
                    Label("緊急時の操作", "Emergency role"),
                    "/break-glass",
                    Permission.BREAK_GLASS_READ,
                    pages=frozenset({"break_glass"}),
                ),
                Place(
                    Label("ログインの時間制限", "Limits of logins"),
                    "/sign-in-limits",
                    Permission.SIGN_IN_LIMITS_SET,
                    pages=frozenset({"sign_in.sign_in_limits_setting"}),
                ),
            ),
        ),
        Group(
            Label("利用とデータ", "Use and data"),
            "data",
            (Place(_PLANS.label, _PLANS.address, _PLANS.permission, pages=frozenset({"plans", "quotas"})),),
        ),
        Group(
            Label("負担金", "Contributions"),
            "money",
            (
                Place(Label("経費", "Costs"), "/costs", Permission.COST_READ, pages=frozenset({"costs"})),
                Place(
                    Label("費用按分", "Allocations"),
                    "/allocations",
                    Permission.ALLOCATION_READ,
                    pages=frozenset({"allocation"}),
                ),
                Place(Label("納入通知書", "Notices"), "/notices", Permission.NOTICE_READ, pages=frozenset({"notices"})),
                Place(
                    Label("元帳", "Ledger"),
                    "/ledger",
                    Permission.LEDGER_READ,
                    pages=frozenset({"ledger", "ledger_entries"}),
                ),
            ),
            keeps_year=True,
        ),
        Group(
            Label("取決めと記録", "Rules and records"),
            "record",
            (
                _RULES,
                _AGREEMENTS,
                Place(Label("操作の記録", "Audit log"), "/audit", Permission.AUDIT_READ, pages=frozenset({"audit"})),
                _ROLES_HELD,
                Place(
                    Label("監査記録の送信先", "Webhooks"),
                    "/webhooks",
                    Permission.WEBHOOK_READ,
                    pages=frozenset({"webhooks"}),
                ),
                Place(
                    Label("送信控え", "Sent mail"),
                    "/mails",
                    Permission.MAIL_READ,
                    pages=frozenset({"mails.mails"}),
                ),
                _SENT_MAILS,
            ),
        ),
    ),
    foot=(
        _HELP,
        _PREFERENCES,
        Place(Label("台帳（照会用）", "Register (read only)"), "/backoffice/", Permission.BACKOFFICE_OPEN),
        _API,
    ),
)

TENANT_MENU: Final = Menu(
    groups=(
        Group(
            _HOME,
            "home",
            (
                Place(_HOME, "/", Permission.OVERVIEW_READ, pages=frozenset({"home", "search"})),
                Place(
                    Label("団体の情報", "Our organization"),
                    "/tenants/{tenant}",
                    Permission.TENANT_READ,
                    pages=frozenset({"tenants"}),
                ),
                Place(
                    Label("参加手続", "Onboarding"),
                    "/onboardings",
                    Permission.ONBOARDING_READ,
                    pages=frozenset({"onboarding"}),
                ),
                _ANNOUNCEMENTS,
            ),
        ),
        _WAITING,
        Group(
            Label("利用者と連携システム", "People and systems"),
            "people",
            (
                Place(
                    Label("利用者", "People"),
                    "/tenants/{tenant}/people",
                    Permission.MEMBER_READ,
                    pages=frozenset({"people", "tenants.tenant_people", "member_import", _NETWORKS}),
                ),
                Place(
                    Label("連携システム", "Systems"),
                    "/tenants/{tenant}/systems",
                    Permission.CLIENT_READ,
                    pages=frozenset({"clients", "tenants.tenant_systems"}),
                ),
                Place(
                    Label("ディレクトリ連携", "Directory (SCIM)"),
                    "/tenants/{tenant}/scim",
                    Permission.SCIM_READ,
                    pages=frozenset({"scim"}),
                ),
                _ACCESS_REVIEWS,
                Place(
                    Label("IdP 連携", "Identity provider"),
                    "/tenants/{tenant}/identity-provider",
                    Permission.IDENTITY_PROVIDER_READ,
                    pages=frozenset({"identity_providers"}),
                ),
                _ROLES_HELD,
                _SENT_MAILS,
            ),
        ),
        Group(
            Label("利用とデータ", "Use and data"),
            "data",
            (
                Place(
                    Label("利用枠", "Quotas"),
                    "/tenants/{tenant}/quotas",
                    Permission.QUOTA_READ,
                    pages=frozenset({"quotas", "tenants.tenant_quotas"}),
                ),
                _PLANS,
            ),
        ),
        Group(
            Label("負担金", "Contributions"),
            "money",
            (
                Place(
                    Label("負担額", "Our shares"),
                    "/allocations",
                    Permission.ALLOCATION_READ,
                    pages=frozenset({"allocation", "costs", "tenants.tenant_money"}),
                ),
                Place(Label("納入通知書", "Notices"), "/notices", Permission.NOTICE_READ, pages=frozenset({"notices"})),
                Place(
                    Label("負担金の台帳", "Contribution ledger"),
                    "/ledger/{tenant}/contributions",
                    Permission.LEDGER_READ,
                    pages=frozenset({"ledger", "ledger_entries"}),
                ),
            ),
            keeps_year=True,
        ),
        Group(
            Label("協定・規程", "Agreements and rules"),
            "agreement",
            (_AGREEMENTS, _RULES),
        ),
        Group(
            Label("記録", "Record"),
            "record",
            (Place(Label("操作の記録", "Audit log"), "/audit", Permission.AUDIT_READ, pages=frozenset({"audit"})),),
        ),
    ),
    foot=(_HELP, _PREFERENCES, _API),
)
