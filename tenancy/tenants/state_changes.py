"""Changing a tenant's state, inside the command that decides to."""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import exists, select, update

from governance.agreements.queries import acceptance_in_force
from governance.commands import CommandContext
from governance.events import Event
from governance.kernel.errors import Conflict, message
from governance.kernel.ids import new_id
from tenancy.tenants.rows import tenant_row
from tenancy.tenants.states import PROVISIONED_STATES, STATE_EFFECTS, TenantState, transition
from tenancy.tenants.tables import Departure, TenantStateChange

SYNC_TENANT: Final = "tenant.sync"
"""The job that brings to Keycloak whether a tenant's people and service clients are let in."""

MAIL_STATE_CHANGE: Final = "tenant.mail-state-change"
"""The job that tells a tenant's owners of a change of state that they notice at once."""

_NOTICED: Final = frozenset({TenantState.SUSPENDED, TenantState.LEAVING, TenantState.LEFT})
"""States that people notice, on coming to them and on coming back from them."""

OPERATOR_STAYS = message(
    "tenant.operator_stays",
    ja="運営者の状態は変更できません。",
    en="The operator's own state does not change.",
)
NO_ACCEPTANCE = message(
    "tenant.no_acceptance",
    ja="{name} は、施行中の協定に同意していないため、利用を開始できません。",
    en="{name} has not accepted the agreement in force and cannot become active.",
    hint_ja="協定への同意を登録してから、もう一度実行してください。",
    hint_en="Record the acceptance of the agreement first.",
)


def require_possible(current: TenantState, to: TenantState, *, is_operator: bool) -> None:
    """Raise Conflict for a change not in TRANSITIONS and for the operator, whatever else is asked of the change."""
    if is_operator:
        raise Conflict(OPERATOR_STAYS, field="to")
    transition(current, to)


def apply_transition(ctx: CommandContext, tenant_id: UUID, to: TenantState, *, reason: str, effective_on: date) -> int:
    """Lock the tenant, change its state, record the change; return the tenant's new version.

    Becoming active begins the membership on `effective_on`, unless its first day was planned before; `left` ends it
    there. Where the change lets people or service clients in or out, Keycloak follows by a job and the owners are
    mailed; here it counts at the next request. So it does for a tenant that had left: its onboarding makes people who
    are new, and those who were taken out come back by the job. Raises NotFound, and Conflict for a change not in
    TRANSITIONS, for the operator, and for `active` without an acceptance in force.
    """
    tenant = tenant_row(ctx.session, tenant_id)
    current = TenantState(tenant.state)
    require_possible(current, to, is_operator=tenant.is_operator)
    if to is TenantState.ACTIVE:
        if acceptance_in_force(ctx.session, tenant.id, ctx.today) is None:
            raise Conflict(NO_ACCEPTANCE, field="to", name=tenant.name)
        if tenant.valid_from is None or tenant.valid_until is not None:
            tenant.valid_from, tenant.valid_until = effective_on, None
    elif to is TenantState.LEFT and tenant.valid_from is not None and tenant.valid_until is None:
        if STATE_EFFECTS[current].bears_cost:
            tenant.valid_until = max(effective_on, tenant.valid_from)
        else:
            # A membership that was planned and never began leaves no interval behind.
            tenant.valid_from = None
    if current is TenantState.LEAVING:
        under_way = Departure.tenant_id == tenant.id, Departure.ended_at.is_(None)
        ctx.session.execute(update(Departure).where(*under_way).values(ended_at=ctx.now))
    tenant.state = to.value
    tenant.version += 1
    ctx.session.add(
        TenantStateChange(
            id=new_id(),
            tenant_id=tenant.id,
            from_state=current.value,
            to_state=to.value,
            reason=reason,
            effective_on=effective_on,
            changed_by=ctx.actor.id,
            changed_at=ctx.now,
        )
    )
    ctx.session.flush()
    ctx.audit(
        subject=tenant.id,
        tenant_id=tenant.id,
        event=Event.TENANT_STATE_CHANGED,
        from_state=current.value,
        to_state=to.value,
        effective_on=effective_on.isoformat(),
        reason=reason,
    )
    is_back = current is TenantState.PROVISIONING and to in PROVISIONED_STATES and _has_left(ctx, tenant.id)
    if is_back or (current in PROVISIONED_STATES and _access(current) != _access(to)):
        ctx.enqueue(SYNC_TENANT, {"tenant_id": str(tenant.id)}, tenant_id=tenant.id)
    if (to in _NOTICED and current in PROVISIONED_STATES) or (current in _NOTICED and to is TenantState.ACTIVE):
        announced = {"to": to.value, "reason": reason, "effective_on": effective_on.isoformat()}
        ctx.enqueue(MAIL_STATE_CHANGE, {"tenant_id": str(tenant.id), **announced}, tenant_id=tenant.id)
    return tenant.version


def _has_left(ctx: CommandContext, tenant_id: UUID) -> bool:
    left = TenantStateChange.tenant_id == tenant_id, TenantStateChange.to_state == TenantState.LEFT.value
    return bool(ctx.session.scalar(select(exists().where(*left))))


def _access(state: TenantState) -> tuple[bool, bool]:
    """Whether people sign in, and whether service clients get tokens."""
    return STATE_EFFECTS[state].people_sign_in, STATE_EFFECTS[state].clients_get_tokens
