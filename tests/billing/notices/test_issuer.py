"""Who issues the notices and where they are paid: a versioned record that two people change."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from billing.notices.commands import IssueNotices
from billing.notices.issuer import IssuerFacts, SetIssuer, issuer_in_force, issuer_versions, set_issuer
from billing.notices.notice_content import addressed_to
from billing.notices.queries import notice_by_id, notice_pdf, notices
from billing.notices.states import AddresseeForm
from governance.actors import command_line_actor
from governance.commands import ApprovalRequested
from governance.declaration import InvalidCommand, build_command
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, NotAllowed
from governance.permissions import Role, SecondPerson
from tests.actors import Actors
from tests.database_rows import rows
from tests.factories import ISSUER, Factory, issue_notices
from tests.second_person import approve


def in_force() -> IssuerFacts | None:
    with tenant_scope(OPERATOR):
        return issuer_in_force(db.session())


def test_the_payee_is_changed_by_two_people(actors: Actors) -> None:
    asked = set_issuer(ISSUER, actor=actors.finance)

    assert isinstance(asked, ApprovalRequested)
    assert asked.second_person is SecondPerson.SETTINGS
    for actor in (actors.finance, actors.security, command_line_actor(actors.operator_tenant)):
        with pytest.raises(NotAllowed):
            approve(asked, actor=actor)
    assert in_force() is None
    approve(asked, actor=actors.approver)
    before = in_force()
    assert before is not None
    assert (before.number, before.payee, before.set_by) == (1, ISSUER.payee, actors.approver.id)

    approve(
        set_issuer(ISSUER.model_copy(update={"payee": "熊本県収納課"}), actor=actors.finance), actor=actors.approver
    )
    with tenant_scope(OPERATOR):
        assert [(one.number, one.payee) for one in issuer_versions(db.session())] == [
            (2, "熊本県収納課"),
            (1, ISSUER.payee),
        ]


def test_who_is_not_finance_requests_nothing(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()

    for actor in (actors.approver, actors.security, actors.onboarding, actors.municipal(tenant_id, Role.TENANT_OWNER)):
        with pytest.raises(NotAllowed):
            set_issuer(ISSUER, actor=actor)
    assert (rows("notice_issuer"), rows("approval_request")) == ([], [])


def test_the_same_record_again_needs_no_approval(actors: Actors, factory: Factory) -> None:
    factory.set_issuer()

    with pytest.raises(Conflict) as refusal:
        set_issuer(ISSUER, actor=actors.finance)
    assert refusal.value.code == "approval.nothing_to_do"


def test_without_it_no_notice_is_issued(thirteen: Factory) -> None:
    run = thirteen.prepare()
    thirteen.approve(run)

    with pytest.raises(Conflict) as refusal:
        issue_notices(IssueNotices(run_id=run.run_id), actor=thirteen.actors.finance)

    assert refusal.value.code == "notice.no_issuer"
    with tenant_scope(OPERATOR):
        assert notices(db.session()) == []


def test_a_record_without_a_telephone_for_questions_issues_nothing_until_it_has_one(thirteen: Factory) -> None:
    run = thirteen.prepare()
    thirteen.approve(run)
    thirteen.set_issuer_without_telephone()

    with pytest.raises(Conflict) as refusal:
        issue_notices(IssueNotices(run_id=run.run_id), actor=thirteen.actors.finance)

    assert refusal.value.code == "notice.contact_incomplete"
    assert "「通知書の発行者と納入先を定める」" in refusal.value.hint("ja")
    with tenant_scope(OPERATOR):
        assert notices(db.session()) == []
    thirteen.set_issuer()
    assert len(issue_notices(IssueNotices(run_id=run.run_id), actor=thirteen.actors.finance).notices) == 13


@pytest.mark.parametrize(
    ("left_out", "printed"),
    [
        (set(), "デジタル戦略課　担当 阿蘇　花子\n電話 096-333-0000　メール digital@example.lg.jp"),
        ({"contact_name", "contact_email"}, "デジタル戦略課\n電話 096-333-0000"),
    ],
)
def test_whom_to_ask_is_printed_as_far_as_it_is_known(thirteen: Factory, left_out: set[str], printed: str) -> None:
    run = thirteen.prepare()
    thirteen.approve(run)
    thirteen.set_issuer(ISSUER.model_copy(update=dict.fromkeys(left_out)))

    issue_notices(IssueNotices(run_id=run.run_id), actor=thirteen.actors.finance)

    with tenant_scope(OPERATOR):
        assert {dict(notice.facts.particulars)["問合せ先"] for notice in notices(db.session())} == {printed}


def test_a_notice_stays_as_it_was_issued_whoever_issues_the_next(thirteen: Factory) -> None:
    run = thirteen.prepare()
    thirteen.approve(run)
    issued = thirteen.issue_notices(run.run_id)["431001"]
    with tenant_scope(OPERATOR):
        before = notice_pdf(db.session(), issued)

    thirteen.set_issuer(ISSUER.model_copy(update={"payable_at": "別の銀行", "contact_phone": "0966-22-0000"}))

    with tenant_scope(OPERATOR):
        notice = notice_by_id(db.session(), issued)
        assert notice_pdf(db.session(), issued) == before
    assert dict(notice.facts.particulars)["納入場所"] == ISSUER.payable_at


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"contact_phone": "内線12"}, "contact_phone"),
        ({"payable_at": " "}, "payable_at"),
        ({"contact_email": "x"}, "contact_email"),
    ],
)
def test_what_is_no_telephone_address_or_place_is_refused_at_its_field(given: dict[str, str], refused: str) -> None:
    with pytest.raises(InvalidCommand) as refusal:
        build_command(SetIssuer, **(ISSUER.model_dump() | given))

    assert [error.field for error in refusal.value.errors] == [refused]


@pytest.mark.parametrize(
    ("name", "form", "printed"),
    [
        ("熊本市", AddresseeForm.HEAD, "熊本市長　様"),
        ("産山村", AddresseeForm.HEAD, "産山村長　様"),
        ("有明広域行政事務組合", AddresseeForm.HEAD, "有明広域行政事務組合　御中"),
        ("熊本市", AddresseeForm.ORGANIZATION, "熊本市　御中"),
    ],
)
def test_the_addressee_is_worded_as_the_record_says(name: str, form: AddresseeForm, printed: str) -> None:
    assert addressed_to(name, form) == printed


def test_the_application_adds_versions_and_changes_none(actors: Actors, factory: Factory) -> None:
    factory.set_issuer()

    for change in ("UPDATE notice_issuer SET payee = 'x'", "DELETE FROM notice_issuer"):
        with tenant_scope(OPERATOR):
            with pytest.raises(DBAPIError):
                db.session().execute(text(change))
            db.session().rollback()
    with tenant_scope(factory.kumamoto_city()):
        assert issuer_versions(db.session()) == []
