"""The application factory: what a request passes on its way in, and which doors there are.

`create_core` is the application without doors, for the command line and the worker; `create_app` has them all. Reading
`create_app` from top to bottom is reading the house's table of contents. Nothing is decided here.
"""

from __future__ import annotations

from flask import Flask

from admin.logs import configure_logs
from admin.migrations import metadata  # noqa: F401 - every table is known before the first session
from admin.settings import Settings
from governance.kernel.database import connect


def create_core(settings: Settings) -> Flask:
    """The application with its database and logs and no door at all. Commands run inside its `app_context()`."""
    configure_logs()
    app = Flask("admin", static_folder=None)
    app.config["MOYAI"] = settings
    app.config["TESTING"] = settings.testing
    connect(app, settings.database_url)
    return app


def settings_of(app: Flask) -> Settings:
    """The settings the application was made with."""
    settings: Settings = app.config["MOYAI"]
    return settings
