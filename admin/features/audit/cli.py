"""`moyai audit`: reading the audit log, and verifying that it is what was written."""

from __future__ import annotations

import click

from admin.features.audit.api import routes
from admin.interface.cli_context import app_context
from admin.interface.command_line import command_group
from admin.interface.output import handle_errors, print_json
from admin.interface.permitted import PermittedCommand
from governance.audit import seal
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR
from governance.permissions import Permission

audit = command_group("audit", "監査記録 / The audit log.", queries=routes.queries)


@audit.command("verify", cls=PermittedCommand, permission=Permission.AUDIT_VERIFY)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@handle_errors
def verify_audit(as_json: bool) -> None:
    """記録の連鎖を計算し直して確かめる / Recompute every stream's chain and report the first break.

    Exit code 0 when the record is intact, 1 when it is not. Events that still wait for their seal are counted.
    """
    with app_context(), system_transaction(OPERATOR) as session:
        report = seal.verify(session)
    if as_json:
        # The key is there where a chain is broken, and only there.
        print_json(report.model_dump(mode="json", exclude_none=True))
    elif report.first_break is None:
        click.echo(f"記録 {report.records} 件に改変はありません(封印待ち {report.unsealed} 件) / intact")
    else:
        chain_error = report.first_break
        click.echo(f"記録が壊れています / broken: {chain_error.kind} at {chain_error.sequence} of {chain_error.stream}")
    click.get_current_context().exit(0 if report.intact else 1)
