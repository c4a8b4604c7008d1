"""Checks before a view: request id, body size, origin, host name; and the request's line in the log.

The log line holds the matched URL rule, not the address, which may hold personal data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import ExitStack
from time import monotonic, perf_counter
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, g, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.middleware.proxy_fix import ProxyFix

from admin.operations.ports import reachable
from admin.operations.request_server import RECEIVED_AT
from admin.operations.settings import Settings
from governance.kernel import correlation
from governance.kernel.deadlines import REQUEST_LIMITS, wait_limits
from governance.kernel.ids import new_id
from governance.kernel.strict_json import read_json

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
"""The largest body accepted: a CSV of all 1,741 municipalities with their figures is a tenth of it."""

MAX_FORM_BYTES: Final = 256 * 1024
"""The largest form without a file."""

MAX_REPORT_BYTES: Final = 16 * 1024
"""The largest body of somebody who is not signed in, and of the addresses that programs post to by themselves."""

SESSION_COOKIE: Final = "__Host-moyai-session"

_OF_APPLICANTS: Final = re.compile(
    r"/apply/[0-9a-f-]{36}/[A-Za-z0-9_-]{43}/(?:(files|excel)|[a-z-]+)(?:/[0-9a-f-]{36})?"
)
"""Pages that people without an account fill in; a file goes to one of them only. All bodies at once have a limit, too
(`admin.operations.request_server`)."""

_POSTED_BY_PROGRAMS: Final = frozenset({"/csp-report", "/backchannel-logout"})

_READS: Final = frozenset({"GET", "HEAD"})

REQUEST_ID_HEADER: Final = "X-Request-Id"

log = structlog.get_logger(__name__)


def body_limit(path: str, headers: Mapping[str, str]) -> int:
    """The largest body in bytes that is read for this address; `headers` by their names in lower case.

    Whether a session or token is any good is found out later; who shows none is asked to sign in whatever they send.
    """
    shows_somebody = "authorization" in headers or f"{SESSION_COOKIE}=" in headers.get("cookie", "")
    of_applicant = _OF_APPLICANTS.fullmatch(path)
    if path in _POSTED_BY_PROGRAMS or not (shows_somebody or of_applicant):
        return MAX_REPORT_BYTES
    if of_applicant and not of_applicant[1]:
        return MAX_FORM_BYTES
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return MAX_FORM_BYTES
    return MAX_BODY_BYTES


class StrictJSON(DefaultJSONProvider):
    """JSON of requests: duplicate keys, deep nesting and inexact numbers are refused (`kernel.strict_json`)."""

    ensure_ascii = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return read_json(s if isinstance(s, bytes) else s.encode())


def init_request_checks(app: Flask, settings: Settings) -> None:
    """Give every request an id, limit and log it, and read its origin from the reverse proxies in front.

    With `settings.proxy_hops` = n > 0, `request.remote_addr`, `scheme` and `host` are the n-th value from the right of
    X-Forwarded-For, -Proto and -Host, where the header has that many; with 0 the headers are ignored.
    """
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_BODY_BYTES
    app.config["MAX_FORM_PARTS"] = 1_000
    # Nothing is ever built from Host; a foreign one is refused all the same, and this machine may ask for our health.
    app.config["TRUSTED_HOSTS"] = [
        urlsplit(settings.public_url).hostname,
        *("localhost", "127.0.0.1", reachable(settings.bind)),
    ]
    app.json = StrictJSON(app)

    @app.before_request
    def start_request() -> None:
        g.started = perf_counter()
        # Our own, never the caller's: a number that somebody else chose proves nothing in the record.
        g.request_id = str(new_id())
        g.request_id_before = correlation.request_id.set(g.request_id)
        structlog.contextvars.clear_contextvars()
        g.wait_limits = ExitStack()
        # What waited for a thread has that much less; a read is given up rather than answered too late.
        received = request.environ.get(RECEIVED_AT, monotonic())
        until = received + REQUEST_LIMITS.total if request.method in _READS else None
        g.wait_limits.enter_context(wait_limits(REQUEST_LIMITS, spent=monotonic() - received, until=until))

    @app.after_request
    def log_request(response: Response) -> Response:
        if "request_id" in g:
            response.headers[REQUEST_ID_HEADER] = g.request_id
            log.info(
                "request",
                method=request.method,
                rule=None if request.url_rule is None else request.url_rule.rule,
                status=response.status_code,
                ms=round((perf_counter() - g.started) * 1000, 1),
            )
        return response

    @app.teardown_request
    def reset_request_context(failure: BaseException | None) -> None:
        limits: ExitStack | None = g.pop("wait_limits", None)
        if limits is not None:
            limits.close()
        before = g.pop("request_id_before", None)
        if before is not None:
            correlation.request_id.reset(before)
        structlog.contextvars.clear_contextvars()


def current_request_id() -> str:
    """The id of this request, shown on error pages and written to logs."""
    return str(g.get("request_id", ""))


def local_path(address: str | None) -> str | None:
    """The address if it is a path of this site, else None: against open redirects."""
    if not address or not address.startswith("/") or address.startswith("//") or len(address) > 1_000:
        return None
    if any(letter in address for letter in "\\\r\n\t") or urlsplit(address).netloc:
        return None
    return address
