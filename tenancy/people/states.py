"""The states of a member."""

from __future__ import annotations

from enum import StrEnum


class MemberState(StrEnum):
    """Invited until the first sign-in; suspended people may come back, removed ones do not."""

    INVITED = "invited"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REMOVED = "removed"
