"""How a request is read: strictly, so that two readers of it never differ, and nothing that was sent is left over.

What is wrong with the address is a 404 that tells nothing; everything else names the place and the reason.
"""

from __future__ import annotations

import re
from datetime import date
from enum import Enum
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from flask import request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from werkzeug.exceptions import NotFound as HTTPNotFound
from werkzeug.exceptions import UnsupportedMediaType

from governance.declaration import UNEXPECTED_FIELD, Input, InvalidCommand, errors_of
from governance.kernel.database import db
from governance.kernel.era import DATE_BOUNDS
from governance.kernel.errors import DomainError, Invalid, NotFound, message
from governance.kernel.labels import Label
from governance.kernel.strict_json import read_json
from governance.kernel.yen import printable
from tenancy import directory

KEY_HEADER: Final = "Idempotency-Key"
IDEMPOTENCY_KEY_MISSING = message(
    "api.key_missing",
    ja="ヘッダー Idempotency-Key に、1〜255 文字の ASCII 文字のキーを指定してください。",
    en="Give a key of 1 to 255 printable ASCII characters in the header Idempotency-Key.",
    hint_ja="同じ依頼を送り直すときは同じキーを使うと、二重には行われません。",
    hint_en="Sending the same request again with the same key has no further effect.",
)
NOT_AN_OBJECT = message(
    "api.not_an_object",
    ja="本文は JSON のオブジェクトで指定してください。",
    en="The body must be a JSON object.",
)
GIVEN_TWICE = message(
    "api.twice",
    ja="「{given}」が二度以上指定されています。",
    en="“{given}” is given more than once.",
)
IF_MATCH_MISSING = message(
    "api.version_missing",
    ja="ヘッダー If-Match に、表示したときの ETag を指定してください。",
    en="Give the ETag you received in the header If-Match.",
)

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CODE = re.compile(r"[0-9]{6}")
CODE_OR_ID: Final = rf"^({_CODE.pattern}|{_UUID.pattern})$"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEAR = re.compile(r"[0-9]{4}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
NAME: Final = f"^{_NAME.pattern}$"
_ETAG = re.compile(r'"([0-9]{1,9})"')

M = TypeVar("M", bound=BaseModel)


class BadRequest(DomainError):
    """A request that lacks what every request of its kind carries: 400."""

    kind = "bad_request"


class PreconditionRequired(DomainError):
    """A change of a record that several people edit, without the version that was seen: 400."""

    kind = "version_missing"


def _strict_integer(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError("plain half-width digits")
    return value


def _strict_date(value: object) -> object:
    if isinstance(value, str) and not _DATE.fullmatch(value):
        raise ValueError("a day as YYYY-MM-DD")
    return value


def _strict_uuid(value: object) -> object:
    if isinstance(value, str) and not _UUID.fullmatch(value):
        raise ValueError("an id")
    return value


# Bounds stand before the validator: pydantic publishes those of the type itself, not those around a function.
YearParam = Annotated[
    int,
    Field(ge=1989, le=2100),
    BeforeValidator(_strict_integer),
    Input("会計年度", "Fiscal year", hint=Label("", "The year in which it begins on 1 April")),
]
DateParam = Annotated[
    date,
    # JSON Schema has no least date (RFC 3339 says the format alone): the years of DATE_BOUNDS as a pattern.
    Field(ge=DATE_BOUNDS[0], le=DATE_BOUNDS[1], json_schema_extra={"pattern": "^(1989|199[0-9]|20[0-9]{2}|2100)-"}),
    BeforeValidator(_strict_date),
]
IdParam = Annotated[UUID, BeforeValidator(_strict_uuid)]


class Query(BaseModel):
    """What may stand after the question mark. Each at most once, and nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid")


LimitParam = Annotated[int, Field(ge=1, le=200), BeforeValidator(_strict_integer)]


class PageQuery(Query):
    """A page of a list: how many, and from where (`next_cursor` of the page before)."""

    limit: LimitParam = 50
    cursor: Annotated[str, Field(max_length=500)] | None = None


class YearPageQuery(PageQuery):
    """A page of what belongs to one fiscal year, or to all of them."""

    fiscal_year: YearParam | None = None


class NamePageQuery(PageQuery):
    """A page of what has one name, or of all."""

    name: Annotated[str, Field(max_length=120), Input("名称", "Name")] | None = None


def read_query(model: type[M]) -> M:
    """The query of this request. Raises Invalid for what is unknown, given twice, or wrong."""
    for name in request.args:
        if len(request.args.getlist(name)) > 1:
            raise Invalid(GIVEN_TWICE, field=printable(name), given=printable(name))
    try:
        return model.model_validate(request.args.to_dict())
    except ValidationError as wrong:
        raise InvalidCommand(errors_of(wrong)) from None


def refuse_query() -> None:
    """For addresses that take none."""
    for name in request.args:
        raise Invalid(UNEXPECTED_FIELD, field=printable(name), given=printable(name))


def read_path_param(kind: object, text: str) -> Any:
    """A part of the address as what it names: an id, a year, a word of a list. What it cannot be, is not there."""
    try:
        if kind is UUID and _UUID.fullmatch(text):
            return UUID(text)
        if kind is int and _YEAR.fullmatch(text):
            return int(text)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return kind(text)
        if kind is str and _NAME.fullmatch(text):
            return text
    except ValueError:
        raise HTTPNotFound from None
    raise HTTPNotFound


def read_tenant(text: str) -> UUID:
    """The tenant an address names by its id or its code, if this scope sees it; else there is nothing here."""
    try:
        if _UUID.fullmatch(text):
            return directory.tenant_by_id(db.session(), UUID(text)).id
        if _CODE.fullmatch(text):
            return directory.tenant_by_code(db.session(), text).id
    except NotFound:
        raise HTTPNotFound from None
    raise HTTPNotFound


def read_key(*, required: bool) -> str | None:
    """The idempotency key. A change that makes something needs one."""
    key = request.headers.get(KEY_HEADER)
    if key is None and not required:
        return None
    if key is None or not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise BadRequest(IDEMPOTENCY_KEY_MISSING, field=KEY_HEADER)
    return key


def read_version() -> int:
    """The version in If-Match. Any version at all (`*`) is not enough: somebody must have seen what they change."""
    found = _ETAG.fullmatch(request.headers.get("If-Match", ""))
    if found is None:
        raise PreconditionRequired(IF_MATCH_MISSING, field="If-Match")
    return int(found.group(1))


def read_body() -> dict[str, Any]:
    """The body: one JSON object in UTF-8. Raises UnsupportedMediaType, Invalid, and werkzeug's 413 over the limit."""
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != "application/json" or charset not in ("utf-8", "utf8"):
        raise UnsupportedMediaType
    value = read_json(request.get_data(cache=False))
    if not isinstance(value, dict):
        raise Invalid(NOT_AN_OBJECT)
    return value
