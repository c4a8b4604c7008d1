"""算定根拠 as an Excel sheet that computes: who changes a figure in it sees what the share would become.

Every text is written as text; a formula consists of cells of the sheet and whole numbers alone.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

from xlsxwriter import Workbook

from admin.core.language import either, gettext
from admin.interface.labels import label_of
from billing.runs.queries import ShareFacts, WorkingFacts
from governance.kernel.labels import Label

_HEADER: Final = (
    Label("規程", "rule"),
    Label("按分基準", "component"),
    Label("基準", "basis"),
    Label("按分対象額（円）", "to be divided (yen)"),
    Label("割合", "ratio"),
    Label("団体の基準値", "the member's figure"),
    Label("全団体の合計", "all members"),
    Label("端数処理前の額（円）", "before rounding (yen)"),
    Label("基準日", "as of"),
    Label("出典", "source"),
)
_WIDTHS: Final = (28, 18, 18, 20, 12, 16, 18, 24, 14, 40)


def workings_xlsx(share: ShareFacts, lines: Sequence[WorkingFacts]) -> bytes:
    """The workings of a share: a row for each component with its product as a formula; below a rule's components its
    sum, rounding and share, and last the share itself.
    """
    written = io.BytesIO()
    with Workbook(written) as book:
        sheet = book.add_worksheet()
        bold = book.add_format({"bold": True, "bottom": 1})
        yen = book.add_format({"num_format": "#,##0;▲#,##0"})
        exact = book.add_format({"num_format": "#,##0.00;▲#,##0.00"})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.freeze_panes(1, 0)
        for column, (title, width) in enumerate(zip(_HEADER, _WIDTHS, strict=True)):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, either(*title), bold)
        row, shares = 1, []
        for rule in share.divisions:
            first = row
            for line in (one for one in lines if one.rule_version_id == rule.version_id):
                sheet.write_string(row, 0, rule.rule)
                sheet.write_string(row, 1, line.component)
                sheet.write_string(row, 2, label_of(line.basis, "basis"))
                sheet.write_number(row, 3, line.pool_yen, yen)
                for column, value in ((4, line.ratio), (5, line.weight), (6, line.weight_total)):
                    _write_exact(sheet, row, column, value)
                product = f"=D{row + 1}*E{row + 1}*F{row + 1}/G{row + 1}"
                sheet.write_formula(row, 7, product, exact, float(Fraction(line.exact_yen)))
                if line.figure_date is not None:
                    moment = datetime(line.figure_date.year, line.figure_date.month, line.figure_date.day)
                    sheet.write_datetime(row, 8, moment, day)
                sheet.write_string(row, 9, line.figure_source or "")
                row += 1
            total = f"=SUM(H{first + 1}:H{row})" if row > first else "=0"
            row = _write_sum(sheet, row, rule.rule, gettext("Sum before rounding"), total, rule.exact_yen, exact)
            sheet.write_string(row, 0, rule.rule)
            sheet.write_string(row, 1, gettext("After rounding down"))
            sheet.write_number(row, 7, rule.cut_yen, yen)
            sheet.write_string(row + 1, 0, rule.rule)
            sheet.write_string(row + 1, 1, gettext("Added or taken in rounding"))
            sheet.write_number(row + 1, 7, rule.adjustment_yen, yen)
            under = f"=H{row + 1}+H{row + 2}"
            row = _write_sum(
                sheet, row + 2, rule.rule, gettext("Share under this rule"), under, str(rule.share_yen), yen
            )
            shares.append(f"H{row}")
        _write_sum(sheet, row, "", gettext("Share"), f"={'+'.join(shares) or '0'}", str(share.share_yen), yen)
    return written.getvalue()


def _write_sum(sheet: Any, row: int, rule: str, title: str, formula: str, value: str, number: Any) -> int:
    """Write a row with a formula and what it comes to. Returns the next row."""
    sheet.write_string(row, 0, rule)
    sheet.write_string(row, 1, title)
    sheet.write_formula(row, 7, formula, number, float(Fraction(value)))
    return row + 1


def _write_exact(sheet: Any, row: int, column: int, value: str) -> None:
    """A whole number as a number, a fraction as its division: Excel keeps no fractions."""
    exact = Fraction(value)
    if exact.denominator == 1:
        sheet.write_number(row, column, int(exact))
    else:
        sheet.write_formula(row, column, f"={exact.numerator}/{exact.denominator}", None, float(exact))
