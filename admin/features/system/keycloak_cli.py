"""`moyai keycloak`: bringing the identity server's realms to their specification, and seeing whether they are there."""

from __future__ import annotations

import os

import click

from admin.interface.output import handle_errors, print_json
from admin.interface.permitted import PermittedCommand
from admin.operations.keycloak_setup import configure
from admin.operations.settings import Settings
from governance.permissions import Permission
from tenancy.keycloak.comparison import RealmDifference
from tenancy.keycloak.configure import ConfigurationResult


@click.group()
def keycloak() -> None:
    """認証サーバ / The identity server."""


@keycloak.command("configure", cls=PermittedCommand, permission=Permission.KEYCLOAK_CONFIGURE)
@click.option("--check", is_flag=True, help="Only report what differs; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@handle_errors
def configure_keycloak(check: bool, as_json: bool) -> None:
    """レルムを定義どおりに整える / Bring both realms to their specification.

    Safe to repeat. Things somebody else put into our realms are reported as foreign and left alone. Exit code 0 when
    nothing differs (any more), 1 when something does, 3 when Keycloak cannot be reached.
    """
    configured = configure(Settings.from_environment(os.environ), check=check)
    if as_json:
        print_json(configured_json(configured))
    else:
        _print(configured)
    click.get_current_context().exit(0 if configured.in_sync else 1)


def configured_json(configured: ConfigurationResult) -> dict[str, object]:
    """`differences` are those that remain; `repaired` tells what was written this time."""
    remaining = set(map(_identity, configured.remaining))
    return {
        "in_sync": configured.in_sync,
        "version": configured.version,
        "writes": configured.writes,
        "repaired": [one.model_dump(mode="json") for one in configured.found if _identity(one) not in remaining],
        "differences": [one.model_dump(mode="json") for one in configured.remaining],
    }


def _print(configured: ConfigurationResult) -> None:
    for difference in configured.remaining:
        field = f" ({difference.field})" if difference.field else ""
        click.echo(f"{difference.kind}\t{difference.realm}\t{difference.object}{field}")
    if configured.in_sync:
        click.echo(f"定義どおりです(書き込み {configured.writes} 件) / In sync ({configured.writes} writes)", err=True)
    else:
        count = len(configured.remaining)
        click.echo(f"違いが {count} 件あります / {count} differences", err=True)


def _identity(difference: RealmDifference) -> tuple[str, str, str, str | None]:
    return (difference.realm, difference.kind, difference.object, difference.field)
