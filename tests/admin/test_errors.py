"""How refusals and failures are rendered, on pages and in the API, and that nothing else is disclosed with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape
from http import HTTPStatus
from uuid import UUID

import pytest
from flask import Flask, request
from pydantic import BaseModel
from sqlalchemy import event, text

from admin.core.errors import STATUS, problem
from admin.core.guard import requires
from governance.actors import Actor
from governance.declaration import build_command, read_command
from governance.kernel.database import db
from governance.kernel.errors import (
    NOT_FOUND,
    Closed,
    Conflict,
    DependencyUnavailable,
    DomainError,
    IdempotencyKeyReused,
    Invalid,
    NotAllowed,
    NotFound,
    Stale,
    message,
)
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.permissions import Permission, Role
from tenancy.keycloak.connection import NoResponse
from tenancy.keycloak.messages import NO_RESPONSE
from tenancy.tenants.commands import RegisterTenant
from tenancy.tenants.tables import Tenant
from tests.admin.conftest import close_connections
from tests.admin.issuer import Issuer
from tests.admin.visitors import Visit
from tests.factories import Visitors
from tests.servers import PostgreSQL

SignIn = Callable[[Actor], Visit]
SECRET = "a name nobody should read"
NEEDED = message("if_match.missing", ja="If-Match が必要です。", en="Give If-Match.")

KINDS: list[tuple[type[DomainError], int]] = [
    (Invalid, 422),
    (NotAllowed, 403),
    (NotFound, 404),
    (Stale, 409),
    (Conflict, 409),
    (Closed, 409),
    (IdempotencyKeyReused, 422),
    (DependencyUnavailable, 503),
]


class Unrelated(BaseModel):
    figure: int


@pytest.fixture(scope="module")
def probe_app(make_kept_app: Callable[[], Flask]) -> Flask:
    """An application with views that refuse and break on request."""
    web = make_kept_app()
    kinds = {kind.__name__: kind for kind, _ in KINDS}

    def refuse(kind: str) -> str:
        raise kinds[kind](NOT_FOUND, field="code", what=Label("団体", "tenant"), given="<b>431002</b>")

    def tenant(tenant_id: UUID) -> str:
        found = db.session.get(Tenant, tenant_id)
        if found is None:
            raise NotFound(NOT_FOUND, what=Label("団体", "tenant"), given=str(tenant_id))
        return found.name

    def break_down() -> str:
        raise KeyError(SECRET)

    def ask_keycloak() -> str:
        raise NoResponse(NO_RESPONSE)

    wrong = {"code": "432083", "name": 5, "kana": "ヤマガシ", "kind": "city"}

    def read_invalid_command() -> str:
        return str(read_command(RegisterTenant, wrong))

    def build_invalid_command() -> str:
        return str(build_command(RegisterTenant, **wrong))  # type: ignore[arg-type]

    def build_directly() -> str:
        return str(RegisterTenant(**wrong | {"name": {SECRET: 5}}))  # type: ignore[arg-type]

    def build_another() -> str:
        return str(Unrelated.model_validate({"figure": SECRET}))

    def write() -> str:
        body = request.get_json()
        return str(body)

    for prefix in ("", "/api/v1"):
        name = prefix.replace("/", "_")
        for rule, view, permission in (
            ("/refuse/<kind>", refuse, Permission.PUBLIC),
            ("/trial/tenants/<uuid:tenant_id>", tenant, Permission.SIGNED_IN),
            ("/break", break_down, Permission.PUBLIC),
            ("/silent", ask_keycloak, Permission.SIGNED_IN),
            ("/silent/public", lambda: ask_keycloak(), Permission.PUBLIC),
            ("/read", read_invalid_command, Permission.PUBLIC),
            ("/build", build_invalid_command, Permission.PUBLIC),
            ("/directly", build_directly, Permission.PUBLIC),
            ("/another", build_another, Permission.PUBLIC),
            ("/database", lambda: str(db.session.execute(text("SELECT 1")).scalar()), Permission.PUBLIC),
        ):
            web.add_url_rule(f"{prefix}{rule}", f"t{name}{rule}", requires(permission)(view))
    web.add_url_rule("/api/v1/write", "write", requires(Permission.PUBLIC)(write), methods=["POST"])
    return web


@pytest.fixture
def web(probe_app: Flask, database: Flask) -> Iterator[Flask]:
    """That application, on an emptied database."""
    yield probe_app
    close_connections(probe_app)


@pytest.mark.parametrize(("kind", "status"), KINDS)
def test_each_domain_error_has_its_status_on_pages_and_in_the_api(
    kind: type[DomainError], status: int, stranger: Visit
) -> None:
    page = stranger.get(f"/refuse/{kind.__name__}")
    answer = stranger.get(f"/api/v1/refuse/{kind.__name__}")

    assert (page.status_code, page.content_type) == (status, "text/html; charset=utf-8")
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert ("Retry-After" in page.headers) is (status == 503)


def test_operators_read_which_server_is_silent_and_others_that_it_is_not_possible_now(
    operator_tenant: UUID, visitors: Visitors, signed_in: SignIn, stranger: Visit
) -> None:
    owner = signed_in(visitors.person(visitors.municipality("432083", "山鹿市"), Role.TENANT_OWNER))
    auditor = signed_in(visitors.person(operator_tenant, Role.OPERATOR_AUDITOR))

    assert "Keycloak" in auditor.get("/silent").text
    for page in (owner.get("/silent"), stranger.get("/silent/public"), stranger.get("/api/v1/silent/public")):
        assert page.status_code == 503
        assert page.headers["Retry-After"] == "5"
        assert "Keycloak" not in page.text
        assert "KEYCLOAK" not in page.text
    assert stranger.get("/api/v1/silent/public").json["code"] == "service.unavailable"  # type: ignore[index]


def test_a_page_says_what_and_what_next_and_a_number_to_quote(stranger: Visit) -> None:
    page = stranger.get("/refuse/NotFound")

    assert escape("団体「<b>431002</b>」は見つかりません。") in page.text
    assert "番号や名前を確かめてください。" in page.text
    assert page.headers["X-Request-Id"] in page.text
    assert "<b>" not in page.text


def test_a_problem_names_code_field_and_the_number_of_the_request(stranger: Visit) -> None:
    answer = stranger.get("/api/v1/refuse/Invalid", headers={"Accept-Language": "en-GB, ja;q=0.5"})

    assert answer.json == {
        "type": "urn:moyai:problem:not_found",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "The tenant “<b>431002</b>” was not found.",
        "hint": "Check the number or the name.",
        "code": "not_found",
        "field": "code",
        "request_id": answer.headers["X-Request-Id"],
    }
    assert answer.headers["Content-Language"] == "en"


def test_pages_are_japanese_until_a_person_chooses_and_then_stay_so(stranger: Visit) -> None:
    assert "見つかりません" in stranger.get("/nowhere", headers={"Accept-Language": "en"}).text
    assert "The page was not found." in stranger.get("/nowhere?lang=en").text
    assert "The page was not found." in stranger.get("/nowhere").text
    assert "見つかりません" in stranger.get("/nowhere?lang=ja").text


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
def test_an_internal_error_shows_a_number_and_nothing_else(
    prefix: str, stranger: Visit, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = stranger.get(f"{prefix}/break")

    assert answer.status_code == 500
    assert answer.headers["X-Request-Id"] in answer.text
    for word in (SECRET, "KeyError", "Traceback", "test_errors"):
        assert word not in answer.text
    logged = capsys.readouterr().err
    assert "builtins.KeyError" in logged
    assert "break_down" in logged
    assert SECRET not in logged


@pytest.mark.parametrize("address", ["read", "build"])
def test_an_invalid_command_names_the_field(stranger: Visit, address: str) -> None:
    answer = stranger.get(f"/api/v1/{address}")

    assert answer.status_code == 422
    assert answer.json is not None
    assert (answer.json["code"], answer.json["field"]) == ("input.wrong", "name")


@pytest.mark.parametrize("address", ["another", "directly"])
def test_what_our_own_code_builds_wrongly_is_a_bug(stranger: Visit, address: str) -> None:
    answer = stranger.get(f"/api/v1/{address}")

    assert answer.status_code == 500
    assert SECRET not in answer.text


def test_another_tenants_id_answers_like_an_absent_one(
    operator_tenant: UUID, visitors: Visitors, signed_in: SignIn, issuer: Issuer, stranger: Visit
) -> None:
    own, foreign, absent = (
        visitors.municipality("432083", "山鹿市"),
        visitors.municipality("432091", "菊池市"),
        new_id(),
    )
    person = visitors.person(own, Role.TENANT_OWNER)
    owner = signed_in(person)
    bearer = {"Authorization": f"Bearer {issuer.token_of_person(own, UUID(person.id), Role.TENANT_OWNER)}"}

    assert owner.get(f"/trial/tenants/{own}").text == "山鹿市"
    for client, prefix, headers in ((owner, "/trial", {}), (stranger, "/api/v1/trial", bearer)):
        answers = [client.get(f"{prefix}/tenants/{asked}", headers=headers) for asked in (foreign, absent)]
        # The token of the form that signs out, and the time of the page, are new each time.
        texts = [
            re.sub(r'name="csrf_token" value="[^"]*"|<time .*?</time>', "", answer.text)
            .replace(answer.headers["X-Request-Id"], "number")
            .replace(str(asked), "id")
            for answer, asked in zip(answers, (foreign, absent), strict=True)
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert texts[0] == texts[1]
        assert "菊池" not in answers[0].text


def test_a_method_that_is_not_there_says_which_are(stranger: Visit) -> None:
    answer = stranger.delete("/api/v1/write")

    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


def test_a_foreign_host_is_refused(stranger: Visit) -> None:
    for host in ("evil.example", "moyai.example.jp.evil.example", "moyai.example.jp@evil.example"):
        assert stranger.get("/healthz", headers={"Host": host}, base_url=f"https://{host}").status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 10_000 + b"]" * 10_000,
        b'{"yen": 1, "yen": 2}',
        b'{"yen": NaN}',
        b'{"yen": 0.5}',
        b"\xef\xbb\xbf{}",
        b'{"name": "\\ud800"}',
        b'{"name": "\\u0000"}',
        b"{",
        "{}".encode("utf-16"),
    ],
)
def test_json_that_two_parsers_could_read_differently_is_refused(body: bytes, stranger: Visit) -> None:
    answer = stranger.post("/api/v1/write", data=body, content_type="application/json")

    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["code"].startswith("json.")


def test_a_body_over_the_limit_is_refused(stranger: Visit) -> None:
    answer = stranger.post("/api/v1/write", data=b" " * (4 * 1024 * 1024 + 1), content_type="application/json")

    assert (answer.status_code, answer.content_type) == (413, "application/problem+json")


def test_json_of_another_type_is_refused(stranger: Visit) -> None:
    assert stranger.post("/api/v1/write", data=b"{}", content_type="text/plain").status_code == 415


def test_every_answer_carries_the_headers_and_no_copy_is_kept(stranger: Visit) -> None:
    for path in ("/login", "/nowhere", "/refuse/Invalid", "/break", "/api/v1/who", "/healthz"):
        headers = stranger.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_what_a_browser_refused_to_load_is_logged_without_its_query(
    stranger: Visit, capsys: pytest.CaptureFixture[str]
) -> None:
    report = {
        "csp-report": {
            "effective-directive": "script-src-elem",
            "blocked-uri": f"https://evil.example/x.js?{SECRET}",
            "document-uri": f"https://moyai.example.jp/login?{SECRET}",
        }
    }

    answers = [
        stranger.post("/csp-report", json=report),
        *(stranger.post("/csp-report", data=body) for body in (b"", b"[]", b'{"csp-report": 5}', b"\xff" * 20_000)),
    ]

    assert {answer.status_code for answer in answers} == {204}
    logged = capsys.readouterr().err
    assert '"directive": "script-src-elem"' in logged
    assert '"blocked": "https://evil.example/x.js"' in logged
    assert SECRET not in logged


@pytest.mark.slow
def test_a_lost_database_is_a_503_after_one_attempt_of_three_seconds_at_most_and_comes_back(
    postgresql: PostgreSQL, web: Flask, operator_tenant: UUID, visitors: Visitors, signed_in: SignIn
) -> None:
    owner = signed_in(visitors.person(visitors.municipality("432083", "山鹿市"), Role.TENANT_OWNER))
    assert owner.get("/database").text == "1"

    # The seconds that libpq may wait in each attempt to connect: the clock of a busy machine proves nothing.
    attempts: list[int] = []
    with web.app_context():
        for engine in db.engines.values():
            event.listen(engine, "do_connect", lambda *called: attempts.append(called[3]["connect_timeout"]))
    postgresql.kill()
    try:
        for path in ("/database", "/api/v1/database", "/trial/tenants/00000000-0000-7000-8000-000000000000", "/readyz"):
            attempts.clear()
            answer = owner.get(path)
            assert attempts == [3], path
            assert answer.status_code == 503, path
            if path != "/readyz":
                assert answer.headers["Retry-After"] == "5"
        assert owner.get("/healthz").status_code == 200
        assert "psycopg" not in owner.get("/database").text
    finally:
        postgresql.start_again()

    assert owner.get("/database").text == "1"


def test_every_kind_of_refusal_is_in_the_table() -> None:
    def children(kind: type[DomainError]) -> set[type[DomainError]]:
        below = {child for child in kind.__subclasses__() if child.__module__ == "governance.kernel.errors"}
        return below.union(*(children(child) for child in below))

    assert children(DomainError) <= STATUS.keys()


def test_a_problem_can_be_built_by_a_view(web: Flask) -> None:
    with web.test_request_context("/api/v1/x"):
        answer = problem(HTTPStatus.PRECONDITION_REQUIRED, DomainError(NEEDED))

    assert answer.json is not None
    assert (answer.status_code, answer.json["detail"]) == (428, "If-Match が必要です。")
    assert "texts" not in answer.json


def test_a_problem_says_it_in_both_languages_where_that_is_preferred(web: Flask) -> None:
    headers = {"Prefer": "respond-async, all-languages", "Accept-Language": "en"}
    with web.test_request_context("/api/v1/x", headers=headers):
        answer = problem(HTTPStatus.PRECONDITION_REQUIRED, DomainError(NEEDED), [Invalid(NEEDED), Invalid(NEEDED)])

    assert answer.json is not None
    texts = {"ja": {"detail": "If-Match が必要です。", "hint": ""}, "en": {"detail": "Give If-Match.", "hint": ""}}
    assert (answer.json["detail"], answer.json["texts"]) == ("Give If-Match.", texts)
    assert [error["texts"] for error in answer.json["errors"]] == [texts, texts]
