"""`moyai rule`: rules and the decisions that adopt them."""

from __future__ import annotations

import json
from uuid import UUID

import click
from sqlalchemy.orm import Session

from admin.features.rules.entry_points import ENTRY_POINTS
from admin.interface.command_line import command_group
from admin.interface.output import Answer, rows
from governance.permissions import Permission
from governance.rules.queries import RuleVersionFacts, rule_versions, version_by_id

rule = command_group("rule", "運用ルール / Rules.", ENTRY_POINTS)


@rule.query("list", Permission.RULE_READ)
@click.option("--name", help="Only this rule.")
def list_rules(session: Session, name: str | None) -> Answer:
    """ルールの版の一覧 / Every version, with the decision that adopted it."""
    return rows("rules", rule_versions(session, name), _line)


@rule.query("show", Permission.RULE_READ)
@click.argument("version_id", type=click.UUID)
def show(session: Session, version_id: UUID) -> Answer:
    """ルールの版を見る / One version: its body, its decision and the time it is in force."""
    version = version_by_id(session, version_id)
    return Answer(version, (_line(version), json.dumps(version.body, ensure_ascii=False, indent=2)))


def _line(version: RuleVersionFacts) -> str:
    decision = version.decision
    words = "未議決" if decision is None else f"{decision.decided_by} {decision.number}"
    return f"{version.id}  {version.name} v{version.number}  {version.valid_from}–{version.valid_until or ''}  {words}"
