"""A tenant in the register of who takes part."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from governance.kernel.models import ReadModel
from tenancy.tenants.states import TenantKind, TenantState


class MonthlyChange(ReadModel):
    """A change of state in the month: the day from which it counts, and the new state."""

    on: date
    state: TenantState


class RegistryRow(ReadModel):
    """A tenant as it was at the end of a month, or today in the present one.

    `state` holds since `state_since`; `changes` are those of the month. `owners` and `people` hold a role at the end of
    that day. Name, code and contact are those of today.
    """

    tenant_id: UUID
    code: str | None
    name: str
    kana: str
    kind: TenantKind
    state: TenantState
    state_since: date
    changes: tuple[MonthlyChange, ...]
    cohort: str | None
    first_day: date | None
    last_day: date | None
    plan: str | None
    owners: int
    people: int
    contact_section: str | None
    contact_name: str | None
    contact_email: str | None
    contact_phone: str | None
