"""What a WSGI server loads: `granian --interface wsgi admin.wsgi:app`. Settings come from the environment."""

import os

from admin.app import create_app
from admin.operations.settings import Settings

app = create_app(Settings.from_environment(os.environ))
