"""What granian loads where the API is tried from outside: the application beside a Keycloak that holds no tenant.

Everything else is as in `admin.asgi`: PostgreSQL and the issuer of tokens are those that the environment names.
"""

from __future__ import annotations

from admin.asgi import app, flask_app
from admin.interface.keycloak_port import PORT
from tests.admin.empty_keycloak import EmptyKeycloak

__all__ = ["app"]

flask_app.extensions[PORT] = EmptyKeycloak()
