"""Every setting of Moyai, read once from the environment, checked, and then fixed.

Whoever needs a setting is handed `Settings`; nobody else reads the environment. Secrets of an embedded installation
are not settings: they are made in `MOYAI_HOME/secrets` and read when an address is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from admin.operations import secret_files
from admin.operations.postgresql import APP, OWNER, ROLES, SUPERUSER, EmbeddedPostgreSQL
from governance.kernel.errors import Invalid, message
from tenancy.tenants.eligibility import parse_prefectures

DATABASE = "moyai"
POSTGRESQL_FOLDER = "postgresql"
_DEFAULT_PORT = 8700
_PORTS_NEEDED = 5
_DATABASE_SCHEME = "postgresql+psycopg"
_BOOTSTRAP_CLIENT = "moyai-bootstrap"

BAD_PORT = message(
    "settings.port",
    ja="{name} の値 {given} はポート番号として使えません。1024〜65531 の整数にしてください。",
    en="{name} is {given}, which is not a port; it must be a whole number from 1024 to 65531.",
)
BAD_URL = message(
    "settings.url",
    ja="{name} の値は {expected} の形ではありません。",
    en="{name} is not of the form {expected}.",
)
BAD_SWITCH = message(
    "settings.switch",
    ja="{name} の値 {given} は 0 か 1 にしてください。",
    en="{name} is {given}; it should be 0 or 1.",
)
BAD_HOME = message(
    "settings.home",
    ja="{name} の値 {given} はフォルダーではありません。",
    en="{name} is {given}, which is not a folder.",
)
BAD_COUNT = message(
    "settings.count",
    ja="{name} の値 {given} は 0〜99 の整数にしてください。",
    en="{name} is {given}; it should be a whole number from 0 to 99.",
)
HALF_GIVEN = message(
    "settings.half_given",
    ja="{name} と {other} は両方とも設定するか、両方とも外してください。",
    en="{name} and {other} belong together: set both or neither.",
)


@dataclass(frozen=True, slots=True)
class KeycloakAdministrator:
    """The client of realm `master` that sets up the realms. Used by `moyai keycloak configure` and by nothing else."""

    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return f"KeycloakAdministrator({self.client_id!r})"


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """The settings in force. Given addresses are None where the embedded server is used.

    Addresses have no slash at the end. `proxy_hops` is how many reverse proxies in front may be believed
    (X-Forwarded-*); 0 believes none. `prefectures` are those whose bodies may be registered; None is
    the operator's own.
    """

    home: Path
    port: int = _DEFAULT_PORT
    public_url: str = f"http://localhost:{_DEFAULT_PORT}"
    example: bool = False
    database_url_given: str | None = None
    migration_url_given: str | None = None
    keycloak_url_given: str | None = None
    keycloak_administrator_given: KeycloakAdministrator | None = None
    smtp_url: str | None = None
    java_home: Path | None = None
    keycloak_home: Path | None = None
    keycloak_kept: Path | None = None
    proxy_hops: int = 0
    prefectures: frozenset[str] | None = None
    testing: bool = False

    @classmethod
    def from_environment(cls, env: Mapping[str, str], *, example_default: bool = False) -> Settings:
        """Read and check the settings. Raises Invalid whose `field` is the variable at fault."""
        present = {name: text for name, text in env.items() if text != ""}
        home = Path(present.get("MOYAI_HOME", ".moyai")).absolute()
        if home.exists() and not home.is_dir():
            raise Invalid(BAD_HOME, field="MOYAI_HOME", name="MOYAI_HOME", given=str(home))
        port = _port(present, "MOYAI_PORT")
        return cls(
            home=home,
            port=port,
            public_url=_web_address(present, "MOYAI_PUBLIC_URL") or f"http://localhost:{port}",
            example=_switch(present, "MOYAI_EXAMPLE", example_default),
            database_url_given=_database_address(present, "DATABASE_URL"),
            migration_url_given=_database_address(present, "MOYAI_MIGRATION_URL"),
            keycloak_url_given=_web_address(present, "KEYCLOAK_URL"),
            keycloak_administrator_given=_administrator(present),
            smtp_url=_mail_address(present, "SMTP_URL"),
            java_home=_folder(present, "JAVA_HOME"),
            keycloak_home=_folder(present, "KEYCLOAK_HOME"),
            keycloak_kept=_folder(present, "MOYAI_KEYCLOAK_KEPT"),
            proxy_hops=_count(present, "MOYAI_PROXY_HOPS"),
            prefectures=parse_prefectures(present.get("MOYAI_PREFECTURES", "")),
        )

    @property
    def keycloak_port(self) -> int:
        return self.port + 1

    @property
    def postgresql_port(self) -> int:
        return self.port + 2

    @property
    def keycloak_management_port(self) -> int:
        return self.port + 3

    @property
    def keycloak_url(self) -> str:
        """What browsers and we call Keycloak by, without a slash at the end; issuers begin with it."""
        return self.keycloak_url_given or f"http://localhost:{self.keycloak_port}"

    @property
    def public_host(self) -> str:
        return urlsplit(self.public_url).hostname or ""

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def keys(self) -> Path:
        """Private keys of the service accounts; its folder is made by whoever writes the first one, mode 0700."""
        return self.home / "keys"

    @property
    def secrets(self) -> Path:
        return self.home / "secrets"

    @property
    def distributions_folder(self) -> Path:
        """Where the built Keycloak is kept; shared between homes where MOYAI_KEYCLOAK_KEPT says so."""
        return self.keycloak_kept or self.home

    @property
    def app_url(self) -> str:
        """The database as the role that serves requests. Holds a password: never printed, never logged."""
        return self.database_url_given or self.embedded_postgresql().url(APP, DATABASE)

    @property
    def owner_url(self) -> str | None:
        """The database as the role that owns the tables, for migrations only; None when that is not ours to know."""
        if self.database_url_given is not None:
            return self.migration_url_given
        return self.embedded_postgresql().url(OWNER, DATABASE)

    @property
    def superuser_url(self) -> str | None:
        """The embedded PostgreSQL as its superuser; None when the database is somebody else's."""
        if self.database_url_given is not None:
            return None
        return self.embedded_postgresql().url(SUPERUSER, "postgres")

    @property
    def needs_postgresql(self) -> bool:
        """Whether the embedded PostgreSQL runs: for Moyai's tables, or only for those of an embedded Keycloak."""
        return self.database_url_given is None or self.needs_keycloak

    @property
    def needs_keycloak(self) -> bool:
        return self.keycloak_url_given is None

    @property
    def session_secret(self) -> str:
        """The key that signs what Flask signs; the same for every process of this home."""
        return secret_files.load_or_create(self.secrets, "web", ["secret_key"])["secret_key"]

    @property
    def keycloak_administrator(self) -> KeycloakAdministrator | None:
        """Who may set up the realms; None where Keycloak is somebody else's and no one was named."""
        if self.keycloak_url_given is not None or self.keycloak_administrator_given is not None:
            return self.keycloak_administrator_given
        stored = secret_files.load_or_create(self.secrets, "keycloak", ["bootstrap_client_secret"])
        return KeycloakAdministrator(_BOOTSTRAP_CLIENT, stored["bootstrap_client_secret"])

    def embedded_postgresql(self) -> EmbeddedPostgreSQL:
        """The PostgreSQL of this home, running or not. Makes its passwords the first time."""
        passwords = secret_files.load_or_create(self.secrets, "postgresql", ROLES)
        return EmbeddedPostgreSQL(self.home / POSTGRESQL_FOLDER, self.postgresql_port, passwords)

    def as_environment(self) -> dict[str, str]:
        """The same settings as variables, for the processes we start; `from_environment` reads them back alike."""
        administrator = self.keycloak_administrator_given
        written = {
            "MOYAI_HOME": str(self.home),
            "MOYAI_PORT": str(self.port),
            "MOYAI_PUBLIC_URL": self.public_url,
            "MOYAI_EXAMPLE": "1" if self.example else "0",
            "DATABASE_URL": self.database_url_given,
            "MOYAI_MIGRATION_URL": self.migration_url_given,
            "KEYCLOAK_URL": self.keycloak_url_given,
            "MOYAI_KEYCLOAK_CLIENT_ID": administrator.client_id if administrator else None,
            "MOYAI_KEYCLOAK_CLIENT_SECRET": administrator.client_secret if administrator else None,
            "SMTP_URL": self.smtp_url,
            "JAVA_HOME": str(self.java_home) if self.java_home else None,
            "KEYCLOAK_HOME": str(self.keycloak_home) if self.keycloak_home else None,
            "MOYAI_PROXY_HOPS": str(self.proxy_hops),
            "MOYAI_PREFECTURES": ",".join(sorted(self.prefectures)) if self.prefectures else None,
            "MOYAI_KEYCLOAK_KEPT": str(self.keycloak_kept) if self.keycloak_kept else None,
        }
        return {name: text for name, text in written.items() if text is not None}

    def __repr__(self) -> str:
        return f"Settings(home={str(self.home)!r}, port={self.port})"


def _port(present: Mapping[str, str], name: str) -> int:
    text = present.get(name, str(_DEFAULT_PORT))
    # isascii: １２３ is a digit to Python, but a slip of the keyboard here.
    port = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    if not 1024 <= port <= 65536 - _PORTS_NEEDED:
        raise Invalid(BAD_PORT, field=name, name=name, given=text)
    return port


def _switch(present: Mapping[str, str], name: str, default: bool) -> bool:
    text = present.get(name, "1" if default else "0")
    if text not in ("0", "1"):
        raise Invalid(BAD_SWITCH, field=name, name=name, given=text)
    return text == "1"


def _count(present: Mapping[str, str], name: str) -> int:
    text = present.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 2):
        raise Invalid(BAD_COUNT, field=name, name=name, given=text)
    return int(text)


def _web_address(present: Mapping[str, str], name: str) -> str | None:
    text = present.get(name)
    if text is None:
        return None
    if not _is_address(text, ("http", "https")):
        raise Invalid(BAD_URL, field=name, name=name, expected="https://host[:port][/path]")
    return text.rstrip("/")


def _database_address(present: Mapping[str, str], name: str) -> str | None:
    text = present.get(name)
    if text is None:
        return None
    # The plain form is what hosting services hand out; SQLAlchemy needs the driver named.
    for plain in ("postgresql://", "postgres://"):
        if text.startswith(plain):
            text = f"{_DATABASE_SCHEME}://{text.removeprefix(plain)}"
    if not _is_address(text, (_DATABASE_SCHEME,), query_allowed=True):
        # The value is not repeated: it may hold a password.
        raise Invalid(BAD_URL, field=name, name=name, expected=f"{_DATABASE_SCHEME}://role:password@host:port/database")
    return text


def _mail_address(present: Mapping[str, str], name: str) -> str | None:
    text = present.get(name)
    if text is not None and not _is_address(text, ("smtp", "smtps")):
        raise Invalid(BAD_URL, field=name, name=name, expected="smtp[s]://[user:password@]host:port")
    return text


def _is_address(text: str, schemes: tuple[str, ...], *, query_allowed: bool = False) -> bool:
    try:
        parts = urlsplit(text)
        named = parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return named and not parts.fragment and (query_allowed or not parts.query)


def _folder(present: Mapping[str, str], name: str) -> Path | None:
    text = present.get(name)
    if text is None:
        return None
    folder = Path(text).absolute()
    if folder.exists() and not folder.is_dir():
        raise Invalid(BAD_HOME, field=name, name=name, given=str(folder))
    return folder


def _administrator(present: Mapping[str, str]) -> KeycloakAdministrator | None:
    names = ("MOYAI_KEYCLOAK_CLIENT_ID", "MOYAI_KEYCLOAK_CLIENT_SECRET")
    client_id, client_secret = (present.get(name) for name in names)
    if client_id is None and client_secret is None:
        return None
    if client_id is None or client_secret is None:
        missing, other = names if client_id is None else names[::-1]
        raise Invalid(HALF_GIVEN, field=missing, name=missing, other=other)
    return KeycloakAdministrator(client_id, client_secret)
