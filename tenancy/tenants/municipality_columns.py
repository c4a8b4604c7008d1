"""The columns of a file of municipalities: their headings in Japanese and for programs, and what is written in them.

One declaration feeds the reader of files, the template to fill in, and the lists of columns on the page, over the API
and at the command line. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from governance.kernel.errors import Invalid
from governance.kernel.field_types import read_fiscal_year
from governance.kernel.japanese_numbers import narrow
from governance.kernel.labels import Label
from governance.kernel.table_file import FileColumn
from tenancy.tenants.states import StatisticKind, TenantKind

CODE, NAME, KANA, KIND, NAME_EN = "code6", "name_ja", "kana", "kind", "name_en"
FIRST_DAY, SOURCE = "valid_from", "source"
BASIS_DATE: Final = "_basis_date"
"""Ends the name of the column with the reference date of a statistic: `population_basis_date`."""
SOURCE_OF: Final = "_source"
"""Ends the name of the column with the source of one statistic: `population_source`."""


@dataclass(frozen=True, slots=True)
class MunicipalityColumn(FileColumn):
    """A column of a file of municipalities.

    `statistic` is what it counts, `is_value` whether it holds that figure and not its reference date or source.
    """

    statistic: StatisticKind | None = None
    is_value: bool = False


_DATE: Final = Label("日付（令和2年10月1日、R2.10.1、2020-10-01）", "a date, as 2020-10-01")
_YEAR_END: Final = Label(
    "日付、または会計年度（令和3年度はその末日）", "a date, or the fiscal year that ends on it (FY2021)"
)
_HEADINGS: Final = {
    StatisticKind.POPULATION: (Label("人口", "Population"), "738,865"),
    StatisticKind.HOUSEHOLDS: (Label("世帯数", "Households"), "328,318"),
    StatisticKind.AREA_KM2: (Label("面積", "Area"), "390.32"),
    StatisticKind.FISCAL_INDEX: (Label("財政力指数", "Fiscal index"), "0.70"),
}
_COUNT: Final = Label("数。全角の数字、桁区切り、千・万も可", "a number, as 738,865")
_DECIMAL: Final = Label("小数。全角の数字も可", "a decimal")
_DECIMALS: Final = frozenset({StatisticKind.AREA_KM2, StatisticKind.FISCAL_INDEX})


def _statistic_columns() -> tuple[MunicipalityColumn, ...]:
    values = tuple(
        MunicipalityColumn(
            kind.value,
            heading,
            _DECIMAL if kind in _DECIMALS else _COUNT,
            Label(example, example),
            statistic=kind,
            is_value=True,
        )
        for kind, (heading, example) in _HEADINGS.items()
    )
    dates = tuple(
        MunicipalityColumn(
            f"{kind.value}{BASIS_DATE}",
            Label(f"{heading.ja}の基準日", f"{heading.en} as of"),
            _YEAR_END if kind is StatisticKind.FISCAL_INDEX else _DATE,
            Label("令和3年度", "2022-03-31")
            if kind is StatisticKind.FISCAL_INDEX
            else Label("令和2年10月1日", "2020-10-01"),
            statistic=kind,
        )
        for kind, (heading, _) in _HEADINGS.items()
    )
    sources = tuple(
        MunicipalityColumn(
            f"{kind.value}{SOURCE_OF}",
            Label(f"{heading.ja}の出典", f"{heading.en} source"),
            Label(
                "この統計値の公表資料の名称。空なら列「出典」のもの",
                "the publication of this statistic; else that of the row",
            ),
            Label("―", "―"),
            statistic=kind,
        )
        for kind, (heading, _) in _HEADINGS.items()
    )
    return tuple(column for one in zip(values, dates, sources, strict=True) for column in one)


COLUMNS: Final = (
    MunicipalityColumn(
        CODE,
        Label("団体コード", "Code"),
        Label("検査数字を含む 6 桁。ない団体は空", "six digits with the check digit; empty where there is none"),
        Label("431001", "431001"),
        also=("全国地方公共団体コード", "コード", "code"),
        is_required=True,
    ),
    MunicipalityColumn(
        NAME,
        Label("団体名", "Name"),
        Label("正式な名称", "the name in Japanese, as it is written"),
        Label("熊本市", "熊本市"),
        also=("名称", "市町村名", "市区町村名", "name"),
        is_required=True,
    ),
    MunicipalityColumn(
        KANA,
        Label("フリガナ", "Kana"),
        Label("全角カタカナ", "full-width katakana"),
        Label("クマモトシ", "―"),
        also=("ふりがな", "カナ", "団体名カナ", "市町村名カナ", "読み"),
        is_required=True,
    ),
    MunicipalityColumn(
        KIND,
        Label("種別", "Kind"),
        Label("都道府県、市、町、村など", "city, town, village and so on"),
        Label("市", "city"),
        also=("団体の種別", "区分"),
        is_required=True,
    ),
    MunicipalityColumn(
        NAME_EN,
        Label("英語の名称", "English name"),
        Label("ローマ字の名称", "in Latin letters"),
        Label("―", "Kumamoto"),
        also=("英語名", "英語名称"),
    ),
    MunicipalityColumn(
        FIRST_DAY,
        Label("参加開始日（予定）", "Planned first day"),
        Label("日付、または会計年度（令和7年度はその初日）", "a date, or the fiscal year that begins on it (FY2025)"),
        Label("令和7年4月1日", "2025-04-01"),
        also=("参加開始日",),
    ),
    *_statistic_columns(),
    MunicipalityColumn(
        SOURCE,
        Label("出典", "Source"),
        Label("統計値の公表資料の名称", "the publication that the statistics come from"),
        Label("令和2年国勢調査", "令和2年国勢調査"),
        also=("統計値の出典",),
    ),
)
"""Every column that is read, in the order of the template."""

IGNORED: Final = ("code5", "prefecture_ja", "romaji", "population_65plus_2020", "corporate_number_derived")
"""Columns of published lists that are let through unread."""

KINDS: Final = (
    {kind.value: kind for kind in TenantKind}
    | {kind.ja: kind for kind in TenantKind}
    | dict.fromkeys(("都", "道", "府", "県"), TenantKind.PREFECTURE)
    # 政令指定都市 is a city, and a special ward of Tokyo counts as one (地方自治法283条1項).
    | dict.fromkeys(
        ("designated_city", "ward", "政令指定都市", "指定都市", "中核市", "一般市", "特別区"), TenantKind.CITY
    )
    | dict.fromkeys(("一部事務組合", "広域連合"), TenantKind.UNION)
)
"""The kind of an organization by what may stand in its cell."""

_UNITS: Final = frozenset({"人", "世帯", "km2"})
_HEADING: Final = re.compile(r"(?P<name>[^()]+?)(?:_(?P<year>[0-9]{4})|\((?P<inside>[^()]+)\))?")


def _key(heading: str) -> str:
    return narrow(heading).casefold()


_BY_HEADING: Final = {
    _key(heading): column for column in COLUMNS for heading in (column.name, column.heading.ja, *column.also)
}


def column_of(heading: str) -> tuple[MunicipalityColumn, int | None] | None:
    """The column with this heading, and the year that the heading of a statistic names; None for an unknown one.

    Full-width letters, spaces and capitals make no difference;
    人口（令和2年）, 人口（人） and population_2020 are one.
    """
    key = _key(heading)
    if column := _BY_HEADING.get(key):
        return column, None
    found = _HEADING.fullmatch(key)
    column = _BY_HEADING.get(found["name"]) if found else None
    if found is None or column is None or column.statistic is None or not column.is_value:
        return None
    if found["inside"] in _UNITS:
        return column, None
    if found["year"]:
        return column, int(found["year"])
    try:
        return column, read_fiscal_year(found["inside"].upper())
    except Invalid:
        return None
