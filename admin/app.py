"""The application factory: what a request passes on its way in, and everything that answers HTTP.

Reading `create_app` from top to bottom is reading the table of contents. Nothing is decided here.
"""

from __future__ import annotations

from flask import Flask
from flask_openapi.openapi import OpenAPI

from admin.backoffice.blueprint import register_backoffice
from admin.bootstrap import initialise
from admin.core.csrf import csrf_protect
from admin.core.errors import register_error_handlers
from admin.core.guard import init_guard
from admin.core.headers import set_headers
from admin.core.health import register_health
from admin.core.language import init_i18n
from admin.core.metrics import note_endpoints
from admin.core.rate_limits import init_rate_limits
from admin.core.request_checks import init_request_checks
from admin.features import api_routes, blueprints, public_blueprints
from admin.features.commands import COMMAND_MODULES
from admin.features.menu import OPERATOR_MENU, TENANT_MENU
from admin.features.scim import protocol
from admin.identity.blueprint import has_keys, identify_bearer, identify_person, register_identity
from admin.interface.api import register_api
from admin.interface.console import register_console, register_public_pages
from admin.interface.kept_forms import init_kept_forms, keep_after_end, keep_for_return, keep_of_former_session
from admin.interface.keycloak_port import identities_of
from admin.operations.settings import Settings
from governance.commands import COMMANDS, collect_commands
from governance.kernel.database import REQUEST_STATEMENT_MS


def create_app(settings: Settings) -> Flask:
    """The application with all its routes."""
    # flask-openapi describes addresses by a subclass of Flask; to everything else it is an ordinary Flask.
    app = initialise(
        OpenAPI("admin", static_folder=None, doc_ui=False), settings, statement_timeout_ms=REQUEST_STATEMENT_MS
    )
    app.secret_key = settings.session_secret
    app.config.update(
        SESSION_COOKIE_NAME="__Host-moyai-notes",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    COMMANDS.set(app, collect_commands(COMMAND_MODULES))
    # What a request passes, in this order; answers pass it backwards.
    note_endpoints(app)
    init_request_checks(app, settings)
    init_i18n(app)
    set_headers(app, settings)
    register_error_handlers(app, keep_for_return)
    init_rate_limits(app, settings)
    init_guard(app, identify_person, identify_bearer, keep_after_end)
    csrf_protect(app, settings, keep_of_former_session)
    init_kept_forms(app)
    # Who answers.
    register_identity(app, settings, lambda: identities_of(app))  # /login /logout /backchannel-logout
    # / and every page for people
    register_console(app, blueprints(), operator_menu=OPERATOR_MENU, tenant_menu=TENANT_MENU)
    register_public_pages(app, public_blueprints())  # /apply
    register_health(app, has_keys)  # /healthz /readyz /csp-report
    register_api(app, api_routes())  # /api/v1/…
    app.register_blueprint(protocol.pages)  # /scim/v2/tenants/…
    register_backoffice(app)  # /backoffice/…
    return app
