"""`moyai openapi`: the OpenAPI document of `/api`."""

from __future__ import annotations

import os

import click

from admin.features import api_routes
from admin.interface.openapi import document
from admin.interface.output import handle_errors, print_json
from admin.interface.permitted import PermittedCommand
from admin.operations.settings import Settings
from governance.permissions import Permission


@click.command("openapi", cls=PermittedCommand, permission=Permission.PUBLIC)
@click.option("--json", "as_json", is_flag=True, help="The same: the document is JSON.")
@handle_errors
def openapi(as_json: bool) -> None:
    """API の定義（OpenAPI 3.1）/ The OpenAPI document of /api, as JSON. Needs no server."""
    print_json(document(api_routes(), Settings.from_environment(os.environ).public_url))
