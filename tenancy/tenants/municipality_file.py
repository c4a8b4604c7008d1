"""Reads a CSV of municipalities (RFC 4180): its rows, each with its first line's number or the reason it is refused.

UTF-8 with or without BOM, or CP932 as spreadsheets in Japan write it. Names are kept byte for byte. Refused as
ambiguous: NUL, a carriage return without a line feed, unclosed quotation marks, unknown or repeated columns, rows of
another length than the header, cells that a spreadsheet would run as a formula. Comparing the rows with the registered
tenants is left to `tenancy.tenants.importing`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from governance.kernel.errors import DomainError, Invalid, message
from governance.kernel.plain_text import plain_line
from governance.kernel.spreadsheets import is_formula
from governance.kernel.yen import printable
from tenancy.tenants.states import StatisticKind, TenantKind
from tenancy.tenants.statistic_values import statistic_from_cell

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
)
KIND_UNKNOWN = message(
    "import.kind_unknown",
    ja="種別「{given}」は使えません。使えるのは {known} です。",
    en="Unknown kind “{given}”; the known ones are {known}.",
)

Encoding = Literal["utf-8", "cp932"]

CODE, NAME, KANA, KIND, NAME_EN, SOURCE = "code6", "name_ja", "kana", "kind", "name_en", "source"
_REQUIRED_COLUMNS: Final = (CODE, NAME, KANA, KIND)
_IGNORED_COLUMNS: Final = ("code5", "prefecture_ja", "romaji", "population_65plus_2020", "corporate_number_derived")
_STATISTIC_COLUMNS: Final = {
    re.compile(r"population(?:_([0-9]{4}))?"): StatisticKind.POPULATION,
    re.compile(r"households(?:_([0-9]{4}))?"): StatisticKind.HOUSEHOLDS,
    re.compile(r"area_km2"): StatisticKind.AREA_KM2,
    re.compile(r"fiscal_index"): StatisticKind.FISCAL_INDEX,
}
_KINDS: Final = {kind.value: kind for kind in TenantKind} | {
    # 政令指定都市 is a city, and a special ward of Tokyo counts as one (地方自治法283条1項).
    "designated_city": TenantKind.CITY,
    "ward": TenantKind.CITY,
}
_KANA: Final = re.compile(r"[ァ-ヺーヽヾ・]+")


@dataclass(frozen=True, slots=True)
class MunicipalityRow:
    """One valid row: names as in the file, statistics as published decimal text; `source` is empty where not given."""

    code: str
    name: str
    kana: str
    kind: TenantKind
    name_en: str | None
    statistics: tuple[tuple[StatisticKind, str], ...]
    source: str


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row of the file and the line it begins on (the header is line 1). Exactly one of `row`, `refusal` is None."""

    line: int
    code: str
    name: str
    row: MunicipalityRow | None
    refusal: DomainError | None


@dataclass(frozen=True, slots=True)
class MunicipalityFile:
    """The whole file. `statistic_columns`: kind of statistic → its column's name, and the year in that name or None."""

    encoding: Encoding
    sha256: str
    statistic_columns: dict[StatisticKind, tuple[str, int | None]]
    rows: tuple[ReadRow, ...]


def read_municipalities(content: bytes, encoding: Encoding | None = None) -> MunicipalityFile:
    """Read the file in the given encoding; without one in UTF-8, or in CP932 where it is not valid UTF-8.

    Raises Invalid for what is wrong with the file as a whole (size, encoding, header, quoting, number of rows); what
    is wrong with one row is that row's `refusal`.
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
    header = header_line[1]
    statistic_columns = _read_header(header)
    rows: list[ReadRow] = []
    for line, cells in lines:
        if len(rows) == MAX_ROWS:
            raise Invalid(TOO_MANY_ROWS, field="content", most=MAX_ROWS)
        rows.append(_read_row(line, header, cells, statistic_columns))
    if not rows:
        raise Invalid(FILE_EMPTY, field="content")
    return MunicipalityFile(
        encoding=found,
        sha256=hashlib.sha256(content).hexdigest(),
        statistic_columns=statistic_columns,
        rows=tuple(rows),
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


def _read_header(header: list[str]) -> dict[StatisticKind, tuple[str, int | None]]:
    statistic_columns: dict[StatisticKind, tuple[str, int | None]] = {}
    for place, column in enumerate(header):
        kind, year = _statistic_column(column)
        if column in header[:place] or kind in statistic_columns:
            raise Invalid(COLUMN_TWICE, field="header", given=printable(column))
        if kind is not None:
            statistic_columns[kind] = (column, year)
        elif column not in (*_REQUIRED_COLUMNS, NAME_EN, SOURCE, *_IGNORED_COLUMNS):
            known = ", ".join((*_REQUIRED_COLUMNS, NAME_EN, SOURCE, *(kind.value for kind in StatisticKind)))
            raise Invalid(COLUMN_UNKNOWN, field="header", given=printable(column), known=known)
    for column in _REQUIRED_COLUMNS:
        if column not in header:
            raise Invalid(COLUMN_MISSING, field="header", given=column)
    return statistic_columns


def _statistic_column(column: str) -> tuple[StatisticKind | None, int | None]:
    for form, kind in _STATISTIC_COLUMNS.items():
        if found := form.fullmatch(column):
            year = found.group(1) if form.groups else None
            return kind, int(year) if year else None
    return None, None


def _read_row(
    line: int, header: list[str], cells: list[str], statistic_columns: dict[StatisticKind, tuple[str, int | None]]
) -> ReadRow:
    named = dict(zip(header, cells, strict=False))
    code, name = printable(named.get(CODE, "")), printable(named.get(NAME, ""))
    try:
        if len(cells) != len(header):
            raise Invalid(RAGGED, field="row", expected=len(header), given=len(cells))
        row = _municipality(named, statistic_columns)
    except Invalid as refusal:
        return ReadRow(line, code, name, None, refusal)
    return ReadRow(line, code, name, row, None)


def _municipality(
    cells: dict[str, str], statistic_columns: dict[StatisticKind, tuple[str, int | None]]
) -> MunicipalityRow:
    for column, cell in cells.items():
        if len(cell) > MAX_CELL_LENGTH:
            raise Invalid(CELL_TOO_LONG, field=column, column=column, most=MAX_CELL_LENGTH)
        if is_formula(cell):
            raise Invalid(FORMULA, field=column, column=column, given=printable(cell))
    kana = plain_line(cells[KANA], field=KANA)
    if not _KANA.fullmatch(kana):
        raise Invalid(NOT_KANA, field=KANA, given=printable(kana))
    if cells[KIND] not in _KINDS:
        raise Invalid(KIND_UNKNOWN, field=KIND, given=printable(cells[KIND]), known=", ".join(_KINDS))
    return MunicipalityRow(
        code=cells[CODE],
        name=plain_line(cells[NAME], field=NAME),
        kana=kana,
        kind=_KINDS[cells[KIND]],
        name_en=plain_line(cells[NAME_EN], field=NAME_EN) if cells.get(NAME_EN) else None,
        statistics=tuple(
            (kind, statistic_from_cell(kind, cells[column], field=column))
            for kind, (column, _) in statistic_columns.items()
            # An empty cell is a figure nobody knows, which is not zero.
            if cells[column]
        ),
        source=plain_line(cells[SOURCE], field=SOURCE, most=500) if cells.get(SOURCE) else "",
    )
