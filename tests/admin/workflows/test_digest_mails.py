"""The digest mail: what waits for its reader and nothing else, on the mornings they chose, once, and to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser

from admin.features.approvals.stored import requestable
from admin.operations.mail.outbox import MailOutbox
from admin.operations.mail.sender import Mailer
from admin.operations.settings import Settings
from admin.workflows.digest_mails import Mornings, digest_handlers, enqueue_digests, mornings
from admin.workflows.waiting import count_waiting, waiting
from governance.actors import Actor
from governance.kernel import clock
from governance.kernel.clock import JST
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.era import DateNotation
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.people.commands import DisableMember, disable_member
from tenancy.people.queries import member
from tenancy.preferences.commands import SavePreferences, save_preferences
from tenancy.preferences.digests import MAIL_DIGEST
from tenancy.preferences.models import PreferencesFacts
from tenancy.preferences.states import DigestFrequency, ScreenLanguage
from tenancy.tenants.states import TenantState
from tests import chromium
from tests.actors import Actors, seed_operator
from tests.factories import Factory, Visitors

SUNDAY = datetime(2025, 6, 1, 3, 0, tzinfo=UTC)
"""Noon in Japan, the day before a working Monday."""
URL = "https://moyai.example"


def jst(month: int, day: int, hour: int = 8, minute: int = 0, year: int = 2025) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=JST)


@dataclass
class Post:
    """What was sent; `fails` is how many mails are not taken before one is."""

    sent: list[tuple[str, str, str, str]] = field(default_factory=list)
    fails: int = 0

    def __call__(self, recipient: str, subject: str, text: str, html: str) -> None:
        if self.fails:
            self.fails -= 1
            raise OSError("not taken")
        self.sent.append((recipient, subject, text, html))

    @property
    def recipients(self) -> list[str]:
        return [recipient for recipient, *_ in self.sent]


@dataclass(frozen=True)
class Sample:
    """Two members with an owner each."""

    factory: Factory
    kumamoto: Actor
    yatsushiro: Actor


@pytest.fixture
def sample(database: object) -> Iterator[Sample]:
    with clock.at(SUNDAY):
        factory = Factory(Actors(seed_operator()))
        for code, name in (("431001", "熊本市"), ("432024", "八代市")):
            factory.add_member(code, name)
        owners = [Visitors().person(factory.ids[code], Role.TENANT_OWNER) for code in ("431001", "432024")]
        yield Sample(factory, *owners)


def address(actor: Actor) -> str:
    with tenant_scope(OPERATOR):
        return member(db.session(), actor.tenant_id, UUID(actor.id), clock.now()).email


def choose(actor: Actor, digest: DigestFrequency, **other: Any) -> None:
    chosen = PreferencesFacts(digest_mail=digest, **other)
    save_preferences(SavePreferences(**dict(chosen)), actor=actor)


def work(post: Post, *, at: datetime) -> list[UUID]:
    """What a worker does at this instant: one round, then the jobs that are queued. The jobs' people."""
    handler = digest_handlers(post, URL, requestable)[MAIL_DIGEST]
    with clock.at(at):
        enqueue_digests()
        with tenant_scope(OPERATOR):
            jobs = [one for one in db.session.query(Job) if one.name == MAIL_DIGEST and one.state == "queued"]
            payloads = [dict(one.payload) for one in jobs]
            for one in jobs:
                one.state = "done"
                one.ended_at = clock.now()
            db.session.commit()
        for payload in payloads:
            handler(payload)
    return [UUID(payload["person_id"]) for payload in payloads]


def announce(sample: Sample, *owners: Actor, title: str = "計画停止のお知らせ") -> None:
    """Something that the owners' organizations, or all, are asked to confirm."""
    sample.factory.announce(*(one.tenant_id for one in owners), title=title, asks_confirmation=True)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (jst(6, 2, 7, 59), None),
        (jst(6, 2), Mornings(jst(6, 2), jst(6, 2))),
        (jst(6, 4, 17), Mornings(jst(6, 4), jst(6, 2))),
        (jst(6, 7, 9), None),
        # Monday 3 November is a holiday: the week begins on Tuesday.
        (jst(11, 3, 9), None),
        (jst(11, 4, 9), Mornings(jst(11, 4), jst(11, 4))),
        (jst(11, 6, 9), Mornings(jst(11, 6), jst(11, 4))),
        (jst(12, 30, 9), None),
        # 1 to 3 January are no working days, 2026-01-05 is the first of its week.
        (jst(1, 2, 9, year=2026), None),
        (jst(1, 5, 9, year=2026), Mornings(jst(1, 5, year=2026), jst(1, 5, year=2026))),
    ],
)
def test_mornings_are_of_working_days_from_eight(now: datetime, due: Mornings | None) -> None:
    assert mornings(now) == due


def test_the_mail_has_what_waits_for_its_reader_and_nothing_of_another_tenant(sample: Sample) -> None:
    owner = sample.kumamoto
    choose(owner, DigestFrequency.DAILY)
    announce(sample, sample.kumamoto, title="熊本市だけのお知らせ")
    announce(sample, sample.yatsushiro, title="八代市だけのお知らせ")
    post = Post()

    work(post, at=jst(6, 2))

    [(recipient, subject, text, html)] = post.sent
    with clock.at(jst(6, 2)), tenant_scope(owner.tenant_scope):
        number = count_waiting(waiting(db.session(), owner, clock.now()), owner, clock.now())
    assert number >= 1
    assert recipient == address(sample.kumamoto)
    assert subject == f"【Moyai】対応待ちが{number}件あります"
    for whole in (text, html):
        assert "熊本市だけのお知らせ" in whole
        assert "令和7年6月2日（月）" in whole
        assert f"{URL}/approvals" in whole
        assert f"{URL}/preferences" in whole
        assert "八代市" not in whole
        assert "毎日（休日を除く）" in whole
    # No link signs in, and no stored word is shown.
    assert {part.partition('"')[0] for part in html.split('href="')[1:]} == {f"{URL}/approvals", f"{URL}/preferences"}
    for stored in ("announcement", "daily", "due", "TaskKind", str(owner.id)):
        assert stored not in text, stored


def test_it_is_in_the_language_and_notation_of_its_reader(sample: Sample) -> None:
    choose(sample.kumamoto, DigestFrequency.DAILY, language=ScreenLanguage.ENGLISH)
    choose(sample.yatsushiro, DigestFrequency.DAILY, date_notation=DateNotation.WESTERN)
    announce(sample)
    post = Post()

    work(post, at=jst(6, 2))

    mails = {recipient: (subject, text) for recipient, subject, text, _ in post.sent}
    subject, text = mails[address(sample.kumamoto)]
    assert subject.endswith("waiting for you")
    assert "To correct" in text or "Falls due" in text
    assert "2 June 2025" in text
    _, text = mails[address(sample.yatsushiro)]
    assert "2025年6月2日（月）" in text
    assert "令和" not in text


def test_nothing_is_sent_where_nothing_waits(sample: Sample) -> None:
    owner = sample.kumamoto
    choose(owner, DigestFrequency.DAILY)
    with clock.at(jst(6, 2)), tenant_scope(owner.tenant_scope):
        assert count_waiting(waiting(db.session(), owner, clock.now()), owner, clock.now()) == 0
    post = Post()

    asked = work(post, at=jst(6, 2))

    assert (asked, post.sent) == ([UUID(owner.id)], [])


def test_nothing_is_sent_to_who_chose_never_or_nothing(sample: Sample) -> None:
    choose(sample.kumamoto, DigestFrequency.NEVER)
    announce(sample)
    post = Post()

    assert work(post, at=jst(6, 2)) == []
    assert post.sent == []


def test_a_day_has_one_mail_however_often_the_worker_looks_and_a_job_is_run(sample: Sample) -> None:
    owner = sample.kumamoto
    choose(owner, DigestFrequency.DAILY)
    announce(sample)
    post = Post()

    for minute in (0, 1, 30):
        work(post, at=jst(6, 2, 8, minute))
    payload = {"tenant_id": str(owner.tenant_id), "person_id": owner.id, "day": "2025-06-02"}
    with clock.at(jst(6, 2, 9)):
        digest_handlers(post, URL, requestable)[MAIL_DIGEST](payload)

    assert post.recipients == [address(sample.kumamoto)]


def test_a_worker_that_was_down_sends_once_when_it_is_back(sample: Sample) -> None:
    choose(sample.kumamoto, DigestFrequency.DAILY)
    choose(sample.yatsushiro, DigestFrequency.WEEKLY)
    announce(sample)
    post = Post()

    # Down from Sunday to Wednesday afternoon.
    work(post, at=jst(6, 4, 16))
    work(post, at=jst(6, 4, 17))
    at_once = set(post.recipients)
    work(post, at=jst(6, 5))

    assert (len(post.recipients), at_once) == (3, {address(sample.kumamoto), address(sample.yatsushiro)})
    assert post.recipients[2:] == [address(sample.kumamoto)]


def test_a_weekly_mail_comes_on_the_weeks_first_working_day_only(sample: Sample) -> None:
    choose(sample.kumamoto, DigestFrequency.WEEKLY)
    announce(sample)
    post = Post()

    for day in range(2, 14):
        work(post, at=jst(6, day, 9))
        if day == 2:
            assert len(post.sent) == 1

    assert len(post.sent) == 2


def test_who_chooses_the_mail_after_the_morning_begins_with_the_next_one(sample: Sample) -> None:
    announce(sample)
    post = Post()
    with clock.at(jst(6, 3, 10)):
        choose(sample.kumamoto, DigestFrequency.DAILY)
        choose(sample.yatsushiro, DigestFrequency.WEEKLY)

    work(post, at=jst(6, 3, 11))
    today = list(post.recipients)
    work(post, at=jst(6, 4))
    tomorrow = list(post.recipients)
    work(post, at=jst(6, 9))

    assert today == []
    assert tomorrow == [address(sample.kumamoto)]
    assert set(post.recipients[1:]) == {address(sample.kumamoto), address(sample.yatsushiro)}


def test_another_choice_saved_meanwhile_does_not_cost_the_mail(sample: Sample) -> None:
    owner = sample.kumamoto
    choose(owner, DigestFrequency.DAILY)
    announce(sample)
    with clock.at(jst(6, 2, 9)):
        choose(owner, DigestFrequency.DAILY, date_notation=DateNotation.WESTERN)
    post = Post()

    work(post, at=jst(6, 2, 10))

    assert len(post.sent) == 1


def test_a_mail_that_was_not_taken_is_tried_again(sample: Sample) -> None:
    owner = sample.kumamoto
    choose(owner, DigestFrequency.DAILY)
    announce(sample)
    post = Post(fails=1)

    with pytest.raises(OSError, match="not taken"):
        work(post, at=jst(6, 2))
    payload = {"tenant_id": str(owner.tenant_id), "person_id": owner.id, "day": "2025-06-02"}
    with clock.at(jst(6, 2, 8, 5)):
        digest_handlers(post, URL, requestable)[MAIL_DIGEST](payload)

    assert post.recipients == [address(sample.kumamoto)]


@pytest.mark.parametrize("what", ["person", "tenant"])
def test_who_may_no_longer_sign_in_gets_none(sample: Sample, what: str) -> None:
    owner = sample.kumamoto
    choose(owner, DigestFrequency.DAILY)
    announce(sample)
    if what == "tenant":
        sample.factory.change_state("431001", TenantState.LEAVING, TenantState.LEFT)
    else:
        Visitors().person(owner.tenant_id, Role.TENANT_OWNER)
        command = DisableMember(tenant_id=owner.tenant_id, member_id=UUID(owner.id), reason="休職")
        disable_member(command, actor=sample.factory.actors.security)
    post = Post()

    work(post, at=jst(6, 2))

    assert post.sent == []


def test_the_operators_people_get_what_waits_for_their_role(sample: Sample) -> None:
    operator = Visitors().person(sample.factory.actors.operator_tenant, Role.OPERATOR_ONBOARDING)
    sample.factory.register_applicant("432059", "水俣市")
    choose(operator, DigestFrequency.DAILY)
    post = Post()

    work(post, at=jst(6, 2))

    [(recipient, _, text, _)] = post.sent
    assert recipient == address(operator)
    assert "申請中の団体 1団体" in text
    assert "水俣市" in text


@pytest.mark.browser
def test_the_html_has_no_accessibility_fault(sample: Sample, browser: Browser) -> None:
    choose(sample.kumamoto, DigestFrequency.DAILY)
    announce(sample, title="<b>停止</b> & 再開")
    post = Post()
    work(post, at=jst(6, 2))
    [(*_, html)] = post.sent

    assert "&lt;b&gt;停止&lt;/b&gt; &amp; 再開" in html
    with browser.new_page() as page:
        page.set_content(html)
        assert chromium.violations(page) == []


def test_the_stored_mail_has_the_text_beside_the_html(settings: Settings) -> None:
    Mailer(settings)("a@example.jp", "対応待ちが1件あります", "text\n", "<p>html</p>")

    outbox = MailOutbox(settings.home)
    [stored] = outbox.mails()
    assert (stored.recipient, stored.subject) == ("a@example.jp", "対応待ちが1件あります")
    assert outbox.body(stored.id) == "text\n"
    assert "<p>html</p>" in (outbox.folder / f"{stored.id}.eml").read_text()
