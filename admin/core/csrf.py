"""CSRF protection: each form carries a masked token of the session, checked on every unsafe method.

Checked centrally for every address outside `/api`, the back office included. The API reads no cookie and needs no
token. Views that other servers post to are marked with `@csrf_exempt(reason)`, those of people without a session with
`@csrf_by_origin(reason)`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable
from typing import Any, Final, TypeVar

from flask import Flask, g, redirect, request
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import KeepForm, actor_or_none, takes_tokens
from admin.operations.settings import Settings
from governance.kernel.errors import DomainError, message

CSRF_FIELD: Final = "csrf_token"
CSRF_HEADER: Final = "X-CSRF-Token"
_EXEMPT_ATTRIBUTE: Final = "csrf_exempt"
_ORIGIN_ATTRIBUTE: Final = "csrf_by_origin"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

V = TypeVar("V", bound=Callable[..., Any])

CSRF_FAILED = message(
    "form.not_ours",
    ja="この画面からの送信であることを確認できませんでした。何も変更していません。",
    en="This form was not sent from our own page. Nothing was changed.",
    hint_ja="前の画面を開き直し、もう一度送信してください。",
    hint_en="Open the page again and resubmit the form.",
)


class CsrfError(DomainError):
    """An unsafe request without the session's token, or with the Origin of another site."""

    kind = "forged_form"


def csrf_exempt(reason: str) -> Callable[[V], V]:
    """Mark a view that another server posts to; `reason` documents the exemption."""

    def mark(view: V) -> V:
        setattr(view, _EXEMPT_ATTRIBUTE, reason)
        return view

    return mark


def csrf_by_origin(reason: str) -> Callable[[V], V]:
    """Mark a view whose forms people send who have no session: only the Origin is checked.

    `reason` says why a form of another site's could do no harm.
    """

    def mark(view: V) -> V:
        setattr(view, _ORIGIN_ATTRIBUTE, reason)
        return view

    return mark


def new_secret() -> str:
    """A new secret for a session: 32 random bytes as URL-safe text."""
    return secrets.token_hex(32)


def mask_token(secret: str) -> str:
    """The secret XORed with a random mask, different each time: against BREACH, which reads compressed sizes."""
    plain = bytes.fromhex(secret)
    mask = secrets.token_bytes(len(plain))
    return base64.urlsafe_b64encode(mask + _xor(mask, plain)).decode()


def token_matches(secret: str, token: str) -> bool:
    """Whether the token unmasks to the secret (compared in constant time)."""
    plain = bytes.fromhex(secret)
    try:
        decoded = base64.urlsafe_b64decode(token.encode())
    except (ValueError, binascii.Error):
        return False
    if len(decoded) != 2 * len(plain):
        return False
    return hmac.compare_digest(_xor(decoded[: len(plain)], decoded[len(plain) :]), plain)


def csrf_token() -> str:
    """The token for a form or an `X-CSRF-Token` header of this session; empty without a session."""
    session = _current_session()
    return "" if session is None else mask_token(session.csrf_secret)


def csrf_field() -> Markup:
    """The hidden field each form carries."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, csrf_token())


def csrf_protect(app: Flask, settings: Settings, keep_form: KeepForm) -> None:
    """Check the token before every unsafe method; registered after the guard, which finds the session.

    `keep_form` keeps a form of an earlier session of the same person: it is shown again, with a token of this one.
    """
    app.jinja_env.globals["csrf_token"] = csrf_token
    app.jinja_env.globals["csrf_field"] = csrf_field

    @app.before_request
    def check_csrf_token() -> AnyResponse | None:
        if request.method in _SAFE or takes_tokens() or request.endpoint is None:
            return None
        if hasattr(app.view_functions[request.endpoint], _EXEMPT_ATTRIBUTE):
            return None
        origin = request.headers.get("Origin")
        if origin is not None and origin != settings.public_url:
            raise CsrfError(CSRF_FAILED)
        if hasattr(app.view_functions[request.endpoint], _ORIGIN_ATTRIBUTE):
            return None
        session = _current_session()
        token = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD) or ""
        if session is not None and token_matches(session.csrf_secret, token):
            return None
        if session is not None and (form_address := keep_form()):
            return redirect(form_address, 303)
        raise CsrfError(CSRF_FAILED)


def _current_session() -> Any:
    return None if actor_or_none() is None else g.get("web_session")


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
