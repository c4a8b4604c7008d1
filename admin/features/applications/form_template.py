"""The Excel form to fill in: one row for each item, choices to pick from, and what an application says already."""

from __future__ import annotations

import io
from datetime import date
from typing import Final

from sqlalchemy.orm import Session
from xlsxwriter import Workbook

from admin.interface.command_forms import day_as_typed
from governance.kernel import clock
from governance.kernel.errors import Language
from governance.kernel.field_type import Control
from tenancy.applications.content import ApplicationContent, required_fields
from tenancy.applications.form_file import HEADINGS, form_items

_WIDTHS: Final = (34, 52, 56)
_ANSWERS: Final[dict[Language, list[str]]] = {"ja": ["はい", "いいえ"], "en": ["yes", "no"]}
_NEEDED: Final[dict[Language, str]] = {"ja": "提出に必要", "en": "needed to submit"}
_SEVERAL: Final[dict[Language, str]] = {"ja": "カンマで区切って、いくつでも", "en": "any number, with commas between"}


def form_workbook(session: Session, content: ApplicationContent, language: Language) -> bytes:
    """The form as an Excel workbook, filled in with what the application says."""
    written = io.BytesIO()
    with Workbook(written, {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet("利用申請書" if language == "ja" else "Application")
        head = book.add_format({"bold": True, "bottom": 1, "bg_color": "#e8f1fe"})
        item = book.add_format({"text_wrap": True, "valign": "top"})
        entry = book.add_format({"text_wrap": True, "valign": "top", "border": 1, "num_format": "@", "locked": False})
        for column, (heading, width) in enumerate(zip(HEADINGS, _WIDTHS, strict=True)):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, heading.text(language), head)
        sheet.freeze_panes(1, 0)
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        required = required_fields(content)
        for line, (label, declared, version_id) in enumerate(form_items(session, clock.today()), 1):
            value = getattr(content, declared.name)
            options = [text for _, text in declared.options(session, language)] if declared.enum else []
            if version_id is not None or declared.control is Control.YES_NO:
                options = _ANSWERS[language]
            if version_id is not None:
                shown = options[0] if version_id in value else ""
            elif declared.control is Control.YES_NO:
                shown = options[0] if value else ""
            elif isinstance(value, date):
                shown = day_as_typed(value, language)
            else:
                shown = "" if value in (None, ()) else declared.show(value, language, session)
            hints = [_NEEDED[language]] if declared.name in required or version_id is not None else []
            if declared.is_list and version_id is None:
                hints += [_SEVERAL[language], "、".join(options)]
            elif hint := declared.hint.text(language):
                hints.append(hint)
            sheet.write_string(line, 0, label.text(language), item)
            sheet.write_string(line, 1, shown, entry)
            sheet.write_string(line, 2, " / ".join(hints), item)
            if options and not (declared.is_list and version_id is None):
                sheet.data_validation(line, 1, line, 1, {"validate": "list", "source": options})
    return written.getvalue()
