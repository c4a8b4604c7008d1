"""States of an acceptance that a tenant is asked for."""

from __future__ import annotations

from governance.kernel.labels import LabelledEnum


class AcceptanceState(LabelledEnum):
    """Whether a tenant has accepted a version."""

    ACCEPTED = "accepted", "同意済み", "accepted"
    NOT_ACCEPTED = "not-accepted", "未同意", "not accepted"
