"""In which state each tenant was on a day, and how it changed since another, for the register of who takes part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from governance.kernel.clock import jst_date
from tenancy.tenants.facts import select_tenants
from tenancy.tenants.models import ContactRecord
from tenancy.tenants.states import ContactPurpose, TenantKind, TenantState
from tenancy.tenants.tables import Contact, Tenant, TenantStateChange


@dataclass(frozen=True, slots=True)
class StateOnDay:
    """A tenant with the state it was in on a day, since when, and the changes from `since` to that day."""

    id: UUID
    code: str | None
    name: str
    kana: str
    kind: TenantKind
    state: TenantState
    state_since: date
    changes: Sequence[tuple[date, TenantState]]
    cohort: str | None
    first_day: date | None
    ends_on: date | None
    """The day after the last one; None where it is not over."""
    contact: ContactRecord | None


def states_on(session: Session, day: date, *, since: date) -> list[StateOnDay]:
    """Every tenant that was registered by that day, by code, the operator left out.

    Of the changes that had taken effect the one recorded last counts: an onboarding that ends after the planned first
    day makes the tenant active from that day on, which lies before the days of its own steps.
    """
    changes: dict[UUID, list[tuple[date, TenantState]]] = defaultdict(list)
    query = select(TenantStateChange).where(TenantStateChange.effective_on <= day)
    for change in session.scalars(query.order_by(TenantStateChange.id)):
        changes[change.tenant_id].append((change.effective_on, TenantState(change.to_state)))
    contacts = {
        contact.tenant_id: ContactRecord.model_validate(contact)
        for contact in session.scalars(select(Contact).where(Contact.purpose == ContactPurpose.GENERAL.value))
    }
    found = []
    for row, _, cohort in session.execute(
        select_tenants().where(~Tenant.is_operator).order_by(Tenant.code.nulls_last(), Tenant.name)
    ):
        registered = jst_date(row.registered_at)
        if registered > day:
            continue
        own = changes[row.id]
        state_since, state = own[-1] if own else (registered, TenantState.APPLIED)
        found.append(
            StateOnDay(
                id=row.id,
                code=row.code,
                name=row.name,
                kana=row.kana,
                kind=TenantKind(row.kind),
                state=state,
                state_since=state_since,
                changes=[one for one in own if one[0] >= since],
                cohort=cohort,
                first_day=row.valid_from,
                ends_on=row.valid_until,
                contact=contacts.get(row.id),
            )
        )
    return found


def first_registration(session: Session) -> date | None:
    """The day on which the first tenant but the operator was registered; None before."""
    found = session.scalar(select(func.min(Tenant.registered_at)).where(~Tenant.is_operator))
    return None if found is None else jst_date(found)
