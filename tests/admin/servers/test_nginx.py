"""docs/operations/nginx.conf: Debian's nginx over TLS in front of two webs, one of which is killed meanwhile."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import psutil
import psycopg
import pytest

from admin.operations import ports
from admin.operations.readiness import wait_until
from governance.permissions import Role
from tenancy.keycloak.port import Realm
from tests.actors import seed_operator
from tests.admin.issuer import Issuer
from tests.authority import Authority
from tests.conftest import on_database
from tests.factories import Visitors
from tests.nginx import KEYCLOAK_NAME, NAME, start_nginx
from tests.ports import find_free_port, find_free_port_range
from tests.programs import required
from tests.servers import PostgreSQL, libpq, unprivileged

pytestmark = pytest.mark.slow

DATABASE: Final = "moyai_behind_nginx"
CITY: Final = {"code": "431001", "name": "熊本市", "kana": "クマモトシ", "kind": "city"}
GETS: Final = 40


@dataclass
class Proxied:
    """nginx and two webs behind it; `token` is that of a person of the operator's onboarding."""

    postgresql: PostgreSQL
    port: int
    authority: Authority
    folder: Path
    environment: dict[str, str]
    token: str
    webs: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def ask(self, method: str, path: str, *, name: str = NAME, **more: Any) -> httpx.Response:
        """One request over a connection of its own, which believes the private authority alone."""
        headers = {"Host": name, "Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        context = ssl.create_default_context(cafile=str(self.authority.file))
        with httpx.Client(verify=context, trust_env=False, timeout=30) as client:
            return client.request(
                method,
                f"https://127.0.0.1:{self.port}{path}",
                headers=headers,
                extensions={"sni_hostname": name},
                **more,
            )

    def register(self, key: str) -> httpx.Response:
        """Register a municipality, with this idempotency key."""
        return self.ask("POST", "/api/v1/tenants", json=CITY, headers={"Idempotency-Key": key})

    def upstreams(self, path: str) -> list[list[str]]:
        """Whom nginx asked, for each request of this path: more than one where it asked again."""
        log = self.folder / "nginx" / "access.log"
        lines = [line.split("|") for line in log.read_text().splitlines()]
        return [addresses.split(", ") for asked, addresses in lines if asked.split(" ")[1] == path]

    def start(self, *numbers: int) -> None:
        """Start webs at these ports, and wait until they answer."""
        for port in numbers:
            with (self.folder / f"web-{port}.log").open("wb") as log:
                self.webs[port] = subprocess.Popen(
                    unprivileged([sys.executable, "-m", "admin.cli", "web"], self.folder / "home"),
                    env=self.environment | {"MOYAI_PORT": str(port)},
                    stdout=log,
                    stderr=log,
                )
        for port in numbers:
            ready = wait_until(lambda port=port: _answers(port), seconds=60)  # type: ignore[misc]
            assert ready, (self.folder / f"web-{port}.log").read_text()

    def kill(self, port: int) -> None:
        """End a web without warning, with all its processes."""
        web = psutil.Process(self.webs[port].pid)
        for process in [*web.children(recursive=True), web]:
            process.kill()
        self.webs[port].wait()


@pytest.fixture(scope="module")
def proxied(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """Two webs as `moyai web` starts them, the example's nginx before them, and an issuer in Keycloak's place."""
    program = required("nginx", "nginx-light")
    folder = tmp_path_factory.mktemp("behind-nginx")
    (folder / "home").mkdir()
    first, second = find_free_port_range(), find_free_port_range()
    tls, plain = find_free_port(), find_free_port()
    authority = Authority.make(folder)
    with psycopg.connect(libpq(postgresql.superuser_url), autocommit=True) as administrator:
        administrator.execute(f"CREATE DATABASE {DATABASE} OWNER moyai_owner TEMPLATE moyai_template")
    with Issuer() as issuer:
        with on_database(postgresql, DATABASE):
            operator = seed_operator()
            person = Visitors().person(operator, Role.OPERATOR_ONBOARDING)
        environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("MOYAI_")},
            **postgresql.urls(DATABASE),
            "MOYAI_HOME": str(folder / "home"),
            "MOYAI_EXAMPLE": "0",
            "KEYCLOAK_URL": issuer.url,
            "MOYAI_PUBLIC_URL": f"https://{NAME}",
            "MOYAI_PROXY_HOPS": "1",
        }
        token = issuer.token_of_person(operator, UUID(person.id), *person.roles, realm=Realm.OPERATORS)
        running = Proxied(postgresql, tls, authority, folder, environment, token)
        nginx = start_nginx(program, folder, authority, tls, plain, (first, second), issuer.url)
        try:
            running.start(first, second)
            assert wait_until(lambda: not ports.is_free(tls), seconds=10), (folder / "nginx" / "error.log").read_text()
            yield running
        finally:
            for process in (nginx, *running.webs.values()):
                if process.poll() is None:
                    process.terminate()
                process.wait(timeout=30)
    with psycopg.connect(libpq(postgresql.superuser_url), autocommit=True) as administrator:
        administrator.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_pages_go_through_over_tls_within_limits_and_what_is_not_for_everybody_does_not(proxied: Proxied) -> None:
    page = proxied.ask("GET", "/login")
    tenants = proxied.ask("GET", "/api/v1/tenants", headers={"X-Forwarded-Host": "evil.example"})

    assert page.status_code == 200
    assert "max-age" in page.headers["Strict-Transport-Security"]
    assert "nginx/" not in page.headers["Server"]
    assert "Content-Encoding" not in page.headers
    assert tenants.status_code == 200
    assert [proxied.ask("GET", path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
    assert proxied.ask("GET", "/metrics").status_code == 404
    assert proxied.ask("POST", "/api/v1/tenants", content=b"x" * (5 * 2**20 + 1)).status_code == 413
    keys = f"/realms/{Realm.OPERATORS}/protocol/openid-connect/certs"
    assert proxied.ask("GET", keys, name=KEYCLOAK_NAME).json()["keys"]
    # As Moyai asks whether Keycloak is there: not to be redirected to a slash. The issuer has no such realm.
    assert proxied.ask("GET", "/realms/master", name=KEYCLOAK_NAME).status_code == 503
    assert proxied.ask("GET", "/metrics", name=KEYCLOAK_NAME).status_code == 404
    with pytest.raises(httpx.ConnectError):
        proxied.ask("GET", "/login", name="other.example")
    with (
        socket.create_connection(("127.0.0.1", proxied.port), timeout=10) as connection,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        # The private authority alone has issued it.
        ssl.create_default_context().wrap_socket(connection, server_hostname=NAME)
    assert all(psutil.Process(web.pid).uids().effective != 0 for web in proxied.webs.values())


def test_a_post_whose_web_is_killed_is_not_sent_to_the_other_and_sent_again_has_one_effect(proxied: Proxied) -> None:
    proxied.start(*(port for port, web in proxied.webs.items() if web.poll() is not None))
    superuser = libpq(proxied.postgresql.superuser_url).rsplit("/", 1)[0] + f"/{DATABASE}"
    waiting = (
        "SELECT a.client_port FROM pg_stat_activity AS a JOIN pg_locks AS l ON l.pid = a.pid"
        " WHERE NOT l.granted AND l.relation = 'tenant'::regclass"
    )
    with psycopg.connect(superuser, autocommit=True) as observer, ThreadPoolExecutor(1) as client:
        with psycopg.connect(superuser) as holder:
            # Reading goes on; what writes a tenant waits.
            holder.execute("LOCK TABLE tenant IN SHARE ROW EXCLUSIVE MODE")
            before = len(proxied.upstreams("/api/v1/tenants"))
            sent = client.submit(proxied.register, "key-of-the-caller")
            assert wait_until(lambda: len(observer.execute(waiting).fetchall()) == 1, seconds=10)
            [(client_port,)] = observer.execute(waiting).fetchall()
            serving = next(port for port, web in proxied.webs.items() if client_port in _local_ports(web.pid))
            proxied.kill(serving)
            answer = sent.result(timeout=30)
            assert len(observer.execute(waiting).fetchall()) <= 1
        assert wait_until(lambda: observer.execute(waiting).fetchall() == [], seconds=10)
        count = "SELECT count(*) FROM tenant WHERE code = '431001'"
        assert answer.status_code == 502
        assert proxied.upstreams("/api/v1/tenants")[before:] == [[f"127.0.0.1:{serving}"]]
        assert observer.execute(count).fetchone() == (0,)

        again = [proxied.register("key-of-the-caller") for _ in range(2)]

        assert [one.status_code for one in again] == [201, 201]
        assert again[0].json() == again[1].json()
        assert observer.execute(count).fetchone() == (1,)


def _local_ports(pid: int) -> set[int]:
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    return {one.laddr.port for member in family for one in member.net_connections() if one.laddr}


def test_with_one_of_two_webs_killed_every_get_is_answered(proxied: Proxied) -> None:
    first, second = proxied.webs
    proxied.start(*(port for port, web in proxied.webs.items() if web.poll() is not None))
    ending = threading.Timer(0.1, proxied.kill, [first])
    ending.start()
    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda _: proxied.ask("GET", "/login").status_code, range(GETS)))
    ending.join()
    answers += [proxied.ask("GET", "/login").status_code for _ in range(4)]

    assert set(answers) == {200}
    asked = {address for addresses in proxied.upstreams("/login") for address in addresses}
    assert asked == {f"127.0.0.1:{first}", f"127.0.0.1:{second}"}
    assert proxied.ask("GET", "/readyz").status_code == 200
