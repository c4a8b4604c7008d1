"""The named types of fields: what a command's, a rule's or a query's model is made of.

Each is an annotated pydantic type. What JSON may hold is pydantic's and `check`'s business; how a person may type it
is `read`'s. A command names its fields with these, so that no handler, form or reader parses text again.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from governance.kernel.codes import LocalGovernmentCode as _Code
from governance.kernel.era import DATE_BOUNDS, parse_day, show_day
from governance.kernel.errors import Invalid, Language, message
from governance.kernel.field_type import Control, FieldType
from governance.kernel.fiscal_year import FiscalYear as _Year
from governance.kernel.labels import Label
from governance.kernel.plain_text import (
    MAX_ADDRESS_LENGTH,
    MAX_LINE_LENGTH,
    MAX_TEXT_LENGTH,
    mail_address,
    plain_line,
    plain_text,
)
from governance.kernel.yen import MAX_YEN, format_yen, printable, whole_yen, yen_from_form

NOT_A_JSON_DATE = message(
    "api.not_a_day",
    ja="{least} から {most} までの日付を YYYY-MM-DD の形で指定してください。",
    en="Give a date from {least} to {most}, as YYYY-MM-DD.",
)
NOT_A_YEAR = message(
    "fiscal_year.not_a_year",
    ja="「{given}」は会計年度として読めません。2025、令和7年度、R7 のいずれかの形で入力してください。",
    en="“{given}” is not a fiscal year. Enter 2025, 令和7年度 or R7.",
)
NOT_A_NUMBER = message(
    "form.not_a_number",
    ja="「{given}」は数ではありません。半角の整数で入力してください。",
    en="“{given}” is not a number; enter a whole number in half-width digits.",
)
NOT_YES_OR_NO = message("input.not_yes_or_no", ja="「はい」か「いいえ」を選んでください。", en="Choose yes or no.")
NOT_AN_ID = message("input.not_an_id", ja="「{given}」は識別子ではありません。", en="“{given}” is not an id.")
NOT_A_SLUG = message(
    "input.not_a_slug",
    ja="「{given}」は名前に使えません。英小文字で始まる、英小文字・数字・ハイフンの 60 文字以内にしてください。",
    en="“{given}” cannot be a name: at most 60 lowercase letters, digits and hyphens, beginning with a letter.",
)

MAX_REASON_LENGTH: Final = 500

_ISO_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SLUG: Final = re.compile(r"[a-z][a-z0-9-]{0,59}")
_ERA_YEAR: Final = re.compile(r"(令和|平成|R|H)(元|[0-9]{1,2})(?:年度?)?")
_ERA_START: Final = {"令和": 2018, "R": 2018, "平成": 1988, "H": 1988}
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
UNLIMITED: Final = Label("無制限", "unlimited")
"""How people read and type a limit of None."""

_YES_LABEL: Final = Label("はい", "yes")
_NO_LABEL: Final = Label("いいえ", "no")
_YES: Final = frozenset({"true", "yes", "on", "1", "はい"})
_NO: Final = frozenset({"false", "no", "off", "0", "いいえ"})


def _half_width(text: str) -> str:
    """Full-width digits and signs as half-width ones: only where a number or a date is read, never for names."""
    return unicodedata.normalize("NFKC", text).strip()


def _read_json_date(value: Any) -> Any:
    """A JSON value as a date: YYYY-MM-DD alone, where pydantic's strict mode takes 0 and "1743465600", too."""
    if value is None or isinstance(value, date):
        return value
    if isinstance(value, str) and _ISO_DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise Invalid(NOT_A_JSON_DATE, least=DATE_BOUNDS[0].isoformat(), most=DATE_BOUNDS[1].isoformat())


def _read_json_id(value: Any) -> Any:
    if isinstance(value, str) and _UUID.fullmatch(value):
        return UUID(value)
    return value


def _check_date(value: date) -> date:
    if not DATE_BOUNDS[0] <= value <= DATE_BOUNDS[1]:
        raise Invalid(NOT_A_JSON_DATE, least=DATE_BOUNDS[0].isoformat(), most=DATE_BOUNDS[1].isoformat())
    return value


def read_fiscal_year(text: str) -> int:
    """The fiscal year that a text says: 2025, FY2025, 令和7年度 or R7, also full-width. Raises Invalid."""
    typed = _half_width(text)
    if found := re.fullmatch(r"(?:FY)?([0-9]{4})(?:年度?)?", typed):
        return _Year(int(found[1])).year
    found = _ERA_YEAR.fullmatch(typed)
    if found is None:
        raise Invalid(NOT_A_YEAR, given=printable(text))
    number = 1 if found[2] == "元" else int(found[2])
    return _Year(_ERA_START[found[1]] + number).year


def _read_integer(text: str) -> int:
    typed = _half_width(text).replace(",", "")
    if not re.fullmatch(r"-?[0-9]{1,15}", typed):
        raise Invalid(NOT_A_NUMBER, given=printable(text))
    return int(typed)


def _read_count_or_unlimited(text: str) -> int | None:
    """A typed limit of at most 12 digits; None for `unlimited` and 無制限."""
    typed = _half_width(text)
    if typed in UNLIMITED:
        return None
    digits = typed.replace(",", "")
    if re.fullmatch(r"[0-9]{1,12}", digits):
        return int(digits)
    raise Invalid(NOT_A_NUMBER, given=printable(text))


def _read_flag(text: str) -> bool:
    typed = _half_width(text).lower()
    if typed in _YES or typed in _NO:
        return typed in _YES
    raise Invalid(NOT_YES_OR_NO)


def _read_id(text: str) -> UUID:
    if not _UUID.fullmatch(text.strip()):
        raise Invalid(NOT_AN_ID, given=printable(text))
    return UUID(text.strip())


def _check_slug(value: str) -> str:
    if not _SLUG.fullmatch(value):
        raise Invalid(NOT_A_SLUG, given=printable(value))
    return value


def _show_date(value: date, language: Language) -> str:
    return show_day(value) if language == "ja" else f"{value.day} {value:%B %Y}"


def last_day(end: date) -> date:
    """The last day of an interval that ends before `end`, as people write it."""
    return end - timedelta(days=1)


PLAIN_LINE: Final = FieldType(
    name="plain_line",
    read=lambda text: text,
    check=lambda value: plain_line(value, field=""),
    right=("くまもと", "Ōita"),
    wrong=((" a", "text.edge_space"), ("a\u200bb", "text.unseen")),
    json_schema={"minLength": 1, "maxLength": MAX_LINE_LENGTH},
)
LONG_LINE: Final = PLAIN_LINE.but(
    name="long_line",
    check=lambda value: plain_line(value, field="", most=1_000),
    control=Control.TEXT,
    json_schema={"minLength": 1, "maxLength": 1_000},
)
REASON: Final = PLAIN_LINE.but(
    name="reason",
    check=lambda value: plain_line(value, field="", most=MAX_REASON_LENGTH),
    control=Control.TEXT,
    right=("二重に登録したため", "Recorded twice."),
    json_schema={"minLength": 1, "maxLength": MAX_REASON_LENGTH},
)
PLAIN_TEXT: Final = FieldType(
    name="plain_text",
    read=lambda text: text,
    check=lambda value: plain_text(value, field=""),
    control=Control.TEXT,
    right=("第一条\n第二条", "Article 1"),
    wrong=(("a\u200bb", "text.unseen"), (" ", "text.empty")),
    json_schema={"minLength": 1},
)
MAIL_ADDRESS: Final = FieldType(
    name="mail_address",
    read=lambda text: text,
    check=lambda value: mail_address(value, field=""),
    hint=Label("半角英数字。例: name@example.lg.jp", "In ASCII, as in name@example.lg.jp"),
    inputmode="email",
    right=("a@example.lg.jp", "b.c@example.com"),
    wrong=(("a@b", "text.not_an_address"), ("あ@example.jp", "text.not_an_address")),
    json_schema={"format": "email", "maxLength": MAX_ADDRESS_LENGTH},
)
PHONE: Final = FieldType(
    name="phone",
    read=lambda text: text,
    hint=Label("例: 096-333-0000", "e.g. 096-333-0000"),
    inputmode="tel",
    is_short=True,
    right=("096-333-0000", "+81 96 333 0000"),
    wrong=(("内線12", "input.wrong"), ("096", "input.wrong")),
)
SLUG: Final = FieldType(
    name="slug",
    read=lambda text: text,
    check=_check_slug,
    hint=Label("英小文字・数字・ハイフン", "lowercase letters, digits and hyphens"),
    is_short=True,
    right=("running", "r7-two"),
    wrong=(("R7", "input.not_a_slug"), ("-a", "input.not_a_slug")),
    json_schema={"pattern": f"^{_SLUG.pattern}$"},
)
POSITIVE_YEN: Final = FieldType(
    name="positive_yen",
    read=lambda text: yen_from_form(text, field=""),
    check=lambda value: whole_yen(value, field=""),
    show=lambda value, language: format_yen(value),
    hint=Label("例: 24,000,000、2,400万円", "as in 24,000,000"),
    inputmode="numeric",
    is_short=True,
    right=("24,000,000", "２，４００万円"),
    wrong=(("12.5", "yen.not_an_amount"), ("0", "yen.out_of_range")),
    json_schema={"minimum": 1, "maximum": MAX_YEN},
)
YEN: Final = POSITIVE_YEN.but(
    name="yen",
    read=lambda text: yen_from_form(text, field="", least=-MAX_YEN),
    check=lambda value: whole_yen(value, field="", least=-MAX_YEN),
    right=("24,000,000", "▲５千円"),
    wrong=(("12.5", "yen.not_an_amount"), ("千円", "yen.not_an_amount")),
    json_schema={"minimum": -MAX_YEN, "maximum": MAX_YEN},
)
FISCAL_YEAR: Final = FieldType(
    name="fiscal_year",
    read=read_fiscal_year,
    check=lambda value: _Year(value).year,
    show=lambda value, language: _Year(value).shown if language == "ja" else f"FY{value}",
    hint=Label("2025、令和7年度、R7 のいずれか", "2025, 令和7年度 or R7"),
    inputmode="numeric",
    is_short=True,
    right=("2026", "令和8年度"),
    wrong=(("26", "fiscal_year.not_a_year"), ("1988", "fiscal_year.out_of_bounds")),
    json_schema={"minimum": DATE_BOUNDS[0].year, "maximum": DATE_BOUNDS[1].year},
)
JST_DATE: Final = FieldType(
    name="jst_date",
    read=lambda text: parse_day(text, field=""),
    check=_check_date,
    read_json=_read_json_date,
    show=_show_date,
    hint=Label("2025-04-01、令和7年4月1日、R7.4.1 のいずれか", "2025-04-01, 令和7年4月1日 or R7.4.1"),
    is_short=True,
    right=("2026-04-01", "令和8年4月1日"),
    wrong=(("2026-02-30", "date.no_such_day"), ("1743465600", "date.not_a_date")),
)
LAST_DAY: Final = JST_DATE.but(
    name="last_day",
    read=lambda text: parse_day(text, field="") + timedelta(days=1),
    show=lambda value, language: _show_date(last_day(value), language),
    right=("2027-03-31", "令和9年3月31日"),
)
COUNT: Final = FieldType(
    name="count",
    read=_read_integer,
    inputmode="numeric",
    is_short=True,
    right=("5", "１２"),
    wrong=(("1.5", "form.not_a_number"), ("多い", "form.not_a_number")),
)
COUNT_OR_UNLIMITED: Final = COUNT.but(
    name="count_or_unlimited",
    read=_read_count_or_unlimited,
    show=lambda value, language: str(value),
    empty=UNLIMITED,
    hint=Label("空にすると無制限", "unlimited if empty"),
    right=("50", "unlimited"),
    wrong=(("多い", "form.not_a_number"), ("-1", "form.not_a_number")),
)
FLAG: Final = FieldType(
    name="flag",
    read=_read_flag,
    show=lambda value, language: (_YES_LABEL if value else _NO_LABEL).text(language),
    control=Control.YES_NO,
    right=("true", "no"),
    wrong=(("たぶん", "input.not_yes_or_no"), ("2", "input.not_yes_or_no")),
)
ID: Final = FieldType(
    name="id",
    read=_read_id,
    read_json=_read_json_id,
    right=("01900000-0000-7000-8000-000000000000", "01900000-0000-7000-8000-00000000000a"),
    wrong=(("1", "input.not_an_id"), ("01900000", "input.not_an_id")),
)
GOVERNMENT_CODE: Final = FieldType(
    name="local_government_code",
    read=lambda text: _Code.parse(_half_width(text), field="").digits,
    check=lambda value: _Code.parse(value, field="").digits,
    hint=Label("半角数字 6 桁", "six digits"),
    inputmode="numeric",
    is_short=True,
    right=("431001", "４３２０２４"),
    wrong=(("431002", "code.check_digit"), ("43100", "code.five_digits")),
    json_schema={"pattern": "^[0-9]{6}$"},
)

PlainLine = Annotated[str, StringConstraints(max_length=1_000), PLAIN_LINE]
"""A name or another single line of up to 120 characters, kept byte for byte as entered."""

LongLine = Annotated[str, StringConstraints(max_length=1_000), LONG_LINE]
"""A line of up to 1,000 characters, such as why something is requested or decided."""

ReasonLine = Annotated[str, StringConstraints(max_length=1_000), REASON]
"""Why a person decides something: a line of up to 500 characters."""

PlainText = Annotated[str, Field(json_schema_extra={"maxLength": MAX_TEXT_LENGTH}), PLAIN_TEXT]
"""Paragraphs, such as an agreement's text."""

MailAddress = Annotated[str, MAIL_ADDRESS]
"""A mail address in ASCII."""

PhoneNumber = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 ()-]{3,30}$"), PHONE]
"""A telephone number as one would dial it."""

Slug = Annotated[str, SLUG]
"""A stable name for programs."""

Yen = Annotated[int, YEN]
"""Whole yen; negative only where the command says what that means."""

PositiveYen = Annotated[int, POSITIVE_YEN]
"""Whole yen, at least one."""

FiscalYear = Annotated[int, FISCAL_YEAR]
"""The calendar year in which a fiscal year (地方自治法208条) begins on 1 April."""

JstDate = Annotated[date, JST_DATE]
"""A date in Japan, from 1989 to 2100."""

EndDate = Annotated[date, LAST_DAY]
"""The day after an interval, which is what is stored and sent as JSON. People type and read the last day before it."""

Count = Annotated[int, COUNT]
"""A whole number."""

Flag = Annotated[bool, FLAG]
"""Yes or no."""

Id = Annotated[UUID, ID]
"""The id of a row that the command is about."""

LocalGovernmentCode = Annotated[str, GOVERNMENT_CODE]
"""全国地方公共団体コード: six digits with the check digit right."""

FIELD_TYPES: Final = (
    *(PLAIN_LINE, LONG_LINE, PLAIN_TEXT, MAIL_ADDRESS, SLUG, YEN, POSITIVE_YEN, FISCAL_YEAR, JST_DATE, COUNT, FLAG, ID),
    *(PHONE, GOVERNMENT_CODE, COUNT_OR_UNLIMITED, LAST_DAY),
    REASON,
)
"""Every field type, for the tests of their examples."""
