"""A tenant that is suspended and resumed: in Keycloak by a job, and afterwards exactly what was there before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from admin.workflows.job_handlers import handlers
from admin.workflows.tenant_access import state_change_effects
from admin.workflows.tenant_mails import mail_handlers
from governance.kernel import clock
from governance.kernel.database import OPERATOR, TableBase, db, tenant_scope
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.clients.ownership import SYNC_CLIENT
from tenancy.clients.queries import service_clients
from tenancy.clients.suspension import SuspendClient, suspend_client
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.connection import RealmConnection
from tenancy.keycloak.port import OrganizationIntent, service_client_prefix
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.people.commands import DisableMember, RemoveMember, disable_member, remove_member
from tenancy.people.withdrawal import WITHDRAW
from tenancy.preferences.commands import SavePreferences, save_preferences
from tenancy.preferences.models import PreferencesFacts
from tenancy.preferences.states import ScreenLanguage
from tenancy.tenants.queries import tenant
from tenancy.tenants.state_changes import MAIL_STATE_CHANGE, SYNC_TENANT
from tenancy.tenants.states import TenantState
from tests.actors import Actors
from tests.database_rows import recorded
from tests.factories import Visitors
from tests.tenancy.onboarding.applicants import Applicant, Applicants
from tests.tenancy.onboarding.findings import Findings

pytestmark = pytest.mark.keycloak

_HISTORY = {"audit_event", "job", "tenant_state_change", "idempotency_key", "token_session", "audit_seal"}
"""What only grows: that something happened is not taken back."""


def test_resuming_gives_back_exactly_what_was_there(
    applicants: Applicants,
    worker: OnboardingWorker,
    identities: KeycloakIdentities,
    findings: Findings,
    actors: Actors,
    do_jobs: Callable[[str], int],
) -> None:
    """50 people, of whom some were suspended, removed or invited by themselves, and 3 clients, one suspended."""
    applicant = applicants.ready(people=45, systems=3)
    finance = applicants.with_person(applicant, f"finance@{applicant.domain}", Role.TENANT_FINANCE)
    suspended = applicants.with_person(applicant, f"suspended@{applicant.domain}", Role.TENANT_AUDITOR)
    removed = applicants.with_person(applicant, f"removed@{applicant.domain}")
    worker.run(applicants.start(applicant))
    tenant_id = applicant.tenant_id
    disable_member(DisableMember(tenant_id=tenant_id, member_id=suspended, reason="休職"), actor=actors.security)
    remove_member(RemoveMember(tenant_id=tenant_id, member_id=removed, reason="退職"), actor=actors.security)
    with tenant_scope(OPERATOR):
        clients = [one.id for one in service_clients(db.session(), tenant_id)]
    stopped = SuspendClient(tenant_id=tenant_id, client_id=clients[0], reason="鍵の漏えいの疑い")
    suspend_client(stopped, actor=actors.security)
    assert (do_jobs(WITHDRAW), do_jobs(SYNC_CLIENT)) == (2, 1)
    invited = applicants.with_person(applicant, f"invited@{applicant.domain}")
    before, rows_before = _in_keycloak(findings.administrator, applicant), _rows(tenant_id)
    assert [len(before[kind]) for kind in ("users", "clients")] == [49, 3]
    assert sum(one["user"]["enabled"] for one in before["users"].values()) == 47
    assert str(invited) not in before["users"]

    applicants.factory.change_state(tenant_id, TenantState.SUSPENDED)
    assert _in_keycloak(findings.administrator, applicant) == before
    assert do_jobs(SYNC_TENANT) == 1

    meanwhile = _in_keycloak(findings.administrator, applicant)
    assert not any(one["user"]["enabled"] for one in meanwhile["users"].values())
    assert not any(one["client"]["enabled"] for one in meanwhile["clients"].values())
    assert meanwhile["organization"]["enabled"] is False
    assert _rows(tenant_id) == rows_before | {"tenant": _rows(tenant_id)["tenant"]}
    assert recorded("tenant.synced")[-1].facts == {"state": "suspended", "people": 47, "clients": 2}

    applicants.factory.change_state(tenant_id, TenantState.ACTIVE)
    assert do_jobs(SYNC_TENANT) == 1

    assert _in_keycloak(findings.administrator, applicant) == before
    assert _rows(tenant_id) == rows_before
    assert recorded("tenant.synced")[-1].facts == {"state": "active", "people": 47, "clients": 2}
    assert before["users"][str(finance)]["groups"] == ["tenant-finance"]
    # Nothing was left to do, and a job that comes twice writes nothing.
    handlers(identities)[SYNC_TENANT]({"tenant_id": str(tenant_id)})
    assert _in_keycloak(findings.administrator, applicant) == before
    assert recorded("tenant.synced")[-1].facts == {"state": "active", "people": 0, "clients": 0}


def test_who_was_decided_about_while_a_tenant_was_suspended_stays_so(
    applicants: Applicants,
    worker: OnboardingWorker,
    findings: Findings,
    actors: Actors,
    do_jobs: Callable[[str], int],
) -> None:
    applicant = applicants.ready(people=1, systems=2)
    leaver = applicants.with_person(applicant, f"leaver@{applicant.domain}", Role.TENANT_FINANCE)
    worker.run(applicants.start(applicant))
    tenant_id = applicant.tenant_id
    applicants.factory.change_state(tenant_id, TenantState.SUSPENDED)
    assert do_jobs(SYNC_TENANT) == 1

    disable_member(DisableMember(tenant_id=tenant_id, member_id=leaver, reason="休職"), actor=actors.security)
    with tenant_scope(OPERATOR):
        kept, stopped = (one.id for one in service_clients(db.session(), tenant_id))
    suspend_client(SuspendClient(tenant_id=tenant_id, client_id=stopped, reason="廃止"), actor=actors.security)
    assert (do_jobs(WITHDRAW), do_jobs(SYNC_CLIENT)) == (1, 1)
    applicants.factory.change_state(tenant_id, TenantState.ACTIVE)
    assert do_jobs(SYNC_TENANT) == 1

    found = _in_keycloak(findings.administrator, applicant)
    assert [name for name, one in found["users"].items() if not one["user"]["enabled"]] == [str(leaver)]
    assert found["users"][str(leaver)]["groups"] == []
    enabled = {name[-36:]: one["client"]["enabled"] for name, one in found["clients"].items()}
    assert enabled == {str(kept): True, str(stopped): False}


def test_a_tenant_resumed_while_it_is_being_suspended_ends_as_decided_last(
    applicants: Applicants,
    worker: OnboardingWorker,
    identities: KeycloakIdentities,
    findings: Findings,
    do_jobs: Callable[[str], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another worker did the second job before the first one wrote: what is wanted is read again after each writing."""
    applicant = applicants.ready(people=1)
    worker.run(applicants.start(applicant))
    before = _in_keycloak(findings.administrator, applicant)
    applicants.factory.change_state(applicant.tenant_id, TenantState.SUSPENDED)
    ensure = identities.ensure_organization
    overtaken: list[OrganizationIntent] = []

    def overtake(intent: OrganizationIntent) -> Any:
        if not overtaken:
            overtaken.append(intent)
            applicants.factory.change_state(applicant.tenant_id, TenantState.ACTIVE)
            handlers(identities)[SYNC_TENANT]({"tenant_id": str(applicant.tenant_id)})
        return ensure(intent)

    monkeypatch.setattr(identities, "ensure_organization", overtake)
    handlers(identities)[SYNC_TENANT]({"tenant_id": str(applicant.tenant_id)})

    assert [intent.enabled for intent in overtaken] == [False]
    assert _in_keycloak(findings.administrator, applicant) == before


@pytest.mark.usefixtures("secrets_key")
def test_a_tenant_that_left_is_taken_out_and_its_accounts_stay_disabled(
    applicants: Applicants,
    worker: OnboardingWorker,
    findings: Findings,
    do_jobs: Callable[[str], int],
) -> None:
    applicant, neighbour = applicants.ready(people=1), applicants.ready(people=1)
    for one in (applicant, neighbour):
        worker.run(applicants.start(one))
        applicants.with_secret(one)
    assert do_jobs(SYNC_CLIENT) == 2
    assert len(findings.in_keycloak(applicant).service_clients) == 2, "the key's and the secret's"
    beside = _in_keycloak(findings.administrator, neighbour)

    applicants.factory.change_state(applicant.tenant_id, TenantState.LEAVING)
    assert do_jobs(SYNC_TENANT) == 1
    leaving = _in_keycloak(findings.administrator, applicant)
    assert all(one["user"]["enabled"] for one in leaving["users"].values())
    assert not any(one["client"]["enabled"] for one in leaving["clients"].values())

    applicants.factory.change_state(applicant.tenant_id, TenantState.LEFT)
    assert do_jobs(SYNC_TENANT) == 1

    left = findings.in_keycloak(applicant)
    assert (left.organizations, left.service_clients) == ([], [])
    users = findings.administrator.read("users", search=f"*{applicant.domain}*", max=10)
    assert [one["enabled"] for one in users] == [False, False]
    assert _in_keycloak(findings.administrator, neighbour) == beside


def test_a_tenant_that_left_comes_back_by_a_new_admission_with_its_accounts_and_a_membership_of_its_own(
    applicants: Applicants,
    worker: OnboardingWorker,
    findings: Findings,
    do_jobs: Callable[[str], int],
) -> None:
    applicant = applicants.ready(people=1)
    worker.run(applicants.start(applicant))
    before = findings.in_keycloak(applicant)
    applicants.factory.change_state(applicant.tenant_id, TenantState.LEAVING, TenantState.LEFT)
    do_jobs(SYNC_TENANT)

    applicants.factory.change_state(applicant.tenant_id, TenantState.APPLIED, TenantState.SCREENING, TenantState.AGREED)

    assert do_jobs(SYNC_TENANT) == 0
    assert findings.in_keycloak(applicant).organizations == [], "nobody is let in before the new admission is complete"
    worker.run(applicants.start(applicant))
    assert do_jobs(SYNC_TENANT) == 1

    again = findings.in_keycloak(applicant)
    assert again == before
    with tenant_scope(OPERATOR):
        found = tenant(db.session(), applicant.tenant_id)
    assert (found.state, found.valid_until) == (TenantState.ACTIVE, None)
    users = findings.administrator.read("users", search=f"*{applicant.domain}*", max=10)
    assert [one["enabled"] for one in users] == [True, True]


def test_the_effects_are_counted_before_and_told_to_the_owners_in_their_language(
    applicants: Applicants, worker: OnboardingWorker, actors: Actors
) -> None:
    applicant = applicants.ready(people=2, systems=2)
    worker.run(applicants.start(applicant))
    with tenant_scope(OPERATOR):
        found = state_change_effects(db.session(), applicant.tenant_id, TenantState.SUSPENDED, clock.now())
    assert (found.people_before, found.people_after) == (3, 0)
    assert (found.clients_before, found.clients_after) == (2, 0)
    assert (found.bears_cost_before, found.bears_cost_after) == (True, True)
    abroad = Visitors().person(applicant.tenant_id, Role.TENANT_OWNER, Role.TENANT_MEMBER)
    save_preferences(SavePreferences(**dict(PreferencesFacts(language=ScreenLanguage.ENGLISH))), actor=abroad)

    applicants.factory.change_state(applicant.tenant_id, TenantState.SUSPENDED)

    with tenant_scope(OPERATOR):
        payloads = db.session.query(Job.payload).filter(Job.name == MAIL_STATE_CHANGE).all()
    sent: list[tuple[str, str, str]] = []
    for (payload,) in payloads:
        mail_handlers(lambda *mail: sent.append(mail), "https://moyai.example")[MAIL_STATE_CHANGE](payload)
    by_subject = {subject: (recipient, words) for recipient, subject, words in sent}
    assert by_subject.keys() == {
        f"{applicant.name} の利用が停止されました",
        f"{applicant.name} has been suspended",
    }
    assert by_subject[f"{applicant.name} の利用が停止されました"][0] == applicant.owner_email


def _in_keycloak(administrator: RealmConnection, applicant: Applicant) -> dict[str, Any]:
    """Every field that Keycloak's admin API shows of the tenant: organization, groups, users, clients.

    But for `notBefore` of a user: since when tokens count. Keycloak sets it at each logout, and a token from before is
    to stay void.
    """
    (organization,) = administrator.read("organizations", q=f"tenant_id:{applicant.tenant_id}", max=2)
    path = f"organizations/{organization['id']}"
    groups = {}
    holders: dict[str, list[str]] = {}
    for group in administrator.read(f"{path}/groups", briefRepresentation="false", max=100):
        members = administrator.read(f"{path}/groups/{group['id']}/members", max=200)
        for one in members:
            holders.setdefault(one["username"], []).append(group["name"])
        groups[group["name"]] = group
    users = {}
    for row in administrator.read("users", q=f"tenant_id:{applicant.tenant_id}", max=200):
        user = administrator.read(f"users/{row['id']}")
        user.pop("notBefore", None)
        users[user["username"]] = {
            "user": user,
            "credentials": administrator.read(f"users/{row['id']}/credentials"),
            "roles": administrator.read(f"users/{row['id']}/role-mappings"),
            "groups": sorted(holders.get(user["username"], [])),
        }
    clients = {}
    for row in administrator.read(
        "clients", clientId=service_client_prefix(applicant.tenant_id), search="true", max=100
    ):
        account = administrator.read(f"clients/{row['id']}/service-account-user")
        account.pop("notBefore", None)
        clients[row["clientId"]] = {
            "client": administrator.read(f"clients/{row['id']}"),
            "account": account,
            "account_roles": administrator.read(f"users/{account['id']}/role-mappings"),
        }
    members = sorted(one["username"] for one in administrator.read(f"{path}/members", max=200))
    return {
        "organization": administrator.read(path),
        "groups": groups,
        "members": members,
        "users": users,
        "clients": clients,
    }


def _rows(tenant_id: UUID) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the tenant in every table, but for what only grows; of the tenant itself all but its version."""
    tables = [
        table
        for table in TableBase.metadata.sorted_tables
        if "tenant_id" in table.columns and table.name not in _HISTORY
    ]
    with tenant_scope(OPERATOR):
        found = {
            table.name: sorted(
                (tuple(row) for row in db.session.execute(table.select().where(table.c.tenant_id == tenant_id))),
                key=repr,
            )
            for table in tables
        }
        of_tenant = text("SELECT to_jsonb(tenant) - 'version' FROM tenant WHERE id = :id")
        found["tenant"] = [tuple(row) for row in db.session.execute(of_tenant, {"id": tenant_id})]
    return found
