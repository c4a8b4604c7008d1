"""Authentication and authorization of every request: actor, permission, tenant scope.

Each view declares its permission with `@requires(...)`; a view without one is refused. Pages authenticate by the
session cookie, `/api` and `/scim` by a bearer token only. `admin.identity` finds out who somebody is;
`governance.permissions` says what a role allows. Both are checked here, before any view runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final, NamedTuple, TypeVar

import structlog
from flask import Flask, Response, current_app, g, redirect, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response as AnyResponse

from governance.actors import Actor
from governance.commands import PERMISSION_MISSING
from governance.kernel.database import tenant_scope
from governance.kernel.era import date_notation
from governance.kernel.errors import NotAllowed
from governance.kernel.labels import Label
from governance.labels import permission_wording
from governance.permissions import Permission
from tenancy.preferences.models import PreferencesFacts

log = structlog.get_logger(__name__)

V = TypeVar("V", bound=Callable[..., Any])

_PERMISSION_ATTRIBUTE: Final = "required_permission"
_SCOPES: Final = "guard_scopes"
_IDENTIFIERS: Final = "moyai.guard"
API_PREFIX: Final = "/api/"
SCIM_PREFIX: Final = "/scim/"
_FILE_KIND: Final = "file_kind"
"""The part of an address that names the kind of a file: files are the same for every reader."""


class Identification(NamedTuple):
    """The actor of the request; None where nobody is authenticated."""

    actor: Actor | None
    token_error: str = ""
    """For a bearer token that was refused: the word for `WWW-Authenticate`, never what was wrong with it in detail."""
    ended: str = ""
    """For a cookie whose session is over: why, as a word for the address of the sign-in."""
    preferences: PreferencesFacts | None = None
    """What a person has chosen for their pages; None where they have chosen nothing, and for the API."""
    sid: str = ""
    """The session of Keycloak's in which a person asks; empty for a service client."""


Identify = Callable[[], Identification]
KeepForm = Callable[[], str | None]
"""Keeps what a request sent that is not carried out; returns the address of its form, None where it kept nothing."""


def requires(permission: Permission) -> Callable[[V], V]:
    """Declare the permission of a view. `Permission.PUBLIC` admits everybody, `SIGNED_IN` any authenticated actor.

    Goes below the route decorator. The mark survives wrappers that use functools.wraps.
    """

    def mark(view: V) -> V:
        setattr(view, _PERMISSION_ATTRIBUTE, permission)
        return view

    return mark


def current_actor() -> Actor:
    """The actor of this request. Raises RuntimeError in a view whose permission is PUBLIC."""
    actor = actor_or_none()
    if actor is None:
        raise RuntimeError("a public view asked for its actor")
    return actor


def actor_or_none() -> Actor | None:
    """The actor, or None for an anonymous request.

    Looked up at the first call only, so a public view that does not call it (health) needs no database.
    """
    return _identify_once().actor


def may(permission: Permission) -> bool:
    """Whether the actor holds the permission; for templates."""
    actor = actor_or_none()
    return actor is not None and actor.may(permission)


def preferences_or_none() -> PreferencesFacts | None:
    """What the person of this request has chosen; None for somebody who is not known (yet) or has chosen nothing.

    Asks nobody: before the guard has found out who it is, nothing is chosen.
    """
    found: Identification | None = g.get("identified")
    return None if found is None else found.preferences


def current_sid() -> str:
    """The session of Keycloak's in which the person of this request asks; empty for a service client and nobody."""
    return _identify_once().sid


def is_api() -> bool:
    """Whether the request is to `/api`: bearer tokens and problem+json only."""
    return request.path.startswith(API_PREFIX)


def is_scim() -> bool:
    """Whether the request is to `/scim`: tokens of tenants' directories, and errors as SCIM has them."""
    return request.path.startswith(SCIM_PREFIX)


def takes_tokens() -> bool:
    """Whether programs ask here: with a token in the request, never with a cookie."""
    return is_api() or is_scim()


def init_guard(app: Flask, identify_person: Identify, identify_bearer: Identify, keep_form: KeepForm) -> None:
    """Register the guard to run before every view.

    `keep_form` keeps the form of a request whose session has ended.
    """

    @app.before_request
    def guard() -> AnyResponse | None:
        scopes = ExitStack()
        setattr(g, _SCOPES, scopes)
        # Nothing is inherited: until somebody is known, this request sees no rows.
        scopes.enter_context(tenant_scope(None))
        if request.endpoint is None:
            return None  # No such address: 404 for everybody alike.
        permission = permission_of(app, request.endpoint)
        if permission is None:
            log.error("route.permission_missing", endpoint=request.endpoint)
            raise NotAllowed(PERMISSION_MISSING, permission=Label("この画面の利用", "use this page"))
        if permission is Permission.PUBLIC:
            return None
        found = _identify_once()
        if found.actor is None:
            return _require_sign_in(found, keep_form)
        if not found.actor.may(permission):
            log.warning("permission.denied", permission=permission.value, endpoint=request.endpoint)
            raise NotAllowed(PERMISSION_MISSING, permission=permission_wording(permission))
        scopes.enter_context(tenant_scope(found.actor.tenant_scope))
        if found.preferences is not None and _FILE_KIND not in (request.view_args or {}):
            scopes.enter_context(date_notation(found.preferences.date_notation))
        return None

    @app.teardown_request
    def close_scopes(failure: BaseException | None) -> None:
        scopes: ExitStack | None = g.pop(_SCOPES, None)
        if scopes is not None:
            scopes.close()

    app.extensions[_IDENTIFIERS] = (identify_person, identify_bearer)
    app.jinja_env.globals["may"] = may
    app.jinja_env.globals["Permission"] = Permission
    app.jinja_env.globals["actor_or_none"] = actor_or_none


def permission_of(app: Flask, endpoint: str) -> Permission | None:
    """The permission of a view, or None for a view that is refused because it declares none.

    Static files are public: they are part of the package and hold no data.
    """
    if endpoint == "static" or endpoint.endswith(".static"):
        return Permission.PUBLIC
    permission: Permission | None = getattr(app.view_functions[endpoint], _PERMISSION_ATTRIBUTE, None)
    return permission


class RouteInfo(NamedTuple):
    """One URL rule with its methods and permission; None means refused."""

    rule: str
    methods: tuple[str, ...]
    endpoint: str
    permission: Permission | None


def list_routes(app: Flask) -> Iterator[RouteInfo]:
    """Every URL rule with its permission, sorted; `moyai permissions` prints them."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint)):
        methods = tuple(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))
        yield RouteInfo(rule.rule, methods, rule.endpoint, permission_of(app, rule.endpoint))


def _identify_once() -> Identification:
    """The actor, looked up once a request."""
    if "identified" not in g:
        # Set before it is known: where finding out fails, the page that says so must not try again.
        g.identified = Identification(None)
        identify_person, identify_bearer = current_app.extensions[_IDENTIFIERS]
        g.identified = identify_bearer() if takes_tokens() else identify_person()
        actor = g.identified.actor
        if actor is not None:
            structlog.contextvars.bind_contextvars(actor=actor.id, tenant=str(actor.tenant_id))
    found: Identification = g.identified
    return found


def _require_sign_in(found: Identification, keep_form: KeepForm) -> AnyResponse:
    if takes_tokens():
        facts: dict[str, str | None] = {"realm": "moyai"}
        if found.token_error:
            facts["error"] = found.token_error
        raise Unauthorized(www_authenticate=WWWAuthenticate("bearer", facts))
    next_path, ended = "/", found.ended
    if request.method == "GET":
        next_path = request.full_path.rstrip("?")
    elif ended and (form_address := keep_form()):
        next_path, ended = form_address, f"{ended}-kept"
    sign_in_url = current_app.url_for(
        "identity.realm_chooser", next=next_path if next_path != "/" else None, ended=ended or None
    )
    if request.headers.get("HX-Request") == "true":
        # A fragment must not become a login page inside a table: the whole page goes there.
        return Response(status=401, headers={"HX-Redirect": sign_in_url})
    return redirect(sign_in_url, 303)
