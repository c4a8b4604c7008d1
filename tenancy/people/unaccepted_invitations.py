"""An invitation that is not accepted yet: sent again with another link, or cancelled."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from governance.audit.queries import those_who_acted
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, message
from governance.kernel.field_types import Id, LongLine
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.people.consents import enqueue_consent_mail, is_asked
from tenancy.people.rights import require_within_rights
from tenancy.people.rows import member_row
from tenancy.people.states import NOT_WANTED_YET, MemberState, SyncProblem
from tenancy.people.tables import Member
from tenancy.people.withdrawal import withdraw
from tenancy.tenants.queries import lock_tenant

REPLACE_ACCOUNT: Final = "member.replace-account"
"""The job that deletes the account which the old link belongs to; the worker then makes it anew and mails the link."""

NOT_INVITED = message(
    "member.not_invited",
    ja="この利用者は「{state}」なので、送り直す招待も取り消す招待もありません。",
    en="This member is {state}; there is no invitation to send again or to cancel.",
)
NOT_SENT_YET = message(
    "member.invitation_not_sent",
    ja="招待のメールは、まだ送られていません。準備ができしだい、自動で送られます。",
    en="The invitation was not sent yet; it is sent by itself as soon as the account is ready.",
)
HAS_SIGNED_IN = message(
    "member.has_signed_in",
    ja="この利用者はログインしたことがあるので、招待は送り直せません。",
    en="This member has signed in before; the invitation is not sent again.",
    hint_ja="今までのパスワードで入れます。忘れたときは、ログイン画面から設定し直せます。",
    hint_en="The former password works. Whoever forgot it sets a new one from the sign-in page.",
)
DECLINED = message(
    "member.consent_declined",
    ja="本人が辞退したので、招待は送り直せません。",
    en="The person declined; the invitation is not sent again.",
    hint_ja="招待を取り消してください。本人の意向が変わったときは、もう一度追加してください。",
    hint_en="Cancel it. If the person has changed their mind, add them again.",
)
COMES_BACK = message(
    "member.comes_back",
    ja="この利用者はログインしたことがあるので、招待の取消しではなく停止を行ってください。",
    en="This member has signed in before; disable them instead of cancelling the invitation.",
)


class ResendInvitation(Command):
    """A person whose invitation is sent again. The link sent before leads nowhere from then on."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[
        Id, Input("利用者", "Member", Label("", "The id that `member list` prints, or the username in Keycloak."))
    ]


class InvitationResent(Result):
    """`job_id` is the job that makes the old link useless; the new one is mailed after it."""

    job_id: UUID


@handles(Permission.MEMBER_RESEND_INVITATION, Event.MEMBER_INVITATION_RESENT, edits="member {member_id}")
def resend_invitation(ctx: CommandContext, command: ResendInvitation) -> InvitationResent:
    """Send the link to a password again, whether the old one ended or not.

    Keycloak takes no link back, so the account is made anew: what is done through the old one counts for nothing here
    at once, because the person's account is none until the new one is there. Whoever is asked for consent is asked
    again; the code of the mail before counts no more.

    Raises NotFound, NotAllowed for a person above the actor's own rights, and Conflict for somebody who is not invited,
    was sent no link yet, declined, or has signed in before: their second factor would be gone with the account.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    member = member_row(ctx.session, tenant.id, command.member_id)
    _require_invited(member)
    require_within_rights(ctx, member)
    if member.sync_problem == SyncProblem.CONSENT_DECLINED:
        raise Conflict(DECLINED, field="member_id")
    if is_asked(member) and member.password_mail_sent_at is not None:
        job_id = enqueue_consent_mail(ctx, tenant.id, member.person_id)
        ctx.audit(subject=member.person_id, tenant_id=tenant.id)
        return InvitationResent(job_id=job_id)
    if member.keycloak_id is None or member.password_mail_sent_at is None:
        raise Conflict(NOT_SENT_YET, field="member_id")
    if has_signed_in(ctx, member):
        raise Conflict(HAS_SIGNED_IN, field="member_id")
    job_id = replace_account(ctx, member)
    ctx.audit(subject=member.person_id, tenant_id=tenant.id)
    return InvitationResent(job_id=job_id)


class CancelInvitation(Command):
    """A person who is not to come after all, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[
        Id, Input("利用者", "Member", Label("", "The id that `member list` prints, or the username in Keycloak."))
    ]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class InvitationCancelled(Result):
    """How many grants ended; `job_id` is the job that closes the account in Keycloak and releases the address."""

    grants_ended: int
    job_id: UUID


@handles(Permission.MEMBER_CANCEL_INVITATION, Event.MEMBER_INVITATION_CANCELLED, edits="member {member_id}")
def cancel_invitation(ctx: CommandContext, command: CancelInvitation) -> InvitationCancelled:
    """End an invitation: the link leads nowhere, the roles end, and the address may be invited anew.

    Raises NotFound, NotAllowed for a person above the actor's own rights, and Conflict for somebody who is not invited
    or has signed in before, and when no owner would be left.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    member = member_row(ctx.session, tenant.id, command.member_id)
    _require_invited(member)
    # An answer to the question whether they want to come is in the record, too.
    if member.sync_problem not in NOT_WANTED_YET and has_signed_in(ctx, member):
        raise Conflict(COMES_BACK, field="member_id")
    ended, job_id = withdraw(ctx, tenant, member, MemberState.REMOVED)
    member.invitation_cancelled_at = ctx.now
    ctx.audit(subject=member.person_id, tenant_id=tenant.id, reason=command.reason, grants_ended=ended)
    return InvitationCancelled(grants_ended=ended, job_id=job_id)


def _require_invited(member: Member) -> None:
    if member.state != MemberState.INVITED:
        raise Conflict(NOT_INVITED, field="member_id", state=MemberState(member.state))


def replace_account(ctx: CommandContext, member: Member) -> UUID:
    """Make the link that was mailed lead nowhere and have another mailed; returns the job that does the former."""
    member.replaced_keycloak_id, member.keycloak_id = member.keycloak_id, None
    member.password_mail_sent_at = None
    return ctx.enqueue(
        REPLACE_ACCOUNT,
        {"tenant_id": str(member.tenant_id), "person_id": str(member.person_id)},
        tenant_id=member.tenant_id,
    )


def has_signed_in(ctx: CommandContext, member: Member) -> bool:
    """Whether the person did anything here before: somebody who was resumed is invited, too."""
    person = str(member.person_id)
    return bool(those_who_acted(ctx.session, member.tenant_id, {person}))
