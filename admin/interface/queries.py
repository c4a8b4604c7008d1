"""Queries: one declaration each, from which the API's route and the command of the command line come.

A feature declares its queries in `api.py`, with `routes.query(…)` or `routes.list(…)` above a function of the parts of
the address and, where it takes them, of `query` (its filters) and `part` (which rows of a long list). What it returns
is the API's schema and the command line's JSON; the first line of its docstring is the help text of both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, get_args, get_type_hints
from uuid import UUID

from flask import Response
from pydantic import BaseModel, ValidationError, create_model

from admin.interface.api_requests import PageQuery, Query
from admin.interface.paging import Page
from governance.declaration import DeclaredField, InvalidCommand, declared_fields, errors_of
from governance.kernel.keyset import KeysetPage, PageRequest
from governance.permissions import Permission

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
_CLI: Final = "query_cli"

Line = str | Callable[[Any], str]
"""What people read of a row: "id name", the fields that stand between tabs, or a function that makes the text."""


@dataclass(frozen=True, slots=True)
class QueryCli:
    """How the command line asks a query: `@cli_query("cost pools", "経費区分の一覧", "pools", "id name")`.

    Parts of the address are positional arguments in their order, then the fields of the query in `arguments`; its other
    fields are options, but for those in `fixed`. A list stands under `rows` in `--json`, after what `repeats` names:
    fields of the query, or `code` of the tenant. `limit` is how many rows of a long list are printed where nobody says.
    Without `line` a model is printed as `name: value`. `holds` says of a model whether the exit code is 0, `note` what
    is said on standard error.
    """

    path: str
    ja: str
    rows: str = ""
    line: Line = ""
    arguments: Sequence[str] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    repeats: Sequence[str] = ()
    limit: int | None = None
    holds: Callable[[Any], bool] | None = None
    note: Callable[[Any], str] | None = None


def cli_query(path: str, ja: str, rows: str = "", line: Line = "", **more: Any) -> Callable[[FunctionT], FunctionT]:
    """Give a query a command: the fields of `QueryCli`. Goes below `routes.query` or `routes.list`."""

    def mark(function: FunctionT) -> FunctionT:
        setattr(function, _CLI, QueryCli(path, ja, rows, line, **more))
        return function

    return mark


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list is in the API: the name of its schema, and what tells its rows apart."""

    schema: str
    key: str
    """The names of the fields, with spaces between them."""

    def key_of(self, row: Any) -> str:
        return "/".join(str(getattr(row, name)) for name in self.key.split())


class DeclaredQuery:
    """One query: its address, permission and function, and how the API and the command line answer it."""

    def __init__(
        self,
        rule: str,
        permission: Permission,
        function: Callable[..., Any],
        *,
        listing: Listing | None = None,
        etag: str | None = None,
    ) -> None:
        hints = get_type_hints(function)
        returned = hints.pop("return")
        self.rule = rule
        self.permission = permission
        self.function = function
        self.listing = listing
        self.cli: QueryCli | None = getattr(function, _CLI, None)
        self.etag = etag
        self.name = function.__name__
        self.summary, _, self.details = (function.__doc__ or "").strip().partition("\n")
        self.is_long = hints.pop("part", None) is not None
        """Whether the function reads only the rows that are asked for."""
        self._takes_query = "query" in hints
        self.query: type[Query] | None = hints.pop("query", None if listing is None else PageQuery)
        self.parts: dict[str, Any] = hints
        """The parts of the address, in their order, with the type of what each names."""
        self.page: type[Page[Any]] | None = None
        if listing is not None:
            page: Any = Page[get_args(returned)[0]]  # type: ignore[misc]  # a class made of what the function returns
            self.page = create_model(listing.schema, __base__=page, __doc__=_of_page(self.summary))
        self.response_model: type[BaseModel] | None = self.page or (None if returned is Response else returned)

    @property
    def is_object(self) -> bool:
        """Whether it answers one object, as it is: what a command may edit."""
        return self.listing is None and self.query is None and self.response_model is not None

    @property
    def filters(self) -> list[DeclaredField]:
        """The fields of the query that a person may type, in their order."""
        fixed = () if self.cli is None else self.cli.fixed
        fields = () if self.query is None else declared_fields(self.query)
        paging = () if self.listing is None else PageQuery.model_fields
        return [one for one in fields if one.name not in paging and one.name not in fixed]

    def read(self, values: Mapping[str, str]) -> Query | None:
        """The query of these texts. Raises InvalidCommand with every error at once."""
        if self.query is None:
            return None
        try:
            return self.query.model_validate(values)
        except ValidationError as wrong:
            raise InvalidCommand(errors_of(wrong)) from None

    def find(self, parts: Mapping[str, Any], query: Query | None, part: PageRequest) -> Any:
        """What the function returns; of a list, that part. Inside the application, in the scope of who asks."""
        given = {**parts, **({"query": query} if self._takes_query else {}), **({"part": part} if self.is_long else {})}
        found = self.function(**given)
        if self.listing is None or isinstance(found, KeysetPage):
            return found
        return part.page_of_all(found, self.listing.key_of)


def argument_name(part: str, kind: object) -> str:
    """The positional argument of a part of the address: `code` of a tenant, `run_id` of a run, else `name`."""
    if part == "tenant":
        return "code"
    return f"{part}_id" if kind is UUID else "name"


def _of_page(summary: str) -> str:
    """What a page holds: "List the costs, oldest first." → "The costs, oldest first."."""
    words = summary.removeprefix("List ")
    return words[:1].upper() + words[1:]
