"""An access review: its list as of a day, decisions that a signature carries out, reminders; and who may not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from admin.workflows.tenant_mails import mail_handlers
from governance.actors import Actor
from governance.declaration import InvalidCommand, read_command
from governance.kernel import clock
from governance.kernel.clock import JST
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import DomainError
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.access_reviews import queries
from tenancy.access_reviews.commands import (
    MAIL_ACCESS_REVIEW,
    CancelAccessReview,
    DecideAccessReview,
    RemindOfAccessReviews,
    SignAccessReview,
    StartAccessReview,
    StartAccessReviews,
    cancel_access_review,
    decide_access_review,
    remind_of_access_reviews,
    sign_access_review,
    start_access_review,
    start_access_reviews,
)
from tenancy.access_reviews.models import AccessReviewFacts, AccessReviewLineFacts
from tenancy.access_reviews.states import LineDecision, LineFilter, LineKind, ReviewState
from tenancy.clients.suspension import SuspendClient, suspend_client
from tenancy.people.commands import DisableMember, disable_member
from tenancy.people.membership import membership_status
from tenancy.people.role_changes import EndRole, GrantRole, end_role, grant_role
from tenancy.people.sections import ChangeSection, change_section
from tenancy.reminders import NotReminded
from tenancy.tenants.states import TenantState
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import Factory, Visitors

MAY = datetime(2027, 5, 6, 0, 0, tzinfo=UTC)
"""9:00 in Japan."""
AS_OF = date(2027, 4, 30)
DUE = date(2027, 5, 31)
FINANCE, AUDITOR, OWNER, USER_ADMIN = (
    *(Role.TENANT_FINANCE, Role.TENANT_AUDITOR),
    *(Role.TENANT_OWNER, Role.TENANT_USER_ADMIN),
)
KEEP, END_ROLES, SUSPEND = LineDecision
TABLES = ("access_review", "access_review_line", "role_grant", "member", "service_client", "job")


class City:
    """山鹿市 with an owner, a user administrator, a person of finance and audit, and a system."""

    def __init__(self, actors: Actors) -> None:
        with clock.at(MAY - timedelta(days=40)):
            self.visitors = Visitors()
            self.id = self.visitors.municipality("432083", "山鹿市")
            self.owner = self.visitors.person(self.id, OWNER)
            self.user_admin = self.visitors.person(self.id, USER_ADMIN)
            self.finance = UUID(self.visitors.person(self.id, FINANCE, AUDITOR).id)
            self.system = Factory(actors).add_service_client(self.id, "住民サービス連携")

    def start(self, actor: Actor | None = None, **other: Any) -> UUID:
        given: dict[str, Any] = {"tenant_id": self.id, "as_of": AS_OF, "due_on": DUE} | other
        return start_access_review(StartAccessReview(**given), actor=actor or self.owner).review_id

    def review(self, review_id: UUID) -> AccessReviewFacts:
        with tenant_scope(self.id):
            db.session.rollback()
            return queries.access_review(db.session(), self.id, review_id, clock.today())

    def lines(self, review_id: UUID, only: LineFilter | None = None) -> list[AccessReviewLineFacts]:
        with tenant_scope(self.id):
            db.session.rollback()
            return queries.review_lines(db.session(), self.id, review_id, clock.now(), only=only)

    def line_of(self, review_id: UUID, person: UUID | str) -> AccessReviewLineFacts:
        with tenant_scope(self.id):
            ids = {one.person_id: one.id for one in self._people()}
        return next(one for one in self.lines(review_id) if one.member_id == ids[UUID(str(person))])

    def line_of_system(self, review_id: UUID) -> AccessReviewLineFacts:
        return next(one for one in self.lines(review_id) if one.kind is LineKind.CLIENT)

    def decide(
        self,
        review_id: UUID,
        *lines: UUID,
        decision: LineDecision = KEEP,
        roles: tuple[Role, ...] = (),
        reason: str | None = None,
        actor: Actor | None = None,
    ) -> int:
        """Decide these lines, all without any; returns how many are undecided still."""
        command = DecideAccessReview(
            tenant_id=self.id,
            review_id=review_id,
            line_ids=tuple(sorted(lines or (one.id for one in self.lines(review_id)))),
            decision=decision,
            roles=roles,
            reason=reason,
        )
        return decide_access_review(command, actor=actor or self.user_admin).undecided

    def sign(self, review_id: UUID, actor: Actor | None = None) -> Any:
        return sign_access_review(SignAccessReview(tenant_id=self.id, review_id=review_id), actor=actor or self.owner)

    def roles(self, person: UUID | str) -> set[Role]:
        """What counts at the person's next request; nothing for who may not sign in."""
        with tenant_scope(OPERATOR):
            db.session.rollback()
            found = membership_status(db.session(), self.id, str(person), clock.now())
        assert found is not None
        return set(found.granted)

    def _people(self) -> list[Any]:
        return queries.present_people(db.session(), self.id, clock.now())


@pytest.fixture
def city(actors: Actors) -> City:
    return City(actors)


def refused(act: Callable[[], object]) -> str:
    """The code of the refusal; and nothing changed."""
    before = [rows(name) for name in TABLES]
    with pytest.raises(DomainError) as refusal:
        act()
    assert [rows(name) for name in TABLES] == before
    return refusal.value.code


def test_the_list_is_of_the_day_and_stays(city: City, actors: Actors) -> None:
    with clock.at(MAY - timedelta(days=20)):
        change_section(
            ChangeSection(tenant_id=city.id, member_id=city.finance, section="財政課", reason="異動"),
            actor=city.owner,
        )
    with clock.at(MAY - timedelta(days=1)):
        later = city.visitors.person(city.id, AUDITOR)
        end_role(EndRole(tenant_id=city.id, member_id=city.finance, role=AUDITOR, reason="担当替え"), actor=city.owner)
    with clock.at(MAY):
        review_id = city.start()
        found, lines = city.review(review_id), city.lines(review_id)
        line = city.line_of(review_id, city.finance)
        with tenant_scope(city.id):
            since = queries.came_since(db.session(), city.id, review_id, clock.now())
            [newcomer] = [
                one
                for one in queries.present_people(db.session(), city.id, clock.now())
                if str(one.person_id) == later.id
            ]

    assert (found.state, found.lines, found.decided, found.withdrawn) == (ReviewState.OPEN, 4, 0, 0)
    assert [one.kind for one in lines] == [LineKind.PERSON] * 3 + [LineKind.CLIENT]
    # As it was on 30 April, with what is other now beside it.
    assert (line.section, set(line.rights)) == ("財政課", {FINANCE, AUDITOR})
    assert (line.present_rights, line.has_changed) == ((FINANCE,), True)
    assert sum(one.has_changed for one in lines) == 1
    assert city.line_of_system(review_id).rights == ("moyai:usage.read",)
    assert [(one.id, one.rights) for one in since] == [(newcomer.id, (AUDITOR,))]
    [event] = recorded("access_review.started")
    assert (event.tenant_id, event.subject) == (city.id, str(review_id))
    assert event.facts == {"as_of": "2027-04-30", "due_on": "2027-05-31", "people": 3, "clients": 1}


def test_a_signature_carries_out_what_was_decided_and_nothing_before_it(city: City) -> None:
    with clock.at(MAY):
        review_id = city.start()
        extra = city.visitors.person(city.id, FINANCE)
        assert city.decide(review_id) == 0
        city.decide(
            review_id,
            city.line_of(review_id, city.finance).id,
            decision=END_ROLES,
            roles=(FINANCE,),
            reason="会計の担当を離れた",
        )
        city.decide(review_id, city.line_of(review_id, city.user_admin.id).id, decision=SUSPEND, reason="退職")
        city.decide(review_id, city.line_of_system(review_id).id, decision=SUSPEND, reason="使っていない")
        assert city.roles(city.finance) == {FINANCE, AUDITOR, Role.TENANT_MEMBER}
        assert city.roles(city.user_admin.id) == {USER_ADMIN, Role.TENANT_MEMBER}

        done = city.sign(review_id)

        assert (done.kept, done.roles_ended, done.suspended) == (1, 1, 2)
        assert city.roles(city.finance) == {AUDITOR, Role.TENANT_MEMBER}
        assert city.roles(city.user_admin.id) == set()
        assert city.roles(city.owner.id) == {OWNER, Role.TENANT_MEMBER}
        # Who came after the day of the list is no part of it.
        assert city.roles(extra.id) == {FINANCE, Role.TENANT_MEMBER}
        found = city.review(review_id)
    assert (found.state, found.signed_by, found.signed_at) == (ReviewState.SIGNED, city.owner.id, MAY)
    assert found.digest == done.digest
    [ended] = recorded("member.role_ended")
    assert (ended.subject, ended.facts["reason"]) == (str(city.finance), "会計の担当を離れた")
    [disabled] = recorded("member.disabled")
    assert (disabled.subject, disabled.facts["reason"]) == (city.user_admin.id, "退職")
    [suspended] = recorded("client.suspended")
    assert (suspended.subject, suspended.facts["reason"]) == (str(city.system), "使っていない")
    [signed] = recorded("access_review.signed")
    assert signed.facts["digest"] == done.digest
    assert {"kept": 1, "roles_ended": 1, "suspended": 2, "lines": 4}.items() <= signed.facts.items()
    with clock.at(MAY):
        assert refused(lambda: city.sign(review_id)) == "access_review.not_open"
        assert refused(lambda: city.decide(review_id)) == "access_review.not_open"


def test_a_line_is_decided_anew_until_the_signature(city: City) -> None:
    with clock.at(MAY):
        review_id = city.start()
        line = city.line_of(review_id, city.finance)
        city.decide(review_id, line.id, decision=SUSPEND, reason="取違え")
        city.decide(review_id, line.id, actor=city.owner)
        found = city.line_of(review_id, city.finance)
        assert (found.decision, found.reason, found.decided_by) == (KEEP, None, city.owner.id)
        assert [one.id for one in city.lines(review_id, LineFilter.DECIDED)] == [line.id]
        assert len(city.lines(review_id, LineFilter.UNDECIDED)) == 3
        assert city.lines(review_id, LineFilter.WITHDRAWN) == []
        assert refused(lambda: city.sign(review_id)) == "access_review.lines_undecided"


def test_what_ended_meanwhile_is_shown_and_not_ended_twice(city: City) -> None:
    with clock.at(MAY):
        review_id = city.start()
        city.decide(review_id)
        finance, admin = city.line_of(review_id, city.finance), city.line_of(review_id, city.user_admin.id)
        city.decide(review_id, finance.id, decision=END_ROLES, roles=(FINANCE, AUDITOR), reason="異動")
        city.decide(review_id, admin.id, city.line_of_system(review_id).id, decision=SUSPEND, reason="退職")
        end_role(EndRole(tenant_id=city.id, member_id=city.finance, role=FINANCE, reason="先に"), actor=city.owner)
        disable_member(
            DisableMember(tenant_id=city.id, member_id=UUID(city.user_admin.id), reason="先に"), actor=city.owner
        )
        suspend_client(SuspendClient(tenant_id=city.id, client_id=city.system, reason="先に"), actor=city.owner)
        changed = {one.id: one.present_rights for one in city.lines(review_id, LineFilter.CHANGED)}
        system = city.line_of_system(review_id)
        assert changed == {finance.id: (AUDITOR,), admin.id: None, system.id: None}

        done = city.sign(review_id)

    assert (done.kept, done.roles_ended, done.suspended) == (1, 1, 0)
    assert [event.facts["reason"] for event in recorded("member.role_ended")] == ["先に", "異動"]
    assert len(recorded("member.disabled")) == len(recorded("client.suspended")) == 1


def test_a_signature_that_would_leave_no_owner_changes_nothing(city: City) -> None:
    with clock.at(MAY):
        review_id = city.start()
        city.decide(review_id)
        finance, owner = city.line_of(review_id, city.finance), city.line_of(review_id, city.owner.id)
        city.decide(review_id, finance.id, decision=SUSPEND, reason="退職")
        city.decide(review_id, owner.id, decision=END_ROLES, roles=(OWNER,), reason="異動")
        assert refused(lambda: city.sign(review_id)) == "member.last_owner"
        city.decide(review_id, owner.id, decision=SUSPEND, reason="異動")
        assert refused(lambda: city.sign(review_id)) == "member.last_owner"
        assert FINANCE in city.roles(city.finance)
        assert city.review(review_id).state is ReviewState.OPEN


def test_only_owners_sign_and_only_owners_and_user_administrators_decide(city: City, actors: Actors) -> None:
    with clock.at(MAY):
        review_id = city.start()
        colleagues = (FINANCE, AUDITOR, Role.TENANT_CLIENT_ADMIN, Role.TENANT_MEMBER)
        people = [city.visitors.person(city.id, role) for role in colleagues]
        for actor in (*people, actors.security, actors.onboarding):
            assert refused(partial(city.decide, review_id, actor=actor)) == "permission.missing"
        city.decide(review_id)
        for actor in (*people, city.user_admin, actors.security, actors.onboarding, actors.approver):
            assert refused(partial(city.sign, review_id, actor)) == "permission.missing"
        assert city.review(review_id).state is ReviewState.OPEN


def test_another_tenants_owner_finds_no_review_and_no_line(city: City) -> None:
    other = city.visitors.municipality("432148", "阿蘇市")
    stranger = city.visitors.person(other, OWNER)
    with clock.at(MAY):
        review_id = city.start()
        city.decide(review_id)
        own = start_access_review(StartAccessReview(tenant_id=other, as_of=clock.today(), due_on=DUE), actor=stranger)
        theirs = own.review_id
        for act in (
            lambda: city.sign(review_id, stranger),
            lambda: city.decide(review_id, actor=stranger),
            lambda: city.start(stranger),
            lambda: decide_access_review(
                DecideAccessReview(
                    tenant_id=other,
                    review_id=theirs,
                    line_ids=(city.lines(review_id)[0].id,),
                    decision=KEEP,
                ),
                actor=stranger,
            ),
            lambda: sign_access_review(SignAccessReview(tenant_id=other, review_id=review_id), actor=stranger),
        ):
            assert refused(act) == "not_found"
        with tenant_scope(other):
            db.session.rollback()
            seen = queries.access_reviews(db.session(), clock.today())
            names = db.session.execute(text("SELECT DISTINCT tenant_id FROM access_review_line")).scalars().all()
    assert {one.tenant_id for one in seen} == {other} == set(names)


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"decision": "suspend"}, "access_review.reason_missing", "reason"),
        ({"decision": "end-roles", "reason": "x"}, "access_review.roles_missing", "roles"),
        ({"decision": "keep", "roles": ["tenant-finance"]}, "access_review.roles_not_asked", "roles"),
    ],
)
def test_a_decision_is_whole(given: dict[str, Any], code: str, field: str) -> None:
    ids = {"tenant_id": str(UUID(int=1)), "review_id": str(UUID(int=2)), "line_ids": [str(UUID(int=3))]}

    with pytest.raises(InvalidCommand) as wrong:
        read_command(DecideAccessReview, ids | given)

    assert [(error.code, error.field) for error in wrong.value.errors] == [(code, field)]


def test_roles_are_ended_of_people_who_hold_them_only(city: City) -> None:
    with clock.at(MAY):
        review_id = city.start()
        owner, system = city.line_of(review_id, city.owner.id), city.line_of_system(review_id)
        ending = partial(city.decide, review_id, decision=END_ROLES, roles=(FINANCE,), reason="x")
        assert refused(lambda: ending(owner.id)) == "access_review.role_not_on_line"
        assert refused(lambda: ending(system.id)) == "access_review.system_has_no_roles"
        assert refused(lambda: city.decide(review_id, UUID(int=7))) == "not_found"


def test_days_that_cannot_be_are_refused_and_one_review_is_open_at_a_time(city: City, actors: Actors) -> None:
    with clock.at(MAY):
        assert refused(lambda: city.start(as_of=date(2027, 5, 7))) == "access_review.day_to_come"
        assert refused(lambda: city.start(due_on=date(2027, 5, 5))) == "access_review.due_over"
        assert refused(lambda: city.start(as_of=date(2020, 1, 1))) == "access_review.no_access_there"
        assert refused(lambda: city.start(city.user_admin)) == "permission.missing"
        assert refused(lambda: city.start(actors.security, tenant_id=actors.operator_tenant)) == (
            "access_review.no_access_there"
        )
        first = city.start(as_of=date(2027, 5, 6))
        assert refused(lambda: city.start()) == "access_review.open_already"
        cancel = CancelAccessReview(tenant_id=city.id, review_id=first, reason="基準日の誤り")
        assert refused(lambda: cancel_access_review(cancel, actor=city.user_admin)) == "permission.missing"
        cancel_access_review(cancel, actor=actors.security)
        assert city.review(first).state is ReviewState.CANCELLED
        assert refused(lambda: city.decide(first)) == "access_review.not_open"
        assert refused(lambda: city.sign(first)) == "access_review.not_open"
        second = city.start()
        assert city.review(second).state is ReviewState.OPEN


@pytest.fixture
def others(city: City) -> dict[str, UUID]:
    """Tenants beside the city: one that takes part, one without an owner, one whose people cannot sign in."""
    with clock.at(MAY - timedelta(days=40)):
        found = {
            "阿蘇市": city.visitors.municipality("432148", "阿蘇市"),
            "水俣市": city.visitors.municipality("432059", "水俣市"),
            "宇土市": city.visitors.municipality("432113", "宇土市", TenantState.APPLIED),
        }
        city.visitors.person(found["阿蘇市"], OWNER)
        city.visitors.person(found["水俣市"], FINANCE)
        city.visitors.person(found["宇土市"], OWNER)
    return found


def test_the_operator_starts_one_in_every_tenant_and_reminds_those_that_have_not_signed(
    city: City, others: dict[str, UUID], actors: Actors
) -> None:
    everywhere = StartAccessReviews(as_of=AS_OF, due_on=DUE)
    with clock.at(MAY):
        assert refused(lambda: start_access_reviews(everywhere, actor=city.owner)) == "permission.missing"
        started = start_access_reviews(everywhere, actor=actors.security)
        assert set(started.started) == {city.id, others["阿蘇市"], others["水俣市"]}
        assert refused(lambda: start_access_reviews(everywhere, actor=actors.security)) == (
            "access_review.nobody_to_review"
        )
        own = next(one for one in progress() if one.tenant_id == city.id)
        city.decide(own.id)
        city.sign(own.id)
    with clock.at(MAY + timedelta(days=30)):
        found = {one.name: (one.state, one.is_overdue) for one in progress()}
        assert found == {
            "山鹿市": (ReviewState.SIGNED, False),
            "阿蘇市": (ReviewState.OPEN, True),
            "水俣市": (ReviewState.OPEN, True),
        }
        mailed = mails()
        reminder = RemindOfAccessReviews()
        reminded = remind_of_access_reviews(reminder, actor=actors.security)
        assert reminded.reminded == (others["阿蘇市"],)
        assert [(one.name, one.reason) for one in reminded.left_out] == [("水俣市", NotReminded.NO_OWNER)]
        assert refused(lambda: remind_of_access_reviews(reminder, actor=actors.security)) == (
            "access_review.nobody_to_remind"
        )
        assert refused(lambda: remind_of_access_reviews(reminder, actor=city.owner)) == "permission.missing"
        assert (
            refused(
                lambda: remind_of_access_reviews(RemindOfAccessReviews(tenant_ids=(city.id,)), actor=actors.security)
            )
            == "not_found"
        )
        assert len(mails()) == len(mailed) + 1
    # The mail of the start is not sent to an owner who signed before it went out.
    assert "山鹿市" not in "".join(words for _, _, words in mailed)
    [(_, subject, words)] = mailed
    assert "権限の棚卸し" in subject
    assert "令和9年5月31日（月）" in words
    assert len(recorded("access_review.reminded")) == len(rows("access_review_reminder")) == 1


def progress() -> list[AccessReviewFacts]:
    with tenant_scope(OPERATOR):
        db.session.rollback()
        return queries.access_reviews(db.session(), clock.today())


def mails() -> list[tuple[str, str, str]]:
    """What the jobs that were enqueued so far would send now."""
    sent: list[tuple[str, str, str]] = []
    with tenant_scope(OPERATOR):
        payloads = db.session.scalars(select(Job.payload).where(Job.name == MAIL_ACCESS_REVIEW).order_by(Job.id)).all()
    for payload in payloads:
        mail_handlers(lambda *mail: sent.append(mail), "https://moyai.example")[MAIL_ACCESS_REVIEW](dict(payload))
    return sent


def test_the_database_refuses_a_second_open_review_and_a_withdrawal_without_a_reason(city: City) -> None:
    with clock.at(MAY):
        review_id = city.start()
        city.decide(review_id)
    for statement in (
        "INSERT INTO access_review (id, tenant_id, as_of, due_on, started_by, started_at) SELECT gen_random_uuid(),"
        " tenant_id, as_of, due_on, started_by, started_at FROM access_review",
        "UPDATE access_review_line SET decision = 'suspend', reason = NULL",
        "UPDATE access_review SET signed_by = 'x'",
    ):
        with tenant_scope(OPERATOR):
            with pytest.raises(DBAPIError):
                db.session.execute(text(statement))
            db.session.rollback()
    assert city.review(review_id).state is ReviewState.OPEN


def test_a_grant_to_come_is_no_access_yet(city: City) -> None:
    with clock.at(MAY):
        grant_role(
            GrantRole(
                tenant_id=city.id,
                member_id=city.finance,
                role=Role.TENANT_CLIENT_ADMIN,
                valid_from=date(2027, 7, 1),
                reason="異動",
            ),
            actor=city.owner,
        )
        review_id = city.start(as_of=date(2027, 5, 6))
        line = city.line_of(review_id, city.finance)
    assert set(line.rights) == {FINANCE, AUDITOR}
    assert not line.has_changed
    with clock.at(datetime(2027, 7, 1, tzinfo=JST)):
        assert city.line_of(review_id, city.finance).has_changed
