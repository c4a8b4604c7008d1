"""Japanese or English: which language an answer is written in.

Pages are Japanese until a person chooses (`?lang=en`, kept in a cookie); a browser's own setting is not asked, because
an office's machine is often set up in English. The API follows Accept-Language.
"""

from __future__ import annotations

from typing import Final

from flask import Flask, Response, has_request_context, request
from flask_babel import Babel

from governance.kernel.errors import Language

LANGUAGES: Final[tuple[Language, ...]] = ("ja", "en")
COOKIE: Final = "__Host-moyai-language"
_ONE_YEAR: Final = 365 * 24 * 60 * 60


def current_language() -> Language:
    """The language of the answer to this request; Japanese outside of one."""
    if not has_request_context():
        return "ja"
    if request.path.startswith("/api/"):
        asked = (tag.partition("-")[0].lower() for tag in request.accept_languages.values())
        return next((language for tag in asked for language in LANGUAGES if tag == language), "ja")
    for chosen in (request.args.get("lang"), request.cookies.get(COOKIE)):
        if chosen in LANGUAGES:
            return chosen
    return "ja"


def either(ja: str, en: str) -> str:
    """The text in the language of this request: for templates with a sentence or two."""
    return ja if current_language() == "ja" else en


def init_i18n(app: Flask) -> None:
    """Give the application its languages, and keep a person's choice."""
    app.config["BABEL_DEFAULT_TIMEZONE"] = "Asia/Tokyo"
    app.config["BABEL_DEFAULT_LOCALE"] = "ja"
    Babel(app, locale_selector=current_language)
    app.jinja_env.globals["current_language"] = current_language
    app.jinja_env.globals["either"] = either

    @app.after_request
    def save_language_choice(response: Response) -> Response:
        chosen = request.args.get("lang")
        if chosen in LANGUAGES and request.cookies.get(COOKIE) != chosen:
            response.set_cookie(COOKIE, chosen, max_age=_ONE_YEAR, secure=True, httponly=True, samesite="Lax", path="/")
        return response
