"""People who are signed in without going through Keycloak's page: their rows are there, their session is opened."""

from __future__ import annotations

from itertools import count
from typing import Any
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from admin.core.csrf import mask_token, new_secret
from admin.identity.commands import OpenSession, open_session
from admin.identity.sessions import COOKIE, new_cookie
from governance import grants
from governance.actors import Actor, ActorKind
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.ids import new_id
from governance.permissions import OPERATOR_ROLES, Role
from tenancy.keycloak.port import Realm, organization_alias
from tenancy.people.states import MemberState
from tenancy.people.tables import Member
from tenancy.tenants.states import TenantKind, TenantState
from tenancy.tenants.tables import Tenant

_numbers = count(1)


class Visitors:
    """Rows as a finished onboarding leaves them, planted without its commands because these tests are not about it."""

    def municipality(self, code: str, name: str, state: TenantState = TenantState.TRIAL) -> UUID:
        """A municipality whose people may sign in."""
        tenant_id = new_id()
        with system_transaction(OPERATOR) as session:
            session.add(
                Tenant(
                    id=tenant_id,
                    code=code,
                    name=name,
                    kana="マチ",
                    kind=TenantKind.CITY.value,
                    state=state.value,
                    is_operator=False,
                    alias=organization_alias(tenant_id),
                    version=1,
                    registered_at=clock.now(),
                )
            )
        return tenant_id

    def person(self, tenant_id: UUID, *roles: Role, in_token: frozenset[Role] | None = None) -> Actor:
        """A person with these roles granted here; of a municipality always a plain member too.

        `in_token` is what the token names, where that differs: the actor has both in common, as after a sign-in.
        """
        person_id = new_id()
        granted = frozenset(roles) | (frozenset() if set(roles) & OPERATOR_ROLES else {Role.TENANT_MEMBER})
        with system_transaction(OPERATOR) as session:
            email = f"visitor-{next(_numbers)}@example.jp"
            session.add(
                Member(
                    id=new_id(),
                    tenant_id=tenant_id,
                    person_id=person_id,
                    family_name="山田",
                    given_name="花子",
                    email=email,
                    email_key=email,
                    state=MemberState.ACTIVE.value,
                    added_by="test",
                    added_at=clock.now(),
                )
            )
            for role in granted:
                grants.grant(session, tenant_id, person_id, role, clock.now(), "test")
        return Actor(str(person_id), ActorKind.PERSON, tenant_id, granted if in_token is None else in_token & granted)


class Visit(FlaskClient):
    """A browser at our public address; `token` is what its forms must carry."""

    token: str = ""
    public_url: str = ""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        kwargs.setdefault("base_url", self.public_url)
        return super().open(*args, **kwargs)

    def submit(self, path: str, **fields: str) -> TestResponse:
        """Post a form as our own page would."""
        return self.post(path, data={"csrf_token": self.token, **fields})


def visit(app: Flask, public_url: str, actor: Actor | None, *, in_token: frozenset[Role] | None = None) -> Visit:
    """A browser at our own address; with an actor, one with an open session of that person."""
    client = Visit(app, app.response_class)
    client.public_url = public_url
    if actor is None:
        return client
    cookie, secret_hash = new_cookie(actor.tenant_id)
    secret = new_secret()
    open_session(
        OpenSession(
            realm=Realm.OPERATORS if actor.is_operator else Realm.TENANTS,
            sid=str(new_id()),
            sub=str(new_id()),
            person_id=UUID(actor.id),
            roles=actor.roles if in_token is None else in_token,
            secret_hash=secret_hash,
            csrf_secret=secret,
            id_token_encrypted="sealed",
        ),
        actor=actor,
    )
    client.token = mask_token(secret)
    client.set_cookie(COOKIE, cookie, domain=public_url.removeprefix("https://"), secure=True, path="/")
    return client
