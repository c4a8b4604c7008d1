"""The states of a member."""

from __future__ import annotations

from governance.kernel.labels import LabelledEnum


class MemberState(LabelledEnum):
    """Invited until the first sign-in; suspended people may come back, removed ones do not."""

    INVITED = "invited", "招待中", "invited"
    ACTIVE = "active", "利用中", "active"
    SUSPENDED = "suspended", "停止中", "suspended"
    REMOVED = "removed", "削除", "removed"
