"""The application served over real HTTP beside a real Keycloak, and the tenants and people who sign in to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Final
from uuid import UUID

import httpx
from flask import Flask, Response, g, jsonify
from werkzeug.serving import make_server

from admin.core.csrf import csrf_field
from admin.core.guard import current_actor, requires
from admin.operations.keycloak_setup import example_passwords
from admin.operations.settings import Settings
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Permission, Role
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.port import TENANT_ROLE_GROUPS, OperatorIntent, OrganizationIntent, PersonIntent, Realm
from tenancy.tenants.tables import Tenant
from tests.admin.browser import Browser, forms
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

    def person(self, tenant_id: UUID, *roles: Role, roles_in_keycloak: frozenset[str] | None = None) -> Person:
        """A person of a municipality with roles granted here and, unless said otherwise, the same in Keycloak."""
        person = self._member(tenant_id, roles, Realm.TENANTS)
        in_token = frozenset(map(str, roles)) if roles_in_keycloak is None else roles_in_keycloak
        self.identities.ensure_people(
            tenant_id,
            [
                PersonIntent(
                    person.person_id, tenant_id, person.email, "山田", "花子", in_token & frozenset(TENANT_ROLE_GROUPS)
                )
            ],
        )
        self._set_password(person)
        return person

    def operator(self, *roles: Role, roles_in_keycloak: frozenset[str] | None = None) -> Person:
        """A person of the operator."""
        person = self._member(self.factory.actors.operator_tenant, roles, Realm.OPERATORS)
        in_token = frozenset(map(str, roles)) if roles_in_keycloak is None else roles_in_keycloak
        self.identities.ensure_operator(OperatorIntent(person.person_id, person.email, "県庁", "太郎", in_token))
        self._set_password(person)
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

    def _member(self, tenant_id: UUID, roles: tuple[Role, ...], realm: Realm) -> Person:
        email = f"person-{next(_numbers)}-{tenant_id.hex[-12:]}@example.jp"
        added = self.factory.add_person(tenant_id, email, *roles)
        return Person(tenant_id, added.member_id, added.person_id, email, realm)

    def _set_password(self, person: Person) -> None:
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
