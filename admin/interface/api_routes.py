"""API routes, and what every one of them does before and after its own few lines.

`query` and `list` are for functions that return what a query found; `command_route` needs none at all: address and body
make the order of a command, which decides everything else, the permission too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeVar, get_args, get_type_hints
from uuid import UUID

import psycopg
from flask import Response, current_app, request
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import NotFound as HTTPNotFound

from admin.core.errors import RETRY_SECONDS, problem, status_of
from admin.core.guard import current_actor, requires
from admin.core.rate_limits import RateLimit, limited
from admin.interface.api_requests import (
    PageQuery,
    Query,
    read_body,
    read_key,
    read_path_param,
    read_query,
    read_tenant,
    read_version,
    refuse_query,
)
from admin.interface.deprecation import Deprecation
from admin.interface.edited_objects import EDITED_OBJECTS, PreconditionFailed, etag_of, read_if_match
from admin.interface.entry_points import EntryPoint
from admin.interface.paging import page_request, page_response
from admin.interface.queries import DeclaredQuery, Listing
from governance.actors import Actor
from governance.commands import ApprovalRequested, ApprovedCommandHandler, Command, CommandHandler
from governance.declaration import read_command
from governance.kernel.errors import Conflict, NotFound, Stale, message
from governance.kernel.keyset import PageRequest
from governance.kernel.labels import LabelledEnum
from governance.permissions import Permission

PREFIX: Final = "/api/v1"

RESOURCE_LOCKED = message(
    "api.in_progress",
    ja="同じ対象への別の依頼を処理しています。",
    en="Another request for the same resource is in progress.",
    hint_ja="少し待ってから、同じキーで送り直してください。",
    hint_en="Wait a moment and send it again with the same key.",
)


class Tag(LabelledEnum):
    """What the addresses are grouped by in the document."""

    TENANTS = "tenants", "参加団体とその連絡先・統計値", "Tenants with their contacts, statistics and states."
    PEOPLE = "people and service clients", "利用者と連携システム", "Who may sign in, and which systems may call."
    ONBOARDING = "onboarding", "参加手続", "How tenants are taken in, step by step, and cohorts."
    QUOTAS = "plans and quotas", "利用プランと利用枠", "What each tenant may use, and requests to change it."
    AGREEMENTS = "agreements", "協定", "Agreements with their versions, and who accepted them."
    APPLICATIONS = "applications", "利用申請", "Applications to take part, their screening and decision."
    ANNOUNCEMENTS = "announcements", "お知らせ", "What the operator tells tenants, and who confirmed it."
    RULES = "rules", "規程", "Rules of cost sharing with their versions."
    COSTS = "costs", "経費", "Costs of a fiscal year, by pool."
    ALLOCATION = "allocation", "費用按分", "How a year's costs are shared, with the workings."
    NOTICES = "notices", "納入通知書", "Notices of contributions, also as PDF."
    LEDGER = "ledger", "元帳", "Entries, balances and fiscal years of the books."
    AUDIT = "audit", "監査記録", "What was done, by whom, and that nobody changed the record."
    SYSTEM = "system", "システム", "Who calls, what runs, and what waits for a decision."


@dataclass(frozen=True)
class ApiRoute:
    """One address with one method: what serves it, and what the document says of it."""

    method: str
    rule: str
    name: str
    view: Callable[..., Response]
    permission: Permission
    tag: Tag
    summary: str
    query: type[Query] | None = None
    command_model: type[Command] | None = None
    path_fields: frozenset[str] = frozenset()
    response_model: type[BaseModel] | None = None
    content: tuple[str, ...] = ("application/json",)
    requires_if_match: bool = False
    may_wait: bool = False
    """Whether the answer may be 202: nothing is done until a second person has approved it."""
    may_conflict: bool = False
    """Whether a GET is refused in some states of what it asks about (409)."""
    path_types: Mapping[str, Any] = field(default_factory=dict)
    """The type of what each part of the address names, with its limits."""
    declared: DeclaredQuery | None = None
    """The query that a GET answers."""
    handler: CommandHandler[Any, Any] | None = None
    """The command that the route executes."""
    label_ja: str = ""
    """What it does, in Japanese."""
    deprecation: Deprecation | None = None

    @property
    def path_params(self) -> tuple[str, ...]:
        """The names of the parts of the address that vary."""
        return tuple(re.findall(r"<(\w+)>", self.rule))

    @property
    def status(self) -> int:
        """The status of success."""
        if self.response_model is ApprovalRequested:
            return 202
        return 201 if self.method == "POST" else 200

    @property
    def has_body(self) -> bool:
        return self.command_model is not None and bool(set(self.command_model.model_fields) - self.path_fields)


V = TypeVar("V", bound=Callable[..., Any])


class ApiRoutes:
    """The API routes of one feature, in the order in which its `api.py` declares them. Iterating gives each `Route`."""

    def __init__(self, tag: Tag, entry_points: Iterable[EntryPoint] = ()) -> None:
        self._tag = tag
        self._routes: list[ApiRoute] = []
        self.queries: list[DeclaredQuery] = []
        self.entry_points = tuple(entry_points)
        for entry_point in self.entry_points:
            if (address := entry_point.api) is not None:
                self.command_route(
                    address.method,
                    address.rule,
                    entry_point.handler,
                    address.path_params,
                    version=address.has_version,
                    label_ja=entry_point.label.ja,
                    deprecation=address.deprecation,
                    actor_of=entry_point.actor_of,
                )

    def __iter__(self) -> Iterator[ApiRoute]:
        return iter(self._routes)

    def query(
        self,
        rule: str,
        permission: Permission,
        *,
        listing: Listing | None = None,
        etag: str | None = None,
        content: tuple[str, ...] = ("application/json",),
        limit: RateLimit | None = None,
        ja: str = "",
        deprecation: Deprecation | None = None,
        may_conflict: bool = False,
    ) -> Callable[[V], V]:
        """Declare a query: a GET route, and under `cli_query` a command of the command line.

        The function's parameters are the parts of the address (`tenant` is the tenant, by id or code) and, where it
        takes them, `query` and `part`. It returns a model, rows of a list, or a Response of this `content`. `etag`
        names the field of the model that is its version, `limit` how often one actor may ask over the API. `ja` is its
        label where no `cli_query` gives one. `may_conflict` says that it is refused (409) in some states.
        """

        def register(function: V) -> V:
            query = DeclaredQuery(rule, permission, function, listing=listing, etag=etag)
            self.queries.append(query)
            self._routes.append(
                ApiRoute(
                    method="GET",
                    rule=rule,
                    name=query.name,
                    view=_query_view(query) if limit is None else limited(limit)(_query_view(query)),
                    permission=permission,
                    tag=self._tag,
                    summary=query.summary,
                    query=query.query,
                    response_model=query.response_model,
                    content=content,
                    path_types=query.parts,
                    declared=query,
                    may_conflict=may_conflict,
                    label_ja=ja if query.cli is None else query.cli.ja,
                    deprecation=deprecation,
                )
            )
            return function

        return register

    def list(
        self,
        rule: str,
        permission: Permission,
        schema: str,
        key: str = "id",
        *,
        ja: str = "",
        deprecation: Deprecation | None = None,
    ) -> Callable[[V], V]:
        """Declare a query whose function returns rows, which the fields in `key` tell apart, or a part of them.

        `schema` is the name of a page of them in the document; the function's docstring says their order.
        """
        return self.query(rule, permission, listing=Listing(schema, key), ja=ja, deprecation=deprecation)

    def command_route(
        self,
        method: str,
        rule: str,
        handler: CommandHandler[Any, Any],
        path_params: Mapping[str, str] | None = None,
        *,
        version: bool = False,
        label_ja: str = "",
        deprecation: Deprecation | None = None,
        actor_of: Callable[[Actor, Command], Actor] = lambda asking, command: asking,
    ) -> None:
        """Make a command a route. `path_params` says which field of the command each part of the address fills.

        With `version` the command's version must come in If-Match. Of any other command that edits an object If-Match
        may name the object's ETag. Where it is no longer current the answer is 412.
        """
        path_params = path_params or {}
        path_fields = frozenset(path_params.values()) | ({"version"} if version else set())

        @requires(handler.permission)
        def view(**parts: str) -> Response:
            refuse_query()
            key = read_key(required=method == "POST")
            known = {
                field: _read_path_param(part, handler.command_type, field, parts[part])
                for part, field in path_params.items()
            }
            if version:
                known["version"] = read_version()
            # What takes no body may come with an empty one; anything in it is refused below.
            takes_body = bool(set(handler.command_type.model_fields) - path_fields)
            body = read_body() if takes_body or request.content_length else {}
            command = read_command(handler.command_type, body, given=known)
            edited: DeclaredQuery | None = current_app.extensions[EDITED_OBJECTS].get(handler.name)
            precondition = None
            if edited is not None and not version:
                named = {part: known[path_params[part]] for part in edited.parts}
                precondition = read_if_match(edited, named, creates=method == "PUT" and edited.rule == rule)
            with TranslateErrors(known.values(), versioned=version):
                actor = actor_of(current_actor(), command)
                result = handler(command, actor=actor, key=key, precondition=precondition)
                done = 201 if method == "POST" else 200
                return json_response(result, 202 if isinstance(result, ApprovalRequested) else done)

        view.__name__ = handler.name
        self._routes.append(
            ApiRoute(
                method=method,
                rule=rule,
                name=handler.name,
                view=view,
                permission=handler.permission,
                tag=self._tag,
                summary=_first_sentence(handler.body),
                command_model=handler.command_type,
                path_fields=path_fields,
                response_model=handler.result_type,
                requires_if_match=version,
                may_wait=isinstance(handler, ApprovedCommandHandler),
                path_types=_types_of_parts(handler.command_type, path_params),
                handler=handler,
                label_ja=label_ja,
                deprecation=deprecation,
            )
        )

    def action_route(
        self, rule: str, command_model: type[Command], path_params: Mapping[str, str] | None = None, *, ja: str
    ) -> Callable[[Callable[[Any, str], BaseModel]], Callable[[Any, str], BaseModel]]:
        """Make a function of an order and a key a POST route: for what is composed above the commands.

        Goes above `requires`.
        """
        path_params = path_params or {}
        path_fields = frozenset(path_params.values())

        def register(view: Callable[[Any, str], BaseModel]) -> Callable[[Any, str], BaseModel]:
            permission: Permission = view.required_permission  # type: ignore[attr-defined]  # set by `requires`

            @requires(permission)
            def endpoint(**parts: str) -> Response:
                refuse_query()
                key = read_key(required=True) or ""
                known = {
                    field: _read_path_param(part, command_model, field, parts[part])
                    for part, field in path_params.items()
                }
                command = read_command(command_model, read_body(), given=known)
                with TranslateErrors(known.values()):
                    return json_response(view(command, key), 201)

            endpoint.__name__ = view.__name__
            self._routes.append(
                ApiRoute(
                    method="POST",
                    rule=rule,
                    name=view.__name__,
                    view=endpoint,
                    permission=permission,
                    tag=self._tag,
                    summary=_first_sentence(view),
                    command_model=command_model,
                    path_fields=path_fields,
                    path_types=_types_of_parts(command_model, path_params),
                    label_ja=ja,
                    response_model=get_type_hints(view)["return"],
                )
            )
            return view

        return register


def edited_objects(routes: Iterable[ApiRoute]) -> dict[str, DeclaredQuery]:
    """The query that answers the object each command edits, by the name of the command's route.

    The command declares that it edits one (`@handles(…, edits="plan {name}")`); over the API the object is what GET
    answers at the longest beginning of the command's address that answers one object.
    Raises ValueError for a command that edits an object which no address answers.
    """
    routes = tuple(routes)
    single = {one.rule: one.declared for one in routes if one.declared is not None and one.declared.is_object}
    found = {}
    for route in routes:
        if route.handler is not None and route.handler.edits is not None:
            steps = route.rule.split("/")
            beginnings = ("/".join(steps[:length]) for length in range(len(steps), 0, -1))
            query = next((single[rule] for rule in beginnings if rule in single), None)
            if query is None:
                raise ValueError(f"{route.method} {route.rule} edits {route.handler.edits}, which no address answers")
            found[route.name] = query
    return found


def json_response(value: BaseModel, status: int = 200, *, etag: str | None = None) -> Response:
    """A model as JSON; with `etag`, under it."""
    response = Response(value.model_dump_json(), status=status, content_type="application/json")
    if etag is not None:
        response.set_etag(etag)
    return response


class TranslateErrors:
    """Around a view: what is absent from its address is a 404 like any other, whoever's it is."""

    def __init__(self, named: Any, *, versioned: bool = False) -> None:
        self._named = {str(one) for one in named}
        self._versioned = versioned

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, failure: BaseException | None, trace: object) -> None:
        if isinstance(failure, NotFound) and str(failure.facts.get("given")) in self._named:
            raise HTTPNotFound from None
        if isinstance(failure, Stale) and self._versioned:
            raise PreconditionFailed(failure.message, field="If-Match", **failure.facts) from None
        if isinstance(failure, OperationalError) and isinstance(failure.orig, psycopg.errors.LockNotAvailable):
            raise Locked(RESOURCE_LOCKED) from None


class Locked(Conflict):
    """Somebody else is at it: 409, and worth asking again."""

    kind = "in_progress"


def render_locked(refusal: Locked) -> Response:
    """409 with the time to wait."""
    response = problem(status_of(refusal), refusal)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _query_view(query: DeclaredQuery) -> Callable[..., Response]:
    @requires(query.permission)
    def endpoint(**parts: str) -> Response:
        named = {
            part: read_tenant(text) if part == "tenant" else read_path_param(query.parts[part], text)
            for part, text in parts.items()
        }
        if query.query is None:
            refuse_query()
        given = None if query.query is None else read_query(query.query)
        with TranslateErrors(named.values()):
            if isinstance(given, PageQuery) and query.page is not None:
                return json_response(page_response(query.page, query.find(named, given, page_request(given))))
            found = query.find(named, given, PageRequest())
        if isinstance(found, Response):
            return found
        is_edited = query in current_app.extensions[EDITED_OBJECTS].values()
        return json_response(found, etag=etag_of(query, found) if is_edited else None)

    endpoint.__name__ = query.name
    return endpoint


def _read_path_param(part: str, command_model: type[Command], field: str, text: str) -> Any:
    if part == "tenant":
        return read_tenant(text)
    kind = command_model.model_fields[field].annotation
    kinds = [kind, *get_args(kind)]
    for known in (UUID, int, str):
        if known in kinds:
            return read_path_param(known, text)
    return read_path_param(kind, text)


def _types_of_parts(command_model: type[Command], path_params: Mapping[str, str]) -> dict[str, Any]:
    return {part: _type_of(command_model.model_fields[name]) for part, name in path_params.items()}


def _type_of(field: FieldInfo) -> Any:
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _first_sentence(view: Any) -> str:
    """What an operation does. What its function raises is Python's, and said by the statuses."""
    return str(view.__doc__ or "").strip().splitlines()[0].partition(". ")[0].rstrip(".") + "."
