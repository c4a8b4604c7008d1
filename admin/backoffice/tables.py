"""The tables of the back office with their labels. Secrets and stored PDF bytes are left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from admin.identity.tables import WebSession
from billing.costs.tables import CostItem, CostPool
from billing.ledger.tables import LedgerBalance, LedgerEntry, LedgerLine
from billing.notices.tables import Notice
from billing.runs.tables import AllocationRun, AllocationShare
from governance.agreements.tables import Acceptance, AgreementVersion
from governance.approvals.tables import ApprovalRequest
from governance.audit.tables import AuditEvent
from governance.grants.tables import RoleGrant
from governance.outbox.tables import Job
from governance.permissions import Permission
from governance.rules.tables import RuleVersion
from tenancy.clients.tables import ServiceClient
from tenancy.onboarding.tables import Onboarding, OnboardingStep
from tenancy.people.tables import Member
from tenancy.quotas.tables import Plan, PlanQuota, QuotaOverride, QuotaRequest, TenantPlan
from tenancy.tenants.tables import Cohort, Tenant

LABELS: Final[dict[str, str]] = {
    "id": "番号",
    "tenant_id": "団体",
    "code": "団体コード",
    "name": "名称",
    "kana": "フリガナ",
    "label": "表示名",
    "kind": "種別",
    "state": "状態",
    "version": "版",
    "valid_from": "有効開始日",
    "valid_until": "終了の翌日",
    "registered_at": "登録日時",
    "fiscal_year": "会計年度",
    "family_name": "姓",
    "given_name": "名",
    "email": "メールアドレス",
    "person_id": "利用者番号",
    "added_at": "追加日時",
    "password_mail_sent_at": "パスワード設定メール",
    "scopes": "スコープ",
    "role": "役割",
    "roles": "役割",
    "granted_by": "付与した人",
    "requested_by": "申請した人",
    "requested_at": "申請日時",
    "finished_at": "完了日時",
    "started_at": "開始日時",
    "retry_at": "次に試す日時",
    "plan_digest": "計画の照合番号",
    "attempts": "試行回数",
    "faults": "失敗回数",
    "reason": "理由",
    "facts": "事実",
    "outcome": "結果",
    "onboarding_id": "参加手続",
    "dimension": "項目",
    "value": "値",
    "original_value": "変更前",
    "requested_value": "申請値",
    "decided_value": "決定値",
    "plan_id": "プラン",
    "number": "番号",
    "language": "言語",
    "sha256": "SHA-256",
    "effective_from": "施行日",
    "mandatory": "必須",
    "signer_name": "署名者",
    "signer_title": "職名",
    "on_behalf_of": "代表する団体",
    "authority": "権限の根拠",
    "signed_on": "署名日",
    "accepted_at": "登録日時",
    "subject_id": "対象",
    "decided_by": "決定した人",
    "decided_at": "決定日時",
    "decided_on": "議決日",
    "decision": "決定",
    "decision_number": "議決番号",
    "decision_reason": "決定の理由",
    "request_reason": "申請の理由",
    "body_hash": "内容の SHA-256",
    "body": "内容",
    "pool_id": "経費区分",
    "yen": "金額（円）",
    "tax_kind": "税区分",
    "source": "出典",
    "recorded_at": "記録日時",
    "withdrawn_at": "取消日時",
    "withdrawn_reason": "取消の理由",
    "total_yen": "総額（円）",
    "operator_yen": "県負担額（円）",
    "operator_residual_yen": "県端数（円）",
    "deductions_yen": "控除（円）",
    "digest": "digest",
    "prepared_at": "作成日時",
    "prepared_by": "作成した人",
    "run_id": "按分",
    "run_number": "回",
    "share_yen": "負担額（円）",
    "previous_yen": "変更前（円）",
    "posted_at": "記帳日時",
    "reference": "参照",
    "happened_on": "取引日",
    "memo": "摘要",
    "line_count": "行数",
    "reverses_id": "取り消す仕訳",
    "entry_id": "仕訳",
    "line_no": "行",
    "account_id": "勘定",
    "amount_yen": "金額（円）",
    "issued_on": "発行日",
    "due_on": "納期限",
    "is_example": "例示",
    "pdf_sha256": "PDF の SHA-256",
    "actor": "行為者",
    "actor_kind": "行為者の種別",
    "command": "操作",
    "event": "出来事",
    "permission": "権限",
    "subject": "対象",
    "request_id": "要求番号",
    "payload": "内容",
    "created_at": "作成日時",
    "not_before": "実行予定",
    "leased_until": "実行中の期限",
    "last_error": "直近の失敗",
    "realm": "レルム",
    "opened_at": "開始日時",
    "last_seen_at": "最終利用",
    "ends_at": "終了予定",
    "defined_at": "定義日時",
}


@dataclass(frozen=True)
class Table:
    """One table as shown: its columns in the list, those only its details have, and what the search looks into."""

    model: type[Any]
    name: str
    category: str
    permission: Permission
    columns: tuple[str, ...]
    more: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    newest_by: str = "id"
    is_long: bool = False
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        return f"backoffice_{self.model.__tablename__}"

    @property
    def path(self) -> str:
        return str(self.model.__tablename__).replace("_", "-")


_P = Permission
TABLES: Final[tuple[Table, ...]] = (
    Table(
        Tenant,
        "参加団体",
        "参加団体",
        _P.TENANT_READ,
        ("code", "name", "kind", "state", "valid_from", "valid_until", "version"),
        ("id", "kana", "registered_at"),
        ("code", "name", "kana"),
    ),
    Table(Cohort, "参加期", "参加団体", _P.COHORT_READ, ("name", "label", "fiscal_year"), ("id",), ("name",)),
    Table(
        Member,
        "利用者",
        "参加団体",
        _P.MEMBER_READ,
        ("tenant_id", "family_name", "given_name", "email", "state", "added_at"),
        ("id", "person_id", "password_mail_sent_at"),
        ("family_name", "given_name", "email"),
    ),
    Table(
        RoleGrant,
        "役割の付与",
        "参加団体",
        _P.MEMBER_READ,
        ("tenant_id", "person_id", "role", "valid_from", "valid_until", "granted_by"),
        ("id",),
        ("role",),
    ),
    Table(
        ServiceClient,
        "連携システム",
        "参加団体",
        _P.CLIENT_READ,
        ("tenant_id", "name", "scopes", "state", "valid_from", "valid_until"),
        ("id", "registered_at"),
        ("name",),
    ),
    Table(
        Onboarding,
        "参加手続",
        "手続",
        _P.ONBOARDING_READ,
        ("tenant_id", "kind", "state", "requested_by", "requested_at", "retry_at", "finished_at"),
        ("id", "plan_digest"),
        ("kind", "state"),
    ),
    Table(
        OnboardingStep,
        "参加手続の手順",
        "手続",
        _P.ONBOARDING_READ,
        ("tenant_id", "name", "state", "attempts", "faults", "reason", "retry_at"),
        ("id", "onboarding_id", "facts", "outcome", "started_at", "finished_at"),
        ("name", "state", "reason"),
        labels={"name": "手順"},
    ),
    Table(
        ApprovalRequest,
        "承認",
        "手続",
        _P.OVERVIEW_READ,
        ("tenant_id", "kind", "requested_by", "requested_at", "decision", "decided_by", "decided_at"),
        ("id", "subject_id", "digest", "request_reason", "decision_reason"),
        ("kind", "decision"),
    ),
    Table(Plan, "利用プラン", "利用枠", _P.PLAN_READ, ("name", "label", "created_at"), ("id",), ("name",)),
    Table(
        PlanQuota,
        "プランの利用枠",
        "利用枠",
        _P.PLAN_READ,
        ("plan_id", "dimension", "value", "valid_from", "valid_until"),
        ("id",),
        ("dimension",),
    ),
    Table(
        TenantPlan,
        "団体のプラン",
        "利用枠",
        _P.PLAN_READ,
        ("tenant_id", "plan_id", "valid_from", "valid_until"),
        ("id",),
    ),
    Table(
        QuotaOverride,
        "利用枠の個別決定",
        "利用枠",
        _P.QUOTA_READ,
        ("tenant_id", "dimension", "value", "valid_from", "valid_until"),
        ("id",),
        ("dimension",),
    ),
    Table(
        QuotaRequest,
        "利用枠の申請",
        "利用枠",
        _P.QUOTA_READ,
        ("tenant_id", "dimension", "original_value", "requested_value", "decided_value", "state", "requested_at"),
        ("id", "reason", "requested_by", "digest"),
        ("dimension", "state"),
    ),
    Table(
        AgreementVersion,
        "協定の版",
        "協定・規程",
        _P.AGREEMENT_READ,
        ("number", "language", "effective_from", "mandatory", "sha256"),
        ("id",),
        ("sha256",),
        labels={"number": "版"},
    ),
    Table(
        Acceptance,
        "同意",
        "協定・規程",
        _P.AGREEMENT_READ,
        ("tenant_id", "signer_name", "signer_title", "on_behalf_of", "signed_on", "accepted_at"),
        ("id", "authority", "sha256"),
        ("signer_name", "on_behalf_of"),
    ),
    Table(
        RuleVersion,
        "負担金算定規程の版",
        "協定・規程",
        _P.RULE_READ,
        ("number", "valid_from", "valid_until", "decided_by", "decision_number", "decided_on"),
        ("id", "body", "body_hash"),
        ("decision_number",),
        labels={"number": "版"},
    ),
    Table(CostPool, "経費区分", "費用", _P.COST_READ, ("name", "label", "defined_at"), ("id",), ("name",)),
    Table(
        CostItem,
        "経費",
        "費用",
        _P.COST_READ,
        ("fiscal_year", "kind", "name", "yen", "tax_kind", "source", "withdrawn_at"),
        ("id", "pool_id", "recorded_at", "withdrawn_reason"),
        ("name", "source"),
    ),
    Table(
        AllocationRun,
        "費用按分",
        "費用",
        _P.ALLOCATION_READ,
        ("fiscal_year", "number", "kind", "state", "total_yen", "operator_yen", "operator_residual_yen"),
        ("id", "deductions_yen", "digest", "prepared_at", "prepared_by", "decided_at", "happened_on"),
        ("state",),
    ),
    Table(
        AllocationShare,
        "負担額",
        "費用",
        _P.ALLOCATION_READ,
        ("tenant_id", "fiscal_year", "run_number", "kind", "share_yen", "previous_yen", "posted_at"),
        ("id", "run_id", "digest"),
        ("name",),
    ),
    Table(
        Notice,
        "納入通知書",
        "費用",
        _P.NOTICE_READ,
        ("number", "tenant_id", "fiscal_year", "amount_yen", "issued_on", "due_on", "is_example"),
        ("id", "run_id", "pdf_sha256"),
        ("number",),
    ),
    Table(
        LedgerEntry,
        "仕訳",
        "元帳",
        _P.LEDGER_READ,
        ("number", "tenant_id", "fiscal_year", "happened_on", "kind", "reference", "memo"),
        ("id", "line_count", "reverses_id", "recorded_at"),
        ("reference", "memo"),
        newest_by="number",
        is_long=True,
    ),
    Table(
        LedgerLine,
        "仕訳の行",
        "元帳",
        _P.LEDGER_READ,
        ("tenant_id", "happened_on", "entry_id", "line_no", "account_id", "yen"),
        newest_by="entry_id",
        is_long=True,
    ),
    Table(
        LedgerBalance,
        "残高",
        "元帳",
        _P.LEDGER_READ,
        ("tenant_id", "fiscal_year", "account_id", "yen", "line_count"),
        newest_by="fiscal_year",
        is_long=True,
    ),
    Table(
        AuditEvent,
        "監査記録",
        "記録",
        _P.AUDIT_READ,
        ("recorded_at", "tenant_id", "actor", "command", "event", "outcome", "subject"),
        ("id", "actor_kind", "permission", "facts", "request_id"),
        ("actor", "command", "event", "outcome", "subject"),
        is_long=True,
    ),
    Table(
        Job,
        "ジョブ",
        "記録",
        _P.DRIFT_READ,
        ("tenant_id", "name", "state", "attempts", "created_at", "not_before", "last_error"),
        ("id", "payload", "leased_until"),
        ("name", "state"),
    ),
    Table(
        WebSession,
        "ログイン中のセッション",
        "記録",
        _P.MEMBER_READ,
        ("tenant_id", "person_id", "realm", "opened_at", "last_seen_at", "ends_at"),
        ("id", "roles"),
        ("realm",),
    ),
)
"""Every table shown, in the order of the menu."""
