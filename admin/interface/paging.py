"""Pages of lists: a cursor says where the next one begins, signed for this list, this asker's tenant and these filters.

A cursor of another tenant, another list or another filter is as good as an invented one: 422.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from flask import current_app, request
from pydantic import BaseModel, ConfigDict, Field

from admin.core.guard import current_actor
from admin.interface.api_requests import PageQuery
from governance.kernel.errors import Invalid, message

INVALID_CURSOR = message(
    "api.cursor_wrong",
    ja="カーソルが正しくありません。一覧の先頭から取得し直してください。",
    en="This cursor does not belong to this list; start again without it.",
)
_MAC_BYTES: Final = 16

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """A part of a list, in its order. Without `next_cursor` it is the last."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    items: list[T]
    next_cursor: str | None = Field(description="Pass it as `cursor` to continue; null at the end.")


P = TypeVar("P", bound=Page)  # type: ignore[type-arg]  # each list has its own page, whatever it is made of


def paginate(page: type[P], rows: Sequence[T], key: Callable[[T], str], query: PageQuery) -> P:
    """The page of a list that was read whole, in its order; `key` tells its rows apart."""
    start = 0
    after = read_cursor(query)
    if after is not None:
        keys = [key(row) for row in rows]
        if after not in keys:
            raise Invalid(INVALID_CURSOR, field="cursor")
        start = keys.index(after) + 1
    return slice_page(page, rows[start : start + query.limit + 1], key, query)


def slice_page(page: type[P], rows: Sequence[T], key: Callable[[T], str], query: PageQuery) -> P:
    """The page of rows that were read from the position on, one more than the limit to see whether there are more."""
    items = list(rows[: query.limit])
    more = len(rows) > query.limit
    return page.model_validate({"items": items, "next_cursor": _sign_cursor(key(items[-1]), query) if more else None})


def read_cursor(query: PageQuery) -> str | None:
    """The key of the last row of the page before, or None at the beginning. Raises Invalid for a foreign cursor."""
    if query.cursor is None:
        return None
    try:
        decoded = base64.urlsafe_b64decode(query.cursor.encode("ascii"))
        key = decoded[_MAC_BYTES:].decode()
    except (ValueError, binascii.Error):
        raise Invalid(INVALID_CURSOR, field="cursor") from None
    if not hmac.compare_digest(decoded[:_MAC_BYTES], _mac(key, query)):
        raise Invalid(INVALID_CURSOR, field="cursor")
    return key


def _sign_cursor(key: str, query: PageQuery) -> str:
    return base64.urlsafe_b64encode(_mac(key, query) + key.encode()).decode()


def _mac(key: str, query: PageQuery) -> bytes:
    actor = current_actor()
    filters = query.model_dump_json(exclude={"cursor", "limit"})
    signed_text = "\n".join(("cursor", request.path, str(actor.tenant_id), str(actor.tenant_scope), filters, key))
    secret = str(current_app.secret_key).encode()
    return hmac.new(secret, signed_text.encode(), hashlib.sha256).digest()[:_MAC_BYTES]
