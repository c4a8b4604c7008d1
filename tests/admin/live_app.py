"""The application served over real HTTP beside a real Keycloak, and the tenants and people who sign in to it."""

from __future__ import annotations

import secrets
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import count
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import httpx
from flask import Flask, Response, g, jsonify
from werkzeug.serving import make_server

from admin.core.csrf import csrf_field
from admin.core.guard import current_actor, requires
from admin.operations.keycloak_setup import example_passwords
from admin.operations.settings import Settings
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Permission, Role
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.keys import ASSERTION_TYPE, load_or_create_keys
from tenancy.keycloak.port import (
    CONSOLE_CLIENT,
    TENANT_ROLE_GROUPS,
    OperatorIntent,
    OrganizationIntent,
    PersonIntent,
    Realm,
    organization_alias,
)
from tenancy.people.sync import record_keycloak_id
from tenancy.people.tables import Member
from tenancy.tenants.tables import Tenant
from tests.admin.browser import Browser, forms
from tests.admin.second_factor import code
from tests.factories import Factory

PASSWORD: Final = "a long enough password"
_numbers = count(1)


@dataclass(frozen=True)
class Person:
    """Somebody with a password in Keycloak."""

    tenant_id: UUID
    member_id: UUID
    person_id: UUID
    email: str
    realm: Realm


@dataclass
class LiveApp:
    """The served application and everything needed to prepare who comes."""

    app: Flask
    url: str
    settings: Settings
    factory: Factory
    identities: KeycloakIdentities

    def municipality(self, code: str, name: str) -> UUID:
        """A municipality that takes part, here and in Keycloak."""
        tenant_id = self.factory.add_member(code, name)
        self.identities.ensure_organization(OrganizationIntent(tenant_id, code, f"{name} {tenant_id.hex[-8:]}"))
        self.identities.ensure_role_groups(tenant_id)
        return tenant_id

    def person(
        self,
        tenant_id: UUID,
        *roles: Role,
        roles_in_keycloak: frozenset[str] | None = None,
        domain: str = "example.jp",
    ) -> Person:
        """A person of a municipality with roles granted here and, unless said otherwise, the same in Keycloak."""
        person = self._member(tenant_id, roles, Realm.TENANTS, domain)
        in_token = frozenset(map(str, roles)) if roles_in_keycloak is None else roles_in_keycloak
        groups = in_token & frozenset(TENANT_ROLE_GROUPS)
        (made,) = self.identities.ensure_people(
            tenant_id, [PersonIntent(person.person_id, tenant_id, person.email, "山田", "花子", groups)]
        )
        self._record(person, made.found.id)
        return person

    def belongs_also(self, person: Person, tenant_id: UUID, *roles: Role) -> Person:
        """The same account of Keycloak's in another municipality, with these roles there."""
        also = self._member(tenant_id, roles, Realm.TENANTS)
        users = self.identities.describe_tenant(person.tenant_id).people
        (user,) = [one.id for one in users if one.username == str(person.person_id)]
        people = self.identities._people[Realm.TENANTS]  # what the port does not: one account in two tenants
        (organization,) = people.read("organizations", q=f"tenant_id:{tenant_id}")
        people.create(f"organizations/{organization['id']}/members", user)
        for group in people.read_pages(f"organizations/{organization['id']}/groups"):
            if group["name"] in set(map(str, roles)):
                people.replace(f"organizations/{organization['id']}/groups/{group['id']}/members/{user}")
        with system_transaction(OPERATOR) as session:
            row = session.get_one(Member, also.member_id)
            row.account_id, row.email, row.email_key = person.person_id, person.email, person.email.lower()
            session.flush()
            record_keycloak_id(session, tenant_id, also.person_id, user)
        return replace(also, email=person.email)

    def operator(self, *roles: Role, roles_in_keycloak: frozenset[str] | None = None) -> Person:
        """A person of the operator."""
        person = self._member(self.factory.actors.operator_tenant, roles, Realm.OPERATORS)
        in_token = frozenset(map(str, roles)) if roles_in_keycloak is None else roles_in_keycloak
        made = self.identities.ensure_operator(OperatorIntent(person.person_id, person.email, "県庁", "太郎", in_token))
        self._record(person, made.found.id)
        return person

    def login_path(self, person: Person) -> str:
        if person.realm is Realm.OPERATORS:
            return "/login/operator"
        with tenant_scope(OPERATOR):
            return f"/login/{db.session.get_one(Tenant, person.tenant_id).code}"

    def sign_in(self, browser: Browser, person: Person, *, path: str | None = None) -> httpx.Response:
        """Go through the real sign-in page of Keycloak; answers the page the person lands on."""
        return self.fill_in(browser, browser.get(self.url + (path or self.login_path(person))), person)

    def fill_in(self, browser: Browser, page: httpx.Response, person: Person) -> httpx.Response:
        """Fill in Keycloak's own form."""
        assert page.status_code == 200, page.text
        form = next(form for form in forms(page.text) if "password" in form.fields)
        form.fields.update(username=person.email, password=PASSWORD)
        return browser.post(form.action, form.fields)

    def access_token(
        self, person: Person, browser: Browser | None = None, *, password: str = PASSWORD, secret: str | None = None
    ) -> str:
        """An access token as the console gets it, by the same steps, but for none of its sessions.

        With a browser that is signed in, it is of that session of Keycloak. `secret` is that of the person's app, whose
        next code is entered.
        """
        browser = browser or Browser()
        issuer = f"{self.settings.keycloak_url}/realms/{person.realm}"
        verifier = secrets.token_urlsafe(48)
        digest = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        scope = "openid"
        if person.realm is Realm.TENANTS:
            scope += f" organization:{organization_alias(person.tenant_id)}"
        callback = f"{self.url}/login/callback"
        asked = {"client_id": CONSOLE_CLIENT, "response_type": "code", "redirect_uri": callback, "scope": scope}
        asked |= {"state": "s", "nonce": "n", "code_challenge": digest, "code_challenge_method": "S256"}
        answer = browser.get(f"{issuer}/protocol/openid-connect/auth?{urlencode(asked)}", follow=False)
        if answer.status_code == 200:
            form = next(form for form in forms(answer.text) if "password" in form.fields)
            form.fields.update(username=person.email, password=password)
            answer = browser.post(form.action, form.fields, follow=secret is not None)
            if secret is not None:
                form = next(form for form in forms(answer.text) if "otp" in form.fields)
                answer = browser.post(form.action, form.fields | {"otp": code(secret, steps=1)}, follow=False)
        key = load_or_create_keys(self.settings.keys).console
        exchanged = httpx.post(
            f"{issuer}/protocol/openid-connect/token",
            data={
                "grant_type": "authorization_code",
                "code": httpx.URL(answer.headers["location"]).params["code"],
                "redirect_uri": callback,
                "code_verifier": verifier,
                "client_id": CONSOLE_CLIENT,
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": key.assertion(CONSOLE_CLIENT, issuer),
            },
        )
        assert exchanged.status_code == 200, exchanged.text
        return str(exchanged.json()["access_token"])

    def asks(self, token: str) -> int:
        """The status of the API's answer to whoever has this token."""
        return self._who(token).status_code

    def roles_of(self, token: str) -> set[str]:
        """The roles that whoever has this token acts with."""
        return set(self._who(token).json()["roles"])

    def _who(self, token: str) -> httpx.Response:
        return httpx.get(f"{self.url}/api/v1/who", headers={"Authorization": f"Bearer {token}"})

    def _member(self, tenant_id: UUID, roles: tuple[Role, ...], realm: Realm, domain: str = "example.jp") -> Person:
        email = f"person-{next(_numbers)}-{tenant_id.hex[-12:]}@{domain}"
        added = self.factory.add_person(tenant_id, email, *roles)
        return Person(tenant_id, added.member_id, added.person_id, email, realm)

    def _record(self, person: Person, keycloak_id: str) -> None:
        """As the worker does for who was made in Keycloak; and a password, as the person would set one."""
        with system_transaction(OPERATOR) as session:
            record_keycloak_id(session, person.tenant_id, person.person_id, keycloak_id)
        example_passwords(self.settings).set(person.person_id, PASSWORD, person.realm)


def add_probe_views(app: Flask) -> None:
    """Probe views that say who came: one page for any signed-in person, one for the owner, one form, an API.

    They stand in for no page of the application; they only show what the guard lets through.
    """

    @app.get("/who")
    @requires(Permission.SIGNED_IN)
    def who() -> str:
        actor = current_actor()
        return f"{actor.id} {' '.join(sorted(actor.roles))} {csrf_field()} {g.web_session.realm}"

    @app.get("/people")
    @requires(Permission.MEMBER_ADD)
    def people() -> str:
        return "people"

    @app.get("/finance")
    @requires(Permission.COST_RECORD)
    def finance() -> str:
        return "finance"

    @app.get("/api/v1/who")
    @requires(Permission.SIGNED_IN)
    def api_who() -> Response:
        actor = current_actor()
        with_rows = db.session.query(Tenant).count()
        return jsonify(
            id=actor.id, tenant=str(actor.tenant_id), roles=sorted(actor.roles), kind=actor.kind, tenants_seen=with_rows
        )


@contextmanager
def served(app: Flask, port: int) -> Iterator[None]:
    """The application over HTTP on 127.0.0.1 while inside."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()
