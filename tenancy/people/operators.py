"""Who may name the operator's people, and who was named from the command line of the machine.

A new installation has nobody who could sign in, so its first operators are named from the machine. That ends for good
once the roles that name and approve have people of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.actors import COMMAND_LINE_PREFIX, Actor
from governance.audit.queries import those_who_acted
from governance.grants import grants_in_tenant, were_held_at_once
from governance.kernel.errors import NotAllowed, message
from governance.kernel.models import ReadModel
from governance.permissions import Role
from tenancy.people.queries import PRESENT_STATES
from tenancy.people.tables import Member

HOLDERS_NEEDED: Final = {Role.OPERATOR_SECURITY: 2, Role.OPERATOR_APPROVER: 1}
"""Once so many people hold these roles, the operator's people are named by those who are signed in, and by nobody else.
"""
SHOWN_FOR: Final = timedelta(days=90)
"""How long every operator's first page says who was named from the command line."""

NAMED_BY_PEOPLE = message(
    "operator.named_by_people",
    ja="セキュリティ担当（県）2 人と承認者（県）1 人がいるので、この端末から運営者の利用者は追加できません。",
    en="Two people hold operator-security and one operator-approver, so this machine names no more operators.",
    hint_ja="セキュリティ担当（県）が、画面か moyai login でログインして追加してください。",
    hint_en="Somebody of operator-security adds them, signed in to the console or with `moyai login`.",
)


class NamedOperator(ReadModel):
    """A person of the operator who was given roles from the command line; `by` is that actor's id."""

    family_name: str
    given_name: str
    by: str
    at: datetime


def refuse_naming_from_command_line(session: Session, actor: Actor, operator_id: UUID, now: datetime) -> None:
    """Raise NotAllowed for the machine's command line once HOLDERS_NEEDED is reached, or was at any time before.

    People who never signed in count while their roles are in force only: a mistyped address may be disabled and entered
    again. For use inside a command that holds the lock of the operator's row.
    """
    if not actor.is_command_line:
        return
    grants = grants_in_tenant(session, operator_id)
    present = set(
        session.scalars(
            select(Member.person_id).where(Member.tenant_id == operator_id, Member.state.in_(PRESENT_STATES))
        )
    )
    now_in_force = [one for one in grants if one.person_id in present and one.in_force_on(now)]
    holders = {str(one.person_id) for one in grants if one.role in HOLDERS_NEEDED}
    signed_in = those_who_acted(session, operator_id, holders)
    of_those = [one for one in grants if str(one.person_id) in signed_in and one.valid_from <= now]
    if were_held_at_once(now_in_force, HOLDERS_NEEDED) or were_held_at_once(of_those, HOLDERS_NEEDED):
        raise NotAllowed(NAMED_BY_PEOPLE)


def named_from_command_line(session: Session, operator_id: UUID, now: datetime) -> Sequence[NamedOperator]:
    """The operator's people who were given a role from the command line in the last 90 days, newest first."""
    by_shell = {
        one.person_id: one
        for one in grants_in_tenant(session, operator_id)
        if one.granted_by.startswith(COMMAND_LINE_PREFIX) and one.valid_from > now - SHOWN_FOR
    }
    if not by_shell:
        return ()
    people = session.execute(
        select(Member.person_id, Member.family_name, Member.given_name).where(
            Member.tenant_id == operator_id, Member.person_id.in_(by_shell)
        )
    )
    named = [
        NamedOperator(
            family_name=person.family_name,
            given_name=person.given_name,
            by=by_shell[person.person_id].granted_by,
            at=by_shell[person.person_id].valid_from,
        )
        for person in people
    ]
    return sorted(named, key=lambda one: one.at, reverse=True)
