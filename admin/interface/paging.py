"""Pages of lists: a cursor says where the next one begins, signed for this list, this asker's tenant and these filters.

A cursor of another tenant, another list or another filter is as good as an invented one: 422. What it signs is a key of
`governance.kernel.keyset`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any, Final, Generic, TypeVar

import click
from flask import current_app, request
from pydantic import BaseModel, ConfigDict, Field

from admin.core.guard import current_actor
from admin.interface.api_requests import PageQuery
from admin.interface.lists import PAGE_SIZE
from admin.operations.settings import Settings
from governance.kernel.errors import Invalid
from governance.kernel.keyset import INVALID_CURSOR, KeysetPage, PageRequest

_MAC_BYTES: Final = 16
_PAGE_PARAMS: Final = ("cursor", "after", "limit", "as_json")
"""What says which part of a list and how it is written, not which list."""

T = TypeVar("T")
ModelT = TypeVar("ModelT", bound=BaseModel)


class Page(BaseModel, Generic[T]):
    """A part of a list, in its order. Without `next_cursor` it is the last."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    items: list[T]
    next_cursor: str | None = Field(description="Pass it as `cursor` to continue; null at the end.")


P = TypeVar("P", bound=Page)  # type: ignore[type-arg]  # each list has its own page, whatever it is made of


# ---- API ------------------------------------------------------------------------------------------------------------


def page_request(query: PageQuery) -> PageRequest:
    """The part that the query asks for. Raises Invalid for a foreign cursor."""
    return PageRequest(query.limit, _read_cursor(query.cursor, _request_list(), "cursor"))


def page_response(page: type[P], found: KeysetPage[Any]) -> P:
    """The page as the API answers it."""
    return page.model_validate({"items": found.items, "next_cursor": _sign(found.next_key, _request_list())})


# ---- pages ----------------------------------------------------------------------------------------------------------


def query_part() -> PageRequest:
    """The part that the address asks for, 50 rows of it. Raises Invalid for a foreign cursor."""
    return PageRequest(PAGE_SIZE, _read_cursor(request.args.get("cursor"), _request_list(), "cursor"))


def next_cursor(found: KeysetPage[Any]) -> str | None:
    """The cursor of the page after this one, for the address; None at the end."""
    return _sign(found.next_key, _request_list())


# ---- command line ---------------------------------------------------------------------------------------------------


def page_options(limit: int | None) -> list[click.Option]:
    """The options `--limit` and `--after` of a command that prints a list, all of it where `limit` is None."""
    return [
        click.Option(
            ["--limit"],
            type=click.IntRange(1, 1000),
            default=limit,
            show_default=limit is not None,
            help="行数の上限 / At most so many rows.",
        ),
        click.Option(["--after"], help="前の出力の next_cursor / The cursor that the part before ended with."),
    ]


def command_part(limit: int | None, after: str | None) -> PageRequest:
    """The part that a command's options ask for. Inside the application. Raises Invalid for a foreign cursor."""
    return PageRequest(limit, _read_cursor(after, _command_list(), "--after"))


def next_command_cursor(found: KeysetPage[Any]) -> str | None:
    """The cursor of the page after this one, for `--after`; None at the end. Inside the application."""
    return _sign(found.next_key, _command_list())


# ---- the cursor -----------------------------------------------------------------------------------------------------


def _request_list() -> str:
    """The list of this request: its address with the filters, and whose rows the asker sees."""
    actor = current_actor()
    filters = sorted((name, text) for name, text in request.args.items() if name not in _PAGE_PARAMS)
    return json.dumps([request.path, str(actor.tenant_id), str(actor.tenant_scope), filters])


def _command_list() -> str:
    """The list of the running command: its path, arguments and filters."""
    context = click.get_current_context()
    filters = sorted((name, str(value)) for name, value in context.params.items() if name not in _PAGE_PARAMS)
    return json.dumps([context.command_path, filters])


def _read_cursor(cursor: str | None, of_list: str, field: str) -> str | None:
    """The key in a cursor of this list; None without one."""
    if not cursor:
        return None
    try:
        decoded = base64.urlsafe_b64decode(cursor.encode("ascii"))
        key = decoded[_MAC_BYTES:].decode()
    except (ValueError, binascii.Error):
        raise Invalid(INVALID_CURSOR, field=field) from None
    if not hmac.compare_digest(decoded[:_MAC_BYTES], _mac(key, of_list)):
        raise Invalid(INVALID_CURSOR, field=field)
    return key


def _sign(key: str | None, of_list: str) -> str | None:
    return None if key is None else base64.urlsafe_b64encode(_mac(key, of_list) + key.encode()).decode()


def _mac(key: str, of_list: str) -> bytes:
    settings: Settings = current_app.config["MOYAI"]
    secret = str(current_app.secret_key or settings.session_secret)
    signed_text = f"cursor\n{of_list}\n{key}"
    return hmac.new(secret.encode(), signed_text.encode(), hashlib.sha256).digest()[:_MAC_BYTES]
