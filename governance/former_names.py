"""How names of earlier versions are read: stored rows keep the names they were written and sealed with.

Each table maps a name that rows may still hold to the name the code has for it now. Version 0.1.0 wrote the names on
the left. A name stays here for as long as a row with it may exist, which for audit events is always.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

EVENTS: Final[Mapping[str, str]] = {
    "tenant.moved": "tenant.state_changed",
    "period.moved": "period.state_changed",
    "member.projected": "member.synced",
    "plan.chosen": "plan.assigned",
}
"""`audit_event.event`."""

PERMISSIONS: Final[Mapping[str, str]] = {
    "tenancy:tenant:move": "tenancy:tenant:change-state",
    "billing:period:move": "billing:period:change-state",
    "tenancy:member:project": "tenancy:member:sync",
    "tenancy:plan:choose": "tenancy:plan:assign",
    "door:overview:read": "platform:overview:read",
    "door:mail:read": "platform:mail:read",
    "door:backoffice:open": "platform:backoffice:open",
    "door:servers:run": "platform:servers:run",
    "door:keycloak:configure": "platform:keycloak:configure",
    "door:example:load": "platform:example:load",
    "door:signed-in": "platform:signed-in",
    "door:public": "platform:public",
}
"""`audit_event.permission`."""

JOB_KINDS: Final[Mapping[str, str]] = {}
"""`job.name`. No kind of job has been renamed yet."""

FACT_KEYS: Final[Mapping[str, str]] = {"why": "reason", "order": "fields", "deed": "effect"}
"""Keys of `audit_event.facts` and of `onboarding_step.outcome`."""

MESSAGE_CODES: Final[Mapping[str, str]] = {
    "allocation.inputs_moved": "allocation.inputs_changed",
    "allocation.run_open": "allocation.run_awaiting_approval",
    "cli.database_away": "cli.database_unavailable",
    "database.away": "database.unavailable",
    "period.no_such_move": "period.no_such_transition",
    "rule.end_moved_wrongly": "rule.end_in_the_past",
    "statistic.not_a_figure": "statistic.invalid_value",
    "tenant.no_such_move": "tenant.no_such_transition",
    "tenant.ward_is_no_body": "tenant.ward_not_eligible",
}
"""`onboarding_step.reason`, and the fact `code` of refused commands."""


@dataclass(frozen=True, slots=True)
class FormerRequest:
    """How version 0.1.0 named a command and its fields, where it did so differently: `fields` is now → then.

    `gone` are fields that the command has no more, with the values they had where nobody gave one.
    """

    command: str
    fields: Mapping[str, str] = field(default_factory=dict)
    gone: tuple[Mapping[str, Any], ...] = ({},)


REQUESTS: Final[Mapping[str, FormerRequest]] = {
    "change_tenant_state": FormerRequest("move_tenant"),
    "change_period_state": FormerRequest("move_period"),
    "sync_member": FormerRequest("project_member"),
    "assign_plan": FormerRequest("choose_plan"),
    "reverse_entry": FormerRequest("reverse_entry", {"reason": "why"}),
    "decide_quota": FormerRequest("decide_quota", {"reason": "why"}),
    "close_session": FormerRequest("close_session", {"reason": "why"}),
    "register_tenant": FormerRequest("register_tenant", {"statistics": "figures"}),
    "issue_notices": FormerRequest(
        "issue_notices",
        gone=tuple(
            {
                "issuer": None,
                "revenue_account": "分担金及び負担金",
                "payable_at": None,
                "contact": None,
                "is_example": is_example,
            }
            for is_example in (False, True)
        ),
    ),
    "open_session": FormerRequest("open_session", {"id_token_encrypted": "id_token_sealed"}),
}
"""Command → `idempotency_key.command`, and the field names that `request_hash` was computed over."""


def current_event(stored: str) -> str:
    """The event of a stored row by its present name."""
    return EVENTS.get(stored, stored)


def stored_events(event: str) -> frozenset[str]:
    """Every name under which rows of this event may be stored: the present one and those of earlier versions."""
    return frozenset({event, *(then for then, now in EVENTS.items() if now == event)})


def current_permission(stored: str) -> str:
    """The permission of a stored row by its present name."""
    return PERMISSIONS.get(stored, stored)


def current_command(stored: str) -> str:
    """The command of a stored row by its present name."""
    return next((now for now, former in REQUESTS.items() if former.command == stored), stored)


def current_job_kind(stored: str) -> str:
    """The kind of a stored job by its present name."""
    return JOB_KINDS.get(stored, stored)


def current_message_code(stored: str) -> str:
    """The code of a stored refusal by its present name."""
    return MESSAGE_CODES.get(stored, stored)


def current_facts(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Stored facts under their present keys, in the order stored; a refusal's `code` by its present name."""
    facts = {FACT_KEYS.get(key, key): value for key, value in stored.items()}
    if isinstance(facts.get("code"), str):
        facts["code"] = current_message_code(facts["code"])
    return facts


def former_request(command: str, request: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]] | None:
    """The command's name and its JSON forms as version 0.1.0 had them, or None where both are as they were."""
    former = REQUESTS.get(command)
    if former is None:
        return None
    renamed = {former.fields.get(name, name): value for name, value in request.items()}
    return former.command, [{**renamed, **gone} for gone in former.gone]
