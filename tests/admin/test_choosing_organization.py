"""The first page of a sign-in: one's organization by name, kana or code, and no answer tells who takes part."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from flask import Flask

from admin.identity.blueprint import IdentityServices
from admin.identity.remembered import COOKIE as REMEMBERED
from admin.identity.remembered import remember
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from tenancy.keycloak.port import organization_alias
from tenancy.tenants.municipality_directory import Municipality, search
from tenancy.tenants.states import TenantState
from tenancy.tenants.tables import Tenant
from tests.admin.conftest import PUBLIC_URL
from tests.admin.issuer import Issuer
from tests.admin.visitors import Visit, visit
from tests.factories import Visitors

YAMAGA, YATSUSHIRO = "432083", "432024"


@pytest.fixture
def web(kept_web: Flask) -> Flask:
    """The application with all its blueprints."""
    return kept_web


@pytest.fixture
def municipality(operator_tenant: UUID, visitors: Visitors) -> UUID:
    return visitors.municipality(YAMAGA, "山鹿市")


@pytest.mark.parametrize(
    "words", ["山鹿市", "山鹿", "ヤマガシ", "やまがし", "ヤマガ", "ﾔﾏｶﾞ", " 山鹿 市 ", YAMAGA, "４３２０８３"]
)
def test_name_kana_and_code_lead_to_the_sign_in(municipality: UUID, stranger: Visit, words: str) -> None:
    answer = stranger.get("/login", query_string={"q": words, "next": "/allocations?fiscal_year=2025"})

    assert answer.status_code == 303
    assert urlsplit(answer.location).path == f"/login/{YAMAGA}"
    assert parse_qs(urlsplit(answer.location).query)["next"] == ["/allocations?fiscal_year=2025"]


def test_words_that_several_have_are_asked_about(operator_tenant: UUID, stranger: Visit) -> None:
    answer = stranger.get("/login", query_string={"q": "山"})

    assert answer.status_code == 200
    assert "どの団体ですか" in answer.text
    assert f'href="/login/{YAMAGA}"' in answer.text
    assert f'href="/login/{YATSUSHIRO}"' not in answer.text
    assert 'value="山"' in answer.text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("432084", "正しくは 432083 です"),
        ("43208", "432083"),
        ("999999", "都道府県番号 99 はありません"),
        ("東京都", "「東京都」に当てはまる団体が見つかりません"),
        ("<b>", "「<b>」に当てはまる団体が見つかりません"),
    ],
)
def test_what_names_nobody_is_answered_with_what_would_be_right(
    municipality: UUID, stranger: Visit, words: str, said: str
) -> None:
    answer = stranger.get("/login", query_string={"q": words})

    assert answer.status_code == 404
    assert said in unescape(answer.text)
    assert "<b>" not in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_every_municipality_of_the_prefecture_is_offered_whoever_takes_part(
    municipality: UUID, stranger: Visit
) -> None:
    page = stranger.get("/login").text

    offered = re.findall(r'href="/login/(\d{6})"', page)
    assert len(offered) == len(set(offered)) == 45
    assert all(code.startswith("43") for code in offered)
    marked = {unescape(line) for line in re.findall(r"<li>(.*?)</li>", page)}
    assert f'<a href="/login/{YAMAGA}">山鹿市</a>' in marked
    assert f'<a href="/login/{YATSUSHIRO}">八代市</a>' in marked


def test_no_answer_tells_why_somebody_cannot_sign_in(municipality: UUID, stranger: Visit) -> None:
    answers = {}
    # Each page says when it was made.
    now = clock.now()
    # An active one has accepted the agreement, says the database; it signs in as one on trial does.
    states = set(TenantState) - {TenantState.ACTIVE}
    for state in states:
        with tenant_scope(OPERATOR):
            db.session.get_one(Tenant, municipality).state = state.value
            db.session.commit()
        with clock.at(now):
            answers[state] = stranger.get(f"/login/{YAMAGA}")
    with clock.at(now):
        unregistered = stranger.get(f"/login/{YATSUSHIRO}")

    assert unregistered.status_code == 404
    assert "八代市の方は、いまログインできません" in unregistered.text
    signs_in = {state for state, answer in answers.items() if answer.status_code == 303}
    assert signs_in == {TenantState.TRIAL, TenantState.LEAVING}
    expected = unregistered.text.replace("八代市の方", "山鹿市の方").replace(
        f'value="{YATSUSHIRO}"', f'value="{YAMAGA}"'
    )
    for state in states - signs_in:
        assert answers[state].status_code == 404
        assert answers[state].text == expected
    with tenant_scope(OPERATOR):
        db.session.get_one(Tenant, municipality).state = TenantState.LEFT.value
        db.session.commit()
    assert stranger.get(f"/login/{YAMAGA}/device").status_code == 404
    outside = stranger.get("/login/401005")
    assert (outside.status_code, "団体コード 401005 の団体の方は" in outside.text) == (404, True)


def test_the_link_of_the_mail_leads_to_ones_own_organization(municipality: UUID, stranger: Visit) -> None:
    begun = stranger.get(f"/login/first/{municipality}")
    nobody = stranger.get(f"/login/first/{UUID(int=7)}")
    with tenant_scope(OPERATOR):
        db.session.get_one(Tenant, municipality).state = TenantState.SUSPENDED.value
        db.session.commit()
    suspended = stranger.get(f"/login/first/{municipality}")

    asked = parse_qs(urlsplit(begun.location).query)
    assert asked["scope"] == [f"openid organization:{organization_alias(municipality)}"]
    assert (nobody.status_code, suspended.status_code) == (404, 404)
    assert nobody.text == suspended.text


def test_a_body_without_a_code_is_found_by_its_whole_name_alone(municipality: UUID, stranger: Visit) -> None:
    with tenant_scope(OPERATOR):
        tenant = db.session.get_one(Tenant, municipality)
        tenant.code, tenant.name = None, "くまもと広域連合"
        db.session.commit()

    assert stranger.get("/login", query_string={"q": "くまもと広域"}).status_code == 404
    found = stranger.get("/login", query_string={"q": "くまもと広域連合"})
    assert (found.status_code, urlsplit(found.location).path) == (303, f"/login/first/{municipality}")


@pytest.fixture
def returning(web: Flask, municipality: UUID) -> Callable[[str | None], Visit]:
    """A browser that remembers an organization: 山鹿市, or what is given in place of the cookie."""

    def come(value: str | None = None) -> Visit:
        client = visit(web, PUBLIC_URL, None)
        if value is None:
            services: IdentityServices = web.extensions["moyai.identity"]
            answer = web.response_class()
            remember(answer, services.cipher, municipality)
            value = answer.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
        client.set_cookie(REMEMBERED, value, domain=PUBLIC_URL.removeprefix("https://"), secure=True, path="/")
        return client

    return come


def test_who_comes_back_on_the_same_computer_is_not_asked_again(
    municipality: UUID, returning: Callable[[str | None], Visit]
) -> None:
    somebody = returning(None)

    page = somebody.get("/login?next=/tenants").text
    other = somebody.get("/login?other=1&next=/tenants").text

    assert f'href="/login/first/{municipality}?next=/tenants"' in page
    assert "山鹿市" in page
    assert 'name="q"' not in page
    assert 'name="q"' in other


@pytest.mark.parametrize("value", ["", "x", "gAAAAABn", f"organization {UUID(int=7)}"])
def test_a_cookie_that_is_not_ours_is_none(returning: Callable[[str | None], Visit], value: str) -> None:
    assert 'name="q"' in returning(value).get("/login").text


def test_the_sign_in_cookie_is_no_remembered_organization(
    web: Flask, municipality: UUID, returning: Callable[[str | None], Visit]
) -> None:
    services: IdentityServices = web.extensions["moyai.identity"]

    assert 'name="q"' in returning(services.cipher.encrypt(str(municipality))).get("/login").text


def test_a_remembered_organization_that_was_suspended_is_not_shown(
    municipality: UUID, returning: Callable[[str | None], Visit]
) -> None:
    with tenant_scope(OPERATOR):
        db.session.get_one(Tenant, municipality).state = TenantState.SUSPENDED.value
        db.session.commit()

    page = returning(None).get("/login").text

    assert "この前" not in page
    assert 'name="q"' in page


@pytest.mark.parametrize("path", ["/login/operator", f"/login/{YAMAGA}"])
def test_a_keycloak_that_is_away_is_told_before_anybody_is_sent_there(
    web: Flask,
    municipality: UUID,
    issuer: Issuer,
    stranger: Visit,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    services: IdentityServices = web.extensions["moyai.identity"]
    monkeypatch.setattr(services.oidc_login, "_answered_at", {})
    issuer.is_away = True
    try:
        refused = stranger.get(path)
    finally:
        issuer.is_away = False
    again = stranger.get(path)

    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    assert "認証サービスに接続できないため、いまはログインできません。" in refused.text
    assert "1分ほど待って" in refused.text
    assert "location" not in refused.headers
    assert again.status_code == 303


def test_the_search_takes_an_exact_name_before_what_contains_it() -> None:
    offered = [Municipality("434418", "山都町", "ヤマトチョウ"), Municipality("999990", "大山都町", "オオヤマトチョウ")]

    assert [one.name for one in search(offered, "山都")] == ["山都町"]
    assert [one.name for one in search(offered, "やまと")] == ["山都町"]
    assert [one.name for one in search(offered, "ヤマ")] == ["山都町", "大山都町"]
    assert search(offered, "　 ") == []
