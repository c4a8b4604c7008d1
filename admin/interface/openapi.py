"""The OpenAPI document: the list of routes, given to flask-openapi, which makes schemas of the models.

It describes what `routes` serves and nothing of its own: a body is a command without the fields that the address fills.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Annotated, Any, Final
from uuid import UUID

from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.info import Info
from flask_openapi.models.tag import Tag
from flask_openapi.openapi import OpenAPI
from pydantic import BaseModel, ConfigDict, Field, create_model

from admin.interface.api_requests import KEY_HEADER
from admin.interface.api_routes import PREFIX, ApiRoute
from governance.commands import ApprovalRequested

_JSON: Final = "application/json"
_PROBLEM: Final = "application/problem+json"


class ProblemText(BaseModel):
    """What was wrong and what to do next, in one language; the hint may be empty."""

    detail: str
    hint: str


class ProblemTexts(BaseModel):
    """The texts of a problem in both languages."""

    ja: ProblemText
    en: ProblemText


class FieldProblem(BaseModel):
    """One of several things that are wrong with a command."""

    field: str
    code: str
    detail: str
    texts: ProblemTexts | None = None


class Problem(BaseModel):
    """What went wrong (RFC 9457), in the language of Accept-Language; Japanese unless English is asked for."""

    type: str = Field(description="`urn:moyai:problem:` and the code.")
    title: str
    status: int
    detail: str = Field(description="What was wrong, with what was sent.")
    code: str = Field(description="Stable; for programs.")
    request_id: str = Field(description="The number to quote to the operator.")
    hint: str | None = Field(default=None, description="What to do next.")
    field: str | None = Field(default=None, description="The path of the field in the request.")
    errors: list[FieldProblem] | None = Field(default=None, description="Everything that is wrong, where it is more.")
    texts: ProblemTexts | None = Field(default=None, description="With `Prefer: all-languages`: in both languages.")


_STATUS_DESCRIPTIONS: Final = {
    "400": "The request cannot be read, or lacks a header it needs.",
    "401": "No token, or one that is not valid.",
    "403": "The caller may not do this.",
    "404": "Not found, or it belongs to another tenant.",
    "409": "The current state does not allow this, or it changed since it was read.",
    "412": "The version in If-Match is no longer current.",
    "413": "The body is too large.",
    "415": "The body is not application/json in UTF-8.",
    "422": "The input is invalid, or the idempotency key was used with another request.",
    "428": "If-Match is missing.",
    "429": "Too many requests in a short time; Retry-After says when the next may come.",
    "500": "Something went wrong on our side.",
    "503": "A required server is currently unavailable.",
}

_PATH_PARAMS: Final[dict[str, tuple[Any, str]]] = {
    "tenant": (str, "The tenant's id, or its six-digit code (団体コード)."),
    "cohort": (str, "The cohort's name."),
    "plan": (str, "The plan's name."),
    "purpose": (str, "What the contact is for."),
    "step": (str, "The step's name."),
    "year": (int, "The fiscal year, which begins on 1 April."),
}


def document(routes: Iterable[ApiRoute]) -> dict[str, Any]:
    """The whole document, OpenAPI 3.1."""
    app = OpenAPI(
        "moyai-api",
        info=Info(
            title="Moyai API",
            version=version("moyai"),
            description=(
                "催合の REST API。参加団体・手続き・利用枠・協定・費用按分・元帳・監査記録を扱います。\n\n"
                "Who takes part, what each may use, what they agreed to, and who pays what. Money is whole yen. "
                "Lists are paged; pass `next_cursor` as `cursor` to continue. Every POST requires an "
                "`Idempotency-Key`: the same key with the same body returns the same response and has no other effect."
            ),
        ),
        security_schemes={
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "An access token of Keycloak, of a person or of a service client.",
            }
        },
        validation_error_model=Problem,
        doc_ui=False,
        static_folder=None,
    )
    app.openapi_version = "3.1.0"
    api = APIBlueprint("api", __name__, url_prefix=PREFIX, abp_security=[{"bearer": []}])
    for route in routes:
        register = getattr(api, route.method.lower())
        register(
            route.rule,
            tags=[Tag(name=route.tag.value)],
            summary=route.summary,
            description=f"Permission: `{route.permission.value}`.",
            operation_id=route.name,
            responses=_responses(route),
        )(_signature(route))
    app.register_api(api)
    spec: dict[str, Any] = app.api_doc
    return spec


def _signature(route: ApiRoute) -> Any:
    """A function with the parameters of the route: flask-openapi reads its annotations and never calls it."""

    def described() -> None: ...

    described.__name__ = route.name
    described.__doc__ = route.summary
    hints: dict[str, Any] = {}
    if route.path_params:
        hints["path"] = _model(f"{route.name}_path", {name: _path_param(name) for name in route.path_params})
    if route.query is not None:
        hints["query"] = route.query
    headers = _headers(route)
    if headers:
        hints["header"] = _model(f"{route.name}_header", headers)
    if route.has_body:
        hints["body"] = _body(route)
    described.__annotations__ = hints
    return described


def _path_param(name: str) -> tuple[Any, Any]:
    kind, description = _PATH_PARAMS.get(name, (UUID, f"The {name}'s id."))
    return (kind, Field(description=description))


def _headers(route: ApiRoute) -> dict[str, tuple[Any, Any]]:
    key = Annotated[str, Field(min_length=1, max_length=255, pattern="^[ -~]+$")]
    if route.method == "GET":
        return {}
    headers: dict[str, tuple[Any, Any]] = {
        "idempotency_key": (
            key if route.method == "POST" else key | None,
            Field(
                ... if route.method == "POST" else None,
                alias=KEY_HEADER,
                description="The same key with the same body has no further effect.",
            ),
        )
    }
    if route.requires_if_match:
        headers["if_match"] = (
            Annotated[str, Field(pattern='^"[0-9]{1,9}"$')],
            Field(alias="If-Match", description="The ETag of the version that was read."),
        )
    return headers


def _body(route: ApiRoute) -> type[BaseModel]:
    """The command as the body has it. Where the address fills none of its fields, it is the command model itself."""
    command_model = route.command_model
    if command_model is None:
        raise ValueError(f"{route.name} has no body")
    if not route.path_fields:
        return command_model
    fields: dict[str, Any] = {
        name: (field.annotation, field)
        for name, field in command_model.model_fields.items()
        if name not in route.path_fields
    }
    return create_model(
        command_model.__name__, __config__=ConfigDict(extra="forbid"), __doc__=command_model.__doc__, **fields
    )


def _model(name: str, fields: dict[str, Any]) -> type[BaseModel]:
    return create_model(name, **fields)


def _responses(route: ApiRoute) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    if route.response_model is not None:
        responses[str(route.status)] = route.response_model
    else:
        content: dict[str, Any] = {"schema": {"type": "string"}}
        if route.content == (_JSON,):
            content = {"schema": {"type": "object"}}
        responses[str(route.status)] = {"description": "OK", "content": dict.fromkeys(route.content, content)}
    if route.may_wait:
        responses["202"] = ApprovalRequested
    for status in _error_statuses(route):
        responses[status] = {
            "description": _STATUS_DESCRIPTIONS[status],
            "content": {_PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return responses


def _error_statuses(route: ApiRoute) -> list[str]:
    statuses: set[str] = {"400", "401", "403", "422", "429", "500", "503"}
    names_one = route.query is not None and not {"tenant", "name"}.isdisjoint(route.query.model_fields)
    if route.path_params or names_one:
        statuses.add("404")
    if route.method != "GET":
        statuses |= {"404", "409", "413", "415"}
    if route.requires_if_match:
        statuses |= {"412", "428"}
    return sorted(statuses)
