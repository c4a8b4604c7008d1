"""The audit log in sentences: what an event says happened, to what and why, in Japanese and English. Pure.

A sentence has `{object}` (what the event is about, with a link where there is a page), `{tenant}` (whose stream it is
in) and facts of the event. An event has several: the first whose facts are all there is used, the last needs none.
Events of one action that say the same are one sentence, with `{count}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from string import Formatter
from typing import Any, Final

from admin.identity.login_changes import LoginChange
from admin.interface.formats import day_text, year_label, yen
from billing.costs.states import ItemKind
from billing.ledger.periods import PeriodState
from billing.runs.states import RunKind
from governance.approvals.states import Decision
from governance.commands import COMMANDS
from governance.events import Event
from governance.kernel.clock import JST
from governance.kernel.era import DateNotation
from governance.kernel.errors import Language
from governance.kernel.field_types import UNLIMITED, last_day
from governance.kernel.labels import Label, LabelledEnum
from governance.labels import EVENT_LABELS, PERMISSION_LABELS
from governance.permissions import Role, scope_wording
from governance.webhooks.states import WebhookState
from tenancy.access_reviews.states import LineDecision
from tenancy.applications.content import label_of
from tenancy.applications.states import Attestation, Conclusion, Ground
from tenancy.clients.states import OwnerKind, SuspensionCause
from tenancy.keycloak.port import IdentityProviderKind
from tenancy.onboarding.steps import StepDecision, StepName, StepState
from tenancy.people.states import LeavingKind, SyncDecision, SyncProblem
from tenancy.preferences.columns import ListColumn, ListName
from tenancy.preferences.states import DigestFrequency, ScreenLanguage, TableDensity
from tenancy.quotas.states import QuotaRequestState
from tenancy.tenants.states import ContactPurpose, FewestOwners, StatisticKind, TenantKind, TenantState

Format = Callable[[Any, Language], str]
"""Words a fact's value."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What an event says: variants in both languages, the first whose facts are there, and one for several events."""

    variants: tuple[Label, ...]
    many: Label | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a sentence as it is read; `name` is the placeholder it stands for, empty for the text between."""

    text: str
    name: str = ""


def _s(*pairs: tuple[str, str], many: tuple[str, str] | None = None) -> Sentence:
    return Sentence(tuple(Label(*pair) for pair in pairs), None if many is None else Label(*many))


SENTENCES: Final[Mapping[Event, Sentence]] = {
    Event.OPERATOR_REGISTERED: _s(("{object}を運営者として登録した", "Registered {object} as the operator")),
    Event.TENANT_REGISTERED: _s(
        ("{object}を参加団体として登録した", "Registered {object}"),
        many=("参加団体を{count}団体登録した", "Registered {count} tenants"),
    ),
    Event.TENANTS_IMPORTED: _s(("ファイルから{rows}団体を登録した", "Registered {rows} tenants from a file")),
    Event.TENANT_EDITED: _s(
        ("{object}の{after}を変更した", "Changed {after} of {object}"),
        ("{object}の登録内容を変更した", "Edited {object}"),
    ),
    Event.TENANT_RENAMING_PLANNED: _s(
        (
            "{object}の名称を{valid_from}から「{name}」（団体コード {code}）とする変更を予定した",
            "Planned that {object} is called {name} (code {code}) from {valid_from} on",
        ),
        (
            "{object}の名称を{valid_from}から「{name}」とする変更を予定した",
            "Planned that {object} is called {name} from {valid_from} on",
        ),
    ),
    Event.TENANT_RENAMING_UNDONE: _s(
        (
            "{object}の名称を{valid_from}から「{name}」とする変更の予定を取り消した",
            "Undid the plan that {object} is called {name} from {valid_from} on",
        )
    ),
    Event.TENANT_RENAMED: _s(
        (
            "予定のとおり、{object}の{after}を変更した（{valid_from}から）",
            "Changed {after} of {object} as planned (from {valid_from} on)",
        )
    ),
    Event.TENANT_STATE_CHANGED: _s(
        (
            "{object}の状態を「{from_state}」から「{to_state}」に変えた",
            "Changed the state of {object} from {from_state} to {to_state}",
        ),
        many=("{count}団体の状態を変えた", "Changed the state of {count} tenants"),
    ),
    Event.TENANT_FEWEST_OWNERS_SET: _s(
        (
            "{object}の団体管理者の最少人数を{fewest_owners}にした",
            "Set the fewest owners of {object} to {fewest_owners}",
        ),
    ),
    Event.STATISTIC_RECORDED: _s(
        (
            "{tenant}の{kind}を{value}と登録した（{basis_date}現在）",
            "Recorded the {kind} of {tenant}: {value} ({basis_date})",
        ),
        many=("統計値を{count}件登録した", "Recorded {count} statistics"),
    ),
    Event.CONTACT_RECORDED: _s(
        ("{tenant}の連絡先（{purpose}）を登録した", "Recorded the {purpose} contact of {tenant}")
    ),
    Event.CONTACT_REMOVED: _s(("{tenant}の連絡先（{purpose}）を削除した", "Removed the {purpose} contact of {tenant}")),
    Event.COHORT_DEFINED: _s(
        ("参加期「{object}」を定めた（追加 {added}団体）", "Defined the cohort {object} ({added} tenants added)"),
        ("{tenant}を参加期「{object}」に加えた", "Added {tenant} to the cohort {object}"),
    ),
    Event.COHORT_APPLIED: _s(
        (
            "参加期「{object}」の{onboardings}団体の参加手続を、計画のとおりに始めた",
            "Started onboarding {onboardings} tenants of the cohort {object}, as planned",
        ),
    ),
    Event.ONBOARDING_STARTED: _s(
        ("{tenant}の参加手続を始めた", "Started onboarding {tenant}"),
        many=("{count}団体の参加手続を始めた", "Started onboarding {count} tenants"),
    ),
    Event.SYNC_STARTED: _s(
        (
            "{tenant}の変更を認証サービスへ反映し始めた（{steps}）",
            "Started to bring changes of {tenant} to the identity server ({steps})",
        ),
        ("{tenant}の変更を認証サービスへ反映し始めた", "Started to bring changes of {tenant} to the identity server"),
        many=(
            "{count}団体の変更を認証サービスへ反映し始めた",
            "Started to bring changes of {count} tenants to the identity server",
        ),
    ),
    Event.DRIFT_REPAIR_REQUESTED: _s(
        (
            "{tenant}の認証サービスとの差分を直すよう依頼した（{up_to}件まで）",
            "Requested a repair of the differences of {tenant} with the identity server (up to {up_to})",
        ),
        (
            "{tenant}の認証サービスとの差分を直すよう依頼した",
            "Requested a repair of the differences of {tenant} with the identity server",
        ),
    ),
    Event.DEPARTURE_ANNOUNCED: _s(
        (
            "{object}の脱退の届出を登録した（最終日 {last_day}）",
            "Recorded that {object} leaves; its last day is {last_day}",
        )
    ),
    Event.TENANTS_MERGED: _s(
        (
            "{object}が{merged_on}に{merged_into}と合併する（存続は{merged_into}）ことを登録した",
            "Recorded that {object} is merged into {merged_into} on {merged_on}",
        )
    ),
    Event.HAND_BACK_REQUESTED: _s(
        ("{object}の引渡しデータの作成を依頼した", "Requested the archive of the records of {object}")
    ),
    Event.HAND_BACK_MADE: _s(("{object}の引渡しデータを作成した", "Made the archive of the records of {object}")),
    Event.TENANT_SYNCED: _s(
        (
            "{object}の状態「{state}」を認証サービスに反映した（利用者{people}人、連携システム{clients}件）",
            "Brought the state {state} of {object} to the identity server: {people} people, {clients} service clients",
        )
    ),
    Event.DRIFT_REPAIRED: _s(
        (
            "{tenant}の認証サービスとの差分が{differing}件あり、{limit}件を超えるので、直さなかった",
            "Repaired nothing of {tenant}: {differing} objects differ in the identity server, more than {limit}",
        ),
        (
            "{tenant}の認証サービスとの差分を{repaired}件直した",
            "Repaired {repaired} objects of {tenant} in the identity server",
        ),
        ("{tenant}の認証サービスとの差分を直した", "Repaired {tenant} in the identity server"),
    ),
    Event.DRIFT_CHECK_REQUESTED: _s(
        ("認証サービスとの照合を依頼した", "Requested a comparison of everything with the identity server")
    ),
    Event.DRIFT_CHECKED: _s(
        (
            "認証サービスと照合した（差分 {differences}件）",
            "Compared everything with the identity server: {differences} differences",
        ),
        ("認証サービスと照合した", "Compared everything with the identity server"),
    ),
    Event.ONBOARDING_ADVANCED: _s(
        ("{tenant}の手順「{step}」が「{state}」になった", "Step “{step}” of {tenant} is now {state}"),
    ),
    Event.ONBOARDING_DECIDED: _s(
        ("{tenant}の止まった手順「{step}」を「{choice}」に決めた", "Decided to {choice} the step “{step}” of {tenant}"),
    ),
    Event.PLAN_DEFINED: _s(
        ("利用プラン「{object}」の利用枠を定めた（{valid_from}から）", "Defined the plan {object} (from {valid_from})"),
    ),
    Event.PLAN_ASSIGNED: _s(
        (
            "{tenant}を利用プラン「{plan}」にした（{valid_from}から）",
            "Put {tenant} on the plan {plan} (from {valid_from})",
        ),
        many=("{count}団体の利用プランを決めた", "Put {count} tenants on a plan"),
    ),
    Event.QUOTA_REQUESTED: _s(
        (
            "{tenant}の利用枠（{dimension}）を{original}から{requested}に変える{object}をした",
            "Made a {object} to change the quota of {tenant} ({dimension}) from {original} to {requested}",
        ),
    ),
    Event.QUOTA_DECIDED: _s(
        (
            "{tenant}の利用枠（{dimension}）の{object}を決定した（{decision}）",
            "Decided the {object} about the quota of {tenant} ({dimension}): {decision}",
        ),
    ),
    Event.MEMBERS_IMPORTED: _s(
        (
            "{tenant}の利用者をファイルから登録・変更した"
            "（追加 {people_added}、変更 {people_changed}、停止 {people_suspended}、削除 {people_removed}）",
            "Imported people of {tenant} from a file ({people_added} added, {people_changed} changed, "
            "{people_suspended} suspended, {people_removed} removed)",
        ),
    ),
    Event.MEMBER_ADDED: _s(
        ("{object}を利用者に追加した（{roles}）", "Added {object} ({roles})"),
        ("{object}を利用者に追加した", "Added {object}"),
        many=("利用者を{count}人追加した", "Added {count} people"),
    ),
    Event.MEMBER_SYNCED: _s(
        ("{object}を認証サービスに登録した", "Registered {object} with the identity service"),
        many=("利用者{count}人を認証サービスに登録した", "Registered {count} people with the identity service"),
    ),
    Event.MEMBER_INVITED: _s(("{object}にパスワード設定メールを送った", "Sent {object} the email to set a password")),
    Event.MEMBER_DISABLED: _s(("{object}の利用を停止した", "Suspended {object}")),
    Event.MEMBER_RESUMED: _s(("{object}の利用を再開した（{roles}）", "Resumed {object} ({roles})")),
    Event.MEMBER_REMOVED: _s(("{object}を利用者から削除した", "Removed {object}")),
    Event.MEMBER_SYNC_DECIDED: _s(
        ("登録待ちの{object}への対応を「{choice}」に決めた", "Decided to {choice} the registration of {object}"),
    ),
    Event.MEMBER_ADDRESS_RELEASED: _s(("{object}のメールアドレスを解放した", "Released the address of {object}")),
    Event.MEMBER_ROLE_GRANTED: _s(
        (
            "{object}に役割「{role}」を付与した（開始日 {valid_from}）",
            "Granted {object} the role {role} from {valid_from}",
        ),
        ("{object}に役割「{role}」を付与した", "Granted {object} the role {role}"),
    ),
    Event.MEMBER_ROLE_ENDED: _s(
        (
            "{object}の役割「{role}」を終えることにした（最終日 {valid_until}）",
            "Had the role {role} of {object} end after {valid_until}",
        ),
        ("{object}の役割「{role}」を終えた", "Ended the role {role} of {object}"),
    ),
    Event.MEMBER_ROLE_CHANGE_UNDONE: _s(
        (
            "{object}に予定していた役割「{role}」の付与（{valid_from}から）を取り消した",
            "Undid the grant of the role {role} to {object} that was prepared for {valid_from}",
        ),
        (
            "{object}に予定していた役割「{role}」の終了（最終日 {valid_until}）を取り消した",
            "Undid the end of the role {role} of {object} that was prepared for {valid_until}",
        ),
    ),
    Event.MEMBER_OWNER_HANDED_OVER: _s(
        (
            "{object}から{successor}に、{valid_from}付けで団体管理者を引き継ぐことにした",
            "Had {object} hand over to {successor} as an owner on {valid_from}",
        ),
        ("{object}から{successor}に団体管理者を引き継いだ", "Had {object} hand over to {successor} as an owner"),
    ),
    Event.MEMBER_SECTION_CHANGED: _s(
        (
            "{object}の所属を{valid_from}から「{section}」にすることにした",
            "Had the section of {object} be {section} from {valid_from}",
        ),
        ("{object}の所属を「{section}」にした", "Made {section} the section of {object}"),
        ("{object}の所属を{valid_from}からなしにすることにした", "Had {object} be in no section from {valid_from}"),
        ("{object}の所属をなしにした", "Left {object} without a section"),
    ),
    Event.MEMBER_SECTION_CHANGE_UNDONE: _s(
        (
            "{object}に予定していた所属の変更（{valid_from}から「{section}」）を取り消した",
            "Undid the change of the section of {object} to {section} that was prepared for {valid_from}",
        ),
        (
            "{object}に予定していた所属の変更（{valid_from}から）を取り消した",
            "Undid the change of the section of {object} that was prepared for {valid_from}",
        ),
    ),
    Event.MEMBER_LEAVING_PLANNED: _s(
        (
            "{object}の利用を終えることにした（最終日 {valid_until}、その後 {leaves_as}）",
            "Had {object} leave after {valid_until}, then {leaves_as}",
        ),
    ),
    Event.MEMBER_LEAVING_UNDONE: _s(
        (
            "{object}に予定していた利用の終了（最終日 {valid_until}）を取り消した",
            "Undid the leaving of {object} that was prepared for {valid_until}",
        ),
    ),
    Event.MEMBER_LEFT: _s(
        (
            "最終日（{valid_until}）を過ぎた{object}の利用を終えた",
            "Ended the access of {object}, who left after {valid_until}",
        ),
        many=("最終日を過ぎた利用者{count}人の利用を終えた", "Ended the access of {count} people who left"),
    ),
    Event.MEMBER_ROLES_SYNCED: _s(
        (
            "{object}の役割の変更を認証サービスに反映した（{roles}）",
            "Brought the roles of {object} to the identity server ({roles})",
        ),
        ("{object}の役割の変更を認証サービスに反映した", "Brought the roles of {object} to the identity server"),
    ),
    Event.MEMBER_ACCOUNTS_JOINED: _s(
        (
            "{object}と{other}を、同じ人のアカウントとして結び付けた",
            "Recorded that {object} and {other} are one person's accounts",
        ),
    ),
    Event.MEMBER_INVITATION_RESENT: _s(
        (
            "{object}に招待を送り直した（前のリンクは使えない）",
            "Sent {object} the invitation again; the link before is void",
        )
    ),
    Event.MEMBER_INVITATION_CANCELLED: _s(("{object}への招待を取り消した", "Cancelled the invitation of {object}")),
    Event.MEMBER_CONSENT_ASKED: _s(("{object}に承諾を求めるメールを送った", "Mailed {object} to ask for consent")),
    Event.MEMBER_CONSENT_GIVEN: _s(
        ("{object}が、この団体の利用者になることを承諾した", "{object} consented to become a member of this tenant")
    ),
    Event.MEMBER_CONSENT_DECLINED: _s(
        ("{object}が、この団体の利用者になることを辞退した", "{object} declined to become a member of this tenant")
    ),
    Event.BREAK_GLASS_STARTED: _s(
        ("{object}に緊急時の操作を{ends_at}まで認めた", "Gave {object} the emergency role until {ends_at}")
    ),
    Event.BREAK_GLASS_CLOSED: _s(("{object}の緊急時の操作を終えた", "Ended the emergency role of {object}")),
    Event.MEMBER_SESSIONS_ENDED: _s(
        ("{object}の開いているセッションをすべて終わらせた", "Ended all sessions of {object}")
    ),
    Event.SIGN_IN_LIMITS_SET: _s(
        (
            "ログインの時間制限を、操作なし{idle_minutes}分、最長{longest_hours}時間、二要素認証{step_up_minutes}分にした",
            "Set the limits of logins: {idle_minutes} minutes without a click, {longest_hours} hours at most, a second "
            "factor for {step_up_minutes} minutes",
        )
    ),
    Event.SIGN_IN_NETWORKS_LIMITED: _s(
        (
            "{tenant}にログインできるネットワークを{networks}にした",
            "Let people of {tenant} sign in from {networks} only",
        ),
        (
            "{tenant}に、どのネットワークからでもログインできるようにした",
            "Let people of {tenant} sign in from anywhere",
        ),
    ),
    Event.LOGIN_CHANGED: _s(
        ("自分のログインの設定を変えた（{login_change}）", "Changed how they log in ({login_change})")
    ),
    Event.SESSION_ENDED: _s(("自分のセッションの一つを終わらせた", "Ended one of their own sessions")),
    Event.OWN_SESSIONS_ENDED: _s(("自分のセッションをまとめて終わらせた", "Ended their own sessions")),
    Event.MEMBER_FACTOR_RESET: _s(("{object}に二要素認証を再設定させた", "Reset the second factor of {object}")),
    Event.MEMBER_EDITED: _s(("{object}の登録内容を変更した", "Edited {object}")),
    Event.MEMBER_LINKED: _s(
        ("{object}をディレクトリの利用者と結び付けた", "Linked {object} with the user of the directory"),
        many=("{count}人をディレクトリの利用者と結び付けた", "Linked {count} people with users of the directory"),
    ),
    Event.SCIM_TOKEN_ISSUED: _s(("{tenant}のSCIMトークンを発行した", "Issued a SCIM token of {tenant}")),
    Event.SCIM_TOKEN_WITHDRAWN: _s(("{tenant}のSCIMトークンを失効させた", "Withdrew a SCIM token of {tenant}")),
    Event.SCIM_GROUP_ADDED: _s(
        (
            "ディレクトリのグループ「{group}」を追加した（{members}人）",
            "Added the group {group} of the directory ({members})",
        )
    ),
    Event.SCIM_GROUP_CHANGED: _s(
        (
            "ディレクトリのグループ「{group}」を変更した（{members}人）",
            "Changed the group {group} of the directory ({members})",
        )
    ),
    Event.SCIM_GROUP_REMOVED: _s(
        ("ディレクトリのグループ「{group}」を削除した", "Removed the group {group} of the directory")
    ),
    Event.IDENTITY_PROVIDER_REGISTERED: _s(
        (
            "{tenant}の IdP「{name}」を登録した（{kind}、ドメイン: {domains}）",
            "Registered the identity provider {name} of {tenant} ({kind}, domains: {domains})",
        ),
        ("{tenant}の IdP を登録した", "Registered the identity provider of {tenant}"),
    ),
    Event.IDENTITY_PROVIDER_SECRET_SET: _s(
        ("{tenant}の IdP「{name}」のシークレットを変更した", "Set the secret of {tenant}'s identity provider {name}"),
        ("{tenant}の IdP のシークレットを変更した", "Set the secret of {tenant}'s identity provider"),
    ),
    Event.IDENTITY_PROVIDER_CHECKED: _s(
        ("{tenant}の IdP「{name}」の接続を確認した", "Tested the connection to {tenant}'s identity provider {name}"),
        ("{tenant}の IdP の接続を確認した", "Tested the connection to {tenant}'s identity provider"),
    ),
    Event.IDENTITY_PROVIDER_ENABLED: _s(
        ("{tenant}の IdP「{name}」の利用を始めた", "Enabled {tenant}'s identity provider {name}"),
        ("{tenant}の IdP の利用を始めた", "Enabled {tenant}'s identity provider"),
    ),
    Event.IDENTITY_PROVIDER_DISABLED: _s(
        ("{tenant}の IdP「{name}」の利用を停止した", "Disabled {tenant}'s identity provider {name}"),
        ("{tenant}の IdP の利用を停止した", "Disabled {tenant}'s identity provider"),
    ),
    Event.IDENTITY_PROVIDER_REMOVED: _s(
        ("{tenant}の IdP「{name}」の登録を削除した", "Removed {tenant}'s identity provider {name}"),
        ("{tenant}の IdP の登録を削除した", "Removed {tenant}'s identity provider"),
    ),
    Event.CLIENT_REGISTERED: _s(
        ("連携システム「{object}」を登録した（{scopes}）", "Registered the service client {object} ({scopes})"),
        ("連携システム「{object}」を登録した", "Registered the service client {object}"),
    ),
    Event.CLIENT_SYNCED: _s(
        (
            "連携システム「{object}」を認証サービスに登録した",
            "Registered the service client {object} with the identity service",
        ),
    ),
    Event.CLIENT_STOPPED: _s(("連携システム「{object}」を廃止した", "Stopped the service client {object} for good")),
    Event.CLIENT_SUSPENDED: _s(
        (
            "連携システム「{object}」の利用を停止した（{cause}）",
            "Suspended the service client {object} ({cause})",
        ),
        ("連携システム「{object}」の利用を停止した", "Suspended the service client {object}"),
        many=("{count}件の連携システムの利用を停止した", "Suspended {count} service clients"),
    ),
    Event.CLIENT_RESUMED: _s(
        ("連携システム「{object}」の利用を再開した", "Resumed the service client {object}"),
    ),
    Event.CLIENT_NETWORKS_LIMITED: _s(
        (
            "連携システム「{object}」の接続元を{networks}に限った",
            "Limited the service client {object} to calls from {networks}",
        ),
        (
            "連携システム「{object}」の接続元を制限しないことにした",
            "Let the service client {object} call from anywhere",
        ),
    ),
    Event.CLIENT_LAST_DAY_SET: _s(
        (
            "連携システム「{object}」の最終日を{valid_until}に変えた",
            "Changed the last day of the service client {object} to {valid_until}",
        ),
        ("連携システム「{object}」の最終日をなくした", "Took away the last day of the service client {object}"),
    ),
    Event.CLIENT_KEY_ADDED: _s(
        (
            "連携システム「{object}」に鍵を追加し、それまでの鍵の最終日を{valid_until}とした",
            "Added a key to the service client {object}; the former ones end on {valid_until}",
        ),
        ("連携システム「{object}」に鍵を追加した", "Added a key to the service client {object}"),
    ),
    Event.CLIENT_KEY_REMOVED: _s(
        ("連携システム「{object}」の鍵を削除した", "Removed a key of the service client {object}"),
        many=("連携システムの鍵を{count}個削除した", "Removed {count} keys of service clients"),
    ),
    Event.CLIENT_SECRET_MADE: _s(
        (
            "連携システム「{object}」のシークレット（番号 {number}、最終日 {valid_until}）を作った",
            "Made secret {number} of the service client {object}, which ends on {valid_until}",
        ),
    ),
    Event.CLIENT_SECRET_REMOVED: _s(
        (
            "連携システム「{object}」のシークレット（番号 {number}）を削除した",
            "Removed secret {number} of the service client {object}",
        ),
    ),
    Event.CLIENT_OWNER_SET: _s(
        ("連携システム「{object}」の所有者を{owner}に変えた", "Made {owner} the owner of the service client {object}"),
        ("連携システム「{object}」の所有者を変えた", "Changed the owner of the service client {object}"),
    ),
    Event.AGREEMENT_PUBLISHED: _s(("{object} 第{number}版を公開した", "Published version {number} of {object}")),
    Event.AGREEMENT_ACCEPTED: _s(
        (
            "{tenant}の「{object}」第{number}版への同意を記録した",
            "Recorded that {tenant} accepted version {number} of {object}",
        ),
    ),
    Event.AGREEMENT_REMINDED: _s(
        (
            "{tenant}に「{object}」第{number}版への同意を催促した",
            "Reminded {tenant} to accept version {number} of {object}",
        ),
        many=("{count}団体に協定への同意を催促した", "Reminded {count} tenants to accept an agreement"),
    ),
    Event.ACCESS_REVIEW_STARTED: _s(
        (
            "{tenant}で{object}を始めた（利用者 {people}人、連携システム {clients}件、期限 {due_on}）",
            "Started {object} in {tenant} ({people} people, {clients} service clients, due {due_on})",
        ),
        many=("{count}団体で権限の棚卸しを始めた", "Started access reviews in {count} tenants"),
    ),
    Event.ACCESS_REVIEW_DECIDED: _s(
        (
            "{tenant}の{object}で{lines}行を「{decision}」と判断した",
            "Decided {lines} lines of {object} of {tenant}: {decision}",
        ),
    ),
    Event.ACCESS_REVIEW_SIGNED: _s(
        (
            "{tenant}の{object}に署名した（継続 {kept}行、終えた役割 {roles_ended}、停止 {suspended}）",
            "Signed {object} of {tenant} ({kept} kept, {roles_ended} roles ended, {suspended} suspended)",
        ),
        ("{tenant}の{object}に署名した", "Signed {object} of {tenant}"),
    ),
    Event.ACCESS_REVIEW_CANCELLED: _s(("{tenant}の{object}を取りやめた", "Cancelled {object} of {tenant}")),
    Event.ACCESS_REVIEW_REMINDED: _s(
        ("{tenant}に{object}の署名を催促した", "Reminded {tenant} to sign {object}"),
        many=("{count}団体に権限の棚卸しの署名を催促した", "Reminded {count} tenants to sign their access review"),
    ),
    Event.ANNOUNCEMENT_PUBLISHED: _s(
        (
            "お知らせ「{object}」を{recipients}団体に掲載した",
            "Published the announcement {object} to {recipients} tenants",
        ),
    ),
    Event.ANNOUNCEMENT_WITHDRAWN: _s(("お知らせ「{object}」を取り下げた", "Withdrew the announcement {object}")),
    Event.ANNOUNCEMENT_REMINDED: _s(
        (
            "{tenant}にお知らせ「{object}」の確認を催促した",
            "Reminded {tenant} to confirm the announcement {object}",
        ),
        many=(
            "{count}団体にお知らせの確認を催促した",
            "Reminded {count} tenants to confirm an announcement",
        ),
    ),
    Event.ANNOUNCEMENT_CONFIRMED: _s(
        ("{tenant}としてお知らせ「{object}」を確認した", "Confirmed the announcement {object} for {tenant}"),
    ),
    Event.APPLICATION_BEGUN: _s(
        ("{object}を作り始めた（{name}）", "Began {object} ({name})"), ("{object}を作り始めた", "Began {object}")
    ),
    Event.APPLICATION_SAVED: _s(("{object}を保存した", "Saved {object}")),
    Event.APPLICATION_FILE_ATTACHED: _s(("{object}にファイルを添付した", "Attached a file to {object}")),
    Event.APPLICATION_FILE_REMOVED: _s(("{object}の添付を削除した", "Removed a file from {object}")),
    Event.APPLICATION_SUBMITTED: _s(
        ("{object}を提出した（{name}）", "Submitted {object} ({name})"), ("{object}を提出した", "Submitted {object}")
    ),
    Event.APPLICATION_DRAFTS_DELETED: _s(
        (
            "90日変更のない利用申請の下書き{drafts}件を削除した",
            "Deleted {drafts} drafts of applications that were 90 days old",
        )
    ),
    Event.APPLICATION_WITHDRAWN: _s(("{object}を取り下げた", "Withdrew {object}")),
    Event.APPLICATION_LINK_RESENT: _s(("{object}のリンクを再送した", "Sent the link of {object} again")),
    Event.APPLICATION_SCREENED: _s(("{object}の審査を記録した", "Screened {object}")),
    Event.APPLICATION_CONCLUDED: _s(
        ("{object}の決定: {outcome}", "Decided {object}: {outcome}"), ("{object}を決定した", "Decided {object}")
    ),
    Event.APPLICATION_ADMITTED: _s(("{object}の参加手続を始めた", "Admitted the applicant of {object}")),
    Event.RULE_DRAFTED: _s(("「{object}」第{number}版を起案した", "Drafted version {number} of {object}")),
    Event.RULE_ADOPTED: _s(
        (
            "「{object}」第{number}版を施行した（{decided_by} {decision_number}）",
            "Brought version {number} of {object} into force ({decided_by} {decision_number})",
        ),
    ),
    Event.RULE_ENDED: _s(
        (
            "「{object}」第{number}版の最終日を{valid_until}とした",
            "Set the last day of version {number} of {object}: {valid_until}",
        ),
        ("「{object}」第{number}版を期限なしとした", "Left version {number} of {object} without an end"),
    ),
    Event.COST_POOL_DEFINED: _s(("経費区分「{object}」を作成した", "Defined the cost pool {object}")),
    Event.COST_RECORDED: _s(
        ("{fiscal_year}の{kind}「{object}」{yen}を登録した", "Recorded {object}, {yen} ({kind}, {fiscal_year})"),
    ),
    Event.COST_WITHDRAWN: _s(
        ("{fiscal_year}の「{object}」{yen}の登録を取り消した", "Withdrew {object}, {yen} ({fiscal_year})"),
    ),
    Event.ALLOCATION_PREPARED: _s(
        (
            "{fiscal_year}の{object}を作成し、承認を申請した（総額 {total_yen}）",
            "Prepared {object} of {fiscal_year} ({total_yen}) and asked for approval",
        ),
    ),
    Event.ALLOCATION_APPROVED: _s(
        (
            "{fiscal_year}の{object}を承認し、記帳した（総額 {total_yen}）",
            "Approved and posted {object} of {fiscal_year} ({total_yen})",
        ),
        (
            "{fiscal_year}の{tenant}の負担額 {share_yen}を記帳した",
            "Posted the share of {tenant} for {fiscal_year}: {share_yen}",
        ),
        many=("{count}団体の負担額を承認し、記帳した", "Approved and posted the shares of {count} tenants"),
    ),
    Event.ALLOCATION_REJECTED: _s(
        ("{fiscal_year}の{object}を差し戻した", "Sent back {object} of {fiscal_year}"),
    ),
    Event.LEDGER_POSTED: _s(("{tenant}の帳簿に{object}を記帳した", "Posted {object} into the book of {tenant}")),
    Event.LEDGER_REVERSED: _s(
        (
            "{tenant}の帳簿に、取り消す{object}を記帳した",
            "Posted {object}, which reverses another, into the book of {tenant}",
        ),
    ),
    Event.PERIOD_STATE_CHANGED: _s(
        (
            "{tenant}の{fiscal_year}の帳簿を「{from_state}」から「{to_state}」にした",
            "Moved the book of {tenant} for {fiscal_year} from {from_state} to {to_state}",
        ),
        many=("{count}団体の帳簿の状態を変えた", "Moved the books of {count} tenants to another state"),
    ),
    Event.NOTICE_ISSUED: _s(
        (
            "{tenant}に納入通知書 {object}を発行した（{amount_yen}）",
            "Issued notice {object} to {tenant} ({amount_yen})",
        ),
        many=("納入通知書を{count}通発行した", "Issued {count} notices"),
    ),
    Event.NOTICE_ISSUER_SET: _s(
        (
            "通知書の発行者と納入先を定めた（第{number}版）",
            "Set who issues the notices and where they are paid (version {number})",
        ),
    ),
    Event.APPROVAL_REQUESTED: _s(("「{command}」の{object}をした", "Made a {object}: {command}")),
    Event.APPROVAL_DECIDED: _s(
        ("「{command}」の{object}を決定した（{decision}）", "Decided the {object} to {command}: {decision}")
    ),
    Event.WEBHOOK_CREATED: _s(("監査記録の送信先「{object}」を登録した", "Created the webhook {object}")),
    Event.WEBHOOK_ADDRESS_CHANGED: _s(
        ("送信先「{object}」のアドレスを変えた（{host}）", "Changed the address of {object} ({host})")
    ),
    Event.WEBHOOK_SECRET_ISSUED: _s(("送信先「{object}」の署名の鍵を発行した", "Issued the secret of {object}")),
    Event.WEBHOOK_STATE_CHANGED: _s(
        (
            "送信先「{object}」を「{before}」から「{after}」にした",
            "Moved the webhook {object} from {before} to {after}",
        ),
    ),
    Event.WEBHOOK_RESENT: _s(
        ("送信先「{object}」に{since}からの記録を送り直させた", "Had the events since {since} sent again to {object}")
    ),
    Event.PREFERENCES_SAVED: _s(("自分の設定を変えた", "Changed their own preferences")),
    Event.COLUMNS_SAVED: _s(
        ("自分の一覧「{list_name}」に表示する列を選んだ", "Chose the columns of their own list “{list_name}”")
    ),
    Event.FILTER_SAVED: _s(("自分の絞り込みを残した", "Kept a filter of a list for themselves")),
    Event.FILTER_RENAMED: _s(("自分の絞り込みの名前を変えた", "Renamed a filter of their own")),
    Event.FILTER_DELETED: _s(("自分の絞り込みを削除した", "Deleted a filter of their own")),
    Event.RETENTION_APPLIED: _s(
        (
            "保存期間を過ぎたジョブ{jobs}件と送信キー{idempotency_keys}件を削除した",
            "Deleted {jobs} jobs and {idempotency_keys} keys that were kept long enough",
        ),
    ),
}
"""Event → what it says. An event without one says its label."""


# ---- facts ----------------------------------------------------------------------------------------------------------


def _upper(value: Any, language: Language) -> str:
    """A character set by its name, which the log has as Python writes it."""
    return str(value).upper()


def _plain(value: Any, language: Language) -> str:
    if isinstance(value, bool):
        return ("はい" if value else "いいえ") if language == "ja" else ("yes" if value else "no")
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ("、" if language == "ja" else ", ").join(str(one) for one in value)
    return str(value)


def _amount(value: Any, language: Language) -> str:
    return yen(value, language) if isinstance(value, int) else str(value)


def _year(value: Any, language: Language) -> str:
    return year_label(value, language) if isinstance(value, int) else str(value)


def _day(value: Any, language: Language) -> str:
    try:
        return day_text(date.fromisoformat(str(value)), language)
    except ValueError:
        return str(value)


def _last_day(value: Any, language: Language) -> str:
    """The last day that counts; stored is the day after it."""
    try:
        return day_text(last_day(date.fromisoformat(str(value))), language)
    except ValueError:
        return str(value)


def _instant(value: Any, language: Language) -> str:
    try:
        there = datetime.fromisoformat(str(value)).astimezone(JST)
    except ValueError:
        return str(value)
    return f"{day_text(there.date(), language)}{' ' if language == 'en' else ''}{there:%H:%M}"


def _limit(value: Any, language: Language) -> str:
    return UNLIMITED.text(language) if value is None else _plain(value, language)


def _length(value: Any, language: Language) -> str:
    return _plain(len(value) if isinstance(value, list) else value, language)


def _scopes(value: Any, language: Language) -> str:
    return _plain([scope_wording(str(one)).text(language) for one in value], language)


def _command(value: Any, language: Language) -> str:
    """The name of a command as its permission words it."""
    handler = COMMANDS.get().get(str(value))
    return str(value) if handler is None else Label(*PERMISSION_LABELS[handler.permission]).text(language)


def _of(*enums: type[LabelledEnum], whole: bool = False) -> Format:
    """Words a value, or several, of these enums; what is none of theirs stays. `whole` keeps what a label adds."""
    known = {str(member): member for enum in enums for member in enum}

    def text(value: Any, language: Language) -> str:
        if isinstance(value, list):
            return _plain([text(one, language) for one in value], language)
        member = known.get(str(value))
        if member is None:
            return str(value)
        return member.label(language) if whole else _ASIDE.sub("", member.label(language))

    return text


_ASIDE: Final = re.compile(r"（[^）]*）$| \([^)]*\)$")
"""What a choice says of when it is possible: 「省く（メール・利用者・連携システムのみ）」."""


def _fields(value: Any, language: Language) -> str:
    return _plain([TENANT_FIELDS.get(str(one), Label(str(one), str(one))).text(language) for one in value], language)


def _application_fields(value: Any, language: Language) -> str:
    return _plain([label_of(str(one)).text(language) for one in value], language)


TENANT_FIELDS: Final = {
    "code": Label("団体コード", "code"),
    "name": Label("名称", "name"),
    "name_en": Label("英語の名称", "English name"),
    "kana": Label("フリガナ", "kana"),
    "kind": Label("種別", "kind"),
    "cohort": Label("参加期", "cohort"),
    "cohort_id": Label("参加期", "cohort"),
    "valid_from": Label("参加開始日", "first day"),
    "valid_until": Label("参加終了日", "last day"),
}

_STATES: Final = _of(TenantState, PeriodState)

FACTS: Final[Mapping[str, tuple[Label, Format]]] = {
    "reason": (Label("理由", "reason"), _plain),
    "code": (Label("団体コード", "code"), _plain),
    "name": (Label("名称", "name"), _plain),
    "title": (Label("題名", "title"), _plain),
    "recipients": (Label("あて先の団体", "recipients"), _plain),
    "kind": (Label("種別", "kind"), _of(TenantKind, StatisticKind, ItemKind, RunKind)),
    "domains": (Label("ドメイン", "domains"), _plain),
    "value": (Label("値", "value"), _plain),
    "basis_date": (Label("基準日", "reference date"), _day),
    "from_state": (Label("変更前の状態", "former state"), _STATES),
    "to_state": (Label("変更後の状態", "new state"), _STATES),
    "effective_on": (Label("効力日", "effective on"), _day),
    "before": (Label("変更前", "before"), _of(WebhookState, StepState)),
    "after": (Label("変更後", "after"), _of(WebhookState)),
    "purpose": (Label("用件", "purpose"), _of(ContactPurpose)),
    "outcome": (Label("決定", "decision"), _of(Conclusion)),
    "attestations": (Label("確かめたこと", "checked"), _of(Attestation)),
    "reasons": (Label("理由", "reasons"), _of(Ground)),
    "fields": (Label("項目", "fields"), _application_fields),
    "round": (Label("提出の回数", "submission"), _plain),
    "link_number": (Label("リンクの番号", "link"), _plain),
    "fiscal_year": (Label("会計年度", "fiscal year"), _year),
    "added": (Label("追加した団体", "tenants added"), _plain),
    "people_added": (Label("追加した人数", "people added"), _plain),
    "people_changed": (Label("変更した人数", "people changed"), _plain),
    "people_suspended": (Label("停止した人数", "people suspended"), _plain),
    "people_removed": (Label("削除した人数", "people removed"), _plain),
    "onboardings": (Label("始めた参加手続", "onboardings"), _length),
    "step": (Label("手順", "step"), _of(StepName)),
    "steps": (Label("手順", "steps"), _of(StepName)),
    "state": (Label("状態", "state"), _of(StepState, TenantState)),
    "merged_on": (Label("合併の日", "day of the merger"), _day),
    "merged_into": (Label("存続する団体", "tenant that goes on"), _plain),
    "notified_on": (Label("届出日", "day of the notice"), _day),
    "last_day": (Label("最終日", "last day"), _day),
    "people": (Label("利用者", "people"), _plain),
    "differences": (Label("差分", "differences"), _plain),
    "group": (Label("グループ", "group"), _plain),
    "members": (Label("グループの人数", "people in the group"), _plain),
    "clients": (Label("連携システム", "service clients"), _plain),
    "attempts": (Label("試行", "attempts"), _plain),
    "choice": (Label("決定", "decision"), _of(StepDecision)),
    "networks": (Label("接続元", "source networks"), _plain),
    "key": (Label("鍵の名前", "name of the key"), _plain),
    "cause": (Label("停止の理由", "cause"), _of(SuspensionCause)),
    "owner": (Label("所有者", "owner"), _of(OwnerKind)),
    "plan": (Label("利用プラン", "plan"), _plain),
    "valid_from": (Label("適用開始日", "from"), _day),
    "valid_until": (Label("最終日", "last day"), _last_day),
    "valid_until_before": (Label("変更前の最終日", "last day before"), _last_day),
    "dimension": (Label("利用枠の種類", "dimension"), _plain),
    "original": (Label("変更前の値", "former value"), _limit),
    "requested": (Label("申請した値", "requested value"), _limit),
    "decided": (Label("決定した値", "value decided"), _limit),
    "decision": (Label("決定", "decision"), _of(Decision)),
    "decision_number": (Label("決裁番号", "decision number"), _plain),
    "decided_by": (Label("決定した機関", "decided by"), _plain),
    "decided_on": (Label("議決日", "decided on"), _day),
    "in_place_of_another": (Label("代決", "in place of another"), _plain),
    "role": (Label("役割", "role"), _of(Role, whole=True)),
    "roles": (Label("役割", "roles"), _of(Role, whole=True)),
    "grants_ended": (Label("終わった役割", "roles ended"), _plain),
    "has_new_address": (Label("新しいメールアドレス", "new address"), _plain),
    "fewest_owners": (Label("団体管理者の最少人数", "fewest owners"), _of(FewestOwners)),
    "section": (Label("所属", "section"), _plain),
    "leaves_as": (Label("その後", "after it"), _of(LeavingKind)),
    "successor": (Label("後任", "successor"), _plain),
    "other": (Label("もう一つのアカウント", "other account"), _plain),
    "scopes": (Label("許可する操作", "scopes"), _scopes),
    "agreement": (Label("協定", "agreement"), _plain),
    "number": (Label("番号", "number"), _plain),
    "signed_on": (Label("署名日", "signed on"), _day),
    "rule": (Label("規程", "rule"), _plain),
    "pool": (Label("経費区分", "cost pool"), _plain),
    "cohort": (Label("参加期", "cohort"), _plain),
    "yen": (Label("額", "amount"), _amount),
    "total_yen": (Label("総額", "total"), _amount),
    "share_yen": (Label("負担額", "share"), _amount),
    "amount_yen": (Label("通知額", "amount"), _amount),
    "entries": (Label("仕訳", "entries"), _length),
    "reference": (Label("伝票番号", "reference"), _plain),
    "command": (Label("申請した操作", "command"), _command),
    "rows": (Label("行", "rows"), _plain),
    "encoding": (Label("文字コード", "encoding"), _upper),
    "host": (Label("送信先", "host"), _plain),
    "since": (Label("この日から", "since"), _day),
    "taken_at": (Label("バックアップの日時", "backup taken"), _instant),
    "version": (Label("版", "version"), _plain),
    "jobs": (Label("ジョブ", "jobs"), _plain),
    "drafts": (Label("下書き", "drafts"), _plain),
    "up_to": (Label("何件まで直すか", "at most"), _plain),
    "repaired": (Label("直した件数", "repaired"), _plain),
    "differing": (Label("違う件数", "differing"), _plain),
    "limit": (Label("直す上限", "limit"), _plain),
    "idempotency_keys": (Label("送信キー", "keys"), _plain),
    "is_first": (Label("初めてのログイン", "first sign-in"), _plain),
    "break_glass": (Label("緊急時の操作", "emergency role"), _plain),
    "ends_at": (Label("終わる日時", "ends"), _instant),
    "is_early": (Label("時間より前", "before its time"), _plain),
    "idle_minutes": (Label("操作がないとき（分）", "minutes without a click"), _plain),
    "longest_hours": (Label("最長（時間）", "hours at most"), _plain),
    "step_up_minutes": (Label("二要素認証（分）", "minutes of a second factor"), _plain),
    "login_change": (Label("ログインの設定", "login"), _of(LoginChange)),
    "with_second_factor": (Label("二要素認証", "second factor"), _plain),
    "recipient": (Label("宛先", "recipient"), _plain),
    "language": (Label("言語", "language"), _of(ScreenLanguage)),
    "date_notation": (Label("日付と年度の表記", "dates and years"), _of(DateNotation)),
    "table_density": (Label("表の行の間隔", "rows of tables"), _of(TableDensity)),
    "digest_mail": (Label("対応待ちのお知らせメール", "mail about what waits"), _of(DigestFrequency)),
    "list_name": (Label("一覧", "list"), _of(ListName)),
    "hidden": (Label("表示しない列", "columns left out"), _of(ListColumn)),
    "as_of": (Label("基準日", "as of"), _day),
    "due_on": (Label("署名の期限", "due"), _day),
    "lines": (Label("行", "lines"), _plain),
    "kept": (Label("継続した行", "lines kept"), _plain),
    "roles_ended": (Label("終えた役割", "roles ended"), _plain),
    "suspended": (Label("停止した数", "suspended"), _plain),
    "findings_total": (Label("異常の数", "findings"), _plain),
    "sessions": (Label("終わらせたセッション", "sessions ended"), _plain),
}
"""Facts with a label and a format. What is not here (digests, hashes, ids) is among the raw values only."""

_OF_EVENT: Final[Mapping[tuple[Event, str], Format]] = {
    (Event.TENANT_EDITED, "after"): _fields,
    (Event.TENANT_RENAMED, "after"): _fields,
    (Event.ACCESS_REVIEW_DECIDED, "decision"): _of(LineDecision),
    (Event.QUOTA_DECIDED, "decision"): _of(QuotaRequestState),
    (Event.IDENTITY_PROVIDER_REGISTERED, "kind"): _of(IdentityProviderKind),
    (Event.MEMBER_SYNC_DECIDED, "choice"): _of(SyncDecision),
    (Event.MEMBER_SYNC_DECIDED, "before"): _of(SyncProblem),
}
"""Facts that an event words in its own way."""

_CODED_REASON: Final = frozenset({Event.ONBOARDING_ADVANCED, Event.SESSION_CLOSED})
"""Events whose `reason` is a code, not what a person wrote."""


def fact_text(event: str, name: str, value: Any, language: Language) -> str:
    """The value of a fact of an event, in words."""
    if (found := _OF_EVENT.get((Event(event), name)) if event in list(Event) else None) is not None:
        return found(value, language)
    return FACTS[name][1](value, language)


def fact_pairs(event: str, facts: Mapping[str, Any], language: Language) -> list[tuple[str, str]]:
    """Label and wording of each fact that has a label, but the reason, which stands in the sentence."""
    if event in (Event.TENANT_EDITED, Event.TENANT_RENAMED):
        before, after = facts.get("before") or {}, facts.get("after") or {}
        return [
            (_fields([name], language), f"{before.get(name) or '―'} → {after.get(name) or '―'}")
            for name in after
            if not name.endswith("_id")
        ]
    return [
        (FACTS[name][0].text(language), fact_text(event, name, value, language))
        for name, value in facts.items()
        if name in FACTS and name != "reason" and value not in (None, "", [])
    ]


def reason_of(event: str, facts: Mapping[str, Any]) -> str | None:
    """What a person gave as the reason."""
    reason = facts.get("reason")
    return str(reason) if reason and event not in _CODED_REASON else None


# ---- sentences ------------------------------------------------------------------------------------------------------


def sentence(event: str, facts: Mapping[str, Any], names: Mapping[str, str], language: Language) -> list[Piece]:
    """The sentence of one event that was done. `names` gives `object`, `tenant` and better wordings of facts."""
    known = Event(event) if event in list(Event) else None
    if known is None or known not in SENTENCES:
        return [Piece(event if known is None else Label(*EVENT_LABELS[known]).text(language))]
    worded = {
        name: fact_text(event, name, value, language)
        for name, value in facts.items()
        if name in FACTS and (value not in (None, "", []) or FACTS[name][1] is _limit)
    } | dict(names)
    for variant in SENTENCES[known].variants:
        text = variant.text(language)
        if all(name in worded for name in _placeholders(text)):
            return [*_filled(text, worded)]
    return [Piece(Label(*EVENT_LABELS[known]).text(language))]


def sentence_of_many(event: str, count: int, language: Language) -> list[Piece] | None:
    """The sentence of several events of one action; None for an event that has none."""
    known = Event(event) if event in list(Event) else None
    many = None if known is None or known not in SENTENCES else SENTENCES[known].many
    return None if many is None else [*_filled(many.text(language), {"count": f"{count:,}"})]


def with_reason(pieces: Sequence[Piece], reason: str | None, language: Language) -> list[Piece]:
    """The sentence with what a person gave as its reason."""
    if reason is None:
        return [*pieces]
    return [*pieces, Piece(f"（理由: {reason}）" if language == "ja" else f" (reason: {reason})")]


def _placeholders(text: str) -> list[str]:
    return [name for _, name, *_ in Formatter().parse(text) if name]


def _filled(text: str, worded: Mapping[str, str]) -> Iterator[Piece]:
    for before, name, *_ in Formatter().parse(text):
        if before:
            yield Piece(before)
        if name:
            yield Piece(worded[name], name)
