"""What is there after all, asked of Keycloak's own admin API and of Moyai's tables, past the code under test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from governance.kernel.database import OPERATOR, db, tenant_scope
from tenancy.keycloak.connection import RealmConnection
from tenancy.keycloak.port import TENANT_ROLE_GROUPS, service_client_prefix
from tenancy.onboarding.steps import StepName
from tests.tenancy.onboarding.applicants import Applicant


@dataclass(frozen=True)
class InKeycloak:
    """How many of each, and who is where. Names, not ids, so that a duplicate shows twice."""

    organizations: list[str]
    groups: list[str]
    members: list[str]
    owners: list[str]
    users: list[str]
    service_clients: list[str]


class Findings:
    """Looks with an administrator's eyes."""

    def __init__(self, administrator: RealmConnection) -> None:
        self.administrator = administrator

    def in_keycloak(self, applicant: Applicant) -> InKeycloak:
        """Everything that carries this applicant's mark."""
        organizations = self.administrator.read("organizations", search=applicant.name, max=100)
        groups: list[dict[str, Any]] = []
        members: list[dict[str, Any]] = []
        owners: list[dict[str, Any]] = []
        for organization in organizations:
            path = f"organizations/{organization['id']}"
            own_groups = self.administrator.read(f"{path}/groups", max=100)
            groups += own_groups
            members += self.administrator.read(f"{path}/members", max=500)
            for group in own_groups:
                if group["name"] == "tenant-owner":
                    owners += self.administrator.read(f"{path}/groups/{group['id']}/members", max=200)
        users = self.administrator.read("users", search=f"*{applicant.domain}*", max=500)
        prefix = service_client_prefix(applicant.tenant_id)
        clients = self.administrator.read("clients", clientId=prefix, search="true", max=100)
        return InKeycloak(
            organizations=sorted(one["alias"] for one in organizations),
            groups=sorted(one["name"] for one in groups),
            members=sorted(one["email"] for one in members),
            owners=sorted(one["email"] for one in owners),
            users=sorted(one["email"] for one in users),
            service_clients=sorted(one["clientId"] for one in clients),
        )

    def assert_whole_and_single(self, applicant: Applicant, *, people: int = 0, systems: int = 1) -> None:
        """Everything is there, and nothing twice: in Keycloak and in Moyai."""
        found = self.in_keycloak(applicant)
        assert found.organizations == [f"t-{applicant.tenant_id.hex[-8:]}"]
        assert found.groups == sorted(TENANT_ROLE_GROUPS)
        assert found.users == found.members
        assert len(found.members) == len(set(found.members)) == 1 + people
        assert found.owners == [applicant.owner_email]
        assert len(found.service_clients) == len(set(found.service_clients)) == systems
        here = in_moyai(applicant.tenant_id)
        assert here["state"] == "active"
        assert here["changes_to_active"] == 1
        assert here["onboardings"] == 1
        assert here["steps"] == len(StepName)
        assert here["members"] == here["members_synced"] == 1 + people
        assert here["clients"] == here["clients_active"] == systems


def in_moyai(tenant_id: UUID) -> dict[str, Any]:
    """Counts of this tenant's rows."""
    with tenant_scope(OPERATOR):
        row = db.session.execute(_COUNTS, {"tenant": tenant_id}).mappings().one()
        found = dict(row)
    return found


def steps_recorded_done(onboarding_id: UUID) -> dict[str, int]:
    """How often the record says of each step that it was done."""
    with tenant_scope(OPERATOR):
        rows = db.session.execute(_DONE, {"onboarding": str(onboarding_id)}).all()
    return {str(row.step): int(row.number) for row in rows}


_COUNTS = text(
    """
    SELECT (SELECT state FROM tenant WHERE id = :tenant) AS state,
           (SELECT count(*) FROM tenant_state_change
            WHERE tenant_id = :tenant AND to_state = 'active') AS changes_to_active,
           (SELECT count(*) FROM onboarding WHERE tenant_id = :tenant) AS onboardings,
           (SELECT count(*) FROM onboarding_step WHERE tenant_id = :tenant) AS steps,
           (SELECT count(*) FROM member WHERE tenant_id = :tenant) AS members,
           (SELECT count(DISTINCT keycloak_id) FROM member WHERE tenant_id = :tenant) AS members_synced,
           (SELECT count(*) FROM service_client WHERE tenant_id = :tenant) AS clients,
           (SELECT count(*) FROM service_client WHERE tenant_id = :tenant AND state = 'active') AS clients_active
    """
)
_DONE = text(
    """
    SELECT facts ->> 'step' AS step, count(*) AS number FROM audit_event
    WHERE subject = :onboarding AND command = 'advance_step' AND outcome = 'done' AND facts ->> 'state' = 'done'
    GROUP BY 1
    """
)
