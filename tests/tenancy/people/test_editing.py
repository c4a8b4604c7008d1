"""Another name or address: who may change it, that the invitation follows, and that no address is taken twice."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import update

from governance.actors import Actor
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, NotAllowed, NotFound
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.people import queries
from tenancy.people.commands import RemoveMember, remove_member
from tenancy.people.editing import SYNC_PERSON, EditMember, edit_member
from tenancy.people.models import MemberDetails
from tenancy.people.states import MemberState
from tenancy.people.tables import Member
from tenancy.people.unaccepted_invitations import REPLACE_ACCOUNT
from tests.database_rows import recorded, rows
from tests.factories import Visitors


def _person(tenant_id: UUID, member_id: UUID) -> MemberDetails:
    with tenant_scope(OPERATOR):
        db.session.expire_all()
        return queries.member(db.session(), tenant_id, member_id, clock.now())


def _edit(tenant_id: UUID, member_id: UUID, actor: Actor, **changed: str) -> None:
    found = _person(tenant_id, member_id)
    now = {"family_name": found.family_name, "given_name": found.given_name, "email": found.email} | changed
    edit_member(EditMember(tenant_id=tenant_id, member_id=member_id, **now), actor=actor)


def _jobs() -> list[str]:
    with tenant_scope(OPERATOR):
        return [job.name for job in db.session.query(Job).order_by(Job.id)]


def test_a_name_and_an_address_are_changed_and_keycloak_is_to_follow(
    city: UUID, owner: Actor, colleague: UUID, visitors: Visitors
) -> None:
    _edit(city, colleague, owner, family_name="髙﨑", email="Takasaki@city.example.jp")

    now = _person(city, colleague)
    assert (now.family_name, now.given_name, now.email) == ("髙﨑", "花子", "Takasaki@city.example.jp")
    assert now.state is MemberState.ACTIVE
    assert _jobs() == [SYNC_PERSON]
    (event,) = recorded("member.edited")
    assert (event.subject, event.facts["changed"]) == (str(colleague), ["email", "family_name"])
    assert "akasaki" not in str(event.facts)
    # The same once more changes nothing and asks nothing of Keycloak.
    _edit(city, colleague, owner)
    assert _jobs() == [SYNC_PERSON]
    assert len(recorded("member.edited")) == 1
    _edit(city, colleague, visitors.person(city, Role.TENANT_USER_ADMIN), given_name="はな")
    assert _person(city, colleague).given_name == "はな"


def test_an_invitation_goes_to_the_new_address_and_the_old_link_leads_nowhere(
    city: UUID, owner: Actor, colleague: UUID
) -> None:
    with system_transaction(OPERATOR) as session:
        session.execute(
            update(Member)
            .where(Member.person_id == colleague)
            .values(state=MemberState.INVITED.value, password_mail_sent_at=clock.now())
        )

    _edit(city, colleague, owner, email="right@city.example.jp")

    assert _jobs() == [REPLACE_ACCOUNT]
    with tenant_scope(OPERATOR):
        row = db.session.query(Member).filter_by(person_id=colleague).one()
        assert (row.keycloak_id, row.replaced_keycloak_id) == (None, str(colleague))
        assert row.password_mail_sent_at is None


def test_nobody_changes_somebody_above_their_own_rights_nor_takes_an_address_in_use(
    city: UUID, owner: Actor, colleague: UUID, visitors: Visitors
) -> None:
    admin = visitors.person(city, Role.TENANT_USER_ADMIN)
    taken = _person(city, UUID(admin.id)).email
    other_city = visitors.municipality("432105", "菊池市")
    stranger = visitors.person(other_city, Role.TENANT_OWNER)
    before = rows("member")

    with pytest.raises(NotAllowed):
        _edit(city, UUID(owner.id), admin, email="evil@example.com")
    with pytest.raises(NotAllowed):
        _edit(city, UUID(owner.id), admin, family_name="別名")
    for role in (Role.TENANT_FINANCE, Role.TENANT_CLIENT_ADMIN, Role.TENANT_AUDITOR):
        with pytest.raises(NotAllowed):
            _edit(city, colleague, visitors.person(city, role), family_name="別名")
    with pytest.raises(Conflict):
        _edit(city, colleague, owner, email=taken.upper())
    found = _person(city, colleague)
    with pytest.raises(NotFound):
        edit_member(
            EditMember(
                tenant_id=city,
                member_id=colleague,
                family_name="盗",
                given_name="人",
                email=found.email,
            ),
            actor=stranger,
        )
    assert [row for row in rows("member") if row in before] == before
    assert _jobs() == []
    remove_member(RemoveMember(tenant_id=city, member_id=colleague, reason="退職"), actor=owner)
    with pytest.raises(Conflict):
        _edit(city, colleague, owner, family_name="別名")
    assert recorded("member.edited") == []
