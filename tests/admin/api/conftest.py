"""Callers of the API: people and systems with tokens of the tests' own issuer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, Final
from uuid import UUID

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from admin.interface.api_routes import PREFIX
from admin.operations.keycloak import answers_ok
from admin.operations.ports import LOOPBACK
from admin.operations.readiness import wait_until
from admin.operations.settings import Settings
from governance.actors import Actor
from governance.kernel import clock
from governance.permissions import Role
from tenancy.keycloak.port import Realm
from tests.actors import Actors
from tests.admin.issuer import Issuer
from tests.factories import IN_FISCAL_YEAR_2025, THIRTEEN, Factory, Visitors
from tests.ports import find_free_port_range

MEMBERS: Final = {code: THIRTEEN[code] for code in ("431001", "434043", "435317")}

_keys = count(1)


@dataclass(frozen=True)
class Caller:
    """Somebody who calls the API with a bearer token, or without any."""

    app: Flask
    public_url: str
    token: str | None
    actor: Actor | None = None

    def ask(self, method: str, path: str, **more: Any) -> TestResponse:
        headers = dict(more.pop("headers", {}))
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        return self.app.test_client().open(
            f"/api/v1{path}", method=method, base_url=self.public_url, headers=headers, **more
        )

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.ask("GET", path, headers=headers)

    def send(self, path: str, body: Any = None, *, method: str = "POST", **headers: str) -> TestResponse:
        """A change with a fresh idempotency key unless one is given."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask(
            method,
            path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Idempotency-Key": f"key-{next(_keys)}", **named},
        )

    def raw(self, path: str, content: bytes, *, method: str = "POST", **headers: str) -> TestResponse:
        """Bytes as they are."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        usual = {"Content-Type": "application/json", "Idempotency-Key": f"key-{next(_keys)}"}
        return self.ask(method, path, data=content, headers=usual | named)


@pytest.fixture
def web(kept_web: Flask) -> Flask:
    """The application with all its blueprints."""
    return kept_web


@pytest.fixture
def callers(
    web: Flask, settings: Settings, issuer: Issuer, visitors: Visitors, operator_tenant: UUID
) -> Callable[..., Caller]:
    """`callers(Role.OPERATOR_FINANCE)`, `callers(Role.TENANT_OWNER, of=town)`, `callers()` for a stranger."""

    def call(*roles: Role, of: UUID | None = None) -> Caller:
        if not roles and of is None:
            return Caller(web, settings.public_url, None)
        tenant_id = of or operator_tenant
        actor = visitors.person(tenant_id, *roles)
        realm = Realm.TENANTS if of else Realm.OPERATORS
        token = issuer.token_of_person(tenant_id, UUID(actor.id), *actor.roles, realm=realm)
        return Caller(web, settings.public_url, token, actor)

    return call


@pytest.fixture
def municipalities(operator_tenant: UUID, visitors: Visitors) -> tuple[UUID, UUID]:
    """Two municipalities whose people may sign in."""
    return visitors.municipality("432083", "山鹿市"), visitors.municipality("432105", "菊池市")


@pytest.fixture
def member(actors: Actors) -> UUID:
    """A municipality with a share in a posted run and a notice of it, beside two others."""
    with clock.at(IN_FISCAL_YEAR_2025):
        factory = Factory(actors)
        factory.add_members(MEMBERS)
        factory.adopt(factory.draft())
        factory.record(24_000_000)
        prepared = factory.prepare()
        factory.approve(prepared)
        factory.issue_notices(prepared.run_id)
    return factory.ids["431001"]


@pytest.fixture
def served(settings: Settings) -> Iterator[str]:
    """The address of the API over HTTP, in a process of its own, on the test's database."""
    port = find_free_port_range()
    url = f"http://localhost:{port}"
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--http", "1", "--host", LOOPBACK]
    command += ["--port", str(port)]
    command += ["--workers", "1", "--no-ws", "--log-level", "warning"]
    environment = dict(os.environ) | settings.as_environment() | {"MOYAI_PORT": str(port), "MOYAI_PUBLIC_URL": url}
    log = settings.home.parent / "web.log"
    with log.open("wb") as written:
        server = subprocess.Popen(
            [*command, "tests.admin.api.served_app:app"], env=environment, stdout=written, stderr=written
        )
        try:
            assert wait_until(lambda: answers_ok(f"{url}{PREFIX}/openapi.json"), seconds=60), log.read_text()
            yield url
        finally:
            server.terminate()
            server.wait(timeout=30)
