"""The enums of quotas, as stored and as every reader shows them."""

from __future__ import annotations

from enum import StrEnum

from governance.kernel.labels import LabelledEnum


class QuotaMeasure(StrEnum):
    """How a dimension is measured: a level at a moment (people, GiB), or a count within a period (API calls)."""

    GAUGE = "gauge"
    COUNTER = "counter"


class QuotaPeriod(LabelledEnum):
    """After which time a counter starts again at zero (JST)."""

    MONTH = "month", "月あたり", "per month"


class QuotaSource(LabelledEnum):
    """Where a value in force comes from: the tenant's own decision, its plan, or neither (the value is 0 then)."""

    OVERRIDE = "override", "個別の決定", "individual decision"
    PLAN = "plan", "利用プラン", "plan"
    NONE = "none", "定めなし", "none"


class QuotaRequestState(LabelledEnum):
    """`open` until another person decides; the other two are final."""

    OPEN = "open", "決定待ち", "open"
    APPROVED = "approved", "承認", "approved"
    REJECTED = "rejected", "却下", "rejected"
