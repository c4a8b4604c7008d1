"""Reads a CSV of municipalities (RFC 4180): its rows, each with its first line's number and all that is wrong with it.

UTF-8 with or without BOM, or CP932 as spreadsheets in Japan write it. Names are kept byte for byte; codes, figures and
dates are read as forms read them (full-width digits, 千 and 万, eras), and what was understood is said. Refused as
ambiguous: NUL, a carriage return without a line feed, unclosed quotation marks, unknown or repeated columns, rows of
another length than the header, cells that a spreadsheet would run as a formula. Comparing the rows with the registered
tenants is left to `tenancy.tenants.importing`, the columns to `tenancy.tenants.municipality_columns`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Final, Literal, TypeVar

from governance.kernel.era import parse_day, show_day
from governance.kernel.errors import DomainError, Invalid, message
from governance.kernel.field_types import read_fiscal_year
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.japanese_numbers import narrow
from governance.kernel.labels import Label
from governance.kernel.plain_text import plain_line
from governance.kernel.spreadsheets import is_formula
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
    FileColumn,
    column_of,
    known_headings,
)
from tenancy.tenants.states import StatisticKind, TenantKind
from tenancy.tenants.statistic_values import MAX_SOURCE_LENGTH, grouped, statistic_from_cell

MAX_BYTES: Final = 4 * 2**20
MAX_ROWS: Final = 5_000
MAX_CELL_LENGTH: Final = 1_000

FILE_EMPTY = message("import.file_empty", ja="ファイルに行がありません。", en="The file has no rows.")
FILE_TOO_LARGE = message(
    "import.file_too_large",
    ja="ファイルは {most} バイト以下にしてください（{given} バイト）。",
    en="The file may have at most {most} bytes; it has {given}.",
)
TOO_MANY_ROWS = message(
    "import.too_many_rows",
    ja="一度に取り込めるのは {most} 行までです。",
    en="At most {most} rows can be imported at once.",
)
NOT_THE_ENCODING = message(
    "import.not_the_encoding",
    ja="ファイルを {tried} として読めません。",
    en="The file cannot be read as {tried}.",
    hint_ja="UTF-8 または CP932（Shift_JIS）の CSV で保存し直してください。",
    hint_en="Save it as CSV in UTF-8 or CP932 (Shift_JIS).",
)
CONTAINS_NUL = message(
    "import.holds_nul",
    ja="{line} 行目に NUL 文字があります。UTF-16 で保存したファイルは読めません。",
    en="Line {line} contains a NUL; a file saved as UTF-16 cannot be read.",
    hint_ja="UTF-8 の CSV で保存し直してください。",
    hint_en="Save it as CSV in UTF-8.",
)
LONE_CR = message(
    "import.lone_cr",
    ja="{line} 行目に、改行（LF）を伴わない CR があります。",
    en="Line {line} has a carriage return without a line feed.",
)
NOT_CSV = message(
    "import.not_csv",
    ja="{line} 行目から先を CSV として読めません（引用符が閉じていない、など）。",
    en="The file is not valid CSV from line {line} on (perhaps an unclosed quotation mark).",
)
COLUMN_TWICE = message(
    "import.column_twice", ja="列「{given}」が二度あります。", en="The column “{given}” appears twice."
)
COLUMN_MISSING = message(
    "import.column_missing", ja="列「{given}」がありません。", en="The column “{given}” is missing."
)
COLUMN_UNKNOWN = message(
    "import.column_unknown",
    ja="列「{given}」は取り込めません。",
    en="Unknown column “{given}”.",
    hint_ja="使える列: {known}。",
    hint_en="Known columns: {known}.",
)
RAGGED = message(
    "import.ragged",
    ja="列の数が見出しと合いません（見出し {expected} 列、この行 {given} 列）。",
    en="The header has {expected} columns, this row {given}.",
)
FORMULA = message(
    "import.formula",
    ja="列「{column}」の「{given}」は表計算ソフトの数式として扱われるおそれがあります。",
    en="A spreadsheet could run “{given}” in the column {column} as a formula.",
    hint_ja="先頭の記号を除いてください。",
    hint_en="Remove the leading sign.",
)
CELL_TOO_LONG = message(
    "import.cell_too_long",
    ja="列「{column}」が長すぎます（{most} 文字まで）。",
    en="The column {column} is too long (at most {most} characters).",
)
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

Encoding = Literal["utf-8", "cp932"]

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
class CellProblem:
    """What is wrong with one cell or heading: its column as the file calls it, what stands there, and why."""

    column: str
    given: str
    refusal: DomainError


@dataclass(frozen=True, slots=True)
class CellReading:
    """How a cell was understood that was not written in the stored form: ２．５万 as 25000, in words 25,000."""

    column: str
    given: str
    value: str
    words: Label


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

    encoding: Encoding
    sha256: str
    problems: tuple[CellProblem, ...]
    headings: Mapping[str, str]
    years: Mapping[StatisticKind, int]
    rows: tuple[ReadRow, ...]


def read_municipalities(content: bytes, encoding: Encoding | None = None) -> MunicipalityFile:
    """Read the file in the given encoding; without one in UTF-8, or in CP932 where it is not valid UTF-8.

    Raises Invalid for what keeps the file from being read at all (size, encoding, quoting, number of rows); what is
    wrong with its headings and rows are their `problems`, all of them.
    """
    if len(content) > MAX_BYTES:
        raise Invalid(FILE_TOO_LARGE, field="content", most=MAX_BYTES, given=len(content))
    if (nul := content.find(b"\0")) >= 0:
        raise Invalid(CONTAINS_NUL, field="content", line=content.count(b"\n", 0, nul) + 1)
    text, found = _decode(content, encoding)
    if lone := re.search(r"\r(?!\n)", text):
        raise Invalid(LONE_CR, field="content", line=text.count("\n", 0, lone.start()) + 1)
    lines = _lines(text)
    header_line = next(lines, None)
    if header_line is None or not any(header_line[1]):
        raise Invalid(FILE_EMPTY, field="content")
    header = _read_header(header_line[1])
    rows: list[ReadRow] = []
    for line, cells in lines:
        if len(rows) == MAX_ROWS:
            raise Invalid(TOO_MANY_ROWS, field="content", most=MAX_ROWS)
        rows.append(_read_row(line, header, cells))
    if not rows:
        raise Invalid(FILE_EMPTY, field="content")
    return MunicipalityFile(
        encoding=found,
        sha256=hashlib.sha256(content).hexdigest(),
        problems=tuple(header.problems),
        headings=header.headings,
        years=header.years,
        # Where no heading is known there is no telling what a cell is.
        rows=tuple(rows) if header.headings else (),
    )


def _decode(content: bytes, encoding: Encoding | None) -> tuple[str, Encoding]:
    if content.startswith(b"\xef\xbb\xbf"):
        encodings: tuple[Encoding, ...] = ("utf-8",)
    else:
        # Text of any length in CP932 is not valid UTF-8 by chance, the other way round it easily is: UTF-8 goes first.
        encodings = ("utf-8", "cp932") if encoding is None else (encoding,)
    for candidate in encodings:
        try:
            text = content.decode("utf-8-sig" if candidate == "utf-8" else candidate)
        except UnicodeDecodeError:
            continue
        # Python's cp932 turns the bytes 80, A0 and FD to FF, which CP932 does not have, into these.
        if not re.search("[\x80-\x9f\xa0\uf8f0-\uf8ff\ufeff]", text):
            return text, candidate
    raise Invalid(NOT_THE_ENCODING, field="content", tried=", ".join(encodings).upper())


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line it begins on. A record may span lines within quotation marks."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise Invalid(NOT_CSV, field="content", line=line) from None
        yield line, cells


@dataclass(slots=True)
class _Header:
    columns: list[FileColumn | None] = field(default_factory=list)
    problems: list[CellProblem] = field(default_factory=list)
    headings: dict[str, str] = field(default_factory=dict)
    years: dict[StatisticKind, int] = field(default_factory=dict)


def _read_header(cells: list[str]) -> _Header:
    header = _Header()
    for place, cell in enumerate(cells):
        given = printable(cell)
        found = column_of(cell)
        column, year = found or (None, None)
        if cell in cells[:place] or (column is not None and column.name in header.headings):
            header.problems.append(CellProblem(given, given, Invalid(COLUMN_TWICE, field="header", given=given)))
            column = None
        elif column is None and cell not in IGNORED:
            known = Label(known_headings("ja"), known_headings("en"))
            refusal = Invalid(COLUMN_UNKNOWN, field="header", given=given, known=known)
            header.problems.append(CellProblem(given, given, refusal))
        header.columns.append(column)
        if column is not None:
            header.headings[column.name] = given
            if year is not None and column.statistic is not None:
                header.years[column.statistic] = year
    for one in COLUMNS:
        if one.is_required and one.name not in header.headings:
            missing = Invalid(COLUMN_MISSING, field="header", given=Label(one.heading.ja, one.name))
            header.problems.append(CellProblem(one.heading.ja, "", missing))
    return header


def _read_row(line: int, header: _Header, cells: list[str]) -> ReadRow:
    reader = _RowReader(header, cells)
    if len(cells) != len(header.columns):
        ragged = Invalid(RAGGED, field="row", expected=len(header.columns), given=len(cells))
        reader.problems.append(CellProblem("", "", ragged))
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


ValueT = TypeVar("ValueT")


class _RowReader:
    """The cells of one row, by the names of their columns; keeps every problem and what was read otherwise."""

    def __init__(self, header: _Header, cells: list[str]) -> None:
        self.header = header
        self.cells = {one.name: cell for one, cell in zip(header.columns, cells, strict=False) if one is not None}
        self.problems: list[CellProblem] = []
        self.readings: list[CellReading] = []

    def read(
        self,
        name: str,
        parse: Callable[[str], ValueT],
        in_words: Callable[[ValueT], tuple[str, Label]] | None = None,
        *,
        empty_is_wrong: bool = False,
    ) -> ValueT | None:
        """The value of a cell. None for an empty one, for one that is refused, and where there is no such column."""
        cell = self.cells.get(name)
        if cell is None or not (cell or empty_is_wrong):
            return None
        heading, given = self.header.headings[name], printable(cell)
        try:
            if len(cell) > MAX_CELL_LENGTH:
                raise Invalid(CELL_TOO_LONG, column=heading, most=MAX_CELL_LENGTH)
            if is_formula(cell):
                raise Invalid(FORMULA, column=heading, given=given)
            value = parse(cell)
        except Invalid as refusal:
            self.problems.append(CellProblem(heading, given, refusal.at(heading)))
            return None
        if in_words is not None:
            stored, words = in_words(value)
            if cell not in (stored, *words):
                self.readings.append(CellReading(heading, given, stored, words))
        return value


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
