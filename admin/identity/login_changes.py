"""What a person changes of their own login at Keycloak: which action asks for it, and the record that it was done."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.kernel.labels import LabelledEnum
from governance.permissions import Permission

MAIL_LOGIN_CHANGE: Final = "session.mail-login-change"
"""The job that tells the person of it, so that somebody else at their browser cannot do it unnoticed."""

REMOVE_ACTION: Final = "delete_credential:"
"""Keycloak's action of removing a second factor, before the factor's id."""


class LoginChange(LabelledEnum):
    """What a person changes. Keycloak does it, in its own pages, after a login that is not older than five minutes."""

    PASSWORD = "password", "パスワードの変更", "password changed"
    APP = "app", "認証アプリの追加", "authenticator app added"
    PASSKEY = "passkey", "パスキーの追加", "passkey added"
    RECOVERY_CODES = "recovery-codes", "回復コードの作成", "recovery codes made"
    REMOVAL = "removal", "二要素認証の削除", "second factor removed"


ACTIONS: Final = {
    LoginChange.PASSWORD: "UPDATE_PASSWORD",
    LoginChange.APP: "CONFIGURE_TOTP",
    LoginChange.PASSKEY: "webauthn-register",
    LoginChange.RECOVERY_CODES: "CONFIGURE_RECOVERY_AUTHN_CODES",
}
"""Keycloak's names for what it has a person do after the sign-in (`kc_action`)."""


class RecordLoginChange(Command):
    """What Keycloak says the person has changed."""

    change: LoginChange


class LoginChanged(Result):
    job_id: UUID


@handles(Permission.SIGNED_IN, Event.LOGIN_CHANGED)
def record_login_change(ctx: CommandContext, command: RecordLoginChange) -> LoginChanged:
    """Record what a person changed of their own login at Keycloak, and have them told by mail."""
    payload = {"tenant_id": str(ctx.actor.tenant_id), "person_id": ctx.actor.id, "change": command.change.value}
    job_id = ctx.enqueue(MAIL_LOGIN_CHANGE, payload)
    ctx.audit(subject=ctx.actor.id, login_change=command.change.value)
    return LoginChanged(job_id=job_id)
