"""What the web server loads: `granian --interface asgi --http 1 admin.asgi:app`. Settings come from the environment."""

import os
import signal
from importlib.metadata import version
from typing import cast

# granian forks a process with handlers that only note a signal. Until the process has set its own, which it does once
# this module is there, a signal to stop would be lost, and whoever sent it would wait for ever.
for _one in (signal.SIGTERM, signal.SIGINT):
    signal.signal(_one, signal.SIG_DFL)

from governance.kernel.start import require_own_packages

require_own_packages()

# What is in them is imported only then.
from admin.app import create_app
from admin.core.request_checks import body_limit
from admin.identity.blueprint import has_keys
from admin.operations.health_process import HealthProcess
from admin.operations.keys import CLIENT_OF, backend_keys
from admin.operations.metrics.scrape import ScrapeSources
from admin.operations.metrics.web import BoundedPool, WebMetrics, reserve_files
from admin.operations.request_server import RequestServer
from admin.operations.settings import Settings
from governance.kernel.database import CONNECTIONS_A_POOL, OPERATOR, db
from tenancy.acceptances.commands import REMIND_OWNERS
from tenancy.access_reviews.commands import MAIL_ACCESS_REVIEW
from tenancy.announcements.commands import REMIND_OF_ANNOUNCEMENT
from tenancy.applications.rows import MAIL_APPLICANT
from tenancy.onboarding.unsynced_members import INVITE
from tenancy.people.leaving import MAIL_LEAVING
from tenancy.people.ownership import MAIL_FEWEST_OWNERS
from tenancy.people.role_changes import MAIL_ROLE_CHANGE
from tenancy.people.second_person import ANNOUNCE_OWNER
from tenancy.preferences.digests import MAIL_DIGEST
from tenancy.tenants.state_changes import MAIL_STATE_CHANGE

_settings = Settings.from_environment(os.environ)
flask_app = create_app(_settings)

reserve_files(_settings.web_metrics_folder)
_metrics = WebMetrics()
_client_keys = {CLIENT_OF[key.account]: key for key in backend_keys(_settings).accounts}
with flask_app.app_context():
    _engines = dict(db.engines)


def _sample() -> None:
    pools = {name or OPERATOR: cast(BoundedPool, engine.pool) for name, engine in _engines.items()}
    _metrics.sample(
        at_once=app.at_once,
        pools=pools,
        limit=CONNECTIONS_A_POOL,
        keys_held=has_keys(flask_app),
        client_keys=_client_keys,
    )


app = RequestServer(
    flask_app.wsgi_app,
    body_limit=body_limit,
    threads=_settings.web_threads,
    observe=_metrics.observe,
    beside=HealthProcess(
        _settings.bind,
        _settings.health_port,
        str(_settings.app_url),
        lambda: has_keys(flask_app),
        metrics=ScrapeSources(
            folder=str(_settings.web_metrics_folder),
            networks=[str(network) for network in _settings.metrics_from],
            keycloak_url=_settings.keycloak_url,
            mail_kinds=[
                *(INVITE, ANNOUNCE_OWNER, MAIL_ROLE_CHANGE, MAIL_FEWEST_OWNERS, MAIL_LEAVING),
                *(
                    REMIND_OWNERS,
                    REMIND_OF_ANNOUNCEMENT,
                    MAIL_DIGEST,
                    MAIL_STATE_CHANGE,
                    MAIL_APPLICANT,
                    MAIL_ACCESS_REVIEW,
                ),
            ],
            version=version("moyai"),
            web_process=os.getpid(),
        ),
        sample=_sample,
    ),
)
