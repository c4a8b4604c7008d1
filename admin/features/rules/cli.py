"""`moyai rule`: rules and the decisions that adopt them."""

from __future__ import annotations

import json
from uuid import UUID

import click

from admin.features.rules.entry_points import ENTRY_POINTS
from admin.interface.cli_context import app_context
from admin.interface.command_line import command_group
from admin.interface.output import handle_errors, print_model, print_models
from admin.interface.param_types import as_json_option
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR
from governance.rules.queries import RuleVersionFacts, rule_versions, version_by_id

rule = command_group("rule", "運用ルール / Rules.", ENTRY_POINTS)


@rule.command("list")
@click.option("--name", help="Only this rule.")
@as_json_option
@handle_errors
def list_rules(name: str | None, as_json: bool) -> None:
    """ルールの版の一覧 / Every version, with the decision that adopted it."""
    with app_context(), system_transaction(OPERATOR) as session:
        found = rule_versions(session, name)
    print_models("rules", found, as_json, _line)


@rule.command("show")
@click.argument("version_id", type=click.UUID)
@as_json_option
@handle_errors
def show(version_id: UUID, as_json: bool) -> None:
    """ルールの版を見る / One version: its body, its decision and the time it is in force."""
    with app_context(), system_transaction(OPERATOR) as session:
        version = version_by_id(session, version_id)
    if as_json:
        print_model(version, as_json)
        return
    click.echo(_line(version))
    click.echo(json.dumps(version.body, ensure_ascii=False, indent=2))


def _line(version: RuleVersionFacts) -> str:
    decision = version.decision
    words = "未議決" if decision is None else f"{decision.decided_by} {decision.number}"
    return f"{version.id}  {version.name} v{version.number}  {version.valid_from}–{version.valid_until or ''}  {words}"
