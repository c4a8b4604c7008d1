"""Reads a table that people hand in as a file: CSV (RFC 4180) or an Excel workbook, its first sheet.

CSV in UTF-8 with or without BOM, or in CP932 as spreadsheets in Japan write it. Every cell becomes text as a person
would type it; each row keeps its first line's number, and all that is wrong with it. Refused as ambiguous: NUL, a
carriage return without a line feed, unclosed quotation marks, unknown or repeated columns, rows of another length than
the header, cells that a spreadsheet would run as a formula. What the columns mean is left to whoever reads the file.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Generic, Literal, TypeVar

from python_calamine import CalamineError, CalamineWorkbook

from governance.kernel.errors import DomainError, Invalid, Language, message
from governance.kernel.labels import Label
from governance.kernel.spreadsheets import is_formula
from governance.kernel.yen import printable

MAX_BYTES: Final = 4 * 2**20
MAX_ROWS: Final = 5_000
MAX_CELL_LENGTH: Final = 1_000
MAX_UNPACKED_BYTES: Final = 64 * 2**20
"""Bytes of all parts of a workbook, which is a ZIP: a small file may unpack to any size."""

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
NOT_A_WORKBOOK = message(
    "import.not_a_workbook",
    ja="ファイルを Excel ブックとして読めません。",
    en="The file cannot be read as an Excel workbook.",
    hint_ja="パスワードのない Excel ブックか、CSV で保存し直してください。",
    hint_en="Save it as .xlsx without a password, or as CSV.",
)
SHEET_TOO_LARGE = message(
    "import.sheet_too_large",
    ja="シートの {cell} にセルがあります。読めるのは {rows} 行、{columns} 列までです。",
    en="The sheet has a cell at {cell}; at most {rows} rows and {columns} columns are read.",
    hint_ja="表の外にあるセルを行または列ごと削除してください。",
    hint_en="Delete the rows or columns beyond the table.",
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

Encoding = Literal["utf-8", "cp932"]
FileFormat = Literal["utf-8", "cp932", "xlsx"]
"""How a file was read: the encoding of a CSV, or as a workbook."""

_ZIP: Final = b"PK\x03\x04"
_UNREADABLE: Final = (
    *(CalamineError, zipfile.BadZipFile, zlib.error),
    *(RuntimeError, EOFError, OSError, UnicodeDecodeError, IndexError),
)
"""What the readers of workbooks raise for a file that is none, or is locked by a password."""
_MAX_SHEET_ROWS: Final = 10_000
_MAX_SHEET_COLUMNS: Final = 64
_PLACE: Final = re.compile(rb"""\sr\s*=\s*["']([A-Z]*)([0-9]+)["']""")


@dataclass(frozen=True, slots=True)
class FileColumn:
    """One column: its name for programs, its heading, what is written in it, an example, other headings it has."""

    name: str
    heading: Label
    content: Label
    example: Label
    also: tuple[str, ...] = ()
    is_required: bool = False


def template_headings(columns: Sequence[FileColumn], language: Language) -> list[str]:
    """The headings of a file to fill in; in English the names that programs use."""
    return [one.heading.ja if language == "ja" else one.name for one in columns]


def known_headings(columns: Sequence[FileColumn]) -> Label:
    """The headings of all columns, for a message."""
    return Label("、".join(template_headings(columns, "ja")), ", ".join(template_headings(columns, "en")))


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
class TableFile:
    """The records of a file with their first lines; the first record is the heading. `sha256` is the file's, in hex."""

    file_format: FileFormat
    sha256: str
    header: list[str]
    rows: list[tuple[int, list[str]]]


def read_table(content: bytes, encoding: Encoding | None = None) -> TableFile:
    """Read the file: a workbook where it is one, else CSV in the given encoding; without one in UTF-8, or in CP932
    where it is not valid UTF-8.

    Raises Invalid for what keeps it from being read at all: size, encoding, quoting, number of rows.
    """
    if len(content) > MAX_BYTES:
        raise Invalid(FILE_TOO_LARGE, field="content", most=MAX_BYTES, given=len(content))
    found: FileFormat
    if content.startswith(_ZIP):
        found, lines = "xlsx", _sheet_lines(content)
    else:
        found, lines = _csv_lines(content, encoding)
    header_line = next(lines, None)
    if header_line is None or not any(header_line[1]):
        raise Invalid(FILE_EMPTY, field="content")
    rows: list[tuple[int, list[str]]] = []
    for row in lines:
        if len(rows) == MAX_ROWS:
            raise Invalid(TOO_MANY_ROWS, field="content", most=MAX_ROWS)
        rows.append(row)
    if not rows:
        raise Invalid(FILE_EMPTY, field="content")
    return TableFile(found, hashlib.sha256(content).hexdigest(), header_line[1], rows)


def _csv_lines(content: bytes, encoding: Encoding | None) -> tuple[Encoding, Iterator[tuple[int, list[str]]]]:
    if (nul := content.find(b"\0")) >= 0:
        raise Invalid(CONTAINS_NUL, field="content", line=content.count(b"\n", 0, nul) + 1)
    text, found = _decode(content, encoding)
    if lone := re.search(r"\r(?!\n)", text):
        raise Invalid(LONE_CR, field="content", line=text.count("\n", 0, lone.start()) + 1)
    return found, _records(text)


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


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
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


def _sheet_lines(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Each row of the first sheet with its number, without the empty ones and the empty columns at its right."""
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(_repacked(content)))
        sheet = book.get_sheet_by_index(0)
        rows = sheet.to_python(skip_empty_area=False)
    except _UNREADABLE as error:
        raise Invalid(NOT_A_WORKBOOK, field="content") from error
    width = max((place for row in rows[:1] for place, cell in enumerate(row, 1) if _text_of(cell)), default=0)
    for number, row in enumerate(rows, 1):
        cells = [_text_of(cell) for cell in row]
        if any(cells):
            # What stands at the right of the headings belongs to no column: the row is then longer than the header.
            yield number, cells if any(cells[width:]) else cells[:width]


def _repacked(content: bytes) -> bytes:
    """The same workbook, unpacked, so that its parts are as long as they are said to be, and no longer than allowed.

    Raises Invalid for a larger one.
    """
    written, left = io.BytesIO(), MAX_UNPACKED_BYTES
    with zipfile.ZipFile(io.BytesIO(content)) as packed, zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as plain:
        for part in packed.infolist():
            left -= part.file_size
            if left < 0:
                raise Invalid(FILE_TOO_LARGE, field="content", most=MAX_UNPACKED_BYTES, given=f"> {MAX_UNPACKED_BYTES}")
            unpacked = packed.read(part)
            if part.filename.startswith("xl/worksheets/"):
                _refuse_distant_cells(unpacked)
            plain.writestr(part.filename, unpacked)
    return written.getvalue()


def _refuse_distant_cells(sheet: bytes) -> None:
    """Raise Invalid for a cell far away from the others: whoever reads the sheet stores all cells between them."""
    for found in _PLACE.finditer(sheet):
        letters, row = found[1].decode(), int(found[2][:9])
        column = 0
        for letter in letters[:5]:
            column = column * 26 + ord(letter) - ord("A") + 1
        if row > _MAX_SHEET_ROWS or column > _MAX_SHEET_COLUMNS:
            raise Invalid(
                SHEET_TOO_LARGE,
                field="content",
                cell=f"{letters}{row}",
                rows=_MAX_SHEET_ROWS,
                columns=_MAX_SHEET_COLUMNS,
            )


def _text_of(cell: Any) -> str:
    """A cell as a person would type it: whole numbers without a point, days as 2027-04-01."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == datetime.min.time() else cell.isoformat(" ")
    return cell.isoformat() if isinstance(cell, date) else str(cell)


ColumnT = TypeVar("ColumnT", bound=FileColumn)
ValueT = TypeVar("ValueT")


@dataclass(slots=True)
class Header(Generic[ColumnT]):
    """The headings of a file: the column of each place (None for one that is not read), and what is wrong with them.

    `headings`: the name of a column → its heading in the file.
    """

    columns: list[ColumnT | None] = field(default_factory=list)
    problems: list[CellProblem] = field(default_factory=list)
    headings: dict[str, str] = field(default_factory=dict)


def read_header(
    cells: Sequence[str],
    columns: Sequence[ColumnT],
    column_of: Callable[[str], ColumnT | None],
    *,
    ignored: Collection[str] = (),
) -> Header[ColumnT]:
    """Read the headings: `column_of` finds the column of one. Those of `ignored` are let through unread."""
    header: Header[ColumnT] = Header()
    for place, cell in enumerate(cells):
        given = printable(cell)
        column = column_of(cell)
        if cell in cells[:place] or (column is not None and column.name in header.headings):
            header.problems.append(CellProblem(given, given, Invalid(COLUMN_TWICE, field="header", given=given)))
            column = None
        elif column is None and cell not in ignored:
            refusal = Invalid(COLUMN_UNKNOWN, field="header", given=given, known=known_headings(columns))
            header.problems.append(CellProblem(given, given, refusal))
        header.columns.append(column)
        if column is not None:
            header.headings[column.name] = given
    for one in columns:
        if one.is_required and one.name not in header.headings:
            missing = Invalid(COLUMN_MISSING, field="header", given=Label(one.heading.ja, one.name))
            header.problems.append(CellProblem(one.heading.ja, "", missing))
    return header


class RowReader:
    """The cells of one row, by the names of their columns; keeps every problem and what was read otherwise."""

    def __init__(self, header: Header[Any], cells: Sequence[str]) -> None:
        self.headings: Mapping[str, str] = header.headings
        self.cells = {one.name: cell for one, cell in zip(header.columns, cells, strict=False) if one is not None}
        self.problems: list[CellProblem] = []
        self.readings: list[CellReading] = []
        self.is_ragged = len(cells) != len(header.columns)
        if self.is_ragged:
            ragged = Invalid(RAGGED, field="row", expected=len(header.columns), given=len(cells))
            self.problems.append(CellProblem("", "", ragged))

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
        heading, given = self.headings[name], printable(cell)
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

    def refuse(self, name: str, refusal: DomainError) -> None:
        """Add what is wrong with a cell beside what its own reading found, at the column's heading in the file."""
        heading = self.headings.get(name, name)
        self.problems.append(CellProblem(heading, printable(self.cells.get(name, "")), refusal.at(heading)))
