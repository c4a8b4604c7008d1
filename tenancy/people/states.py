"""The states of a member."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from governance.kernel.labels import LabelledEnum

INVITATION_LIFETIME: Final = timedelta(days=1)
"""How long the link for setting a password is good: `actionTokenGeneratedByAdminLifespan` of the realms."""


DORMANT_AFTER: Final = timedelta(days=90)
"""After how long without a sign-in an account of somebody who is active is dormant (休眠アカウント)."""


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


class SignIn(LabelledEnum):
    """When people signed in last. Dormant: active, and not signed in for DORMANT_AFTER, nor added since."""

    RECENT = "recent", "90日以内", "within 90 days"
    DORMANT = "dormant", "90日以上ない（休眠）", "not for 90 days (dormant)"
    NEVER = "never", "一度もない", "never"


class LeavingKind(LabelledEnum):
    """What becomes of a person who leaves, after the last day."""

    SUSPENDED = "suspended", "停止する（再開できる）", "suspended (may come back)"
    REMOVED = "removed", "削除する（元に戻せない）", "removed for good"

    @property
    def state(self) -> MemberState:
        """As a state of the member."""
        return MemberState(self.value)


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
    AWAITING_CONSENT = "awaiting-consent", "本人の承諾待ち", "waiting for the person's consent"
    CONSENT_DECLINED = "consent-declined", "本人が辞退しました", "declined by the person"
    REFUSED = "refused", "登録待ち: 認証サービスが受け付けませんでした", "waiting: the identity server refused it"
    SKIPPED = "skipped", "登録を見送り中", "skipped"


NOT_WANTED_YET: Final = frozenset({SyncProblem.AWAITING_CONSENT, SyncProblem.CONSENT_DECLINED, SyncProblem.SKIPPED})
"""For what Keycloak is not to have a person: nobody has to mend it there."""


class SyncDecision(LabelledEnum):
    """What the operator decides about a person who is not in Keycloak yet."""

    RETRY = "retry", "再実行", "retry"
    SKIP = "skip", "見送り", "skip"


class MemberAction(LabelledEnum):
    """What a row of a file of people asks for."""

    ADD = "add", "追加", "add"
    CHANGE = "change", "変更", "change"
    SUSPEND = "suspend", "停止", "suspend"
    REMOVE = "remove", "削除", "remove"
