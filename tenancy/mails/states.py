"""What became of a mail."""

from __future__ import annotations

from governance.kernel.labels import LabelledEnum


class MailState(LabelledEnum):
    """sending: being handed over, or unknown whether it was · sent: the mail server took it · failed: it did not."""

    SENDING = "sending", "送信中・結果不明", "being sent, or unknown"
    SENT = "sent", "送信済み", "sent"
    FAILED = "failed", "送信できなかった", "not sent"
