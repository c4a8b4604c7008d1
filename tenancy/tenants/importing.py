"""What an import would do, row by row: the same verdict for the preview and for the import itself. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.file_imports import problem_facts, row_facts
from governance.kernel.codes import LocalGovernmentCode
from governance.kernel.errors import Conflict, DomainError, Invalid, message
from governance.kernel.labels import Label
from governance.kernel.table_file import CellProblem, CellReading, Encoding, FileFormat
from tenancy.tenants.eligibility import eligible_code
from tenancy.tenants.models import ImportPreview, ImportRowPreview
from tenancy.tenants.municipality_columns import BASIS_DATE, CODE, COLUMNS, SOURCE
from tenancy.tenants.municipality_file import (
    MunicipalityFile,
    MunicipalityRow,
    ReadRow,
    read_municipalities,
)
from tenancy.tenants.states import StatisticKind, TenantState
from tenancy.tenants.statistic_values import basis_date
from tenancy.tenants.tables import Tenant

ALREADY_REGISTERED = message(
    "tenant.already_registered",
    ja="団体コード {given} の団体（{name}）は、すでに登録されています（状態: {state}）。",
    en="The organization with code {given} ({name}) is already registered; it is {state}.",
)
TWICE_IN_FILE = message(
    "import.twice_in_file",
    ja="団体コード {given} は {line} 行目にもあります。",
    en="The code {given} is also on line {line}.",
)
BASIS_DATE_MISSING = message(
    "import.basis_date_missing",
    ja="列「{column}」の基準日を指定してください。",
    en="Give the basis date of the column {column}.",
    hint_ja="列「{date_column}」に書くか、ファイル全体の基準日を指定します。",
    hint_en="Fill in the column {date_column}, or give one for the whole file.",
)
BASIS_DATE_OF_ANOTHER_YEAR = message(
    "import.basis_date_of_another_year",
    ja="列「{column}」の基準日 {given} が、列名の年（{year} 年）と合いません。",
    en="The basis date {given} is not in the year that the column {column} names ({year}).",
)
SOURCE_MISSING = message(
    "import.source_missing",
    ja="統計値の出典がありません。列「出典」に書くか、ファイル全体の出典を指定してください。",
    en="The statistics have no source; fill in the source column or give one for the file.",
)


@dataclass(frozen=True, slots=True)
class RowVerdict:
    """One row of a file: its content if it can be registered, else all that is wrong with it."""

    line: int
    code: str
    name: str
    row: MunicipalityRow | None
    problems: tuple[CellProblem, ...]
    readings: tuple[CellReading, ...]

    @property
    def preview(self) -> ImportRowPreview:
        """The verdict without the row's content."""
        return ImportRowPreview(code=self.code, name=self.name, **row_facts(self.line, self.problems, self.readings))


@dataclass(frozen=True, slots=True)
class ImportVerdict:
    """The verdict on a file: how it was read, its SHA-256, what is wrong with its columns, each row in its order."""

    encoding: FileFormat
    sha256: str
    problems: tuple[CellProblem, ...]
    rows: tuple[RowVerdict, ...]

    @property
    def preview(self) -> ImportPreview:
        """The verdict without the rows' content."""
        return ImportPreview(
            encoding=self.encoding,
            sha256=self.sha256,
            accepted=not self.refusals,
            problems=tuple(problem_facts(one) for one in self.problems),
            rows=tuple(row.preview for row in self.rows),
        )

    @property
    def refusals(self) -> tuple[tuple[int, DomainError], ...]:
        """Everything that is wrong, with its line; the heading is line 1."""
        return (
            *((1, one.refusal) for one in self.problems),
            *((row.line, one.refusal) for row in self.rows for one in row.problems),
        )


def examine(
    session: Session,
    content: bytes,
    *,
    encoding: Encoding | None,
    basis_dates: Mapping[StatisticKind, date],
    source: str | None,
    operator_prefecture: str,
    today: date,
) -> ImportVerdict:
    """Read the file and try each row against the rules and against what is registered.

    Raises Invalid where the file cannot be read at all.
    """
    file = read_municipalities(content, encoding)
    registered = session.execute(select(Tenant.code, Tenant.name, Tenant.state))
    known = {row.code: (row.name, TenantState(row.state)) for row in registered}
    first_line: dict[str, int] = {}
    verdicts = []
    for read in file.rows:
        problems = list(read.problems)
        if not {one.column for one in problems} & {"", file.headings.get(CODE, "")}:
            problems += _code_problems(read, file, known, first_line, operator_prefecture)
        problems += _statistic_problems(read, file, basis_dates, source, today)
        first_line.setdefault(read.code, read.line)
        row = None if problems else read.row
        verdicts.append(RowVerdict(read.line, read.code, read.name, row, tuple(problems), read.readings))
    of_columns = (*file.problems, *_date_problems(file, basis_dates, today))
    return ImportVerdict(file.encoding, file.sha256, of_columns, tuple(verdicts))


def _code_problems(
    read: ReadRow,
    file: MunicipalityFile,
    known: Mapping[str | None, tuple[str, TenantState]],
    first_line: Mapping[str, int],
    operator_prefecture: str,
) -> list[CellProblem]:
    """What keeps the row's code from being registered: at most one reason."""
    heading = file.headings.get(CODE)
    if heading is None:
        return []
    try:
        if read.kind is not None:
            eligible_code(read.code or None, read.kind, operator_prefecture=operator_prefecture)
        elif read.code:
            # Its kind is wrong as well; the code alone can still be looked at.
            LocalGovernmentCode.parse(read.code, field="")
        if read.code and (same := known.get(read.code)):
            raise Conflict(ALREADY_REGISTERED, given=read.code, name=same[0], state=same[1])
        if read.code and read.code in first_line:
            raise Conflict(TWICE_IN_FILE, given=read.code, line=first_line[read.code])
    except DomainError as refused:
        return [CellProblem(heading, read.code, refused.at(heading))]
    return []


def _statistic_problems(
    read: ReadRow,
    file: MunicipalityFile,
    basis_dates: Mapping[StatisticKind, date],
    source: str | None,
    today: date,
) -> list[CellProblem]:
    """What the row's statistics lack: a source, and where the file has a column of reference dates, a right one."""
    found: list[tuple[str, str, DomainError]] = []
    if read.counted - read.sourced and not source:
        found.append((file.headings.get(SOURCE, "出典"), "", Invalid(SOURCE_MISSING)))
    for kind in sorted(read.counted, key=list(StatisticKind).index):
        date_column = file.headings.get(f"{kind.value}{BASIS_DATE}")
        if date_column is None:
            continue
        day = read.basis_dates.get(kind)
        if day is not None:
            try:
                _check_day(day, kind, file, today)
            except Invalid as refused:
                found.append((date_column, day.isoformat(), refused))
        elif kind not in basis_dates and not any(one.column == date_column for one in read.problems):
            missing = Invalid(BASIS_DATE_MISSING, column=file.headings[kind.value], date_column=date_column)
            found.append((date_column, "", missing))
    return [CellProblem(column, given, refused.at(column)) for column, given, refused in found]


def _date_problems(
    file: MunicipalityFile, basis_dates: Mapping[StatisticKind, date], today: date
) -> Iterator[CellProblem]:
    """What is wrong with the reference dates given for the whole file, each at its field of the command."""
    for kind in StatisticKind:
        heading, field = file.headings.get(kind.value), f"basis_dates.{kind.value}"
        if heading is None:
            continue
        name = f"{kind.value}{BASIS_DATE}"
        if kind in basis_dates:
            try:
                _check_day(basis_dates[kind], kind, file, today)
            except Invalid as refused:
                yield CellProblem(heading, basis_dates[kind].isoformat(), refused.at(field))
        elif name not in file.headings and any(kind in row.counted for row in file.rows):
            date_column = next(Label(one.heading.ja, one.name) for one in COLUMNS if one.name == name)
            missing = Invalid(BASIS_DATE_MISSING, field=field, column=heading, date_column=date_column)
            yield CellProblem(heading, "", missing)


def _check_day(day: date, kind: StatisticKind, file: MunicipalityFile, today: date) -> None:
    basis_date(day, today=today)
    year = file.years.get(kind)
    if year is not None and day.year != year:
        raise Invalid(BASIS_DATE_OF_ANOTHER_YEAR, column=file.headings[kind.value], given=day.isoformat(), year=year)
