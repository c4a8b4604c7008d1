"""Two hosts with one PostgreSQL, one Keycloak and the same keys: the second changes nothing, and either serves anybody.

That no sign-in fails while the keys are rotated is in `tests/tenancy/keycloak/test_key_rotation.py`, that of three
migrations at once one works in `tests/admin/servers/test_processes.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
import pytest

from admin.identity.sessions import COOKIE as SESSION
from admin.operations.keycloak_setup import configure
from governance.permissions import Role
from tenancy.keycloak.port import Realm
from tests.admin.browser import Browser, forms
from tests.admin.live_app import PASSWORD, LiveApp, Person
from tests.admin.servers.test_commands import Moyai
from tests.servers import PostgreSQL, libpq
from tests.tenancy.keycloak.installation import Installation

pytestmark = pytest.mark.slow


@dataclass
class Hosts:
    """Two hosts behind one address: what a browser knows of one, it sends to the other, too."""

    first: str
    second: str
    live_app: LiveApp
    browser: Browser

    def sign_in(self, person: Person, *, begun_at: str, ended_at: str) -> httpx.Response:
        """Keycloak sends back to the public address, where this time the host `ended_at` answers."""
        cookies = self.browser.cookies.setdefault(httpx.URL(self.first).netloc.decode(), {})
        self.browser.cookies[httpx.URL(self.second).netloc.decode()] = cookies
        page = self.browser.get(begun_at + self.live_app.login_path(person))
        form = next(form for form in forms(page.text) if "password" in form.fields)
        form.fields.update(username=person.email, password=PASSWORD)
        sent_back = self.browser.post(form.action, form.fields, follow=False).headers["location"]
        assert sent_back.startswith(f"{self.first}/login/callback?")
        return self.browser.get(sent_back.replace(self.first, ended_at), follow=False)

    def status(self, host: str) -> int:
        """Of the overview, which only who is signed in is shown."""
        return self.browser.get(f"{host}/", follow=False).status_code


def _state(database: str, installation: Installation) -> tuple[object, ...]:
    """What a second host might change: rows of the audit log, the schema, the realms, the keys."""
    with psycopg.connect(libpq(database)) as owner:
        owner.execute("SELECT set_config('moyai.scope', 'operator', true)")
        events = owner.execute("SELECT count(*) FROM audit_event").fetchone()
        version = owner.execute("SELECT version_num FROM alembic_version").fetchall()
    realms = [
        [row["attributes"] | {"id": row["id"]} for row in administrator.read_pages("clients")]
        for administrator in map(installation.as_administrator, Realm)
    ]
    keys = {file.name: file.read_bytes() for file in (installation.home / "keys").iterdir()}
    return events, version, realms, keys


@pytest.fixture
def hosts(
    live_app: LiveApp,
    installation: Installation,
    postgresql: PostgreSQL,
    database_name: str,
    browser: Browser,
    tmp_path: Path,
) -> Iterator[Hosts]:
    """The second is started by `moyai up` at another address of this machine, with the port of the first."""
    secret = tmp_path / "session.secret"
    secret.write_text(live_app.settings.session_secret)
    given = {
        "MOYAI_HOME": str(tmp_path / "home"),
        "MOYAI_BIND": "127.0.0.2",
        "MOYAI_KEYS_DIR": str(installation.home / "keys"),
        "MOYAI_SESSION_SECRET_FILE": str(secret),
        "MOYAI_MIGRATION_URL": postgresql.owner_url(database_name),
        # Without a mail server of both, each would have Keycloak send to its own.
        "SMTP_URL": "smtp://localhost:1",
    }
    moyai = Moyai(live_app.settings, **given)
    assert configure(live_app.settings.model_copy(update={"smtp_url": given["SMTP_URL"]})).in_sync
    before = _state(given["MOYAI_MIGRATION_URL"], installation)
    try:
        code, answer, said = moyai("up")
        assert (code, answer["web"]["ready"], answer["worker"]["ready"]) == (0, True, True), said
        assert "(0 writes)" in said
        assert _state(given["MOYAI_MIGRATION_URL"], installation) == before
        yield Hosts(live_app.url, f"http://127.0.0.2:{live_app.settings.port}", live_app, browser)
    finally:
        moyai("down")
        assert configure(live_app.settings).in_sync


def test_a_second_host_changes_nothing_and_sign_in_and_session_work_over_both(hosts: Hosts, municipality: UUID) -> None:
    operator = hosts.live_app.operator(Role.OPERATOR_AUDITOR)
    owner = hosts.live_app.person(municipality, Role.TENANT_OWNER)
    both = (hosts.first, hosts.second)

    for person, begun_at, ended_at in ((operator, *both), (owner, *both[::-1])):
        hosts.browser.cookies.clear()
        signed_in = hosts.sign_in(person, begun_at=begun_at, ended_at=ended_at)
        assert (signed_in.status_code, signed_in.headers["location"]) == (303, f"{hosts.first}/"), signed_in.text
        assert [hosts.status(host) for host in both] == [200, 200]

        # Signed out on one host is signed out on both.
        cookie = str(hosts.browser.cookie(begun_at, SESSION))
        page = hosts.browser.get(f"{ended_at}/")
        token = next(form.fields["csrf_token"] for form in forms(page.text) if "csrf_token" in form.fields)
        hosts.browser.post(f"{ended_at}/logout", {"csrf_token": token}, follow=False)
        hosts.browser.put_cookie(begun_at, SESSION, cookie)
        assert [hosts.status(host) for host in both] == [303, 303]
