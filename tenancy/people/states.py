"""The states of a member."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from governance.kernel.labels import LabelledEnum

INVITATION_LIFETIME: Final = timedelta(days=1)
"""How long the link for setting a password is good: `actionTokenGeneratedByAdminLifespan` of the realms."""


class MemberState(LabelledEnum):
    """Invited until the first sign-in; suspended people may come back, removed ones do not."""

    INVITED = "invited", "パスワード未設定", "invited"
    ACTIVE = "active", "利用中", "active"
    SUSPENDED = "suspended", "停止中", "suspended"
    REMOVED = "removed", "削除", "removed"


class InvitationState(LabelledEnum):
    """What has become of an invitation that was not accepted. One that was sent ends after INVITATION_LIFETIME."""

    WAITING = "waiting", "送信待ち", "not sent yet"
    SENT = "sent", "送信済み", "sent"
    EXPIRED = "expired", "期限切れ", "expired"
    CANCELLED = "cancelled", "取消し", "cancelled"


class RoleChangeKind(LabelledEnum):
    """What lies ahead of a role that is granted: its beginning, else its end."""

    START = "start", "付与", "granted"
    END = "end", "終了", "ended"


class SyncProblem(LabelledEnum):
    """Why a person is not in Keycloak although Moyai wants them there. It stops that person and nobody else."""

    ADDRESS_IN_USE = (
        "address-in-use",
        "登録待ち: このメールアドレスは別の利用者が使っています",
        "waiting: somebody else uses this address",
    )
    REFUSED = "refused", "登録待ち: 認証サービスが受け付けませんでした", "waiting: the identity server refused it"
    SKIPPED = "skipped", "登録を見送り中", "skipped"


class SyncDecision(LabelledEnum):
    """What the operator decides about a person who is not in Keycloak yet."""

    RETRY = "retry", "再実行", "retry"
    SKIP = "skip", "見送り", "skip"
