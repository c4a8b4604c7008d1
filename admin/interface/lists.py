"""Lists whose filters, order and page stand in the address, so that a view can be kept, sent and come back to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, Final, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from flask import request, url_for

from admin.interface.formats import year_label
from admin.interface.page_endpoint import page_endpoint
from governance.kernel.clock import today
from governance.kernel.era import parse_day
from governance.kernel.errors import DomainError, Language
from governance.kernel.fiscal_year import FiscalYear

PAGE_SIZE: Final = 50

E = TypeVar("E", bound=StrEnum)


def query_enum(name: str, offered: type[E]) -> E | None:
    """A filter with fixed values; None where it is not set or is none of them."""
    text = request.args.get(name, "")
    return offered(text) if text in offered.__members__.values() else None


def query_choice(name: str, offered: Sequence[str], otherwise: str) -> str:
    """One of these words in the address, or the usual one."""
    text = request.args.get(name, "")
    return text if text in offered else otherwise


def query_search() -> str:
    """What is searched for."""
    return request.args.get("q", "").strip()[:100]


def query_uuid(name: str) -> UUID | None:
    """An id in the address; None where there is none that could be one."""
    try:
        return UUID(request.args.get(name, ""))
    except ValueError:
        return None


def query_date(name: str) -> date | None:
    """A day in the address, in any of the forms people write."""
    try:
        return parse_day(request.args.get(name, "").strip(), field=name)
    except DomainError:
        return None


def query_year(name: str = "fiscal_year") -> int | None:
    """A fiscal year in the address."""
    text = request.args.get(name, "")
    try:
        return FiscalYear(int(text)).year if text.isascii() and text.isdigit() and len(text) == 4 else None
    except DomainError:
        return None


def current_fiscal_year() -> int:
    """The fiscal year that runs in Japan today."""
    return FiscalYear.of(today()).year


def year_options(language: Language | None = None) -> list[tuple[str, str]]:
    """The fiscal years that a form offers, the newest first: two to come, this one and twenty before."""
    present = current_fiscal_year()
    return [(str(year), year_label(year, language)) for year in range(present + 2, present - 21, -1)]


def current_url_with(**changes: object) -> str:
    """This page's address with these parts of its query changed; None takes a part away. The list starts anew.

    Where nothing is at the address, the first page's.
    """
    query: dict[str, object] = {name: text for name, text in request.args.items() if name != "cursor"}
    return url_with_query(page_endpoint() or "home.overview", query | changes, **(request.view_args or {}))


def url_with_query(endpoint: str, query: Mapping[str, object], **path_values: Any) -> str:
    """The address of a page with this query. Whatever name a visitor put into it, it is no more than a query."""
    return with_query(url_for(endpoint, **path_values), query)


def with_query(path: str, query: Mapping[str, object]) -> str:
    """This path with what the query has a value for."""
    kept = {name: part for name, part in query.items() if part not in (None, "")}
    return f"{path}?{urlencode(kept)}" if kept else path
