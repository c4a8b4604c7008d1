"""The kinds and states of an allocation run."""

from __future__ import annotations

from governance.kernel.labels import LabelledEnum


class RunKind(LabelledEnum):
    """The first split of a year (概算), or a later one of the whole year that posts the difference (変更)."""

    ESTIMATE = "estimate", "概算", "estimate"
    REVISION = "revision", "変更", "revision"


class RunState(LabelledEnum):
    """A run waits for one decision by another person; both decisions are final."""

    AWAITING_APPROVAL = "awaiting_approval", "承認待ち", "awaiting approval"
    POSTED = "posted", "記帳済み", "posted"
    REJECTED = "rejected", "差し戻し", "rejected"
