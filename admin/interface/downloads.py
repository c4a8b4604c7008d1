"""Tables as files for spreadsheets: CSV in UTF-8 or CP932, or Excel. No cell can be taken for a formula.

UTF-8 with a byte order mark opens in Excel as it is; CP932 is for software that knows nothing else. A character that
CP932 does not have becomes 〓, and the file's name says how many did: a name must not change in silence.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final
from urllib.parse import quote

from flask import Response, request
from xlsxwriter import Workbook

from governance.kernel.clock import JST
from governance.kernel.spreadsheets import escape_formula

_GETA: Final = "〓"
_XLSX_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MAX_EXCEL_INTEGER: Final = 2**53
"""Excel keeps numbers as binary fractions: a whole number beyond this is written as text, digit by digit."""
_WIDTH: Final = 18

Cell = str | int | date | datetime | None


def table_response(file_kind: str, name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """The table as a file, `csv` or `xlsx`; for CSV `?encoding=cp932` asks for CP932. Amounts are plain numbers."""
    if file_kind == "xlsx":
        return xlsx_response(to_xlsx(header, rows), name)
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow([_csv_text(cell) for cell in header])
    writer.writerows([_csv_text(cell) for cell in row] for row in rows)
    if request.args.get("encoding") == "cp932":
        content, replaced = to_cp932(written.getvalue())
        return _file_response(content, "text/csv; charset=Shift_JIS", name, "csv", replaced)
    return _file_response(written.getvalue().encode("utf-8-sig"), "text/csv; charset=utf-8", name, "csv", 0)


def xlsx_response(content: bytes, name: str) -> Response:
    """An Excel file under this name."""
    return _file_response(content, _XLSX_TYPE, name, "xlsx", 0)


def _file_response(content: bytes, content_type: str, name: str, ending: str, replaced: int) -> Response:
    file_name = f"{name}（{_GETA} {replaced}文字）.{ending}" if replaced else f"{name}.{ending}"
    return Response(
        content,
        content_type=content_type,
        headers={
            "Content-Disposition": f"attachment; filename=\"table.{ending}\"; filename*=UTF-8''{quote(file_name)}",
            "X-Characters-Replaced": str(replaced),
        },
    )


def to_xlsx(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """One sheet with a fixed header: text as text, whole numbers as numbers, days as days of the calendar."""
    written = io.BytesIO()
    with Workbook(written, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        head, yen = book.add_format({"bold": True, "bottom": 1}), book.add_format({"num_format": "#,##0;▲#,##0"})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, max(len(header) - 1, 0), _WIDTH)
        for column, title in enumerate(header):
            sheet.write_string(0, column, title, head)
        for line, row in enumerate(rows, start=1):
            for column, cell in enumerate(row):
                if isinstance(cell, datetime):
                    sheet.write_datetime(line, column, cell.astimezone(JST).replace(tzinfo=None), moment)
                elif isinstance(cell, date):
                    sheet.write_datetime(line, column, datetime(cell.year, cell.month, cell.day), day)
                elif isinstance(cell, int) and abs(cell) <= _MAX_EXCEL_INTEGER:
                    sheet.write_number(line, column, cell, yen)
                elif cell is not None:
                    sheet.write_string(line, column, str(cell))
    return written.getvalue()


def _csv_text(cell: Cell) -> str:
    """A cell's text: instants in JST, nothing for None, and no text that a spreadsheet could run."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.astimezone(JST).isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, int | date):
        return str(cell)
    return escape_formula(cell)


def to_cp932(text: str) -> tuple[bytes, int]:
    """The text in CP932, and how many characters it does not have."""
    written, replaced = [], 0
    for character in text:
        try:
            written.append(character.encode("cp932"))
        except UnicodeEncodeError:
            written.append(_GETA.encode("cp932"))
            replaced += 1
    return b"".join(written), replaced
