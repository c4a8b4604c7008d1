"""The verdict on a file of rows: what each row would do or what is wrong with it, and the refusal of the whole.

A file is imported whole or not at all. The subjects (tenants, people) judge their rows; here is what they have in
common: the columns as they are listed, problems as every entry point shows them, and the error that carries them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Self

from pydantic import Field

from governance.declaration import InvalidCommand
from governance.kernel.errors import DomainError, Invalid, message
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel
from governance.kernel.table_file import CellProblem, CellReading, FileColumn

REFUSED = message(
    "import.refused",
    ja="{count} か所に誤りがあるため、何も取り込みませんでした。最初は {line} 行目: {first}",
    en="Nothing was imported, because {count} entries are wrong. The first is on line {line}: {first}",
)

_QUARTET: Final = "[A-Za-z0-9+/]"
BASE64: Final = f"^({_QUARTET}{{4}})*({_QUARTET}[AQgw]==|{_QUARTET}{{2}}[AEIMQUYcgkosw048]=)?$"
"""Base64 with its padding and no bits beyond the last byte (RFC 4648, sections 3.5 and 4), as a pattern."""


class ImportColumn(ReadModel):
    """A column that a file may have: its heading in Japanese, its name for programs, its content."""

    heading: str
    name: str
    is_required: bool
    content: str
    content_en: str
    example: str
    example_en: str
    also: tuple[str, ...] = Field(description="Other headings that are taken for it.")


class ImportProblem(ReadModel):
    """What is wrong with one cell or heading of a file: where, what stands there, and what would be right."""

    column: str = Field(description="As the file calls it; empty where the whole row is at fault.")
    given: str
    code: str = Field(description="Why it is refused, as a stable code.")
    reason: str = Field(description="Why it is refused, in Japanese.")
    reason_en: str = Field(description="Why it is refused, in English.")
    hint: str = Field(description="What to do about it, in Japanese.")
    hint_en: str = Field(description="What to do about it, in English.")


class CellReadingFacts(ReadModel):
    """How a cell was understood that was not written in the stored form, such as 2.5万."""

    column: str
    given: str
    value: str = Field(description="As it would be stored.")
    understood: str = Field(description="As it was understood, in Japanese.")
    understood_en: str = Field(description="As it was understood, in English.")


class ImportRowFacts(ReadModel):
    """What importing a file would do with one row, by its first line (the header is line 1).

    `refusal` and the fields after it are those of the first of its problems.
    """

    line: int
    accepted: bool
    refusal: str | None = Field(default=None, description="Why it is refused, as a stable code.")
    field: str | None = Field(default=None, description="The column at fault.")
    reason: str | None = Field(default=None, description="Why it is refused, in Japanese.")
    reason_en: str | None = Field(default=None, description="Why it is refused, in English.")
    hint: str | None = Field(default=None, description="What to do about it, in Japanese.")
    hint_en: str | None = Field(default=None, description="What to do about it, in English.")
    problems: tuple[ImportProblem, ...] = Field(default=(), description="All that is wrong with it.")
    readings: tuple[CellReadingFacts, ...] = Field(default=(), description="Cells that were read in another form.")

    @property
    def title(self) -> str:
        """What the row is about, beside its line."""
        return ""


class ImportFacts(ReadModel):
    """What importing a file would do: how it was read, its SHA-256 in hex, and each row in the order of the file."""

    encoding: str = Field(description="The encoding of a CSV, or xlsx.")
    sha256: str
    accepted: bool
    problems: tuple[ImportProblem, ...] = Field(
        default=(), description="What is wrong with its columns, and with what was given for the whole file."
    )
    rows: Sequence[ImportRowFacts]

    @property
    def placed_problems(self) -> list[tuple[int, str, ImportProblem]]:
        """Every problem with its line (the heading is line 1) and what its row is about."""
        of_columns = [(1, "", one) for one in self.problems]
        return of_columns + [(row.line, row.title, one) for row in self.rows for one in row.problems]


def column_facts(columns: Iterable[FileColumn]) -> tuple[ImportColumn, ...]:
    """The columns that a file may have, in the order of the template."""
    return tuple(
        ImportColumn(
            heading=one.heading.ja,
            name=one.name,
            is_required=one.is_required,
            content=one.content.ja,
            content_en=one.content.en,
            example=one.example.ja,
            example_en=one.example.en,
            also=one.also,
        )
        for one in columns
    )


def problem_facts(found: CellProblem) -> ImportProblem:
    """A problem as every entry point shows it."""
    refusal = found.refusal
    return ImportProblem(
        column=found.column,
        given=found.given,
        code=refusal.code,
        reason=refusal.text("ja"),
        reason_en=refusal.text("en"),
        hint=refusal.hint("ja"),
        hint_en=refusal.hint("en"),
    )


def row_facts(line: int, problems: Sequence[CellProblem], readings: Sequence[CellReading]) -> dict[str, Any]:
    """The fields of ImportRowFacts of one row."""
    facts: dict[str, Any] = {
        "line": line,
        "accepted": not problems,
        "problems": tuple(problem_facts(one) for one in problems),
        "readings": tuple(
            CellReadingFacts(
                column=one.column,
                given=one.given,
                value=one.value,
                understood=one.words.ja,
                understood_en=one.words.en,
            )
            for one in readings
        ),
    }
    if problems:
        first = problems[0].refusal
        facts |= {
            "refusal": first.code,
            "field": first.field,
            "reason": first.text("ja"),
            "reason_en": first.text("en"),
            "hint": first.hint("ja"),
            "hint_en": first.hint("en"),
        }
    return facts


class ImportRefused(InvalidCommand):
    """A file with something wrong in it; `errors` are all of it, and `preview` says it row by row."""

    def __init__(self, preview: ImportFacts, refusals: Sequence[tuple[int, DomainError]]) -> None:
        """`refusals` are everything that is wrong, each with its line; the heading is line 1."""
        line, first = refusals[0]
        summary = Invalid(
            REFUSED,
            field="content",
            count=len(refusals),
            line=line,
            first=Label(first.text("ja"), first.text("en")),
        )
        super().__init__(
            [summary, *(Invalid(one.message, field=_field(at, one.field), **one.facts) for at, one in refusals)]
        )
        self.preview: Final = preview

    def renamed(self, rename: Callable[[str], str | None]) -> Self:
        """This one: its fields are places in the file."""
        return self


def _field(line: int, column: str | None) -> str:
    """The place of a problem: `content.3.人口`, and `basis_dates.population` for a date that the command lacks."""
    if column and column.startswith("basis_dates."):
        return column
    return f"content.{line}.{column}" if column else f"content.{line}"
