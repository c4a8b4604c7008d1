"""How refusals and failures are told: one table from kind to status, for pages and for the API alike.

A refusal says what was wrong and what to do next, in the reader's language. A lost database is a 503 that says when to
ask again. A bug says a number to quote and nothing of itself.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import structlog
from flask import Flask, Response, json, render_template, request
from pydantic import ValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from werkzeug.exceptions import HTTPException

from admin.core.csrf import ForgedForm
from admin.core.guard import is_api
from admin.core.language import current_language
from admin.core.request_checks import request_number
from governance.commands import COMMANDS
from governance.kernel.errors import (
    Closed,
    Conflict,
    Invalid,
    KeyReused,
    NotAllowed,
    NotFound,
    Reason,
    Refused,
    Stale,
    Unreachable,
    reason,
)

log = structlog.get_logger(__name__)

STATUS: Final[dict[type[Refused], HTTPStatus]] = {
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    ForgedForm: HTTPStatus.BAD_REQUEST,
    NotAllowed: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Stale: HTTPStatus.CONFLICT,
    Closed: HTTPStatus.CONFLICT,
    Conflict: HTTPStatus.CONFLICT,
    KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    Unreachable: HTTPStatus.SERVICE_UNAVAILABLE,
    Refused: HTTPStatus.BAD_REQUEST,
}
"""Kind of refusal → HTTP status."""

RETRY_SECONDS: Final = 5

DATABASE_AWAY = reason(
    "database.away",
    ja="ただいまデータベースに接続できません。",
    en="The database cannot be reached just now.",
    hint_ja="しばらくしてから、もう一度お試しください。送信した内容は保存されていません。",
    hint_en="Try again in a little while. Nothing of what you sent was kept.",
)
BUG = reason(
    "failure",
    ja="処理中に問題が起きました。",
    en="Something went wrong on our side.",
    hint_ja="問い合わせ番号を添えて、運営者にお知らせください。",
    hint_en="Please tell the operator, with the number below.",
)
WRONG_FIELD = reason(
    "input.wrong",
    ja="入力「{place}」を確かめてください（{problem}）。",
    en="Check the input {place} ({problem}).",
)
HTTP_REASONS: Final[dict[int, Reason]] = {
    400: reason("http.bad_request", ja="要求を読み取れませんでした。", en="The request could not be read."),
    401: reason(
        "http.unauthorized",
        ja="サインインしていないか、トークンが有効ではありません。",
        en="You are not signed in, or the token is not valid.",
    ),
    403: reason("http.forbidden", ja="この操作は許可されていません。", en="This is not permitted."),
    404: reason(
        "http.not_found",
        ja="お探しのページは見つかりません。",
        en="There is nothing at this address.",
        hint_ja="アドレスを確かめてください。",
        hint_en="Check the address.",
    ),
    405: reason("http.method", ja="この方法では要求できません。", en="This method is not possible here."),
    413: reason("http.too_large", ja="送信された内容が大きすぎます。", en="What was sent is too large."),
    415: reason(
        "http.content_type",
        ja="送信された内容の形式（Content-Type）を受け付けられません。",
        en="This Content-Type is not accepted here.",
    ),
    429: reason("http.too_many", ja="要求が多すぎます。", en="There were too many requests."),
}


def register_error_handlers(app: Flask) -> None:
    """Register the table with the application."""
    app.register_error_handler(Refused, _tell_refusal)
    app.register_error_handler(ValidationError, _tell_wrong_order)
    app.register_error_handler(HTTPException, _tell_http)
    for lost in (OperationalError, InterfaceError, PoolExhausted):
        app.register_error_handler(lost, _tell_database_away)


def status_of(refusal: Refused) -> HTTPStatus:
    """The status of a refusal, by the nearest of its kinds in the table."""
    return next(STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS)


def wrong_order(wrong: ValidationError) -> Invalid:
    """The refusal for an order that a door built from input and that did not fit its form.

    Raises any other model's error as it is: that is a bug of ours.
    """
    if wrong.title not in {known.order_type.__name__ for known in COMMANDS.values()}:
        raise wrong
    problems = wrong.errors(include_url=False, include_input=False, include_context=False)
    place = ".".join(str(step) for step in problems[0]["loc"]) or "-"
    return Invalid(WRONG_FIELD, field=place, place=place, problem=problems[0]["msg"])


def _tell_refusal(refusal: Refused) -> Response:
    language = current_language()
    status = status_of(refusal)
    answer = _tell(status, refusal.code, refusal.message(language), refusal.hint(language), refusal.field)
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


def _tell_wrong_order(wrong: ValidationError) -> Response:
    return _tell_refusal(wrong_order(wrong))


def _tell_http(error: HTTPException) -> Response | HTTPException:
    code = error.code or 500
    if code < 400:
        return error  # A redirect for a missing slash, for instance.
    if code >= 500:
        return _word(HTTPStatus.INTERNAL_SERVER_ERROR, BUG)
    answer = _word(HTTPStatus(code), HTTP_REASONS.get(code, HTTP_REASONS[400]))
    for name, value in error.get_headers():
        if name in ("Allow", "WWW-Authenticate", "Retry-After"):
            answer.headers.add(name, value)
    return answer


def _tell_database_away(lost: Exception) -> Response:
    log.error("database.away", exc_info=lost)
    answer = _word(HTTPStatus.SERVICE_UNAVAILABLE, DATABASE_AWAY)
    answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


def _word(status: HTTPStatus, why: Reason) -> Response:
    said, language = Refused(why), current_language()
    return _tell(status, said.code, said.message(language), said.hint(language), None)


def _tell(status: HTTPStatus, code: str, message: str, hint: str, field: str | None) -> Response:
    if is_api() or request.accept_mimetypes.best == "application/json":
        return problem(status, code, message, hint, field)
    page = render_template(
        "error.html", status=int(status), message=message, hint=hint, number=request_number(), field=field
    )
    return Response(page, status=int(status), content_type="text/html; charset=utf-8")


def problem(status: HTTPStatus, code: str, message: str, hint: str = "", field: str | None = None) -> Response:
    """A refusal as `application/problem+json` (RFC 9457), with our code, the field and the request's number."""
    told: dict[str, Any] = {
        "type": f"urn:moyai:problem:{code}",
        "title": status.phrase,
        "status": int(status),
        "detail": message,
        "code": code,
        "request_id": request_number(),
    }
    if hint:
        told["hint"] = hint
    if field:
        told["field"] = field
    answer = Response(json.dumps(told), status=int(status), content_type="application/problem+json")
    answer.headers["Content-Language"] = current_language()
    return answer
