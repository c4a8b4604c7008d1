"""One account's connection to Keycloak: python-keycloak's, made safe for threads, keys and lost answers.

What differs from the package, and why (each was measured on a real server):
- one token request however many threads find the token expired; the package's refresh has no lock;
- signs in with `private_key_jwt`, which the package does not know;
- a POST is sent once: the package repeats it after a dropped connection, and creates twice;
- headers are built per request: the package shares one dict between threads and changes it;
- every answer is read in one place, so that 404, 409 and "no answer" mean the same for each caller.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Mapping
from time import monotonic
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar, cast

import requests
from keycloak import KeycloakAdmin, KeycloakOpenIDConnection
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, ReadTimeoutError
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry
from urllib3.util.timeout import Timeout

from governance.kernel.deadlines import WaitTimeExceeded, breaker_of, current_budget
from governance.kernel.errors import Conflict, DependencyUnavailable
from tenancy.keycloak.calls import Call, notify_observers
from tenancy.keycloak.keys import ASSERTION_TYPE, Signer
from tenancy.keycloak.messages import (
    ACCOUNT_NOT_AUTHORIZED,
    ALREADY_EXISTS,
    BUSY,
    CHANGED_MEANWHILE,
    NO_RESPONSE,
    REJECTED,
    RESOURCE_MISSING,
)
from tenancy.keycloak.port import Realm

CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0
"""For jobs and the command line, who may wait; a request waits for as long as its `WaitBudget` says."""
TOKEN_FRACTION = 0.9
"""Fraction of a token's lifetime after which it is renewed, because clocks differ."""

RETRY_PAUSES: Final = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds to wait before a write that met another one is sent again, each up to doubled at random."""

_LOST_RACE: Final = re.compile(
    r"could not (add|remove|delete) \w+ role( or group)? mappings"
    r"|optimistic|stale ?object|row was updated or deleted|deadlock|could not serialize|lock (wait )?timeout",
    re.IGNORECASE,
)
"""What Keycloak says where two transactions met on one row (Hibernate's and PostgreSQL's words, and its own 400)."""

Json = dict[str, Any]
ResultT = TypeVar("ResultT")


class NoResponse(DependencyUnavailable):
    """The connection broke or timed out: whether the request was executed is unknown, and the caller reads again."""

    names_server = True


class ConcurrentChange(NoResponse):
    """Another writer changed the same person at the same moment: nothing was done, and asking again may succeed.

    Raised when it happened at every try, and at the first one for a body that was made of what was read before.
    """


class Rejected(Conflict):
    """400: repeating the request would not help."""


class ResourceMissing(Conflict):
    """404. Where the caller does not handle it, an object disappeared during the operation."""


class AlreadyExists(Conflict):
    """409, or 400 "Duplicate resource error" where two created it at once: the name or the membership exists.

    The caller reads whether Moyai made it.
    """


class AccountNotAuthorized(Conflict):
    """401 or 403: Moyai's own account lacks a role or its key is unknown. `moyai configure` repairs that."""


class Credential(Protocol):
    """How an account authenticates at the token endpoint (RFC 6749 section 2.3)."""

    client_id: str

    def form(self, issuer: str) -> dict[str, str]:
        """The fields of the token request besides grant and scope."""


class KeyCredential:
    """An account of our own realms: signs with its key."""

    def __init__(self, client_id: str, key: Signer) -> None:
        self.client_id = client_id
        self._key = key

    def form(self, issuer: str) -> dict[str, str]:
        assertion = self._key.assertion(self.client_id, issuer)
        return {
            "client_id": self.client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }


class SecretCredential:
    """The bootstrap administrator of `master`: only for setting up the realms, never at run time."""

    def __init__(self, client_id: str, secret: str) -> None:
        self.client_id = client_id
        self._secret = secret

    def form(self, issuer: str) -> dict[str, str]:
        return {"client_id": self.client_id, "client_secret": self._secret}


class _RetryUnlessSilent(Retry):
    """urllib3's retry, except where the time was over: a server that is frozen would be waited for twice."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        if isinstance(error, ReadTimeoutError):
            raise error
        if isinstance(error, ConnectTimeoutError) and _pool is not None:
            raise MaxRetryError(_pool, url, error) from error
        return super().increment(method, url, response, error, _pool, _stacktrace)


class RealmConnection(KeycloakOpenIDConnection):
    """One account acting on one realm. Safe for `threads` threads; more wait for a free connection."""

    def __init__(
        self,
        server_url: str,
        realm: Realm,
        credential: Credential,
        *,
        home_realm: str | None = None,
        issued_by: str | None = None,
        threads: int = 8,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        """`home_realm` is where the account lives, when that is not the realm it acts on.

        `issued_by` is the server's own name for itself, where it is reached by another address.
        """
        super().__init__(
            server_url=server_url.rstrip("/") + "/",
            realm_name=realm,
            client_id=credential.client_id,
            grant_type="client_credentials",
            # requests takes a pair; the package hands it through unread.
            timeout=cast(int, (CONNECT_SECONDS, read_seconds)),
            max_retries=0,
            pool_maxsize=threads,
        )
        self._credential = credential
        self._read_seconds = read_seconds
        self._breaker = breaker_of(f"Keycloak {server_url.rstrip('/')}")
        self._home = f"realms/{home_realm or realm}"
        self._issuer = f"{(issued_by or server_url).rstrip('/')}/{self._home}"
        self._token_lock = threading.Lock()
        self._connections = threading.BoundedSemaphore(threads)
        self._bearer = ""
        self._renew_at = 0.0
        # Reads may be repeated after a connection that Keycloak closed meanwhile; nothing else is.
        adapter = HTTPAdapter(
            pool_maxsize=threads,
            pool_block=True,
            max_retries=_RetryUnlessSilent(
                total=1,
                allowed_methods=frozenset({"GET"}),
                redirect=0,
                backoff_factor=0,
            ),
        )
        self._s.mount("http://", adapter)
        self._s.mount("https://", adapter)
        self.admin = KeycloakAdmin(connection=self)

    @property
    def realm(self) -> Realm:
        """The realm acted on."""
        return Realm(cast(str, self.realm_name))

    # -- what the adapter calls; paths are below /admin/realms/{realm}

    def read(self, path: str, **query: Any) -> Any:
        """The decoded answer to a GET."""
        return self._send("GET", self._realm_path(path), query).json()

    def find(self, path: str, **query: Any) -> Any | None:
        """The decoded answer to a GET, or None where nothing is there."""
        try:
            return self.read(path, **query)
        except ResourceMissing:
            return None

    def read_pages(self, path: str, *, page: int = 500, **query: Any) -> list[Json]:
        """Every row of a listing, `page` rows a call. Keycloak's own default page is 10."""
        rows: list[Json] = []
        while True:
            more = cast(list[Json], self.read(path, **query, first=len(rows), max=page))
            rows.extend(more)
            if len(more) < page:
                return rows

    def create(self, path: str, body: Any) -> str:
        """POST, answering the id of what was created (from the Location header), or ''."""
        answer = self._send("POST", self._realm_path(path), {}, body)
        return answer.headers.get("Location", "").rsplit("/", 1)[-1]

    def replace(self, path: str, body: Any = None) -> None:
        """PUT."""
        self._send("PUT", self._realm_path(path), {}, body)

    def replace_as_read(self, path: str, body: Any) -> None:
        """PUT of what was read, with changes. Raises ConcurrentChange at once: the caller has to read again."""
        self._send_checked("PUT", self._realm_path(path), {}, body)

    def delete(self, path: str, body: Any = None) -> None:
        """DELETE; what is gone already is fine."""
        try:
            self._send("DELETE", self._realm_path(path), {}, body)
        except ResourceMissing:
            return

    def _realm_path(self, path: str) -> str:
        return f"admin/realms/{self.realm}/{path}".rstrip("/")

    # -- what python-keycloak's own methods call

    def raw_get(self, path: str, **kwargs: Any) -> requests.Response:
        return self._send("GET", path, kwargs)

    def raw_post(self, path: str, data: Any, **kwargs: Any) -> requests.Response:
        return self._send("POST", path, kwargs, data)

    def raw_put(self, path: str, data: Any, **kwargs: Any) -> requests.Response:
        return self._send("PUT", path, kwargs, data)

    def raw_delete(self, path: str, data: Any = None, **kwargs: Any) -> requests.Response:
        return self._send("DELETE", path, kwargs, data)

    def get_token(self) -> None:
        self._valid_token(refused="")

    def refresh_token(self) -> None:
        self._valid_token(refused=self._bearer)

    # -- one request

    def _send(self, method: str, path: str, query: Mapping[str, Any], body: Any = None) -> requests.Response:
        return retry_concurrent(lambda: self._send_checked(method, path, query, body))

    def _send_checked(self, method: str, path: str, query: Mapping[str, Any], body: Any = None) -> requests.Response:
        bearer = self._valid_token(refused="")
        answer = self._send_once(method, path, query, body, bearer)
        if answer.status_code == requests.codes.unauthorized:
            # The token was withdrawn or the server's keys changed: once more with a fresh one.
            answer = self._send_once(method, path, query, body, self._valid_token(refused=bearer))
        return _check_response(answer, f"{method} {path}", self._credential.client_id)

    def _send_once(self, method: str, path: str, query: Mapping[str, Any], body: Any, bearer: str) -> requests.Response:
        return self._exchange(
            method,
            path,
            params=query,
            json=body if not isinstance(body, str) else None,
            data=body.encode() if isinstance(body, str) and body else None,
            headers={
                "Authorization": f"Bearer {bearer}",
                "Content-Type": "application/json",
            },
        )

    def _valid_token(self, refused: str) -> str:
        """The bearer token, renewed when it is old or is `refused`. Threads that wait share one token request."""
        if self._is_token_usable(refused):
            return self._bearer
        with self._token_lock:
            if not self._is_token_usable(refused):
                form = {
                    "grant_type": "client_credentials",
                    **self._credential.form(self._issuer),
                }
                path = f"{self._home}/protocol/openid-connect/token"
                asked_at = monotonic()
                answer = _check_response(
                    self._exchange("POST", path, data=form),
                    "token",
                    self._credential.client_id,
                )
                token = answer.json()
                self._renew_at = asked_at + TOKEN_FRACTION * float(token["expires_in"])
                self._bearer = token["access_token"]
            return self._bearer

    def _is_token_usable(self, refused: str) -> bool:
        return bool(self._bearer) and self._bearer != refused and monotonic() < self._renew_at

    def _exchange(self, method: str, path: str, **request: Any) -> requests.Response:
        # Who waited for a connection asks only then whether the server is silent: else each would wait in vain anew.
        self._wait_for_a_connection()
        try:
            return self._exchange_now(method, path, **request)
        finally:
            self._connections.release()

    def _wait_for_a_connection(self) -> None:
        """Take one of the connections; the wait counts as one for the server. Raises NoResponse where it runs out."""
        if self._connections.acquire(blocking=False):
            return
        budget = current_budget()
        if budget is None:
            self._connections.acquire()
            return
        try:
            seconds = budget.begin(self._breaker.server)
        except WaitTimeExceeded as over:
            raise NoResponse(NO_RESPONSE) from over
        try:
            if not self._connections.acquire(timeout=seconds):
                raise NoResponse(NO_RESPONSE)
        finally:
            budget.end()

    def _exchange_now(self, method: str, path: str, **request: Any) -> requests.Response:
        if not self._breaker.allows:
            raise NoResponse(NO_RESPONSE)
        budget = current_budget()
        seconds = self._read_seconds
        if budget is not None:
            try:
                seconds = min(seconds, budget.begin(self._breaker.server))
            except WaitTimeExceeded as over:
                raise NoResponse(NO_RESPONSE) from over
        started = monotonic()
        status: int | None = None
        try:
            answer = self._s.request(
                method,
                f"{self.base_url}{path}",
                # requests takes urllib3's own object, too; its annotations do not say so.
                timeout=cast(Any, Timeout(total=seconds, connect=min(CONNECT_SECONDS, seconds))),
                **request,
            )
            status = answer.status_code
            self._breaker.answered()
        except requests.Timeout as silent:
            self._breaker.timed_out()
            if budget is not None:
                budget.ran_out(self._breaker.server)
            raise NoResponse(NO_RESPONSE) from silent
        except requests.RequestException as broken:
            raise NoResponse(NO_RESPONSE) from broken
        finally:
            if budget is not None:
                budget.end()
            notify_observers(
                Call(
                    self._credential.client_id,
                    method,
                    f"/{path}",
                    status,
                    monotonic() - started,
                )
            )
        return answer


def retry_concurrent(write: Callable[[], ResultT]) -> ResultT:
    """What `write` answers, tried again with growing pauses while another writer is in the way.

    Raises ConcurrentChange when that was so each time.
    """
    for pause in RETRY_PAUSES:
        try:
            return write()
        except ConcurrentChange:
            threading.Event().wait(pause * (1 + random.random()))  # noqa: S311 - it decides who goes first
    return write()


def _check_response(answer: requests.Response, asked: str, account: str) -> requests.Response:
    """The response of a successful request. Raises the error of this module that its status stands for."""
    status = answer.status_code
    if status < 400:
        return answer
    if status in (400, 409, 500, 503) and _LOST_RACE.search(answer.text):
        raise ConcurrentChange(CHANGED_MEANWHILE, asked=asked)
    if status == 404:
        raise ResourceMissing(RESOURCE_MISSING, asked=asked)
    if status == 409 or (status == 400 and "Duplicate resource" in answer.text):
        raise AlreadyExists(ALREADY_EXISTS, asked=asked)
    if status == 429 or status >= 500:
        raise NoResponse(BUSY, status=status)
    if status in (401, 403) or _is_invalid_client(answer):
        raise AccountNotAuthorized(ACCOUNT_NOT_AUTHORIZED, account=account, asked=asked)
    raise Rejected(REJECTED, answer=_error_text(answer))


def _is_invalid_client(answer: requests.Response) -> bool:
    return answer.status_code == 400 and "invalid_client" in answer.text


def _error_text(answer: requests.Response) -> str:
    """The error text of the response, shortened; never a token or a whole page."""
    try:
        error = answer.json()
    except ValueError:
        return answer.reason or ""
    text = error.get("errorMessage") or error.get("error_description") or error.get("error") or ""
    return str(text)[:200]
