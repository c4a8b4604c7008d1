"""Which tenants are reminded of a version, and which are left out and why. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from governance.kernel import clock
from tenancy.acceptances.models import AcceptanceStatus, LeftOutTenant
from tenancy.acceptances.states import AcceptanceState, NotReminded


@dataclass(frozen=True, slots=True)
class ReminderPlan:
    """Whom a reminder goes to, and who of those chosen is left out."""

    reminded: tuple[AcceptanceStatus, ...]
    left_out: tuple[LeftOutTenant, ...]


def plan_reminders(
    statuses: Iterable[AcceptanceStatus], chosen: Collection[UUID], owners: Mapping[UUID, int], today: date
) -> ReminderPlan:
    """The plan for the chosen tenants; where none is chosen, for all that have not accepted.

    `owners` says how many people of a tenant would get the mail. A tenant is reminded of a version once a day (JST).
    """
    reminded, left_out = [], []
    for one in statuses:
        if (one.tenant_id not in chosen) if chosen else one.state is AcceptanceState.ACCEPTED:
            continue
        reason = _reason_against(one, owners.get(one.tenant_id, 0), today)
        if reason is None:
            reminded.append(one)
        else:
            left_out.append(LeftOutTenant(tenant_id=one.tenant_id, name=one.name, reason=reason))
    return ReminderPlan(tuple(reminded), tuple(left_out))


def _reason_against(one: AcceptanceStatus, owners: int, today: date) -> NotReminded | None:
    if one.state is AcceptanceState.ACCEPTED:
        return NotReminded.ACCEPTED
    if one.reminded_at is not None and clock.jst_date(one.reminded_at) == today:
        return NotReminded.REMINDED_TODAY
    return None if owners else NotReminded.NO_OWNER
