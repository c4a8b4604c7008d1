"""Tables as CSV for spreadsheets: no cell can be taken for a formula, and the encoding is the one asked for.

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

from governance.kernel.clock import JST

_RISKY: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_GETA: Final = "〓"

Cell = str | int | date | datetime | None


def csv_answer(name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """The table as a file; `?encoding=cp932` asks for CP932. Amounts are plain digits, for adding up."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow([guarded(cell) for cell in header])
    writer.writerows([guarded(cell) for cell in row] for row in rows)
    if request.args.get("encoding") == "cp932":
        content, replaced = in_cp932(written.getvalue())
        kind = "text/csv; charset=Shift_JIS"
    else:
        content, replaced = written.getvalue().encode("utf-8-sig"), 0
        kind = "text/csv; charset=utf-8"
    file_name = f"{name}（{_GETA} {replaced}文字）.csv" if replaced else f"{name}.csv"
    return Response(
        content,
        content_type=kind,
        headers={
            "Content-Disposition": f"attachment; filename=\"table.csv\"; filename*=UTF-8''{quote(file_name)}",
            "X-Characters-Replaced": str(replaced),
        },
    )


def guarded(cell: Cell) -> str:
    """A cell's text. Text that a spreadsheet would read as a formula gets an apostrophe before it; numbers are ours."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.astimezone(JST).isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, int | date):
        return str(cell)
    return f"'{cell}" if cell.startswith(_RISKY) else cell


def in_cp932(text: str) -> tuple[bytes, int]:
    """The text in CP932, and how many characters it does not have."""
    written, replaced = [], 0
    for letter in text:
        try:
            written.append(letter.encode("cp932"))
        except UnicodeEncodeError:
            written.append(_GETA.encode("cp932"))
            replaced += 1
    return b"".join(written), replaced
