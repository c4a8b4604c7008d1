"""Which Keycloak, which keys and which mail server the identity package works with, read from the settings.

Composition only: the content of the realms is in `tenancy.keycloak.specification`, applying it in
`tenancy.keycloak.configure`.
"""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

import psycopg

from admin.operations.keys import backend_keys
from admin.operations.mail.server import SENDER, LocalMailBox, local_mail_box
from admin.operations.person_locks import PersonLocks
from admin.operations.ports import is_this_machine
from admin.operations.settings import Settings
from admin.operations.trust import trust
from governance.kernel.errors import Conflict, Invalid, message
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.configure import ConfigurationResult
from tenancy.keycloak.configure import configure as configure_realms
from tenancy.keycloak.configure import remove_administrator as delete_administrator
from tenancy.keycloak.connection import (
    AccountNotAuthorized,
    KeyCredential,
    RealmConnection,
    ResourceMissing,
    SecretCredential,
)
from tenancy.keycloak.example_passwords import ExamplePasswords
from tenancy.keycloak.messages import KEYS_NOT_ACCEPTED
from tenancy.keycloak.port import Realm, ServiceClientIntent
from tenancy.keycloak.specification import DeploymentConfig, realms
from tenancy.keycloak.specification.shared import RECONCILER_CLIENT

NO_ADMINISTRATOR = message(
    "keycloak.no_administrator",
    ja="Keycloak を設定する管理クライアントが指定されていません。",
    en="No client for configuring Keycloak is set.",
    hint_ja="MOYAI_KEYCLOAK_CLIENT_ID と MOYAI_KEYCLOAK_CLIENT_SECRET に master の管理クライアントを設定してください。",
    hint_en="Set MOYAI_KEYCLOAK_CLIENT_ID and MOYAI_KEYCLOAK_CLIENT_SECRET to an administrator client of realm master.",
)

ADMINISTRATOR_NEEDED = message(
    "keycloak.administrator_needed",
    ja="同梱の Keycloak の管理クライアントは、起動のたびに使うため削除できません。",
    en="The administrator client of the embedded Keycloak is used at every start, so it is not removed.",
)
NO_MAIL_FOR_KEYCLOAK = message(
    "keycloak.no_mail_server",
    ja="Keycloak は別のサーバー（{host}）で動いているので、SMTP_URL がないとパスワード設定のメールは届きません。",
    en="Keycloak runs on another machine ({host}), so without SMTP_URL its password mails would reach nobody.",
    hint_ja="両方から届くメールサーバーを SMTP_URL に設定し、moyai mail test で確かめてください。",
    hint_en="Set SMTP_URL to a mail server that both reach, and try it with `moyai mail test`.",
)

SENDER_NAME = "Moyai 催合"
_DATABASE_SECONDS = 3


def configure(
    settings: Settings,
    *,
    operators_clients: Sequence[ServiceClientIntent] = (),
    check: bool = False,
    replace_keys: bool = False,
    withdrawn: frozenset[str] = frozenset(),
) -> ConfigurationResult:
    """Bring both realms to their specification, or with `check` only report the differences.

    `operators_clients` are the operator's own systems; those that are there and not named are left as they are.
    Makes the keys in MOYAI_HOME the first time. `withdrawn` are the ids of former keys that Keycloak is to accept no
    longer. Without SMTP_URL Keycloak hands its mail to the worker's own mail server on this machine. Raises
    `DependencyUnavailable` when Keycloak does not answer, `Invalid` when the settings name no administrator or a key
    file is missing or wrong, `Conflict` where Keycloak holds another host's keys, unless `replace_keys`.
    """
    trust(settings)
    administrator = settings.keycloak_administrator
    if administrator is None:
        raise Invalid(NO_ADMINISTRATOR, field="MOYAI_KEYCLOAK_CLIENT_ID")
    if not check:
        check_mail(settings)
    credential = SecretCredential(administrator.client_id, administrator.client_secret)
    specified = realms(deployment_config(settings, withdrawn), operators_clients)
    return configure_realms(
        settings.keycloak_url, credential, specified, check=check, replace_keys=replace_keys, withdrawn=withdrawn
    )


def require_removable_administrator(settings: Settings) -> None:
    """Raise Conflict with the embedded Keycloak, which Moyai configures at every start."""
    if settings.keycloak_url_given is None:
        raise Conflict(ADMINISTRATOR_NEEDED)


def remove_administrator(settings: Settings) -> None:
    """Delete the administrator's client from realm `master`, once nothing is to be configured any more.

    Raises Conflict with the embedded Keycloak, Invalid where no administrator is named.
    """
    trust(settings)
    require_removable_administrator(settings)
    administrator = settings.keycloak_administrator
    if administrator is None:
        raise Invalid(NO_ADMINISTRATOR, field="MOYAI_KEYCLOAK_CLIENT_ID")
    delete_administrator(settings.keycloak_url, SecretCredential(administrator.client_id, administrator.client_secret))


def check_mail(settings: Settings) -> None:
    """Raise Invalid where Keycloak runs on another machine and no mail server is set: its mails would reach nobody."""
    if settings.smtp_url is None and settings.keycloak_url_given is not None:
        host = urlsplit(settings.keycloak_url_given).hostname or ""
        if not is_this_machine(host):
            raise Invalid(NO_MAIL_FOR_KEYCLOAK, field="SMTP_URL", host=host)


def check_keys(settings: Settings) -> None:
    """Raise Conflict where Keycloak does not accept this host's keys, DependencyUnavailable where it does not answer.

    Before the realms are made nothing is refused.
    """
    keys = backend_keys(settings)
    account = RealmConnection(
        settings.keycloak_url, Realm.TENANTS, KeyCredential(RECONCILER_CLIENT, keys.reconciler), threads=1
    )
    try:
        account.refresh_token()
    except AccountNotAuthorized as refused:
        raise Conflict(KEYS_NOT_ACCEPTED, path=str(settings.keys)) from refused
    except ResourceMissing:
        return


def deployment_config(settings: Settings, withdrawn: frozenset[str] = frozenset()) -> DeploymentConfig:
    """The values of this installation that the specification of the realms needs; no key of `withdrawn` is in it."""
    keys = backend_keys(settings)
    return DeploymentConfig(
        public_url=settings.public_url,
        jwks={key.account: key.jwks_without(withdrawn) for key in keys.accounts},
        smtp=mail_server(settings.smtp_url, sender_address(settings), local_mail_box(settings)),
        delivers_mail=settings.delivers_mail,
        requires_second_factor=settings.requires_second_factor,
        is_example=settings.example,
        is_training=settings.training,
        **read_limits(settings.app_url),
    )


def read_limits(app_url: str) -> dict[str, int]:
    """How long logins last, in seconds, where the operator has set it; empty where no database with our schema answers.

    By a connection of its own: realms are also configured before anything of Moyai runs.
    """
    try:
        with psycopg.connect(
            app_url.replace("postgresql+psycopg://", "postgresql://", 1), connect_timeout=_DATABASE_SECONDS
        ) as connection:
            connection.execute("SELECT set_config('moyai.scope', 'operator', true)")
            row = connection.execute(
                "SELECT idle_minutes * 60, longest_hours * 3600 FROM sign_in_limits ORDER BY number DESC LIMIT 1"
            ).fetchone()
    except psycopg.Error:
        return {}
    return {} if row is None else {"idle_seconds": row[0], "longest_seconds": row[1]}


def identities(settings: Settings) -> KeycloakIdentities:
    """The port to Keycloak for this process; make one and share it between threads."""
    return KeycloakIdentities(
        settings.keycloak_url,
        backend_keys(settings),
        public_url=settings.public_url,
        specified=lambda operators_clients: realms(deployment_config(settings), operators_clients),
        lock_people=PersonLocks(lambda: settings.app_url).hold,
    )


def example_passwords(settings: Settings) -> ExamplePasswords:
    """For the example loader; `NotAllowed` unless MOYAI_EXAMPLE is 1."""
    locks = PersonLocks(lambda: settings.app_url)
    return ExamplePasswords(
        settings.keycloak_url, backend_keys(settings), example=settings.example, lock_people=locks.hold
    )


def mail_server(smtp_url: str | None, sender: str, local: LocalMailBox | None) -> dict[str, str]:
    """Keycloak's `smtpServer`: the server of `smtp_url`, else the one on this machine, else none."""
    common = {"from": sender, "fromDisplayName": SENDER_NAME}
    if smtp_url is None:
        if local is None:
            return {}
        signed_in = {"auth": "true", "user": SENDER, "password": local.password}
        return {**common, "host": "127.0.0.1", "port": str(local.port), "ssl": "false", **signed_in}
    parts = urlsplit(smtp_url)
    encrypted = parts.scheme == "smtps"
    server = {
        **common,
        "host": parts.hostname or "",
        "port": str(parts.port or (465 if encrypted else 587)),
        "ssl": str(encrypted).lower(),
        # Upgraded where the server offers it; a server on this machine need not.
        "starttls": str(not encrypted and parts.hostname not in ("localhost", "127.0.0.1")).lower(),
        "auth": str(parts.username is not None).lower(),
    }
    if parts.username is not None:
        server |= {"user": unquote(parts.username), "password": unquote(parts.password or "")}
    return server


def sender_address(settings: Settings) -> str:
    """Who the installation's mails are from."""
    return settings.mail_from or f"moyai@{_mail_domain(settings.public_url)}"


def _mail_domain(public_url: str) -> str:
    host = urlsplit(public_url).hostname or ""
    # A sender at a bare host name is refused by many mail servers, and by Keycloak.
    return host if "." in host and parseaddr(f"moyai@{host}")[1] else "moyai.example"
