"""Labels of permissions and events, in Japanese and English; the terms are those of docs/GLOSSARY.md.

Screens, documents and the generated part of the glossary use them. A test refuses one without a label.
"""

from __future__ import annotations

from typing import Final

from governance.events import Event
from governance.kernel.labels import Label, Language
from governance.permissions import Permission, Role

LabelPair = tuple[str, str]
"""Japanese and English."""

PERMISSION_LABELS: Final[dict[Permission, LabelPair]] = {
    Permission.OPERATOR_REGISTER: ("運営者の登録", "register the prefecture as the operator"),
    Permission.TENANT_READ: ("参加団体の閲覧", "read tenants"),
    Permission.TENANT_REGISTER: ("参加団体の登録", "register a tenant"),
    Permission.TENANT_IMPORT: ("参加団体の一括登録", "register tenants from a file, all or nothing"),
    Permission.TENANT_EDIT: ("参加団体の変更", "edit a tenant"),
    Permission.TENANT_CHANGE_STATE: ("参加団体の状態の変更", "change the state of a tenant"),
    Permission.STATISTIC_RECORD: ("統計値の登録", "record a dated statistic with its source"),
    Permission.CONTACT_READ: ("連絡先の閲覧", "read contacts"),
    Permission.CONTACT_RECORD: ("連絡先の登録", "record a contact"),
    Permission.CONTACT_REMOVE: ("連絡先の削除", "remove a contact"),
    Permission.COHORT_READ: ("参加期の閲覧", "read cohorts and their plans"),
    Permission.COHORT_DEFINE: ("参加期の作成", "define a cohort"),
    Permission.COHORT_APPLY: ("計画による参加手続の開始", "apply a cohort's plan"),
    Permission.ONBOARDING_READ: ("参加手続の閲覧", "read the progress of onboarding"),
    Permission.ONBOARDING_START: ("参加手続の開始", "start onboarding a tenant"),
    Permission.ONBOARDING_ADVANCE: ("参加手続の進行", "record a step's outcome (Moyai's own worker)"),
    Permission.ONBOARDING_DECIDE: ("止まった手順の扱いの決定", "retry, skip or adopt a step that stopped"),
    Permission.PLAN_READ: ("利用プランの閲覧", "read plans"),
    Permission.PLAN_DEFINE: ("利用プランの作成", "define a plan and its quotas"),
    Permission.PLAN_ASSIGN: ("利用プランの選択", "assign a plan to a tenant"),
    Permission.QUOTA_READ: ("利用枠の閲覧", "read quotas"),
    Permission.QUOTA_REQUEST: ("利用枠の変更申請", "request another quota"),
    Permission.QUOTA_DECIDE: ("利用枠の決定", "decide someone else's quota request"),
    Permission.MEMBER_READ: ("利用者の閲覧", "read members"),
    Permission.MEMBER_ADD: ("利用者の追加", "add a member"),
    Permission.MEMBER_END_ROLE: ("運営者の役割の終了", "end a role of a person of the operator"),
    Permission.MEMBER_JOIN_ACCOUNTS: ("同じ人のアカウントの結び付け", "join the accounts of one person"),
    Permission.MEMBER_DISABLE: ("利用者の停止", "disable a member and end the sessions"),
    Permission.MEMBER_RESUME: ("利用者の再開", "resume a suspended member"),
    Permission.MEMBER_REMOVE: ("利用者の削除", "remove a member for good"),
    Permission.MEMBER_DECIDE_SYNC: (
        "認証サービスに登録できない利用者の判断",
        "retry or skip a member whom Keycloak refused",
    ),
    Permission.MEMBER_SYNC: (
        "利用者の Keycloak への反映",
        "record that a person is in Keycloak (the worker)",
    ),
    Permission.MEMBER_RESET_FACTOR: ("二要素認証の再設定", "reset a member's second factor"),
    Permission.MEMBER_INVITE: ("パスワード設定メールの送信", "have the password email sent (Moyai's own worker)"),
    Permission.CLIENT_READ: ("連携システムの閲覧", "read service clients"),
    Permission.CLIENT_REGISTER: ("連携システムの登録", "register a service client by its public key"),
    Permission.CLIENT_STOP: ("運営者の連携システムの停止", "stop a service client of the operator's"),
    Permission.DRIFT_READ: ("差分の確認", "compare Keycloak with what Moyai intends"),
    Permission.AGREEMENT_READ: ("協定の閲覧", "read agreements and acceptances"),
    Permission.AGREEMENT_PUBLISH: ("協定の版の公開", "publish a version of an agreement"),
    Permission.AGREEMENT_ACCEPT: ("協定への同意の記録", "record an acceptance"),
    Permission.AGREEMENT_REMIND: ("協定への同意の催促", "remind tenants of an agreement"),
    Permission.RULE_READ: ("負担金算定規程の閲覧", "read rules"),
    Permission.RULE_DRAFT: ("負担金算定規程の起案", "draft a version of a rule"),
    Permission.RULE_ADOPT: ("負担金算定規程の施行", "bring a version of a rule into force by a decision"),
    Permission.RULE_END: ("負担金算定規程の終了", "set the end date of a version of a rule"),
    Permission.APPROVAL_READ: ("承認の申請の閲覧", "read requests for approval and what they would do"),
    Permission.APPROVAL_DECIDE: ("承認の申請の決定", "decide what another person requested"),
    Permission.AUDIT_READ: ("監査記録の閲覧", "read the audit log"),
    Permission.AUDIT_VERIFY: ("監査記録の検証", "verify that the audit log is intact"),
    Permission.AUDIT_SEAL: ("監査記録の封印", "seal the audit log and make its tips anew"),
    Permission.WEBHOOK_READ: ("監査記録の送信先の閲覧", "read webhooks and the state of their deliveries"),
    Permission.WEBHOOK_CREATE: ("監査記録の送信先の登録", "create a webhook"),
    Permission.WEBHOOK_CHANGE_ADDRESS: ("送信先のアドレスの変更", "change a webhook's address"),
    Permission.WEBHOOK_ISSUE_SECRET: ("送信先の署名の鍵の発行", "issue a webhook's secret"),
    Permission.WEBHOOK_CHANGE_STATE: ("送信の一時停止・再開・終了", "pause, resume and end a webhook"),
    Permission.WEBHOOK_RESEND: ("監査記録の再送", "send events again to a webhook"),
    Permission.RETENTION_APPLY: ("保存期間を過ぎた記録の削除", "delete what was kept long enough"),
    Permission.PERMISSION_READ: ("権限表の閲覧", "read permissions, roles, routes and commands"),
    Permission.COST_READ: ("経費の閲覧", "read cost pools and items"),
    Permission.COST_RECORD: ("経費の登録", "record cost items"),
    Permission.COST_WITHDRAW: ("経費の登録の取消し", "withdraw a cost item"),
    Permission.COST_POOL_DEFINE: ("経費区分の作成", "define a cost pool"),
    Permission.ALLOCATION_READ: ("費用按分の閲覧", "read allocation runs, shares and workings"),
    Permission.ALLOCATION_COMPUTE: ("費用按分の試算", "compute an allocation from a file"),
    Permission.ALLOCATION_PREPARE: ("費用按分の作成", "prepare a run and ask for its approval"),
    Permission.ALLOCATION_APPROVE: ("費用按分の承認", "approve someone else's run"),
    Permission.ALLOCATION_REJECT: ("費用按分の差戻し", "reject someone else's run"),
    Permission.LEDGER_READ: ("元帳の閲覧", "read entries and balances"),
    Permission.LEDGER_POST: ("仕訳の記帳", "post an entry"),
    Permission.LEDGER_REVERSE: ("仕訳の取消し", "reverse an entry"),
    Permission.PERIOD_CHANGE_STATE: ("会計年度の締め", "open, close and reopen the books of a fiscal year"),
    Permission.NOTICE_READ: ("納入通知書の閲覧", "read notices"),
    Permission.NOTICE_SET_ISSUER: (
        "通知書の発行者と納入先の設定",
        "set who issues notices and where they are paid",
    ),
    Permission.NOTICE_ISSUE: ("納入通知書の発行", "issue notices of a posted run"),
    Permission.OVERVIEW_READ: ("概要の閲覧", "read the overview"),
    Permission.MAIL_READ: ("送信控えの閲覧", "list stored emails"),
    Permission.MAIL_OPEN: ("送信控えの本文の閲覧", "read the text of a stored email"),
    Permission.BACKOFFICE_OPEN: ("台帳（照会用）の閲覧", "open the operator's back office"),
    Permission.SERVERS_RUN: ("サーバーの起動と停止", "run, start and stop the servers"),
    Permission.KEYCLOAK_CONFIGURE: ("Keycloakの設定", "apply the specification of the realms"),
    Permission.BACKUP_TAKE: ("バックアップの取得と検査", "take and check a backup"),
    Permission.BACKUP_RESTORE: ("バックアップからの復元", "restore a backup"),
    Permission.EXAMPLE_LOAD: ("例示データの投入", "load the example"),
    Permission.TRAINING_RESET: ("研修環境の初期化", "empty a training installation"),
    Permission.SIGNED_IN: ("ログイン済み", "anybody who is signed in"),
    Permission.PUBLIC: ("公開", "anybody"),
}

EVENT_LABELS: Final[dict[Event, LabelPair]] = {
    Event.OPERATOR_REGISTERED: ("運営者を登録した", "operator registered"),
    Event.TENANT_REGISTERED: ("参加団体を登録した", "tenant registered"),
    Event.TENANTS_IMPORTED: ("参加団体をファイルから登録した", "tenants imported"),
    Event.TENANT_EDITED: ("参加団体を変更した", "tenant edited"),
    Event.TENANT_STATE_CHANGED: ("参加団体の状態を変えた", "tenant state changed"),
    Event.STATISTIC_RECORDED: ("統計値を登録した", "statistic recorded"),
    Event.CONTACT_RECORDED: ("連絡先を登録した", "contact recorded"),
    Event.CONTACT_REMOVED: ("連絡先を削除した", "contact removed"),
    Event.COHORT_DEFINED: ("参加期を作った", "cohort defined"),
    Event.COHORT_APPLIED: ("計画のとおり参加手続を始めた", "cohort applied"),
    Event.ONBOARDING_STARTED: ("参加手続を始めた", "onboarding started"),
    Event.ONBOARDING_ADVANCED: ("参加手続の手順が進んだ", "onboarding advanced"),
    Event.ONBOARDING_DECIDED: ("止まった手順の扱いを決めた", "onboarding decided"),
    Event.PLAN_DEFINED: ("利用プランを作った", "plan defined"),
    Event.PLAN_ASSIGNED: ("利用プランを選んだ", "plan assigned"),
    Event.QUOTA_REQUESTED: ("利用枠の変更を申請した", "quota requested"),
    Event.QUOTA_DECIDED: ("利用枠の申請を決定した", "quota decided"),
    Event.MEMBER_ADDED: ("利用者を追加した", "member added"),
    Event.MEMBER_SYNCED: ("利用者を Keycloak に反映した", "member created in Keycloak"),
    Event.MEMBER_INVITED: ("パスワード設定メールを送信した", "member invited"),
    Event.MEMBER_ROLE_ENDED: ("役割を終えた", "role ended"),
    Event.MEMBER_ACCOUNTS_JOINED: ("同じ人のアカウントを結び付けた", "accounts of one person joined"),
    Event.MEMBER_FACTOR_RESET: ("二要素認証を再設定させた", "second factor reset"),
    Event.MEMBER_DISABLED: ("利用者を停止した", "member disabled"),
    Event.MEMBER_RESUMED: ("利用者を再開した", "member resumed"),
    Event.MEMBER_REMOVED: ("利用者を削除した", "member removed"),
    Event.MEMBER_SYNC_DECIDED: ("登録できない利用者を判断した", "waiting member decided"),
    Event.MEMBER_ADDRESS_RELEASED: ("利用者のメールアドレスを解放した", "member's address released"),
    Event.CLIENT_REGISTERED: ("連携システムを登録した", "client registered"),
    Event.CLIENT_SYNCED: ("連携システムを Keycloak に反映した", "client created in Keycloak"),
    Event.CLIENT_STOPPED: ("連携システムを停止した", "client stopped"),
    Event.AGREEMENT_PUBLISHED: ("協定の版を公開した", "agreement published"),
    Event.AGREEMENT_ACCEPTED: ("協定への同意を記録した", "agreement accepted"),
    Event.AGREEMENT_REMINDED: ("協定への同意を催促した", "tenant reminded of an agreement"),
    Event.RULE_DRAFTED: ("負担金算定規程を起案した", "rule drafted"),
    Event.RULE_ADOPTED: ("負担金算定規程を施行した", "rule adopted"),
    Event.RULE_ENDED: ("負担金算定規程の終わりを定めた", "rule end date set"),
    Event.COST_POOL_DEFINED: ("経費区分を作った", "cost pool defined"),
    Event.COST_RECORDED: ("経費を登録した", "cost recorded"),
    Event.COST_WITHDRAWN: ("経費の登録を取り消した", "cost withdrawn"),
    Event.ALLOCATION_PREPARED: ("費用按分を作成した", "allocation prepared"),
    Event.ALLOCATION_DRAFTED: ("負担額の変更案（下書き）を作成した", "revision drafted"),
    Event.ALLOCATION_SUBMITTED: ("費用按分の承認を申請した", "allocation submitted"),
    Event.ALLOCATION_APPROVED: ("費用按分を承認し記帳した", "allocation approved"),
    Event.ALLOCATION_REJECTED: ("費用按分を差し戻した", "allocation rejected"),
    Event.LEDGER_POSTED: ("仕訳を記帳した", "ledger posted"),
    Event.LEDGER_REVERSED: ("仕訳を取り消した", "ledger reversed"),
    Event.PERIOD_STATE_CHANGED: ("会計年度の状態を変えた", "fiscal year state changed"),
    Event.NOTICE_ISSUER_SET: ("通知書の発行者と納入先を定めた", "issuer and payee of notices set"),
    Event.NOTICE_ISSUED: ("納入通知書を発行した", "notice issued"),
    Event.APPROVAL_REQUESTED: ("承認を申請した", "approval requested"),
    Event.APPROVAL_DECIDED: ("承認の申請を決定した", "approval decided"),
    Event.MAIL_OPENED: ("送信控えの本文を開いた", "stored email opened"),
    Event.AUDIT_CHAIN_STARTED: ("鍵付きの封印を始めた", "keyed audit chain started"),
    Event.AUDIT_TIPS_RESET: ("監査記録の末尾の控えを作り直した", "tips of the audit log reset"),
    Event.WEBHOOK_CREATED: ("監査記録の送信先を登録した", "webhook created"),
    Event.WEBHOOK_ADDRESS_CHANGED: ("送信先のアドレスを変えた", "webhook address changed"),
    Event.WEBHOOK_SECRET_ISSUED: ("送信先の署名の鍵を発行した", "webhook secret issued"),
    Event.WEBHOOK_STATE_CHANGED: ("送信先の状態を変えた", "webhook state changed"),
    Event.WEBHOOK_RESENT: ("監査記録を送り直させた", "events sent again"),
    Event.RETENTION_APPLIED: ("保存期間を過ぎた記録を削除した", "deleted what was kept long enough"),
    Event.BACKUP_STARTED: ("バックアップの取得を始めた", "backup started"),
    Event.BACKUP_RESTORED: ("バックアップから復元した", "backup restored"),
    Event.KEYS_ROTATED: ("Moyai の鍵を取り替えた", "keys of Moyai's accounts rotated"),
    Event.KEYS_RETIRED: ("Moyai の前の鍵を廃止した", "former keys of Moyai's accounts withdrawn"),
    Event.SESSION_OPENED: ("ログインした", "session opened"),
    Event.SESSION_CLOSED: ("ログアウトした", "session closed"),
}


def permission_wording(permission: Permission) -> Label:
    """A permission as refusals name it, in the reader's language."""
    return Label(*PERMISSION_LABELS[permission])


def label(of: Permission | Event | Role, language: Language = "ja") -> str:
    """The label of a permission, event or role in the language."""
    if isinstance(of, Permission):
        pair = PERMISSION_LABELS[of]
    elif isinstance(of, Event):
        pair = EVENT_LABELS[of]
    else:
        return of.label(language)
    return pair[0] if language == "ja" else pair[1]
