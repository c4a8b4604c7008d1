"""A second factor that was lost: the command that has a new one set up."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, message
from governance.kernel.field_types import Id, LongLine
from governance.kernel.labels import Label
from governance.permissions import Permission, SecondPerson
from tenancy.people.queries import PRESENT_STATES
from tenancy.people.rows import member_row
from tenancy.people.states import MemberState

RESET_FACTOR: Final = "member.reset-factor"
"""The job that removes a person's second factors in Keycloak, has a new one required, and logs the person out."""

MAIL_FACTOR_RESET: Final = "member.mail-factor-reset"
"""The job that tells the person of it."""

NOT_PRESENT = message(
    "member.factor_not_present",
    ja="この利用者は「{state}」なので、二要素認証を再設定できません。",
    en="This member is {state}; there is no second factor to reset.",
)
NOT_IN_KEYCLOAK = message(
    "member.factor_not_in_keycloak",
    ja="この利用者は、まだ認証サービスに登録されていません。",
    en="This member is not on the identity server yet.",
    hint_ja="登録されると、最初のログインで二要素認証を設定します。",
    hint_en="Once there, the person sets up a second factor at the first sign-in.",
)


class ResetFactor(Command):
    """A person whose second factor is removed, and why. The person sets up a new one at the next sign-in."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[
        Id, Input("利用者", "Member", Label("", "The id that `member list` prints, or the username in Keycloak."))
    ]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class FactorReset(Result):
    """`job_id` is the job that does it in Keycloak."""

    job_id: UUID


@handles(
    Permission.MEMBER_RESET_FACTOR, Event.MEMBER_FACTOR_RESET, approval=SecondPerson.FACTORS, edits="member {member_id}"
)
def reset_factor(ctx: CommandContext, command: ResetFactor) -> FactorReset:
    """Have a person's second factors removed and a new one required.

    Raises NotFound, and Conflict for somebody who is suspended or removed, or not in Keycloak yet.
    """
    member = member_row(ctx.session, command.tenant_id, command.member_id)
    if member.state not in PRESENT_STATES:
        raise Conflict(NOT_PRESENT, field="member_id", state=MemberState(member.state))
    if member.keycloak_id is None:
        raise Conflict(NOT_IN_KEYCLOAK, field="member_id")
    job_id = ctx.enqueue(
        RESET_FACTOR,
        {"tenant_id": str(member.tenant_id), "person_id": str(member.person_id)},
        tenant_id=member.tenant_id,
    )
    about = {"tenant_id": str(member.tenant_id), "person_id": str(member.person_id)}
    ctx.enqueue(MAIL_FACTOR_RESET, about, tenant_id=member.tenant_id)
    ctx.audit(subject=member.person_id, tenant_id=member.tenant_id, reason=command.reason)
    return FactorReset(job_id=job_id)
