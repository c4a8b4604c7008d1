"""Back, reload and the end of a session lose nothing that was typed (post-redirect-get).

Whatever page a form is answered with is kept and shown by a GET of the same address with `?form=<key>`: a browser's way
back and its reload ask for it again and send nothing twice. A form that is opened anew within the hour has in it what
was last sent of it and not carried out; so has one that was sent after the session had ended, once its person is back.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from flask import Flask, Response, current_app, g, redirect, request, url_for

from admin.core.csrf import CSRF_FIELD, token_matches
from admin.core.guard import actor_or_none
from admin.core.language import current_language
from admin.identity.cipher import TextCipher
from admin.identity.kept_forms import (
    MAX_KEY,
    FormContent,
    FormOwner,
    ShownPage,
    forget_form,
    keep_form,
    kept_form,
)
from admin.identity.lifetimes import DRAFT_KEPT, ENDED_KEPT
from admin.identity.sessions import COOKIE, ActiveSession, csrf_secrets_of_ended, find_ended_session
from admin.interface.forms import Form, key_of_answer
from admin.interface.page_endpoint import page_endpoint
from admin.operations.settings import Settings
from governance.actors import ActorKind
from governance.kernel.ids import new_id

V = TypeVar("V", bound=Callable[..., Any])

KEPT: Final = "form"
"""The parameter of an address that names a kept form by its key."""
FRESH: Final = "fresh"
"""The parameter that asks for the form without what was sent of it before."""
_OF_THE_FRAME: Final = frozenset({KEPT, FRESH, "lang"})
_SHOWN: Final = frozenset({200, 409, 422})
"""Statuses of a page that a form is answered with."""
_SHOWN_ONCE: Final = "shown_once"
_WAITS: Final = "form_waits"
"""Set where this request's form was kept for later instead of read."""
_ELSEWHERE: Final = ("/backoffice/",)
"""Addresses whose forms are a library's own."""
ANSWERED: Final = "moyai-answered-"
"""A cookie for the page's script: the server has the form with the key that follows."""
_ANSWERED_SECONDS: Final = 300
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9-]{1,100}")
"""Keys that may stand in the name of a cookie; those of our own pages are such."""
_HAS_FORM: Final = "has_form"
"""Set where what this request sent was carried out, or is shown or kept: not where a fault was the answer."""


def init_kept_forms(app: Flask) -> None:
    """Keep what forms are answered with; registered after the guard, which finds the session."""

    @app.before_request
    def show_kept_page() -> Response | None:
        key = request.args.get(KEPT)
        owner = _owner()
        if request.method != "GET" or not key or owner is None:
            return None
        kept = kept_form(_cipher(), owner, form_address(), key)
        page = None if kept is None else kept.page
        # A page of another session has that one's tokens in it; of another language it is the form that is shown.
        if page is None or page.session_id != str(g.web_session.id) or page.language != current_language():
            return None
        return Response(page.html, status=page.status, content_type="text/html; charset=utf-8")

    app.jinja_env.globals["form_owner_digest"] = form_owner_digest

    @app.after_request
    def name_answered_form(response: Response) -> Response:
        """Tell the page's script that it need not keep what was typed. Runs after `keep_page`, which stands below."""
        key = request.form.get("key", "") if request.method == "POST" and (g.get(_HAS_FORM) or g.get(_WAITS)) else ""
        if _PLAIN_KEY.fullmatch(key):
            # The script reads it, so it is not `httponly`; there is nothing secret in it.
            name, age = ANSWERED + key, _ANSWERED_SECONDS
            response.set_cookie(name, "1", max_age=age, secure=True, samesite="Strict", path="/")
        return response

    @app.after_request
    def keep_page(response: Response) -> Response:
        owner = _owner()
        if request.method != "POST" or owner is None or g.get(_WAITS) or request.path.startswith(_ELSEWHERE):
            return response
        sent = request.form.get("key", "")[:MAX_KEY]
        if response.status_code in (302, 303) and sent:
            forget_form(owner, form_address(), sent)
            setattr(g, _HAS_FORM, True)
            return response
        if response.status_code not in _SHOWN or response.mimetype != "text/html":
            return response
        setattr(g, _HAS_FORM, True)
        if not _has_form_page():
            return response
        session: ActiveSession = g.web_session
        # What has a new key now, because its own was used up, is not what was carried out under that one.
        key = key_of_answer() or sent or str(new_id())
        if sent and key != sent:
            forget_form(owner, form_address(), sent)
        page = ShownPage(response.status_code, response.get_data(as_text=True), current_language(), str(session.id))
        if not keep_form(_cipher(), owner, form_address(), FormContent(_fields(), key, page), DRAFT_KEPT):
            return response
        shown = redirect(f"{form_address()}{'&' if '?' in form_address() else '?'}{urlencode({KEPT: key})}", 303)
        return current_app.make_response(shown)


def shown_once(reason: str) -> Callable[[V], V]:
    """Mark a view whose page is not kept; `reason` documents why. Goes below `@requires`."""

    def mark(view: V) -> V:
        setattr(view, _SHOWN_ONCE, reason)
        return view

    return mark


def restored_form() -> Form | None:
    """The form of this address as its person last sent it and did not carry it out; None for none, and where not asked.

    In step "enter": nothing is confirmed by it.
    """
    owner = _owner()
    if owner is None or request.method != "GET" or FRESH in request.args:
        return None
    kept = kept_form(_cipher(), owner, form_address(), request.args.get(KEPT))
    if kept is None:
        return None
    values = {name: text for name, text in kept.fields.items() if name not in ("key", "step")}
    return Form(values, kept.key, is_restored=True)


def keep_after_end() -> str | None:
    """Keep the form of a request whose session has ended, for the person whose session it was.

    Returns the form's address; None where there was no such session, where the form is not of our own page, or where
    it is too large.
    """
    ended = find_ended_session(request.cookies.get(COOKIE, ""))
    if ended is None:
        return None
    return _keep_sent(FormOwner(ended.tenant_id, ended.person_id), [ended.csrf_secret])


def keep_of_former_session() -> str | None:
    """Keep the form of a page of an earlier session, sent in a later one of the same person. As `keep_after_end`."""
    owner = _owner()
    if owner is None:
        return None
    return _keep_sent(owner, csrf_secrets_of_ended(owner.tenant_id, owner.person_id))


def keep_for_return() -> str | None:
    """Keep the form of this request while its person signs in once more; returns the address where they go on.

    None where a request is no form of a page.
    """
    owner = _owner()
    endpoint = page_endpoint()
    if owner is None or request.method != "POST" or request.url_rule is None:
        return None
    if endpoint == request.endpoint and "GET" not in (request.url_rule.methods or ()):
        return None
    key = request.form.get("key", "")[:MAX_KEY] or str(new_id())
    setattr(g, _WAITS, keep_form(_cipher(), owner, form_address(), FormContent(_fields(), key), DRAFT_KEPT))
    return form_address()


def form_address() -> str:
    """The address of the form of this request, without what the frame adds to it."""
    query = [(name, text) for name, text in request.args.items(multi=True) if name not in _OF_THE_FRAME]
    path = url_for(page_endpoint(), **(request.view_args or {})) if request.endpoint else request.path
    return f"{path}?{urlencode(query)}" if query else path


def form_owner_digest() -> str:
    """Whose forms the page's script may keep: the same for one person, of whom it tells nothing. Empty for nobody."""
    owner = _owner()
    return "" if owner is None else hashlib.sha256(f"{owner.tenant_id} {owner.person_id}".encode()).hexdigest()[:16]


def _keep_sent(owner: FormOwner, secrets: Iterable[str]) -> str | None:
    settings: Settings = current_app.config["MOYAI"]
    if not _has_form_page() or "key" not in request.form:
        return None
    if request.headers.get("Origin", settings.public_url) != settings.public_url:
        return None
    token = request.form.get(CSRF_FIELD, "")
    if not any(token_matches(secret, token) for secret in secrets):
        return None
    content = FormContent(_fields(), request.form["key"][:MAX_KEY])
    setattr(g, _WAITS, keep_form(_cipher(), owner, form_address(), content, ENDED_KEPT))
    return form_address() if g.get(_WAITS) else None


def _fields() -> dict[str, str]:
    """What was sent, but for the session's token. Ticked boxes of one name are one text, as on a confirm page."""
    names = [name for name in request.form if name != CSRF_FIELD]
    return {name: ",".join(request.form.getlist(name)).replace("\r\n", "\n") for name in names}


def _has_form_page() -> bool:
    """Whether a GET shows the page of this form, and the page is one that may be kept."""
    if request.url_rule is None or hasattr(current_app.view_functions[request.url_rule.endpoint], _SHOWN_ONCE):
        return False
    return page_endpoint() != request.endpoint or "GET" in (request.url_rule.methods or ())


def _owner() -> FormOwner | None:
    """The person who is signed in on this browser."""
    if g.get("web_session") is None:
        return None
    actor = actor_or_none()
    if actor is None or actor.kind is not ActorKind.PERSON:
        return None
    return FormOwner(actor.tenant_id, UUID(actor.id))


def _cipher() -> TextCipher:
    services: Any = current_app.extensions["moyai.identity"]
    cipher: TextCipher = services.cipher
    return cipher
