"""Announcements: to whom one goes, that nobody else reads it, that a tenant confirms it once, and its withdrawal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from admin.workflows.tenant_mails import mail_handlers
from governance.declaration import InvalidCommand, read_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from governance.kernel.ids import new_id
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.announcements import queries
from tenancy.announcements.commands import (
    REMIND_OF_ANNOUNCEMENT,
    ConfirmAnnouncement,
    PublishAnnouncement,
    RemindOfAnnouncement,
    WithdrawAnnouncement,
    confirm_announcement,
    publish_announcement,
    remind_of_announcement,
    withdraw_announcement,
)
from tenancy.announcements.states import AnnouncementState, ConfirmationState
from tenancy.reminders import NotReminded
from tenancy.tenants.states import TenantKind, TenantState
from tests.actors import Actors, seed_operator
from tests.database_rows import recorded, rows
from tests.factories import Factory

NOON = datetime(2025, 6, 2, 3, 0, tzinfo=UTC)
"""Noon in Japan."""
LAST_DAY = date(2025, 6, 30)
MEMBERS = {"431001": "熊本市", "432024": "八代市", "432041": "荒尾市"}


@pytest.fixture
def factory(database: object) -> Iterator[Factory]:
    """Three members and an applicant."""
    with clock.at(NOON):
        factory = Factory(Actors(seed_operator()))
        for code, name in MEMBERS.items():
            factory.add_member(code, name)
        factory.register_applicant("432059", "水俣市")
        yield factory


def publish(factory: Factory, *codes: str, **other: Any) -> UUID:
    values: dict[str, Any] = {
        "title": "計画停止のお知らせ",
        "text": "6月8日に停止します。\n再開は9日です。",
        "shown_until": LAST_DAY,
    }
    command = PublishAnnouncement(**values, tenant_ids=tuple(factory.ids[code] for code in codes), **other)
    return publish_announcement(command, actor=factory.actors.onboarding).announcement_id


def confirm(factory: Factory, code: str, announcement_id: UUID, role: Role = Role.TENANT_OWNER) -> None:
    actor = factory.actors.municipal(factory.ids[code], role)
    confirm_announcement(ConfirmAnnouncement(tenant_id=factory.ids[code], announcement_id=announcement_id), actor=actor)


def reached(announcement_id: UUID) -> list[str | None]:
    with tenant_scope(OPERATOR):
        return [one.code for one in queries.recipients(db.session(), announcement_id)]


def read_by(factory: Factory, code: str) -> list[UUID]:
    """The announcements that this tenant sees."""
    with tenant_scope(factory.ids[code]):
        found = queries.announcements(db.session(), clock.today(), includes_withdrawn=False)
        return [one.id for one in found]


def test_to_all_means_those_that_take_part_and_not_one_that_joins_later(factory: Factory) -> None:
    factory.change_state("432041", TenantState.LEAVING, TenantState.LEFT)

    published = publish(factory)
    factory.add_member("432067", "玉名市")

    assert reached(published) == ["431001", "432024"]
    [event] = recorded("announcement.published")
    assert event.facts == {"title": "計画停止のお知らせ", "recipients": 2}
    assert read_by(factory, "432067") == []


def test_it_goes_to_the_chosen_or_to_a_cohort_or_to_a_state(factory: Factory) -> None:
    factory.define_cohort("r7", "令和7年度参加", factory.ids["432059"])
    factory.change_state("432024", TenantState.SUSPENDED)

    assert reached(publish(factory, "432024", "432059")) == ["432024", "432059"]
    assert reached(publish(factory, cohort="r7")) == ["432059"]
    assert reached(publish(factory, state=TenantState.SUSPENDED)) == ["432024"]


def test_it_goes_to_those_of_a_kind_that_take_part(factory: Factory) -> None:
    factory.add_member("433489", "美里町")
    factory.register_applicant("433641", "玉東町")

    assert reached(publish(factory, kind=TenantKind.TOWN)) == ["433489"]
    assert reached(publish(factory, kind=TenantKind.TOWN, state=TenantState.APPLIED)) == ["433641"]
    assert "433489" not in reached(publish(factory, kind=TenantKind.CITY))


def test_who_did_not_get_it_reads_nothing_of_it(factory: Factory) -> None:
    published = publish(factory, "431001")

    assert read_by(factory, "431001") == [published]
    assert read_by(factory, "432024") == []
    with tenant_scope(factory.ids["432024"]):
        with pytest.raises(NotFound):
            queries.announcement(db.session(), published, clock.today())
        assert db.session.execute(text("SELECT count(*) FROM announcement")).scalar_one() == 0
    with tenant_scope(factory.ids["431001"]):
        assert [one.code for one in queries.recipients(db.session(), published)] == ["431001"]


@pytest.mark.parametrize(
    ("other", "code", "field"),
    [
        ({"shown_until": "2025-06-01"}, "announcement.last_day_over", "shown_until"),
        ({"cohort": "nothing"}, "not_found", "cohort"),
        ({"tenant_ids": [str(new_id())]}, "not_found", "tenant_ids"),
        ({"state": "left"}, "announcement.no_recipients", "tenant_ids"),
    ],
)
def test_what_cannot_be_published_is_refused_and_nothing_is_kept(
    factory: Factory, other: dict[str, Any], code: str, field: str
) -> None:
    values = {"title": "題名", "text": "本文", "shown_until": "2025-06-30"} | other

    with pytest.raises((Invalid, NotFound, Conflict)) as refused:
        publish_announcement(read_command(PublishAnnouncement, values), actor=factory.actors.onboarding)

    assert (refused.value.code, refused.value.field) == (code, field)
    assert rows("announcement") == rows("announcement_recipient") == []


@pytest.mark.parametrize("other", [{"state": "active"}, {"kind": "town"}])
def test_tenants_and_what_narrows_them_are_not_chosen_together(factory: Factory, other: dict[str, str]) -> None:
    values = {"title": "題名", "text": "本文", "shown_until": "2025-06-30"}

    with pytest.raises(InvalidCommand) as refused:
        read_command(PublishAnnouncement, values | {"tenant_ids": [str(new_id())]} | other)

    assert [one.code for one in refused.value.errors] == ["announcement.not_both"]


def test_it_is_shown_to_its_last_day_and_listed_after_it(factory: Factory) -> None:
    published = publish(factory)

    def states(moment: datetime) -> list[AnnouncementState]:
        with clock.at(moment), tenant_scope(factory.ids["431001"]):
            return [one.state for one in queries.announcements(db.session(), clock.today())]

    assert states(datetime(2025, 6, 30, 14, 59, tzinfo=UTC)) == [AnnouncementState.SHOWN]
    assert states(datetime(2025, 6, 30, 15, 0, tzinfo=UTC)) == [AnnouncementState.OVER]
    assert read_by(factory, "431001") == [published]


def test_a_tenant_confirms_once_by_name_and_time_and_the_others_still_wait(factory: Factory) -> None:
    published = publish(factory, asks_confirmation=True)

    confirm(factory, "431001", published)
    with pytest.raises(Conflict) as again:
        confirm(factory, "431001", published, Role.TENANT_FINANCE)

    assert again.value.code == "announcement.confirmed_already"
    with tenant_scope(OPERATOR):
        found = {one.code: one for one in queries.recipients(db.session(), published)}
        counted = queries.announcement(db.session(), published, clock.today())
    assert (found["431001"].state, found["431001"].confirmed_at) == (ConfirmationState.CONFIRMED, NOON)
    assert found["432024"].state is ConfirmationState.NOT_CONFIRMED
    assert (counted.confirmed, counted.recipients) == (1, 3)
    [event] = recorded("announcement.confirmed")
    assert (event.tenant_id, event.subject) == (factory.ids["431001"], str(published))
    assert event.actor == found["431001"].confirmed_by


def test_only_who_answers_for_a_tenant_confirms_and_only_what_it_got(factory: Factory) -> None:
    published = publish(factory, "431001", asks_confirmation=True)

    for role in (Role.TENANT_MEMBER, Role.TENANT_AUDITOR):
        with pytest.raises(NotAllowed):
            confirm(factory, "431001", published, role)
    with pytest.raises(NotFound):
        confirm(factory, "432024", published)
    theirs = ConfirmAnnouncement(tenant_id=factory.ids["431001"], announcement_id=published)
    with pytest.raises(NotFound):
        confirm_announcement(theirs, actor=factory.actors.municipal(factory.ids["432024"], Role.TENANT_OWNER))
    with pytest.raises(NotAllowed):
        confirm_announcement(theirs, actor=factory.actors.onboarding)

    assert rows("announcement_confirmation") == []


def test_what_asks_for_nothing_is_not_confirmed(factory: Factory) -> None:
    published = publish(factory)

    with pytest.raises(Conflict) as refused:
        confirm(factory, "431001", published)

    assert refused.value.code == "announcement.nothing_to_confirm"


def test_a_withdrawn_one_is_gone_for_tenants_and_kept_for_the_operator(factory: Factory) -> None:
    published = publish(factory, asks_confirmation=True)
    confirm(factory, "431001", published)
    command = WithdrawAnnouncement(announcement_id=published, reason="日付の誤り")

    withdraw_announcement(command, actor=factory.actors.onboarding)

    assert read_by(factory, "431001") == []
    with pytest.raises(Conflict) as late:
        confirm(factory, "432024", published)
    with pytest.raises(Conflict) as twice:
        withdraw_announcement(command, actor=factory.actors.onboarding)
    assert {late.value.code, twice.value.code} == {"announcement.withdrawn"}
    with tenant_scope(OPERATOR):
        found = queries.announcement(db.session(), published, clock.today())
        waits = [
            db.session.execute(waiting).all()
            for waiting in (
                queries.missing_confirmations(clock.today()),
                queries.unconfirmed_announcements(factory.ids["432024"], clock.today()),
            )
        ]
    assert (found.state, found.withdrawn_reason, found.confirmed) == (AnnouncementState.WITHDRAWN, "日付の誤り", 1)
    assert waits == [[], []]
    assert recorded("announcement.withdrawn")[0].facts["reason"] == "日付の誤り"


def test_nobody_else_publishes_or_withdraws(factory: Factory) -> None:
    published = publish(factory)
    owner = factory.actors.municipal(factory.ids["431001"], Role.TENANT_OWNER)

    for actor in (factory.actors.finance, factory.actors.auditor, owner):
        with pytest.raises(NotAllowed):
            withdraw_announcement(WithdrawAnnouncement(announcement_id=published, reason="x"), actor=actor)
        with pytest.raises(NotAllowed):
            publish_announcement(PublishAnnouncement(title="題名", text="本文", shown_until=LAST_DAY), actor=actor)

    assert len(rows("announcement")) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE announcement SET title = 'x'",
        "DELETE FROM announcement",
        "UPDATE announcement_recipient SET tenant_id = tenant_id",
        "DELETE FROM announcement_confirmation",
    ],
)
@pytest.mark.parametrize("scope", ["operator", "tenant"])
def test_the_database_changes_nothing_that_was_said_sent_or_confirmed(
    factory: Factory, statement: str, scope: str
) -> None:
    published = publish(factory, asks_confirmation=True)
    confirm(factory, "431001", published)

    with (
        tenant_scope(OPERATOR if scope == "operator" else factory.ids["431001"]),
        pytest.raises(DBAPIError),
    ):
        db.session.execute(text(statement))


def test_a_tenant_writes_no_announcement_and_withdraws_none(factory: Factory) -> None:
    publish(factory)
    copy = """
        INSERT INTO announcement
            (id, tenant_id, title, text, asks_confirmation, shown_until, published_by, published_at)
        VALUES (gen_random_uuid(), :tenant, 'x', 'x', false, now(), 'x', now())
    """
    withdrawal = "UPDATE announcement SET withdrawn_at = now(), withdrawn_by = 'x', withdrawn_reason = 'x'"

    with tenant_scope(factory.ids["431001"]):
        with pytest.raises(DBAPIError):
            db.session.execute(text(copy), {"tenant": factory.ids["431001"]})
        db.session.rollback()
        assert db.session.execute(text(withdrawal)).rowcount == 0  # type: ignore[attr-defined]
        db.session.rollback()

    with tenant_scope(OPERATOR):
        [one] = queries.announcements(db.session(), clock.today())
    assert one.state is AnnouncementState.SHOWN


def test_the_same_key_publishes_once(factory: Factory) -> None:
    command = PublishAnnouncement(title="題名", text="本文", shown_until=LAST_DAY)
    first = publish_announcement(command, actor=factory.actors.onboarding, key="once")

    assert publish_announcement(command, actor=factory.actors.onboarding, key="once") == first
    assert len(rows("announcement")) == 1


# -- reminders


@pytest.fixture
def asked(factory: Factory) -> UUID:
    """An announcement to all that asks for confirmation; the last of the three has no owner."""
    for code in list(MEMBERS)[:2]:
        factory.add_person(factory.ids[code], f"owner@{code}.example", Role.TENANT_OWNER)
        factory.add_person(factory.ids[code], f"member@{code}.example")
    return publish(factory, asks_confirmation=True)


def remind(factory: Factory, announcement_id: UUID, *codes: str) -> tuple[set[UUID], dict[str, NotReminded]]:
    """Whom the command reminded, and whom it left out and why."""
    chosen = tuple(factory.ids[code] for code in codes)
    command = RemindOfAnnouncement(announcement_id=announcement_id, tenant_ids=chosen)
    result = remind_of_announcement(command, actor=factory.actors.onboarding)
    return set(result.reminded), {one.name: one.reason for one in result.left_out}


def run_jobs() -> list[tuple[str, str, str]]:
    """The mails that the jobs of all reminders send."""
    sent: list[tuple[str, str, str]] = []
    with tenant_scope(OPERATOR):
        payloads = [dict(job.payload) for job in db.session.query(Job) if job.name == REMIND_OF_ANNOUNCEMENT]
    for payload in payloads:
        mail_handlers(lambda *mail: sent.append(mail), "https://moyai.example")[REMIND_OF_ANNOUNCEMENT](payload)
    return sent


def test_a_reminder_reaches_the_owners_of_those_that_have_not_confirmed_and_nobody_else(
    factory: Factory, asked: UUID
) -> None:
    confirm(factory, "431001", asked)

    assert remind(factory, asked) == ({factory.ids["432024"]}, {"荒尾市": NotReminded.NO_OWNER})

    [(recipient, subject, words)] = run_jobs()
    assert recipient == "owner@432024.example"
    assert "計画停止のお知らせ" in subject
    assert f"https://moyai.example/announcements/{asked}" in words
    assert "令和7年6月30日（月）" in words
    [event] = recorded("announcement.reminded")
    assert (event.tenant_id, event.facts) == (factory.ids["432024"], {"title": "計画停止のお知らせ"})
    with tenant_scope(OPERATOR):
        reminded = {one.code: one.reminded_at for one in queries.recipients(db.session(), asked)}
    assert reminded == {"431001": None, "432024": NOON, "432041": None}


def test_who_confirmed_before_the_mail_went_out_gets_none(factory: Factory, asked: UUID) -> None:
    remind(factory, asked, "431001", "432024")
    confirm(factory, "431001", asked)

    assert [recipient for recipient, _, _ in run_jobs()] == ["owner@432024.example"]


def test_no_tenant_is_reminded_of_an_announcement_twice_on_one_day(factory: Factory, asked: UUID) -> None:
    remind(factory, asked, "431001")

    with clock.at(NOON + timedelta(hours=11, minutes=59)):
        assert remind(factory, asked) == (
            {factory.ids["432024"]},
            {"熊本市": NotReminded.REMINDED_TODAY, "荒尾市": NotReminded.NO_OWNER},
        )
        with pytest.raises(Conflict) as refused:
            remind(factory, asked)
    with clock.at(NOON + timedelta(hours=12)):  # Midnight in Japan.
        assert remind(factory, asked, "431001") == ({factory.ids["431001"]}, {})

    assert refused.value.code == "announcement.nobody_to_remind"
    assert "本日催促済み 2団体" in refused.value.text("ja")
    assert len(rows("announcement_reminder")) == 3


def test_nobody_is_reminded_of_what_asks_for_nothing_was_withdrawn_or_is_unknown(factory: Factory, asked: UUID) -> None:
    without = publish(factory)
    withdrawal = WithdrawAnnouncement(announcement_id=asked, reason="誤り")
    withdraw_announcement(withdrawal, actor=factory.actors.onboarding)

    for announcement_id, code in (
        (without, "announcement.nothing_to_confirm"),
        (asked, "announcement.withdrawn"),
        (new_id(), "not_found"),
    ):
        with pytest.raises((Conflict, NotFound)) as refused:
            remind(factory, announcement_id)
        assert refused.value.code == code
    assert rows("announcement_reminder") == []


def test_only_whom_it_went_to_is_reminded_and_only_by_who_may(factory: Factory, asked: UUID) -> None:
    with pytest.raises(NotFound):
        remind(factory, asked, "432059")
    others = (factory.actors.finance, factory.actors.municipal(factory.ids["431001"], Role.TENANT_OWNER))
    for actor in others:
        with pytest.raises(NotAllowed):
            remind_of_announcement(RemindOfAnnouncement(announcement_id=asked), actor=actor)

    assert rows("announcement_reminder") == []
    assert run_jobs() == []


def test_the_database_refuses_a_second_reminder_of_the_day_and_a_change(factory: Factory, asked: UUID) -> None:
    remind(factory, asked, "431001")

    for statement in (
        "INSERT INTO announcement_reminder SELECT gen_random_uuid(), tenant_id, recipient_id, reminded_on, reminded_by,"
        " reminded_at FROM announcement_reminder",
        "UPDATE announcement_reminder SET reminded_by = 'x'",
        "DELETE FROM announcement_reminder",
    ):
        with tenant_scope(OPERATOR):
            with pytest.raises(DBAPIError):
                db.session().execute(text(statement))
            db.session().rollback()
    assert len(rows("announcement_reminder")) == 1
