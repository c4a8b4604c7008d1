"""`moyai keycloak`: bringing the identity server's realms to their specification, and seeing whether they are there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from sqlalchemy.exc import ProgrammingError

from admin.interface.cli_context import app_context
from admin.interface.output import handle_errors, print_json
from admin.interface.permitted import PermittedCommand
from admin.operations.keycloak_setup import configure, require_removable_administrator
from admin.operations.keycloak_setup import remove_administrator as delete_administrator
from admin.operations.settings import Settings
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.errors import DependencyUnavailable
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.clients.commands import SyncOperatorClients, sync_operator_clients
from tenancy.clients.queries import operators_clients
from tenancy.keycloak.comparison import RealmDifference
from tenancy.keycloak.configure import ConfigurationResult
from tenancy.keycloak.port import ServiceClientIntent
from tenancy.keycloak.theme import write_theme
from tenancy.tenants.facts import operator_id

NO_CLIENT_LIST: Final = Label(
    "データベースに接続できないため、運営者の連携システムはそのままです。",
    "No database answers, so the operator's service clients are left alone.",
)
THEME_MISSING: Final = Label(
    "Keycloak に Moyai のテーマがないため、ログイン画面とメールは Keycloak のものになります。"
    "moyai keycloak theme で書き出し、Keycloak の themes に置いてください（docs/OPERATING.md）。",
    "Keycloak does not have Moyai's theme, so people see its own pages and mails. "
    "Write it with `moyai keycloak theme` and put it into Keycloak's folder `themes` (docs/OPERATING.md).",
)


@click.group()
def keycloak() -> None:
    """認証サービス / The identity server."""


@keycloak.command("configure", cls=PermittedCommand, permission=Permission.KEYCLOAK_CONFIGURE)
@click.option("--check", is_flag=True, help="Only report what differs; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option("--replace-keys", is_flag=True, help="Replace keys in Keycloak that this host does not have.")
@click.option(
    "--remove-administrator", is_flag=True, help="Afterwards delete the administrator's client from realm master."
)
@handle_errors
def configure_keycloak(check: bool, as_json: bool, replace_keys: bool, remove_administrator: bool) -> None:
    """レルムを定義どおりに整える / Bring both realms to their specification.

    In realm master wrong passwords are limited and events kept, nothing else. Safe to repeat. The operator's service
    clients that two people approved are made; without a database that answers they are left alone, and standard error
    says so. Things somebody else put into our realms are reported as foreign and left alone. Exit code 0 when nothing
    differs (any more), 1 when something does or a key is another host's, 3 when Keycloak cannot be reached.
    """
    settings = Settings.from_environment(os.environ)
    if remove_administrator:
        if check:
            raise click.UsageError("--remove-administrator does not go with --check")
        require_removable_administrator(settings)
    clients = _operators_clients()
    configured = configure(settings, operators_clients=clients or (), check=check, replace_keys=replace_keys)
    if clients is None:
        click.echo(NO_CLIENT_LIST.ja + " / " + NO_CLIENT_LIST.en, err=True)
    elif not check:
        _record(clients)
    if remove_administrator and configured.in_sync:
        delete_administrator(settings)
    if as_json:
        names = None if clients is None else [client.client_id for client in clients if client.enabled]
        print_json({**configured_json(configured), "operator_clients": names})
    else:
        _print(configured)
    click.get_current_context().exit(0 if configured.in_sync else 1)


@keycloak.command("theme", cls=PermittedCommand, permission=Permission.KEYCLOAK_CONFIGURE)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@handle_errors
def theme(folder: Path, as_json: bool) -> None:
    """ログイン画面とメールのテーマを書き出す / Write the theme of login pages and mails into FOLDER.

    FOLDER is the folder `themes` of a Keycloak of your own, or one from which it is copied there; Keycloak reads it at
    its next start. The embedded Keycloak needs none of it. An earlier theme of Moyai is replaced, nothing else is.
    """
    written = write_theme(folder)
    if as_json:
        print_json({"theme": str(written)})
    else:
        click.echo(f"テーマを {written} に書き出しました / The theme is in {written}")


def _operators_clients() -> tuple[ServiceClientIntent, ...] | None:
    """The operator's systems that two people approved; None where no database with our schema answers."""
    try:
        with app_context(), system_transaction(OPERATOR) as session:
            operator = operator_id(session)
            return () if operator is None else operators_clients(session, operator, clock.today())
    except (DependencyUnavailable, ProgrammingError):
        return None


def _record(clients: Sequence[ServiceClientIntent]) -> None:
    """Record that they are in Keycloak now."""
    synced = tuple(client.service_client_id for client in clients if client.enabled)
    if synced:
        with app_context() as context:
            sync_operator_clients(SyncOperatorClients(client_ids=synced), actor=context.actor)


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
        click.echo(
            f"定義どおりです（書き込み {configured.writes} 件） / In sync ({configured.writes} writes)", err=True
        )
    else:
        count = len(configured.remaining)
        click.echo(f"違いが {count} 件あります / {count} differences", err=True)
    if configured.lacks_theme:
        click.echo(f"{THEME_MISSING.ja} / {THEME_MISSING.en}", err=True)


def _identity(difference: RealmDifference) -> tuple[str, str, str, str | None]:
    return (difference.realm, difference.kind, difference.object, difference.field)
