"""`moyai agreement`: publishing a version and recording an acceptance that was signed on paper."""

from __future__ import annotations

from datetime import date
from typing import Any, BinaryIO
from uuid import UUID

import click

from admin.interface.cli_context import app_context
from admin.interface.output import handle_errors
from admin.interface.param_types import DateParam, as_json_option, find_tenant_id, print_result
from governance.agreements.commands import AcceptAgreement, PublishAgreement, accept_agreement, publish_agreement
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
