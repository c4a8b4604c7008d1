"""Rendering of domain errors and failures: one table from error class to HTTP status, for pages and API.

A domain error gives its message and hint in the reader's language. An unreachable database is a 503 with Retry-After. A
bug is a 500 with the request id and without its text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog
from flask import Flask, Response, current_app, g, json, redirect, render_template, request
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from admin.core.csrf import CsrfError
from admin.core.guard import Identification, KeepForm, actor_or_none, is_api, is_scim, permission_of
from admin.core.language import current_language
from admin.core.rate_limits import TooManyRequests
from admin.core.request_checks import current_request_id
from governance.commands import PERMISSION_MISSING
from governance.declaration import InvalidCommand
from governance.kernel.database import db
from governance.kernel.errors import (
    Closed,
    Conflict,
    DependencyUnavailable,
    DomainError,
    IdempotencyKeyReused,
    Invalid,
    Language,
    Message,
    NotAllowed,
    NotFound,
    Stale,
    message,
)
from governance.kernel.labels import Label
from governance.labels import PERMISSION_LABELS
from governance.permissions import OPERATOR_ROLES, ROLE_PERMISSIONS, TENANT_ROLES, Role
from governance.step_up import StepUpNeeded
from tenancy.keycloak.port import SECOND_FACTOR_ACR

log = structlog.get_logger(__name__)

STATUS: Final[dict[type[DomainError], HTTPStatus]] = {
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    CsrfError: HTTPStatus.BAD_REQUEST,
    NotAllowed: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Stale: HTTPStatus.CONFLICT,
    Closed: HTTPStatus.CONFLICT,
    Conflict: HTTPStatus.CONFLICT,
    IdempotencyKeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    DependencyUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    DomainError: HTTPStatus.BAD_REQUEST,
}
"""Class of domain error → HTTP status."""

RETRY_SECONDS: Final = 5

REFUSAL_FRAME: Final = "moyai.refusals.frame"
"""Extension of the application: renders a template inside the frame of whoever asks, or gives None for a stranger."""

_FRAMED: Final = frozenset(
    {
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.CONFLICT,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""Refusals shown with the navigation. The others may mean that what the navigation reads is away."""

_SCIM_ERROR: Final = "urn:ietf:params:scim:api:messages:2.0:Error"

PREFER_HEADER: Final = "Prefer"
ALL_LANGUAGES: Final = "all-languages"
"""The preference (RFC 7240) of a program whose reader's language is not known: a problem has its texts in both."""

ROLE_MISSING = message(
    "page.role_missing",
    ja="「{action}」を行う権限がありません。",
    en="You may not: {action}.",
    hint_ja="この権限があるのは、{roles}です。必要な場合は、その担当者に依頼してください。",
    hint_en="It belongs to: {roles}. Ask one of them where you need it.",
)
"""PERMISSION_MISSING on a page, in words and with the roles that may."""

OPERATORS_ONLY = message(
    "page.operators_only",
    ja="「{action}」は、運営者（県）の担当者が行います。",
    en="This is for people of the operator: {action}.",
    hint_ja="必要な場合は、県の担当者にご連絡ください。",
    hint_en="Contact the operator where you need it.",
)

DATABASE_UNAVAILABLE = message(
    "database.unavailable",
    ja="ただいまデータベースに接続できません。",
    en="The database is currently unavailable.",
    hint_ja="しばらくしてから、もう一度お試しください。送信の途中だった場合は、保存されたかどうかを先に確かめてください。",
    hint_en="Try again in a moment. If you were sending something, see first whether it was saved.",
)
POSTGRESQL_UNAVAILABLE = message(
    "database.no_answer",
    ja="PostgreSQL（{where}）から応答がありません。",
    en="PostgreSQL ({where}) does not answer.",
    hint_ja="moyai status で確かめてください。送信の途中だった場合は、保存されたかどうかを先に確かめてください。",
    hint_en="Check with `moyai status`. If you were sending something, see first whether it was saved.",
)
"""For operators. Others learn of no server."""

SERVICE_UNAVAILABLE = message(
    "service.unavailable",
    ja="ただいまこの操作を行えません。",
    en="This is not possible right now.",
    hint_ja="しばらくしてから、もう一度お試しください。",
    hint_en="Try again in a moment.",
)
INTERNAL_ERROR = message(
    "failure",
    ja="処理中に問題が起きました。",
    en="Something went wrong on our side.",
    hint_ja="問合せ番号を添えて、運営者にお知らせください。",
    hint_en="Please contact the operator and quote the number below.",
)
HTTP_MESSAGES: Final[dict[int, Message]] = {
    400: message("http.bad_request", ja="要求を読み取れませんでした。", en="The request could not be read."),
    401: message(
        "http.unauthorized",
        ja="ログインしていないか、トークンが有効ではありません。",
        en="You are not signed in, or the token is not valid.",
    ),
    403: message("http.forbidden", ja="この操作は許可されていません。", en="This is not permitted."),
    404: message(
        "http.not_found",
        ja="お探しのページが見つかりません。",
        en="The page was not found.",
        hint_ja="アドレスを確かめてください。",
        hint_en="Check the address.",
    ),
    405: message("http.method", ja="この方法では要求できません。", en="This method is not allowed here."),
    413: message("http.too_large", ja="送信された内容が大きすぎます。", en="The request is too large."),
    415: message(
        "http.content_type",
        ja="送信された内容の形式（Content-Type）を受け付けられません。",
        en="This Content-Type is not accepted here.",
    ),
}


def register_error_handlers(app: Flask, keep_form: KeepForm) -> None:
    """Register the error handlers with the application. `keep_form` keeps what a person sent, until they come back."""

    def ask_for_step_up(needed: StepUpNeeded) -> AnyResponse:
        if is_api():
            response = problem(HTTPStatus.UNAUTHORIZED, needed.refusal)
            asked = {
                "realm": "moyai",
                "error": "insufficient_user_authentication",
                "error_description": needed.refusal.text("en"),
                "acr_values": SECOND_FACTOR_ACR,
                "max_age": str(int(needed.max_age.total_seconds())),
            }
            # Each a quoted string, as RFC 9470 section 3 has them.
            named = ", ".join(f'{name}="{value}"' for name, value in asked.items())
            response.headers["WWW-Authenticate"] = f"Bearer {named}"
            return response
        return redirect(current_app.url_for("identity.step_up", next=keep_form()), 303)

    app.register_error_handler(StepUpNeeded, ask_for_step_up)
    app.register_error_handler(DomainError, _render_domain_error)
    app.register_error_handler(HTTPException, _render_http_error)
    for error in (OperationalError, InterfaceError, PoolExhausted):
        app.register_error_handler(error, _render_database_unavailable)


def status_of(refusal: DomainError) -> HTTPStatus:
    """The status of an error, by its nearest class in the table."""
    return next(STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS)


def _render_domain_error(refusal: DomainError) -> Response:
    status = status_of(refusal)
    if isinstance(refusal, DependencyUnavailable) and refusal.names_server and not _is_operator():
        log.warning("server.unavailable", code=refusal.code)
        refusal = DependencyUnavailable(SERVICE_UNAVAILABLE)
    errors = refusal.errors if isinstance(refusal, InvalidCommand) else ()
    response = _render(status, refusal, errors)
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    if isinstance(refusal, TooManyRequests):
        response.headers["Retry-After"] = str(refusal.facts["seconds"])
    return response


def _render_http_error(error: HTTPException) -> Response | HTTPException:
    code = error.code or 500
    if code < 400:
        return error  # A redirect for a missing slash, for instance.
    if code >= 500:
        return _render_message(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR)
    response = _render_message(HTTPStatus(code), HTTP_MESSAGES.get(code, HTTP_MESSAGES[400]))
    for name, value in error.get_headers():
        if name in ("Allow", "WWW-Authenticate", "Retry-After"):
            response.headers.add(name, value)
    return response


def _render_database_unavailable(error: Exception) -> Response:
    log.error("database.unavailable", exc_info=error)
    refusal = DependencyUnavailable(DATABASE_UNAVAILABLE)
    if _is_operator():
        url = db.engine.url
        refusal = DependencyUnavailable(POSTGRESQL_UNAVAILABLE, where=f"{url.host}:{url.port or 5432}")
    response = _render(HTTPStatus.SERVICE_UNAVAILABLE, refusal)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _is_operator() -> bool:
    """Whether the request is known to be an operator's; asks nobody, because the database may be what is away."""
    found: Identification | None = g.get("identified")
    return found is not None and found.actor is not None and found.actor.is_operator


def _render_message(status: HTTPStatus, message: Message) -> Response:
    return _render(status, DomainError(message))


def _render(status: HTTPStatus, refusal: DomainError, errors: Sequence[Invalid] = ()) -> Response:
    if is_scim():
        return scim_error(status, refusal)
    if is_api() or request.accept_mimetypes.best == "application/json":
        return problem(status, refusal, errors)
    language = current_language()
    refusal = _in_words(refusal)
    page = _render_page(
        status,
        status=int(status),
        message=refusal.text(language),
        hint=refusal.hint(language),
        number=current_request_id(),
        field=refusal.field,
    )
    return Response(page, status=int(status), content_type="text/html; charset=utf-8")


def _render_page(code: HTTPStatus, **values: Any) -> str:
    """The refusal inside the navigation where there is one to show, otherwise by itself."""
    frame: Callable[..., str | None] | None = current_app.extensions.get(REFUSAL_FRAME)
    if frame is not None and code in _FRAMED:
        try:
            if (page := frame("error.html", **values)) is not None:
                return page
        except (SQLAlchemyError, DomainError) as failure:
            # The refusal is what is to be said, not that its frame could not be read.
            log.warning("refusal.frame_failed", exc_info=failure)
    return render_template("error.html", frame="interface/plain.html", **values)


def _in_words(refusal: DomainError) -> DomainError:
    """The refusal as a page says it: where the page's own permission is missing, with the roles that have it."""
    if refusal.message is not PERMISSION_MISSING or request.endpoint is None:
        return refusal
    # Who asks is looked up after this: for another refusal the database may be what is away.
    permission, actor = permission_of(current_app, request.endpoint), actor_or_none()
    if permission is None or actor is None or actor.may(permission):
        return refusal
    action = Label(*PERMISSION_LABELS[permission])
    offered = OPERATOR_ROLES - {Role.BREAK_GLASS} if actor.is_operator else TENANT_ROLES
    roles = tuple(role for role in Role if role in offered and permission in ROLE_PERMISSIONS[role])
    if roles:
        return NotAllowed(ROLE_MISSING, action=action, roles=roles)
    return NotAllowed(OPERATORS_ONLY, action=action)


def problem(status: HTTPStatus, refusal: DomainError, errors: Sequence[Invalid] = ()) -> Response:
    """A refusal as `application/problem+json` (RFC 9457), with our code, the field and the request's number.

    `errors` are all that is wrong with a command; the first of them is the problem itself.
    """
    language = current_language()
    content: dict[str, Any] = {
        "type": f"urn:moyai:problem:{refusal.code}",
        "title": status.phrase,
        "status": int(status),
        "detail": refusal.text(language),
        "code": refusal.code,
        "request_id": current_request_id(),
    }
    if hint := refusal.hint(language):
        content["hint"] = hint
    if refusal.field:
        content["field"] = refusal.field
    if len(errors) > 1:
        content["errors"] = [
            {"field": e.field, "code": e.code, "detail": e.text(language)} | _in_all_languages(e) for e in errors
        ]
    content |= _in_all_languages(refusal)
    response = Response(json.dumps(content), status=int(status), content_type="application/problem+json")
    response.headers["Content-Language"] = language
    return response


def scim_error(status: HTTPStatus, refusal: DomainError, scim_type: str = "") -> Response:
    """A refusal as SCIM has it (RFC 7644, 3.12), with what to do next and the request's number in its text."""
    language = current_language()
    texts = [refusal.text(language), refusal.hint(language) or "", f"({current_request_id()})"]
    content = {"schemas": [_SCIM_ERROR], "status": str(int(status)), "detail": " ".join(filter(None, texts))}
    if scim_type:
        content["scimType"] = scim_type
    return Response(json.dumps(content), status=int(status), content_type="application/scim+json")


def _in_all_languages(refusal: DomainError) -> dict[str, Any]:
    """The member `texts` where the request prefers it: detail and hint in each language."""
    if ALL_LANGUAGES not in request.headers.get(PREFER_HEADER, ""):
        return {}
    languages: tuple[Language, ...] = ("ja", "en")
    return {"texts": {name: {"detail": refusal.text(name), "hint": refusal.hint(name)} for name in languages}}
