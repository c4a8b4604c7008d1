"""The one port to Keycloak of an application: made when something first needs it, shared by all its threads."""

from __future__ import annotations

from threading import Lock
from typing import Final

from flask import Flask

from admin.bootstrap import settings_of
from tenancy.keycloak.port import Identities

PORT: Final = "moyai.identities"
_lock = Lock()


def identities_of(app: Flask) -> Identities:
    """The port of this application. Its calls raise DependencyUnavailable while Keycloak is away."""
    with _lock:
        if PORT not in app.extensions:
            # Imported when first needed: most commands of the command line never talk to Keycloak, and python-keycloak
            # is the slowest import there is.
            from admin.operations.keycloak_setup import identities

            app.extensions[PORT] = identities(settings_of(app))
    port: Identities = app.extensions[PORT]
    return port


def close_identities(app: Flask) -> None:
    """Close the port of an application that is done, if one was made."""
    with _lock:
        port = app.extensions.pop(PORT, None)
    if port is not None:
        port.close()
