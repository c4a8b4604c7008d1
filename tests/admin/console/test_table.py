"""The one table of the pages: heads with scope, labels for narrow screens, and the cells of its last row."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from flask import Flask, render_template_string

from admin.interface.columns import Column, column, foot_cells

STRONG = "{% macro strong(row) %}<b>{{ row.name }}</b>{% endmacro %}"


@dataclass(frozen=True)
class Owner:
    name: str
    state: str | None


def render(web: Flask, call: str, **values: object) -> str:
    """The table that a template's call of the macro writes, without the white space between its parts."""
    source = f'{{% import "interface/macros.html" as m with context %}}{STRONG}{call}'
    with web.test_request_context("/tenants?lang=en"):
        return "".join(line.strip() for line in render_template_string(source, **values).splitlines())


def test_heads_have_a_scope_and_cells_their_label_for_a_narrow_screen(kept_web: Flask) -> None:
    page = render(
        kept_web,
        '{{ m.table([column("Name", "0"), column("Yen", "1", "amount", yen=true), column("Last", "2")], '
        'rows, "Sums") }}',
        rows=[("<a>", -1234, None)],
    )

    assert page == (
        '<div class="wide"><table class="rows"><caption>Sums</caption>'
        '<thead><tr><th scope="col">Name</th><th scope="col" class="yen">Yen</th><th scope="col">Last</th></tr></thead>'
        '<tbody><tr><th scope="row">&lt;a&gt;</th><td class="yen" data-label="Yen">▲1,234</td>'
        '<td data-label="Last">―</td></tr></tbody></table></div>'
    )


def test_a_column_of_what_one_presses_is_marked_to_be_left_out_of_a_print(kept_web: Flask) -> None:
    page = render(
        kept_web,
        '{{ m.table([column("Name", "0"), column("Choose", "1", yen=true, on_paper=false)], rows, "Sums", '
        'foot=["Total", ""]) }}',
        rows=[("A", 1)],
    )

    assert page.count('class="yen not-printed"') == 3  # In the head, in the row and in the last row.
    assert page.count("not-printed") == 3


def test_a_macro_writes_a_cell_and_none_leaves_a_column_out(kept_web: Flask) -> None:
    page = render(
        kept_web,
        '{{ m.table([column("Name", strong), none, column("State", "state", badge="tenant")], rows, "Owners", '
        "header=none, stacked=false) }}",
        rows=[Owner("A", "active")],
    )

    assert "<tbody><tr><td><b>A</b></td><td><span" in page
    assert "data-label" not in page
    assert 'class="rows"' not in page
    assert page.count('<th scope="col">') == 2


def test_an_order_is_in_the_head_and_the_link_of_the_row_in_its_cell(kept_web: Flask) -> None:
    page = render(
        kept_web,
        '{{ m.table([column("Name", "name", sort="name", link=link_to("tenants.tenants", q=of_row("name")))], '
        'rows, "Owners", order="name", descending=true) }}',
        rows=[Owner("A", None)],
    )

    assert '<th scope="col" aria-sort="descending"><a class="sort"' in page
    assert '<th scope="row"><a href="/tenants?q=A">A</a></th>' in page


def test_without_rows_it_says_so(kept_web: Flask) -> None:
    assert render(kept_web, '{{ m.table([column("Name", "0")], [], "Sums", empty="None yet.") }}') == (
        '<p class="empty">None yet.</p>'
    )


def test_the_last_row_spans_where_it_has_no_cell_of_its_own() -> None:
    name, kind, yen = column("Name", "0"), column("Kind", "1"), column("Yen", "2", yen=True)
    columns: list[Column | None] = [name, kind, None, yen]

    assert foot_cells(columns, ["Total", None, "left out", "12"]) == [(name, "Total", 2), (yen, "12", 1)]
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        foot_cells(columns, ["Total"])
