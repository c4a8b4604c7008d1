"""Reading a CSV of municipalities: encodings, strictness, and a verdict with its line. No database."""

from __future__ import annotations

import pytest

from governance.kernel.errors import Invalid
from tenancy.tenants.municipality_file import MAX_BYTES, MAX_ROWS, read_municipalities
from tenancy.tenants.states import StatisticKind, TenantKind

HEADER = "code6,name_ja,kana,kind,population_2020"
ASO = "432148,阿蘇市,アソシ,city,24930"
KUMAMOTO = "431001,熊本市,クマモトシ,designated_city,738865"


def _text(*lines: str, end: str = "\n") -> str:
    return end.join([HEADER, *lines]) + end


def _refused(content: bytes, encoding: str | None = None) -> Invalid:
    with pytest.raises(Invalid) as refusal:
        read_municipalities(content, encoding)  # type: ignore[arg-type]
    return refusal.value


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (_text(KUMAMOTO, ASO).encode(), "utf-8"),
        (_text(KUMAMOTO, ASO).encode("utf-8-sig"), "utf-8"),
        (_text(KUMAMOTO, ASO).encode("cp932"), "cp932"),
        (_text(KUMAMOTO, ASO, end="\r\n").encode("cp932"), "cp932"),
        (_text(KUMAMOTO, ASO).rstrip("\n").encode(), "utf-8"),
    ],
)
def test_the_same_rows_come_from_each_encoding(content: bytes, encoding: str) -> None:
    file = read_municipalities(content)

    assert file.encoding == encoding
    assert [(row.line, row.row.code, row.row.name, row.row.kana) for row in file.rows if row.row] == [
        (2, "431001", "熊本市", "クマモトシ"),
        (3, "432148", "阿蘇市", "アソシ"),
    ]
    assert file.rows[0].row is not None
    assert file.rows[0].row.kind is TenantKind.CITY
    assert file.rows[0].row.statistics == ((StatisticKind.POPULATION, "738865"),)
    assert file.statistic_columns == {StatisticKind.POPULATION: ("population_2020", 2020)}


def test_names_of_cp932_alone_are_read_and_kept() -> None:
    file = read_municipalities(_text("432148,髙﨑①㈱市,アソシ,city,1").encode("cp932"))

    assert file.rows[0].name == "髙﨑①㈱市"


@pytest.mark.parametrize("name", ["葛󠄀城市", "𠮷野市", "神代市", "凞市"])
def test_a_name_is_kept_byte_for_byte(name: str) -> None:
    file = read_municipalities(_text(f"432148,{name},アソシ,city,1").encode())

    assert file.rows[0].row is not None
    assert file.rows[0].row.name.encode() == name.encode()


def test_a_wrong_encoding_that_was_asked_for_is_refused() -> None:
    assert _refused(_text(ASO).encode("cp932"), "utf-8").code == "import.not_the_encoding"
    assert _refused(b"code6,name_ja\n\xff\xfe\xfd").code == "import.not_the_encoding"


def test_utf_16_is_refused_with_what_to_do() -> None:
    refusal = _refused(_text(ASO).encode("utf-16"))

    assert refusal.code == "import.holds_nul"
    assert "UTF-16" in refusal.text("ja")


@pytest.mark.parametrize(
    ("content", "why", "line"),
    [
        (b"", "import.file_empty", None),
        (b"\n", "import.file_empty", None),
        (HEADER.encode(), "import.file_empty", None),
        (_text(ASO, "431001,\0,ク,city,1").encode(), "import.holds_nul", 3),
        (_text(ASO, "431001,熊本市\r,ク,city,1").encode(), "import.lone_cr", 3),
        (_text(ASO, '431001,"熊本市,ク,city,1').encode(), "import.not_csv", 3),
        (_text(ASO, '431001,"熊"本市,ク,city,1').encode(), "import.not_csv", 3),
        (b"x" * (MAX_BYTES + 1), "import.file_too_large", None),
        (_text(*[ASO] * (MAX_ROWS + 1)).encode(), "import.too_many_rows", None),
        (_text(f'"{"x" * 200_000}",a,a,city,1').encode(), "import.not_csv", 2),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_refused(content: bytes, why: str, line: int | None) -> None:
    refusal = _refused(content)

    assert refusal.code == why
    assert refusal.facts.get("line") == line


@pytest.mark.parametrize(
    ("header", "why", "given"),
    [
        ("code6,code6,name_ja,kana,kind", "import.column_twice", "code6"),
        ("code6,name_ja,kana,kind,population_2020,population_2025", "import.column_twice", "population_2025"),
        ("code6,name_ja,kind", "import.column_missing", "kana"),
        ("code6,name_ja,kana,kind,mayor", "import.column_unknown", "mayor"),
        ("code6,name_ja,kana,kind, population", "import.column_unknown", " population"),
        ("code6;name_ja;kana;kind", "import.column_unknown", "code6;name_ja;kana;kind"),
    ],
)
def test_a_header_that_is_wrong_names_the_column(header: str, why: str, given: str) -> None:
    refusal = _refused(f"{header}\n1,2,3,4,5\n".encode())

    assert (refusal.code, refusal.facts["given"]) == (why, given)


@pytest.mark.parametrize(
    ("row", "why", "field"),
    [
        ("432148,阿蘇市,アソシ,city", "import.ragged", "row"),
        ("432148,阿蘇市,アソシ,city,1,2", "import.ragged", "row"),
        ("", "import.ragged", "row"),
        ('432148,"=cmd|calc",アソシ,city,1', "import.formula", "name_ja"),
        ("432148,+阿蘇,アソシ,city,1", "import.formula", "name_ja"),
        ("432148,@阿蘇,アソシ,city,1", "import.formula", "name_ja"),
        ("432148,＝阿蘇,アソシ,city,1", "import.formula", "name_ja"),
        ("432148,阿蘇市,アソシ,city,-1", "import.formula", "population_2020"),
        ("432148,阿蘇市,あそし,city,1", "import.not_kana", "kana"),
        ("432148,阿蘇市,ｱｿｼ,city,1", "import.not_kana", "kana"),
        ("432148,阿蘇市,アソシ,City,1", "import.kind_unknown", "kind"),
        ("432148,阿蘇市,アソシ,city,１", "statistic.invalid_value", "population_2020"),
        ("432148,阿蘇市,アソシ,city,1e3", "statistic.invalid_value", "population_2020"),
        ("432148,阿蘇市,アソシ,city,NaN", "statistic.invalid_value", "population_2020"),
        ("432148,阿蘇市,アソシ,city,0.5", "statistic.invalid_value", "population_2020"),
        ("432148,阿蘇市,アソシ,city,007", "statistic.invalid_value", "population_2020"),
        ('432148,阿蘇市,アソシ,city,"24,93"', "statistic.invalid_value", "population_2020"),
        ("432148,阿\u202e蘇市,アソシ,city,1", "text.unseen", "name_ja"),
        ('432148,"阿\n蘇市",アソシ,city,1', "text.unseen", "name_ja"),
        ("432148,,アソシ,city,1", "text.empty", "name_ja"),
        (f"432148,{'阿' * 1001},アソシ,city,1", "import.cell_too_long", "name_ja"),
    ],
)
def test_a_wrong_row_says_why_and_on_which_line_and_the_others_stand(row: str, why: str, field: str) -> None:
    file = read_municipalities(_text(KUMAMOTO, row, ASO).encode())

    good, wrong, last = file.rows
    assert good.refusal is None
    assert last.refusal is None
    assert wrong.row is None
    assert wrong.refusal is not None
    assert (wrong.line, wrong.refusal.code, wrong.refusal.field) == (3, why, field)


def test_well_formed_grouping_is_taken_away_and_an_empty_figure_is_no_figure() -> None:
    file = read_municipalities(_text('431001,熊本市,クマモトシ,city,"738,865"', "432148,阿蘇市,アソシ,city,").encode())

    assert [row.row.statistics for row in file.rows if row.row] == [((StatisticKind.POPULATION, "738865"),), ()]


def test_lines_are_counted_as_the_file_has_them() -> None:
    """A record that spans lines moves those after it, as an editor would show them."""
    file = read_municipalities(_text('431001,"熊\n本市",クマモトシ,city,1', ASO).encode())

    assert [row.line for row in file.rows] == [2, 4]
