"""`moyai service-client`: the systems of a tenant, registered by their public keys. Keycloak follows by the worker."""

from __future__ import annotations

from datetime import date
from typing import BinaryIO, Final
from uuid import UUID

import click

from admin.interface.cli_context import app_context
from admin.interface.option_names import option_names, read_file
from admin.interface.output import handle_errors, print_json, print_model
from admin.interface.param_types import (
    DateParam,
    as_json_option,
    find_tenant,
    find_tenant_id,
    print_result,
)
from governance.commands import system_transaction
from governance.declaration import build_command
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Invalid
from governance.kernel.strict_json import NOT_UTF8
from tenancy.clients import queries
from tenancy.clients.commands import RegisterClient, register_client
from tenancy.keycloak.port import SERVICE_SCOPES

MAX_JWKS_BYTES: Final = 20_000
"""As many as the command takes characters; a key set is ASCII."""


@click.group()
def service_client() -> None:
    """API利用者（システム） / Service clients of a tenant."""


@service_client.command("register")
@click.argument("code")
@click.option("--name", required=True)
@click.option(
    "--jwks",
    type=click.File("rb"),
    required=True,
    metavar="FILE|-",
    help="The public keys as a JWK Set; - reads standard input.",
)
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SERVICE_SCOPES), help="Once for each scope it may use."
)
@click.option("--until", "valid_until", type=DateParam(), help="The first day on which it is no longer valid.")
@as_json_option
@handle_errors
def register(
    code: str, name: str, jwks: BinaryIO, scopes: tuple[str, ...], valid_until: date | None, as_json: bool
) -> None:
    """API利用者を登録する / Register a system by its public keys. A key with a private part is refused."""
    with option_names(default="--jwks", tenant_id="CODE"), app_context() as context:
        try:
            keys = read_file(jwks, most=MAX_JWKS_BYTES, field="--jwks").decode()
        except UnicodeDecodeError:
            raise Invalid(NOT_UTF8, field="--jwks") from None
        command = build_command(
            RegisterClient, tenant_id=find_tenant_id(code), name=name, jwks=keys, scopes=scopes, valid_until=valid_until
        )
        registered = register_client(command, actor=context.actor)
    print_result({"client_id": str(registered.client_id), "client_name": registered.client_name}, as_json)


@service_client.command("list")
@click.argument("code")
@as_json_option
@handle_errors
def list_clients(code: str, as_json: bool) -> None:
    """API利用者の一覧 / The systems of a tenant in the order they were registered, stopped ones too."""
    with app_context(), system_transaction(OPERATOR) as session:
        tenant = find_tenant(session, code)
        found = queries.service_clients(session, tenant.id, also_stopped=True)
    if as_json:
        print_json({"code": tenant.code, "clients": found})
        return
    for row in found:
        click.echo(f"{row.id}  {row.state:<10}  {row.valid_from}–{row.valid_until or ''}  {row.name}")


@service_client.command("show")
@click.argument("code")
@click.argument("client_id", type=click.UUID)
@as_json_option
@handle_errors
def show_client(code: str, client_id: UUID, as_json: bool) -> None:
    """API利用者を 1 つ見る / One system of a tenant with its public keys, by its id."""
    with option_names(tenant_id="CODE", client_id="CLIENT_ID"), app_context(), system_transaction(OPERATOR) as session:
        found = queries.service_client(session, find_tenant(session, code).id, client_id)
    print_model(found, as_json)
