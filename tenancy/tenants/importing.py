"""What an import would do, row by row: the same verdict for the preview and for the import itself. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.kernel.errors import Conflict, DomainError, Invalid, message
from tenancy.tenants.eligibility import eligible_code
from tenancy.tenants.models import ImportPreview, ImportRowPreview
from tenancy.tenants.municipality_file import Encoding, MunicipalityFile, MunicipalityRow, read_municipalities
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
)
BASIS_DATE_OF_ANOTHER_YEAR = message(
    "import.basis_date_of_another_year",
    ja="列「{column}」の基準日 {given} が、列名の年と合いません。",
    en="The basis date {given} is not in the year that the column {column} names.",
)
SOURCE_MISSING = message(
    "import.source_missing",
    ja="数値の出典がありません。source 列に書くか、出典を指定してください。",
    en="The statistics have no source; fill in the source column or give one for the file.",
)
REFUSED = message(
    "import.refused",
    ja="{rows} 行のうち {refused} 行に誤りがあるため、何も取り込みませんでした。最初は {line} 行目: {first_ja}",
    en="{refused} of {rows} rows are invalid, so nothing was imported. The first is on line {line}: {first_en}",
)


@dataclass(frozen=True, slots=True)
class RowVerdict:
    """One row of a file: its content if it can be registered, else why it is refused."""

    line: int
    code: str
    name: str
    row: MunicipalityRow | None
    refusal: DomainError | None

    @property
    def preview(self) -> ImportRowPreview:
        """The verdict without the row's content."""
        refusal = self.refusal
        if refusal is None:
            return ImportRowPreview(line=self.line, code=self.code, name=self.name, accepted=True)
        return ImportRowPreview(
            line=self.line,
            code=self.code,
            name=self.name,
            accepted=False,
            refusal=refusal.code,
            field=refusal.field,
            reason=refusal.text("ja"),
            reason_en=refusal.text("en"),
            hint=refusal.hint("ja"),
            hint_en=refusal.hint("en"),
        )


@dataclass(frozen=True, slots=True)
class ImportVerdict:
    """The verdict on a file: how it was read, its SHA-256, and each row in the order of the file."""

    encoding: Encoding
    sha256: str
    rows: tuple[RowVerdict, ...]

    @property
    def preview(self) -> ImportPreview:
        """The verdict without the rows' content."""
        return ImportPreview(
            encoding=self.encoding,
            sha256=self.sha256,
            accepted=not self.refused,
            rows=tuple(row.preview for row in self.rows),
        )

    @property
    def refused(self) -> tuple[RowVerdict, ...]:
        return tuple(verdict for verdict in self.rows if verdict.refusal is not None)


class ImportRefused(Invalid):
    """A file with invalid rows; `preview` says which."""

    def __init__(self, preview: ImportPreview) -> None:
        refused = [row for row in preview.rows if not row.accepted]
        super().__init__(
            REFUSED,
            field="content",
            rows=len(preview.rows),
            refused=len(refused),
            line=refused[0].line,
            first_ja=refused[0].reason,
            first_en=refused[0].reason_en,
        )
        self.preview = preview


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

    Raises Invalid for what concerns the file as a whole, such as a column of statistics without a reference date.
    """
    file = read_municipalities(content, encoding)
    _check_basis_dates(file, basis_dates, today)
    known = {row.code: row for row in session.execute(select(Tenant.code, Tenant.name, Tenant.state))}
    first_line: dict[str, int] = {}
    verdicts = []
    for read in file.rows:
        refusal = read.refusal
        if read.row is not None:
            try:
                code = eligible_code(
                    read.row.code or None, read.row.kind, operator_prefecture=operator_prefecture, field="code6"
                )
                if code is not None and (same := known.get(code.digits)):
                    raise Conflict(
                        ALREADY_REGISTERED,
                        field="code6",
                        given=code.digits,
                        name=same.name,
                        state=TenantState(same.state),
                    )
                if read.row.code and read.row.code in first_line:
                    raise Conflict(TWICE_IN_FILE, field="code6", given=read.row.code, line=first_line[read.row.code])
                if read.row.statistics and not (read.row.source or source):
                    raise Invalid(SOURCE_MISSING, field="source")
            except DomainError as refused:
                refusal = refused
            first_line.setdefault(read.row.code, read.line)
        verdicts.append(RowVerdict(read.line, read.code, read.name, None if refusal else read.row, refusal))
    return ImportVerdict(file.encoding, file.sha256, tuple(verdicts))


def _check_basis_dates(file: MunicipalityFile, basis_dates: Mapping[StatisticKind, date], today: date) -> None:
    for kind, (column, year) in file.statistic_columns.items():
        field = f"basis_dates.{kind.value}"
        if kind not in basis_dates:
            raise Invalid(BASIS_DATE_MISSING, field=field, column=column)
        day = basis_date(basis_dates[kind], today=today, field=field)
        if year is not None and day.year != year:
            raise Invalid(BASIS_DATE_OF_ANOTHER_YEAR, field=field, column=column, given=day.isoformat())
