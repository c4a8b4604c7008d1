"""The kinds and states of an allocation run."""

from __future__ import annotations

from governance.kernel.labels import Label, LabelledEnum


class RunKind(LabelledEnum):
    """The first split of a year (当初), or a later one of the whole year that posts the difference (変更)."""

    ESTIMATE = "estimate", "当初", "estimate"
    REVISION = "revision", "変更", "revision"


class RunState(LabelledEnum):
    """A draft waits for finance to submit it, a submitted run for another person's decision; decisions are final."""

    DRAFT = "draft", "下書き", "draft"
    AWAITING_APPROVAL = "awaiting_approval", "承認待ち", "awaiting approval"
    POSTED = "posted", "記帳済み", "posted"
    REJECTED = "rejected", "差戻し", "rejected"


def run_name(revision: int) -> Label:
    """What people call a run: 当初 (revision 0), 第1回変更, 第2回変更 and so on.

    `revision` counts the changes of a year that were posted. It is not the run's number, which also counts drafts that
    were replaced and runs that were sent back.
    """
    return Label(f"第{revision}回変更", f"revision {revision}") if revision else Label("当初", "estimate")
