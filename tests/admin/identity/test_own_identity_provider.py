"""A municipality logs in with its own identity provider: another realm of the same Keycloak plays it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

import httpx
import pytest
from flask import Flask

from admin.identity.tables import WebSession
from admin.operations.public_requests import Answer
from admin.workflows.identity_providers import IdentityProviderJobs
from governance.actors import Actor
from governance.commands import system_transaction
from governance.derived_secrets import SECRETS_KEY
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict
from governance.permissions import Role
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.port import IdentityProviderIntent, IdentityProviderKind, identity_provider_alias
from tenancy.people.commands import DisableMember, disable_member
from tenancy.people.identity_providers.commands import (
    DisableIdentityProvider,
    EnableIdentityProvider,
    RegisterIdentityProvider,
    RemoveIdentityProvider,
    SetIdentityProviderSecret,
    disable_identity_provider,
    enable_identity_provider,
    register_identity_provider,
    remove_identity_provider,
    set_identity_provider_secret,
)
from tenancy.people.identity_providers.models import OwnIdentityProvider
from tenancy.people.identity_providers.queries import own_identity_provider
from tenancy.people.identity_providers.states import CheckProblem, IdentityProviderState
from tenancy.people.identity_providers.tables import IdentityProviderLink
from tests.admin.browser import Browser, forms
from tests.admin.live_app import LiveApp, Person
from tests.admin.second_factor import code
from tests.factories import Visitors
from tests.municipal_idp import CLIENT, SECRET, MunicipalIdp, municipal_idp
from tests.tenancy.keycloak.installation import Installation

PUBLIC = "https://idp.town.example.lg.jp"
"""The town hall's address as it would be: nothing but https at a public name is taken."""


class Lines:
    """The way to the town hall: what is asked at its public address is asked of the realm that plays it."""

    def __init__(self, town_hall: MunicipalIdp) -> None:
        self._town_hall = town_hall

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None, *, most: int = 0
    ) -> Answer:
        assert url.startswith(PUBLIC)
        answer = httpx.request(method, self.local(url), headers=dict(headers), content=body)
        return Answer(answer.status_code, self.public(answer.text).encode()[:most], None)

    def local(self, text: str) -> str:
        return text.replace(PUBLIC, self._town_hall.url)

    def public(self, text: str) -> str:
        return text.replace(self._town_hall.url, PUBLIC)


class AtTheTownHall:
    """The port to Keycloak, whose identity providers are told where the town hall is on this machine."""

    def __init__(self, identities: KeycloakIdentities, lines: Lines) -> None:
        self._identities = identities
        self._lines = lines

    def __getattr__(self, name: str) -> object:
        return getattr(self._identities, name)

    def ensure_identity_provider(self, intent: IdentityProviderIntent) -> object:
        settings = {name: self._lines.local(value) for name, value in intent.settings.items()}
        return self._identities.ensure_identity_provider(replace(intent, settings=settings))


@dataclass
class Town:
    """A municipality of the application, its identity provider and the jobs about it."""

    app: LiveApp
    tenant_id: UUID
    idp: MunicipalIdp
    jobs: IdentityProviderJobs
    owner: Actor

    @property
    def domain(self) -> str:
        return f"{self.tenant_id.hex[-12:]}.example.jp"

    def person(self, *roles: Role, at_the_town_hall: bool = True) -> Person:
        person = self.app.person(self.tenant_id, *roles, domain=self.domain)
        if at_the_town_hall:
            self.idp.add_person(person.email)
        return person

    def register(self, secret: str = SECRET, *, domain: str | None = None) -> None:
        command = RegisterIdentityProvider(
            tenant_id=self.tenant_id,
            kind=IdentityProviderKind.OIDC,
            name="職員認証基盤",
            metadata_url=f"{PUBLIC}/realms/{self.idp.realm}/.well-known/openid-configuration",
            client_id=CLIENT,
            secret=secret,
            domains=domain or self.domain,
        )
        register_identity_provider(command, actor=self.owner)
        self.check()

    def check(self) -> None:
        self.jobs.check({"tenant_id": str(self.tenant_id)})

    def apply(self) -> None:
        self.jobs.apply({"tenant_id": str(self.tenant_id)})
        self.jobs.link_people()

    def enable(self) -> None:
        enable_identity_provider(EnableIdentityProvider(tenant_id=self.tenant_id), actor=self.owner)
        self.apply()

    @property
    def facts(self) -> OwnIdentityProvider:
        with system_transaction(OPERATOR) as session:
            return own_identity_provider(session, self.tenant_id)

    def problem(self) -> CheckProblem | None:
        """What the last check found."""
        return self.facts.check_problem

    def begin(self, person: Person, *, more: str = "") -> tuple[Browser, httpx.Response]:
        """The first page after the town's own address."""
        browser = Browser()
        return browser, browser.get(f"{self.app.url}{self.app.login_path(person)}{more}")

    def sign_in(self, person: Person) -> tuple[Browser, httpx.Response]:
        """From the town's own address over the town hall's page to where it ends."""
        browser, page = self.begin(person)
        return browser, self.idp.sign_in(browser, page, person.email)


@pytest.fixture
def town(
    live_app: LiveApp,
    municipality: UUID,
    installation: Installation,
    keycloak: KeycloakIdentities,
    visitors: Visitors,
    database: Flask,
) -> Iterator[Town]:
    SECRETS_KEY.set(database, lambda: b"k" * 32)
    with municipal_idp(installation, municipality) as idp:
        lines = Lines(idp)
        jobs = IdentityProviderJobs(AtTheTownHall(keycloak, lines), lines, installation.server.url)  # type: ignore[arg-type]
        owner = visitors.person(municipality, Role.TENANT_OWNER)
        yield Town(live_app, municipality, idp, jobs, owner)
        keycloak.remove_identity_provider(municipality)


def newest_session() -> WebSession:
    with tenant_scope(OPERATOR):
        db.session.expire_all()
        found = db.session.query(WebSession).order_by(WebSession.opened_at.desc()).first()
    assert found is not None
    return found


def who(town: Town, browser: Browser) -> str:
    return browser.get(f"{town.app.url}/who").text


def test_people_of_the_town_log_in_with_its_own_identity_provider_and_nobody_else(town: Town) -> None:
    clerk = town.person(Role.TENANT_USER_ADMIN)
    by_password = town.person(Role.TENANT_FINANCE, at_the_town_hall=False)
    town.register()
    assert town.facts.check_problem is None
    assert (town.facts.state, town.facts.is_checked, town.facts.is_applied) == (
        IdentityProviderState.REGISTERED,
        True,
        False,
    )
    # Before it is enabled a sign-in begins at Moyai's own page.
    _, page = town.begin(clerk)
    assert "/realms/moyai/" in str(page.url)

    town.enable()

    assert (town.facts.is_applied, town.facts.linked) == (True, 2)
    browser, landed = town.sign_in(clerk)
    assert (landed.status_code, str(landed.url)) == (200, f"{town.app.url}/")
    assert who(town, browser).startswith(f"{clerk.person_id} tenant-member tenant-user-admin ")
    # Somebody of the town hall whom Moyai does not know, and nobody is made of them.
    stranger = replace(clerk, email=f"stranger@{town.domain}")
    town.idp.add_person(stranger.email)
    browser, page = town.sign_in(stranger)
    assert page.status_code >= 400
    assert "登録されていない" in page.text
    assert "__Host-moyai-session" not in browser.cookies.get(httpx.URL(town.app.url).netloc.decode(), {})
    # Whoever has a password at Moyai goes on with it.
    browser, page = town.begin(by_password, more="?password=1")
    town.app.fill_in(browser, page, by_password)
    assert who(town, browser).startswith(f"{by_password.person_id} tenant-finance ")
    # Suspended here is suspended, whatever the town hall says.
    disable_member(DisableMember(tenant_id=town.tenant_id, member_id=clerk.member_id, reason="休職"), actor=town.owner)
    browser, page = town.sign_in(clerk)
    assert page.status_code >= 400
    assert str(clerk.person_id) not in who(town, browser)


def test_another_tenant_is_closed_to_whoever_came_in_by_this_ones_identity_provider(
    town: Town, installation: Installation
) -> None:
    other = town.app.municipality("434311", "美里町")
    clerk = town.person(Role.TENANT_USER_ADMIN)
    # The same account belongs to both, with a role in each.
    there = town.app.belongs_also(clerk, other, Role.TENANT_FINANCE)
    town.register()
    town.enable()
    browser, _ = town.sign_in(clerk)
    assert who(town, browser).startswith(str(clerk.person_id))

    switched = browser.get(f"{town.app.url}/login/switch/{other}")
    assert switched.status_code == 403, "nor by the session that the town hall vouched for"
    assert "ほかの団体の IdP" in switched.text
    assert who(town, browser).startswith(str(clerk.person_id))
    page = browser.get(f"{town.app.url}{town.app.login_path(there)}")

    # Keycloak asks anew for another organization; the session stays the one that the town hall vouched for.
    assert "/realms/moyai/" in str(page.url)
    page = town.app.fill_in(browser, page, there)
    assert page.status_code == 403
    assert "ほかの団体の IdP" in page.text
    # The session that was there is left as it was, and by a password the person comes in.
    assert who(town, browser).startswith(str(clerk.person_id))
    by_password = Browser()
    town.app.sign_in(by_password, there)
    assert who(town, by_password).startswith(f"{there.person_id} tenant-finance ")
    # Neither is a token of that session taken for the other tenant.
    assert town.app.asks(town.app.access_token(clerk, browser)) == 200
    assert town.app.asks(town.app.access_token(there, browser)) == 401


@pytest.mark.parametrize("by_password", [False, True])
def test_step_up_leads_back_to_where_the_person_logged_in_and_asks_for_a_second_factor_of_moyais(
    town: Town, *, by_password: bool
) -> None:
    clerk = town.person(Role.TENANT_FINANCE)
    town.register()
    town.enable()
    if by_password:
        browser, page = town.begin(clerk, more="?password=1")
        town.app.fill_in(browser, page, clerk)
    else:
        browser, _ = town.sign_in(clerk)
    assert who(town, browser).startswith(str(clerk.person_id))
    assert newest_session().second_factor_at is None

    page = browser.get(f"{town.app.url}/login/step-up?next=/preferences")

    assert not str(page.url).startswith(town.app.url), "a session is no second factor"
    # Where the identity provider is away, who logged in by password still decides what needs one.
    page = town.app.fill_in(browser, page, clerk) if by_password else town.idp.sign_in(browser, page, clerk.email)
    (enrolment,) = [form for form in forms(page.text) if "totpSecret" in form.fields]
    entered = {"totp": code(enrolment.fields["totpSecret"]), "userLabel": "公用の端末"}
    landed = browser.post(enrolment.action, enrolment.fields | entered)
    assert landed.url.path == "/preferences", landed.text
    assert newest_session().second_factor_at is not None


def test_a_domain_of_another_tenant_and_a_wrong_secret_are_refused(town: Town) -> None:
    other = town.app.municipality("434311", "美里町")
    town.app.person(other, domain="misato.example.lg.jp")

    town.register(domain=f"{town.domain} misato.example.lg.jp")

    assert town.problem() is CheckProblem.DOMAIN_OF_ANOTHER
    with pytest.raises(Conflict, match="people of another tenant use"):
        enable_identity_provider(EnableIdentityProvider(tenant_id=town.tenant_id), actor=town.owner)
    assert town.facts.state is IdentityProviderState.REGISTERED
    remove_identity_provider(RemoveIdentityProvider(tenant_id=town.tenant_id, reason="誤り"), actor=town.owner)

    town.register(secret="not-the-secret")

    assert town.problem() is CheckProblem.CLIENT_REFUSED
    with pytest.raises(Conflict):
        enable_identity_provider(EnableIdentityProvider(tenant_id=town.tenant_id), actor=town.owner)
    set_identity_provider_secret(SetIdentityProviderSecret(tenant_id=town.tenant_id, secret=SECRET), actor=town.owner)
    with pytest.raises(Conflict):
        # The new secret has not been tried.
        enable_identity_provider(EnableIdentityProvider(tenant_id=town.tenant_id), actor=town.owner)
    town.check()
    assert town.facts.is_checked
    town.enable()
    assert town.facts.is_applied
    # Somebody of another tenant comes to have an address there afterwards: it is not let in anew.
    disable_identity_provider(DisableIdentityProvider(tenant_id=town.tenant_id, reason="点検"), actor=town.owner)
    town.apply()
    town.app.person(other, domain=town.domain)
    town.enable()
    assert town.problem() is CheckProblem.DOMAIN_OF_ANOTHER
    clerk = town.person(Role.TENANT_USER_ADMIN)
    _, page = town.begin(clerk)
    assert "/realms/moyai/" in str(page.url)


def test_disabled_or_removed_it_lets_nobody_in_and_ends_the_sessions_it_began(
    town: Town, keycloak: KeycloakIdentities, installation: Installation
) -> None:
    clerk = town.person(Role.TENANT_USER_ADMIN)
    town.register()
    town.enable()
    browser, _ = town.sign_in(clerk)
    assert who(town, browser).startswith(str(clerk.person_id))
    _, begun = town.begin(clerk)

    disable_identity_provider(DisableIdentityProvider(tenant_id=town.tenant_id, reason="点検"), actor=town.owner)
    town.apply()

    assert town.facts.state is IdentityProviderState.DISABLED
    assert str(clerk.person_id) not in who(town, browser)
    _, page = town.begin(clerk)
    assert "/realms/moyai/" in str(page.url)
    # Named by hand, or begun before it was disabled, it lets nobody in either.
    browser = Browser()
    page = town.idp.sign_in(browser, browser.get(str(begun.url)), clerk.email)
    assert page.status_code >= 400
    town.enable()
    _, landed = town.sign_in(clerk)
    assert landed.status_code == 200
    # Deleted by hand it takes every link with it; brought back, everybody is linked again.
    administrator = installation.as_administrator()
    alias = identity_provider_alias(town.tenant_id)
    administrator.delete(f"identity-provider/instances/{alias}")
    town.apply()
    (user,) = administrator.read("users", email=clerk.email)
    (link,) = administrator.read(f"users/{user['id']}/federated-identity")
    assert (link["identityProvider"], link["userId"]) == (alias, clerk.email)

    remove_identity_provider(RemoveIdentityProvider(tenant_id=town.tenant_id, reason="移行"), actor=town.owner)
    town.apply()

    assert administrator.read("identity-provider/instances") == []
    assert administrator.read(f"users/{user['id']}/federated-identity") == []
    assert user["enabled"]
    _, page = town.begin(clerk)
    assert "/realms/moyai/" in str(page.url)
    with system_transaction(OPERATOR) as session:
        assert session.query(IdentityProviderLink).count() == 0
