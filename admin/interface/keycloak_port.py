"""The port to Keycloak that the API's requests share: made at the first request that needs it."""

from __future__ import annotations

from threading import Lock
from typing import Final

from flask import Flask

from admin.bootstrap import settings_of
from admin.operations.keycloak_setup import identities
from tenancy.keycloak.port import Identities

PORT: Final = "moyai.api.identities"
_lock = Lock()


def identities_of(app: Flask) -> Identities:
    """The port of this application. Its calls raise Unreachable while Keycloak is away."""
    with _lock:
        if PORT not in app.extensions:
            app.extensions[PORT] = identities(settings_of(app))
    port: Identities = app.extensions[PORT]
    return port
