"""The addresses that a municipality's directory calls: SCIM 2.0 (RFC 7643, 7644) below `/scim/v2/tenants/<tenant>`.

`<tenant>` is the tenant's id or its alias; who asks is found out by `admin.identity.scim_tokens`, so that another
tenant's token is refused before anything is read. Each method has its own permission.
"""

from __future__ import annotations

import json
from typing import Any, Final

from flask import Blueprint, Response, current_app, request
from scim2_models import Resource, ResourceType, SCIMException, ScimProvider
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.service import ScimService

from admin.bootstrap import settings_of
from admin.core.guard import current_actor, requires
from admin.features.scim.resources import provider
from admin.features.scim.storage import TenantStorage
from governance.permissions import Permission

pages = Blueprint("scim_protocol", __name__, url_prefix="/scim/v2/tenants/<tenant>")

_SERVICE: Final = "moyai.scim"


class DirectoryService(ScimService):
    """The protocol, with what directories leave out filled in."""

    def read_creation(self, resource_type: ResourceType, body: bytes, content_type: str | None) -> Resource[Any]:
        """The resource to create. A person is active unless it says otherwise, and has the address of their name."""
        sent = self.decode_body(body, content_type)
        if resource_type.name == "User" and isinstance(sent, dict):
            named = {key.lower(): value for key, value in sent.items()}
            name = named.get("username")
            if named.get("active") is None:
                sent["active"] = True
            if not named.get("emails") and isinstance(name, str) and "@" in name:
                sent["emails"] = [{"value": name, "type": "work"}]
            body = json.dumps(sent).encode()
        return super().read_creation(resource_type, body, content_type)


@pages.get("/", defaults={"resource": ""})
@pages.get("/<path:resource>")
@requires(Permission.MEMBER_READ)
def read(tenant: str, resource: str) -> Response:
    """Find people and groups, and say what can be done here."""
    return _answer(tenant, resource)


@pages.post("/.search", defaults={"resource": ""})
@pages.post("/<resource>/.search")
@requires(Permission.MEMBER_READ)
def search(tenant: str, resource: str) -> Response:
    """Find people and groups by what stands in the body."""
    return _answer(tenant, f"{resource}/.search")


@pages.route("/<path:resource>", methods=["POST", "PUT", "PATCH", "DELETE"])
@requires(Permission.SCIM_WRITE)
def write(tenant: str, resource: str) -> Response:
    """Add, change or remove one person or group."""
    return _answer(tenant, resource)


def _answer(tenant: str, resource: str) -> Response:
    service = _service()
    actor = current_actor()
    asked = ScimRequest(
        method=request.method,
        base_url=f"{settings_of(current_app).public_url}/scim/v2/tenants/{tenant}",
        path=f"/{resource}",
        query=dict(request.args.items()),
        headers=list(request.headers.items()),
        body=request.get_data(cache=False),
        subject=actor,
    )
    try:
        answer = ScimHandler(service, TenantStorage(actor.tenant_id, actor)).handle(asked)
    except SCIMException as refused:
        answer = service.error_response(refused)
    body = b"" if answer.body is None else json.dumps(answer.body, ensure_ascii=False).encode()
    response = Response(body, status=answer.status, content_type=answer.headers.pop("Content-Type"))
    response.headers.update(answer.headers)
    response.headers["Cache-Control"] = "no-store"
    return response


def _service() -> DirectoryService:
    """The application's service, made once: its description never changes."""
    if _SERVICE not in current_app.extensions:
        described: ScimProvider = provider()
        current_app.extensions[_SERVICE] = DirectoryService(described)
    service: DirectoryService = current_app.extensions[_SERVICE]
    return service
