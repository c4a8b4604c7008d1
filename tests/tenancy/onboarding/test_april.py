"""An April: 1,200 transfers over 21 tenants prepared in March, carried out at midnight, reviewed and signed in May.

Every right is read where requests read it, so that midnight needs no worker. Keycloak is there for three of the people:
it follows at 0:30, when the worker is back.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import pytest
from sqlalchemy import func, select

from admin.workflows.job_handlers import sync_roles
from governance.actors import Actor
from governance.grants import roles_of_people
from governance.kernel import clock
from governance.kernel.clock import JST
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.keyset import PageRequest
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.access_reviews.commands import (
    DecideAccessReview,
    SignAccessReview,
    StartAccessReviews,
    decide_access_review,
    sign_access_review,
    start_access_reviews,
)
from tenancy.access_reviews.queries import access_reviews, review_lines
from tenancy.access_reviews.states import LineDecision, ReviewState
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.onboarding.changed_roles import people_with_changed_roles
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.people import queries
from tenancy.people.bulk_changes import ImportMembers, import_members
from tenancy.people.membership import membership_status
from tenancy.people.models import MemberDetails
from tenancy.people.role_changes import MAIL_ROLE_CHANGE, UndoRoleChange, undo_role_change
from tenancy.people.roles_held import RoleHeld, roles_held
from tenancy.people.sections import ChangeSection, UndoSectionChange, change_section, undo_section_change
from tests.actors import Actors
from tests.database_rows import recorded
from tests.factories import EIGHT, THIRTEEN, Visitors
from tests.tenancy.onboarding.applicants import Applicant, Applicants

pytestmark = pytest.mark.keycloak

TRANSFERS: Final = 1_200
HEADER: Final = "姓,名,メールアドレス,役割,開始日,操作"
FINANCE, AUDITOR, MEMBER, OWNER = (
    *(Role.TENANT_FINANCE, Role.TENANT_AUDITOR),
    *(Role.TENANT_MEMBER, Role.TENANT_OWNER),
)
REASON: Final = "4月1日の人事異動"


@dataclass
class Tenant:
    """One of the 21, its owner, and the people who are transferred."""

    id: UUID
    owner: Actor
    people: list[MemberDetails]


@dataclass
class April:
    """The coming 1 April that is a year ahead at least, so that all that is done here lies after what servers know."""

    day: date

    @property
    def midnight(self) -> datetime:
        return datetime(self.day.year, 4, 1, tzinfo=JST)

    @property
    def february(self) -> datetime:
        return datetime(self.day.year, 2, 1, 10, tzinfo=JST)

    @property
    def march(self) -> datetime:
        return datetime(self.day.year, 3, 15, 10, tzinfo=JST)

    @property
    def may(self) -> datetime:
        return datetime(self.day.year, 5, 10, 10, tzinfo=JST)


def test_an_april_of_1200_transfers_over_21_tenants(
    applicants: Applicants, worker: OnboardingWorker, identities: KeycloakIdentities, actors: Actors
) -> None:
    april = April(date(clock.today().year + 2, 4, 1))
    before, midnight, half_past = (
        *(april.midnight - timedelta(microseconds=1), april.midnight),
        april.midnight + timedelta(minutes=30),
    )
    applicant = applicants.ready()
    in_keycloak = [applicants.with_person(applicant, f"kc{number}@{applicant.domain}", FINANCE) for number in range(3)]
    worker.run(applicants.start(applicant))
    sync_roles(identities)
    with clock.at(april.february):
        tenants = staffed(applicant, actors)
    assert len(tenants) == 21
    assert sum(len(one.people) for one in tenants) == TRANSFERS

    # March: all of it prepared, by one file a tenant and a section each; three of them by mistake.
    jobs_before = jobs(MAIL_ROLE_CHANGE)
    with clock.at(april.march):
        for tenant in tenants:
            prepare(tenant, april.day)
        mistaken = [tenants[0].people[0], tenants[7].people[3], tenants[-1].people[0]]
        assert mistaken[-1].person_id == in_keycloak[0]
        for tenant, person in zip((tenants[0], tenants[7], tenants[-1]), mistaken, strict=True):
            undo(tenant, person)
        # What holds in March is brought to Keycloak once more, which changes nothing there.
        sync_roles(identities)
    synced_before = len(recorded("member.roles_synced"))
    assert in_finance(identities, applicant) == set(map(str, in_keycloak))
    assert counted("member.role_granted", "member.role_ended", "member.section_changed") == {
        "member.role_granted": TRANSFERS,
        "member.role_ended": TRANSFERS,
        # That of February, too.
        "member.section_changed": 2 * TRANSFERS,
    }
    assert counted("member.role_change_undone", "member.section_change_undone") == {
        "member.role_change_undone": 6,
        "member.section_change_undone": 3,
    }
    # Each is told of each change once, and the three that it was undone.
    assert jobs(MAIL_ROLE_CHANGE) - jobs_before == 2 * TRANSFERS + 6

    # One microsecond before midnight nothing has happened, whoever runs.
    with clock.at(before):
        sync_roles(identities)
        assert states(tenants, before) == Counter({(FINANCE, "前の課"): TRANSFERS})
    assert len(recorded("member.roles_synced")) == synced_before
    assert in_finance(identities, applicant) == set(map(str, in_keycloak))

    # Midnight, with the worker down: every right is another, and Keycloak knows nothing of it yet.
    undone = {one.person_id for one in mistaken}
    expected = Counter({(AUDITOR, "新しい課"): TRANSFERS - 3, (FINANCE, "前の課"): 3})
    assert states(tenants, midnight) == expected
    assert {granted_at_request(applicant, one, midnight) for one in in_keycloak[1:]} == {AUDITOR}
    assert granted_at_request(applicant, in_keycloak[0], midnight) is FINANCE
    assert in_finance(identities, applicant) == set(map(str, in_keycloak))
    assert len(recorded("member.roles_synced")) == synced_before

    # Half past, the worker is back: once, and for those alone who are in Keycloak and were transferred.
    with clock.at(half_past):
        with tenant_scope(OPERATOR):
            waiting = {one.person_id for one in people_with_changed_roles(db.session(), clock.now())}
        assert waiting == set(in_keycloak[1:])
        sync_roles(identities)
        sync_roles(identities)
    assert in_finance(identities, applicant) == {str(in_keycloak[0])}
    assert len(recorded("member.roles_synced")) == synced_before + 2
    assert states(tenants, half_past) == expected
    assert jobs(MAIL_ROLE_CHANGE) - jobs_before == 2 * TRANSFERS + 6

    # Who held which right, before and after: with who gave and ended it, and why.
    held_before, held_after = held(before, FINANCE), held(midnight, AUDITOR)
    assert len(held_before) == TRANSFERS
    assert len(held_after) == TRANSFERS - 3
    assert {one.person_id for one in held(midnight, FINANCE)} == undone
    owners = {tenant.id: tenant.owner.id for tenant in tenants}
    for one in held_before:
        stays = one.person_id in undone
        assert (one.valid_until, one.ended_by, one.end_reason) == (
            (None, None, None) if stays else (april.midnight, owners[one.tenant_id], REASON)
        )
    for one in held_after:
        assert (one.valid_from, one.granted_by, one.grant_reason) == (april.midnight, owners[one.tenant_id], REASON)
    own = held(midnight, AUDITOR, of=tenants[3].id)
    assert {one.tenant_id for one in own} == {tenants[3].id}
    assert len(own) == len(tenants[3].people)

    review_in_may(tenants, actors, april, leaves=tenants[2].people[5], stays=undone)


def staffed(applicant: Applicant, actors: Actors) -> list[Tenant]:
    """The 21 tenants, each with people of finance in a section; that of the three in Keycloak comes last."""
    visitors = Visitors()
    codes = {**THIRTEEN, **EIGHT}
    codes.pop(applicant.code)
    found = []
    for code, (name, _) in [*codes.items()][:20]:
        tenant_id = visitors.municipality(code, name)
        found.append(Tenant(tenant_id, visitors.person(tenant_id, OWNER), []))
    found.append(Tenant(applicant.tenant_id, actors.municipal(applicant.tenant_id, OWNER, MEMBER), []))
    wanted = [58] * 20 + [TRANSFERS - 20 * 58]
    for tenant, number in zip(found, wanted, strict=True):
        there = of_finance(tenant)
        lines = [
            f"髙﨑,花子{one},p{one}@{tenant.id.hex[-12:]}.example,会計担当（団体）,,追加"
            for one in range(number - len(there))
        ]
        imported = import_file(tenant, lines)
        assert imported == number - len(there)
        tenant.people = of_finance(tenant)
        for person in tenant.people:
            change_section(
                ChangeSection(tenant_id=tenant.id, member_id=person.id, section="前の課", reason="在籍"),
                actor=tenant.owner,
            )
    return found


def of_finance(tenant: Tenant) -> list[MemberDetails]:
    with tenant_scope(tenant.id):
        db.session.rollback()
        return queries.members(db.session(), tenant.id, clock.now(), role=FINANCE)


def import_file(tenant: Tenant, lines: list[str]) -> int:
    """How many rows of the file were carried out."""
    command = ImportMembers(tenant_id=tenant.id, content="\r\n".join([HEADER, *lines]).encode("cp932"), reason=REASON)
    done = import_members(command, actor=tenant.owner)
    return done.added + done.changed


def prepare(tenant: Tenant, day: date) -> None:
    """One file for the roles; sections, which the file has no column for, one by one."""
    lines = [f",,{person.email},監査担当（団体）,{day.isoformat()},変更" for person in tenant.people]
    assert import_file(tenant, lines) == len(tenant.people)
    for person in tenant.people:
        command = ChangeSection(
            tenant_id=tenant.id, member_id=person.id, section="新しい課", valid_from=day, reason=REASON
        )
        change_section(command, actor=tenant.owner)


def undo(tenant: Tenant, person: MemberDetails) -> None:
    """Take back all that is prepared for one person."""
    with tenant_scope(tenant.id):
        db.session.rollback()
        roles = queries.planned_role_changes(db.session(), tenant.id, clock.now(), member_id=person.id)
        (section,) = queries.planned_section_changes(db.session(), tenant.id, clock.now(), member_id=person.id)
    for one in roles:
        undo_role_change(
            UndoRoleChange(tenant_id=tenant.id, member_id=person.id, grant_id=one.id, reason="残留"),
            actor=tenant.owner,
        )
    undo_section_change(
        UndoSectionChange(tenant_id=tenant.id, member_id=person.id, change_id=section.id, reason="残留"),
        actor=tenant.owner,
    )


def states(tenants: list[Tenant], at: datetime) -> Counter[tuple[Role, str | None]]:
    """How many of the people hold which role, besides that of a plain member, in which section at an instant."""
    found: Counter[tuple[Role, str | None]] = Counter()
    with tenant_scope(OPERATOR):
        db.session.rollback()
        for tenant in tenants:
            roles = roles_of_people(db.session(), tenant.id, at)
            sections = queries.sections_of_people(db.session(), tenant.id, at)
            for person in tenant.people:
                (role,) = roles[person.person_id] - {MEMBER}
                found[role, sections[person.id]] += 1
    return found


def granted_at_request(applicant: Applicant, person_id: UUID, at: datetime) -> Role:
    """The role that counts at a request of somebody who is signed in, whatever the token says."""
    with tenant_scope(applicant.tenant_id):
        db.session.rollback()
        known = {
            one.person_id: one.keycloak_id for one in queries.members_in_keycloak(db.session(), applicant.tenant_id)
        }
        status = membership_status(db.session(), applicant.tenant_id, known[person_id] or "", at)
    assert status is not None
    (role,) = status.granted - {MEMBER}
    return role


def in_finance(identities: KeycloakIdentities, applicant: Applicant) -> set[str]:
    people = identities.describe_tenant(applicant.tenant_id).people
    return {one.username for one in people if "tenant-finance" in (one.groups or ())}


def held(at: datetime, role: Role, of: UUID | None = None) -> list[RoleHeld]:
    """As the operator reads it, or as a tenant does."""
    with tenant_scope(of or OPERATOR):
        db.session.rollback()
        return roles_held(db.session(), at, PageRequest(), role=role).items


def counted(*events: str) -> dict[str, int]:
    return {event: len(recorded(event)) for event in events}


def jobs(name: str) -> int:
    with tenant_scope(OPERATOR):
        db.session.rollback()
        return db.session.execute(select(func.count()).select_from(Job).where(Job.name == name)).scalar_one()


def review_in_may(
    tenants: list[Tenant], actors: Actors, april: April, *, leaves: MemberDetails, stays: set[UUID]
) -> None:
    """Every tenant reviews its access as of 30 April and signs; one role is found to be superfluous."""
    as_of, due = date(april.day.year, 4, 30), date(april.day.year, 5, 31)
    ended_before = len(recorded("member.role_ended"))
    with clock.at(april.may):
        started = start_access_reviews(StartAccessReviews(as_of=as_of, due_on=due), actor=actors.security)
        assert set(started.started) == {tenant.id for tenant in tenants}
        with tenant_scope(OPERATOR):
            db.session.rollback()
            reviews = {one.tenant_id: one for one in access_reviews(db.session(), clock.today())}
        # Their 21 owners, too, and the one system there is.
        assert sum(one.lines for one in reviews.values()) == TRANSFERS + 21 + 1
        for tenant in tenants:
            review_id = reviews[tenant.id].id
            with tenant_scope(tenant.id):
                lines = review_lines(db.session(), tenant.id, review_id, clock.now())
            assert not any(one.has_changed for one in lines)
            decide_access_review(
                DecideAccessReview(
                    tenant_id=tenant.id,
                    review_id=review_id,
                    line_ids=tuple(sorted(one.id for one in lines)),
                    decision=LineDecision.KEEP,
                ),
                actor=tenant.owner,
            )
            superfluous = [one.id for one in lines if one.member_id == leaves.id]
            if superfluous:
                decide_access_review(
                    DecideAccessReview(
                        tenant_id=tenant.id,
                        review_id=review_id,
                        line_ids=tuple(superfluous),
                        decision=LineDecision.END_ROLES,
                        roles=(AUDITOR,),
                        reason="監査を担当しない",
                    ),
                    actor=tenant.owner,
                )
            sign_access_review(SignAccessReview(tenant_id=tenant.id, review_id=review_id), actor=tenant.owner)
        with tenant_scope(OPERATOR):
            db.session.rollback()
            signed = access_reviews(db.session(), clock.today())
        assert {one.state for one in signed} == {ReviewState.SIGNED}
        assert len(signed) == 21
        assert sum(one.withdrawn for one in signed) == 1
    after = april.may + timedelta(microseconds=1)
    assert len(recorded("member.role_ended")) == ended_before + 1
    assert recorded("member.disabled") == recorded("member.removed") == []
    kept = {one.person_id for one in held(after, AUDITOR)}
    assert len(kept) == TRANSFERS - 4
    assert leaves.person_id not in kept
    assert {one.person_id for one in held(after, FINANCE)} == stays
    assert len(held(after, OWNER)) == 21
