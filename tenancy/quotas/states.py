"""The enums of quotas, as stored and as every reader shows them."""

from __future__ import annotations

from enum import StrEnum


class QuotaMeasure(StrEnum):
    """How a dimension is measured: a level at a moment (people, GiB), or a count within a period (API calls)."""

    GAUGE = "gauge"
    COUNTER = "counter"


class QuotaPeriod(StrEnum):
    """After which time a counter starts again at zero (JST)."""

    MONTH = "month"


class QuotaSource(StrEnum):
    """Where a value in force comes from: the tenant's own decision, its plan, or neither (the value is 0 then)."""

    OVERRIDE = "override"
    PLAN = "plan"
    NONE = "none"


class QuotaRequestState(StrEnum):
    """`open` until another person decides; the other two are final."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
