"""`moyai access-review`: what is derived, and the register as a file."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import click

from admin.features.access_reviews.api import routes
from admin.features.access_reviews.entry_points import ENTRY_POINTS
from admin.features.access_reviews.register import access_register_pdf
from admin.interface.cli_context import app_context
from admin.interface.command_line import command_group
from admin.interface.output import handle_errors
from admin.interface.param_types import as_json_option, find_tenant, output_option, print_result, write_new
from admin.interface.permitted import PermittedCommand
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR
from governance.permissions import Permission

access_review = command_group("access-review", "権限の棚卸し / Access reviews.", ENTRY_POINTS, routes.queries)


@access_review.command("register", cls=PermittedCommand, permission=Permission.ACCESS_REVIEW_READ)
@click.argument("code")
@click.argument("review_id", type=click.UUID)
@output_option("access-review.pdf")
@as_json_option
@handle_errors
def register(code: str, review_id: UUID, output: Path, as_json: bool) -> None:
    """権限の棚卸しの台帳を PDF で取り出す / Write the register of an access review."""
    with app_context(), system_transaction(OPERATOR) as session:
        content = access_register_pdf(session, find_tenant(session, code).id, review_id)
    print_result({"file": write_new(output, content), "bytes": len(content)}, as_json)
