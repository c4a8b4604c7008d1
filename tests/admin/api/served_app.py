"""What granian loads where the API is tried from outside: the application beside a Keycloak that holds no tenant.

Everything else is as in `admin.wsgi`: PostgreSQL and the issuer of tokens are those that the environment names.
"""

from __future__ import annotations

from admin.interface.keycloak_port import PORT
from admin.wsgi import app
from tests.admin.empty_keycloak import EmptyKeycloak

app.extensions[PORT] = EmptyKeycloak()
