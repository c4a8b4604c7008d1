"""Registers the API: every module's routes below `/api/v1`, and the document that describes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

from flask import Flask, Response, current_app, jsonify
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.openapi import OpenAPI

from admin.bootstrap import settings_of
from admin.core.errors import problem
from admin.core.guard import requires
from admin.interface.api_requests import PreconditionRequired
from admin.interface.api_routes import PREFIX, ApiRoute, Locked, edited_objects, render_locked
from admin.interface.deprecation import announce_deprecations
from admin.interface.edited_objects import EDITED_OBJECTS, PreconditionFailed
from admin.interface.openapi import document
from governance.kernel.errors import DomainError
from governance.permissions import Permission

ROUTES: Final = "moyai.api.routes"
_DOCUMENT: Final = "moyai.api.document"


def register_api(app: Flask, routes: Sequence[ApiRoute]) -> None:
    """Register every route of the API with the application."""
    if not isinstance(app, OpenAPI):
        raise TypeError("the API needs the application that describes its addresses")
    # Described in `document` when somebody asks for it; forming a hundred schemas would cost every start a second.
    api = APIBlueprint("api", __name__, url_prefix=PREFIX, doc_ui=False)
    for route in routes:
        # `reading` reads the request, more strictly than the package would.
        route.view.__dict__["__delay_validate_request__"] = True
        register: Callable[..., Any] = getattr(api, route.method.lower())
        register(route.rule, endpoint=route.name)(route.view)
    api.get("/openapi.json", endpoint="document")(show_document)
    app.extensions[ROUTES] = tuple(routes)
    app.extensions[EDITED_OBJECTS] = edited_objects(routes)
    announce_deprecations(app, {f"api.{route.name}": route.deprecation for route in routes if route.deprecation})
    app.register_api(api)
    app.register_error_handler(Locked, render_locked)
    app.register_error_handler(PreconditionFailed, _renderer(HTTPStatus.PRECONDITION_FAILED))
    app.register_error_handler(PreconditionRequired, _renderer(HTTPStatus.PRECONDITION_REQUIRED))


@requires(Permission.PUBLIC)
def show_document() -> Response:
    """The OpenAPI document; made once."""
    if _DOCUMENT not in current_app.extensions:
        current_app.extensions[_DOCUMENT] = document(
            current_app.extensions[ROUTES], settings_of(current_app).public_url
        )
    return jsonify(current_app.extensions[_DOCUMENT])


def _renderer(status: HTTPStatus) -> Callable[[DomainError], Response]:
    def render(refusal: DomainError) -> Response:
        return problem(status, refusal)

    return render
