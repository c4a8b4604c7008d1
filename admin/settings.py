"""Where the doors stand: addresses, folder and switches of one installation, read once at the start.

Only resolved values live here. Which server runs where, and what an unset `DATABASE_URL` means, `admin.servers` decides
and hands over; a process that serves is always told its addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from governance.kernel.errors import Invalid, reason

SETTING_MISSING = reason(
    "settings.missing",
    ja="設定 {name} がありません。",
    en="The setting {name} is missing.",
    hint_ja="環境変数 {name} を設定するか、moyai run を使ってください。",
    hint_en="Set the environment variable {name}, or use `moyai run`.",
)
SETTING_WRONG = reason(
    "settings.wrong",
    ja="設定 {name} の値「{given}」は使えません。{expected} を指定してください。",
    en="The setting {name} cannot be “{given}”; give {expected}.",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """One installation. `database_url` is SQLAlchemy's, as the application's role; it holds a password: never print it.

    `public_url` and `keycloak_url` are what browsers see, without a slash at the end. `home` holds keys and documents.
    `proxy_hops` is how many reverse proxies in front may be believed (X-Forwarded-*); 0 believes none.
    """

    database_url: str
    keycloak_url: str
    public_url: str
    home: Path
    example: bool = False
    proxy_hops: int = 0
    testing: bool = False

    def __post_init__(self) -> None:
        for name, url in (("MOYAI_PUBLIC_URL", self.public_url), ("KEYCLOAK_URL", self.keycloak_url)):
            if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
                raise Invalid(SETTING_WRONG, field=name, name=name, given=url, expected="http(s)://…")
        object.__setattr__(self, "public_url", self.public_url.rstrip("/"))
        object.__setattr__(self, "keycloak_url", self.keycloak_url.rstrip("/"))

    @property
    def keys_folder(self) -> Path:
        """Where the private keys of Moyai's own accounts and of the sessions lie."""
        return self.home / "keys"

    @property
    def public_host(self) -> str:
        return urlsplit(self.public_url).hostname or ""

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """The settings as a serving process finds them. Raises Invalid naming the one that is missing or wrong."""
        return cls(
            database_url=_required(environment, "DATABASE_URL"),
            keycloak_url=_required(environment, "KEYCLOAK_URL"),
            public_url=environment.get("MOYAI_PUBLIC_URL")
            or f"http://localhost:{environment.get('MOYAI_PORT', '8700')}",
            home=Path(environment.get("MOYAI_HOME") or ".moyai").absolute(),
            example=environment.get("MOYAI_EXAMPLE", "0") == "1",
            proxy_hops=_count(environment, "MOYAI_PROXY_HOPS"),
        )


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise Invalid(SETTING_MISSING, field=name, name=name)
    return value


def _count(environment: Mapping[str, str], name: str) -> int:
    given = environment.get(name) or "0"
    if not (given.isascii() and given.isdigit() and len(given) <= 2):
        raise Invalid(SETTING_WRONG, field=name, name=name, given=given, expected="0–99")
    return int(given)
