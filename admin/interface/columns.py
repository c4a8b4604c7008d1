"""The columns of a table on a page: what each one is called, what it shows of a row, and how.

Templates hand them to the macro `table` of `interface/macros.html`, which alone writes `<table>`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Flask, url_for
from markupsafe import Markup

CellMacro = Callable[[Any], Markup]
"""A template's macro that takes the row and gives the content of its cell."""


@dataclass(frozen=True, slots=True)
class RowValue:
    """The value at a path of the row: `id`, `share.name`, or a number for the place in a tuple."""

    path: str

    def of(self, row: Any) -> Any:
        """The value. A mapping gives its key and None where it lacks it; anything else its attribute."""
        value = row
        for part in self.path.split("."):
            if isinstance(value, Mapping):
                value = value.get(part)
            elif part.isdigit():
                value = value[int(part)]
            else:
                value = getattr(value, part)
        return value


@dataclass(frozen=True, slots=True)
class Link:
    """The page a cell leads to: an endpoint, and values of its address that are fixed or taken from the row."""

    endpoint: str
    values: Mapping[str, Any]

    def of(self, row: Any) -> str:
        """The address for this row."""
        values = {name: value.of(row) if isinstance(value, RowValue) else value for name, value in self.values.items()}
        return url_for(self.endpoint, **values)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table. Made by `column` in a template."""

    label: str
    source: RowValue | CellMacro
    filter: str | None
    arguments: tuple[Any, ...]
    badge: str | None
    link: Link | None
    yen: bool
    sort: str | None
    narrow_label: str
    on_paper: bool
    choice: str
    is_hidden: bool = False

    @property
    def macro(self) -> CellMacro | None:
        """What writes the cell where a value and a filter are not enough."""
        return None if isinstance(self.source, RowValue) else self.source

    def value(self, row: Any) -> Any:
        """What the cell is about, before its filter."""
        return self.source.of(row) if isinstance(self.source, RowValue) else None


def column(
    label: str,
    source: str | CellMacro,
    *show: Any,
    badge: str | None = None,
    link: Link | None = None,
    yen: bool = False,
    sort: str | None = None,
    narrow_label: str | None = None,
    on_paper: bool = True,
    choice: str = "",
) -> Column:
    """A column headed `label` with what `source` gives of each row.

    `source`: a path into the row (`share.name`), or a macro that takes the row and writes the cell. `show`: the filter
    for the value and its arguments, as in `column(_("Kind"), "kind", "label_of", "account_kind")`. `badge`: what the
    value is a state of; it is then shown as a badge. `link`: the page the cell leads to. `yen`: a column of numbers,
    flush right. `sort`: the name of the order in the address that a click on the head asks for. `narrow_label`: the
    label beside the value on a narrow screen where it is not `label`; empty for none, as beside a link that explains
    itself. `on_paper`: false for a column of nothing but what one presses, which a print leaves out.
    `choice`: the name of a column that a reader may leave out of the list (`own_columns`); one without it always stays.
    """
    return Column(
        label=label,
        source=RowValue(source) if isinstance(source, str) else source,
        filter=show[0] if show else None,
        arguments=show[1:],
        badge=badge,
        link=link,
        yen=yen,
        sort=sort,
        narrow_label=label if narrow_label is None else narrow_label,
        on_paper=on_paper,
        choice=choice,
    )


def link_to(endpoint: str, **values: Any) -> Link:
    """The page of a row: `link_to("allocation.share", share_id=of_row("id"))`."""
    return Link(endpoint, values)


def foot_cells(columns: Sequence[Column | None], foot: Sequence[Any]) -> list[tuple[Column, Any, int]]:
    """The cells of a last row: the column each begins in, its content, and how many columns it spans.

    `foot` has an entry for each entry of `columns`. None widens the cell before it. The entry of a column
    that is left out is left out with it; where the reader has hidden all that the row says, nothing is left. Raises
    ValueError when the two differ in length.
    """
    cells: list[tuple[Column, Any, int]] = []
    for column, content in zip(columns, foot, strict=True):
        if column is None or column.is_hidden:
            continue
        if content is None and cells:
            begins, text, span = cells[-1]
            cells[-1] = (begins, text, span + 1)
        else:
            cells.append((column, content, 1))
    is_cut = any(column is not None and column.is_hidden for column in columns)
    return [] if is_cut and all(text in (None, "") for _, text, _ in cells[1:]) else cells


_TEMPLATE_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "column": column,
    "link_to": link_to,
    "of_row": RowValue,
    "foot_cells": foot_cells,
}


def init_columns(app: Flask) -> None:
    """Make `column`, `link_to`, `of_row` and `foot_cells` known to every template."""
    app.jinja_env.globals.update(_TEMPLATE_FUNCTIONS)
