"""Names of version 0.1.0: rows that hold them are found, shown and answered under the present ones."""

from __future__ import annotations

import json
import sys
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

import admin.identity.commands
import admin.interface.cli_context
import admin.workflows.job_handlers  # noqa: F401 - the commands of workers
from admin.features import api_routes
from admin.features.commands import COMMAND_MODULES
from governance import former_names
from governance.actors import Actor
from governance.approvals.states import Decision
from governance.audit.queries import events
from governance.commands import collect_commands
from governance.events import Event
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.digest import digest_of
from governance.kernel.errors import IdempotencyKeyReused, collect_messages
from governance.kernel.ids import new_id
from governance.permissions import Permission
from tenancy.quotas.commands import AssignPlan, DecideQuota, assign_plan, decide_quota
from tests.actors import Actors
from tests.database_rows import rows
from tests.factories import Factory

OCTOBER = date(2025, 10, 1)
PACKAGES = ("admin", "billing", "tenancy", "governance")


def _store_key(actor: Actor, command: str, key: str, request: dict[str, Any], answer: dict[str, Any]) -> None:
    """A row of `idempotency_key` as version 0.1.0 wrote it."""
    with tenant_scope(actor.tenant_scope):
        db.session.execute(
            text(
                "INSERT INTO idempotency_key (id, tenant_id, actor, command, key, request_hash, answer, claimed_at) "
                "VALUES (:id, :tenant, :actor, :command, :key, :hash, :answer, :now)"
            ),
            {
                "id": new_id(),
                "tenant": actor.tenant_id,
                "actor": actor.id,
                "command": command,
                "key": key,
                "hash": digest_of(request),
                "answer": json.dumps(answer),
                "now": clock.now(),
            },
        )
        db.session.commit()


def _plan_request(tenant_id: UUID, plan: str) -> dict[str, Any]:
    return {"tenant_id": str(tenant_id), "plan": plan, "valid_from": "2025-10-01"}


def test_every_present_name_exists_and_no_former_one_does() -> None:
    list(api_routes())
    messages = collect_messages(module for name, module in list(sys.modules.items()) if name.split(".")[0] in PACKAGES)
    for table, present in (
        (former_names.EVENTS, set(Event)),
        (former_names.PERMISSIONS, set(Permission)),
        (former_names.MESSAGE_CODES, set(messages)),
    ):
        assert set(table.values()) <= present
        assert not set(table) & present


def test_every_renamed_request_is_of_a_command_with_those_fields() -> None:
    commands = collect_commands(COMMAND_MODULES)
    for name, former in former_names.REQUESTS.items():
        assert set(former.fields) <= set(commands[name].command_type.model_fields)
        assert former.command == name or former.command not in commands


def test_a_key_stored_under_the_former_command_gives_the_stored_answer(actors: Actors, factory: Factory) -> None:
    tenant_id, answer = factory.kumamoto_city(), new_id()
    factory.define_standard()
    _store_key(
        actors.onboarding, "choose_plan", "k1", _plan_request(tenant_id, "standard"), {"tenant_plan_id": str(answer)}
    )

    command = AssignPlan(tenant_id=tenant_id, plan="standard", valid_from=OCTOBER)
    assert assign_plan(command, actor=actors.onboarding, key="k1").tenant_plan_id == answer
    assert rows("tenant_plan") == []


def test_a_key_stored_under_the_former_command_refuses_another_request(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    factory.define_standard()
    _store_key(
        actors.onboarding, "choose_plan", "k1", _plan_request(tenant_id, "gold"), {"tenant_plan_id": str(new_id())}
    )

    with pytest.raises(IdempotencyKeyReused):
        assign_plan(
            AssignPlan(tenant_id=tenant_id, plan="standard", valid_from=OCTOBER), actor=actors.onboarding, key="k1"
        )
    assert rows("tenant_plan") == []


def test_a_former_key_of_another_actor_does_not_count(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    factory.define_standard()
    _store_key(
        actors.security, "choose_plan", "k1", _plan_request(tenant_id, "standard"), {"tenant_plan_id": str(new_id())}
    )

    assign_plan(AssignPlan(tenant_id=tenant_id, plan="standard", valid_from=OCTOBER), actor=actors.onboarding, key="k1")
    assert len(rows("tenant_plan")) == 1


def test_a_hash_over_former_field_names_gives_the_stored_answer(actors: Actors) -> None:
    request_id = new_id()
    request = {
        "request_id": str(request_id),
        "decision": "approved",
        "digest": "sha256:0",
        "why": "必要と認める",
        "decides_value": False,
        "value": None,
        "valid_from": None,
    }
    command = DecideQuota(request_id=request_id, decision=Decision.APPROVED, digest="sha256:0", reason="必要と認める")
    assert former_names.former_request("decide_quota", command.model_dump(mode="json")) == ("decide_quota", [request])
    _store_key(actors.approver, "decide_quota", "k1", request, {"approved": True, "value": 500})

    decided = decide_quota(command, actor=actors.approver, key="k1")
    assert (decided.approved, decided.value) == (True, 500)


def test_events_stored_under_a_former_name_are_found_by_the_present_one(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    with tenant_scope(OPERATOR):
        db.session.execute(
            text(
                "INSERT INTO audit_event (id, tenant_id, recorded_at, actor, actor_kind, acting_tenant_id, command, "
                "event, permission, outcome, subject, facts) VALUES (:id, :tenant, :now, :actor, 'person', :operator, "
                "'choose_plan', 'plan.chosen', 'tenancy:plan:choose', 'done', 's', '{}')"
            ),
            {
                "id": new_id(),
                "tenant": tenant_id,
                "now": clock.now(),
                "actor": actors.onboarding.id,
                "operator": actors.operator_tenant,
            },
        )
        db.session.commit()
        found = events(db.session(), event=Event.PLAN_ASSIGNED)
    assert [(one.command, one.event, one.permission) for one in found] == [
        ("assign_plan", Event.PLAN_ASSIGNED, Permission.PLAN_ASSIGN)
    ]
    assert [(one[6], one[7], one[8]) for one in rows("audit_event") if one[10] == "s"] == [
        ("choose_plan", "plan.chosen", "tenancy:plan:choose")
    ]


def test_stored_facts_are_read_under_their_present_keys() -> None:
    stored = {"code": "tenant.no_such_move", "order": ["to"], "why": "電話で確認", "deed": "kept", "other": 1}
    assert former_names.current_facts(stored) == {
        "code": "tenant.no_such_transition",
        "fields": ["to"],
        "reason": "電話で確認",
        "effect": "kept",
        "other": 1,
    }
