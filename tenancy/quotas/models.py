"""What the queries of quotas return."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from governance.kernel.models import ReadModel
from tenancy.quotas.states import QuotaMeasure, QuotaPeriod, QuotaRequestState, QuotaSource


class DimensionFacts(ReadModel):
    """One thing that can be limited. `period` is set for counters only."""

    name: str
    label: str
    unit: str
    measure: QuotaMeasure
    period: QuotaPeriod | None


class PlanFacts(ReadModel):
    """A plan and what it allows on one day by dimension; null is unlimited, 0 is nothing."""

    id: UUID
    name: str
    label: str
    quotas: dict[str, int | None]


class ComingQuota(ReadModel):
    """What a plan will allow of one dimension from a day on; null is unlimited."""

    dimension: str
    value: int | None
    valid_from: date


class TenantOnPlan(ReadModel):
    """A tenant that is on a plan, and since which day."""

    tenant_id: UUID
    valid_from: date


class QuotaInForce(ReadModel):
    """What a tenant may use of one dimension. `value` null is unlimited, 0 is nothing."""

    dimension: str
    label: str
    unit: str
    measure: QuotaMeasure
    period: QuotaPeriod | None
    value: int | None
    source: QuotaSource


class QuotaRequestFacts(ReadModel):
    """A request for another value; null values are unlimited. The decision names its digest.

    `decided_value` counts only when `state` is `approved`: it is null before a decision and after a rejection, too.
    """

    id: UUID
    tenant_id: UUID
    dimension: str
    original_value: int | None
    requested_value: int | None
    decided_value: int | None
    state: QuotaRequestState
    reason: str
    digest: str
    requested_by: str
    requested_at: datetime
