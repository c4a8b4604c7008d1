"""`moyai cost` and `moyai rule`: what is shared, and by which rule."""

from __future__ import annotations

from datetime import date
from typing import Any, BinaryIO, Final
from uuid import UUID

import click

from admin.cli.answers import answering, print_json
from admin.cli.core import installation
from admin.cli.tenant_words import Day, as_json_option, print_answer
from billing.costs.commands import (
    DefineCostPool,
    RecordCost,
    WithdrawCost,
    define_cost_pool,
    record_cost,
    withdraw_cost,
)
from billing.costs.queries import cost_items
from billing.costs.tables import ItemKind, TaxKind
from governance.commands import bookkeeping
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Invalid, reason
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.strict_json import read_json
from governance.kernel.yen import format_amount, shown, yen_from_form
from governance.rules.commands import AdoptRule, DraftRule, EndRule, adopt_rule, draft_rule, end_rule
from governance.rules.queries import VersionFacts, rule_versions

BODY_BYTES: Final = 2**20

BODY_SHAPE: Final = reason(
    "rule.body_shape",
    ja="運用ルールの本文は {most} バイト以下の JSON オブジェクトで指定してください（指定された値: {given}）。",
    en="The body of a rule is a JSON object of at most {most} bytes, not {given}.",
)


@click.group()
def cost() -> None:
    """経費 / Costs."""


@cost.command("pool")
@click.argument("name")
@click.option("--label", required=True)
@click.option("--rule", required=True, help="The name of the rule that shares it.")
@as_json_option
@answering
def pool(name: str, label: str, rule: str, as_json: bool) -> None:
    """経費区分を定める / Define a pool of costs and the rule that shares it. Safe to repeat."""
    with installation() as here:
        defined = define_cost_pool(DefineCostPool(name=name, label=label, rule=rule), actor=here.actor)
    print_answer({"pool_id": str(defined.pool_id)}, as_json)


@cost.command("record")
@click.argument("fiscal_year", type=int)
@click.option("--pool", "pool_name", required=True)
@click.option("--name", required=True)
@click.option("--yen", required=True, help="Whole yen in half-width digits: 24000000 or 24,000,000.")
@click.option("--source", required=True, help="Where it is from: a contract, an invoice, a budget.")
@click.option("--kind", type=click.Choice([kind.value for kind in ItemKind]), default=ItemKind.COST.value)
@click.option("--tax-kind", type=click.Choice([kind.value for kind in TaxKind]), default=TaxKind.OUT_OF_SCOPE.value)
@click.option("--tax-reason", help="Needed for any tax kind but out_of_scope.")
@click.option("--incurred-on", type=Day())
@as_json_option
@answering
def record(
    fiscal_year: int,
    pool_name: str,
    name: str,
    yen: str,
    source: str,
    kind: str,
    tax_kind: str,
    tax_reason: str | None,
    incurred_on: date | None,
    as_json: bool,
) -> None:
    """経費（または控除）を登録する / Record a cost of a fiscal year, or what comes off before it is shared."""
    order = RecordCost(
        fiscal_year=fiscal_year,
        pool=pool_name,
        kind=ItemKind(kind),
        name=name,
        yen=yen_from_form(yen, field="--yen"),
        tax_kind=TaxKind(tax_kind),
        tax_reason=tax_reason,
        source=source,
        incurred_on=incurred_on,
    )
    with installation() as here:
        recorded = record_cost(order, actor=here.actor)
    print_answer({"item_id": str(recorded.item_id)}, as_json)


@cost.command("withdraw")
@click.argument("item_id", type=click.UUID)
@click.option("--reason", "why", required=True)
@as_json_option
@answering
def withdraw(item_id: UUID, why: str, as_json: bool) -> None:
    """誤って登録した経費を取り消す / Withdraw a cost that was recorded in error; it stays visible."""
    with installation() as here:
        withdraw_cost(WithdrawCost(item_id=item_id, reason=why), actor=here.actor)
    print_answer({"item_id": str(item_id)}, as_json)


@cost.command("list")
@click.argument("fiscal_year", type=int)
@as_json_option
@answering
def list_costs(fiscal_year: int, as_json: bool) -> None:
    """年度の経費の一覧 / The costs of a fiscal year, oldest first, withdrawn ones too."""
    with installation(), bookkeeping(OPERATOR) as session:
        found = cost_items(session, FiscalYear(fiscal_year), withdrawn=True)
    if not as_json:
        for item in found:
            gone = f"（取消: {item.withdrawn_reason}）" if item.withdrawn_at else ""
            click.echo(f"{item.id}  {item.kind.value:<13}  {format_amount(item.yen):>19}円  {item.name}{gone}")
        return
    items = [
        {
            "id": str(item.id),
            "pool": item.pool.name,
            "kind": item.kind.value,
            "name": item.name,
            "yen": item.yen,
            "tax_kind": item.tax_kind.value,
            "tax_reason": item.tax_reason,
            "source": item.source,
            "incurred_on": None if item.incurred_on is None else item.incurred_on.isoformat(),
            "withdrawn_reason": item.withdrawn_reason,
        }
        for item in found
    ]
    print_json({"fiscal_year": fiscal_year, "items": items})


@click.group()
def rule() -> None:
    """運用ルール / Rules."""


@rule.command("draft")
@click.argument("name")
@click.option("--label", required=True)
@click.option("--body", type=click.File("rb"), required=True, metavar="FILE|-", help="The text of the rule as JSON.")
@click.option("--from", "valid_from", type=Day(), required=True)
@click.option("--until", "valid_until", type=Day())
@as_json_option
@answering
def draft(name: str, label: str, body: BinaryIO, valid_from: date, valid_until: date | None, as_json: bool) -> None:
    """ルールの版を書く / Write a version of a rule down. It holds once a decision adopts it."""
    content = body.read(BODY_BYTES + 1)
    if len(content) > BODY_BYTES:
        raise Invalid(BODY_SHAPE, field="--body", most=BODY_BYTES, given=f"> {BODY_BYTES}")
    given = read_json(content)
    if not isinstance(given, dict):
        raise Invalid(BODY_SHAPE, field="--body", most=BODY_BYTES, given=shown(given))
    order = DraftRule(name=name, label=label, body=given, valid_from=valid_from, valid_until=valid_until)
    with installation() as here:
        drafted = draft_rule(order, actor=here.actor)
    print_answer(
        {"version_id": str(drafted.version_id), "number": drafted.number, "body_hash": drafted.body_hash}, as_json
    )


@rule.command("adopt")
@click.argument("version_id", type=click.UUID)
@click.option("--decided-by", required=True, help="The council or assembly that decided.")
@click.option("--number", required=True, help="The number of the decision.")
@click.option("--on", "decided_on", type=Day(), required=True, help="The day of the decision.")
@as_json_option
@answering
def adopt(version_id: UUID, decided_by: str, number: str, decided_on: date, as_json: bool) -> None:
    """議決によりルールの版を適用する / Bring a version into force by a decision."""
    order = AdoptRule(version_id=version_id, decided_by=decided_by, decision_number=number, decided_on=decided_on)
    with installation() as here:
        adopted = adopt_rule(order, actor=here.actor)
    ended = adopted.ended_version_id
    print_answer({"version_id": str(version_id), "ended_version_id": None if ended is None else str(ended)}, as_json)


@rule.command("end")
@click.argument("version_id", type=click.UUID)
@click.option(
    "--until", "valid_until", type=Day(), help="The first day on which it no longer holds; open where absent."
)
@as_json_option
@answering
def end(version_id: UUID, valid_until: date | None, as_json: bool) -> None:
    """ルールの適用終了日を変える / Move the end of an adopted version."""
    with installation() as here:
        end_rule(EndRule(version_id=version_id, valid_until=valid_until), actor=here.actor)
    print_answer({"version_id": str(version_id), "valid_until": str(valid_until or "―")}, as_json)


@rule.command("list")
@click.option("--name", help="Only this rule.")
@as_json_option
@answering
def list_rules(name: str | None, as_json: bool) -> None:
    """ルールの版の一覧 / Every version, with the decision that adopted it."""
    with installation(), bookkeeping(OPERATOR) as session:
        found = [_version(version) for version in rule_versions(session, name)]
    if as_json:
        print_json({"rules": found})
        return
    for version in found:
        decision = version["decision"]
        words = "未議決" if decision is None else f"{decision['decided_by']} {decision['number']}"
        until = version["valid_until"] or ""
        click.echo(f"{version['id']}  {version['rule']} v{version['number']}  {version['valid_from']}–{until}  {words}")


def _version(version: VersionFacts) -> dict[str, Any]:
    adoption = version.adoption
    return {
        "id": str(version.id),
        "rule": version.name,
        "label": version.label,
        "number": version.number,
        "body": version.body,
        "body_hash": version.body_hash,
        "valid_from": version.valid_from.isoformat(),
        "valid_until": None if version.valid_until is None else version.valid_until.isoformat(),
        "decision": None
        if adoption is None
        else {"decided_by": adoption.decided_by, "number": adoption.number, "on": adoption.on.isoformat()},
    }
