"""`moyai operator`: the prefecture that runs the platform, with which a real installation begins."""

from __future__ import annotations

from uuid import UUID

import click

from admin.interface.cli_context import CliContext, app_context
from admin.interface.option_names import option_names
from admin.interface.output import handle_errors
from admin.interface.param_types import as_json_option, print_result
from governance.actors import Actor, command_line_actor
from governance.declaration import build_command
from governance.kernel.codes import LocalGovernmentCode
from governance.kernel.errors import NotFound
from governance.kernel.ids import new_id
from tenancy.tenants.commands import RegisterOperator, register_operator


@click.group()
def operator() -> None:
    """運営者（県） / The operator."""


@operator.command("register")
@click.argument("code")
@click.option("--name", required=True)
@click.option("--kana", required=True)
@click.option("--name-en")
@as_json_option
@handle_errors
def register(code: str, name: str, kana: str, name_en: str | None, as_json: bool) -> None:
    """県を運営者として登録する / Register the prefecture CODE as the operator. Done once, before anything else."""
    operator_id = new_id()
    with option_names(), app_context() as context:
        command = build_command(
            RegisterOperator,
            tenant_id=operator_id,
            code=LocalGovernmentCode.parse(code).digits,
            name=name,
            kana=kana,
            name_en=name_en,
        )
        registered = register_operator(command, actor=_registering(context, operator_id))
    print_result({"tenant_id": str(registered.tenant_id), "code": code, "name": name}, as_json)


def _registering(context: CliContext, operator_id: UUID) -> Actor:
    """Who registers: the person at the machine, of the operator that is there, or else of the one to be."""
    try:
        # A second operator is refused, and the refusal belongs in the record of the one there is.
        return context.actor
    except NotFound:
        return command_line_actor(operator_id)
