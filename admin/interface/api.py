"""Opening the API: every room's addresses below `/api/v1`, and the document that describes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

from flask import Flask, Response, current_app, jsonify
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.openapi import OpenAPI

from admin.core.errors import problem
from admin.core.guard import asks
from admin.core.language import current_language
from admin.interface.api_requests import VersionMissing
from admin.interface.api_routes import PREFIX, InProgress, Route, VersionPassed, tell_in_progress
from admin.interface.openapi import document
from governance.kernel.errors import Refused
from governance.permissions import Permission

ROUTES: Final = "moyai.api.routes"
_DOCUMENT: Final = "moyai.api.document"


def register_api(app: Flask, routes: Sequence[Route]) -> None:
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
    app.register_api(api)
    app.register_error_handler(InProgress, tell_in_progress)
    app.register_error_handler(VersionPassed, _telling(HTTPStatus.PRECONDITION_FAILED))
    app.register_error_handler(VersionMissing, _telling(HTTPStatus.PRECONDITION_REQUIRED))


@asks(Permission.PUBLIC)
def show_document() -> Response:
    """The OpenAPI document; made once."""
    if _DOCUMENT not in current_app.extensions:
        current_app.extensions[_DOCUMENT] = document(current_app.extensions[ROUTES])
    return jsonify(current_app.extensions[_DOCUMENT])


def _telling(status: HTTPStatus) -> Callable[[Refused], Response]:
    def tell(refusal: Refused) -> Response:
        language = current_language()
        return problem(status, refusal.code, refusal.message(language), refusal.hint(language), refusal.field)

    return tell
