"""`moyai operator`: the prefecture that runs the platform, with which a real installation begins."""

from __future__ import annotations

from admin.interface.cli_context import CliContext
from admin.interface.command_line import command_group
from admin.interface.entry_points import EntryPoint, cli
from governance.actors import Actor, command_line_actor
from governance.kernel.errors import NotFound
from governance.kernel.labels import Label
from tenancy.tenants.commands import RegisterOperator, register_operator


def _registering(context: CliContext, command: RegisterOperator) -> Actor:
    """Who registers: the person at the machine, of the operator that is there, or else of the one to be."""
    try:
        # A second operator is refused, and the refusal belongs in the audit log of the one there is.
        return context.actor
    except NotFound:
        return command_line_actor(command.tenant_id)


operator = command_group(
    "operator",
    "運営者（県） / The operator.",
    [
        EntryPoint(
            register_operator,
            Label("県を運営者として登録する", "Register the prefecture CODE as the operator, before anything else"),
            Label("登録する", "Register"),
            cli=cli("operator register", "code", actor=_registering),
            hidden=frozenset({"tenant_id"}),
        )
    ],
)
