"""`moyai rule`: rules and the decisions that adopt them."""

from __future__ import annotations

import json
from datetime import date
from typing import BinaryIO, Final
from uuid import UUID

import click

from admin.interface.cli_context import app_context
from admin.interface.output import handle_errors, print_model, print_models
from admin.interface.param_types import DateParam, as_json_option, print_result
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Invalid, message
from governance.kernel.strict_json import read_json
from governance.kernel.yen import printable
from governance.rules.commands import AdoptRule, DraftRule, EndRule, adopt_rule, draft_rule, end_rule
from governance.rules.queries import RuleVersionFacts, rule_versions, version_by_id

MAX_RULE_BYTES: Final = 2**20

INVALID_RULE_BODY: Final = message(
    "rule.body_shape",
    ja="運用ルールの本文は {most} バイト以下の JSON オブジェクトで指定してください（指定された値: {given}）。",
    en="The body of a rule is a JSON object of at most {most} bytes, not {given}.",
)


@click.group()
def rule() -> None:
    """運用ルール / Rules."""


@rule.command("draft")
@click.argument("name")
@click.option("--label", required=True)
@click.option("--body", type=click.File("rb"), required=True, metavar="FILE|-", help="The text of the rule as JSON.")
@click.option("--from", "valid_from", type=DateParam(), required=True)
@click.option("--until", "valid_until", type=DateParam())
@as_json_option
@handle_errors
def draft(name: str, label: str, body: BinaryIO, valid_from: date, valid_until: date | None, as_json: bool) -> None:
    """ルールの版を書く / Draft a version of a rule. It takes effect once a decision adopts it."""
    content = body.read(MAX_RULE_BYTES + 1)
    if len(content) > MAX_RULE_BYTES:
        raise Invalid(INVALID_RULE_BODY, field="--body", most=MAX_RULE_BYTES, given=f"> {MAX_RULE_BYTES}")
    given = read_json(content)
    if not isinstance(given, dict):
        raise Invalid(INVALID_RULE_BODY, field="--body", most=MAX_RULE_BYTES, given=printable(given))
    command = DraftRule(name=name, label=label, body=given, valid_from=valid_from, valid_until=valid_until)
    with app_context() as context:
        drafted = draft_rule(command, actor=context.actor)
    print_result(
        {"version_id": str(drafted.version_id), "number": drafted.number, "body_hash": drafted.body_hash}, as_json
    )


@rule.command("adopt")
@click.argument("version_id", type=click.UUID)
@click.option("--decided-by", required=True, help="The council or assembly that decided.")
@click.option("--number", required=True, help="The number of the decision.")
@click.option("--on", "decided_on", type=DateParam(), required=True, help="The day of the decision.")
@as_json_option
@handle_errors
def adopt(version_id: UUID, decided_by: str, number: str, decided_on: date, as_json: bool) -> None:
    """議決によりルールの版を適用する / Bring a version into force by a decision."""
    command = AdoptRule(version_id=version_id, decided_by=decided_by, decision_number=number, decided_on=decided_on)
    with app_context() as context:
        adopted = adopt_rule(command, actor=context.actor)
    ended = adopted.ended_version_id
    print_result({"version_id": str(version_id), "ended_version_id": None if ended is None else str(ended)}, as_json)


@rule.command("end")
@click.argument("version_id", type=click.UUID)
@click.option(
    "--until",
    "valid_until",
    type=DateParam(),
    help="The first day on which it is no longer in force; no end if omitted.",
)
@as_json_option
@handle_errors
def end(version_id: UUID, valid_until: date | None, as_json: bool) -> None:
    """ルールの適用終了日を変える / Change the end date of an adopted version."""
    with app_context() as context:
        end_rule(EndRule(version_id=version_id, valid_until=valid_until), actor=context.actor)
    print_result({"version_id": str(version_id), "valid_until": str(valid_until or "―")}, as_json)


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
