"""What verification of the audit log can find, and its report: one model for page, API and command line."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from governance.kernel.labels import LabelledEnum
from governance.kernel.models import ReadModel


class AuditFindingKind(LabelledEnum):
    """What is not as it was sealed, or not as it is sealed."""

    SEAL_MISSING = "seal_missing", "封印が欠けている", "a seal is missing"
    """A number between two seals of the stream, or before the first one."""
    EVENT_MISSING = "event_missing", "記録が削除されている", "an event was deleted"
    EVENT_CHANGED = "event_changed", "記録が書き換えられている", "an event was changed"
    SEAL_CHANGED = (
        "seal_changed",
        "封印が作り直されているか、並べ替えられている",
        "a seal was changed, forged or reordered",
    )
    UNKEYED_SEAL = (
        "unkeyed_seal",
        "鍵付きの封印のあとに、鍵のない封印がある",
        "a seal without the key follows keyed ones",
    )
    CHAIN_NOT_STARTED = (
        "chain_not_started",
        "封印の始まりの記録がない",
        "the event that starts the keyed chain is missing",
    )
    """The first keyed seal of the stream is not that event's, or it says another end of the unkeyed chain."""
    STREAM_MISSING = "stream_missing", "団体の記録がすべて失われている", "every event of a tenant is gone"
    STREAM_CUT = "stream_cut", "末尾の記録が切り取られている", "the end of the stream was cut off"
    """The stream ends before the number that its tip outside the database says."""
    TIP_DIFFERS = "tip_differs", "控えと異なる封印がある", "a seal differs from the tip kept outside the database"
    EXPECTED_DIFFERS = "expected_differs", "指定された控えと異なる", "the stream differs from the given head"
    GIVEN_UP = (
        "given_up",
        "バックアップからの復元で失われた範囲の控えと異なる",
        "differs from a head that a restore from a backup gave up",
    )
    """The head is later than the backup from which the installation was restored: true only if somebody did restore."""
    BACKDATED = "backdated", "過去の日時で挿入された記録がある", "an event was inserted into the past"
    """Without a seal and older than any honest transaction could have made it; the sealer refuses it."""
    POSTDATED = "postdated", "未来の日時の記録がある", "an event is dated in the future"
    UNSEALED = "unsealed", "長い間封印されていない記録がある", "events have waited too long for their seal"
    KEY_MISSING = (
        "key_missing",
        "封印の鍵のファイルがないか、読めない",
        "the file of the key is missing or holds no key",
    )
    TIPS_MISSING = "tips_missing", "末尾の控えのファイルがない", "the file of tips is missing"
    TIPS_CHANGED = (
        "tips_changed",
        "末尾の控えのファイルが書き換えられているか、鍵が異なる",
        "the file of tips was changed, or the key is another",
    )


class AuditFinding(ReadModel):
    """One thing found. What does not apply is None.

    `stream` is the tenant, `sequence` the number in its stream, counted from 1 (the first one, where several are
    concerned, and `last_sequence` the last); `event_id` is the event's.
    """

    kind: AuditFindingKind
    stream: UUID | None = None
    sequence: int | None = None
    last_sequence: int | None = None
    event_id: UUID | None = None

    @property
    def place(self) -> str:
        """Stream, numbers and event as one line; ― for what concerns the whole installation."""
        parts = [] if self.stream is None else [str(self.stream)]
        if self.sequence is not None:
            several = self.last_sequence not in (None, self.sequence)
            parts.append(f"#{self.sequence}–{self.last_sequence}" if several else f"#{self.sequence}")
        if self.event_id is not None:
            parts.append(str(self.event_id))
        return " ".join(parts) or "―"


class AuditHead(ReadModel):
    """The last seal of a stream. `text` is what `moyai audit verify --expect` takes: keep it elsewhere."""

    stream: UUID
    sequence: int
    chain_hash: str
    text: str


class AuditRestore(ReadModel):
    """A restore from a backup, as its audit event says it: when, and when the backup was taken."""

    event_id: UUID
    recorded_at: datetime
    taken_at: datetime


class AuditVerificationReport(ReadModel):
    """What `verify` found: `intact` is True without a finding.

    `records` counts events, `unsealed` those that wait for their seal. `findings` holds at most 1,000, in the order of
    streams and numbers; `findings_total` counts them all.
    """

    intact: bool
    records: int
    unsealed: int
    findings_total: int
    findings: tuple[AuditFinding, ...]
    heads: tuple[AuditHead, ...]
    restores: tuple[AuditRestore, ...]
    """Oldest first; in the operator's stream, so that a tenant's scope sees none."""
