"""Who takes part, as other packages may read it: tenants, cohorts and statistics as frozen values.

All that billing imports of tenancy. Reading only; row-level security limits what is found.
"""

from __future__ import annotations

from tenancy.tenants.facts import (
    cohort,
    cohort_members,
    members_of_year,
    operator,
    tenant_by_code,
    tenant_by_id,
    tenants_by_id,
)
from tenancy.tenants.models import CohortFacts, StatisticValue, TenantFacts
from tenancy.tenants.queries import statistic_values
from tenancy.tenants.states import StatisticKind, TenantKind, TenantState

__all__ = [
    "CohortFacts",
    "StatisticKind",
    "StatisticValue",
    "TenantFacts",
    "TenantKind",
    "TenantState",
    "cohort",
    "cohort_members",
    "members_of_year",
    "operator",
    "statistic_values",
    "tenant_by_code",
    "tenant_by_id",
    "tenants_by_id",
]
