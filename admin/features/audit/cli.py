"""`moyai audit`: reading the record, and proving that it is what was written."""

from __future__ import annotations

from typing import Any

import click

from admin.interface.cli_context import app_context
from admin.interface.output import handle_errors, print_json
from governance.audit import queries, seal
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR, db, tenant_scope


@click.group()
def audit() -> None:
    """監査記録 / The audit log."""


@audit.command("verify")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@handle_errors
def verify_audit(as_json: bool) -> None:
    """記録の連鎖を計算し直して確かめる / Recompute every stream's chain and report the first break.

    Exit code 0 when the record is intact, 1 when it is not. Events that still wait for their seal are counted.
    """
    with app_context(), system_transaction(OPERATOR) as session:
        report = seal.verify(session)
    result: dict[str, Any] = {
        "intact": report.first_break is None,
        "records": report.records,
        "unsealed": report.unsealed,
    }
    if report.first_break is not None:
        chain_error = report.first_break
        result["first_break"] = {
            "stream": str(chain_error.stream),
            "sequence": chain_error.sequence,
            "kind": chain_error.kind,
        }
    if as_json:
        print_json(result)
    elif report.first_break is None:
        click.echo(f"記録 {report.records} 件に改変はありません(封印待ち {report.unsealed} 件) / intact")
    else:
        chain_error = report.first_break
        click.echo(f"記録が壊れています / broken: {chain_error.kind} at {chain_error.sequence} of {chain_error.stream}")
    click.get_current_context().exit(0 if report.first_break is None else 1)


@audit.command("list")
@click.option("--outcome", type=click.Choice(["done", "denied", "refused", "failed"]), help="Only this outcome.")
@click.option("--subject", help="Only events about this subject.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@handle_errors
def list_audit(outcome: str | None, subject: str | None, limit: int, as_json: bool) -> None:
    """監査記録を新しい順に見る / The newest events first."""
    with app_context(), tenant_scope(OPERATOR):
        found = queries.events(db.session(), outcome=outcome, subject=subject, limit=limit)
    rows = [
        {
            "id": str(event.id),
            "at": event.recorded_at.isoformat(),
            "tenant_id": str(event.tenant_id),
            "event": event.event,
            "outcome": event.outcome,
            "command": event.command,
            "subject": event.subject,
            "actor": event.actor,
            "facts": event.facts,
        }
        for event in found
    ]
    if as_json:
        print_json({"events": rows})
        return
    for row in rows:
        click.echo(f"{row['at']}\t{row['outcome']}\t{row['event']}\t{row['subject']}\t{row['actor']}")
