"""Keyset paging: a page of a list begins after the key of the last row of the page before.

The key names a place in the order, not a number of rows to leave out: rows that are added or removed between two pages
neither repeat nor hide another, and a page far down costs what the first one does. The last column of an order is
unique, so that rows which are equal in the others have one order too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json
from sqlalchemy import ColumnElement, Select, UnaryExpression, and_, false, or_
from sqlalchemy.orm import InstrumentedAttribute, Session

from governance.kernel.errors import Invalid, message

INVALID_CURSOR: Final = message(
    "api.cursor_wrong",
    ja="カーソルが正しくありません。一覧の先頭から取得し直してください。",
    en="This cursor does not belong to this list; start again without it.",
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[T]):
    """A part of a list, in its order. `next_key` continues after its last row; None at the end of the list."""

    items: list[T]
    next_key: str | None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list: at most `limit` rows (None for all) after the key `after` (None for the beginning)."""

    limit: int | None = None
    after: str | None = None

    @property
    def fetch(self) -> int | None:
        """How many rows to read: one more than the limit, to see whether there are more."""
        return None if self.limit is None else self.limit + 1

    def values(self, *types: Any) -> tuple[Any, ...] | None:
        """The values of the key `after`, one for each type; None at the beginning. Raises Invalid for another key."""
        if self.after is None:
            return None
        try:
            found: tuple[Any, ...] = TypeAdapter(tuple[*types]).validate_json(self.after)  # type: ignore[valid-type]
        except ValidationError:
            raise Invalid(INVALID_CURSOR, field="cursor") from None
        return found

    def page(self, rows: Sequence[T], key: Callable[[T], Sequence[object]]) -> KeysetPage[T]:
        """The page of rows that were read after `after`, `fetch` of them at most; `key` gives the key's values."""
        if self.limit is None or len(rows) <= self.limit:
            return KeysetPage(list(rows), None)
        items = list(rows[: self.limit])
        return KeysetPage(items, key_of(*key(items[-1])))

    def page_of_all(self, rows: Sequence[T], key: Callable[[T], object]) -> KeysetPage[T]:
        """The page of a short list that was read whole; `key` tells its rows apart.

        Raises Invalid where the list no longer has the row `after`.
        """
        start = 0
        if self.after is not None:
            keys = [key_of(key(row)) for row in rows]
            if self.after not in keys:
                raise Invalid(INVALID_CURSOR, field="cursor")
            start = keys.index(self.after) + 1
        return self.page(rows[start:], lambda row: [key(row)])


@dataclass(frozen=True, slots=True)
class OrderBy:
    """A column of an order. Rows without a value come last, whatever the direction."""

    column: InstrumentedAttribute[Any]
    descending: bool = False

    @property
    def clause(self) -> UnaryExpression[Any]:
        return (self.column.desc() if self.descending else self.column.asc()).nulls_last()

    @property
    def python_type(self) -> Any:
        return self.column.type.python_type | None

    def follows(self, value: Any) -> ColumnElement[bool]:
        """The condition that a row comes after `value` by this column alone."""
        if value is None:
            return false()
        beyond: ColumnElement[bool] = self.column < value if self.descending else self.column > value
        return or_(beyond, self.column.is_(None)) if self._is_nullable else beyond

    @property
    def _is_nullable(self) -> bool:
        return bool(getattr(self.column.property.columns[0], "nullable", True))


def key_of(*values: object) -> str:
    """The key of a row: the values of its order's columns as one text."""
    return to_json(values).decode()


def fetch_page(
    session: Session,
    query: Select[*tuple[Any, ...]],
    order: Sequence[OrderBy],
    part: PageRequest,
    read: Callable[..., T],
) -> KeysetPage[T]:
    """The rows of `query` in `order`, those of `part`. `read` makes an item of the query's own columns.

    The last column of `order` is unique. Raises Invalid for a key of another order.
    """
    after = part.values(*(one.python_type for one in order))
    if after is not None:
        query = query.where(_follows(order, after))
    columns = [one.column.label(f"key_{place}") for place, one in enumerate(order)]
    found = session.execute(query.add_columns(*columns).order_by(*(one.clause for one in order)).limit(part.fetch))
    page = part.page([tuple(row) for row in found], lambda row: row[-len(order) :])
    return KeysetPage([read(*row[: -len(order)]) for row in page.items], page.next_key)


def _follows(order: Sequence[OrderBy], after: Sequence[Any]) -> ColumnElement[bool]:
    """Greater in the first column, or equal there and greater in the next, and so on."""
    steps = []
    for place, (one, value) in enumerate(zip(order, after, strict=True)):
        equal = [
            earlier.column.is_not_distinct_from(known) for earlier, known in zip(order[:place], after, strict=False)
        ]
        steps.append(and_(*equal, one.follows(value)))
    return or_(*steps)
