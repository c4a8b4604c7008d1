"""Callers of the API: people and systems with tokens of the tests' own issuer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from admin.operations.settings import Settings
from governance.actors import Actor
from governance.permissions import Role
from tenancy.keycloak.port import Realm
from tests.admin.issuer import Issuer
from tests.factories import Visitors

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
