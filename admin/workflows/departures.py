"""Tenants whose last day is over have left from 0:00 of the next: by the worker, once, also after it was down."""

from __future__ import annotations

from collections.abc import Callable

from governance.actors import Actor
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from tenancy.tenants.commands import ChangeTenantState, change_tenant_state
from tenancy.tenants.departures import departures_due
from tenancy.tenants.states import TenantState


def complete_departures(actor: Callable[[], Actor]) -> None:
    """Change the state of every tenant whose last day is over to left, as of the day after. `actor` is the worker."""
    with system_transaction(OPERATOR) as session:
        due = departures_due(session, clock.today())
    for one in due:
        left = ChangeTenantState(
            tenant_id=one.tenant_id, to=TenantState.LEFT, reason=one.reason, effective_on=one.ends_on
        )
        change_tenant_state(left, actor=actor())
