"""The application factory: what a request passes on its way in, and which doors there are.

`create_core` is the application without doors, for the command line and the worker; `create_app` has them all. Reading
`create_app` from top to bottom is reading the house's table of contents. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from flask import Flask
from flask_openapi.openapi import OpenAPI

from admin.api.door import open_api
from admin.backoffice.door import open_backoffice
from admin.console.door import open_console
from admin.csrf import refuse_forged_forms
from admin.errors import answer_errors
from admin.guard import keep_guard
from admin.headers import set_headers
from admin.health import open_health
from admin.identity.door import identify_bearer, identify_person, open_identity
from admin.language import speak_both
from admin.logs import configure_logs
from admin.migrations import metadata  # noqa: F401 - every table is known before the first session
from admin.requests import take_requests
from admin.settings import Settings
from governance.kernel.database import connect
from tenancy.tenants.admission import admit_prefectures

DOORS: Final[tuple[Callable[[Flask], None], ...]] = (
    open_console,  # / and every page for people
    open_health,  # /healthz /readyz /csp-report
    open_api,  # /api/v1/…
    open_backoffice,  # /backoffice/…
)
"""Each door registers its own addresses. Signing in is opened beside them, because it needs the installation's keys."""


def create_core(settings: Settings) -> Flask:
    """The application with its database and logs and no door at all. Commands run inside its `app_context()`."""
    return _with_core(Flask("admin", static_folder=None), settings)


def create_app(settings: Settings) -> Flask:
    """The application with all its doors."""
    # The API's package describes its addresses by a subclass of Flask; to all other doors it is an ordinary Flask.
    app = _with_core(OpenAPI("admin", static_folder=None, doc_ui=False), settings)
    app.secret_key = settings.session_secret
    app.config.update(
        SESSION_COOKIE_NAME="__Host-moyai-notes",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    # What a request passes, in this order; answers pass it backwards.
    take_requests(app, settings)
    speak_both(app)
    set_headers(app, settings)
    answer_errors(app)
    keep_guard(app, identify_person, identify_bearer)
    refuse_forged_forms(app, settings)
    # Whom it leads to.
    open_identity(app, settings)  # /login /logout /backchannel-logout
    for open_door in DOORS:
        open_door(app)
    return app


def settings_of(app: Flask) -> Settings:
    """The settings the application was made with."""
    settings: Settings = app.config["MOYAI"]
    return settings


def _with_core(app: Flask, settings: Settings) -> Flask:
    configure_logs()
    app.config["MOYAI"] = settings
    connect(app, settings.app_url)
    admit_prefectures(settings.prefectures)
    return app
