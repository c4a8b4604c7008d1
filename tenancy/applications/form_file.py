"""The Excel form of an application: one row for each item, what is written beside it, and a verdict on each cell.

The first column names the item as the page does, in either language; the second holds what was filled in. An empty cell
leaves the item as it is. Agreements to be accepted have a row each.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from pydantic import Field
from sqlalchemy.orm import Session

from governance.declaration import DeclaredField, InvalidCommand, declared_fields, read_command
from governance.file_imports import ImportFacts, ImportRowFacts, row_facts
from governance.kernel.errors import DomainError, Invalid, message
from governance.kernel.field_types import FLAG
from governance.kernel.labels import Label
from governance.kernel.table_file import CellProblem, read_table
from governance.kernel.yen import printable
from tenancy.applications.content import ApplicationContent
from tenancy.applications.queries import required_versions

ITEM_UNKNOWN = message(
    "application.item_unknown",
    ja="「{given}」という項目はありません。",
    en="There is no item “{given}”.",
    hint_ja="様式の 1 列目は変更しないでください。",
    hint_en="Leave the first column of the form as it is.",
)
ITEM_TWICE = message("application.item_twice", ja="「{given}」が二度あります。", en="“{given}” appears twice.")
NOT_AN_OPTION = message(
    "application.not_an_option",
    ja="「{given}」は選べません。選べるのは {offered} です。",
    en="“{given}” is none of the choices: {offered}.",
)

HEADINGS: Final = (Label("項目", "Item"), Label("記入欄", "Entry"), Label("書き方", "How to fill in"))
AGREED: Final = Label("同意：{title}", "Accepted: {title}")
"""The item of an agreement to be accepted."""
_TERMS: Final = "terms_version_ids"
_NOTHING: Final = Label("", "")


class FormCellFacts(ImportRowFacts):
    """One item of the form: its cell, its label in both languages, what stands there, and how it was understood."""

    cell: str = Field(description="Where it stands, such as B7.")
    label: str
    label_en: str
    given: str
    understood: str = Field(description="As it was understood, in Japanese; empty for nothing.")
    understood_en: str = Field(description="As it was understood, in English; empty for nothing.")

    @property
    def title(self) -> str:
        return self.label


class FormVerdict(ImportFacts):
    """What a form says, cell by cell, in the order of the file."""

    rows: Sequence[FormCellFacts]


@dataclass(frozen=True, slots=True)
class FormReading:
    """A form that was read: its verdict, the JSON values of the right cells by field, and all that is wrong."""

    verdict: FormVerdict
    values: Mapping[str, Any]
    refusals: Sequence[tuple[int, DomainError]]


@dataclass(slots=True)
class _Cell:
    """A cell as it was found: its line, its label, its text, the field it fills, and what is wrong with it."""

    line: int
    label: Label
    text: str
    name: str = ""
    refusal: DomainError | None = None
    shown: Label = _NOTHING


def form_items(session: Session, today: date) -> list[tuple[Label, DeclaredField, UUID | None]]:
    """The items of the form in order: label, field, and for an agreement the version it is about."""
    found: list[tuple[Label, DeclaredField, UUID | None]] = []
    for one in declared_fields(ApplicationContent):
        if one.name != _TERMS:
            found.append((one.input.label, one, None))
            continue
        for version_id, title in required_versions(session, today).items():
            found.append((Label(AGREED.ja.format(title=title), AGREED.en.format(title=title)), one, version_id))
    return found


def read_form_file(session: Session, content: bytes, today: date) -> FormReading:
    """Read a filled form. Raises Invalid for a file that cannot be read at all."""
    table = read_table(content)
    known = {_plain(label): item for item in form_items(session, today) for label in item[0]}
    cells: list[_Cell] = []
    texts: dict[str, Any] = {}
    accepted: list[str] = []
    seen: set[str] = set()
    for line, row in table.rows:
        given, text = (row[0], row[1] if len(row) > 1 else "")
        item = known.get(_plain(given))
        if item is None:
            if given or text:
                refusal = Invalid(ITEM_UNKNOWN, field=f"A{line}", given=printable(given))
                cells.append(_Cell(line, Label(given, given), text, refusal=refusal))
            continue
        label, declared, version_id = item
        cell = _Cell(line, label, text.strip(), declared.name)
        cells.append(cell)
        if label.ja in seen:
            cell.refusal = Invalid(ITEM_TWICE, field=f"B{line}", given=label)
        elif cell.text:
            seen.add(label.ja)
            try:
                value = _typed(session, declared, version_id, cell.text)
            except Invalid as refused:
                cell.refusal = refused.at(f"B{line}")
                continue
            if version_id is None:
                texts[declared.name] = value
            elif value:
                accepted.append(str(version_id))
                cell.shown = Label("はい", "yes")
    if accepted:
        texts[_TERMS] = accepted
    read = _read(session, texts, cells)
    problems = [(cell.line, cell.refusal) for cell in cells if cell.refusal is not None]
    verdict = FormVerdict(
        encoding=table.file_format,
        sha256=table.sha256,
        accepted=not problems,
        rows=[_facts(cell) for cell in cells],
    )
    return FormReading(verdict, read, problems)


def _typed(session: Session, declared: DeclaredField, version_id: UUID | None, text: str) -> Any:
    """What is written in a cell as a person types it into the page: labels of choices as the choices themselves."""
    if version_id is not None:
        return FLAG.read(text)
    if declared.enum is None:
        return text
    offered = {
        _plain(name): value
        for language in ("ja", "en")
        for value, label in declared.options(session, language)
        for name in (label, value)
    }
    parts = text.replace("、", ",").split(",") if declared.is_list else [text]
    chosen = []
    for part in filter(None, map(str.strip, parts)):
        if _plain(part) not in offered:
            names = Label(*("、".join(label for _, label in declared.options(session, one)) for one in ("ja", "en")))
            raise Invalid(NOT_AN_OPTION, given=printable(part), offered=names)
        chosen.append(offered[_plain(part)])
    return chosen if declared.is_list else chosen[0]


def _read(session: Session, texts: dict[str, Any], cells: Sequence[_Cell]) -> dict[str, Any]:
    """The JSON values of the right cells; each wrong one gets what is wrong with it."""
    of_field = {cell.name: cell for cell in cells if cell.name and cell.refusal is None}
    while True:
        try:
            content = read_command(ApplicationContent, texts, typed=True)
            break
        except InvalidCommand as invalid:
            for error in invalid.errors:
                name = (error.field or "").partition(".")[0]
                texts.pop(name, None)
                if name in of_field:
                    of_field[name].refusal = error.at(f"B{of_field[name].line}")
    for one in declared_fields(ApplicationContent):
        cell = of_field.get(one.name)
        if cell is not None and one.name in texts and one.name != _TERMS:
            value = getattr(content, one.name)
            cell.shown = Label(one.show(value, "ja", session), one.show(value, "en", session))
    return content.model_dump(mode="json", include=set(texts))


def _facts(cell: _Cell) -> FormCellFacts:
    place, given = f"B{cell.line}", printable(cell.text)
    problems = [] if cell.refusal is None else [CellProblem(place, given, cell.refusal)]
    return FormCellFacts(
        **row_facts(cell.line, problems, []),
        cell=place,
        label=cell.label.ja,
        label_en=cell.label.en,
        given=given,
        understood=cell.shown.ja,
        understood_en=cell.shown.en,
    )


def _plain(text: str) -> str:
    """A label as it is compared: full width and half width are one, spaces do not count."""
    return "".join(unicodedata.normalize("NFKC", text).split()).casefold()
