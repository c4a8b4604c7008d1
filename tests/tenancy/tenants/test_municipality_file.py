"""Reading a CSV of municipalities: encodings, strictness, and a verdict with its line. No database."""

from __future__ import annotations

from datetime import date

import pytest

from governance.kernel.errors import Invalid, Language
from governance.kernel.japanese_numbers import narrow
from governance.kernel.table_file import MAX_BYTES, MAX_ROWS, template_headings
from tenancy.tenants.municipality_columns import COLUMNS
from tenancy.tenants.municipality_file import read_municipalities
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
    assert file.headings["population"] == "population_2020"
    assert file.years == {StatisticKind.POPULATION: 2020}


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
    ("header", "problems"),
    [
        ("code6,code6,name_ja,kana,kind", [("import.column_twice", "code6")]),
        ("code6,団体コード,name_ja,kana,kind", [("import.column_twice", "団体コード")]),
        ("code6,name_ja,kana,kind,population_2020,人口", [("import.column_twice", "人口")]),
        ("code6,name_ja,kind", [("import.column_missing", "フリガナ")]),
        ("code6,name_ja,kana,kind,mayor", [("import.column_unknown", "mayor")]),
        ("code6,name_ja,kana,kind,人口（令和0.5年）", [("import.column_unknown", "人口（令和0.5年）")]),
        (
            "code6,mayor,フリガナ,knid",
            [
                ("import.column_unknown", "mayor"),
                ("import.column_unknown", "knid"),
                ("import.column_missing", "団体名"),
                ("import.column_missing", "種別"),
            ],
        ),
    ],
)
def test_every_heading_that_is_wrong_is_named_at_once(header: str, problems: list[tuple[str, str]]) -> None:
    file = read_municipalities(f"{header}\n{','.join('1' * len(header.split(',')))}\n".encode())

    assert [(one.refusal.code, one.column) for one in file.problems] == problems
    assert all("フリガナ" in one.refusal.hint("ja") for one in file.problems if "unknown" in one.refusal.code)
    assert [row.row for row in file.rows if row.row] == []


def test_a_file_whose_headings_are_all_unknown_has_no_rows_to_judge() -> None:
    file = read_municipalities(b"code6;name_ja;kana;kind\n1;2;3;4\n")

    assert [one.refusal.code for one in file.problems] == ["import.column_unknown"] + ["import.column_missing"] * 4
    assert file.rows == ()


@pytest.mark.parametrize(
    ("row", "why", "field"),
    [
        ("432148,阿蘇市,アソシ,city", "import.ragged", ""),
        ("432148,阿蘇市,アソシ,city,1,2", "import.ragged", ""),
        ("", "import.ragged", ""),
        ('432148,"=cmd|calc",アソシ,city,1', "import.formula", "name_ja"),
        ("432148,+阿蘇,アソシ,city,1", "import.formula", "name_ja"),
        ("432148,@阿蘇,アソシ,city,1", "import.formula", "name_ja"),
        ("432148,＝阿蘇,アソシ,city,1", "import.formula", "name_ja"),
        ("432148,阿蘇市,アソシ,city,-1", "import.formula", "population_2020"),
        ("432148,阿蘇市,あそし,city,1", "import.not_kana", "kana"),
        ("432148,阿蘇市,ｱｿｼ,city,1", "import.not_kana", "kana"),
        ("432148,阿蘇市,アソシ,City,1", "import.kind_unknown", "kind"),
        ("432148,阿蘇市,アソシ,区,1", "import.kind_unknown", "kind"),
        ("432148,阿蘇市,アソシ,,1", "import.kind_unknown", "kind"),
        ("432148,阿蘇市,アソシ,city,約２万", "statistic.invalid_value", "population_2020"),
        ("432148,阿蘇市,アソシ,city,0.00001万", "statistic.invalid_value", "population_2020"),
        ("432148,阿蘇市,アソシ,city,人", "statistic.invalid_value", "population_2020"),
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
    assert good.problems == last.problems == ()
    assert wrong.row is None
    (problem,) = wrong.problems
    assert (wrong.line, problem.refusal.code, problem.column) == (3, why, field)


def test_all_that_is_wrong_in_a_row_is_said_with_what_was_entered_and_what_would_be_right() -> None:
    file = read_municipalities(_text("432148,,あそし,町村,2万5").encode())

    (row,) = file.rows
    said = [(one.column, one.given, one.refusal.text("ja") + one.refusal.hint("ja")) for one in row.problems]
    assert [(column, given) for column, given, _ in said] == [
        ("name_ja", ""),
        ("kana", "あそし"),
        ("kind", "町村"),
    ]
    assert "アソシ" in said[1][2]
    assert "都道府県、市、町、村" in said[2][2]
    assert row.row is None


OFFICE = (
    "団体コード,団体名,フリガナ,種別,人口（令和2年）,人口の基準日,"
    "財政力指数,財政力指数の基準日,面積（km²）,参加開始日,出典"
)


def test_japanese_headings_kinds_figures_and_dates_are_read_and_said_again() -> None:
    row = "４３２１４８,阿蘇市,アソシ,市,２．５万人,R2.10.1,０．３６,令和3年度,376.30km²,令和7年度,国勢調査"

    file = read_municipalities(f"{OFFICE}\n{row}\n".encode())

    assert file.problems == ()
    (read,) = file.rows
    assert read.row is not None
    assert (read.row.code, read.row.kind, read.row.source) == ("432148", TenantKind.CITY, "国勢調査")
    assert dict(read.row.statistics) == {
        StatisticKind.POPULATION: "25000",
        StatisticKind.FISCAL_INDEX: "0.36",
        StatisticKind.AREA_KM2: "376.30",
    }
    # 令和3年度 is the year that the index is of, up to its last day; 令和7年度 as a first day is its first.
    assert read.row.basis_dates == {
        StatisticKind.POPULATION: date(2020, 10, 1),
        StatisticKind.FISCAL_INDEX: date(2022, 3, 31),
    }
    assert read.row.valid_from == date(2025, 4, 1)
    assert file.years == {StatisticKind.POPULATION: 2020}
    said = {one.column: (one.given, one.value, one.words.ja) for one in read.readings}
    assert said["人口（令和2年）"] == ("２．５万人", "25000", "25,000")
    assert said["財政力指数の基準日"] == ("令和3年度", "2022-03-31", "令和4年3月31日（木）")
    assert "種別" not in said


@pytest.mark.parametrize(
    ("cell", "value"),
    [("24,930", "24930"), ("２４９３０", "24930"), ("2.5万", "25000"), ("2万4千930人", "24930"), ("0", "0")],
)
def test_a_count_is_read_as_offices_write_it(cell: str, value: str) -> None:
    file = read_municipalities(_text(f'432148,阿蘇市,アソシ,city,"{cell}"').encode())

    assert file.rows[0].row is not None
    assert file.rows[0].row.statistics == ((StatisticKind.POPULATION, value),)


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("町", TenantKind.TOWN),
        ("村", TenantKind.VILLAGE),
        ("県", TenantKind.PREFECTURE),
        ("政令指定都市", TenantKind.CITY),
        ("designated_city", TenantKind.CITY),
        ("広域連合", TenantKind.UNION),
        ("一部事務組合・広域連合", TenantKind.UNION),
    ],
)
def test_a_kind_is_read_in_both_languages(cell: str, kind: TenantKind) -> None:
    (row,) = read_municipalities(_text(f"432148,阿蘇市,アソシ,{cell},1").encode()).rows

    assert row.kind is kind


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_template_is_taken_with_every_one_of_its_headings(language: Language) -> None:
    headings = template_headings(COLUMNS, language)
    file = read_municipalities(f"{','.join(headings)}\n{',' * (len(headings) - 1)}\n".encode())

    assert file.problems == ()
    assert set(file.headings) == {column.name for column in COLUMNS}


def test_no_two_columns_share_a_heading() -> None:
    headings = [narrow(heading).casefold() for one in COLUMNS for heading in {one.name, one.heading.ja, *one.also}]

    assert len(headings) == len(set(headings))


def test_well_formed_grouping_is_taken_away_and_an_empty_figure_is_no_figure() -> None:
    file = read_municipalities(_text('431001,熊本市,クマモトシ,city,"738,865"', "432148,阿蘇市,アソシ,city,").encode())

    assert [row.row.statistics for row in file.rows if row.row] == [((StatisticKind.POPULATION, "738865"),), ()]


def test_lines_are_counted_as_the_file_has_them() -> None:
    """A record that spans lines moves those after it, as an editor would show them."""
    file = read_municipalities(_text('431001,"熊\n本市",クマモトシ,city,1', ASO).encode())

    assert [row.line for row in file.rows] == [2, 4]
