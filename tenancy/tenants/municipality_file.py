"""Reads a file of municipalities: its rows, each with its first line's number and all that is wrong with it.

CSV or Excel (`governance.kernel.table_file`). Names are kept byte for byte; codes, figures and dates are read as forms
read them (full-width digits, 千 and 万, eras), and what was understood is said. Comparing the rows with the registered
tenants is left to `tenancy.tenants.importing`, the columns to `tenancy.tenants.municipality_columns`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Final

from governance.kernel.era import parse_day, show_day
from governance.kernel.errors import Invalid, message
from governance.kernel.field_types import read_fiscal_year
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.japanese_numbers import narrow
from governance.kernel.labels import Label
from governance.kernel.plain_text import plain_line
from governance.kernel.table_file import (
    CellProblem,
    CellReading,
    Encoding,
    FileFormat,
    Header,
    RowReader,
    read_header,
    read_table,
)
from governance.kernel.yen import printable
from tenancy.tenants.municipality_columns import (
    BASIS_DATE,
    CODE,
    COLUMNS,
    FIRST_DAY,
    IGNORED,
    KANA,
    KIND,
    KINDS,
    NAME,
    NAME_EN,
    SOURCE,
    SOURCE_OF,
    MunicipalityColumn,
    column_of,
)
from tenancy.tenants.states import StatisticKind, TenantKind
from tenancy.tenants.statistic_values import MAX_SOURCE_LENGTH, grouped, statistic_from_cell

NOT_KANA = message(
    "import.not_kana",
    ja="読み「{given}」は全角カタカナで入力してください。",
    en="The reading “{given}” must be in full-width katakana.",
    hint_ja="例: {expected}",
    hint_en="For instance {expected}",
)
KIND_UNKNOWN = message(
    "import.kind_unknown",
    ja="種別「{given}」は使えません。使えるのは {known} です。",
    en="Unknown kind “{given}”; the known ones are {known}.",
)

_KANA: Final = re.compile(r"[ァ-ヺーヽヾ・]+")
_TO_KATAKANA: Final = {code: code + 0x60 for code in range(ord("ぁ"), ord("ゖ") + 1)}
_FISCAL_YEAR: Final = re.compile(r"FY[0-9]{4}|.+年度")


@dataclass(frozen=True, slots=True)
class MunicipalityRow:
    """One valid row: names as in the file, statistics as published decimal text; `source` is empty where not given.

    `basis_dates` and `sources` are the reference dates and the sources of single statistics that stand in the row.
    """

    code: str
    name: str
    kana: str
    kind: TenantKind
    name_en: str | None
    statistics: tuple[tuple[StatisticKind, str], ...]
    source: str
    valid_from: date | None = None
    basis_dates: Mapping[StatisticKind, date] = field(default_factory=dict)
    sources: Mapping[StatisticKind, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row of the file and the line it begins on (the header is line 1).

    `row` is None where there are `problems`, and where a required column is missing. `code`, `kind` and `basis_dates`
    are what could be read, also beside a cell that could not.
    """

    line: int
    code: str
    name: str
    row: MunicipalityRow | None
    problems: tuple[CellProblem, ...]
    readings: tuple[CellReading, ...]
    kind: TenantKind | None
    counted: frozenset[StatisticKind]
    """The statistics whose cells are not empty."""
    basis_dates: Mapping[StatisticKind, date]
    sourced: frozenset[StatisticKind]
    """The statistics for which the row says where they come from."""


@dataclass(frozen=True, slots=True)
class MunicipalityFile:
    """The whole file. `problems` are those of its headings.

    `headings`: the name of a column → its heading in the file; `years`: kind of statistic → the year in its heading.
    """

    encoding: FileFormat
    sha256: str
    problems: tuple[CellProblem, ...]
    headings: Mapping[str, str]
    years: Mapping[StatisticKind, int]
    rows: tuple[ReadRow, ...]


def read_municipalities(content: bytes, encoding: Encoding | None = None) -> MunicipalityFile:
    """Read the file; `encoding` is that of a CSV (`governance.kernel.table_file.read_table`).

    Raises Invalid for what keeps the file from being read at all (size, encoding, quoting, number of rows); what is
    wrong with its headings and rows are their `problems`, all of them.
    """
    table = read_table(content, encoding)
    years: dict[StatisticKind, int] = {}

    def find(heading: str) -> MunicipalityColumn | None:
        column, year = column_of(heading) or (None, None)
        if column is not None and column.statistic is not None and year is not None:
            years.setdefault(column.statistic, year)
        return column

    header = read_header(table.header, COLUMNS, find, ignored=IGNORED)
    rows = tuple(_read_row(line, header, cells) for line, cells in table.rows)
    return MunicipalityFile(
        encoding=table.file_format,
        sha256=table.sha256,
        problems=tuple(header.problems),
        headings=header.headings,
        years=years,
        # Where no heading is known there is no telling what a cell is.
        rows=rows if header.headings else (),
    )


def _read_row(line: int, header: Header[MunicipalityColumn], cells: list[str]) -> ReadRow:
    reader = RowReader(header, cells)
    if reader.is_ragged:
        return ReadRow(
            line,
            code=printable(reader.cells.get(CODE, "")),
            name=printable(reader.cells.get(NAME, "")),
            row=None,
            problems=tuple(reader.problems),
            readings=(),
            kind=None,
            counted=frozenset(),
            basis_dates={},
            sourced=frozenset(),
        )
    code = reader.read(CODE, narrow, lambda code: (code, Label(code, code))) or ""
    name = reader.read(NAME, lambda text: plain_line(text, field=""), empty_is_wrong=True)
    kana = reader.read(KANA, _kana, empty_is_wrong=True)
    kind = reader.read(KIND, _kind, lambda kind: (kind.value, Label(kind.ja, kind.en)), empty_is_wrong=True)
    name_en = reader.read(NAME_EN, lambda text: plain_line(text, field=""))
    valid_from = reader.read(FIRST_DAY, lambda text: _day(text, ends=False), _day_in_words)
    source = reader.read(SOURCE, _source) or ""
    statistics, basis_dates, sources = [], {}, {}
    for one in StatisticKind:
        value = reader.read(one.value, partial(statistic_from_cell, one, field=""), _figure_in_words)
        day = reader.read(f"{one.value}{BASIS_DATE}", lambda text: _day(text, ends=True), _day_in_words)
        if value is not None:
            statistics.append((one, value))
        if day is not None:
            basis_dates[one] = day
        own = reader.read(f"{one.value}{SOURCE_OF}", _source)
        if own:
            sources[one] = own
    row = None
    if not reader.problems and name is not None and kana is not None and kind is not None:
        row = MunicipalityRow(
            code,
            name,
            kana,
            kind,
            name_en,
            tuple(statistics),
            source,
            valid_from=valid_from,
            basis_dates=basis_dates,
            sources=sources,
        )
    return ReadRow(
        line,
        code=printable(code),
        name=printable(reader.cells.get(NAME, "")),
        row=row,
        problems=tuple(reader.problems),
        readings=tuple(reader.readings),
        kind=kind,
        # An empty cell is a figure nobody knows, which is not zero.
        counted=frozenset(one for one in StatisticKind if reader.cells.get(one.value)),
        basis_dates=basis_dates,
        sourced=frozenset(
            one for one in StatisticKind if reader.cells.get(SOURCE) or reader.cells.get(f"{one.value}{SOURCE_OF}")
        ),
    )


def _source(text: str) -> str:
    return plain_line(text, field="", most=MAX_SOURCE_LENGTH)


def _kana(text: str) -> str:
    kana = plain_line(text, field="")
    if not _KANA.fullmatch(kana):
        katakana = unicodedata.normalize("NFKC", kana).translate(_TO_KATAKANA).replace(" ", "")
        expected = katakana if _KANA.fullmatch(katakana) else "クマモトシ"
        raise Invalid(NOT_KANA, given=printable(kana), expected=expected)
    return kana


def _kind(text: str) -> TenantKind:
    found = KINDS.get(text) or KINDS.get(narrow(text))
    if found is None:
        raise Invalid(KIND_UNKNOWN, given=printable(text), known=tuple(TenantKind))
    return found


def _day(text: str, *, ends: bool) -> date:
    """A date as people write it, or the last (`ends`) or the first day of a fiscal year: 令和3年度, FY2021."""
    typed = narrow(text).upper()
    if _FISCAL_YEAR.fullmatch(typed):
        year = FiscalYear(read_fiscal_year(typed))
        return year.last_day if ends else year.starts_on
    return parse_day(text, field="")


def _day_in_words(day: date) -> tuple[str, Label]:
    return day.isoformat(), Label(show_day(day), f"{day.day} {day:%B %Y}")


def _figure_in_words(value: str) -> tuple[str, Label]:
    return value, Label(grouped(value), grouped(value))
