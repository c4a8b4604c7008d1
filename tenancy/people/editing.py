"""Another name or address for somebody who is here already: after a marriage, or where it was entered wrongly."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, message
from governance.kernel.field_types import Id, MailAddress, PlainLine
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.people.commands import require_free_address
from tenancy.people.rights import require_roles_within_rights, require_within_rights
from tenancy.people.rows import member_row
from tenancy.people.shared_accounts import SHARED_ADDRESS, rows_of_account
from tenancy.people.states import MemberState
from tenancy.people.sync import forget_consent
from tenancy.people.tables import Member
from tenancy.people.unaccepted_invitations import has_signed_in, replace_account
from tenancy.tenants.queries import lock_tenant

SYNC_PERSON: Final = "member.sync-person"
"""The job that brings a person's name and address to Keycloak."""

REMOVED = message(
    "member.removed_not_edited",
    ja="削除した利用者は変更できません。",
    en="A removed member is not edited.",
    hint_ja="もう一度追加してください。",
    hint_en="Add the person anew.",
)


class EditMember(Command):
    """The name and the address that a person has from now on."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[
        Id, Input("利用者", "Member", Label("", "The id that `member list` prints, or the username in Keycloak."))
    ]
    family_name: Annotated[PlainLine, Input("姓", "Family name")]
    given_name: Annotated[PlainLine, Input("名", "Given name")]
    email: Annotated[
        MailAddress,
        Input(
            "メールアドレス",
            "Email address",
            Label(
                "変更すると、パスワードの再設定のメールも新しいアドレスに届きます。",
                "Mails to set a new password go to the new address, too.",
            ),
        ),
    ]


class MemberEdited(Result):
    """Whose name or address it is."""

    person_id: UUID


@handles(Permission.MEMBER_EDIT, Event.MEMBER_EDITED, edits="member {member_id}")
def edit_member(ctx: CommandContext, command: EditMember) -> MemberEdited:
    """Change a person's name or address; a job does the same in Keycloak. An invitation goes to the new address.

    Whoever gets a person's mail can set their password, so that nobody changes the address of somebody above their own
    rights, and no tenant the address of an account that another one's person has, too: the operator changes it in all.
    Raises NotFound, NotAllowed for such a person, Conflict for a removed one, an address in use and a shared account.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    member = member_row(ctx.session, tenant.id, command.member_id)
    if member.state == MemberState.REMOVED:
        raise Conflict(REMOVED, field="member_id")
    wanted = {"family_name": command.family_name, "given_name": command.given_name, "email": command.email}
    changed = sorted(name for name, value in wanted.items() if getattr(member, name) != value)
    if not changed:
        ctx.mark_noop()
        return MemberEdited(person_id=member.person_id)
    require_within_rights(ctx, member)
    if "email" in changed:
        require_roles_within_rights(ctx, member)
        if command.email.lower() != member.email_key:
            require_free_address(ctx, tenant, command.email)
            if member.is_shared:
                _change_everywhere(ctx, member, command.email)
            _forget_former_address(ctx, member)
    member.family_name, member.given_name = command.family_name, command.given_name
    member.email, member.email_key = command.email, command.email.lower()
    ctx.session.flush()
    if member.keycloak_id is not None:
        ctx.enqueue(SYNC_PERSON, {"tenant_id": str(tenant.id), "person_id": str(member.person_id)}, tenant_id=tenant.id)
    # Which of them changed, not what they were: a record that is kept for years holds no personal data.
    ctx.audit(subject=member.person_id, tenant_id=tenant.id, changed=changed)
    return MemberEdited(person_id=member.person_id)


def _change_everywhere(ctx: CommandContext, member: Member, email: str) -> None:
    """Change the address in the other tenants of the account. Raises Conflict for who sees but their own tenant."""
    if not ctx.actor.is_operator:
        raise Conflict(SHARED_ADDRESS, field="email")
    for other in rows_of_account(ctx.session, member.account_id or member.person_id, besides=member.id):
        require_free_address(ctx, lock_tenant(ctx.session, other.tenant_id), email)
        require_roles_within_rights(ctx, other)
        other.email, other.email_key = email, email.lower()
        other.address_released_at = None
        ctx.audit(subject=other.person_id, tenant_id=other.tenant_id, changed=["email"])


def _forget_former_address(ctx: CommandContext, member: Member) -> None:
    """What was about the former address is over: its release, its invitation, and that somebody else had it."""
    member.address_released_at = member.sync_problem = member.sync_retry_at = None
    forget_consent(member)
    is_invited = member.state == MemberState.INVITED and member.password_mail_sent_at is not None
    if is_invited and member.keycloak_id is not None and not has_signed_in(ctx, member):
        replace_account(ctx, member)
