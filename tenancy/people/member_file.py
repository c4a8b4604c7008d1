"""Reads a file of people: its columns, its rows, and all that is wrong with a row by itself. Pure.

One declaration of the columns feeds the reader, the template to fill in, and the lists of columns on the page, over the
API and at the command line. Comparing the rows with the tenant's people is left to `tenancy.people.importing`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from governance.kernel.era import parse_day, show_day
from governance.kernel.errors import Invalid, message
from governance.kernel.japanese_numbers import narrow
from governance.kernel.labels import Label
from governance.kernel.plain_text import mail_address, plain_line
from governance.kernel.table_file import (
    COLUMN_MISSING,
    CellProblem,
    CellReading,
    Encoding,
    FileColumn,
    FileFormat,
    Header,
    RowReader,
    read_header,
    read_table,
)
from governance.kernel.yen import printable
from governance.permissions import TENANT_ROLES, Role
from tenancy.people.states import MemberAction

FAMILY_NAME, GIVEN_NAME, SECTION, EMAIL = "family_name", "given_name", "section", "email"
ROLES, FIRST_DAY, ACTION = "roles", "valid_from", "action"

ROLE_UNKNOWN = message(
    "member_import.role_unknown",
    ja="役割「{given}」は使えません。使えるのは {known} です。",
    en="Unknown role “{given}”; the known ones are {known}.",
    hint_ja="役割がいくつもあるときは「、」で区切ります。",
    hint_en="Separate several roles by commas.",
)
ACTION_UNKNOWN = message(
    "member_import.action_unknown",
    ja="操作「{given}」は使えません。使えるのは {known} です。",
    en="Unknown action “{given}”; the known ones are {known}.",
)
ROLES_NEEDED = message(
    "member_import.roles_needed",
    ja="変更したあとの役割のすべてか、新しい所属を入力してください。",
    en="Give all roles that the person is to have after the change, or a new section.",
    hint_ja="役割をすべて終えるときは「利用者」と入力します。",
    hint_en="Give “member” to end all of them.",
)
NO_DAY_FOR_ACTION = message(
    "member_import.no_day_for_action",
    ja="「{action}」に開始日は指定できません。取り込むとすぐに行います。",
    en="To {action} somebody takes no first day; it is done as soon as the file is imported.",
    hint_ja="その日に、開始日を空にしたファイルを取り込んでください。",
    hint_en="Import a file without that day when the day has come.",
)

COLUMNS: Final = (
    FileColumn(
        FAMILY_NAME,
        Label("姓", "Family name"),
        Label("追加では必須。ほかの操作では、あれば登録と照合します", "required to add; else compared where given"),
        Label("肥後", "肥後"),
        also=("氏", "名字"),
    ),
    FileColumn(
        GIVEN_NAME,
        Label("名", "Given name"),
        Label("追加では必須。ほかの操作では、あれば登録と照合します", "required to add; else compared where given"),
        Label("花子", "花子"),
        also=("名前",),
    ),
    FileColumn(
        SECTION,
        Label("所属", "Section"),
        Label(
            "空なら、追加では所属なし、変更では今のまま。「なし」で所属なし。停止と削除では読みません",
            "to change somebody, as it is if empty; “none” for none; not read to suspend or remove",
        ),
        Label("総務課", "General Affairs"),
        also=("部署", "課", "所属課", "department"),
    ),
    FileColumn(
        EMAIL,
        Label("メールアドレス", "Email address"),
        Label("団体の中で 1 人に 1 つ。この列で人を見分けます", "one for each person, who is told by it"),
        Label("hanako@city.example.lg.jp", "hanako@city.example.lg.jp"),
        also=("メール", "電子メール", "mail", "e-mail", "email address"),
        is_required=True,
    ),
    FileColumn(
        ROLES,
        Label("役割", "Roles"),
        Label(
            "いくつもあるときは「、」で区切る。追加で空なら利用者のみ。変更では変更後のすべて、空なら今のまま",
            "several separated by commas; to change somebody, all they are to have, or as they are if empty",
        ),
        Label("会計担当（団体）、監査担当（団体）", "tenant-finance, tenant-auditor"),
        also=("権限", "role"),
    ),
    FileColumn(
        FIRST_DAY,
        Label("開始日", "First day"),
        Label(
            "役割と所属がその日の 0:00 に始まり、変更では前のものが終わる。空ならただちに",
            "roles and section begin at 0:00 of it, former ones end; at once if empty",
        ),
        Label("令和9年4月1日", "2027-04-01"),
        also=("適用日", "first day"),
    ),
    FileColumn(
        ACTION,
        Label("操作", "Action"),
        Label("追加、変更、停止、削除のどれか。空なら追加", "add, change, suspend or remove; add if empty"),
        Label("追加", "add"),
        also=("処理", "区分"),
    ),
)
"""Every column that is read, in the order of the template."""


def _key(text: str) -> str:
    return narrow(text).casefold()


_BY_HEADING: Final = {
    _key(heading): column for column in COLUMNS for heading in (column.name, *column.heading, *column.also)
}
_ACTIONS: Final = {_key(text): one for one in MemberAction for text in (one.value, one.ja, one.en)}
_ROLES: Final = {
    **{_key(text): role for role in sorted(TENANT_ROLES) for text in (role.value, role.ja, role.en)},
    # As offices write them who have one administration only.
    **{_key(role.ja.removesuffix("（団体）")): role for role in sorted(TENANT_ROLES)},
    _key("閲覧のみ"): Role.TENANT_MEMBER,
}
_NO_SECTION: Final = frozenset({_key("なし"), _key("none")})
_BETWEEN_ROLES: Final = re.compile(r"[、，,;；／/\n]+")


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One row and what could be read of it; a field that is wrong is empty or None, and `problems` says why.

    `roles` are without that of a plain member, which everybody has; None where the cell is empty or wrong. `section`
    is empty for none at all, and None where the cell is empty or wrong.
    """

    line: int
    action: MemberAction | None
    family_name: str
    given_name: str
    section: str | None
    email: str
    roles: frozenset[Role] | None
    valid_from: date | None
    problems: tuple[CellProblem, ...]
    readings: tuple[CellReading, ...]

    @property
    def email_key(self) -> str:
        return self.email.lower()


@dataclass(frozen=True, slots=True)
class MemberFile:
    """The whole file. `problems` are those of its headings; `headings`: the name of a column → its heading."""

    file_format: FileFormat
    sha256: str
    problems: tuple[CellProblem, ...]
    headings: dict[str, str]
    rows: tuple[MemberRow, ...]


def read_people(content: bytes, encoding: Encoding | None = None) -> MemberFile:
    """Read the file; `encoding` is that of a CSV (`governance.kernel.table_file.read_table`).

    Raises Invalid for what keeps it from being read at all; all else that is wrong are `problems`.
    """
    table = read_table(content, encoding)
    header = read_header(table.header, COLUMNS, lambda heading: _BY_HEADING.get(_key(heading)))
    rows = tuple(_read_row(line, header, cells) for line, cells in table.rows)
    return MemberFile(
        table.file_format,
        table.sha256,
        tuple(header.problems),
        header.headings,
        # Where no heading is known there is no telling what a cell is.
        rows if header.headings else (),
    )


def _read_row(line: int, header: Header[FileColumn], cells: list[str]) -> MemberRow:
    reader = RowReader(header, cells)
    if reader.is_ragged:
        # A cell too few or too many: which column any of them belongs to is a guess.
        shown = [printable(reader.cells.get(name, "")) for name in (FAMILY_NAME, GIVEN_NAME)]
        return MemberRow(line, None, shown[0], shown[1], None, "", None, None, tuple(reader.problems), ())
    action = reader.read(ACTION, _action)
    if action is None and not reader.problems:
        action = MemberAction.ADD
    is_new = action is MemberAction.ADD
    family_name = reader.read(FAMILY_NAME, _name, empty_is_wrong=is_new)
    given_name = reader.read(GIVEN_NAME, _name, empty_is_wrong=is_new)
    section = reader.read(SECTION, _section, _section_in_words)
    email = reader.read(EMAIL, lambda text: mail_address(text, field=""), empty_is_wrong=True)
    roles = reader.read(ROLES, _roles, _roles_in_words)
    valid_from = reader.read(FIRST_DAY, lambda text: parse_day(text, field=""), _day_in_words)
    if is_new:
        for one in COLUMNS:
            if one.name in (FAMILY_NAME, GIVEN_NAME) and one.name not in header.headings:
                reader.refuse(one.name, Invalid(COLUMN_MISSING, given=Label(one.heading.ja, one.name)))
    if action is MemberAction.CHANGE and not (reader.cells.get(ROLES) or reader.cells.get(SECTION)):
        reader.refuse(ROLES, Invalid(ROLES_NEEDED))
    if action in (MemberAction.SUSPEND, MemberAction.REMOVE) and valid_from is not None:
        reader.refuse(FIRST_DAY, Invalid(NO_DAY_FOR_ACTION, action=action))
    return MemberRow(
        line,
        action,
        family_name or printable(reader.cells.get(FAMILY_NAME, "")),
        given_name or printable(reader.cells.get(GIVEN_NAME, "")),
        section,
        email or "",
        None if roles is None else roles - {Role.TENANT_MEMBER},
        valid_from,
        tuple(reader.problems),
        tuple(reader.readings),
    )


def _name(text: str) -> str:
    return plain_line(text, field="")


def _section(text: str) -> str:
    return "" if _key(text) in _NO_SECTION else plain_line(text, field="")


def _section_in_words(section: str) -> tuple[str, Label]:
    return (section, Label(section, section)) if section else ("なし", Label("所属なし", "no section"))


def _action(text: str) -> MemberAction:
    found = _ACTIONS.get(_key(text))
    if found is None:
        raise Invalid(ACTION_UNKNOWN, given=printable(text), known=tuple(MemberAction))
    return found


def _roles(text: str) -> frozenset[Role]:
    found = set()
    for part in filter(str.strip, _BETWEEN_ROLES.split(text)):
        role = _ROLES.get(_key(part))
        if role is None:
            raise Invalid(ROLE_UNKNOWN, given=printable(part.strip()), known=tuple(sorted(TENANT_ROLES)))
        found.add(role)
    return frozenset(found)


def _roles_in_words(roles: frozenset[Role]) -> tuple[str, Label]:
    ordered = sorted(roles)
    words = Label("、".join(role.ja for role in ordered), ", ".join(role.en for role in ordered))
    return ", ".join(role.value for role in ordered), words


def _day_in_words(day: date) -> tuple[str, Label]:
    return day.isoformat(), Label(show_day(day), f"{day.day} {day:%B %Y}")
