"""People who are signed in without going through Keycloak's page: their rows are there, their session is opened."""

from __future__ import annotations

from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from admin.core.csrf import mask_token, new_secret
from admin.identity.commands import OpenSession, open_session
from admin.identity.sessions import COOKIE, new_cookie
from governance.actors import Actor
from governance.kernel import clock
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy.keycloak.port import Realm

_numbers = count(1)


class Visit(FlaskClient):
    """A browser at our public address; `token` is what its forms must carry."""

    token: str = ""
    public_url: str = ""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        kwargs.setdefault("base_url", self.public_url)
        return super().open(*args, **kwargs)

    def submit(self, path: str, **fields: str) -> TestResponse:
        """Post a form as our own page would; answers the page to which a browser goes on by itself."""
        answer = self.post(path, data={"csrf_token": self.token, **fields})
        return self.get(answer.location) if is_kept(answer) else answer


def is_kept(answer: TestResponse) -> bool:
    """Whether a form is answered with the address of the page that was kept of it."""
    return answer.status_code == 303 and "form" in parse_qs(urlsplit(answer.location).query)


def visit(
    app: Flask,
    public_url: str,
    actor: Actor | None,
    *,
    in_token: frozenset[Role] | None = None,
    with_second_factor: bool = True,
) -> Visit:
    """A browser at our own address; with an actor, one with an open session of that person, just signed in."""
    client = Visit(app, app.response_class)
    client.public_url = public_url
    if actor is None:
        return client
    cookie, secret_hash = new_cookie(actor.tenant_id)
    second_factor_at = clock.now() if with_second_factor else None
    secret = new_secret()
    open_session(
        OpenSession(
            realm=Realm.OPERATORS if actor.is_operator else Realm.TENANTS,
            sid=str(new_id()),
            sub=actor.id,
            person_id=UUID(actor.id),
            roles=actor.roles if in_token is None else in_token,
            secret_hash=secret_hash,
            csrf_secret=secret,
            id_token_encrypted="sealed",
            second_factor_at=second_factor_at,
        ),
        actor=actor,
    )
    client.token = mask_token(secret)
    client.set_cookie(COOKIE, cookie, domain=public_url.removeprefix("https://"), secure=True, path="/")
    return client
