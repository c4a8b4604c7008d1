"""Rate limits: by address for what is open to everybody, by account and failure, by actor for what costs much."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest
from flask import Flask
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from admin.app import create_app
from admin.core.guard import list_routes
from admin.core.rate_limits import RATES, RateLimit, caller_address, count_failure
from admin.identity.oidc_login import COOKIE
from admin.operations.readiness import wait_until
from admin.operations.settings import Settings
from governance.permissions import Permission, Role
from tenancy.keycloak.port import Realm
from tests.admin.conftest import PUBLIC_URL, close_connections
from tests.admin.issuer import Issuer
from tests.admin.visitors import visit
from tests.factories import EIGHT, THIRTEEN, Visitors

ONE_ADDRESS = {"X-Forwarded-For": "203.0.113.9"}


class Clock:
    """The time that the limits read."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def moving(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


@pytest.fixture
def make_web(settings: Settings, database: Flask) -> Iterator[Callable[..., Flask]]:
    """`make_web(address_limit=10)`: the application with other settings, on the test's database."""
    made: list[Flask] = []

    def make(**changed: object) -> Flask:
        made.append(create_app(settings.model_copy(update=changed)))
        return made[-1]

    yield make
    for app in made:
        close_connections(app)


@pytest.fixture
def municipality(operator_tenant: UUID, visitors: Visitors) -> UUID:
    return visitors.municipality("432083", "山鹿市")


def test_with_a_limit_of_ten_the_eleventh_start_of_a_sign_in_is_refused(
    make_web: Callable[..., Flask], municipality: UUID, moving: Clock
) -> None:
    stranger = visit(make_web(address_limit=10), PUBLIC_URL, None)
    for _ in range(5):
        assert stranger.get("/login/432083").status_code == 303
        assert stranger.get("/login/operator").status_code == 303
        moving.seconds += 1

    refused = stranger.get("/login/432083")

    assert refused.status_code == 429
    assert COOKIE not in refused.headers.get("Set-Cookie", "")
    # The first was five seconds ago, so 55 are left of its minute; a second is added for the fraction.
    assert 55 <= int(refused.headers["Retry-After"]) <= 56
    moving.seconds += int(refused.headers["Retry-After"])
    assert stranger.get("/login/432083").status_code == 303


def test_a_refusal_says_what_and_when_in_both_languages(
    make_web: Callable[..., Flask], municipality: UUID, moving: Clock
) -> None:
    stranger = visit(make_web(address_limit=1), PUBLIC_URL, None)
    stranger.get("/login/432083")

    for language, what, when in (
        ("ja", "短い時間に要求が多すぎる", "61 秒ほど待って"),
        ("en", "too many requests", "Wait about 61 seconds"),
    ):
        page = stranger.get(f"/login/432083?lang={language}")
        assert (page.status_code, page.content_type) == (429, "text/html; charset=utf-8")
        assert what in page.text
        assert when in page.text


@pytest.mark.slow
def test_three_hundred_people_of_21_municipalities_behind_one_address_sign_in_within_five_minutes(
    make_web: Callable[..., Flask], operator_tenant: UUID, visitors: Visitors, moving: Clock
) -> None:
    web = make_web(proxy_hops=1)
    codes = [*THIRTEEN, *EIGHT]
    assert len(codes) == 21
    for code in codes:
        visitors.municipality(code, f"団体{code}")
    began = moving.seconds

    answers = []
    for person in range(300):
        somebody = visit(web, PUBLIC_URL, None)
        answers.append(somebody.get(f"/login/{codes[person % len(codes)]}", headers=ONE_ADDRESS).status_code)
        # One in ten gives up at Keycloak's page, and comes back with its refusal.
        if person % 10 == 0:
            answers.append(somebody.get("/login/callback?error=access_denied", headers=ONE_ADDRESS).status_code)
        moving.seconds += 1

    assert moving.seconds - began <= 300
    assert 429 not in answers
    assert answers.count(303) == 300


def test_who_comes_through_another_address_is_counted_apart(
    make_web: Callable[..., Flask], municipality: UUID, moving: Clock
) -> None:
    stranger = visit(make_web(address_limit=1, proxy_hops=1), PUBLIC_URL, None)

    def begin(forwarded: str) -> int:
        return stranger.get("/login/432083", headers={"X-Forwarded-For": forwarded}).status_code

    assert begin("203.0.113.9") == 303
    # What a caller says of itself stands to the left of what the proxy saw.
    assert begin("198.51.100.1, 203.0.113.9") == 429
    assert begin("203.0.113.10") == 303


def test_an_ipv6_caller_has_one_count_for_its_whole_network(web: Flask) -> None:
    def counted(address: str) -> str:
        with web.test_request_context("/", environ_base={"REMOTE_ADDR": address}):
            return caller_address()

    assert counted("2001:db8:1:2::1") == counted("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert counted("2001:db8:1:3::1") != counted("2001:db8:1:2::1")
    assert counted("192.0.2.7") == "192.0.2.7"


def test_refused_tokens_of_one_account_are_limited_and_nobody_elses_good_one(
    web: Flask, municipality: UUID, visitors: Visitors, issuer: Issuer, moving: Clock
) -> None:
    owner = visitors.person(municipality, Role.TENANT_OWNER)
    good = issuer.token_of_person(municipality, UUID(owner.id), Role.TENANT_OWNER)
    stranger = visit(web, PUBLIC_URL, None)

    def ask(token: str) -> TestResponse:
        return stranger.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})

    forged = issuer.sign(issuer.claims(sub="one", aud="account"))
    assert [ask(forged).status_code for _ in range(31)] == [401] * 30 + [429]
    refused = ask(forged)
    assert refused.content_type == "application/problem+json"
    assert refused.json is not None
    assert refused.json["code"] == "rate_limit.exceeded"
    assert int(refused.headers["Retry-After"]) > 0
    # The same address, another account; and a good token that names nobody's failures.
    assert ask(issuer.sign(issuer.claims(sub="two", aud="account"))).status_code == 401
    assert ask(good).status_code == 200
    moving.seconds += 61
    assert ask(forged).status_code == 401


def test_a_good_token_passes_though_its_own_account_was_tried_in_vain(
    web: Flask, municipality: UUID, visitors: Visitors, issuer: Issuer, moving: Clock
) -> None:
    owner = visitors.person(municipality, Role.TENANT_OWNER)
    good = issuer.token_of_person(municipality, UUID(owner.id), Role.TENANT_OWNER)
    head, claims, signature = good.split(".")
    forged = ".".join((head, claims, signature[::-1]))
    stranger = visit(web, PUBLIC_URL, None)

    def ask(token: str) -> int:
        return stranger.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code

    assert [ask(forged) for _ in range(31)] == [401] * 30 + [429]
    assert ask(good) == 200


def test_refused_tokens_of_many_accounts_meet_the_limit_of_the_address(
    make_web: Callable[..., Flask], operator_tenant: UUID, issuer: Issuer, moving: Clock
) -> None:
    stranger = visit(make_web(address_limit=40), PUBLIC_URL, None)

    answers = [
        stranger.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code
        for token in (issuer.sign(issuer.claims(sub=str(uuid4()), aud="account")) for _ in range(41))
    ]

    assert answers == [401] * 40 + [429]


def test_one_sign_in_begun_is_refused_ten_times_and_then_not_tried_any_more(
    web: Flask, municipality: UUID, moving: Clock
) -> None:
    stranger = visit(web, PUBLIC_URL, None)
    stranger.get("/login/432083")

    answers = [stranger.get("/login/callback?error=access_denied").status_code for _ in range(11)]

    assert answers == [403] * 10 + [429]
    another = visit(web, PUBLIC_URL, None)
    another.get("/login/432083")
    assert another.get("/login/callback?error=access_denied").status_code == 403


def test_counts_are_forgotten_when_their_window_is_over(web: Flask, moving: Clock) -> None:
    held = web.extensions["moyai.rate_limits"].storage.storage
    with web.test_request_context("/"):
        for number in range(100):
            count_failure(RateLimit.REFUSED_TOKENS_OF_ACCOUNT, f"made up {number}")
        assert len(held) == 100
        moving.seconds += 61
        count_failure(RateLimit.REFUSED_TOKENS_OF_ACCOUNT, "one more")

    assert wait_until(lambda: len(held) == 1, seconds=10)


def test_what_is_refused_is_logged_without_the_address(
    make_web: Callable[..., Flask], operator_tenant: UUID, moving: Clock
) -> None:
    stranger = visit(make_web(address_limit=1, proxy_hops=1), PUBLIC_URL, None)
    with capture_logs() as logged:
        for _ in range(2):
            stranger.post("/csp-report", json={}, headers=ONE_ADDRESS)

    (refused,) = [line for line in logged if line["event"] == "rate_limit.exceeded"]
    assert refused["limit"] == "report"
    assert "203.0.113.9" not in str(refused)


def test_reports_of_browsers_are_limited_by_address(
    make_web: Callable[..., Flask], operator_tenant: UUID, moving: Clock
) -> None:
    stranger = visit(make_web(address_limit=3), PUBLIC_URL, None)

    assert [stranger.post("/csp-report", json={}).status_code for _ in range(4)] == [204, 204, 204, 429]
    # Each limit has a count of its own.
    assert stranger.get("/login/operator").status_code == 303


def test_what_costs_much_is_limited_by_actor_on_page_and_api_together(
    web: Flask, operator_tenant: UUID, visitors: Visitors, issuer: Issuer, moving: Clock
) -> None:
    web.config[RATES] = web.config[RATES] | {RateLimit.CHECK: "2/minute", RateLimit.DOWNLOAD: "2/minute"}
    auditor = visitors.person(operator_tenant, Role.OPERATOR_AUDITOR)
    token = issuer.token_of_person(operator_tenant, UUID(auditor.id), Role.OPERATOR_AUDITOR, realm=Realm.OPERATORS)
    api = {"headers": {"Authorization": f"Bearer {token}"}}
    here = visit(web, PUBLIC_URL, auditor)

    checks = [here.get("/audit/verification"), here.get("/api/v1/ledger/verification", **api)]
    checks += [here.get("/api/v1/audit-verification", **api), here.get("/audit/verification")]
    files = [here.get(path) for path in ("/audit.csv", "/tenants.csv", "/audit.xlsx")]

    assert [answer.status_code for answer in checks] == [200, 200, 429, 429]
    assert [answer.status_code for answer in files] == [200, 200, 429]
    # Another person of the same office, and what costs nothing, go on.
    other = visit(web, PUBLIC_URL, visitors.person(operator_tenant, Role.OPERATOR_AUDITOR))
    assert other.get("/audit/verification").status_code == 200
    assert here.get("/audit").status_code == 200


def test_every_file_and_every_check_has_a_limit(web: Flask) -> None:
    # A comparison that is kept is read from its row, and one is under way at most: test_drift_page.
    costly = {
        route.endpoint
        for route in list_routes(web)
        if any(word in route.rule for word in ("csv", "xlsx", "pdf", "export", "verification"))
        or route.rule.endswith("/drift")
    }

    unlimited = {name for name in costly if not hasattr(web.view_functions[name], "rate_limit")}

    assert len(costly) >= 10
    assert {"drift.drift", "api.get_drift"} <= costly
    assert unlimited == set()


def test_what_anybody_may_ask_without_a_limit_is_listed(web: Flask) -> None:
    free = {
        route.rule
        for route in list_routes(web)
        if route.permission is Permission.PUBLIC and not hasattr(web.view_functions[route.endpoint], "rate_limit")
    }

    assert {rule for rule in free if "static" not in rule} == {
        "/healthz",
        "/readyz",
        "/login",
        # Refusals are counted by the sign-in begun.
        "/login/callback",
        # Keycloak posts for everybody from one address; what is not signed costs one check of a signature.
        "/backchannel-logout",
        "/api/v1/openapi.json",
        # What shows that document: a page without anybody's data, and files.
        "/api-reference",
        "/api-reference/viewer/<path:filename>",
        "/backoffice/assets/<path:filename>",
    }
