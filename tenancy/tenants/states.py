"""The life of a tenant: one transition table, and what each state means for people, tokens, API clients and cost.

Pure. `applied → screening → agreed → provisioning → trial → active ⇄ suspended → leaving → left (→ applied)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from governance.kernel.errors import Conflict, message

NO_SUCH_TRANSITION = message(
    "tenant.no_such_transition",
    ja="「{from_state}」の団体を「{to_state}」にすることはできません。できるのは {possible} です。",
    en="A tenant that is {from_state} cannot become {to_state}; it can become {possible}.",
)


class TenantKind(StrEnum):
    PREFECTURE = "prefecture"
    CITY = "city"
    TOWN = "town"
    VILLAGE = "village"
    UNION = "union"
    COMPANY = "company"
    ASSOCIATE = "associate"


class TenantState(StrEnum):
    APPLIED = "applied"
    SCREENING = "screening"
    AGREED = "agreed"
    PROVISIONING = "provisioning"
    TRIAL = "trial"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEAVING = "leaving"
    LEFT = "left"


class StatisticKind(StrEnum):
    """Which figure: persons, households, square kilometres, or 財政力指数."""

    POPULATION = "population"
    HOUSEHOLDS = "households"
    AREA_KM2 = "area_km2"
    FISCAL_INDEX = "fiscal_index"


class ContactPurpose(StrEnum):
    """What a contact of a tenant is asked about."""

    GENERAL = "general"
    TECHNICAL = "technical"
    FINANCE = "finance"
    SECURITY = "security"


@dataclass(frozen=True, slots=True)
class StateEffects:
    """What a state does: may people sign in, do API clients get tokens, does a share of the cost fall on the tenant."""

    people_sign_in: bool
    clients_get_tokens: bool
    bears_cost: bool


STATE_EFFECTS: Final[dict[TenantState, StateEffects]] = {
    TenantState.APPLIED: StateEffects(False, False, False),
    TenantState.SCREENING: StateEffects(False, False, False),
    TenantState.AGREED: StateEffects(False, False, False),
    TenantState.PROVISIONING: StateEffects(False, False, False),
    TenantState.TRIAL: StateEffects(True, True, False),
    TenantState.ACTIVE: StateEffects(True, True, True),
    # A suspended member still owes its share: the year's cost was split with it.
    TenantState.SUSPENDED: StateEffects(False, False, True),
    TenantState.LEAVING: StateEffects(True, False, True),
    TenantState.LEFT: StateEffects(False, False, False),
}

TRANSITIONS: Final[dict[TenantState, frozenset[TenantState]]] = {
    TenantState.APPLIED: frozenset({TenantState.SCREENING, TenantState.LEFT}),
    TenantState.SCREENING: frozenset({TenantState.AGREED, TenantState.APPLIED, TenantState.LEFT}),
    TenantState.AGREED: frozenset({TenantState.PROVISIONING, TenantState.LEFT}),
    TenantState.PROVISIONING: frozenset({TenantState.TRIAL, TenantState.ACTIVE, TenantState.LEFT}),
    TenantState.TRIAL: frozenset({TenantState.ACTIVE, TenantState.LEAVING}),
    TenantState.ACTIVE: frozenset({TenantState.SUSPENDED, TenantState.LEAVING}),
    TenantState.SUSPENDED: frozenset({TenantState.ACTIVE, TenantState.LEAVING}),
    TenantState.LEAVING: frozenset({TenantState.LEFT, TenantState.ACTIVE}),
    TenantState.LEFT: frozenset({TenantState.APPLIED}),
}


def transition(current: TenantState, to: TenantState) -> TenantState:
    """The new state, or Conflict naming the moves that are possible."""
    if to not in TRANSITIONS[current]:
        raise Conflict(
            NO_SUCH_TRANSITION,
            field="state",
            from_state=current.value,
            to_state=to.value,
            possible=", ".join(sorted(TRANSITIONS[current])),
        )
    return to
