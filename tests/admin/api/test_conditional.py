"""ETag and If-Match (RFC 9110, 13.1.1): who edits what somebody else changed meanwhile is refused, whatever it is."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from werkzeug.test import TestResponse

from admin.features import api_routes
from admin.interface.api_routes import edited_objects
from admin.operations.readiness import wait_until
from governance.permissions import Role
from tests.admin.api.conftest import Caller
from tests.servers import PostgreSQL, libpq

Callers = Callable[..., Caller]

SECTION: Final[dict[str, Any]] = {"section": "総務課", "name": "山田", "email": "soumu@example.jp"}

ADDS: Final = {
    "create_webhook": "a webhook; the tenant stays as it is",
    "assign_plan": "an assignment from a day on; the tenant's own fields stay",
    "issue_notices": "notices; the run stays as it was posted",
    "remind_of_agreement": "reminders of tenants; the version stays as it was published",
    "remind_of_announcement": "reminders of tenants; what was announced stays as it was published",
    "confirm_announcement": "a confirmation; the tenant's own fields stay",
    "request_quota": "a request; the tenant's own fields stay",
    "repair_tenant": "a request to the worker; the tenant itself stays",
    "import_members": "people by a file, each compared with who is there when it is written",
    "preview_member_import": "nothing",
    "start_access_review": "a review; the tenant's own fields stay",
    "register_identity_provider": "an identity provider, where there is none; the tenant's own fields stay",
    "check_identity_provider": "a request to the worker; the identity provider stays as it is registered",
    "withdraw_scim_token": "the end of a token, once; the tenant's own fields stay",
}
"""Commands below the address of an object that add something of its own and leave the object as it is."""

OWN: Final = {
    "save_preferences": "the later of two of one's own browsers counts",
    "save_columns": "the later of two of one's own browsers counts",
    "rename_filter": "the later name counts",
    "delete_filter": "it is gone either way",
    "end_session": "it is over either way",
}
"""Commands about what nobody but the sender reads or changes."""


@pytest.fixture
def owner(callers: Callers, municipalities: tuple[UUID, UUID]) -> Caller:
    return callers(Role.TENANT_OWNER, of=municipalities[0])


@pytest.fixture
def contact(municipalities: tuple[UUID, UUID]) -> str:
    return f"/tenants/{municipalities[0]}/contacts/finance"


def _section(answer: TestResponse) -> str:
    assert answer.json is not None, answer.text
    return str(answer.json["section"])


def _code(answer: TestResponse) -> tuple[int, str, str]:
    assert answer.json is not None, answer.text
    return answer.status_code, answer.json["code"], answer.json["field"]


def test_every_command_that_edits_an_object_says_which() -> None:
    routes = api_routes()
    edited = edited_objects(routes)
    objects = {one.rule for one in routes if one.declared is not None and one.declared.is_object}
    lists = {one.rule for one in routes if one.declared is not None and one.declared.listing is not None}
    edits = set()
    for route in routes:
        steps = route.rule.split("/")
        is_below = any("/".join(steps[:length]) in objects for length in range(1, len(steps)))
        adds_to_a_list = route.method == "POST" and route.rule in lists
        if route.method in ("PUT", "PATCH", "DELETE") or (route.method == "POST" and is_below and not adds_to_a_list):
            edits.add(route.name)

    # These lists are made of what was done to the tenant itself.
    to_the_tenant = {"change_tenant_state", "announce_departure", "merge_tenants", "rename_tenant"}
    assert edits - set(ADDS) - set(OWN) | to_the_tenant == set(edited)
    assert set(ADDS) <= edits
    assert len(edited) > 20


def test_what_was_read_is_edited_and_what_changed_meanwhile_is_not(owner: Caller, contact: str) -> None:
    made = owner.send(contact, SECTION, method="PUT")
    first = owner.get(contact).headers["ETag"]
    edited = owner.send(contact, {**SECTION, "section": "財政課"}, method="PUT", If_Match=first, Idempotency_Key="once")
    second = owner.get(contact).headers["ETag"]

    late = owner.send(contact, {**SECTION, "section": "会計課"}, method="PUT", If_Match=first)
    removal = owner.send(contact, method="DELETE", If_Match=first)

    assert (made.status_code, edited.status_code) == (200, 200)
    assert first != second
    assert _code(late) == _code(removal) == (412, "api.object_changed", "If-Match")
    assert _section(owner.get(contact)) == "財政課"
    assert owner.get(contact).headers["ETag"] == second
    # The same request again is the same answer: what it did has changed the object since.
    again = owner.send(contact, {**SECTION, "section": "財政課"}, method="PUT", If_Match=first, Idempotency_Key="once")
    assert (again.status_code, again.json) == (200, edited.json)
    assert owner.send(contact, {**SECTION, "section": "会計課"}, method="PUT").status_code == 200
    assert owner.send(contact, method="DELETE", If_Match=owner.get(contact).headers["ETag"]).status_code == 200
    assert owner.get(contact).status_code == 404


def test_a_condition_on_what_is_not_there_makes_nothing(owner: Caller, contact: str) -> None:
    refused = owner.send(contact, SECTION, method="PUT", If_Match='"AAAAAAAAAAAAAAAAAAAAAAAA"')

    assert _code(refused) == (412, "api.object_changed", "If-Match")
    assert owner.get(contact).status_code == 404
    # What cannot be removed because it is not there is a 404 with the condition and without it.
    assert owner.send(contact, method="DELETE", If_Match='"AAAAAAAAAAAAAAAAAAAAAAAA"').status_code == 404


@pytest.mark.parametrize("header", ["*", "AAAA", 'W/"AAAA"', '"AAAA", "BBBB"', '""', '"あ"'])
def test_what_is_no_etag_is_refused(owner: Caller, contact: str, header: str) -> None:
    refused = owner.send(contact, SECTION, method="PUT", If_Match=header)

    assert _code(refused) == (400, "api.if_match_wrong", "If-Match")
    assert owner.get(contact).status_code == 404


def test_a_change_of_state_takes_the_etag_of_the_tenant(callers: Callers) -> None:
    officer = callers(Role.OPERATOR_ONBOARDING)
    officer.send("/tenants", {"code": "434043", "name": "菊陽町", "kana": "キクヨウマチ", "kind": "town"})
    path = "/tenants/434043"
    read = officer.get(path)
    change = {"to": "screening", "reason": "試験"}

    late = officer.send(f"{path}/state-changes", change, If_Match='"99"')
    done = officer.send(f"{path}/state-changes", change, If_Match=read.headers["ETag"])

    assert _code(late) == (412, "api.object_changed", "If-Match")
    assert (done.status_code, officer.get(path).json["state"]) == (201, "screening")  # type: ignore[index]
    assert officer.get(path).headers["ETag"] != read.headers["ETag"]


@pytest.mark.slow
def test_nobody_edits_between_the_condition_and_the_change(
    owner: Caller, contact: str, municipalities: tuple[UUID, UUID], postgresql: PostgreSQL, database_name: str
) -> None:
    owner.send(contact, SECTION, method="PUT")
    etag = owner.get(contact).headers["ETag"]
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    url = libpq(postgresql.app_url(database_name))
    with psycopg.connect(url) as other, psycopg.connect(url, autocommit=True) as watch, ThreadPoolExecutor(1) as thread:
        other.execute("SELECT set_config('moyai.scope', 'operator', true)")
        name = f"moyai.object.contact {municipalities[0]} finance"
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        other.execute("UPDATE contact SET section = '会計課' WHERE tenant_id = %s", [municipalities[0]])

        late = thread.submit(owner.send, contact, {**SECTION, "section": "財政課"}, method="PUT", If_Match=etag)
        assert wait_until(lambda: watch.execute(waiting).fetchone() == (1,) or late.done(), seconds=30)
        other.commit()

        assert _code(late.result()) == (412, "api.object_changed", "If-Match")
    assert _section(owner.get(contact)) == "会計課"
