"""Reading workbooks: cells as people would type them, and what a small file may not make of itself."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import datetime

import pytest
from xlsxwriter import Workbook

from governance.kernel.errors import Invalid
from governance.kernel.table_file import MAX_ROWS, MAX_UNPACKED_BYTES, read_table


def _workbook(*rows: Sequence[object], far: tuple[int, int] | None = None) -> bytes:
    written = io.BytesIO()
    with Workbook(written) as book:
        sheet, day = book.add_worksheet(), book.add_format({"num_format": "yyyy/mm/dd"})
        for line, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, datetime):
                    sheet.write_datetime(line, column, cell, day)
                else:
                    sheet.write(line, column, cell)
        if far is not None:
            sheet.write(*far, "x")
    return written.getvalue()


def _refused(content: bytes) -> str:
    with pytest.raises(Invalid) as refusal:
        read_table(content)
    return refusal.value.code


def test_cells_are_read_as_people_would_type_them_with_the_numbers_of_their_rows() -> None:
    content = _workbook(
        ["名前", "数", "小数", "日"],
        ["髙﨑", 431001, 390.32, datetime(2027, 4, 1)],
        [],
        ["", "", "", ""],
        ["葛󠄀城", "０１", "", ""],
    )

    read = read_table(content)

    assert (read.file_format, read.header) == ("xlsx", ["名前", "数", "小数", "日"])
    assert read.rows == [(2, ["髙﨑", "431001", "390.32", "2027-04-01"]), (5, ["葛󠄀城", "０１", "", ""])]


def test_what_stands_beside_the_table_makes_its_row_too_long() -> None:
    (row,) = read_table(_workbook(["a"], ["1", "", "beside"])).rows

    assert row == (2, ["1", "", "beside"])


@pytest.mark.parametrize("far", [(1_048_575, 0), (1, 16_383)])
def test_a_cell_far_away_is_refused_before_all_between_are_stored(far: tuple[int, int]) -> None:
    assert _refused(_workbook(["a"], ["1"], far=far)) == "import.sheet_too_large"


def test_a_workbook_that_unpacks_to_too_much_is_refused() -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b" " * (MAX_UNPACKED_BYTES + 1))

    assert _refused(written.getvalue()) == "import.file_too_large"


def test_too_many_rows_and_no_workbook_at_all_are_refused() -> None:
    assert _refused(_workbook(*([["a"]] * (MAX_ROWS + 2)))) == "import.too_many_rows"
    assert _refused(b"PK\x03\x04" + b"nothing of a workbook" * 10) == "import.not_a_workbook"
    assert _refused(_workbook([])) == "import.file_empty"
