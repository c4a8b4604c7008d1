"""The OpenAPI document: the list of routes, given to flask-openapi, which makes schemas of the models.

It describes what `routes` serves and nothing of its own: a body is a command without the fields that the address fills.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Annotated, Any, Final, get_args, get_origin
from uuid import UUID

from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.info import Info
from flask_openapi.models.server import Server
from flask_openapi.models.tag import Tag as DocumentTag
from flask_openapi.openapi import OpenAPI
from pydantic import BaseModel, ConfigDict, Field, create_model

from admin.interface.api_requests import CODE_OR_ID, KEY_HEADER, NAME
from admin.interface.api_routes import PREFIX, ApiRoute, edited_objects
from admin.interface.edited_objects import ETAG_PATTERN, IF_MATCH
from admin.interface.problems import problems_of
from admin.interface.queries import DeclaredQuery
from governance.commands import ApprovalRequested

_JSON: Final = "application/json"
_PDF: Final = "application/pdf"
_ZIP: Final = "application/zip"
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
    "412": "The object is no longer as the ETag in If-Match says.",
    "413": "The body is too large.",
    "415": "The body is not application/json in UTF-8.",
    "422": "The input is invalid, or the idempotency key was used with another request.",
    "428": "If-Match is missing.",
    "429": "Too many requests in a short time; Retry-After says when the next may come.",
    "500": "Something went wrong on our side.",
    "503": "A required server is currently unavailable.",
}

_Code = Annotated[str, Field(max_length=36, pattern=CODE_OR_ID)]
_Name = Annotated[str, Field(max_length=60, pattern=NAME)]

_PATH_PARAMS: Final[dict[str, tuple[Any, str]]] = {
    "tenant": (_Code, "The tenant's id, or its six-digit code (団体コード)."),
    "cohort": (_Name, "The cohort's name."),
    "plan": (_Name, "The plan's name."),
    "purpose": (_Name, "What the contact is for."),
    "step": (_Name, "The step's name."),
    "year": (Annotated[int, Field(ge=1989, le=2100)], "The fiscal year, which begins on 1 April."),
}

_HEADERS: Final[dict[str, Any]] = {
    "ETag": {
        "description": "What the object is now; a command that edits it takes it in If-Match (RFC 9110).",
        "schema": {"type": "string", "pattern": ETAG_PATTERN},
    },
    "Retry-After": {
        "description": "In how many seconds the same request may be sent again.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "Deprecation": {
        "description": "Since when the address is deprecated (RFC 9745): @ and seconds since 1970.",
        "schema": {"type": "string", "pattern": "^@[0-9]{1,12}$"},
    },
    "Sunset": {
        "description": "From when on it may be gone (RFC 8594).",
        "schema": {"type": "string", "maxLength": 29},
    },
    "Link": {
        "description": "What to use instead (RFC 8288, rel successor-version).",
        "schema": {"type": "string", "maxLength": 500},
    },
}
_RETRY_STATUSES: Final = ("429", "503")


def document(routes: Iterable[ApiRoute], public_url: str) -> dict[str, Any]:
    """The whole document, OpenAPI 3.1, of the installation at this address.

    `x-problems` at its end are the texts of every problem by its `code`.
    """
    routes = tuple(routes)
    edited = edited_objects(routes)
    app = OpenAPI(
        "moyai-api",
        info=Info(
            title="Moyai API",
            version=version("moyai"),
            description=(
                "催合の REST API。参加団体・手続・利用枠・協定・費用按分・元帳・監査記録を扱います。\n\n"
                "Who takes part, what each may use, what they agreed to, and who pays what. Money is whole yen. "
                "Lists are paged; pass `next_cursor` as `cursor` to continue. Every POST requires an "
                "`Idempotency-Key`: the same key with the same body returns the same response and has no other effect. "
                "Give the `ETag` of what you read in `If-Match` when you change it. What JSON Schema cannot say "
                "(rules over several fields, what exists and in which state) is refused with a `code` that "
                "`x-problems` explains."
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
        servers=[Server(url=public_url, description="この文書を配信する環境 / The installation of this document")],
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
            tags=[DocumentTag(name=route.tag.value, description=f"{route.tag.ja}。{route.tag.en}")],
            summary=f"{route.label_ja} / {route.summary}",
            description=_description(route),
            operation_id=route.name,
            responses=_responses(route, takes_if_match=route.name in edited),
        )(_signature(route, takes_if_match=route.name in edited))
    app.register_api(api)
    spec: dict[str, Any] = app.api_doc
    for operation in (one for methods in spec["paths"].values() for one in methods.values()):
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _without_null(parameter["schema"])
    _name_keys(spec, routes)
    _add_headers(spec, routes, edited)
    spec["x-problems"] = problems_of(routes)
    return spec


def _description(route: ApiRoute) -> str:
    parts = [
        "" if route.deprecation is None else route.deprecation.text,
        f"権限 / Permission: `{route.permission.value}`",
    ]
    return "\n\n".join(part for part in parts if part)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter: one that may be absent is never null, as pydantic has it."""
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    kind: dict[str, Any] = kinds[0]
    return {name: value for name, value in schema.items() if name not in ("anyOf", "default")} | kind


def _name_keys(spec: dict[str, Any], routes: Iterable[ApiRoute]) -> None:
    """Name the keys of objects whose keys are those of an enum: flask-openapi leaves `propertyNames` out."""
    for model in {route.command_model for route in routes if route.command_model is not None and route.has_body}:
        whole = model.model_json_schema()
        for name, described in whole["properties"].items():
            if "propertyNames" in described:
                kind = described["propertyNames"]["$ref"].rpartition("/")[2]
                schema = spec["components"]["schemas"][model.__name__]["properties"][name]
                value = schema["additionalProperties"]
                schema["properties"] = dict.fromkeys(whole["$defs"][kind]["enum"], value)
                schema["additionalProperties"] = False


def _add_headers(spec: dict[str, Any], routes: Iterable[ApiRoute], edited: Mapping[str, DeclaredQuery]) -> None:
    """Describe the headers of answers, and mark what is deprecated: flask-openapi has no place for either."""
    spec["components"]["headers"] = _HEADERS
    for route in routes:
        path = PREFIX + re.sub(r"<(\w+)>", r"{\1}", route.rule)
        operation = spec["paths"][path][route.method.lower()]
        operation["deprecated"] = route.deprecation is not None
        for status, response in operation["responses"].items():
            names = list(route.deprecation.headers()) if route.deprecation is not None else []
            names += ["ETag"] if status == "200" and route.declared in edited.values() else []
            names += ["Retry-After"] if status in _RETRY_STATUSES else []
            if names:
                response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _signature(route: ApiRoute, *, takes_if_match: bool) -> Any:
    """A function with the parameters of the route: flask-openapi reads its annotations and never calls it."""

    def described() -> None: ...

    described.__name__ = route.name
    described.__doc__ = route.summary
    hints: dict[str, Any] = {}
    if route.path_params:
        hints["path"] = _model(f"{route.name}_path", {name: _path_param(route, name) for name in route.path_params})
    if route.query is not None:
        hints["query"] = route.query
    headers = _headers(route, takes_if_match=takes_if_match)
    if headers:
        hints["header"] = _model(f"{route.name}_header", headers)
    if route.has_body:
        hints["body"] = _body(route)
    described.__annotations__ = hints
    return described


def _path_param(route: ApiRoute, name: str) -> tuple[Any, Any]:
    kind, description = _PATH_PARAMS.get(name, (UUID, f"The {name}'s id."))
    declared = route.path_types.get(name)
    base = get_args(declared)[0] if get_origin(declared) is Annotated else declared
    if isinstance(base, type) and issubclass(base, str) and name != "tenant" and (declared is not str):
        kind = declared
    return (kind, Field(description=description))


def _headers(route: ApiRoute, *, takes_if_match: bool) -> dict[str, tuple[Any, Any]]:
    # Spaces at the ends of a header are no part of it (RFC 9110, section 5.5).
    key = Annotated[str, Field(min_length=1, max_length=255, pattern="^[!-~]([ -~]*[!-~])?$")]
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
            Field(alias=IF_MATCH, description="The ETag of the version that was read."),
        )
    elif takes_if_match:
        headers["if_match"] = (
            Annotated[str, Field(pattern=ETAG_PATTERN)] | None,
            Field(None, alias=IF_MATCH, description="The ETag of the object as it was read; without it any will do."),
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


def _responses(route: ApiRoute, *, takes_if_match: bool) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    if route.response_model is not None:
        responses[str(route.status)] = route.response_model
    else:
        content: dict[str, Any] = {"schema": {"type": "string"}}
        if route.content == (_JSON,):
            content = {"schema": {"type": "object"}}
        if route.content in ((_PDF,), (_ZIP,)):
            content = {"schema": {"type": "string", "format": "binary"}}
        responses[str(route.status)] = {"description": "OK", "content": dict.fromkeys(route.content, content)}
    if route.may_wait:
        responses["202"] = ApprovalRequested
    for status in _error_statuses(route, takes_if_match=takes_if_match):
        responses[status] = {
            "description": _STATUS_DESCRIPTIONS[status],
            "content": {_PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return responses


def _error_statuses(route: ApiRoute, *, takes_if_match: bool) -> list[str]:
    statuses: set[str] = {"400", "401", "403", "422", "429", "500", "503"}
    names_one = route.query is not None and not {"tenant", "name"}.isdisjoint(route.query.model_fields)
    if route.path_params or names_one:
        statuses.add("404")
    if route.method != "GET":
        statuses |= {"404", "409", "413", "415"}
    if route.may_conflict:
        statuses.add("409")
    if takes_if_match:
        statuses.add("412")
    if route.requires_if_match:
        statuses.add("428")
    return sorted(statuses)
