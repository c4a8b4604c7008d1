"""`moyai approval`: the requests that wait for another person. They are decided by people who are signed in."""

from __future__ import annotations

import click

from admin.interface.cli_context import app_context
from admin.interface.output import handle_errors, print_models, tab_separated
from admin.interface.param_types import as_json_option
from governance.approvals import pending_requests
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR


@click.group()
def approval() -> None:
    """承認 / Approvals."""


@approval.command("list")
@as_json_option
@handle_errors
def list_approvals(as_json: bool) -> None:
    """承認待ちの一覧 / The requests without a decision, oldest first."""
    with app_context(), system_transaction(OPERATOR) as session:
        found = pending_requests(session)
    print_models(
        "approvals", found, as_json, tab_separated("requested_at", "kind", "subject_id", "requested_by", "digest")
    )
