"""Who has accepted a version, and reminders: to whom they go, not twice a day, by whom they may be sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from admin.workflows.tenant_mails import mail_handlers
from governance.actors import Actor, ActorKind
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.era import DateNotation
from governance.kernel.errors import Conflict, NotAllowed, NotFound
from governance.kernel.ids import new_id
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.acceptances.commands import REMIND_OWNERS, RemindOfAgreement, remind_of_agreement
from tenancy.acceptances.models import AcceptanceStatus
from tenancy.acceptances.queries import acceptance_statuses
from tenancy.acceptances.states import AcceptanceState
from tenancy.preferences.commands import SavePreferences, save_preferences
from tenancy.preferences.models import PreferencesFacts
from tenancy.preferences.states import ScreenLanguage
from tenancy.reminders import NotReminded
from tenancy.tenants.states import TenantState
from tests.actors import Actors, seed_operator
from tests.database_rows import recorded, rows
from tests.factories import Factory
from tests.words import foreign_words, japanese_words

NOON = datetime(2025, 6, 2, 3, 0, tzinfo=UTC)
"""Noon in Japan."""
DUE = date(2026, 4, 1)
CODES = ("431001", "432024", "432041")


@pytest.fixture
def factory(database: object) -> Iterator[Factory]:
    """Three members, each with an owner but the last, and a version that takes effect next April."""
    with clock.at(NOON):
        factory = Factory(Actors(seed_operator()))
        for code, name in zip(CODES, ("熊本市", "八代市", "荒尾市"), strict=True):
            factory.add_member(code, name)
        for code in CODES[:2]:
            factory.add_person(factory.ids[code], f"owner@{code}.example", Role.TENANT_OWNER)
            factory.add_person(factory.ids[code], f"member@{code}.example")
        yield factory


@pytest.fixture
def version_id(factory: Factory) -> UUID:
    return factory.publish(DUE, "第1条 改正")


def statuses(version_id: UUID, **wanted: AcceptanceState) -> dict[str | None, AcceptanceStatus]:
    with tenant_scope(OPERATOR):
        return {one.code: one for one in acceptance_statuses(db.session(), version_id, clock.today(), **wanted)}


def remind(factory: Factory, version_id: UUID, *codes: str) -> tuple[set[UUID], dict[str, NotReminded]]:
    """Whom the command reminded, and whom it left out and why."""
    command = RemindOfAgreement(version_id=version_id, tenant_ids=tuple(factory.ids[code] for code in codes))
    result = remind_of_agreement(command, actor=factory.actors.onboarding)
    return set(result.reminded), {one.name: one.reason for one in result.left_out}


def run_jobs() -> list[tuple[str, str, str]]:
    """The mails that the jobs of all reminders send."""
    sent: list[tuple[str, str, str]] = []
    with tenant_scope(OPERATOR):
        payloads = [dict(job.payload) for job in db.session.query(Job) if job.name == REMIND_OWNERS]
    for payload in payloads:
        mail_handlers(lambda *mail: sent.append(mail), "https://moyai.example")[REMIND_OWNERS](payload)
    return sent


def test_the_status_says_of_each_member_when_and_by_whom_or_since_when_and_until_when(
    factory: Factory, version_id: UUID
) -> None:
    factory.accept(factory.ids["431001"], version_id, signed_on=date(2025, 6, 1))
    factory.register_applicant("432059", "水俣市")

    found = statuses(version_id)

    assert list(found) == list(CODES)  # Neither the operator nor an applicant is asked.
    accepted, missing = found["431001"], found["432024"]
    assert (accepted.state, accepted.signed_on, accepted.accepted_at) == (
        AcceptanceState.ACCEPTED,
        date(2025, 6, 1),
        NOON,
    )
    assert accepted.signer_name
    assert (missing.state, missing.asked_at, missing.due_on) == (AcceptanceState.NOT_ACCEPTED, NOON, DUE)
    assert (missing.accepted_at, missing.signer_name, missing.reminded_at) == (None, None, None)
    assert list(statuses(version_id, state=AcceptanceState.ACCEPTED)) == ["431001"]
    with tenant_scope(factory.ids["432024"]):
        own = acceptance_statuses(db.session(), version_id, clock.today())
    assert [one.code for one in own] == ["432024"]


def test_one_that_left_is_not_asked_and_a_suspended_one_is(factory: Factory, version_id: UUID) -> None:
    factory.change_state("432024", TenantState.SUSPENDED)
    factory.change_state("432041", TenantState.LEAVING)

    assert list(statuses(version_id)) == ["431001", "432024"]


def test_a_reminder_reaches_the_owners_of_those_that_have_not_accepted_and_nobody_else(
    factory: Factory, version_id: UUID
) -> None:
    factory.accept(factory.ids["431001"], version_id, signed_on=date(2025, 6, 1))

    assert remind(factory, version_id) == ({factory.ids["432024"]}, {"荒尾市": NotReminded.NO_OWNER})

    [(recipient, subject, words)] = run_jobs()
    assert recipient == "owner@432024.example"
    assert "第2版" in subject
    assert f"https://moyai.example/tenants/{factory.ids['432024']}/agreements/{version_id}" in words
    assert "令和8年4月1日（水）" in words
    assert "八代市" in words
    assert statuses(version_id)["432024"].reminded_at == NOON
    [event] = recorded("agreement.reminded")
    assert (event.tenant_id, event.subject) == (factory.ids["432024"], str(version_id))
    assert event.facts == {"agreement": "joint-use", "number": 2}


def test_no_tenant_is_reminded_of_a_version_twice_on_one_day(factory: Factory, version_id: UUID) -> None:
    remind(factory, version_id, "431001")

    with clock.at(NOON + timedelta(hours=11, minutes=59)):
        assert remind(factory, version_id) == (
            {factory.ids["432024"]},
            {"熊本市": NotReminded.REMINDED_TODAY, "荒尾市": NotReminded.NO_OWNER},
        )
        with pytest.raises(Conflict) as refused:
            remind(factory, version_id)
        events = len(recorded("agreement.reminded"))
    with clock.at(NOON + timedelta(hours=12)):  # Midnight in Japan.
        assert remind(factory, version_id, "431001") == ({factory.ids["431001"]}, {})

    assert refused.value.code == "agreement.nobody_to_remind"
    assert "本日催促済み 2団体" in refused.value.text("ja")
    assert events == 2
    assert len(rows("acceptance_reminder")) == 3


def test_the_same_key_reminds_once(factory: Factory, version_id: UUID) -> None:
    command = RemindOfAgreement(version_id=version_id)
    first = remind_of_agreement(command, actor=factory.actors.onboarding, key="once")

    assert remind_of_agreement(command, actor=factory.actors.onboarding, key="once") == first
    assert len(rows("acceptance_reminder")) == 2


def test_one_chosen_that_has_accepted_is_left_out_and_said(factory: Factory, version_id: UUID) -> None:
    factory.accept(factory.ids["431001"], version_id, signed_on=date(2025, 6, 1))

    assert remind(factory, version_id, "431001", "432024") == (
        {factory.ids["432024"]},
        {"熊本市": NotReminded.ACCEPTED},
    )


def test_each_owner_is_reminded_in_the_language_and_the_years_that_they_chose(
    factory: Factory, version_id: UUID
) -> None:
    for email, language in (("english", ScreenLanguage.ENGLISH), ("western", ScreenLanguage.JAPANESE)):
        added = factory.add_person(factory.ids["432024"], f"{email}@432024.example", Role.TENANT_OWNER)
        actor = Actor(str(added.person_id), ActorKind.PERSON, factory.ids["432024"], frozenset({Role.TENANT_OWNER}))
        chosen = PreferencesFacts(language=language, date_notation=DateNotation.WESTERN)
        save_preferences(SavePreferences(**dict(chosen)), actor=actor)
    remind(factory, version_id, "432024")

    mails = {recipient.partition("@")[0]: (subject, words) for recipient, subject, words in run_jobs()}

    assert set(mails) == {"owner", "english", "western"}
    assert "令和8年4月1日（水）" in mails["owner"][1]  # Who has chosen nothing reads Japanese.
    assert "2026年4月1日（水）" in mails["western"][1]
    for recipient in ("owner", "western"):
        assert foreign_words(re.sub(r"https://\S+", "", " ".join(mails[recipient]))) == set()
    assert mails["english"][0].startswith("Please accept version 2 of")
    assert "2026" in mails["english"][1]
    assert japanese_words(" ".join(mails["english"]), ("八代市", "共同利用協定")) == set()


def test_who_accepts_before_the_job_runs_gets_no_mail(factory: Factory, version_id: UUID) -> None:
    remind(factory, version_id, "431001", "432024")
    factory.accept(factory.ids["431001"], version_id, signed_on=date(2025, 6, 1))

    assert [recipient for recipient, _, _ in run_jobs()] == ["owner@432024.example"]


def test_nobody_is_reminded_of_a_version_that_was_replaced_nor_of_an_unknown_one(
    factory: Factory, version_id: UUID
) -> None:
    newest = factory.publish(DUE, "第1条 再改正")

    with pytest.raises(Conflict) as replaced:
        remind(factory, version_id)
    with pytest.raises(NotFound):
        remind(factory, new_id())
    command = RemindOfAgreement(version_id=newest, tenant_ids=(factory.actors.operator_tenant,))
    with pytest.raises(NotFound):
        remind_of_agreement(command, actor=factory.actors.onboarding)

    assert replaced.value.code == "agreement.not_asked_for"
    assert rows("acceptance_reminder") == []
    assert run_jobs() == []


def test_only_who_may_remind_does(factory: Factory, version_id: UUID) -> None:
    command = RemindOfAgreement(version_id=version_id)
    owner = factory.actors.municipal(factory.ids["431001"], Role.TENANT_OWNER)

    for actor in (factory.actors.finance, factory.actors.auditor, owner):
        with pytest.raises(NotAllowed):
            remind_of_agreement(command, actor=actor)

    assert rows("acceptance_reminder") == []


def test_the_database_refuses_a_second_reminder_of_the_day_a_change_and_one_by_a_tenant(
    factory: Factory, version_id: UUID
) -> None:
    remind(factory, version_id, "431001")
    copy = """
        INSERT INTO acceptance_reminder
        SELECT gen_random_uuid(), tenant_id, version_id, reminded_on + :days, reminded_by, reminded_at
        FROM acceptance_reminder
    """

    with tenant_scope(OPERATOR):
        for statement, error in (
            (text(copy).bindparams(days=0), IntegrityError),
            (text("UPDATE acceptance_reminder SET reminded_by = 'x'"), DBAPIError),
        ):
            with pytest.raises(error):
                db.session.execute(statement)
            db.session.rollback()
    with tenant_scope(factory.ids["431001"]), pytest.raises(DBAPIError):
        db.session.execute(text(copy).bindparams(days=1))

    assert len(rows("acceptance_reminder")) == 1
