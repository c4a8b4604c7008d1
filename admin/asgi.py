"""What the web server loads: `granian --interface asgi --http 1 admin.asgi:app`. Settings come from the environment."""

import os
import sys

from admin.app import create_app
from admin.core.request_checks import body_limit
from admin.identity.blueprint import has_keys
from admin.operations.health_listener import HealthListener, PostgresqlProbe
from admin.operations.request_server import RequestServer
from admin.operations.settings import Settings

# Requests that wait for a frozen server fail at the same moment; health is not to stand in line behind all of them.
sys.setswitchinterval(0.0005)

_settings = Settings.from_environment(os.environ)
flask_app = create_app(_settings)

app = RequestServer(
    flask_app.wsgi_app,
    body_limit=body_limit,
    beside=HealthListener(_settings.health_port, PostgresqlProbe(_settings.app_url), lambda: has_keys(flask_app)),
)
