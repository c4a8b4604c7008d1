"""Which Keycloak, which keys and which mail server the identity package works with, read from the settings.

Composition only: the content of the realms is in `tenancy.keycloak.specification`, applying it in
`tenancy.keycloak.configure`.
"""

from __future__ import annotations

from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

from admin.operations.mail.server import SENDER, LocalMailBox, local_mail_box
from admin.operations.person_locks import PersonLocks
from admin.operations.settings import Settings
from governance.kernel.errors import Invalid, message
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.configure import ConfigurationResult
from tenancy.keycloak.configure import configure as configure_realms
from tenancy.keycloak.connection import SecretCredential
from tenancy.keycloak.example_passwords import ExamplePasswords
from tenancy.keycloak.keys import BackendKeys, load_or_create_keys
from tenancy.keycloak.specification import DeploymentConfig, realms

NO_ADMINISTRATOR = message(
    "keycloak.no_administrator",
    ja="Keycloak を設定する管理クライアントが指定されていません。",
    en="No client for configuring Keycloak is set.",
    hint_ja="MOYAI_KEYCLOAK_CLIENT_ID と MOYAI_KEYCLOAK_CLIENT_SECRET に master の管理クライアントを設定してください。",
    hint_en="Set MOYAI_KEYCLOAK_CLIENT_ID and MOYAI_KEYCLOAK_CLIENT_SECRET to an administrator client of realm master.",
)

SENDER_NAME = "Moyai 催合"


def configure(settings: Settings, *, check: bool = False) -> ConfigurationResult:
    """Bring both realms to their specification, or with `check` only report the differences.

    Makes the keys in MOYAI_HOME the first time. Without SMTP_URL Keycloak hands its mail to the worker's own mail
    server on this machine. Raises `DependencyUnavailable` when Keycloak does not answer, `Invalid` when the
    settings name no administrator.
    """
    administrator = settings.keycloak_administrator
    if administrator is None:
        raise Invalid(NO_ADMINISTRATOR, field="MOYAI_KEYCLOAK_CLIENT_ID")
    credential = SecretCredential(administrator.client_id, administrator.client_secret)
    specified = realms(deployment_config(settings))
    return configure_realms(settings.keycloak_url, credential, specified, check=check)


def deployment_config(settings: Settings) -> DeploymentConfig:
    """The values of this installation that the specification of the realms needs."""
    keys = backend_keys(settings)
    return DeploymentConfig(
        public_url=settings.public_url,
        jwks={name: getattr(keys, name).public_jwks for name in BackendKeys.__slots__},
        smtp=mail_server(settings.smtp_url, settings.public_url, local_mail_box(settings)),
        delivers_mail=settings.delivers_mail,
        requires_second_factor=settings.requires_second_factor,
    )


def backend_keys(settings: Settings) -> BackendKeys:
    """The keys of Moyai's own accounts and of the console."""
    return load_or_create_keys(settings.keys)


def identities(settings: Settings) -> KeycloakIdentities:
    """The port to Keycloak for this process; make one and share it between threads."""
    return KeycloakIdentities(
        settings.keycloak_url, backend_keys(settings), lock_people=PersonLocks(lambda: settings.app_url).hold
    )


def example_passwords(settings: Settings) -> ExamplePasswords:
    """For the example loader; `NotAllowed` unless MOYAI_EXAMPLE is 1."""
    locks = PersonLocks(lambda: settings.app_url)
    return ExamplePasswords(
        settings.keycloak_url, backend_keys(settings), example=settings.example, lock_people=locks.hold
    )


def mail_server(smtp_url: str | None, public_url: str, local: LocalMailBox | None) -> dict[str, str]:
    """Keycloak's `smtpServer`: the server of `smtp_url`, else the one on this machine, else none."""
    common = {"from": sender_address(public_url), "fromDisplayName": SENDER_NAME}
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


def sender_address(public_url: str) -> str:
    """Who the installation's mails are from."""
    return f"moyai@{_mail_domain(public_url)}"


def _mail_domain(public_url: str) -> str:
    host = urlsplit(public_url).hostname or ""
    # A sender at a bare host name is refused by many mail servers, and by Keycloak.
    return host if "." in host and parseaddr(f"moyai@{host}")[1] else "moyai.example"
