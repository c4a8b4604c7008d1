"""States of an acceptance that a tenant is asked for, and why a tenant is not reminded of one."""

from __future__ import annotations

from governance.kernel.labels import LabelledEnum


class AcceptanceState(LabelledEnum):
    """Whether a tenant has accepted a version."""

    ACCEPTED = "accepted", "同意済み", "accepted"
    NOT_ACCEPTED = "not-accepted", "未同意", "not accepted"


class NotReminded(LabelledEnum):
    """Why a tenant gets no reminder."""

    ACCEPTED = "accepted", "同意済み", "accepted"
    REMINDED_TODAY = "reminded-today", "本日催促済み", "reminded today"
    NO_OWNER = "no-owner", "団体管理者がいない", "without an owner"
