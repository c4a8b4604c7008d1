"""The life of a tenant: one transition table, and what each state means for people, tokens, API clients and cost.

Pure. `applied → screening → agreed → provisioning → trial → active ⇄ suspended → leaving → left (→ applied)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from governance.kernel.errors import Conflict, message
from governance.kernel.labels import LabelledEnum

NO_SUCH_TRANSITION = message(
    "tenant.no_such_transition",
    ja="「{from_state}」の団体を「{to_state}」にすることはできません。できるのは {possible} です。",
    en="A tenant that is {from_state} cannot become {to_state}; it can become {possible}.",
)


class TenantKind(LabelledEnum):
    """What an organization is: a local government (地方自治法1条の3), a union of them, or another that joins."""

    PREFECTURE = "prefecture", "都道府県", "prefecture"
    CITY = "city", "市", "city"
    TOWN = "town", "町", "town"
    VILLAGE = "village", "村", "village"
    UNION = "union", "一部事務組合・広域連合", "union"
    COMPANY = "company", "企業", "company"
    ASSOCIATE = "associate", "準参加団体", "associate"


class TenantState(LabelledEnum):
    """Where a tenant stands between applying and leaving; TRANSITIONS says what may follow."""

    APPLIED = "applied", "申請", "applied"
    SCREENING = "screening", "審査中", "screening"
    AGREED = "agreed", "合意済み", "agreed"
    PROVISIONING = "provisioning", "参加手続中", "being onboarded"
    TRIAL = "trial", "試行", "trial"
    ACTIVE = "active", "参加中", "active"
    SUSPENDED = "suspended", "停止中", "suspended"
    LEAVING = "leaving", "脱退手続中", "leaving"
    LEFT = "left", "脱退", "left"


PROVISIONED_STATES: Final = frozenset(
    {TenantState.TRIAL, TenantState.ACTIVE, TenantState.SUSPENDED, TenantState.LEAVING}
)
"""States in which everything of a tenant is meant to be in Keycloak. Before them its onboarding shows the progress."""


class StatisticKind(LabelledEnum):
    """What a statistic counts or measures: persons, households, square kilometres, or 財政力指数 (a ratio)."""

    POPULATION = "population", "人口（人）", "population"
    HOUSEHOLDS = "households", "世帯数（世帯）", "households"
    AREA_KM2 = "area_km2", "面積（km²）", "area (km²)"
    FISCAL_INDEX = "fiscal_index", "財政力指数", "fiscal index"


class ContactPurpose(LabelledEnum):
    """What a contact of a tenant is asked about."""

    GENERAL = "general", "総合窓口", "general"
    TECHNICAL = "technical", "技術", "technical"
    FINANCE = "finance", "会計", "finance"
    SECURITY = "security", "情報セキュリティ", "security"


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
    """Return `to`. Raises Conflict, naming the states that are possible, where TRANSITIONS has no such change."""
    if to not in TRANSITIONS[current]:
        raise Conflict(
            NO_SUCH_TRANSITION,
            field="state",
            from_state=current,
            to_state=to,
            possible=tuple(state for state in TenantState if state in TRANSITIONS[current]),
        )
    return to


class FewestOwners(LabelledEnum):
    """How many owners a tenant always has at least: never fewer than one, two where the tenant says so."""

    ONE = "one", "1人", "one"
    TWO = "two", "2人", "two"

    @property
    def number(self) -> int:
        """As a number, to count against."""
        return 2 if self is FewestOwners.TWO else 1
