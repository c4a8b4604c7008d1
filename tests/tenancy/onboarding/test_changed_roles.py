"""Roles that change on a day are brought to Keycloak once the day has come, once, by a worker that was down, too."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

import pytest

from admin.workflows.job_handlers import sync_roles
from governance.actors import Actor
from governance.kernel import clock
from governance.kernel.clock import JST
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.onboarding.changed_roles import RecordRolesSynced, people_with_changed_roles, record_roles_synced
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.people.role_changes import (
    EndRole,
    GrantRole,
    RoleGranted,
    UndoRoleChange,
    end_role,
    grant_role,
    undo_role_change,
)
from tests.actors import Actors
from tests.database_rows import recorded
from tests.tenancy.onboarding.applicants import Applicant, Applicants

pytestmark = pytest.mark.keycloak


def test_a_transfer_reaches_keycloak_after_its_midnight_once(
    applicants: Applicants, worker: OnboardingWorker, identities: KeycloakIdentities, actors: Actors
) -> None:
    applicant = applicants.ready()
    leaver = applicants.with_person(applicant, f"leaver@{applicant.domain}", Role.TENANT_FINANCE)
    newcomer = applicants.with_person(applicant, f"newcomer@{applicant.domain}")
    wrong = applicants.with_person(applicant, f"wrong@{applicant.domain}")
    worker.run(applicants.start(applicant))
    sync_roles(identities)
    assert recorded("member.roles_synced") == []
    april = _next_first_of_april()
    midnight = datetime(april.year, 4, 1, tzinfo=JST)
    owner = _owner(actors, applicant)

    def grant(member_id: UUID) -> UUID:
        command = GrantRole(
            tenant_id=applicant.tenant_id,
            member_id=member_id,
            role=Role.TENANT_FINANCE,
            valid_from=april,
            reason="異動",
        )
        done = grant_role(command, actor=owner)
        assert isinstance(done, RoleGranted)
        return done.grant_id

    end_role(
        EndRole(
            tenant_id=applicant.tenant_id,
            member_id=leaver,
            role=Role.TENANT_FINANCE,
            valid_until=april,
            reason="異動",
        ),
        actor=owner,
    )
    grant(newcomer)
    undo_role_change(
        UndoRoleChange(tenant_id=applicant.tenant_id, member_id=wrong, grant_id=grant(wrong), reason="誤り"),
        actor=owner,
    )
    # Keycloak already has what holds in March: a pass before midnight takes nobody's group away.
    with clock.at(midnight - timedelta(seconds=1)):
        sync_roles(identities)
    assert _in_finance(identities, applicant) == {str(leaver)}

    with clock.at(midnight + timedelta(minutes=30)):
        with tenant_scope(OPERATOR):
            waiting = people_with_changed_roles(db.session(), clock.now())
        sync_roles(identities)
        once = len(recorded("member.roles_synced"))
        sync_roles(identities)

    assert {one.person_id for one in waiting} == {leaver, newcomer}
    assert _in_finance(identities, applicant) == {str(newcomer)}
    assert len(recorded("member.roles_synced")) == once
    assert {one.subject for one in recorded("member.roles_synced")} >= {str(leaver), str(newcomer)}


def test_a_change_that_comes_while_roles_are_brought_to_keycloak_is_brought_there_too(
    applicants: Applicants, worker: OnboardingWorker, identities: KeycloakIdentities, actors: Actors
) -> None:
    applicant = applicants.ready()
    person = applicants.with_person(applicant, f"person@{applicant.domain}", Role.TENANT_FINANCE)
    worker.run(applicants.start(applicant))
    sync_roles(identities)
    owner = _owner(actors, applicant)
    command = GrantRole(tenant_id=applicant.tenant_id, member_id=person, role=Role.TENANT_AUDITOR, reason="兼務")
    grant_role(command, actor=owner)
    with tenant_scope(OPERATOR):
        (read,) = people_with_changed_roles(db.session(), clock.now())
        as_of = clock.now()
    end_role(
        EndRole(tenant_id=applicant.tenant_id, member_id=person, role=Role.TENANT_AUDITOR, reason="誤り"), actor=owner
    )

    recorded_late = record_roles_synced(
        RecordRolesSynced(
            tenant_id=read.tenant_id,
            person_id=read.person_id,
            synced_at=read.synced_at,
            as_of=as_of + timedelta(hours=1),
        ),
        actor=actors.worker,
    )

    assert not recorded_late.is_current
    sync_roles(identities)
    assert _groups(identities, applicant)[str(person)] == {"tenant-finance"}


def _next_first_of_april() -> date:
    today = clock.today()
    return date(today.year + (today >= date(today.year, 4, 1)), 4, 1)


def _owner(actors: Actors, applicant: Applicant) -> Actor:
    return actors.municipal(applicant.tenant_id, Role.TENANT_OWNER, Role.TENANT_MEMBER)


def _groups(identities: KeycloakIdentities, applicant: Applicant) -> dict[str, frozenset[str]]:
    found = identities.describe_tenant(applicant.tenant_id).people
    return {one.username: one.groups or frozenset() for one in found}


def _in_finance(identities: KeycloakIdentities, applicant: Applicant) -> set[str]:
    return {name for name, groups in _groups(identities, applicant).items() if "tenant-finance" in groups}
