"""Who issues the notices and where they are paid: a versioned record that two people change."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from billing.notices.commands import IssueNotices
from billing.notices.issuer import IssuerFacts, issuer_in_force, issuer_versions, set_issuer
from billing.notices.notice_content import addressed_to
from billing.notices.queries import notices
from billing.notices.states import AddresseeForm
from governance.actors import command_line_actor
from governance.commands import ApprovalRequested
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
