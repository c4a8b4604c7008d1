"""The row of an application, locked, inside the command that changes it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from governance.commands import CommandContext
from governance.kernel.errors import Conflict, Stale, message, require_found
from tenancy.applications.queries import APPLICATION
from tenancy.applications.states import ApplicationState, MailOccasion
from tenancy.applications.tables import Application

WRONG_STATE = message(
    "application.wrong_state",
    ja="この申請は「{state}」なので、この操作はできません。",
    en="This application is {state}; this cannot be done now.",
    hint_ja="申請のページを開き直して、いまの状態を確かめてください。",
    hint_en="Open the page of the application again to see its state.",
)
CHANGED = message(
    "application.changed",
    ja="表示のあとに、この申請の内容が変更されました（表示 {given} 版、現在 {current} 版）。",
    en="This application has changed since you opened it (then {given}, now {current}).",
    hint_ja="現在の内容を確かめて、もう一度送信してください。",
    hint_en="Check what it is now, then submit again.",
)

MAIL_APPLICANT: Final = "application.mail-applicant"
"""The job that mails an applicant; it names the application, the occasion and the round."""

LINK_LIFETIME: Final = timedelta(days=60)
"""How long a link is good after the last thing that was done with the application."""


def lock_application(
    ctx: CommandContext, application_id: UUID, states: Collection[ApplicationState], *, version: int | None = None
) -> Application:
    """The application, locked, in one of these states. Raises NotFound, Conflict in another state, Stale."""
    row = require_found(
        ctx.session.scalars(select(Application).where(Application.id == application_id).with_for_update()).first(),
        what=APPLICATION,
        given=application_id,
        field="application_id",
    )
    if row.state not in {one.value for one in states}:
        raise Conflict(WRONG_STATE, field="application_id", state=ApplicationState(row.state))
    if version is not None and version != row.version:
        raise Stale(CHANGED, field="version", given=version, current=row.version)
    return row


def touch(row: Application, now: datetime) -> None:
    """Note that something was done with an application: its version grows and its link is good for longer."""
    row.version += 1
    row.changed_at = now
    row.link_expires_at = now + LINK_LIFETIME


def mail_applicant(ctx: CommandContext, row: Application, occasion: MailOccasion) -> None:
    """Mail the applicant after the commit."""
    payload = {"application_id": str(row.id), "occasion": occasion.value, "round": row.round}
    ctx.enqueue(MAIL_APPLICANT, payload, tenant_id=row.tenant_id)
