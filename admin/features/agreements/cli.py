"""`moyai agreement`: versions and acceptances; publish a version, record an acceptance that was signed on paper."""

from __future__ import annotations

from datetime import date
from typing import Any, BinaryIO
from uuid import UUID

import click

from admin.interface.cli_context import app_context
from admin.interface.output import handle_errors, print_model, print_models
from admin.interface.param_types import DateParam, as_json_option, find_tenant, find_tenant_id, print_result
from governance.agreements import queries
from governance.agreements.commands import AcceptAgreement, PublishAgreement, accept_agreement, publish_agreement
from governance.agreements.queries import AcceptanceFacts, AgreementVersionFacts
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Invalid, message

TEXT_NOT_UTF8 = message(
    "agreement.text_not_utf8",
    ja="協定の文面は UTF-8 で保存してください。",
    en="The text of an agreement must be UTF-8.",
)


@click.group()
def agreement() -> None:
    """協定と同意 / Agreements and acceptances."""


@agreement.command("publish")
@click.argument("name")
@click.argument("text", type=click.File("rb"), metavar="FILE|-")
@click.option("--title", required=True)
@click.option("--from", "effective_from", required=True, type=DateParam(), help="The day it takes effect.")
@click.option("--language", type=click.Choice(["ja", "en"]), default="ja", show_default=True)
@as_json_option
@handle_errors
def publish(name: str, text: BinaryIO, title: str, effective_from: date, language: Any, as_json: bool) -> None:
    """協定の版を公開する / Publish a version; the file is UTF-8 and kept byte for byte."""
    try:
        words = text.read().decode()
    except UnicodeDecodeError:
        raise Invalid(TEXT_NOT_UTF8, field="FILE") from None
    command = PublishAgreement(name=name, title=title, language=language, text=words, effective_from=effective_from)
    with app_context() as context:
        published = publish_agreement(command, actor=context.actor)
    print_result(
        {"version_id": str(published.version_id), "number": published.number, "sha256": published.sha256}, as_json
    )


@agreement.command("accept")
@click.argument("code")
@click.argument("version_id", type=click.UUID)
@click.option("--signer", "signer_name", required=True)
@click.option("--title", "signer_title", required=True)
@click.option("--on-behalf-of", required=True)
@click.option("--authority", required=True)
@click.option("--signed-on", required=True, type=DateParam())
@as_json_option
@handle_errors
def accept(
    code: str,
    version_id: UUID,
    signer_name: str,
    signer_title: str,
    on_behalf_of: str,
    authority: str,
    signed_on: date,
    as_json: bool,
) -> None:
    """同意を登録する / Record that a named signer accepted a version for a tenant, as the paper says."""
    with app_context() as context:
        command = AcceptAgreement(
            tenant_id=find_tenant_id(code),
            version_id=version_id,
            signer_name=signer_name,
            signer_title=signer_title,
            on_behalf_of=on_behalf_of,
            authority=authority,
            signed_on=signed_on,
        )
        accepted = accept_agreement(command, actor=context.actor)
    print_result({"acceptance_id": str(accepted.acceptance_id), "sha256": accepted.sha256}, as_json)


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
