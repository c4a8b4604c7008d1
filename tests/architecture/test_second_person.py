"""Which commands need a second person, and that no code runs one of them by another way."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

from admin.features.commands import COMMAND_MODULES
from governance.commands import COMMENT, ApprovedCommandHandler, collect_commands
from governance.permissions import (
    DECIDABLE_BY,
    DECISIONS,
    OPERATOR_SCOPES,
    TENANT_SCOPES,
    Permission,
    Role,
    SecondPerson,
)

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("admin", "billing", "tenancy", "governance")
COMMANDS: Final = collect_commands(COMMAND_MODULES)
APPROVED: Final = {name: handler for name, handler in COMMANDS.items() if isinstance(handler, ApprovedCommandHandler)}

NEEDED: Final = {
    "post_allocation": SecondPerson.MONEY,
    "post_entry": SecondPerson.MONEY,
    "reverse_entry": SecondPerson.MONEY,
    "change_period_state": SecondPerson.MONEY,
    "change_year_state": SecondPerson.MONEY,
    "issue_notices": SecondPerson.MONEY,
    "adopt_rule": SecondPerson.RULES,
    "set_issuer": SecondPerson.SETTINGS,
    "create_webhook": SecondPerson.SETTINGS,
    "change_webhook_address": SecondPerson.SETTINGS,
    "join_accounts": SecondPerson.ROLES,
    "reset_factor": SecondPerson.FACTORS,
    "start_break_glass": SecondPerson.EMERGENCY,
}

ASKED_OF_EACH: Final = {
    "add_member",
    "register_client",
    "grant_role",
    "end_role",
    "undo_role_change",
    "conclude_application",
    "set_sign_in_limits",
}
"""Commands that need a second person sometimes, as a function of theirs says of each."""

MAY_RUN: Final = {
    "run_approved": {"governance/approvals/commands.py"},
    "body": {"governance/commands.py"},
    "settle": {"governance/approvals/commands.py", "billing/runs/commands.py"},
    "lock_for_decision": {
        "governance/approvals/__init__.py",
        "governance/approvals/commands.py",
        "billing/runs/commands.py",
    },
    "record_decision": {"governance/approvals/__init__.py", "governance/approvals/commands.py"},
    "CommandHandler": {"governance/commands.py"},
}
"""What runs a stored command, stores a decision or makes a handler → the modules that call it."""


def test_these_commands_need_a_second_person() -> None:
    always = {name: one.second_person for name, one in APPROVED.items() if isinstance(one.second_person, SecondPerson)}
    assert always == NEEDED
    assert set(APPROVED) - set(always) == ASKED_OF_EACH


def test_somebody_decides_each_kind_and_nobody_who_requests_money() -> None:
    assert {kind for kinds in DECIDABLE_BY.values() for kind in kinds} == set(SecondPerson)
    assert Role.OPERATOR_FINANCE not in DECIDABLE_BY
    assert Role.SYSTEM not in DECIDABLE_BY


def test_each_takes_a_comment_and_keeps_its_own_fields() -> None:
    for name, handler in APPROVED.items():
        fields = set(handler.stored_type.model_fields)
        assert set(handler.command_type.model_fields) == fields | {COMMENT}, name
        assert COMMENT not in fields, name


def test_no_other_module_runs_a_stored_command() -> None:
    calling: dict[str, set[str]] = {name: set() for name in MAY_RUN}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    called = node.func
                    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                    # The body of a mail is no function of two.
                    if name in calling and not (name == "body" and len(node.args) < 2):
                        calling[name].add(path.relative_to(ROOT).as_posix())
    assert calling == MAY_RUN


def test_no_scope_of_a_program_decides_anything_or_requests_what_a_second_person_decides() -> None:
    with_second_person = {handler.permission for handler in APPROVED.values()}
    for scopes in (OPERATOR_SCOPES, TENANT_SCOPES):
        for scope, allowed in scopes.items():
            assert not allowed & (DECISIONS | with_second_person), scope
            writes = {one for one in allowed if not one.endswith(":read")} - {Permission.SIGNED_IN}
            assert bool(writes) is scope.endswith(".write"), scope
    assert not [scope for scope in TENANT_SCOPES if not scope.endswith(".read")]


def test_every_decision_and_every_new_way_in_for_a_system_asks_for_a_fresh_second_factor() -> None:
    asked = {name for name, handler in COMMANDS.items() if handler.step_up}
    deciding = {name for name, handler in COMMANDS.items() if handler.permission in DECISIONS}

    assert asked == deciding | {
        "register_client",
        "add_client_key",
        "make_client_key",
        "make_client_secret",
        "issue_scim_token",
        "start_break_glass",
        "limit_sign_in_networks",
    }
