"""Rate limits: how often one address, account or actor may do what costs much or is open to everybody.

A view names its limit with `@limited(…)`; what only counts when it fails (a refused token, a refused sign-in) is
counted where it fails, with `count_failure`. Who succeeds is never refused for the failures of others. Counts are kept
in the memory of the process (docs/decisions/0021): with n processes n times as much passes, and a restart begins anew.
"""

from __future__ import annotations

import ipaddress
import logging
import time
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Any, Final, TypeVar

import structlog
from flask import Flask, current_app, request
from flask_limiter import ApplicationLimit, Limiter, RequestLimit
from limits import parse

from admin.core.guard import actor_or_none
from admin.operations.settings import Settings
from governance.kernel.errors import DomainError, message

log = structlog.get_logger(__name__)

V = TypeVar("V", bound=Callable[..., Any])

_LIMIT_ATTRIBUTE: Final = "rate_limit"
_LIMITER: Final = "moyai.rate_limits"
RATES: Final = "MOYAI_RATES"
"""Where the application's configuration has the rate of each limit, as `limits` writes it ("600/minute")."""

TOO_MANY_REQUESTS = message(
    "rate_limit.exceeded",
    ja="短い時間に要求が多すぎるため、受け付けませんでした。何も変更していません。",
    en="There were too many requests in a short time. Nothing was changed.",
    hint_ja="{seconds} 秒ほど待ってから、もう一度お試しください。",
    hint_en="Wait about {seconds} seconds, then try again.",
)


class RateLimit(StrEnum):
    """What is limited, and by whose count."""

    SIGN_IN_START = "sign-in start"
    """By address."""
    APPLY = "apply"
    """By address: the pages of applicants, who have no account."""
    REPORT = "report"
    """By address: what browsers post by themselves."""
    DOWNLOAD = "download"
    """By actor: exports, tables as files, PDF."""
    CHECK = "check"
    """By actor: what reads everything there is (verification, drift)."""
    ACCESS = "access"
    """By actor: what the platform's gateway asks on each of its calls."""
    APPLICATIONS_BEGUN = "applications begun"
    """By address: how many drafts."""
    REFUSED_LINKS = "refused links"
    """By address: links to an application that are none."""
    REFUSED_TOKENS = "refused tokens"
    """By address."""
    REFUSED_TOKENS_OF_ACCOUNT = "refused tokens of an account"
    """By address and the account that the token names."""
    REFUSED_SIGN_INS = "refused sign-ins"
    """By sign-in begun, and by person where the identity server named one."""


_BY_ADDRESS: Final = frozenset({RateLimit.SIGN_IN_START, RateLimit.APPLY, RateLimit.REPORT})
_BY_ACTOR: Final = frozenset({RateLimit.DOWNLOAD, RateLimit.CHECK, RateLimit.ACCESS})


class TooManyRequests(DomainError):
    """A limit is used up (RFC 6585, section 4). The fact `seconds` is when the next request may come."""

    kind = "too_many_requests"


def limited(limit: RateLimit) -> Callable[[V], V]:
    """Declare the limit of a view; goes below the route decorator. The mark survives functools.wraps."""

    def mark(view: V) -> V:
        setattr(view, _LIMIT_ATTRIBUTE, limit)
        return view

    return mark


def rates(settings: Settings) -> dict[RateLimit, str]:
    """The rate of each limit. The ones by address are high: every office of a prefecture may share one (LGWAN)."""
    by_address = f"{settings.address_limit}/minute"
    return {
        RateLimit.SIGN_IN_START: by_address,
        RateLimit.APPLY: by_address,
        RateLimit.REPORT: by_address,
        RateLimit.DOWNLOAD: "60/minute",
        RateLimit.CHECK: "12/minute",
        RateLimit.ACCESS: "30000/minute",
        # Nobody applies often; a whole prefecture may come from one address in the weeks before April.
        RateLimit.APPLICATIONS_BEGUN: "30/hour",
        RateLimit.REFUSED_LINKS: "30/10 minute",
        RateLimit.REFUSED_TOKENS: by_address,
        RateLimit.REFUSED_TOKENS_OF_ACCOUNT: "30/minute",
        RateLimit.REFUSED_SIGN_INS: "10/10 minute",
    }


def init_rate_limits(app: Flask, settings: Settings) -> None:
    """Check the limit of each view before the guard does, and keep the counts in the application."""
    app.config[RATES] = rates(settings)
    limiter = Limiter(
        caller_address,
        application_limits=[
            ApplicationLimit(
                limit_provider=partial(_rate_of, limit),
                key_function=caller_address if limit in _BY_ADDRESS else _actor_id,
                exempt_when=partial(_is_exempt, limit),
                scope=limit.value,
            )
            for limit in sorted(_BY_ADDRESS | _BY_ACTOR)
        ],
        on_breach=lambda used_up: _refuse(_limit_of_view(), used_up),
        storage_uri="memory://",
        # Of a moving window `limits` never forgets the key, which may be one that a stranger made up.
        strategy="fixed-window",
    )
    # Other views cost nothing: not even who asks is looked up.
    limiter.request_filter(lambda: _limit_of_view() is None)
    limiter.init_app(app)
    # It names addresses; what is refused is logged below, without them.
    limiter.logger.setLevel(logging.ERROR)
    app.extensions[_LIMITER] = limiter


def count_failure(limit: RateLimit, key: str) -> None:
    """Count one failure, or draft, under this key. Raises TooManyRequests when its limit is used up."""
    limiter: Limiter = current_app.extensions[_LIMITER]
    rate = parse(_rate_of(limit))
    if not limiter.limiter.hit(rate, limit.value, key):
        _refuse(limit, RequestLimit(limiter, rate, [limit.value, key], True, True))


def refuse_used_up(limit: RateLimit, key: str) -> None:
    """Raise TooManyRequests when the limit of failures under this key is used up; counts nothing."""
    limiter: Limiter = current_app.extensions[_LIMITER]
    rate = parse(_rate_of(limit))
    if not limiter.limiter.test(rate, limit.value, key):
        _refuse(limit, RequestLimit(limiter, rate, [limit.value, key], True, True))


def reset_rate_limits(app: Flask) -> None:
    """Forget every count, as a restart would."""
    app.extensions[_LIMITER].reset()


def source_address() -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The caller's whole address, as the believed proxies say; None where there is none."""
    try:
        return ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return None


def caller_address() -> str:
    """The address of the caller as the believed proxies say; of IPv6 the /64, which one caller has whole."""
    text = request.remote_addr or "-"
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return text


def _rate_of(limit: RateLimit) -> str:
    rate: str = current_app.config[RATES][limit]
    return rate


def _is_exempt(limit: RateLimit) -> bool:
    """Whether the view has another limit, or has one by actor and is asked by nobody, whom the guard will refuse."""
    return limit is not _limit_of_view() or (limit in _BY_ACTOR and not _actor_id())


def _actor_id() -> str:
    actor = actor_or_none()
    return "" if actor is None else actor.id


def _limit_of_view() -> RateLimit | None:
    if request.endpoint is None:
        return None
    limit: RateLimit | None = getattr(current_app.view_functions[request.endpoint], _LIMIT_ATTRIBUTE, None)
    return limit


def _refuse(limit: RateLimit | None, used_up: RequestLimit) -> None:
    seconds = max(1, used_up.reset_at - int(time.time()))
    log.warning("rate_limit.exceeded", limit=limit, rate=str(used_up.limit), seconds=seconds)
    raise TooManyRequests(TOO_MANY_REQUESTS, seconds=seconds)
