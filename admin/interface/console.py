"""Registering the console: the pages of all features, the frame around them, and what every template may use."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, Flask, Response, abort, send_file

from admin.core.guard import requires
from admin.interface.audit_rows import init_audit_rows
from admin.interface.columns import init_columns
from admin.interface.formats import init_formats
from admin.interface.labels import init_labels
from admin.interface.list_columns import init_list_columns
from admin.interface.list_filters import init_list_filters
from admin.interface.menu import Menu
from admin.interface.navigation import init_navigation
from admin.interface.pages import settings
from admin.operations import assets
from governance.permissions import Permission

interface = Blueprint("interface", __name__, template_folder="templates", static_folder="static")


def register_console(app: Flask, blueprints: Iterable[Blueprint], *, operator_menu: Menu, tenant_menu: Menu) -> None:
    """Register the pages of all features, with the menu of the operator's people and that of a municipality's."""
    init_formats(app)
    init_columns(app)
    init_labels(app)
    init_list_columns(app)
    init_list_filters(app)
    init_audit_rows(app)
    init_navigation(app, app.config["MOYAI"], operator_menu, tenant_menu)
    app.register_blueprint(interface)
    for blueprint in blueprints:
        app.register_blueprint(blueprint)


def register_public_pages(app: Flask, blueprints: Iterable[Blueprint]) -> None:
    """Register the pages of people without an account; they have no menu."""
    for blueprint in blueprints:
        app.register_blueprint(blueprint)


@interface.get("/static/htmx.min.js")
@requires(Permission.PUBLIC)
def htmx() -> Response:
    """The script that was fetched at the start; 404 where it was not, and the pages then do without."""
    script = assets.script_below(settings().home)
    if not script.is_file():
        abort(404)
    return send_file(script, mimetype="text/javascript", conditional=True, max_age=3600)
