"""Bad input: each kind gets its clear refusal as problem+json, and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from werkzeug.test import TestResponse

from admin.core.request_checks import MAX_BODY_BYTES
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.tenants.tables import Tenant
from tests.admin.api.conftest import Caller

Callers = Callable[..., Caller]
KIKUYO: dict[str, Any] = {"code": "434043", "name": "菊陽町", "kana": "キクヨウマチ", "kind": "town"}
WHOLE = json.dumps(KIKUYO)


def _tenants() -> int:
    with tenant_scope(OPERATOR):
        return db.session.execute(select(func.count()).select_from(Tenant)).scalar_one()


BODIES: dict[str, tuple[bytes, int]] = {
    "nested 100,000 deep": (b"[" * 100_000 + b"]" * 100_000, 422),
    "nested 33 deep": (f'{{"code":{"[" * 33}{"]" * 33}}}'.encode(), 422),
    "a key twice": (WHOLE.replace('"code"', '"code": "430005", "code"').encode(), 422),
    "NaN": (WHOLE.replace('"434043"', "NaN").encode(), 422),
    "half a surrogate pair": (WHOLE.replace("434043", "\\ud800").encode(), 422),
    "NUL": (WHOLE.replace("434043", "\\u0000").encode(), 422),
    "a byte order mark": (b"\xef\xbb\xbf" + WHOLE.encode(), 422),
    "UTF-16": (WHOLE.encode("utf-16"), 422),
    "CP932": ('{"name":"菊陽町"}'.encode("cp932"), 422),
    "nothing": (b"", 422),
    "not JSON": (b"{code:", 422),
    "a list": (b"[]", 422),
    "a string": (b'"{}"', 422),
    "an unknown field": (json.dumps({**KIKUYO, "colour": "red"}).encode(), 422),
    "a tenant_id": (json.dumps({**KIKUYO, "tenant_id": "x"}).encode(), 422),
    "a missing field": (json.dumps({"code": "434043"}).encode(), 422),
    "a number for text": (json.dumps({**KIKUYO, "code": 434043}).encode(), 422),
    "a wrong check digit": (json.dumps({**KIKUYO, "code": "434044"}).encode(), 422),
    "five digits": (json.dumps({**KIKUYO, "code": "43404"}).encode(), 422),
    "another prefecture's code": (json.dumps({**KIKUYO, "code": "401307"}).encode(), 422),
    "a day that is a number": (json.dumps({**KIKUYO, "valid_from": 0}).encode(), 422),
    "a day that is digits": (json.dumps({**KIKUYO, "valid_from": "1743465600"}).encode(), 422),
    "the 29th of February 2025": (json.dumps({**KIKUYO, "valid_from": "2025-02-29"}).encode(), 422),
    "the year 9999": (json.dumps({**KIKUYO, "valid_from": "9999-12-31"}).encode(), 422),
    "infinity": (json.dumps({**KIKUYO, "valid_from": "infinity"}).encode(), 422),
    "over the limit": (b" " * (MAX_BODY_BYTES + 1), 413),
}


def _is_problem(answer: TestResponse, status: int) -> bool:
    return answer.status_code == status and answer.content_type == "application/problem+json"


def test_a_body_that_cannot_be_is_refused_and_changes_nothing(callers: Callers) -> None:
    officer = callers(Role.OPERATOR_ONBOARDING)
    for kind, (content, status) in BODIES.items():
        answer = officer.raw("/tenants", content)

        assert _is_problem(answer, status), (kind, answer.text)
        assert {"type", "title", "status", "detail", "code", "request_id"} <= (answer.json or {}).keys(), kind
    assert _tenants() == 1


def test_a_body_of_another_type_is_refused(callers: Callers) -> None:
    officer = callers(Role.OPERATOR_ONBOARDING)
    for kind in ("text/plain", "", "application/json; charset=cp932", "application/x-www-form-urlencoded"):
        assert _is_problem(officer.raw("/tenants", WHOLE.encode(), Content_Type=kind), 415), kind
    assert _tenants() == 1


def test_a_key_that_is_missing_or_none_is_refused(callers: Callers) -> None:
    officer = callers(Role.OPERATOR_ONBOARDING)
    for key in (None, "", "x" * 256, "鍵", "a\tb"):
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key.encode().decode("latin-1")
        answer = officer.ask("POST", "/tenants", data=WHOLE.encode(), headers=headers)

        assert _is_problem(answer, 400), key
        assert (answer.json or {})["field"] == "Idempotency-Key"
    assert _tenants() == 1


QUERIES = (
    *("limit=0", "limit=-1", "limit=1000000000", "limit=201", "limit=%EF%BC%95", "limit=5_0", "limit=%205"),
    *("limit=", "limit=1&limit=2", "colour=red", "limit[]=1", "cursor=x", "state=asleep", "sort=password"),
    *("offset=1000000000000000000", "page=99999999999999999999", "cohort=" + "x" * 41),
)


def test_a_query_that_cannot_be_is_refused(callers: Callers) -> None:
    officer = callers(Role.OPERATOR_ONBOARDING)
    for query in QUERIES:
        assert _is_problem(officer.get(f"/tenants?{query}"), 422), query


def test_words_that_are_looked_for_are_only_words(callers: Callers) -> None:
    officer = callers(Role.OPERATOR_ONBOARDING)
    for words in ("%25", "_", "'; DROP TABLE tenant; --", "(a%2B)%2B%24", "%E3%80%80"):
        answer = officer.get(f"/tenants?words={words}")

        assert (answer.status_code, (answer.json or {})["items"]) == (200, []), words


def test_yen_that_are_none_are_refused(callers: Callers) -> None:
    finance = callers(Role.OPERATOR_FINANCE)
    for yen in (0, -1, 2**63, 10**15 + 1, True, "5", "１２３", 0.5, 1e3, None):
        cost = {"fiscal_year": 2025, "pool": "running", "name": "運用費", "yen": yen, "source": "契約書"}
        answer = finance.send("/costs", cost)

        assert _is_problem(answer, 422), (yen, answer.text)
        assert (answer.json or {})["field"] == "yen"


PERSON: dict[str, Any] = {"family_name": "肥後", "given_name": "花子", "email": "hanako@example.lg.jp"}
SYSTEM: dict[str, Any] = {"name": "連携", "jwks": "{}"}
WRONG_ELEMENTS: tuple[Any, ...] = ({}, [], None, 1, {"a": []})


def test_an_element_of_the_wrong_kind_is_refused_at_its_place(
    callers: Callers, municipalities: tuple[UUID, UUID]
) -> None:
    owner = callers(Role.TENANT_OWNER, of=municipalities[0])
    for path, field, body, right in (
        ("members", "roles", PERSON, Role.TENANT_MEMBER.value),
        ("service-clients", "scopes", SYSTEM, "moyai:quota.read"),
    ):
        for wrong in WRONG_ELEMENTS:
            for elements, place in (([wrong], 0), ([right, wrong], 1), ([wrong, right], 0)):
                answer = owner.send(f"/tenants/{municipalities[0]}/{path}", {**body, field: elements})

                assert _is_problem(answer, 422), (path, elements, answer.text)
                assert (answer.json or {})["field"] == f"{field}.{place}", elements


def test_an_address_of_nothing_is_a_plain_404(callers: Callers, municipalities: tuple[UUID, UUID]) -> None:
    finance = callers(Role.OPERATOR_FINANCE)
    for path in ("/members/", "/service-clients/", "/ledger/entries/"):
        for name in ("1,2", "%00", "9" * 20, "..", "019A0000-0000-7000-8000-000000000000", "x" * 2000):
            assert _is_problem(finance.get(f"/tenants/{municipalities[0]}{path}{name}"), 404), (path, name)


def test_another_method_is_answered_with_the_allowed_ones(callers: Callers) -> None:
    officer = callers(Role.OPERATOR_ONBOARDING)
    for method in ("DELETE", "PATCH", "TRACE"):
        answer = officer.ask(method, "/tenants")

        assert _is_problem(answer, 405), method
        assert "GET" in answer.headers["Allow"]


def test_english_is_answered_where_it_is_asked_for(callers: Callers) -> None:
    officer = callers(Role.OPERATOR_ONBOARDING)
    wrong = {**KIKUYO, "code": "434044"}

    ja = officer.send("/tenants", wrong)
    en = officer.send("/tenants", wrong, Accept_Language="en")

    assert "検査数字" in (ja.json or {})["detail"]
    assert "434043" in (en.json or {})["detail"]
    assert (ja.headers["Content-Language"], en.headers["Content-Language"]) == ("ja", "en")
