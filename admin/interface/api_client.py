"""The API as a signed-in command line calls it: requests with the person's token, and refusals as in process.

A problem (RFC 9457) becomes the DomainError that the server raised: its code, its texts in both languages, its field,
and the class that decides the exit code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, Self

import httpx

from admin.core.errors import ALL_LANGUAGES, HTTP_MESSAGES, PREFER_HEADER
from admin.identity.saved_login import LOGIN_ENDED, is_loopback
from admin.interface.api_requests import KEY_HEADER
from admin.interface.api_routes import PREFIX
from governance.declaration import InvalidCommand
from governance.idempotency import KEY_REUSED
from governance.kernel.errors import (
    DependencyUnavailable,
    DomainError,
    IdempotencyKeyReused,
    Invalid,
    Message,
    NotAllowed,
    NotFound,
    message,
)

TIMEOUT: Final = httpx.Timeout(60.0, connect=5.0)
"""Seconds. A plan or a verification may take the server as long as it allows itself."""

SERVER_UNREACHABLE = message(
    "cli.server_unreachable",
    ja="{server} に接続できません。",
    en="{server} cannot be reached.",
    hint_ja="ネットワークを確かめて、もう一度実行してください。変更の途中だった場合は、同じ --key を付けてください。",
    hint_en="Check the network and try again; after a change, with the same --key.",
)
NOT_MOYAI = message(
    "cli.not_moyai",
    ja="{server} の応答は Moyai のものではありません（{status}）。",
    en="The answer of {server} is not Moyai's ({status}).",
    hint_ja="アドレスを確かめてください。",
    hint_en="Check the address.",
)


class NothingThere(DomainError):
    """404: the address names nothing that this person sees. Whoever asked says what it was."""


class ApiClient:
    """Calls one installation's API. `token` gives the access token of each request; None calls without one."""

    def __init__(
        self, server: str, token: Callable[[], str] | None, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._server = server
        self._token = token
        self._http = httpx.Client(
            base_url=f"{server}/",
            timeout=TIMEOUT,
            follow_redirects=False,
            trust_env=not is_loopback(server),
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._http.close()

    def get(self, path: str, query: Mapping[str, str] | None = None) -> bytes:
        """The JSON at this address below the API's. Raises as `send` does."""
        return self._ask("GET", PREFIX + path, params=dict(query or {}))

    def sign_in_endpoints(self, part: str) -> bytes:
        """Where a command line signs a person in, as JSON: `part` is `operator` or the code of a tenant."""
        return self._ask("GET", f"/login/{part}/device", headers={"Accept": "application/json"})

    def send(
        self, method: str, path: str, body: Mapping[str, Any] | None, *, key: str, version: int | None = None
    ) -> bytes:
        """Execute a command once per key, and its result as JSON.

        Raises the refusal of the server, NothingThere for an address that names nothing, DependencyUnavailable where
        the server, or one that it needs, does not answer.
        """
        headers = {KEY_HEADER: key} | ({} if version is None else {"If-Match": f'"{version}"'})
        return self._ask(method, PREFIX + path, headers=headers, json=body)

    def _ask(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> bytes:
        known = {PREFER_HEADER: ALL_LANGUAGES} | dict(headers or {})
        if self._token is not None:
            known["Authorization"] = f"Bearer {self._token()}"
        try:
            answer = self._http.request(method, path.lstrip("/"), headers=known, **more)
        except httpx.HTTPError as away:
            raise DependencyUnavailable(SERVER_UNREACHABLE, server=self._server) from away
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        if answer.is_success and kind == "application/json":
            return answer.content
        if kind != "application/problem+json":
            raise DomainError(NOT_MOYAI, server=self._server, status=answer.status_code)
        raise _refusal(answer.json(), answer.status_code, self._server)


def _refusal(problem: Mapping[str, Any], status: int, server: str) -> DomainError:
    """The refusal in a problem."""
    if status == HTTPStatus.UNAUTHORIZED:
        return NotAllowed(LOGIN_ENDED, server=server)
    found = _message(problem)
    field = problem.get("field")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return DependencyUnavailable(found)
    if status == HTTPStatus.NOT_FOUND:
        return NothingThere(found) if found.code == HTTP_MESSAGES[404].code else NotFound(found, field=field)
    if found.code == KEY_REUSED.code:
        return IdempotencyKeyReused(found, field=field)
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        errors = problem.get("errors") or [problem]
        return InvalidCommand([Invalid(_message(one), field=one.get("field")) for one in errors])
    return DomainError(found, field=field)


def _message(problem: Mapping[str, Any]) -> Message:
    """What a problem says, in each language where it says so in each."""
    texts: Mapping[str, Mapping[str, str]] = problem.get("texts") or {}
    ja, en = (texts.get(language, problem) for language in ("ja", "en"))
    return Message(
        str(problem["code"]),
        ja=_literal(ja.get("detail")),
        en=_literal(en.get("detail")),
        hint_ja=_literal(ja.get("hint")),
        hint_en=_literal(en.get("hint")),
    )


def _literal(text: object) -> str:
    """A text that holds no placeholder of a message."""
    return str(text or "").replace("{", "{{").replace("}", "}}")
