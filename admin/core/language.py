"""Japanese or English: which language an answer is written in.

Pages are Japanese until a person chooses: signed in, among their preferences; before that `?lang=en`, kept in a cookie.
A browser's own setting is not asked, because an office's machine is often set up in English. The API follows
Accept-Language.

Three kinds of text, each in one place:

- what a page says, in a template or a view module: `_("…", name=value)`, `gettext("…", name=value)`. The English text
  is the key, Japanese stands in the catalogue; `make messages` brings its keys up to date. The text is a literal and
  not inside an f-string, or Babel does not find it. In a template it is taken as markup, so it has no `<`, `&` or `"`
  of its own; the values are escaped;
- the label of a value, a field or a column, and what a rule says when it refuses: both languages beside the enum,
  field or rule, as data;
- `either(*pair)` shows such data. It is never given two literal texts.
"""

from __future__ import annotations

from typing import Final

from flask import Flask, Response, has_request_context, request
from flask_babel import Babel, get_translations
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import preferences_or_none
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
    preferences = preferences_or_none()
    own = None if preferences is None else preferences.language.value
    for chosen in (request.args.get("lang"), own, request.cookies.get(COOKIE)):
        if chosen in LANGUAGES:
            return chosen
    return "ja"


def either(ja: str, en: str) -> str:
    """The half of a pair of data (see above) in the language of this request."""
    return ja if current_language() == "ja" else en


def gettext(text: str, **values: object) -> str:
    """The text in the language of this request, its `%(name)s` filled. `%` itself is written `%%`, as in templates."""
    return str(get_translations().ugettext(text)) % values


def ngettext(one: str, many: str, num: int, **values: object) -> str:
    """The text for this number, which it has as `%(num)s`."""
    return str(get_translations().ungettext(one, many, num)) % {"num": num, **values}


def init_i18n(app: Flask) -> None:
    """Give the application its languages, and keep a person's choice."""
    app.config["BABEL_DEFAULT_TIMEZONE"] = "Asia/Tokyo"
    app.config["BABEL_DEFAULT_LOCALE"] = "ja"
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "interface/translations"
    Babel(app, locale_selector=current_language)
    app.jinja_env.globals["current_language"] = current_language
    app.jinja_env.globals["either"] = either

    @app.after_request
    def save_language_choice(response: Response) -> Response:
        chosen = request.args.get("lang")
        if chosen in LANGUAGES and request.cookies.get(COOKIE) != chosen:
            keep_language(response, chosen)
        return response


def keep_language(response: AnyResponse, language: str) -> None:
    """Have this browser's pages before the sign-in be in this language."""
    response.set_cookie(COOKIE, language, max_age=_ONE_YEAR, secure=True, httponly=True, samesite="Lax", path="/")
