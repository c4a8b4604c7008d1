"""Asking a person who has an account in another tenant whether they want to be a member of this one, too.

Nothing of the account is this tenant's until the person consents: signed in to that account, and with the code that
was mailed to the address. Either alone would do for somebody else: an administrator of the other tenant can enter any
address for an account of theirs, and a mail can be read by who has no account. The person acts as the member that they
would be, so that the answer stands in the audit log of the tenant that asked, and in no other.
"""

from __future__ import annotations

import hmac
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, Final
from uuid import UUID

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, Invalid, message
from governance.kernel.field_types import Id, PlainLine
from governance.kernel.labels import Label
from governance.outbox import INPUT_ENTERED
from governance.permissions import Permission
from tenancy.people.rows import member_row
from tenancy.people.states import INVITATION_LIFETIME, MemberState, SyncProblem
from tenancy.people.tables import Member
from tenancy.tenants.queries import lock_tenant
from tenancy.tenants.states import TenantState

MAIL_CONSENT: Final = "member.mail-consent"
"""The job that mails a person the question, with a code that is good for that mail only."""

NOT_ASKED = message(
    "consent.not_asked",
    ja="この依頼は、もう承諾を待っていません。",
    en="This request waits for no answer any more.",
    hint_ja="必要なときは、依頼した団体の団体管理者に問い合わせてください。",
    hint_en="If it should, ask an owner of the tenant that asked you.",
)
WRONG_CODE = message(
    "consent.wrong_code",
    ja="確認コードが違います。",
    en="The code is not the one in the mail.",
    hint_ja="最後に届いたメールのリンクを開くか、そのコードを入力してください。",
    hint_en="Open the link of the last mail, or enter its code.",
)
CODE_EXPIRED = message(
    "consent.code_expired",
    ja="確認コードの有効期限が切れています。",
    en="The code has expired.",
    hint_ja="依頼した団体の団体管理者に、招待の再送を依頼してください。",
    hint_en="Ask an owner of the tenant that asked you to send the invitation again.",
)
TENANT_LEAVES = message(
    "consent.tenant_leaves",
    ja="{name} は「{state}」なので、利用者になれません。",
    en="{name} is {state}; nobody becomes its member.",
)

_MEMBER_ID = Input("依頼", "Request", Label("メールのリンクにある ID。", "The id in the link of the mail."))


class GiveConsent(Command):
    """A person's consent to be a member of the tenant that asks, with the account that they have."""

    member_id: Annotated[Id, _MEMBER_ID]
    code: Annotated[
        PlainLine,
        Input(
            "確認コード",
            "Code",
            Label("メールのリンクから開くと、入力されています。", "Filled in where you opened the link of the mail."),
        ),
    ]


class ConsentGiven(Result):
    """The tenant whose member the person becomes within seconds."""

    tenant_id: UUID


class DeclineConsent(Command):
    """A person who does not want to be a member of the tenant that asks."""

    member_id: Annotated[Id, _MEMBER_ID]


class ConsentDeclined(Result):
    """The tenant that asked."""

    tenant_id: UUID


class RecordConsentMail(Command):
    """A mail that is about to ask a person, and the SHA-256 of the code in it, in hex."""

    tenant_id: UUID
    member_id: UUID
    code_hash: str


class ConsentMailRecorded(Result):
    """`is_asked` is False where the person is not to be asked any more."""

    is_asked: bool


@handles(Permission.MEMBER_CONSENT, Event.MEMBER_CONSENT_GIVEN)
def give_consent(ctx: CommandContext, command: GiveConsent) -> ConsentGiven:
    """Have the person join with the account they have; the roles count once the worker made them a member.

    The actor is the person who is asked, as the member of the tenant that asks. Raises NotFound for anybody else,
    Invalid for a wrong code, Conflict for one that expired, and where nobody is asked or the tenant leaves.
    """
    tenant = lock_tenant(ctx.session, ctx.actor.tenant_id)
    member = _asked(ctx, command.member_id)
    if tenant.state in (TenantState.LEAVING, TenantState.LEFT):
        raise Conflict(TENANT_LEAVES, name=tenant.name, state=TenantState(tenant.state))
    if not hmac.compare_digest(member.consent_code_hash or "", code_hash(command.code)):
        raise Invalid(WRONG_CODE, field="code")
    if member.password_mail_sent_at is None or member.password_mail_sent_at + INVITATION_LIFETIME < ctx.now:
        raise Conflict(CODE_EXPIRED, field="code")
    member.account_id, member.asked_account_id, member.consent_code_hash = member.asked_account_id, None, None
    member.sync_problem = member.sync_retry_at = None
    # What the account had here before, as somebody who was removed since, is over. A token says its second only: one
    # that the person gets in the second of the consent counts.
    member.withdrawn_at = ctx.now.replace(microsecond=0) - timedelta(microseconds=1)
    ctx.enqueue(INPUT_ENTERED, {"tenant_id": str(tenant.id)}, tenant_id=tenant.id)
    ctx.audit(subject=member.person_id)
    return ConsentGiven(tenant_id=tenant.id)


@handles(Permission.MEMBER_CONSENT, Event.MEMBER_CONSENT_DECLINED)
def decline_consent(ctx: CommandContext, command: DeclineConsent) -> ConsentDeclined:
    """Let the tenant that asks know that the person does not want to be its member; it learns nothing else.

    Raises as `give_consent`.
    """
    tenant = lock_tenant(ctx.session, ctx.actor.tenant_id)
    member = _asked(ctx, command.member_id)
    member.consent_code_hash = member.password_mail_sent_at = None
    member.sync_problem, member.sync_retry_at = SyncProblem.CONSENT_DECLINED.value, None
    ctx.audit(subject=member.person_id)
    return ConsentDeclined(tenant_id=tenant.id)


@handles(Permission.MEMBER_INVITE, Event.MEMBER_CONSENT_ASKED)
def record_consent_mail(ctx: CommandContext, command: RecordConsentMail) -> ConsentMailRecorded:
    """Record the mail before it is sent: the code of an earlier one counts no more. Only the worker may.

    Raises NotFound.
    """
    member = member_row(ctx.session, command.tenant_id, command.member_id)
    if not is_asked(member):
        ctx.mark_noop()
        return ConsentMailRecorded(is_asked=False)
    member.consent_code_hash, member.password_mail_sent_at = command.code_hash, ctx.now
    ctx.audit(subject=member.person_id, tenant_id=member.tenant_id)
    return ConsentMailRecorded(is_asked=True)


def enqueue_consent_mail(ctx: CommandContext, tenant_id: UUID, person_id: UUID) -> UUID:
    """Have the person asked by mail, once more where they were before; returns the job."""
    return ctx.enqueue(MAIL_CONSENT, {"tenant_id": str(tenant_id), "person_id": str(person_id)}, tenant_id=tenant_id)


def is_asked(member: Member) -> bool:
    """Whether the person's answer is waited for."""
    waits = member.sync_problem == SyncProblem.AWAITING_CONSENT and member.state == MemberState.INVITED
    return waits and member.asked_account_id is not None


def code_hash(code: str) -> str:
    """What is kept of a code: its SHA-256 in hex."""
    return sha256(code.strip().encode()).hexdigest()


def _asked(ctx: CommandContext, member_id: UUID) -> Member:
    """The actor's own row, while an answer is waited for."""
    member = member_row(ctx.session, ctx.actor.tenant_id, member_id)
    if str(member.person_id) != ctx.actor.id or not is_asked(member):
        raise Conflict(NOT_ASKED, field="member_id")
    return member
