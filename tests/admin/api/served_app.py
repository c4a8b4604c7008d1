"""What granian loads where the API is tried from outside: the application beside a Keycloak that holds no tenant.

Everything else is as in `admin.asgi`: PostgreSQL and the issuer of tokens are those that the environment names; one
caller tries everything, refused tokens too, so no rate limit is ever met.
"""

from __future__ import annotations

from admin.asgi import app, flask_app
from admin.core.rate_limits import RATES, RateLimit
from admin.interface.keycloak_port import PORT
from tests.admin.empty_keycloak import EmptyKeycloak

__all__ = ["app"]

flask_app.extensions[PORT] = EmptyKeycloak()
flask_app.config[RATES] = dict.fromkeys(RateLimit, "100000/minute")
