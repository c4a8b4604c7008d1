"""Which pages the console has, and what their templates are given."""

from __future__ import annotations

from flask import Flask, Response, abort, send_file

from admin.console import (  # noqa: F401 - each module puts its pages on the blueprint
    agreements,
    allocations,
    approvals,
    assets,
    audit,
    cohorts,
    costs,
    entries,
    importing,
    ledger,
    mails,
    notices,
    onboardings,
    overview,
    people,
    plans,
    quotas,
    rules,
    tenant_editing,
    tenant_facts,
    tenants,
)
from admin.console.formats import give_formats
from admin.console.frame import give_frame
from admin.console.pages import console, settings
from admin.console.words import give_words
from admin.guard import asks
from governance.permissions import Permission


def open_console(app: Flask) -> None:
    """Register the pages."""
    give_formats(app)
    give_words(app)
    give_frame(app, app.config["MOYAI"])
    app.jinja_env.filters["actor_word"] = audit.actor_word
    app.register_blueprint(console)


@console.get("/static/htmx.min.js")
@asks(Permission.PUBLIC)
def htmx() -> Response:
    """The script that was fetched at the start; 404 where it was not, and the pages then do without."""
    script = assets.script_below(settings().home)
    if not script.is_file():
        abort(404)
    return send_file(script, mimetype="text/javascript", conditional=True, max_age=3600)
