"""The states of a webhook, what can be wrong with a delivery, and when the next attempt is made."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from governance.kernel.labels import LabelledEnum

RETRY_DELAYS: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 300, 900, 1800))
"""How long after the n-th failure in a row the next attempt is made; the last one from there on, without an end."""


class WebhookState(LabelledEnum):
    """Whether events are sent. Ended is for good."""

    ACTIVE = "active", "送信中", "active"
    PAUSED = "paused", "一時停止", "paused"
    ENDED = "ended", "終了", "ended"


class DeliveryProblem(LabelledEnum):
    """Why an attempt was no delivery."""

    NAME_UNKNOWN = "name-unknown", "受信側の名前を引けません", "the receiver's name cannot be resolved"
    NOT_PUBLIC = (
        "not-public",
        "受信側の名前が、内部のアドレスを指しています",
        "the receiver's name stands for an internal address",
    )
    UNREACHABLE = "unreachable", "受信側に接続できません", "the receiver cannot be reached"
    CERTIFICATE = "certificate", "受信側の証明書を信頼できません", "the receiver's certificate is not trusted"
    TOO_SLOW = "too-slow", "受信側が時間内に応答しません", "the receiver does not answer in time"
    REDIRECT = "redirect", "受信側が別のアドレスへ転送しました", "the receiver redirects"
    STATUS = "status", "受信側が受け取りませんでした", "the receiver did not take it"
    NOT_APPROVED = (
        "not-approved",
        "このアドレスを承認した記録がありません",
        "nobody approved this address",
    )
    NO_KEY = "no-key", "署名の鍵がありません", "the key that signs is missing"
