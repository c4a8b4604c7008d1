"""`moyai tenant edit|statistic|contact|contact-remove`: what is known about a tenant, and whom to ask there."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import click

from admin.features.tenants.cli import tenant
from admin.interface.cli_context import app_context
from admin.interface.option_names import option_names
from admin.interface.output import handle_errors
from admin.interface.param_types import DateParam, as_json_option, find_tenant_id, print_result
from governance.commands import system_transaction
from governance.declaration import build_command
from governance.kernel.database import OPERATOR
from tenancy.tenants import queries
from tenancy.tenants.commands import (
    EditTenant,
    RecordContact,
    RecordStatistic,
    RemoveContact,
    edit_tenant,
    record_contact,
    record_statistic,
    remove_contact,
)
from tenancy.tenants.states import ContactPurpose, StatisticKind

__all__ = ["tenant"]

_MAY_BE_EMPTY: Final = {"code": "code", "name-en": "name_en", "from": "valid_from"}
"""What a tenant can be without, as it is typed → the command's field."""


@tenant.command("edit")
@click.argument("code")
@click.option("--code", "new_code", help="A new code, for example after a merger.")
@click.option("--name")
@click.option("--kana")
@click.option("--name-en")
@click.option("--from", "valid_from", type=DateParam(), help="Planned first day of membership.")
@click.option("--without", multiple=True, type=click.Choice(list(_MAY_BE_EMPTY)), help="Clear this field.")
@as_json_option
@handle_errors
def edit(
    code: str,
    new_code: str | None,
    name: str | None,
    kana: str | None,
    name_en: str | None,
    valid_from: date | None,
    without: tuple[str, ...],
    as_json: bool,
) -> None:
    """団体の内容を変更する / Edit a tenant. Fields that are not given stay as they are."""
    given = {"code": new_code, "name": name, "kana": kana, "name_en": name_en, "valid_from": valid_from}
    changes: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    for option in without:
        if given[_MAY_BE_EMPTY[option]] is not None:
            raise click.BadOptionUsage("--without", f"--{option} is given and cleared at the same time")
        changes[_MAY_BE_EMPTY[option]] = None
    with option_names(code="--code"), app_context() as context:
        tenant_id = find_tenant_id(code)
        with system_transaction(OPERATOR) as session:
            seen = queries.tenant(session, tenant_id)
            whole = {field: getattr(seen, field) for field in given} | changes
            command = build_command(EditTenant, tenant_id=tenant_id, version=seen.version, **whole)
        edited = edit_tenant(command, actor=context.actor)
    print_result({"tenant_id": str(tenant_id), "code": command.code, "version": edited.version}, as_json)


@tenant.command("statistic")
@click.argument("code")
@click.argument("kind", type=click.Choice([kind.value for kind in StatisticKind]))
@click.argument("value")
@click.option(
    "--on", "basis_date", required=True, type=DateParam(), help="The reference date of the statistic, as 2020-10-01."
)
@click.option("--source", required=True, help="Where it is published.")
@as_json_option
@handle_errors
def statistic(code: str, kind: str, value: str, basis_date: date, source: str, as_json: bool) -> None:
    """統計値を登録する / Record a dated statistic. One for the same date is superseded and stays readable."""
    with option_names(), app_context() as context:
        command = build_command(
            RecordStatistic,
            tenant_id=find_tenant_id(code),
            kind=StatisticKind(kind),
            value=value,
            basis_date=basis_date,
            source=source,
        )
        recorded = record_statistic(command, actor=context.actor)
    superseded = recorded.supersedes_id
    print_result(
        {
            "statistic_id": str(recorded.statistic_id),
            "supersedes_id": None if superseded is None else str(superseded),
        },
        as_json,
    )


@tenant.command("contact")
@click.argument("code")
@click.argument("purpose", type=click.Choice([purpose.value for purpose in ContactPurpose]))
@click.option("--section", required=True)
@click.option("--name", required=True)
@click.option("--email", required=True)
@click.option("--phone")
@as_json_option
@handle_errors
def contact(code: str, purpose: str, section: str, name: str, email: str, phone: str | None, as_json: bool) -> None:
    """連絡先を登録する / Record the contact for a purpose, replacing the previous one."""
    with option_names(), app_context() as context:
        command = build_command(
            RecordContact,
            tenant_id=find_tenant_id(code),
            purpose=ContactPurpose(purpose),
            section=section,
            name=name,
            email=email,
            phone=phone,
        )
        recorded = record_contact(command, actor=context.actor)
    print_result({"contact_id": str(recorded.contact_id), "purpose": purpose}, as_json)


@tenant.command("contact-remove")
@click.argument("code")
@click.argument("purpose", type=click.Choice([purpose.value for purpose in ContactPurpose]))
@as_json_option
@handle_errors
def contact_remove(code: str, purpose: str, as_json: bool) -> None:
    """連絡先を削除する / Remove the contact for a purpose."""
    with option_names(), app_context() as context:
        command = RemoveContact(tenant_id=find_tenant_id(code), purpose=ContactPurpose(purpose))
        removed = remove_contact(command, actor=context.actor)
    print_result({"contact_id": str(removed.contact_id), "purpose": purpose}, as_json)
