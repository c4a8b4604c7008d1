"""The sign-in of the command line, as it stands in its user's configuration folder: one file that only they may read.

While the file is there the command line acts as that person, over the API, and as nobody else: also when the sign-in
has ended meanwhile, until `moyai login` or `moyai logout`.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, ValidationError

from governance.kernel.errors import Conflict, NotAllowed, message
from governance.kernel.models import ReadModel
from governance.kernel.private_files import private_lock, write_private

EARLY_SECONDS: Final = 10.0
"""So long before its end an access token is no longer used."""

NOT_PRIVATE = message(
    "login.file_not_private",
    ja="ログインのファイル {path} を、ほかの利用者が読めるか、ほかの利用者が所有しています。",
    en="The sign-in file {path} is readable or owned by others.",
    hint_ja="moyai logout で消して、もう一度ログインしてください。",
    hint_en="Remove it with `moyai logout` and sign in again.",
)
UNREADABLE = message(
    "login.file_unreadable",
    ja="ログインのファイル {path} を読めません。",
    en="The sign-in file {path} cannot be read.",
    hint_ja="moyai logout で消して、もう一度ログインしてください。",
    hint_en="Remove it with `moyai logout` and sign in again.",
)


LOGIN_ENDED = message(
    "login.ended",
    ja="{server} へのログインは終了しています。",
    en="You are no longer signed in at {server}.",
    hint_ja="moyai login でもう一度ログインしてください。ログインをやめるには moyai logout を実行してください。",
    hint_en="Sign in again with `moyai login`, or leave with `moyai logout`.",
)


class DeviceEndpoints(ReadModel):
    """Where and as what a program signs its person in; the members are named as in RFC 8414 and RFC 6749."""

    issuer: str
    client_id: str
    scope: str
    device_authorization_endpoint: str
    token_endpoint: str
    end_session_endpoint: str


class DeviceTokens(ReadModel):
    """What Keycloak gives a signed-in command line. Times are instants in seconds since 1970 (RFC 7519 NumericDate)."""

    access_token: str = Field(repr=False)
    refresh_token: str = Field(repr=False)
    expires_at: float
    refresh_expires_at: float


class Login(ReadModel):
    """Who is signed in, where, and until when: `server` is Moyai's address, the rest Keycloak's."""

    server: str
    endpoints: DeviceEndpoints
    tokens: DeviceTokens

    @property
    def has_ended(self) -> bool:
        """Whether not even the refresh token is in force any more."""
        return self.tokens.refresh_expires_at <= time.time()


def is_loopback(url: str) -> bool:
    """Whether the address is this machine itself."""
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


class LoginFile:
    """The file of the user whose environment this is: `$XDG_CONFIG_HOME/moyai/login.json`, by default below ~/.config.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        home = environment.get("XDG_CONFIG_HOME") or ""
        folder = Path(home) if os.path.isabs(home) else Path.home() / ".config"
        self.path: Final = folder / "moyai" / "login.json"

    def exists(self) -> bool:
        """Whether somebody is signed in, or was until they left the command line."""
        return self.path.exists()

    def read(self) -> Login | None:
        """The sign-in; None without one. Raises Conflict for a file that others may read, or that is damaged."""
        try:
            facts = self.path.stat()
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as denied:
            raise Conflict(UNREADABLE, path=str(self.path)) from denied
        if stat.S_IMODE(facts.st_mode) & 0o077 or facts.st_uid != os.geteuid():
            raise Conflict(NOT_PRIVATE, path=str(self.path))
        try:
            return Login.model_validate_json(content)
        except ValidationError:
            raise Conflict(UNREADABLE, path=str(self.path)) from None

    def write(self, login: Login) -> None:
        """Keep this sign-in, in place of the one that is there."""
        write_private(self.path, login.model_dump_json())

    def remove(self) -> None:
        """Forget the sign-in here; at Keycloak it stays."""
        self.path.unlink(missing_ok=True)

    def access_token(self, renew: Callable[[Login], DeviceTokens | None]) -> str:
        """A token that is good for the next request; where it would end before, one of those that `renew` gives.

        A refresh token is good once, so one process at a time uses it. Raises NotAllowed where the sign-in has ended,
        DependencyUnavailable when Keycloak does not answer.
        """
        with private_lock(self.path.with_suffix(".lock")):
            login = self.read()
            if login is None:
                raise NotAllowed(LOGIN_ENDED, server="-")
            if login.tokens.expires_at - EARLY_SECONDS > time.time():
                return login.tokens.access_token
            renewed = None if login.has_ended else renew(login)
            if renewed is None:
                raise NotAllowed(LOGIN_ENDED, server=login.server)
            self.write(login.model_copy(update={"tokens": renewed}))
            return renewed.access_token
