"""Every setting of Moyai, read once from the environment, checked, and then fixed.

Code that needs a setting gets `Settings` passed; nothing else reads the environment. Secrets of an embedded
installation are not settings: they are made in `MOYAI_HOME/secrets` and read when an address is asked for.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from admin.operations import secret_files
from admin.operations.ports import LOOPBACK
from admin.operations.postgresql import APP, BACKUP, KEYCLOAK, OWNER, ROLES, TENANT, EmbeddedPostgreSQL
from governance.audit.files import AuditFiles
from governance.kernel.errors import Invalid, message
from tenancy.tenants.eligibility import parse_prefectures

DATABASE = "moyai"
POSTGRESQL_FOLDER = "postgresql"
_DEFAULT_PORT = 8700
PORTS_NEEDED = 6
WEB_SECRETS = "web"
SESSION_SECRET_NAME = "secret_key"  # noqa: S105 - the name it has in the file of secrets
_SESSION_SECRET_FILE = "session.secret"  # noqa: S105 - a file name
_SECRET_CHARACTERS = 32
_MOST_OF = {"web_processes": 32, "web_threads": 19}
"""Threads stay below the connections that one process may hold to a role: 20."""
_A_YEAR = 366
_MOST_LOG_DAYS = 3660
_POSTGRESQL_PORT = 5432
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_DATABASE_SCHEME = "postgresql+psycopg"
_BOOTSTRAP_CLIENT = "moyai-bootstrap"

BAD_PORT = message(
    "settings.port",
    ja="{name} の値 {given} はポート番号として使えません。1024〜65530 の整数にしてください。",
    en="{name} is {given}, which is not a port; it must be a whole number from 1024 to 65530.",
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
BAD_FILE = message(
    "settings.file",
    ja="{name} の値 {given} はファイルではありません。",
    en="{name} is {given}, which is not a file.",
)
SECOND_FACTOR_REQUIRED = message(
    "settings.second_factor_required",
    ja="{name} を 0 にできるのは、例示データの環境（MOYAI_EXAMPLE=1）だけです。",
    en="{name} may be 0 in the example (MOYAI_EXAMPLE=1) only.",
    hint_ja="実際の運用では、運営者と団体管理者に二要素認証が必要です。",
    hint_en="A real installation requires a second factor of operators and owners.",
)
TRAINING_IS_EXAMPLE = message(
    "settings.training_is_example",
    ja="研修環境（MOYAI_TRAINING=1）は例示データの環境です。{name} を 0 にできません。",
    en="A training installation (MOYAI_TRAINING=1) holds example data: {name} cannot be 0.",
)
TRAINING_STANDS_ALONE = message(
    "settings.training_stands_alone",
    ja="研修環境（MOYAI_TRAINING=1）では、{name} を指定できません。",
    en="A training installation (MOYAI_TRAINING=1) takes no {name}.",
    hint_ja="研修環境は、自分の MOYAI_HOME にあるサーバーと鍵だけを使います。{name} を外してください。",
    hint_en="It uses only the servers and keys of its own MOYAI_HOME. Unset {name}.",
)
BAD_CA_FILE = message(
    "settings.ca_file",
    ja="{name} の値 {given} は、認証局の証明書（PEM）のファイルではありません。",
    en="{name} is {given}, which is no file of certificates of a certification authority (PEM).",
    hint_ja="サーバーの証明書ではなく、それを発行した認証局の証明書を指定してください。",
    hint_en="Name the certificate of the authority that issued the servers' certificates, not theirs.",
)
NO_MAIL_SERVER = message(
    "settings.no_mail_server",
    ja="{name} にメールアドレスを指定するときは、SMTP_URL も設定してください。",
    en="{name} names a mail address, so SMTP_URL must be set too.",
)
BAD_COUNT = message(
    "settings.count",
    ja="{name} の値 {given} は 0〜99 の整数にしてください。",
    en="{name} is {given}; it should be a whole number from 0 to 99.",
)
BAD_ADDRESS = message(
    "settings.bind",
    ja="{name} の値 {given} は IP アドレスではありません。",
    en="{name} is {given}, which is not an IP address.",
    hint_ja="例: 127.0.0.1、10.0.0.5、::1。すべてのアドレスは 0.0.0.0 です。",
    hint_en="Such as 127.0.0.1, 10.0.0.5 or ::1; 0.0.0.0 is all addresses.",
)
BAD_WEB_COUNT = message(
    "settings.web_count",
    ja="{name} の値 {given} は 1〜{most} の整数にしてください。",
    en="{name} is {given}; it should be a whole number from 1 to {most}.",
)
BAD_NETWORKS = message(
    "settings.networks",
    ja="{name} の値 {given} はネットワークの並びではありません。",
    en="{name} is {given}, which is no list of networks.",
    hint_ja="例: 127.0.0.0/8,::1/128,10.0.5.9/32。コンマで区切ります。",
    hint_en="Such as 127.0.0.0/8,::1/128,10.0.5.9/32, separated by commas.",
)
BAD_LOG_DAYS = message(
    "settings.log_days",
    ja="{name} の値 {given} は {least}〜{most} の整数にしてください。",
    en="{name} is {given}; it should be a whole number from {least} to {most}.",
    hint_ja="記録（ログ）は 1 年以上保存します。",
    hint_en="Logs are kept for a year at least.",
)
BAD_LIMIT = message(
    "settings.limit",
    ja="{name} の値 {given} は 1〜100000 の整数にしてください。",
    en="{name} is {given}; it should be a whole number from 1 to 100000.",
)
SECRET_MISSING = message(
    "settings.session_secret_missing",
    ja="セッションの秘密のファイル {path} がありません。",
    en="The file of the session secret, {path}, is missing.",
    hint_ja="フォルダーが接続されているか確かめるか、ほかのサーバーから写してください。"
    "最初のサーバーでは moyai keys create で作ります。",
    hint_en="Check that its folder is mounted, or copy it from another host. "
    "On the first host `moyai keys create` makes it.",
)
SECRET_UNREADABLE = message(
    "settings.session_secret_unreadable",
    ja="{path} はセッションの秘密として使えません。{least} 文字以上の ASCII の 1 行にしてください。",
    en="{path} is no session secret: it should be one line of at least {least} ASCII characters.",
    hint_ja="ほかのサーバーの同じファイルに置き換えてください。",
    hint_en="Replace it with the same file of another host.",
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
    client_secret: str = field(repr=False)


def _variable(info: ValidationInfo) -> str:
    """The environment variable of the field being read."""
    return variable_of(info.field_name or "")


def _port(given: object, info: ValidationInfo) -> int:
    text, name = str(given), _variable(info)
    # isascii: １２３ is a digit to Python, but a slip of the keyboard here.
    port = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    if not 1024 <= port <= 65536 - PORTS_NEEDED:
        raise Invalid(BAD_PORT, field=name, name=name, given=text)
    return port


def _switch(given: object, info: ValidationInfo) -> bool:
    if isinstance(given, bool):
        return given
    name = _variable(info)
    if given not in ("0", "1"):
        raise Invalid(BAD_SWITCH, field=name, name=name, given=str(given))
    return given == "1"


def _count(given: object, info: ValidationInfo) -> int:
    text, name = str(given), _variable(info)
    if not (text.isascii() and text.isdigit() and len(text) <= 2):
        raise Invalid(BAD_COUNT, field=name, name=name, given=text)
    return int(text)


def _limit(given: object, info: ValidationInfo) -> int:
    text, name = str(given), _variable(info)
    limit = int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0
    if not 1 <= limit <= 100_000:
        raise Invalid(BAD_LIMIT, field=name, name=name, given=text)
    return limit


def _log_days(given: object, info: ValidationInfo) -> int:
    text, name = str(given), _variable(info)
    days = int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0
    if not _A_YEAR <= days <= _MOST_LOG_DAYS:
        raise Invalid(BAD_LOG_DAYS, field=name, name=name, given=text, least=_A_YEAR, most=_MOST_LOG_DAYS)
    return days


def _web_count(given: object, info: ValidationInfo) -> int:
    text, name = str(given), _variable(info)
    most = _MOST_OF[info.field_name or ""]
    count = int(text) if text.isascii() and text.isdigit() and len(text) <= 2 else 0
    if not 1 <= count <= most:
        raise Invalid(BAD_WEB_COUNT, field=name, name=name, given=text, most=most)
    return count


def _networks(given: str | tuple[Network, ...], info: ValidationInfo) -> tuple[Network, ...]:
    if isinstance(given, tuple):
        return given
    name = _variable(info)
    try:
        # Strict: an address with bits beyond its network is more often a slip than a wish.
        return tuple(ipaddress.ip_network(one) for one in given.split(","))
    except ValueError as no_network:
        raise Invalid(BAD_NETWORKS, field=name, name=name, given=given) from no_network


def _bind_address(given: str, info: ValidationInfo) -> str:
    name = _variable(info)
    try:
        address = ipaddress.ip_address(given)
    except ValueError as no_address:
        raise Invalid(BAD_ADDRESS, field=name, name=name, given=given) from no_address
    if "%" in given:
        raise Invalid(BAD_ADDRESS, field=name, name=name, given=given)
    return str(address)


def _folder(given: str | Path, info: ValidationInfo) -> Path:
    folder, name = Path(given).absolute(), _variable(info)
    if folder.exists() and not folder.is_dir():
        raise Invalid(BAD_HOME, field=name, name=name, given=str(folder))
    return folder


def _file(given: str | Path, info: ValidationInfo) -> Path:
    file, name = Path(given).absolute(), _variable(info)
    if file.exists() and not file.is_file():
        raise Invalid(BAD_FILE, field=name, name=name, given=str(file))
    return file


def _tips_address(given: str, info: ValidationInfo) -> str:
    name = _variable(info)
    mail = given.removeprefix("mailto:")
    is_mail = given != mail and parseaddr(mail)[1] == mail and mail.count("@") == 1
    if not (given == "syslog" or is_mail or _is_address(given, ("syslog",))):
        expected = "syslog, syslog://host[:port] / mailto:address"
        raise Invalid(BAD_URL, field=name, name=name, expected=expected)
    return given


def _web_address(given: str, info: ValidationInfo) -> str:
    name = _variable(info)
    if not _is_address(given, ("http", "https")):
        raise Invalid(BAD_URL, field=name, name=name, expected="https://host[:port][/path]")
    return given.rstrip("/")


def _database_address(given: str, info: ValidationInfo) -> str:
    name = _variable(info)
    # The plain form is what hosting services hand out; SQLAlchemy needs the driver named.
    for plain in ("postgresql://", "postgres://"):
        if given.startswith(plain):
            given = f"{_DATABASE_SCHEME}://{given.removeprefix(plain)}"
    given = _with_hosts_in_query(given)
    if not (_is_address(given, (_DATABASE_SCHEME,), query_allowed=True) or _names_hosts_in_query(given)):
        # The value is not repeated: it may hold a password.
        raise Invalid(BAD_URL, field=name, name=name, expected=f"{_DATABASE_SCHEME}://role:password@host:port/database")
    return given


def _with_hosts_in_query(given: str) -> str:
    """A libpq URL that names several hosts, as SQLAlchemy takes them too: `role@/database?host=a,b&port=1,2`."""
    scheme, separator, rest = given.partition("://")
    authority, slash, tail = rest.partition("/")
    login, at, hosts = authority.rpartition("@")
    if "," not in hosts:
        return given
    pairs = [urlsplit(f"//{host}") for host in hosts.split(",")]
    try:
        names = ",".join(pair.hostname or "" for pair in pairs)
        ports = ",".join(str(_POSTGRESQL_PORT if pair.port is None else pair.port) for pair in pairs)
    except ValueError:
        return given
    query = f"host={names}&port={ports}"
    return f"{scheme}{separator}{login}{at}{slash or '/'}{tail}{'&' if '?' in tail else '?'}{query}"


def _names_hosts_in_query(given: str) -> bool:
    """Whether the query names hosts, or the folder of a socket, as many ports as hosts, and nothing else does."""
    try:
        parts = urlsplit(given)
        query = parse_qs(parts.query, keep_blank_values=True)
        if parts.scheme != _DATABASE_SCHEME or parts.hostname or parts.port or parts.fragment:
            return False
    except ValueError:
        return False
    hosts = ",".join(query.get("host", [])).split(",")
    ports = ",".join(query.get("port", [])).split(",") if "port" in query else []
    return all(hosts) and all(port.isascii() and port.isdigit() for port in ports) and len(ports) in (0, 1, len(hosts))


def _mail_address(given: str, info: ValidationInfo) -> str:
    name = _variable(info)
    if not _is_address(given, ("smtp", "smtps")):
        raise Invalid(BAD_URL, field=name, name=name, expected="smtp[s]://[user:password@]host:port")
    return given


def _mail_from(given: str, info: ValidationInfo) -> str:
    name = _variable(info)
    local, _, domain = given.partition("@")
    if parseaddr(given)[1] != given or not given.isascii() or not local or "." not in domain.strip("."):
        raise Invalid(BAD_URL, field=name, name=name, expected="name@host.example")
    return given


def _ca_file(given: str | Path, info: ValidationInfo) -> Path:
    file, name = Path(given).absolute(), _variable(info)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=file)
    except (OSError, ValueError) as unreadable:
        raise Invalid(BAD_CA_FILE, field=name, name=name, given=str(file)) from unreadable
    if context.cert_store_stats()["x509_ca"] == 0:
        raise Invalid(BAD_CA_FILE, field=name, name=name, given=str(file))
    return file


def _is_address(text: str, schemes: tuple[str, ...], *, query_allowed: bool = False) -> bool:
    try:
        parts = urlsplit(text)
        named = parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return named and not parts.fragment and (query_allowed or not parts.query)


def _prefectures(given: str | frozenset[str] | None) -> frozenset[str] | None:
    return parse_prefectures(given) if isinstance(given, str) else given


_Port = Annotated[int, BeforeValidator(_port)]
_Count = Annotated[int, BeforeValidator(_count)]
_LogDays = Annotated[int, BeforeValidator(_log_days)]
_WebCount = Annotated[int, BeforeValidator(_web_count)]
_MailFrom = Annotated[str, BeforeValidator(_mail_from)]
_CaFile = Annotated[Path, BeforeValidator(_ca_file)]
_Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)]
_BindAddress = Annotated[str, BeforeValidator(_bind_address)]
_Limit = Annotated[int, BeforeValidator(_limit)]
_Switch = Annotated[bool, BeforeValidator(_switch)]
_Folder = Annotated[Path, BeforeValidator(_folder)]
_File = Annotated[Path, BeforeValidator(_file)]
_TipsAddress = Annotated[str, BeforeValidator(_tips_address)]
_WebAddress = Annotated[str, BeforeValidator(_web_address)]
_DatabaseAddress = Annotated[str, BeforeValidator(_database_address)]
_MailAddress = Annotated[str, BeforeValidator(_mail_address)]
_Prefectures = Annotated[frozenset[str] | None, NoDecode, BeforeValidator(_prefectures)]


class Settings(BaseSettings):
    """The settings in force. Given addresses are None where the embedded server is used.

    Addresses have no slash at the end. `bind` is the IP address where web and health are answered; `web_threads` is for
    each of `web_processes`. `proxy_hops` is how many reverse proxies in front may be believed
    (X-Forwarded-*); 0 believes none. `address_limit` is how many sign-ins one address may begin in a
    minute. `metrics_from` are the networks whose callers are answered `/metrics`. `log_days` is how long rotated logs
    are kept. `prefectures` are those whose municipalities may be registered; None is the operator's own. `remote_url`
    is the installation where `moyai login` signs in, if not this one. What may hold a password is left out of `repr`.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, case_sensitive=True, hide_input_in_errors=True
    )

    home: _Folder = Field(default=Path(".moyai"), validation_alias="MOYAI_HOME", validate_default=True)
    port: _Port = Field(default=_DEFAULT_PORT, validation_alias="MOYAI_PORT")
    public_url: _WebAddress = Field(
        default_factory=lambda known: f"http://localhost:{known['port']}", validation_alias="MOYAI_PUBLIC_URL"
    )
    remote_url: _WebAddress | None = Field(default=None, validation_alias="MOYAI_URL")
    example: _Switch = Field(default=False, validation_alias="MOYAI_EXAMPLE")
    training: _Switch = Field(default=False, validation_alias="MOYAI_TRAINING")
    second_factor_given: _Switch | None = Field(default=None, validation_alias="MOYAI_SECOND_FACTOR")
    database_url_given: _DatabaseAddress | None = Field(default=None, validation_alias="DATABASE_URL", repr=False)
    tenant_url_given: _DatabaseAddress | None = Field(
        default=None, validation_alias="MOYAI_TENANT_DATABASE_URL", repr=False
    )
    migration_url_given: _DatabaseAddress | None = Field(
        default=None, validation_alias="MOYAI_MIGRATION_URL", repr=False
    )
    backup_url_given: _DatabaseAddress | None = Field(default=None, validation_alias="MOYAI_BACKUP_URL", repr=False)
    keycloak_url_given: _WebAddress | None = Field(default=None, validation_alias="KEYCLOAK_URL")
    keycloak_client_id: str | None = Field(default=None, validation_alias="MOYAI_KEYCLOAK_CLIENT_ID")
    keycloak_client_secret: str | None = Field(
        default=None, validation_alias="MOYAI_KEYCLOAK_CLIENT_SECRET", repr=False
    )
    smtp_url: _MailAddress | None = Field(default=None, validation_alias="SMTP_URL", repr=False)
    keys_dir: _Folder | None = Field(default=None, validation_alias="MOYAI_KEYS_DIR")
    session_secret_file: _File | None = Field(default=None, validation_alias="MOYAI_SESSION_SECRET_FILE")
    mail_from: _MailFrom | None = Field(default=None, validation_alias="MOYAI_MAIL_FROM")
    ca_file: _CaFile | None = Field(default=None, validation_alias="MOYAI_CA_FILE")
    audit_key_file: _File | None = Field(default=None, validation_alias="MOYAI_AUDIT_KEY_FILE")
    audit_tips_file: _File | None = Field(default=None, validation_alias="MOYAI_AUDIT_TIPS_FILE")
    audit_tips_to: _TipsAddress | None = Field(default=None, validation_alias="MOYAI_AUDIT_TIPS_TO")
    java_home: _Folder | None = Field(default=None, validation_alias="JAVA_HOME")
    keycloak_home: _Folder | None = Field(default=None, validation_alias="KEYCLOAK_HOME")
    keycloak_kept: _Folder | None = Field(default=None, validation_alias="MOYAI_KEYCLOAK_KEPT")
    bind: _BindAddress = Field(default=LOOPBACK, validation_alias="MOYAI_BIND")
    web_processes: _WebCount = Field(default=1, validation_alias="MOYAI_WEB_PROCESSES")
    web_threads: _WebCount = Field(default=16, validation_alias="MOYAI_WEB_THREADS")
    proxy_hops: _Count = Field(default=0, validation_alias="MOYAI_PROXY_HOPS")
    address_limit: _Limit = Field(default=600, validation_alias="MOYAI_ADDRESS_LIMIT")
    metrics_from: _Networks = Field(
        default="127.0.0.0/8,::1/128", validation_alias="MOYAI_METRICS_FROM", validate_default=True
    )
    log_days: _LogDays = Field(default=_A_YEAR, validation_alias="MOYAI_LOG_DAYS")
    prefectures: _Prefectures = Field(default=None, validation_alias="MOYAI_PREFECTURES")

    @classmethod
    def from_environment(cls, env: Mapping[str, str], *, example_default: bool = False) -> Self:
        """Read and check the settings; an empty variable is an unset one.

        `example_default` is the value of MOYAI_EXAMPLE where it is unset. Raises Invalid whose `field` is the variable
        at fault.
        """
        given: dict[str, Any] = _MappingSource(cls, env)()
        # A training installation is an example, unless somebody says otherwise: that is refused.
        is_training = given.get(variable_of("training")) == "1"
        return cls(**{variable_of("example"): example_default or is_training, **given})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """`Settings(...)` is what is given and nothing else; the environment is read by `from_environment` only."""
        return (init_settings,)

    @model_validator(mode="after")
    def _client_is_whole(self) -> Self:
        names = (variable_of("keycloak_client_id"), variable_of("keycloak_client_secret"))
        given = (self.keycloak_client_id, self.keycloak_client_secret)
        if given.count(None) == 1:
            missing, other = names if given[0] is None else names[::-1]
            raise Invalid(HALF_GIVEN, field=missing, name=missing, other=other)
        return self

    @model_validator(mode="after")
    def _training_is_apart(self) -> Self:
        if self.training and not self.example:
            name = variable_of("example")
            raise Invalid(TRAINING_IS_EXAMPLE, field=name, name=name)
        if self.training:
            for field in _NOT_OF_A_TRAINING_INSTALLATION:
                if getattr(self, field) is not None:
                    name = variable_of(field)
                    raise Invalid(TRAINING_STANDS_ALONE, field=name, name=name)
        return self

    @model_validator(mode="after")
    def _second_factor_is_required(self) -> Self:
        if self.second_factor_given is False and not self.example:
            name = variable_of("second_factor_given")
            raise Invalid(SECOND_FACTOR_REQUIRED, field=name, name=name)
        return self

    @model_validator(mode="after")
    def _mail_has_a_server(self) -> Self:
        if (self.audit_tips_to or "").startswith("mailto:") and self.smtp_url is None:
            name = variable_of("audit_tips_to")
            raise Invalid(NO_MAIL_SERVER, field=name, name=name)
        return self

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
    def health_port(self) -> int:
        """Where `/healthz`, `/readyz` and `/metrics` are answered whatever the web's threads wait for."""
        return self.port + 5

    @property
    def web_metrics_folder(self) -> Path:
        """Where the web processes on this port keep what they count; emptied when the first of them starts."""
        return self.home / "run" / f"web-metrics-{self.port}"

    @property
    def keycloak_url(self) -> str:
        """The address of Keycloak for browsers and for Moyai, without a slash at the end; issuers begin with it."""
        return self.keycloak_url_given or f"http://localhost:{self.keycloak_port}"

    @property
    def requires_second_factor(self) -> bool:
        """Whether operators and owners sign in with a second factor only: always, but for the example."""
        return not self.example if self.second_factor_given is None else self.second_factor_given

    @property
    def delivers_mail(self) -> bool:
        """Whether a mail server is set, so that invitations reach the people they are for."""
        return self.smtp_url is not None

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def keys(self) -> Path:
        """Folder of the keys of the service accounts and of the audit log; made with the first one, mode 0700."""
        return self.keys_dir or self.home / "keys"

    @property
    def audit_files(self) -> AuditFiles:
        """The key and the tips of the audit log; both stay outside the database."""
        return AuditFiles(
            self.audit_key_file or self.keys / "audit.key", self.audit_tips_file or self.home / "audit" / "tips.json"
        )

    @property
    def restore_marker(self) -> Path:
        """A file that is there while a backup is restored into this home: what is in it is not whole then."""
        return self.home / "restore.unfinished"

    @property
    def secrets(self) -> Path:
        return self.home / "secrets"

    @property
    def training_mark(self) -> Path:
        """The file that says that this home is a training installation's; made in an empty home, never by hand."""
        return self.home / "training"

    @property
    def distributions_folder(self) -> Path:
        """Where the built Keycloak is kept; shared between homes where MOYAI_KEYCLOAK_KEPT says so."""
        return self.keycloak_kept or self.home

    @property
    def app_url(self) -> str:
        """The database as the role that serves the operator. Holds a password: never printed, never logged."""
        return self.database_url_given or self.embedded_postgresql().url(APP, DATABASE)

    @property
    def tenant_url(self) -> str | None:
        """The database as the role that serves one tenant at a time. Holds a password.

        None where DATABASE_URL is set and it is not: `app_url` serves all. `moyai up` does not start so.
        """
        if self.database_url_given is not None:
            return self.tenant_url_given
        return self.embedded_postgresql().url(TENANT, DATABASE)

    @property
    def owner_url(self) -> str | None:
        """The database as the role that owns the tables, for migrations only; None when that is not ours to know."""
        if self.database_url_given is not None:
            return self.migration_url_given
        return self.embedded_postgresql().url(OWNER, DATABASE)

    @property
    def backup_url(self) -> str | None:
        """The database as the role that reads every row, for backups; None when that is not ours to know."""
        if self.database_url_given is not None:
            return self.backup_url_given
        return self.embedded_postgresql().url(BACKUP, DATABASE)

    @property
    def keycloak_backup_url(self) -> str | None:
        """The embedded Keycloak's database as the same role; None where Keycloak is not ours."""
        return self.embedded_postgresql().url(BACKUP, KEYCLOAK) if self.needs_keycloak else None

    @property
    def needs_postgresql(self) -> bool:
        """Whether the embedded PostgreSQL runs: for Moyai's tables, or only for those of an embedded Keycloak."""
        return self.database_url_given is None or self.needs_keycloak

    @property
    def needs_keycloak(self) -> bool:
        return self.keycloak_url_given is None

    @property
    def session_secret_path(self) -> Path | None:
        """The file of the session secret that hosts share; None where this home keeps its own."""
        if self.session_secret_file is not None or self.keys_dir is None:
            return self.session_secret_file
        return self.keys_dir / _SESSION_SECRET_FILE

    @property
    def session_secret(self) -> str:
        """The key that signs what Flask signs; the same for every process of this installation, on every host.

        Made the first time where this home keeps its own. Raises Invalid for a shared file that is missing, or that
        holds no secret.
        """
        path = self.session_secret_path
        if path is None:
            return secret_files.load_or_create(self.secrets, WEB_SECRETS, [SESSION_SECRET_NAME])[SESSION_SECRET_NAME]
        name = variable_of("session_secret_file" if self.session_secret_file else "keys_dir")
        try:
            secret = path.read_text(encoding="ascii").strip()
        except FileNotFoundError as missing:
            raise Invalid(SECRET_MISSING, field=name, path=str(path)) from missing
        except (OSError, ValueError):
            secret = ""
        if len(secret) < _SECRET_CHARACTERS or len(secret.split()) != 1:
            raise Invalid(SECRET_UNREADABLE, field=name, path=str(path), least=_SECRET_CHARACTERS)
        return secret

    @property
    def keycloak_administrator(self) -> KeycloakAdministrator | None:
        """The client that may set up the realms; None with a Keycloak of one's own and no client named."""
        if self.keycloak_client_id is not None and self.keycloak_client_secret is not None:
            return KeycloakAdministrator(self.keycloak_client_id, self.keycloak_client_secret)
        if self.keycloak_url_given is not None:
            return None
        stored = secret_files.load_or_create(self.secrets, "keycloak", ["bootstrap_client_secret"])
        return KeycloakAdministrator(_BOOTSTRAP_CLIENT, stored["bootstrap_client_secret"])

    def embedded_postgresql(self) -> EmbeddedPostgreSQL:
        """The PostgreSQL of this home, running or not. Makes its passwords the first time."""
        passwords = secret_files.load_or_create(self.secrets, "postgresql", ROLES)
        return EmbeddedPostgreSQL(self.home / POSTGRESQL_FOLDER, self.postgresql_port, passwords)

    def as_environment(self) -> dict[str, str]:
        """The same settings as variables, for the processes we start; `from_environment` reads them back alike."""
        values = {variable_of(name): getattr(self, name) for name in Settings.model_fields}
        return {variable: _written(value) for variable, value in values.items() if value is not None}


class _MappingSource(EnvSettingsSource):
    """pydantic-settings' reader of environment variables, on any mapping."""

    def __init__(self, settings_cls: type[BaseSettings], env: Mapping[str, str]) -> None:
        super().__init__(settings_cls)
        self.env_vars = {name: text for name, text in env.items() if text != ""}


_NOT_OF_A_TRAINING_INSTALLATION: Final = (
    "database_url_given",
    "keycloak_url_given",
    "keys_dir",
    "session_secret_file",
    "audit_key_file",
    "audit_tips_file",
)
"""What would let a training installation share something with another."""


def variable_of(field: str) -> str:
    """The environment variable that gives a field of Settings."""
    return str(Settings.model_fields[field].validation_alias)


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, frozenset):
        return ",".join(sorted(value))
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)
