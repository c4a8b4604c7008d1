"""What a municipality's directory writes by SCIM reaches Keycloak: two hundred changes, and nothing differs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from admin.app import create_app
from admin.operations.settings import Settings
from admin.workflows.drift import find_drift
from admin.workflows.job_handlers import onboarding_runner, periodic_tasks
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, dispose_engines, tenant_scope
from governance.permissions import Role
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.port import organization_alias
from tenancy.onboarding.queries import onboardings_in_progress
from tenancy.onboarding.unsynced_members import INVITE
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.people import queries
from tenancy.people.editing import SYNC_PERSON
from tenancy.people.scim.tokens import IssueScimToken, issue_scim_token
from tenancy.people.states import MemberState
from tenancy.people.unaccepted_invitations import REPLACE_ACCOUNT
from tenancy.people.withdrawal import WITHDRAW
from tests.actors import Actors
from tests.servers import PostgreSQL
from tests.tenancy.onboarding.applicants import Applicant, Applicants

pytestmark = [pytest.mark.keycloak, pytest.mark.slow]

CHANGES = 200
_PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_USER = "urn:ietf:params:scim:schemas:core:2.0:User"


@pytest.fixture
def applicant(applicants: Applicants, worker: OnboardingWorker) -> Applicant:
    """A tenant that takes part, with an owner."""
    found = applicants.ready()
    worker.run(applicants.start(found))
    return found


@pytest.fixture
def ask(
    applicant: Applicant, actors: Actors, database: Flask, postgresql: PostgreSQL, database_name: str, tmp_path: Path
) -> Iterator[Callable[..., dict[str, Any]]]:
    """Sends a request of the tenant's directory over HTTP; answers what came back."""
    issued = issue_scim_token(
        IssueScimToken(tenant_id=applicant.tenant_id, valid_until=clock.today() + timedelta(days=30)),
        actor=actors.municipal(applicant.tenant_id, Role.TENANT_OWNER),
    )
    public_url = "https://moyai.example.jp"
    settings = {
        "MOYAI_HOME": str(tmp_path / "home"),
        "MOYAI_PUBLIC_URL": public_url,
        "KEYCLOAK_URL": "http://127.0.0.1:9",
        **postgresql.urls(database_name),
    }
    app = create_app(Settings.from_environment(settings))

    def send(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = app.test_client().open(
            f"/scim/v2/tenants/{organization_alias(applicant.tenant_id)}{path}",
            method=method,
            base_url=public_url,
            data=None if body is None else json.dumps(body, ensure_ascii=False).encode(),
            content_type="application/scim+json",
            headers={"Authorization": f"Bearer {issued.token}"},
        )
        assert answer.status_code < 300, (method, path, body, answer.text)
        return json.loads(answer.data) if answer.data else {}

    yield send
    with app.app_context():
        db.session.remove()
        dispose_engines()


def test_two_hundred_changes_leave_keycloak_and_moyai_in_sync(
    applicant: Applicant,
    ask: Callable[..., dict[str, Any]],
    identities: KeycloakIdentities,
    do_jobs: Callable[[str], int],
) -> None:
    stream = _Stream(ask, applicant.domain)

    for number in range(CHANGES):
        stream.change(number)
        # The worker is now and then in between, in the middle of whatever is waiting.
        if number % 40 == 25:
            _work(identities, do_jobs)
    for _ in range(3):
        _work(identities, do_jobs)

    assert stream.done == CHANGES
    with tenant_scope(OPERATOR):
        db.session.expire_all()
        here = {str(one.person_id): one for one in queries.members(db.session(), applicant.tenant_id, clock.now())}
    by_address = {one.email: one for one in here.values() if one.email in stream.wanted}
    assert {email: one.state is not MemberState.SUSPENDED for email, one in by_address.items()} == {
        email: wanted["active"] for email, wanted in stream.wanted.items()
    }
    there = {one.username: one for one in identities.describe_tenant(applicant.tenant_id).people}
    assert set(there) == set(here)
    for person_id, found in there.items():
        one = here[person_id]
        names = (one.email, one.family_name, one.given_name)
        # Whoever is suspended before a resumption reached Keycloak is disabled there, and brought in line when resumed.
        assert (found.email, found.family_name, found.given_name) == names or one.state is MemberState.SUSPENDED
        assert found.enabled is (one.state is not MemberState.SUSPENDED)
        assert ("tenant-finance" in (found.groups or ())) is (Role.TENANT_FINANCE in one.roles), one.email
    finance = {one.email for one in here.values() if Role.TENANT_FINANCE in one.roles}
    assert finance == {email for email, wanted in stream.wanted.items() if wanted["finance"]}
    assert find_drift(identities, applicant.code).differences == ()


class _Stream:
    """Changes as a directory sends them over a year, the same in every run; `wanted` is what it has now, by address."""

    def __init__(self, ask: Callable[..., dict[str, Any]], domain: str) -> None:
        self._ask = ask
        self._domain = domain
        self._random = Random(20270401)
        self.wanted: dict[str, dict[str, Any]] = {}
        self.done = 0

    def change(self, number: int) -> None:
        kinds = [self._rename, self._move, self._suspend, self._resume, self._give, self._take, self._remove]
        chosen = self._add if number < 25 or len(self.wanted) < 15 else self._random.choice(kinds)
        if chosen(number) is None:
            self._rename(number)
        self.done += 1

    def _add(self, number: int) -> str:
        email = f"p{number}@{self._domain}"
        made = self._ask(
            "POST",
            "/Users",
            {
                "schemas": [_USER],
                "userName": f"p{number}",
                "externalId": f"x{number}",
                "active": True,
                "name": {"familyName": "髙﨑", "givenName": f"第{number}"},
                "emails": [{"type": "work", "value": email}],
            },
        )
        self.wanted[email] = {"id": made["id"], "active": True, "finance": False}
        return email

    def _one(self, **state: bool) -> str | None:
        found = [one for one, wanted in self.wanted.items() if all(wanted[k] is v for k, v in state.items())]
        return self._random.choice(found) if found else None

    def _patch(self, address: str, operation: dict[str, Any]) -> None:
        self._ask("PATCH", address, {"schemas": [_PATCH], "Operations": [operation]})

    def _rename(self, number: int) -> str | None:
        email = self._one()
        assert email is not None
        address = f"/Users/{self.wanted[email]['id']}"
        self._patch(address, {"op": "Replace", "path": "name.familyName", "value": f"改{number}"})
        return email

    def _move(self, number: int) -> str | None:
        email = self._one(active=True)
        if email is not None:
            new = f"m{number}@{self._domain}"
            address = f"/Users/{self.wanted[email]['id']}"
            self._patch(address, {"op": "Replace", "path": 'emails[type eq "work"].value', "value": new})
            self.wanted[new] = self.wanted.pop(email)
        return email

    def _suspend(self, number: int) -> str | None:
        email = self._one(active=True)
        if email is not None:
            self._patch(f"/Users/{self.wanted[email]['id']}", {"op": "Replace", "path": "active", "value": "False"})
            self.wanted[email] |= {"active": False, "finance": False}
        return email

    def _resume(self, number: int) -> str | None:
        email = self._one(active=False)
        if email is not None:
            self._patch(f"/Users/{self.wanted[email]['id']}", {"op": "Replace", "value": {"active": True}})
            self.wanted[email]["active"] = True
        return email

    def _give(self, number: int) -> str | None:
        return self._change_group("Add", finance=False, now=True)

    def _take(self, number: int) -> str | None:
        return self._change_group("Remove", finance=True, now=False)

    def _change_group(self, op: str, *, finance: bool, now: bool) -> str | None:
        email = self._one(active=True, finance=finance)
        if email is not None:
            value = [{"value": self.wanted[email]["id"]}]
            self._patch("/Groups/tenant-finance", {"op": op, "path": "members", "value": value})
            self.wanted[email]["finance"] = now
        return email

    def _remove(self, number: int) -> str | None:
        email = self._one()
        assert email is not None
        self._ask("DELETE", f"/Users/{self.wanted.pop(email)['id']}")
        return email


def _work(identities: KeycloakIdentities, do_jobs: Callable[[str], int]) -> None:
    """What the worker does by itself, once."""
    for name in (WITHDRAW, REPLACE_ACCOUNT, SYNC_PERSON):
        do_jobs(name)
    for task in periodic_tasks(identities):
        task()
    with tenant_scope(OPERATOR):
        begun: list[UUID] = [view.id for view in onboardings_in_progress(db.session())]
    for onboarding_id in begun:
        onboarding_runner(identities)(onboarding_id)
    do_jobs(INVITE)
