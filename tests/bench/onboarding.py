"""Onboarding one municipality through Moyai, against the same Keycloak calls made bare; the goal is twice the time.

    python -m tests.bench.onboarding

One municipality is one owner, fifty people and three service clients. Moyai's side is everything from the command that
starts the onboarding to the tenant being a member: nine steps, each committed and recorded before the next. The bare
side makes the same requests with the same bodies to the same server, side by side over eight connections, and writes
nothing down; that they are the same is counted, not believed. What is entered beforehand is in neither figure.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psycopg
from flask import Flask

from admin.core.logs import configure_logs
from admin.migrations.apply import migrate_url
from admin.operations.mail.outbox import MailOutbox
from admin.operations.mail.server import LocalMailServer
from governance.kernel.codes import check_digit
from governance.kernel.database import connect, db
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.calls import counted_calls
from tenancy.keycloak.connection import KeyCredential
from tenancy.keycloak.keys import SigningKey
from tenancy.keycloak.port import (
    TENANT_ROLE_GROUPS,
    OrganizationIntent,
    PersonIntent,
    ServiceClientIntent,
    service_client_prefix,
)
from tenancy.keycloak.representations import API_CLIENT, organization_body, person_body, service_client_body
from tenancy.onboarding.steps import OnboardingState
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.tenants.states import TenantKind, TenantState
from tests import servers
from tests.actors import Actors, seed_operator
from tests.bench._conditions import machine, spread
from tests.tenancy.keycloak.installation import ACCOUNT_KEYS, Installation
from tests.tenancy.onboarding.applicants import SINCE, Applicant, Applicants, look_at

PEOPLE, SYSTEMS, CONNECTIONS = 50, 3, 8
WARM_UP, ROUNDS = 3, 10
GOAL_RATIO = 2.0
OWNER = Role.TENANT_OWNER.value

Calls = Counter[tuple[str, str]]
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class ThroughMoyai:
    """Onboards one municipality after another as the worker does."""

    def __init__(self, identities: KeycloakIdentities, actors: Actors) -> None:
        self._applicants = Applicants(actors)
        self._worker = OnboardingWorker(identities, actor=actors.worker, name="bench")
        self._numbers = count(201)

    def prepare(self) -> Applicant:
        """A municipality for whom everything is entered."""
        five = f"43{next(self._numbers)}"
        code, mark = five + check_digit(five), uuid4().hex[:8]
        factory = self._applicants.factory
        tenant_id = factory.register_applicant(code, f"測定市{mark}", "ソクテイシ", TenantKind.CITY, since=SINCE)
        factory.change_state(tenant_id, TenantState.SCREENING, TenantState.AGREED)
        applicant = Applicant(tenant_id, code, f"測定市{mark}", f"{mark}.example")
        self._applicants.on_plan(applicant)
        self._applicants.with_owner(applicant)
        for number in range(PEOPLE):
            self._applicants.with_person(applicant, f"person{number}@{applicant.domain}")
        for number in range(SYSTEMS):
            self._applicants.with_system(applicant, f"システム{number}")
        self._applicants.accept_agreement_for(applicant)
        return applicant

    def onboard(self, applicant: Applicant) -> tuple[float, Calls]:
        """Seconds from the order to membership, and the calls made to Keycloak."""
        with counted_calls() as log:
            started = time.perf_counter()
            onboarding_id = self._applicants.start(applicant)
            self._worker.run(onboarding_id)
            seconds = time.perf_counter() - started
        state = look_at(onboarding_id).state
        if state is not OnboardingState.DONE:
            raise AssertionError(f"the onboarding is {state}")
        return seconds, Counter(_alike(call.method, call.path) for call in log.calls if not call.is_token)


@dataclass(frozen=True)
class BareMunicipality:
    """What is to be written, bodies made beforehand."""

    tenant_id: str
    organization: dict[str, Any]
    owner: dict[str, Any]
    people: list[dict[str, Any]]
    clients_prefix: str
    clients: list[dict[str, Any]]


class Bare:
    """The same requests by hand: eight connections, tokens and ids of roles at hand, nothing recorded."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        self._http = httpx.Client(base_url=installation.server.url, limits=limits, timeout=30, trust_env=False)
        self._pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="bare")
        self._calls: list[tuple[str, str]] = []
        self._bearers: dict[str, str] = {}
        self._sign_in()
        self._api = self._ask("moyai-clients", "GET", "/clients", clientId=API_CLIENT)[0]["id"]
        roles = self._ask("moyai-clients", "GET", f"/clients/{self._api}/roles")
        self._roles = {row["name"]: row["id"] for row in roles}

    def close(self) -> None:
        self._pool.shutdown()
        self._http.close()

    def prepare(self) -> BareMunicipality:
        """Bodies of a municipality of the same size, and fresh tokens."""
        self._sign_in()
        tenant_id, mark = new_id(), uuid4().hex[:8]

        def person(name: str) -> dict[str, Any]:
            return person_body(PersonIntent(new_id(), tenant_id, f"{name}@{mark}.example", "試験", "花子"))

        def system(number: int) -> dict[str, Any]:
            jwks = SigningKey.generate().public_jwks
            scopes = frozenset({"moyai:usage.read"})
            return service_client_body(ServiceClientIntent(new_id(), tenant_id, f"システム{number}", jwks, scopes))

        return BareMunicipality(
            str(tenant_id),
            organization_body(OrganizationIntent(tenant_id, "432016", f"測定市{mark}")),
            person("owner"),
            [person(f"person{number}") for number in range(PEOPLE)],
            service_client_prefix(tenant_id),
            [system(number) for number in range(SYSTEMS)],
        )

    def onboard(self, wanted: BareMunicipality) -> tuple[float, Calls]:
        """Seconds for all of it, and the calls made."""
        self._calls.clear()
        started = time.perf_counter()
        organization = self.organization(wanted)
        groups = self._role_groups(organization)
        self._owner(organization, groups[OWNER], wanted.owner)
        self.people(organization, wanted.people)
        self._clients(wanted)
        return time.perf_counter() - started, Counter(_alike(*call) for call in self._calls)

    # -- the steps; looks before and after as Moyai makes them

    def organization(self, wanted: BareMunicipality) -> str:
        def look() -> Any:
            about = {"q": f"tenant_id:{wanted.tenant_id}", "briefRepresentation": "false", "max": 2}
            return self._ask("moyai-people", "GET", "/organizations", **about)

        look()
        self._ask("moyai-people", "POST", "/organizations", wanted.organization)
        return str(look()[0]["id"])

    def _role_groups(self, organization: str) -> dict[str, str]:
        below = f"/organizations/{organization}/groups"

        def make(role: str) -> None:
            group = self._made("moyai-people", below, {"name": role})
            mapping = [{"id": self._roles[role], "name": role}]
            self._ask("moyai-people", "POST", f"{below}/{group}/role-mappings/clients/{self._api}", mapping)

        self._pages("moyai-people", below)
        self._in_parallel(make, TENANT_ROLE_GROUPS)
        return {row["name"]: row["id"] for row in self._pages("moyai-people", below)}

    def _owner(self, organization: str, group: str, owner: dict[str, Any]) -> None:
        below = f"/organizations/{organization}"
        self._pages("moyai-people", f"{below}/groups/{group}/members")
        self._pages("moyai-people", f"{below}/members")
        user = self._person(organization, owner)
        self._ask("moyai-people", "PUT", f"{below}/groups/{group}/members/{user}")
        self._pages("moyai-people", f"{below}/groups/{group}/members")
        self._ask("moyai-reconciler", "GET", "")
        self._ask("moyai-people", "GET", "/users", username=owner["username"], exact="true")
        mail = f"/users/{user}/execute-actions-email"
        self._ask("moyai-people", "PUT", mail, ["UPDATE_PASSWORD"], lifespan=86_400)

    def people(self, organization: str, people: list[dict[str, Any]]) -> None:
        """Users and their memberships side by side, with a look before and after."""
        self._pages("moyai-people", f"/organizations/{organization}/members")
        self._in_parallel(lambda person: self._person(organization, person), people)
        self._pages("moyai-people", f"/organizations/{organization}/members")

    def _person(self, organization: str, body: dict[str, Any]) -> str:
        user = self._made("moyai-people", "/users", body)
        self._ask("moyai-people", "POST", f"/organizations/{organization}/members", user)
        return user

    def _clients(self, wanted: BareMunicipality) -> None:
        about = {"clientId": wanted.clients_prefix, "search": "true"}
        self._pages("moyai-clients", "/clients", **about)
        self._in_parallel(lambda body: self._made("moyai-clients", "/clients", body), wanted.clients)
        self._pages("moyai-clients", "/clients", **about)

    # -- one request

    def _in_parallel(self, do: Callable[[Any], object], items: Any) -> None:
        for done in [self._pool.submit(do, item) for item in items]:
            done.result()

    def _pages(self, account: str, path: str, **query: Any) -> Any:
        query = {"briefRepresentation": "false", **query} if "search" not in query else query
        return self._ask(account, "GET", path, **query, first=0, max=500)

    def _made(self, account: str, path: str, body: dict[str, Any]) -> str:
        return self._send(account, "POST", path, body, {}).headers["Location"].rsplit("/", 1)[-1]

    def _ask(self, account: str, method: str, path: str, body: Any = None, **query: Any) -> Any:
        answer = self._send(account, method, path, body, query)
        return answer.json() if method == "GET" else None

    def _send(self, account: str, method: str, path: str, body: Any, query: dict[str, Any]) -> httpx.Response:
        path = f"/admin/realms/moyai{path}"
        headers = {"Authorization": f"Bearer {self._bearers[account]}", "Content-Type": "application/json"}
        answer = self._http.request(
            method, path, params=query, content=None if body is None else json.dumps(body), headers=headers
        )
        answer.raise_for_status()
        self._calls.append((method, path))
        return answer

    def _sign_in(self) -> None:
        issuer = f"{self._installation.server.url}/realms/moyai"
        for account, key in ACCOUNT_KEYS.items():
            form = KeyCredential(account, getattr(self._installation.keys, key)).form(issuer)
            answer = self._http.post(
                f"{urlsplit(issuer).path}/protocol/openid-connect/token",
                data={"grant_type": "client_credentials", **form},
            )
            answer.raise_for_status()
            self._bearers[account] = answer.json()["access_token"]


def bench() -> dict[str, Any]:
    """Both sides in turn on fresh municipalities, and the ratio of each pair of rounds."""
    with installed() as (installation, app), app.app_context():
        identities = installation.identities()
        bare = Bare(installation)
        try:
            moyai = ThroughMoyai(identities, Actors(seed_operator()))
            seconds: dict[str, list[float]] = {"moyai": [], "bare": []}
            for number in range(-WARM_UP, ROUNDS):
                made: dict[str, tuple[float, Calls]] = {}
                applicant, municipality = moyai.prepare(), bare.prepare()
                for side in ("moyai", "bare") if number % 2 == 0 else ("bare", "moyai"):
                    made[side] = moyai.onboard(applicant) if side == "moyai" else bare.onboard(municipality)
                # The first time of all, Moyai reads the ids of the roles, as the bare side did before.
                if number > -WARM_UP and made["moyai"][1] != made["bare"][1]:
                    more, fewer = made["moyai"][1] - made["bare"][1], made["bare"][1] - made["moyai"][1]
                    raise AssertionError(f"not the same calls: only Moyai {dict(more)}, only bare {dict(fewer)}")
                if number >= 0:
                    for side, (passed, _) in made.items():
                        seconds[side].append(passed)
            version = db.session.connection().exec_driver_sql("SHOW server_version").scalar_one()
            durable = db.session.connection().exec_driver_sql("SHOW fsync").scalar_one()
        finally:
            bare.close()
            identities.close()
            db.session.remove()
            db.engine.dispose()
        if durable != "on":
            raise AssertionError("the database forgets in a power cut")
        ratios = [ours / theirs for ours, theirs in zip(seconds["moyai"], seconds["bare"], strict=True)]
        return {
            "what": f"one municipality: 1 owner, {PEOPLE} people, {SYSTEMS} service clients",
            "conditions": f"{machine()}; PostgreSQL {version}, fsync on; "
            f"Keycloak {installation.server.server.version()} on the same machine; "
            f"{ROUNDS} alternating rounds after {WARM_UP} of warming up",
            "calls": sum(made["moyai"][1].values()),
            "connections": CONNECTIONS,
            "moyai_seconds": spread(seconds["moyai"]),
            "bare_seconds": spread(seconds["bare"]),
            "ratio": spread(ratios, digits=2),
            "goal_ratio": GOAL_RATIO,
        }


def _alike(method: str, path: str) -> tuple[str, str]:
    return method, _ID.sub("{id}", urlsplit(path).path)


@contextmanager
def installed() -> Iterator[tuple[Installation, Flask]]:
    """A durable PostgreSQL, a Keycloak with both realms, somebody who takes its mail, and the application's engine."""
    with tempfile.TemporaryDirectory(prefix="moyai-bench-") as name:
        folder = Path(name)
        postgresql = servers.start_postgresql(folder / "postgresql", durable=True)
        try:
            with psycopg.connect(servers.libpq(postgresql.superuser_url), autocommit=True) as connection:
                connection.execute("CREATE DATABASE bench OWNER moyai_owner TEMPLATE template0")
            migrate_url(postgresql.owner_url("bench"))
            keycloak = servers.start_keycloak(postgresql, folder)
            try:
                installation = Installation(keycloak, folder / "home")
                installation.configure()
                mail = LocalMailServer(MailOutbox(folder / "mail"), installation.mail_box)
                mail.start()
                try:
                    app = Flask("bench")
                    connect(app, postgresql.app_url("bench"))
                    yield installation, app
                finally:
                    mail.stop()
            finally:
                keycloak.stop()
        finally:
            postgresql.stop()


def main() -> None:
    configure_logs(logging.WARNING)
    result = bench()
    ratio = result["ratio"]
    verdict = "met" if ratio["median"] <= GOAL_RATIO else "NOT MET"
    print(f"onboarding: {result['what']}, {result['calls']} calls ({result['conditions']})")
    for side in ("moyai", "bare"):
        figures = result[f"{side}_seconds"]
        print(f"  {side:6} {figures['median']:.3f} s (from {figures['min']:.3f} to {figures['max']:.3f})")
    print(
        f"  ratio  {ratio['median']:.2f} (from {ratio['min']:.2f} to {ratio['max']:.2f}); goal {GOAL_RATIO:g} {verdict}"
    )


if __name__ == "__main__":
    main()
