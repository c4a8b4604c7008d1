"""API routes, and what every one of them does before and after its own few lines.

`query_route` is for views that answer what a query found; `command_route` needs no view at all: address and body
make the order of a command, which decides everything else, the permission too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar, get_args, get_type_hints
from uuid import UUID

import psycopg
from flask import Response, request
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import NotFound as NothingHere

from admin.core.errors import RETRY_SECONDS, problem, status_of
from admin.core.guard import asks, current_actor
from admin.core.language import current_language
from admin.interface.api_requests import (
    Query,
    read_body,
    read_key,
    read_order,
    read_place,
    read_query,
    read_tenant,
    read_version,
    refuse_query,
)
from governance.commands import Command, Order
from governance.kernel.errors import Conflict, NotFound, Stale, reason
from governance.permissions import Permission

PREFIX: Final = "/api/v1"

IN_PROGRESS = reason(
    "api.in_progress",
    ja="同じ対象への別の依頼を処理しています。",
    en="Another request about the same thing is being carried out.",
    hint_ja="少し待ってから、同じキーで送り直してください。",
    hint_en="Wait a moment and send it again with the same key.",
)


class Tag(StrEnum):
    """What the addresses are grouped by in the document."""

    TENANTS = "tenants"
    PEOPLE = "people and service clients"
    ONBOARDING = "onboarding"
    QUOTAS = "plans and quotas"
    AGREEMENTS = "agreements"
    RULES = "rules"
    COSTS = "costs"
    ALLOCATION = "allocation"
    NOTICES = "notices"
    LEDGER = "ledger"
    RECORD = "record"
    HOUSE = "house"


@dataclass(frozen=True)
class Route:
    """One address with one method: what serves it, and what the document says of it."""

    method: str
    rule: str
    name: str
    view: Callable[..., Response]
    permission: Permission
    tag: Tag
    summary: str
    query: type[Query] | None = None
    order: type[Order] | None = None
    order_without: frozenset[str] = frozenset()
    gives: type[BaseModel] | None = None
    content: tuple[str, ...] = ("application/json",)
    needs_version: bool = False

    @property
    def places(self) -> tuple[str, ...]:
        """The names of the parts of the address that vary."""
        return tuple(re.findall(r"<(\w+)>", self.rule))

    @property
    def status(self) -> int:
        """The status of success."""
        return 201 if self.method == "POST" else 200

    @property
    def has_body(self) -> bool:
        return self.order is not None and bool(set(self.order.model_fields) - self.order_without)


V = TypeVar("V", bound=Callable[..., Any])


class ApiRoutes:
    """The API routes of one feature, in the order in which its `api.py` declares them. Iterating gives each `Route`."""

    def __init__(self, tag: Tag) -> None:
        self._tag = tag
        self._routes: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def query_route(
        self, rule: str, *, gives: type[BaseModel] | None = None, content: tuple[str, ...] = ("application/json",)
    ) -> Callable[[V], V]:
        """Make a function a GET route. Goes above `requires`.

        Its parameters are the parts of the address (`tenant` is the tenant, by id or code) and, where it has one,
        `query`. It answers a model or a Response; `gives` says which model the Response holds.
        """

        def register(view: V) -> V:
            hints = get_type_hints(view)
            query = hints.pop("query", None)
            returned = hints.pop("return")
            self._routes.append(
                Route(
                    method="GET",
                    rule=rule,
                    name=view.__name__,
                    view=_reading(view, hints, query),
                    permission=view.asks_permission,  # type: ignore[attr-defined]  # set by `asks`
                    tag=self._tag,
                    summary=_first_line(view),
                    query=query,
                    gives=returned if issubclass(returned, BaseModel) else gives,
                    content=content,
                )
            )
            return view

        return register

    def command_route(
        self,
        method: str,
        rule: str,
        command: Command[Any, Any],
        places: Mapping[str, str] | None = None,
        *,
        version: bool = False,
    ) -> None:
        """Make a command a route. `places` says which field of the order each part of the address fills.

        With `version` the order's version comes in If-Match and a stale one answers 412.
        """
        places = places or {}
        without = frozenset(places.values()) | ({"version"} if version else set())

        @asks(command.permission)
        def view(**parts: str) -> Response:
            refuse_query()
            key = read_key(required=method == "POST")
            known = {field: _place(part, command.order_type, field, parts[part]) for part, field in places.items()}
            if version:
                known["version"] = read_version()
            # What takes no body may come with an empty one; anything in it is refused below.
            takes_body = bool(set(command.order_type.model_fields) - without)
            body = read_body() if takes_body or request.content_length else {}
            order = read_order(command.order_type, body, known)
            with _told_apart(known.values(), versioned=version):
                return answer(command(order, actor=current_actor(), key=key), 201 if method == "POST" else 200)

        view.__name__ = command.name
        self._routes.append(
            Route(
                method=method,
                rule=rule,
                name=command.name,
                view=view,
                permission=command.permission,
                tag=self._tag,
                summary=_first_line(command.body),
                order=command.order_type,
                order_without=without,
                gives=command.outcome_type,
                needs_version=version,
            )
        )

    def action_route(
        self, rule: str, order: type[Order], places: Mapping[str, str] | None = None
    ) -> Callable[[Callable[[Any, str], BaseModel]], Callable[[Any, str], BaseModel]]:
        """Make a function of an order and a key a POST route: for what is composed above the commands.

        Goes above `asks`.
        """
        places = places or {}
        without = frozenset(places.values())

        def register(view: Callable[[Any, str], BaseModel]) -> Callable[[Any, str], BaseModel]:
            permission: Permission = view.asks_permission  # type: ignore[attr-defined]  # set by `asks`

            @asks(permission)
            def served(**parts: str) -> Response:
                refuse_query()
                key = read_key(required=True) or ""
                known = {field: _place(part, order, field, parts[part]) for part, field in places.items()}
                made = read_order(order, read_body(), known)
                with _told_apart(known.values()):
                    return answer(view(made, key), 201)

            served.__name__ = view.__name__
            self._routes.append(
                Route(
                    method="POST",
                    rule=rule,
                    name=view.__name__,
                    view=served,
                    permission=permission,
                    tag=self._tag,
                    summary=_first_line(view),
                    order=order,
                    order_without=without,
                    gives=get_type_hints(view)["return"],
                )
            )
            return view

        return register


def answer(value: BaseModel, status: int = 200, *, version: int | None = None) -> Response:
    """A model as JSON; with `version`, under an ETag."""
    made = Response(value.model_dump_json(), status=status, content_type="application/json")
    if version is not None:
        made.set_etag(str(version))
    return made


class _told_apart:
    """Around a view: what is absent from its address is a 404 like any other, whoever's it is."""

    def __init__(self, named: Any, *, versioned: bool = False) -> None:
        self._named = {str(one) for one in named}
        self._versioned = versioned

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, failure: BaseException | None, trace: object) -> None:
        if isinstance(failure, NotFound) and str(failure.facts.get("given")) in self._named:
            raise NothingHere from None
        if isinstance(failure, Stale) and self._versioned:
            raise VersionPassed(failure.why, field="If-Match", **failure.facts) from None
        if isinstance(failure, OperationalError) and isinstance(failure.orig, psycopg.errors.LockNotAvailable):
            raise InProgress(IN_PROGRESS) from None


class VersionPassed(Stale):
    """The version in If-Match is no longer the present one: 412."""

    kind = "version_passed"


class InProgress(Conflict):
    """Somebody else is at it: 409, and worth asking again."""

    kind = "in_progress"


def tell_in_progress(refusal: InProgress) -> Response:
    """409 with the time to wait."""
    language = current_language()
    told = problem(status_of(refusal), refusal.code, refusal.message(language), refusal.hint(language))
    told.headers["Retry-After"] = str(RETRY_SECONDS)
    return told


def _reading(view: Callable[..., Any], hints: Mapping[str, Any], query: type[Query] | None) -> Callable[..., Response]:
    permission: Permission = view.asks_permission  # type: ignore[attr-defined]  # set by `asks`

    @asks(permission)
    def served(**parts: str) -> Response:
        named: dict[str, Any] = {
            part: read_tenant(text) if part == "tenant" else read_place(hints[part], text)
            for part, text in parts.items()
        }
        given = dict(named)
        if query is None:
            refuse_query()
        else:
            given["query"] = read_query(query)
        with _told_apart(named.values()):
            found = view(**given)
        return found if isinstance(found, Response) else answer(found)

    served.__name__ = view.__name__
    return served


def _place(part: str, order: type[Order], field: str, text: str) -> Any:
    if part == "tenant":
        return read_tenant(text)
    kind = order.model_fields[field].annotation
    kinds = [kind, *get_args(kind)]
    for known in (UUID, int, str):
        if known in kinds:
            return read_place(known, text)
    return read_place(kind, text)


def _first_line(view: Any) -> str:
    return str(view.__doc__ or "").strip().splitlines()[0]
