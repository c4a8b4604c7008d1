"""`moyai agreement`: versions and acceptances; publish a version, record an acceptance that was signed on paper."""

from __future__ import annotations

from uuid import UUID

import click

from admin.features.agreements.entry_points import ENTRY_POINTS
from admin.interface.cli_context import app_context
from admin.interface.command_line import command_group
from admin.interface.output import handle_errors, print_model, print_models
from admin.interface.param_types import as_json_option, find_tenant
from governance.agreements import queries
from governance.agreements.queries import AcceptanceFacts, AgreementVersionFacts
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR

agreement = command_group("agreement", "協定と同意 / Agreements and acceptances.", ENTRY_POINTS)


@agreement.command("list")
@click.option("--name", help="Only this agreement.")
@as_json_option
@handle_errors
def list_versions(name: str | None, as_json: bool) -> None:
    """協定の版の一覧 / Every version published, newest first."""
    with app_context(), system_transaction(OPERATOR) as session:
        found = queries.versions(session, agreement=name)
    print_models("versions", found, as_json, _line)


@agreement.command("show")
@click.argument("version_id", type=click.UUID)
@as_json_option
@handle_errors
def show(version_id: UUID, as_json: bool) -> None:
    """協定の版を見る / One version with its text."""
    with app_context(), system_transaction(OPERATOR) as session:
        version = queries.version(session, version_id)
    if as_json:
        print_model(version, as_json)
        return
    click.echo(_line(version))
    click.echo(version.text)


@agreement.command("acceptances")
@click.argument("code")
@as_json_option
@handle_errors
def list_acceptances(code: str, as_json: bool) -> None:
    """団体の同意の一覧 / What a tenant accepted, newest first, and who signed."""
    with app_context(), system_transaction(OPERATOR) as session:
        found = queries.acceptances(session, find_tenant(session, code).id)
    print_models("acceptances", found, as_json, _acceptance_line)


def _line(version: AgreementVersionFacts) -> str:
    return f"{version.id}  {version.agreement} v{version.number}  {version.effective_from}  {version.title}"


def _acceptance_line(accepted: AcceptanceFacts) -> str:
    signer = f"{accepted.on_behalf_of} {accepted.signer_title} {accepted.signer_name}"
    return f"{accepted.signed_on}  {accepted.version_id}  {signer}（{accepted.authority}）"
