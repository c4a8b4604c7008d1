"""The states of a member."""

from __future__ import annotations

from governance.kernel.labels import LabelledEnum


class MemberState(LabelledEnum):
    """Invited until the first sign-in; suspended people may come back, removed ones do not."""

    INVITED = "invited", "招待中", "invited"
    ACTIVE = "active", "利用中", "active"
    SUSPENDED = "suspended", "停止中", "suspended"
    REMOVED = "removed", "削除", "removed"


class SyncProblem(LabelledEnum):
    """Why a person is not in Keycloak although Moyai wants them there. It stops that person and nobody else."""

    ADDRESS_IN_USE = (
        "address-in-use",
        "待機中: このメールアドレスは別の利用者が使っています",
        "waiting: somebody else uses this address",
    )
    REFUSED = "refused", "待機中: 認証サーバが受け付けませんでした", "waiting: the identity server refused it"
    SKIPPED = "skipped", "登録を見送り中", "skipped"


class SyncDecision(LabelledEnum):
    """What the operator decides about a person who is not in Keycloak yet."""

    RETRY = "retry", "やり直し", "retry"
    SKIP = "skip", "見送り", "skip"
