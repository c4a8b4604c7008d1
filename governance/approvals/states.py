"""What can be decided about a request."""

from __future__ import annotations

from governance.kernel.labels import LabelledEnum


class Decision(LabelledEnum):
    """What another person decided about a request."""

    APPROVED = "approved", "承認", "approved"
    REJECTED = "rejected", "差戻し", "rejected"
