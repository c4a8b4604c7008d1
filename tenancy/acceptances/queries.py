"""Reads of acceptances: who of the tenants that take part has accepted a version, and what waits for one."""

from __future__ import annotations

from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Subquery, func, literal, select
from sqlalchemy.orm import Session

from governance.agreements.queries import (
    acceptances_of_version,
    is_asked_for,
    select_acceptances,
    select_binding_versions,
    version,
)
from governance.kernel.waiting import WaitingSelect, first_tenants, waiting_columns
from tenancy.acceptances.models import AcceptanceStatus
from tenancy.acceptances.states import AcceptanceState
from tenancy.acceptances.tables import AcceptanceReminder
from tenancy.reminders import NotReminded
from tenancy.tenants.facts import select_tenant_states
from tenancy.tenants.states import TenantState

TAKING_PART: Final = tuple(state.value for state in (TenantState.TRIAL, TenantState.ACTIVE, TenantState.SUSPENDED))
"""States of the tenants that are asked. One that is being onboarded accepts as a step of that."""


def acceptance_statuses(
    session: Session, version_id: UUID, today: date, *, state: AcceptanceState | None = None
) -> list[AcceptanceStatus]:
    """The tenants that take part, by code, and whether each accepted the version; of one state where given.

    In a tenant's scope its own alone. Raises NotFound for an unknown version.
    """
    asked = version(session, version_id)
    is_asked = is_asked_for(session, version_id, today)
    accepted = acceptances_of_version(session, version_id)
    reminded = {
        row.tenant_id: row.reminded_at
        for row in session.execute(
            select(AcceptanceReminder.tenant_id, func.max(AcceptanceReminder.reminded_at).label("reminded_at"))
            .where(AcceptanceReminder.version_id == version_id)
            .group_by(AcceptanceReminder.tenant_id)
        )
    }
    tenant = select_tenant_states().subquery()
    found = []
    for row in session.execute(
        select(tenant).where(*_takes_part(tenant)).order_by(tenant.c.code.nulls_last(), tenant.c.id)
    ):
        acceptance = accepted.get(row.id)
        one = AcceptanceStatus(
            tenant_id=row.id,
            code=row.code,
            name=row.name,
            state=AcceptanceState.NOT_ACCEPTED if acceptance is None else AcceptanceState.ACCEPTED,
            accepted_at=None if acceptance is None else acceptance.accepted_at,
            signed_on=None if acceptance is None else acceptance.signed_on,
            signer_title=None if acceptance is None else acceptance.signer_title,
            signer_name=None if acceptance is None else acceptance.signer_name,
            asked_at=asked.published_at if is_asked else None,
            due_on=asked.effective_from if is_asked else None,
            reminded_at=reminded.get(row.id),
        )
        if state is None or one.state is state:
            found.append(one)
    return found


def has_accepted(one: AcceptanceStatus) -> NotReminded | None:
    """Why a tenant that has accepted is not reminded; None for one that has not."""
    return NotReminded.ACCEPTED if one.state is AcceptanceState.ACCEPTED else None


def missing_acceptances(today: date) -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: the versions asked for that not every tenant accepted.

    `facts` say how many should (`total`) and did not (`missing`).
    """
    version, accepted = select_binding_versions(today).subquery(), select_acceptances().subquery()
    tenant = select_tenant_states().subquery()
    total = select(func.count()).select_from(tenant).where(*_takes_part(tenant)).scalar_subquery()
    has_accepted = select(accepted.c.version_id).where(
        accepted.c.version_id == version.c.id, accepted.c.tenant_id == tenant.c.id
    )
    facts = _version_facts(version, "missing", func.count(), "total", total)
    # Every column of the version is the same within its id.
    whole = (version.c.id, version.c.title, version.c.number, version.c.effective_from, version.c.published_at)
    return (
        select(
            *waiting_columns(
                literal(1),
                facts=facts,
                since=version.c.published_at,
                tenants=first_tenants(tenant.c.id, tenant.c.id),
            )
        )
        .select_from(version.join(tenant, literal(True)))
        .where(*_takes_part(tenant), ~has_accepted.exists())
        .group_by(*whole)
    )


def unaccepted_versions(tenant_id: UUID, today: date) -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: the versions asked for that this tenant has not accepted, one a row."""
    version, accepted = select_binding_versions(today).subquery(), select_acceptances().subquery()
    has_accepted = select(accepted.c.version_id).where(
        accepted.c.version_id == version.c.id, accepted.c.tenant_id == tenant_id
    )
    return select(*waiting_columns(literal(1), facts=_version_facts(version), since=version.c.published_at)).where(
        ~has_accepted.exists()
    )


def _takes_part(tenant: Subquery) -> tuple[Any, ...]:
    return (tenant.c.state.in_(TAKING_PART), ~tenant.c.is_operator)


def _version_facts(version: Subquery, *more: Any) -> Any:
    return func.jsonb_build_object(
        *("version", version.c.id, "title", version.c.title, "number", version.c.number),
        *("effective_from", version.c.effective_from, *more),
    )
