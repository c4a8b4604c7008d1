"""Which accounts are one person's, where the addresses do not say it: joined by the operator's security."""

from __future__ import annotations

import re
from typing import Annotated, Final
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from governance.actors import COMMAND_LINE_PREFIX
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Invalid, message, require_found
from governance.kernel.field_type import FieldType
from governance.kernel.field_types import LongLine
from governance.kernel.labels import Label
from governance.kernel.yen import printable
from governance.permissions import Permission, SecondPerson
from governance.persons import add_accounts, group_of
from tenancy.people.tables import Member

NO_ACCOUNT = message(
    "member.no_account",
    ja="「{given}」は、利用者の ID でも、端末のアカウント（cli:名前）でもありません。",
    en="{given} is neither the id of a person nor an account of the machine (cli:name).",
    hint_ja="利用者の一覧の ID、または監査記録にある cli: で始まる名前を入力してください。",
    hint_en="Give an id of the list of people, or a name beginning with cli: from the audit log.",
)
NOBODY_KNOWN = message(
    "member.accounts_of_nobody",
    ja="端末のアカウントは、利用者のアカウントに結び付けます。",
    en="An account of the machine is joined to a person's account.",
)
SAME_ACCOUNT = message(
    "member.same_account",
    ja="別のアカウントを指定してください。",
    en="Give two different accounts.",
)


def _check_account(value: str) -> str:
    if value.startswith(COMMAND_LINE_PREFIX):
        user = value.removeprefix(COMMAND_LINE_PREFIX)
        if user.isascii() and user.isprintable() and user and " " not in user:
            return value
    elif _UUID.fullmatch(value):
        return value
    raise Invalid(NO_ACCOUNT, given=printable(value))


_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ACCOUNT: Final = FieldType(
    name="account",
    read=lambda text: text.strip(),
    check=_check_account,
    hint=Label(
        "利用者の ID、または端末のアカウント（cli:名前）", "The id of a person, or an account of the machine (cli:name)"
    ),
    right=("cli:hanako", "cli:taro"),
    wrong=(("root", "member.no_account"), ("cli:", "member.no_account")),
    json_schema={"minLength": 1, "maxLength": 260},
)
Account = Annotated[str, ACCOUNT]
"""An account as actors are named, or the id of a member."""


class JoinAccounts(Command):
    """Two accounts of one person: from here on neither decides what the other requests, for good."""

    account: Annotated[Account, Input("アカウント", "Account")]
    other: Annotated[Account, Input("同じ人のもう 1 つのアカウント", "Other account of the person")]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class AccountsJoined(Result):
    """All accounts of the person, as actors are named."""

    accounts: tuple[str, ...]


@handles(Permission.MEMBER_JOIN_ACCOUNTS, Event.MEMBER_ACCOUNTS_JOINED, approval=SecondPerson.ROLES)
def join_accounts(ctx: CommandContext, command: JoinAccounts) -> AccountsJoined:
    """Record that two accounts are one person's, with all accounts that either has already. Nothing takes it back.

    Raises NotFound for a person, and Invalid for one account twice and for two of the machine that are nobody's.
    """
    accounts = [
        account_of(ctx.session, text, field) for field, text in (("account", command.account), ("other", command.other))
    ]
    if accounts[0] == accounts[1]:
        raise Invalid(SAME_ACCOUNT, field="other")
    group = group_of(ctx.session, accounts)
    if all(account.startswith(COMMAND_LINE_PREFIX) for account in accounts) and not group.persons:
        raise Invalid(NOBODY_KNOWN, field="other")
    if not add_accounts(ctx.session, group, tenant_id=ctx.actor.tenant_id, by=ctx.actor.id, now=ctx.now):
        ctx.mark_noop()
    ctx.audit(subject=accounts[0], other=accounts[1], accounts=sorted(group.accounts), reason=command.reason)
    return AccountsJoined(accounts=tuple(sorted(group.accounts)))


def account_of(session: Session, text: str, field: str) -> str:
    """The account that this names: by id, by username in Keycloak, or `cli:` and a user. Raises NotFound."""
    if text.startswith(COMMAND_LINE_PREFIX):
        return text
    named = or_(Member.id == UUID(text), Member.person_id == UUID(text))
    found = session.scalars(select(Member.person_id).where(named)).first()
    return str(require_found(found, what=Label("利用者", "member"), given=text, field=field))
