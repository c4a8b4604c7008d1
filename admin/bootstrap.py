"""The application without any route, for the command line, the worker and the tests: settings, logs, database.

`admin.app` adds what answers HTTP. Kept apart, because a command must not wait for pages and API to be imported.
"""

from __future__ import annotations

from flask import Flask

from admin.core.logs import configure_logs
from admin.identity.sign_in_limits import sign_in_limits
from admin.migrations import metadata  # noqa: F401 - every table is known before the first session
from admin.operations.settings import Settings
from admin.operations.trust import trust
from governance.derived_secrets import SECRETS_KEY
from governance.kernel.database import BACKGROUND_STATEMENT_MS, connect
from governance.kernel.installation import IS_EXAMPLE
from governance.step_up import STEP_UP_MAX_AGE
from tenancy.tenants.eligibility import ADMITTED_PREFECTURES


def create_core(settings: Settings) -> Flask:
    """The application with its database and logs and no route at all. Commands run inside its `app_context()`."""
    return initialise(Flask("admin", static_folder=None), settings)


def initialise(app: Flask, settings: Settings, *, statement_timeout_ms: int = BACKGROUND_STATEMENT_MS) -> Flask:
    """Give an application its logs, settings and database. Returns the same application.

    `statement_timeout_ms` is how long PostgreSQL may take over one statement.
    """
    trust(settings)
    configure_logs()
    app.config["MOYAI"] = settings
    connect(app, settings.app_url, settings.tenant_url, statement_timeout_ms=statement_timeout_ms)
    ADMITTED_PREFECTURES.set(app, settings.prefectures)
    IS_EXAMPLE.set(app, settings.example)
    SECRETS_KEY.set(app, settings.audit_files.read_key)
    if settings.requires_second_factor:
        STEP_UP_MAX_AGE.set(app, lambda session: sign_in_limits(session).step_up)
    return app


def settings_of(app: Flask) -> Settings:
    """The settings the application was made with."""
    settings: Settings = app.config["MOYAI"]
    return settings
