"""`moyai ledger`: proving the books, and handing them to another program."""

from __future__ import annotations

import click

from admin.cli.answers import answering, print_json
from admin.cli.core import installation
from billing.ledger.export import ExportFormat
from billing.ledger.export import export as export_books
from billing.ledger.verification import verify as verify_books
from governance.commands import bookkeeping
from governance.kernel.database import OPERATOR
from governance.kernel.fiscal_year import FiscalYear


@click.group()
def ledger() -> None:
    """仕訳帳 / The books."""


@ledger.command("verify")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@answering
def verify(as_json: bool) -> None:
    """帳簿を明細から検算する / Recompute every balance from the lines. Exit code 1 when something does not hold."""
    with installation(), bookkeeping(OPERATOR) as session:
        proof = verify_books(session)
    if as_json:
        print_json(proof.as_json())
    else:
        for imbalance in proof.imbalances:
            click.echo("\t".join(str(value) for value in imbalance.as_json().values()))
        faults = len(proof.imbalances)
        click.echo(
            f"仕訳 {proof.entries:,} 件、不一致 {faults:,} 件 / {proof.entries:,} entries, {faults:,} imbalances",
            err=True,
        )
    click.get_current_context().exit(0 if proof.balanced else 1)


@ledger.command("export")
@click.option(
    "--format",
    "to",
    type=click.Choice([each.value for each in ExportFormat]),
    required=True,
    help="The syntax to write.",
)
@click.option("--fiscal-year", type=int, help="Only this fiscal year (2025 = 令和7年度).")
@click.option("--json", "as_json", is_flag=True, help="Say a refusal as JSON, on standard error.")
@answering
def export(to: str, fiscal_year: int | None, as_json: bool) -> None:
    """仕訳帳を出力する / Write every posted entry, in order, on standard output."""
    year = None if fiscal_year is None else FiscalYear(fiscal_year).year
    with installation(), bookkeeping(OPERATOR) as session:
        for piece in export_books(session, ExportFormat(to), year):
            click.echo(piece.encode(), nl=False)
