"""Directories of two municipalities, each with a token of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from admin.operations.settings import Settings
from governance.actors import Actor
from governance.kernel import clock
from governance.permissions import Role
from tenancy.keycloak.port import organization_alias
from tenancy.people.scim.tokens import IssueScimToken, issue_scim_token
from tests.factories import Visitors

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


@dataclass(frozen=True)
class Directory:
    """A municipality's directory that calls with its token."""

    app: Flask
    public_url: str
    tenant_id: UUID
    owner: Actor
    token: str

    def ask(
        self, method: str, path: str, body: Any = None, *, of: UUID | str | None = None, **headers: str
    ) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.app.test_client().open(
            f"/scim/v2/tenants/{of or organization_alias(self.tenant_id)}{path}",
            method=method,
            base_url=self.public_url,
            data=None if body is None else json.dumps(body, ensure_ascii=False).encode(),
            content_type=None if body is None else "application/scim+json",
            headers={"Authorization": f"Bearer {self.token}"} | named,
        )

    def get(self, path: str, **headers: str) -> Any:
        answer = self.ask("GET", path, **headers)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.data)

    def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> TestResponse:
        return self.ask("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, **headers)

    def add(self, name: str, **more: Any) -> dict[str, Any]:
        """A person as Entra ID sends one; returns the resource."""
        answer = self.ask("POST", "/Users", entra_user(name, **more))
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = json.loads(answer.data)
        return made


def entra_user(name: str, **more: Any) -> dict[str, Any]:
    """The body with which Entra ID creates a user, with what Moyai has no use for."""
    return {
        "schemas": [USER, ENTERPRISE],
        "externalId": f"ext-{name}",
        "userName": f"{name}@city.example.jp",
        "active": True,
        "displayName": "山鹿 花子",
        "emails": [{"primary": True, "type": "work", "value": f"{name}@city.example.jp"}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": "山鹿 花子", "familyName": "山鹿", "givenName": "花子"},
        "phoneNumbers": [{"type": "work", "value": "0968-00-0000"}],
        ENTERPRISE: {"department": "総務課"},
        **more,
    }


@pytest.fixture
def web(kept_web: Flask) -> Flask:
    """The application with all its blueprints."""
    return kept_web


def make_directory(web: Flask, settings: Settings, visitors: Visitors, code: str, name: str) -> Directory:
    tenant_id = visitors.municipality(code, name)
    owner = visitors.person(tenant_id, Role.TENANT_OWNER)
    issued = issue_scim_token(
        IssueScimToken(tenant_id=tenant_id, valid_until=clock.today() + timedelta(days=90)), actor=owner
    )
    assert issued.token is not None
    return Directory(web, settings.public_url, tenant_id, owner, issued.token)


@pytest.fixture
def directory(web: Flask, settings: Settings, visitors: Visitors, operator_tenant: UUID) -> Directory:
    return make_directory(web, settings, visitors, "432083", "山鹿市")


@pytest.fixture
def other(web: Flask, settings: Settings, visitors: Visitors, operator_tenant: UUID) -> Directory:
    return make_directory(web, settings, visitors, "432105", "菊池市")
