"""Tenants through the API: the usual way, the version that was seen, and the key that is sent twice."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import func, select

from governance.audit.tables import AuditEvent
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy.tenants.tables import Tenant
from tests.admin.api.conftest import Caller
from tests.servers import PostgreSQL, libpq

Callers = Callable[..., Caller]
KIKUYO = {"code": "434043", "name": "菊陽町", "kana": "キクヨウマチ", "kind": "town"}


def _count(table: type[Tenant] | type[AuditEvent]) -> int:
    with tenant_scope(OPERATOR):
        return db.session.execute(select(func.count()).select_from(table)).scalar_one()


def test_a_tenant_is_registered_read_listed_and_edited(callers: Callers) -> None:
    officer = callers(Role.OPERATOR_ONBOARDING)

    made = officer.send("/tenants", KIKUYO)
    shown = officer.get("/tenants/434043")

    assert made.status_code == 201
    assert shown.json is not None
    assert shown.json["id"] == made.json["tenant_id"]  # type: ignore[index]
    assert (shown.json["name"], shown.json["state"]) == ("菊陽町", "applied")
    assert officer.get(f"/tenants/{shown.json['id']}").data == shown.data

    change = {"code": "434043", "name": "菊陽町", "kana": "キクヨウマチ", "name_en": "Kikuyo", "valid_from": None}
    edited = officer.send("/tenants/434043", change, method="PUT", If_Match=shown.headers["ETag"])

    assert edited.status_code == 200, edited.text
    assert officer.get("/tenants/434043").json["name_en"] == "Kikuyo"  # type: ignore[index]
    listed = officer.get("/tenants?words=菊陽")
    assert [one["code"] for one in listed.json["items"]] == ["434043"]  # type: ignore[index]


def test_a_stale_version_is_refused_and_changes_nothing(callers: Callers) -> None:
    officer = callers(Role.OPERATOR_ONBOARDING)
    officer.send("/tenants", KIKUYO)
    etag = officer.get("/tenants/434043").headers["ETag"]
    change = {"code": "434043", "name": "菊陽町", "kana": "キクヨウマチ", "name_en": "Kikuyo", "valid_from": None}
    officer.send("/tenants/434043", change, method="PUT", If_Match=etag)

    again = officer.send("/tenants/434043", {**change, "name_en": "Kikuyou"}, method="PUT", If_Match=etag)
    without = officer.send("/tenants/434043", {**change, "name_en": "Kikuyou"}, method="PUT")

    assert (again.status_code, without.status_code) == (412, 428)
    assert officer.get("/tenants/434043").json["name_en"] == "Kikuyo"  # type: ignore[index]


def test_the_same_key_answers_the_same_and_does_nothing_twice(callers: Callers) -> None:
    officer = callers(Role.OPERATOR_ONBOARDING)

    first = officer.send("/tenants", KIKUYO, Idempotency_Key="once")
    events = _count(AuditEvent)
    second = officer.raw(
        "/tenants",
        '{"kind":"town",  "kana":"キクヨウマチ","name":"菊陽町","code":"434043"}'.encode(),
        Idempotency_Key="once",
    )
    other = officer.send("/tenants", {**KIKUYO, "name": "大津町", "code": "434035"}, Idempotency_Key="once")

    assert (first.status_code, second.status_code, other.status_code) == (201, 201, 422)
    assert first.json == second.json
    assert other.json["code"] == "idempotency.reused"  # type: ignore[index]
    assert _count(AuditEvent) == events + 1  # the refusal alone
    assert _count(Tenant) == 2


def test_another_tenant_s_key_is_its_own(callers: Callers, municipalities: tuple[UUID, UUID]) -> None:
    contact = {"section": "総務課", "name": "山田", "email": "soumu@example.jp"}
    answers = [
        callers(Role.TENANT_OWNER, of=municipality).send(
            f"/tenants/{municipality}/contacts/finance", contact, method="PUT", Idempotency_Key="shared"
        )
        for municipality in municipalities
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json != answers[1].json


def test_a_municipality_sees_and_names_only_itself(callers: Callers, municipalities: tuple[UUID, UUID]) -> None:
    own, other = municipalities
    owner = callers(Role.TENANT_OWNER, of=own)

    listed = owner.get("/tenants")

    assert [UUID(one["id"]) for one in listed.json["items"]] == [own]  # type: ignore[index]
    contact = {"section": "総務課", "name": "山田", "email": "soumu@example.jp"}
    taken = owner.send(f"/tenants/{other}/contacts/finance", contact, method="PUT")
    given_twice = owner.send(f"/tenants/{own}/contacts/finance", {**contact, "tenant_id": str(other)}, method="PUT")
    assert (taken.status_code, given_twice.status_code) == (404, 422)
    assert callers(Role.OPERATOR_ONBOARDING).get(f"/tenants/{other}/contacts").json["items"] == []  # type: ignore[index]


def test_pages_hold_every_tenant_once_and_their_cursors_are_nobody_else_s(
    callers: Callers, municipalities: tuple[UUID, UUID]
) -> None:
    officer = callers(Role.OPERATOR_ONBOARDING)
    seen = []
    path = "/tenants?limit=1"
    while True:
        page = officer.get(path).json
        assert page is not None
        seen += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        path = f"/tenants?limit=1&cursor={page['next_cursor']}"

    assert len(seen) == len(set(seen)) == 3
    cursor = officer.get("/tenants?limit=1").json["next_cursor"]  # type: ignore[index]
    municipality = callers(Role.TENANT_OWNER, of=municipalities[0])
    foreign = [
        municipality.get(f"/tenants?limit=1&cursor={cursor}"),
        officer.get(f"/tenants?limit=1&state=trial&cursor={cursor}"),
        officer.get(f"/cohorts?limit=1&cursor={cursor}"),
        officer.get(f"/tenants?cursor={cursor[:-4]}AAAA"),
        officer.get("/tenants?cursor=%E3%81%82"),
    ]
    assert [answer.status_code for answer in foreign] == [422] * 5


def test_what_is_absent_and_what_is_another_tenant_s_answer_alike(
    callers: Callers, municipalities: tuple[UUID, UUID]
) -> None:
    own, other = municipalities
    owner = callers(Role.TENANT_OWNER, of=own)
    number = '"request_id":"'

    def masked_response(path: str) -> tuple[int, str]:
        answer = owner.get(path)
        before, _, after = answer.text.replace(": ", ":").partition(number)
        return answer.status_code, before + after[36:]

    alike = {
        masked_response(f"/tenants/{one}")
        for one in (other, new_id(), "432105", "434604", "1,2", "9" * 20, "%00", "..%2f")
    }
    assert len(alike) == 1
    assert alike.pop()[0] == 404
    for path in (
        "members",
        "contacts",
        "statistics",
        "quotas",
        "shares",
        "ledger/entries",
        "ledger/balances",
        "state-changes",
    ):
        assert masked_response(f"/tenants/{other}/{path}") == masked_response(f"/tenants/{new_id()}/{path}")
        assert owner.get(f"/tenants/{other}/{path}").status_code == 404
        assert owner.get(f"/tenants/{own}/{path}").status_code == 200


@pytest.mark.slow
def test_a_request_that_meets_a_lock_is_answered_with_retry_after(
    callers: Callers, municipalities: tuple[UUID, UUID], postgresql: PostgreSQL, database_name: str
) -> None:
    owner = callers(Role.TENANT_OWNER, of=municipalities[0])
    contact = {"section": "総務課", "name": "山田", "email": "soumu@example.jp"}
    path = f"/tenants/{municipalities[0]}/contacts/finance"
    with psycopg.connect(libpq(postgresql.app_url(database_name))) as other:
        other.execute("SELECT set_config('moyai.scope', 'operator', true)")
        other.execute("SELECT id FROM tenant WHERE id = %s FOR UPDATE", [municipalities[0]])

        meanwhile = owner.send(path, contact, method="PUT", Idempotency_Key="again")
    afterwards = owner.send(path, contact, method="PUT", Idempotency_Key="again")

    assert meanwhile.status_code == 409
    assert int(meanwhile.headers["Retry-After"]) > 0
    assert afterwards.status_code == 200


def test_applying_a_cohort_takes_the_digest_that_its_plan_has(callers: Callers) -> None:
    officer = callers(Role.OPERATOR_ONBOARDING)

    as_planned = officer.send("/cohorts/r99/applications", {"digest": "sha256:" + "0" * 64})
    bare = officer.send("/cohorts/r99/applications", {"digest": "0" * 64})

    assert as_planned.status_code == 404
    assert bare.status_code == 422
    assert bare.json is not None
    assert bare.json["field"] == "digest"
