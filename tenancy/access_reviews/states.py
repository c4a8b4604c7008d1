"""States of an access review and of its lines. Pure."""

from __future__ import annotations

from governance.kernel.labels import LabelledEnum


class ReviewState(LabelledEnum):
    """Whether the lines of a review may still be decided."""

    OPEN = "open", "実施中", "open"
    SIGNED = "signed", "署名済み", "signed"
    CANCELLED = "cancelled", "取りやめ", "cancelled"


class LineKind(LabelledEnum):
    """Whose access a line is about."""

    PERSON = "person", "利用者", "person"
    CLIENT = "client", "連携システム", "service client"


class LineDecision(LabelledEnum):
    """What becomes of the access of a line when the review is signed."""

    KEEP = "keep", "継続する", "keep"
    END_ROLES = "end-roles", "役割を終える", "end roles"
    SUSPEND = "suspend", "利用を停止する", "suspend"


class LineFilter(LabelledEnum):
    """Which lines of a review."""

    UNDECIDED = "undecided", "未判断", "undecided"
    DECIDED = "decided", "判断済み", "decided"
    CHANGED = "changed", "開始後に変更あり", "changed meanwhile"
    WITHDRAWN = "withdrawn", "終了・停止する", "withdrawn"
