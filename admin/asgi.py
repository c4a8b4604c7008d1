"""What the web server loads: `granian --interface asgi --http 1 admin.asgi:app`. Settings come from the environment."""

import os

from admin.app import create_app
from admin.core.request_checks import body_limit
from admin.identity.blueprint import has_keys
from admin.operations.health_process import HealthProcess
from admin.operations.ports import LOOPBACK
from admin.operations.request_server import RequestServer
from admin.operations.settings import Settings

_settings = Settings.from_environment(os.environ)
flask_app = create_app(_settings)

app = RequestServer(
    flask_app.wsgi_app,
    body_limit=body_limit,
    beside=HealthProcess(LOOPBACK, _settings.health_port, str(_settings.app_url), lambda: has_keys(flask_app)),
)
