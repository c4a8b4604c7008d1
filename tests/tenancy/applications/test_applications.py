"""Applications: what a draft may lack, who screens and who decides, what follows, and what is never done twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete

from admin.workflows.application_links import is_link_secret, link_path, link_secret
from admin.workflows.application_mails import application_mail_handlers
from admin.workflows.jobs import CURRENT_JOB
from admin.workflows.recorded_mails import RecordedMailer
from admin.workflows.upkeep import Upkeep
from governance.actors import Actor
from governance.agreements.queries import acceptances
from governance.commands import ApprovalRequested
from governance.declaration import InvalidCommand, build_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, Stale
from governance.kernel.ids import new_id
from governance.kernel.keyset import PageRequest
from governance.outbox import ClaimedJob
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.applications import queries
from tenancy.applications.admission import AdmitApplicant, admit_applicant
from tenancy.applications.attachments import MAX_SIZE, file_name, media_type_of
from tenancy.applications.commands import (
    AttachToApplication,
    RemoveAttachment,
    ResendApplicationLink,
    SaveApplication,
    SubmitApplication,
    WithdrawApplication,
    attach_to_application,
    remove_attachment,
    resend_application_link,
    save_application,
    submit_application,
    withdraw_application,
)
from tenancy.applications.models import ApplicationFacts, ScreeningView
from tenancy.applications.retention import DRAFTS_KEPT, DeleteOldDrafts, OldDraftsDeleted, delete_old_drafts
from tenancy.applications.rows import MAIL_APPLICANT
from tenancy.applications.screening import (
    ConcludeApplication,
    ScreenApplication,
    conclude_application,
    screen_application,
)
from tenancy.applications.states import (
    ApplicationState,
    Attestation,
    AwaitedParty,
    CheckName,
    CheckResult,
    Conclusion,
    Ground,
    MailOccasion,
)
from tenancy.applications.tables import Application, ApplicationAttachment, ApplicationSubmission
from tenancy.mails.queries import sent_mails
from tenancy.mails.states import MailState
from tenancy.onboarding.commands import RUN_ONBOARDING
from tenancy.people.queries import members
from tenancy.tenants.queries import contacts, tenant
from tenancy.tenants.states import TenantState
from tests.actors import Actors, seed_operator
from tests.database_rows import recorded, rows
from tests.factories import Factory, application_content
from tests.second_person import approve, join

NOON = datetime(2025, 6, 2, 3, 0, tzinfo=UTC)
PDF = b"%PDF-1.7\n%decision"
ALL = tuple(Attestation)


@pytest.fixture
def factory(database: object) -> Iterator[Factory]:
    """A prefecture with one member and an agreement in force."""
    with clock.at(NOON):
        factory = Factory(Actors(seed_operator()))
        factory.add_member("431001", "熊本市")
        yield factory


def read(application_id: UUID) -> ApplicationFacts:
    with tenant_scope(OPERATOR):
        return queries.application(db.session(), application_id)


def screening(application_id: UUID) -> ScreeningView:
    with tenant_scope(OPERATOR):
        return queries.screening_view(db.session(), application_id, clock.today())


def screen(factory: Factory, application_id: UUID, *attested: Attestation, actor: Actor | None = None) -> None:
    command = ScreenApplication(application_id=application_id, attestations=attested)
    screen_application(command, actor=actor or factory.actors.onboarding)


def propose(
    factory: Factory, application_id: UUID, outcome: Conclusion, *reasons: Ground, actor: Actor | None = None
) -> ApprovalRequested:
    command = ConcludeApplication(
        application_id=application_id,
        outcome=outcome,
        reasons=reasons,
        letter="通知文です。",
    )
    requested = conclude_application(
        build_command(conclude_application.command_type, **command.model_dump()),
        actor=actor or factory.actors.onboarding,
    )
    assert isinstance(requested, ApprovalRequested)
    return requested


def submitted(factory: Factory) -> UUID:
    application_id = factory.apply()
    factory.submit_application(application_id)
    return application_id


def approved(factory: Factory) -> UUID:
    application_id = submitted(factory)
    screen(factory, application_id, *ALL)
    approve(propose(factory, application_id, Conclusion.APPROVE), actor=factory.actors.approver)
    return application_id


def mails() -> list[str]:
    """The occasions of the mails that wait, in their order."""
    with tenant_scope(OPERATOR):
        found = db.session.query(Job).order_by(Job.id)
        return [job.payload["occasion"] for job in found if job.name == MAIL_APPLICANT]


def test_a_draft_lacks_what_it_likes_and_is_submitted_whole_or_not_at_all(factory: Factory) -> None:
    application_id = factory.apply()
    values = application_content() | {"purpose": None, "code": None}
    save_application(SaveApplication(application_id=application_id, version=2, **values), actor=factory.applicant)

    with pytest.raises(InvalidCommand) as refused:
        factory.submit_application(application_id)

    assert [error.field for error in refused.value.errors] == ["code", "purpose"]
    assert read(application_id).state is ApplicationState.DRAFT
    assert rows("application_submission") == []
    assert mails() == ["begun"]


def test_what_is_submitted_is_kept_as_it_was_and_cannot_be_changed_meanwhile(factory: Factory) -> None:
    application_id = submitted(factory)
    one = read(application_id)

    with pytest.raises(Conflict):
        save_application(
            SaveApplication(application_id=application_id, version=one.version, **application_content("八代市")),
            actor=factory.applicant,
        )
    with pytest.raises(Conflict):
        submit_application(
            SubmitApplication(application_id=application_id, version=one.version), actor=factory.applicant
        )

    assert (one.state, one.awaited, one.round) == (ApplicationState.SUBMITTED, AwaitedParty.SCREENER, 1)
    with tenant_scope(OPERATOR):
        [kept] = [dict(row.content) for row in db.session.query(ApplicationSubmission)]
    assert (kept["name"], kept["representative_name"]) == ("山鹿市", "髙﨑 花子")
    assert mails() == ["begun", "submitted"]


def test_of_two_who_save_at_once_the_second_is_told(factory: Factory) -> None:
    application_id = factory.apply()
    old = read(application_id).version
    save = SaveApplication(application_id=application_id, version=old, **application_content("八代市"))
    save_application(save, actor=factory.applicant)

    with pytest.raises(Stale):
        save_application(
            SaveApplication(application_id=application_id, version=old, **application_content("荒尾市")),
            actor=factory.applicant,
        )

    assert read(application_id).name == "八代市"


def test_the_same_key_submits_once(factory: Factory) -> None:
    application_id = factory.apply()
    command = SubmitApplication(application_id=application_id, version=read(application_id).version)

    first = submit_application(command, actor=factory.applicant, key="k")
    second = submit_application(command, actor=factory.applicant, key="k")

    assert first == second
    assert len(rows("application_submission")) == 1
    assert mails() == ["begun", "submitted"]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("planned_people", 0, "application.out_of_range"),
        ("planned_calls", -1, "application.out_of_range"),
        ("egress_addresses", "203.0.113.10 と 10.0.0.999", "application.not_a_network"),
        ("deputy_email", "TAKASAKI@city.example.lg.jp", "application.same_person"),
        ("code", "432084", "code.check_digit"),
        ("contact_phone", "内線12", "input.wrong"),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(factory: Factory, field: str, value: Any, code: str) -> None:
    application_id = factory.apply()

    with pytest.raises(InvalidCommand) as refused:
        build_command(
            SaveApplication, application_id=application_id, version=2, **application_content() | {field: value}
        )

    assert [(error.field, error.code) for error in refused.value.errors] == [(field, code)]


def test_the_checks_say_what_the_facts_are(factory: Factory) -> None:
    application_id = submitted(factory)
    found = {one.name: one for one in screening(application_id).checks}

    assert set(found) == set(CheckName)
    assert {name for name, one in found.items() if one.result is not CheckResult.PASSES} == {CheckName.ATTACHMENT}

    other = factory.apply("熊本市", "431001")
    factory.submit_application(other)
    again = factory.apply("山鹿", "432083")
    values = application_content("山鹿", "432083") | {
        "declares_no_antisocial": True,
        "terms_version_ids": (),
        "contact_email": "yamaga@example.com",
    }
    save_application(
        SaveApplication(application_id=again, version=read(again).version, **values), actor=factory.applicant
    )
    factory.submit_application(again)
    of_other = {one.name: one for one in screening(other).checks}
    of_again = {one.name: one for one in screening(again).checks}

    assert (of_other[CheckName.NOT_A_TENANT].result, of_other[CheckName.NOT_A_TENANT].note) == (
        CheckResult.FAILS,
        "登録済み: 熊本市",
    )
    assert of_again[CheckName.TERMS].result is CheckResult.FAILS
    assert (of_again[CheckName.CODE].result, of_again[CheckName.CODE].note) == (
        CheckResult.LOOK,
        "一覧の名称は「山鹿市」です",
    )
    assert of_again[CheckName.MAIL_DOMAIN].note == "yamaga@example.com"
    assert of_again[CheckName.NO_OTHER].note == "受付番号 1"


def test_an_approval_needs_every_statement_and_no_failing_check(factory: Factory) -> None:
    application_id = submitted(factory)
    screen(factory, application_id, *ALL[:-1])

    with pytest.raises(Conflict) as refused:
        propose(factory, application_id, Conclusion.APPROVE)

    assert refused.value.code == "application.not_screened"
    assert read(application_id).awaited is AwaitedParty.SCREENER
    assert rows("approval_request") == []


def test_it_is_sent_back_with_several_reasons_corrected_and_screened_anew(factory: Factory) -> None:
    application_id = submitted(factory)
    screen(factory, application_id, *ALL)
    requested = propose(factory, application_id, Conclusion.SEND_BACK, Ground.PURPOSE, Ground.ATTACHMENT)
    proposed = read(application_id)
    with pytest.raises(Conflict) as twice:
        propose(factory, application_id, Conclusion.REJECT, Ground.NOT_ELIGIBLE)
    approve(requested, actor=factory.actors.approver)
    back = read(application_id)

    assert (proposed.state, proposed.awaited) == (ApplicationState.SCREENING, AwaitedParty.DECIDER)
    assert twice.value.code == "application.already_proposed"
    assert (back.state, back.awaited) == (ApplicationState.SENT_BACK, AwaitedParty.APPLICANT)
    [decided] = back.decisions
    assert set(decided.reasons) == {Ground.PURPOSE, Ground.ATTACHMENT}
    assert mails() == ["begun", "submitted", "sent-back"]

    factory.submit_application(application_id)

    assert (read(application_id).round, screening(application_id).screening) == (2, None)
    assert screening(application_id).is_complete is False


def test_nobody_who_screened_it_decides_it_and_nobody_decides_the_own_proposal(factory: Factory) -> None:
    application_id = submitted(factory)
    actors = factory.actors
    both = actors._operator(Role.OPERATOR_APPROVER)
    both = Actor(both.id, both.kind, both.tenant_id, frozenset({Role.OPERATOR_APPROVER, Role.OPERATOR_ONBOARDING}))
    screen(factory, application_id, *ALL, actor=both)
    requested = propose(factory, application_id, Conclusion.APPROVE)

    with pytest.raises(Conflict) as screened:
        approve(requested, actor=both)
    with pytest.raises(NotAllowed):
        approve(requested, actor=actors.onboarding)
    # Another account of the person who screened it is no other person.
    person = join(both.id, both.tenant_id)
    join(actors.approver.id, actors.operator_tenant, person)
    with pytest.raises(Conflict):
        approve(requested, actor=actors.approver)

    assert screened.value.code == "approval.cannot_be_done"
    assert read(application_id).state is ApplicationState.SCREENING
    assert rows("application_decision") == []
    assert "approved" not in mails()


def test_an_approved_applicant_becomes_a_tenant_with_nothing_typed_again(factory: Factory) -> None:
    application_id = approved(factory)
    before = len(recorded("tenant.registered"))

    admitted = admit_applicant(AdmitApplicant(application_id=application_id), actor=factory.actors.onboarding)

    with tenant_scope(OPERATOR):
        found = tenant(db.session(), admitted.tenant_id)
        people = members(db.session(), admitted.tenant_id, clock.now())
        [contact] = contacts(db.session(), admitted.tenant_id)
        accepted = acceptances(db.session(), admitted.tenant_id)
        jobs = [job.name for job in db.session.query(Job)]
    assert (found.code, found.name, found.kana, found.state) == (
        "432083",
        "山鹿市",
        "ヤマガシ",
        TenantState.PROVISIONING,
    )
    assert str(found.valid_from) == "2026-04-01"
    assert {(one.family_name, one.given_name, one.email) for one in people} == {
        ("髙﨑", "太郎", "takasaki@city.example.lg.jp"),
        ("山田", "葛󠄀子", "yamada@city.example.lg.jp"),
    }
    assert all(Role.TENANT_OWNER in one.roles for one in people)
    assert (contact.section, contact.name, contact.phone) == ("企画課", "髙﨑 太郎", "0968-43-0000")
    assert [one.signer_name for one in accepted] == ["髙﨑 花子"]
    assert RUN_ONBOARDING in jobs
    assert len(recorded("tenant.registered")) == before + 1
    assert read(application_id).state is ApplicationState.ADMITTED
    assert read(application_id).joined_tenant_id == admitted.tenant_id
    with pytest.raises(Conflict):
        admit_applicant(AdmitApplicant(application_id=application_id), actor=factory.actors.onboarding)
    assert len(rows("onboarding")) == 1


def test_where_one_part_of_the_admission_is_refused_nothing_is_made(factory: Factory) -> None:
    application_id = approved(factory)
    factory.register_applicant("432083", "山鹿市")
    tenants, people = len(rows("tenant")), len(rows("member"))

    with pytest.raises(Conflict):
        admit_applicant(AdmitApplicant(application_id=application_id), actor=factory.actors.onboarding)
    with pytest.raises(NotAllowed):
        admit_applicant(AdmitApplicant(application_id=application_id), actor=factory.actors.approver)

    assert (len(rows("tenant")), len(rows("member")), rows("onboarding")) == (tenants, people, [])
    assert read(application_id).state is ApplicationState.APPROVED


def test_a_withdrawn_application_is_decided_by_nobody(factory: Factory) -> None:
    application_id = submitted(factory)
    screen(factory, application_id, *ALL)
    requested = propose(factory, application_id, Conclusion.APPROVE)
    withdraw_application(WithdrawApplication(application_id=application_id, reason="見送り"), actor=factory.applicant)

    with pytest.raises(Conflict):
        approve(requested, actor=factory.actors.approver)

    assert read(application_id).state is ApplicationState.WITHDRAWN
    assert rows("application_decision") == []
    assert mails() == ["begun", "submitted", "withdrawn"]


def test_only_the_operators_staff_screen_and_an_applicant_reads_nothing(factory: Factory) -> None:
    application_id = submitted(factory)

    for actor in (factory.applicant, factory.actors.finance, factory.actors.municipal(factory.ids["431001"])):
        with pytest.raises(NotAllowed):
            screen(factory, application_id, *ALL, actor=actor)
    with tenant_scope(factory.ids["431001"]), pytest.raises(NotFound):
        queries.application(db.session(), application_id)


def test_files_are_told_by_their_bytes(factory: Factory) -> None:
    application_id = factory.apply()
    command = AttachToApplication(application_id=application_id, name="..\\決裁 文書.pdf", content=PDF)
    added = attach_to_application(command, actor=factory.applicant)
    [kept] = read(application_id).attachments

    assert (kept.name, kept.media_type, kept.size) == ("決裁 文書.pdf", "application/pdf", len(PDF))
    for content, name, code in (
        (b"", "a.pdf", "application.empty_file"),
        (b"MZ\x90", "a.pdf", "application.file_of_another_kind"),
        (PDF, "a.exe", "application.file_of_another_kind"),
        (b"PK\x03\x04broken", "a.xlsx", "application.file_of_another_kind"),
        (PDF + b"0" * MAX_SIZE, "a.pdf", "application.file_too_large"),
    ):
        with pytest.raises(Invalid) as refused:
            media_type_of(content, name)
        assert refused.value.code == code
    assert file_name("C:\\a\\" + "長" * 200 + ".pdf") == "長" * 100 + ".pdf"

    other = factory.apply("八代市", "432024")
    with pytest.raises(NotFound):
        remove_attachment(
            RemoveAttachment(application_id=other, attachment_id=added.attachment_id), actor=factory.applicant
        )
    with tenant_scope(OPERATOR), pytest.raises(NotFound):
        queries.attachment_file(db.session(), other, added.attachment_id)
    assert len(rows("application_attachment")) == 1


def test_a_link_is_of_one_application_and_one_number_and_stands_in_no_row(factory: Factory) -> None:
    application_id, other = factory.apply(), factory.apply("八代市", "432024")
    secret = link_secret("s", application_id, 1)

    assert is_link_secret(secret, "s", application_id, 1)
    assert not is_link_secret(secret, "s", other, 1)
    assert not is_link_secret(secret, "s", application_id, 2)
    assert not is_link_secret(secret, "t", application_id, 1)
    assert not any(secret in str(row) for table in ("application", "job", "audit_event") for row in rows(table))


def test_a_link_sent_again_is_another_one_and_good_for_longer(factory: Factory) -> None:
    application_id = factory.apply()
    before = read(application_id)
    with clock.at(NOON + timedelta(days=70)):
        resend_application_link(
            ResendApplicationLink(application_id=application_id, email="new@city.example.lg.jp"),
            actor=factory.actors.onboarding,
        )
    after = read(application_id)

    assert (before.link_number, after.link_number) == (1, 2)
    assert after.link_expires_at > before.link_expires_at
    assert after.email == "new@city.example.lg.jp"


def test_a_draft_that_nobody_touched_for_90_days_goes_with_its_files_and_nothing_else_does(
    factory: Factory, tmp_path: Path
) -> None:
    with clock.at(NOON - DRAFTS_KEPT - timedelta(seconds=1)):
        old, handed_in = factory.apply(), factory.apply("八代市", "432024")
        factory.attach(old)
        factory.submit_application(handed_in)
        sent_back = submitted(factory)
        screen(factory, sent_back, *ALL)
        approve(propose(factory, sent_back, Conclusion.SEND_BACK, Ground.PURPOSE), actor=factory.actors.approver)
        touched = factory.apply("荒尾市", "432041")
    with clock.at(NOON - DRAFTS_KEPT + timedelta(seconds=1)):
        factory.attach(touched)
    with clock.at(NOON - DRAFTS_KEPT - timedelta(seconds=1)):
        newest = factory.apply("水俣市", "432059")

    Upkeep(tmp_path, timedelta(days=366))()

    assert {row[0] for row in rows("application")} == {handed_in, sent_back, touched, newest}
    with tenant_scope(OPERATOR):
        assert [row.application_id for row in db.session.query(ApplicationAttachment)] == [touched]
    assert [one.facts for one in recorded("application.drafts_deleted")] == [{"drafts": 1}]
    with tenant_scope(OPERATOR):
        assert queries.next_number(db.session()) == 6

    assert delete_old_drafts(DeleteOldDrafts(), actor=factory.actors.worker) == OldDraftsDeleted(drafts=0)
    assert len(recorded("application.drafts_deleted")) == 1
    with pytest.raises(NotAllowed):
        delete_old_drafts(DeleteOldDrafts(), actor=factory.actors.onboarding)


def test_the_database_lets_nobody_delete_any_other_application(factory: Factory, database: object) -> None:
    application_id = factory.apply()
    with clock.at(datetime.now(UTC) - timedelta(days=89)):
        factory.apply("八代市", "432024")
    factory.submit_application(application_id)

    with tenant_scope(OPERATOR):
        gone = db.session.execute(delete(Application).returning(Application.id)).all()
        db.session.rollback()

    assert gone == []
    assert len(rows("application")) == 2


def test_what_became_of_a_mail_to_an_applicant_is_listed_and_it_goes_out_once(factory: Factory) -> None:
    application_id = factory.apply()
    taken: list[str] = []
    mailer = RecordedMailer(lambda recipient, subject, text, html=None: taken.append(text))
    handler = application_mail_handlers(mailer, "https://moyai.example", "s")[MAIL_APPLICANT]
    now = clock.now()
    job = ClaimedJob(
        id=new_id(),
        tenant_id=factory.actors.operator_tenant,
        created_at=now,
        name=MAIL_APPLICANT,
        payload={"application_id": str(application_id), "occasion": MailOccasion.BEGUN.value, "round": 0},
        attempts=1,
        not_before=now,
    )
    running = CURRENT_JOB.set(job)
    for _ in range(2):
        handler(dict(job.payload))
    CURRENT_JOB.reset(running)

    with tenant_scope(OPERATOR):
        [listed] = sent_mails(db.session(), PageRequest()).items
    with tenant_scope(factory.ids["431001"]):
        assert sent_mails(db.session(), PageRequest()).items == []
    assert (listed.address, listed.subject, listed.state, listed.person_id) == (
        "kikaku@city.example.lg.jp",
        "【Moyai】利用申請のページのご案内",
        MailState.SENT,
        None,
    )
    secret = link_secret("s", application_id, 1)
    assert [secret in text for text in taken] == [True]
    assert secret not in str(rows("sent_mail")) + str(rows("job"))


def test_the_mail_has_the_letter_and_the_present_link_in_the_language_chosen(factory: Factory) -> None:
    application_id = submitted(factory)
    screen(factory, application_id)
    approve(propose(factory, application_id, Conclusion.REJECT, Ground.NOT_ELIGIBLE), actor=factory.actors.approver)
    sent: list[tuple[str, str, str]] = []
    handler = application_mail_handlers(lambda *mail: sent.append(mail), "https://moyai.example", "s")[MAIL_APPLICANT]

    for occasion in (MailOccasion.BEGUN, MailOccasion.REJECTED):
        handler({"application_id": str(application_id), "occasion": occasion.value, "round": 1})

    assert [mail[0] for mail in sent] == ["kikaku@city.example.lg.jp"] * 2
    assert sent[1][1] == "【Moyai】利用申請の結果のお知らせ"
    assert "通知文です。" in sent[1][2]
    assert "山鹿市 ご担当者様（受付番号 1）" in sent[1][2]
    assert all("https://moyai.example" + link_path("s", application_id, 1) in mail[2] for mail in sent)
