"""`moyai drift`: what Moyai wants compared with what Keycloak holds."""

from __future__ import annotations

import click

from admin.interface.cli_context import app_context
from admin.interface.keycloak_port import identities_of
from admin.interface.output import handle_errors, print_json
from admin.interface.param_types import as_json_option
from admin.interface.permitted import PermittedCommand
from admin.workflows.drift import find_drift
from governance.permissions import Permission


@click.command("drift", cls=PermittedCommand, permission=Permission.DRIFT_READ)
@click.argument("code", required=False)
@as_json_option
@handle_errors
def drift(code: str | None, as_json: bool) -> None:
    """意図との差分を調べる / Compare Keycloak with what Moyai wants, for one tenant (CODE) or all.

    Exit code 0 in sync, 1 when something differs, 3 when Keycloak cannot be reached. Changes nothing.
    """
    with app_context() as context:
        keycloak = identities_of(context.app)
        found = find_drift(keycloak, code)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        for difference in found.differences:
            field = f" ({difference.field})" if difference.field else ""
            click.echo(f"{difference.kind}\t{difference.tenant}\t{difference.object}{field}")
        count = len(found.differences)
        click.echo(
            "差分はありません / In sync" if found.in_sync else f"差分 {count} 件 / {count} differences", err=True
        )
    click.get_current_context().exit(0 if found.in_sync else 1)
