"""Mails to a tenant's people about what was decided over their heads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from admin.workflows.jobs import Handler
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from tenancy import directory
from tenancy.people.commands import ANNOUNCE_OWNER
from tenancy.people.queries import PRESENT_STATES, member, members

SUBJECT: Final = "団体管理者が追加されました / An owner was added"
TEXT: Final = """\
{tenant} の利用者の皆さまへ

運営者が {person} を {tenant} の団体管理者に追加し、運営者の承認者が承認しました。
{tenant} には、この追加を決定できる団体管理者がいませんでした。
心当たりがないときは、運営者に連絡してください。

The operator added {person} as an owner of {tenant}, and the operator's approver approved it,
because none of your owners could decide. If you did not expect this, contact the operator.
"""

SendMail = Callable[[str, str, str], None]
"""Recipient, subject, text. Raises OSError where the mail is not taken."""


def mail_handlers(send_mail: SendMail) -> dict[str, Handler]:
    """Job kind → its handler."""

    def announce_owner(payload: dict[str, Any]) -> None:
        """Mail everybody of the tenant. Done again after a failure, it may reach somebody twice."""
        tenant_id = UUID(payload["tenant_id"])
        with system_transaction(OPERATOR) as session:
            tenant = directory.tenant_by_id(session, tenant_id).name
            added = member(session, tenant_id, UUID(payload["person_id"]), clock.now())
            people = [one for one in members(session, tenant_id, clock.now()) if one.state in PRESENT_STATES]
        text = TEXT.format(tenant=tenant, person=f"{added.family_name} {added.given_name}")
        for one in people:
            send_mail(one.email, SUBJECT, text)

    return {ANNOUNCE_OWNER: announce_owner}
