"""Every declared command and query by a command line that is signed in: what it does in process, it does over the API.

No database is named in its environment: it is another machine.
"""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from flask import Flask

from admin.interface.entry_points import EntryPoint
from admin.interface.queries import DeclaredQuery
from admin.operations.settings import Settings
from governance.commands import Command
from governance.declaration import read_command
from governance.permissions import DECISIONS, ROLE_PERMISSIONS, Role
from tests.admin.api.conftest import Caller
from tests.admin.cli.command_line import Moyai
from tests.admin.console.conftest import ConsoleSample
from tests.admin.console.test_every_command import (
    BY_NAME,
    captured,
    cli_words,
    given_fields,
    is_of_tenants,
    typed_texts,
)
from tests.admin.console.test_every_command import holder as command_holder
from tests.admin.console.test_every_query import ABOUT_THE_ASKER, holder, part_text
from tests.admin.console.test_every_query import BY_NAME as QUERY_BY_NAME
from tests.admin.empty_keycloak import EmptyKeycloak
from tests.admin.signed_in import sign_in
from tests.database_rows import recorded

__all__ = ["captured"]

SignIn = Callable[[Role], Moyai]


@pytest.fixture
def signed_in_as(
    web: Flask,
    settings: Settings,
    caller_as: Callable[[Role], Caller],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> SignIn:
    """The command line of the person of this role, on a machine without an installation."""

    def call(role: Role) -> Moyai:
        token = caller_as(role).token
        assert token is not None
        sign_in(web, settings.public_url, token, tmp_path / "config", monkeypatch)
        return Moyai({"MOYAI_HOME": str(tmp_path / "nothing"), "DATABASE_URL": "postgresql+psycopg://x@127.0.0.1:1/x"})

    return call


@BY_NAME
def test_every_command_is_the_same_over_the_api(
    entry_point: EntryPoint,
    captured: list[Command],
    sample: ConsoleSample,
    moyai: Moyai,
    signed_in_as: SignIn,
    tmp_path: Path,
) -> None:
    if entry_point.cli is None:
        return
    given = given_fields(entry_point, sample)
    texts = typed_texts(entry_point, given)
    expected = read_command(entry_point.command_type, texts, typed=True, given=given)
    words = [*entry_point.cli.path.split(), *cli_words(entry_point, texts, given, tmp_path)]
    local = moyai(*words)
    captured.clear()

    if entry_point.api is None:
        code, answer, _ = signed_in_as(Role.OPERATOR_ONBOARDING)(*words)
        assert (code, answer["error"]["code"], captured) == (1, "cli.not_over_api", [])
        return
    code, answer, stderr = signed_in_as(command_holder(entry_point))(*words)

    new_ids = [name for name in entry_point.hidden if entry_point.command_type.model_fields[name].default_factory]
    [sent] = captured
    assert sent.model_copy(update={name: getattr(expected, name) for name in new_ids}) == expected
    assert (code, answer["error"]["code"]) == (1, "test.captured"), (answer, stderr)
    if entry_point.handler.permission not in DECISIONS and not is_of_tenants(entry_point):
        assert (code, answer) == local[:2]


@BY_NAME
def test_a_role_without_the_permission_is_refused_over_the_api(
    entry_point: EntryPoint,
    captured: list[Command],
    sample: ConsoleSample,
    signed_in_as: SignIn,
    tmp_path: Path,
) -> None:
    if entry_point.cli is None or entry_point.api is None:
        return
    if entry_point.handler.permission in ROLE_PERMISSIONS[Role.TENANT_MEMBER]:
        return  # One's own preferences are everybody's.
    given = given_fields(entry_point, sample)
    words = [*entry_point.cli.path.split(), *cli_words(entry_point, typed_texts(entry_point, given), given, tmp_path)]

    code, answer, _ = signed_in_as(Role.TENANT_MEMBER)(*words)

    assert captured == []
    assert code == 1
    assert answer["error"]["code"] in ("permission.missing", "not_found"), answer


def test_an_entry_from_a_file_is_requested_over_the_api_as_in_process(
    sample: ConsoleSample, moyai: Moyai, signed_in_as: SignIn
) -> None:
    def entry(reference: str) -> str:
        lines = [{"account": "receivable", "yen": 1000}, {"account": "burden", "yen": -1000}]
        return json.dumps({"reference": reference, "happened_on": "2025-06-01", "lines": lines, "memo": "負担金"})

    wrong = [("431001", "[]"), ("431001", entry("")), ("43", entry("x")), ("432148", entry("x"))]
    local = moyai("ledger", "post", "431001", "-", given=entry("here"))
    refused = [moyai("ledger", "post", code, "-", given=given)[:2] for code, given in wrong]

    remote = signed_in_as(Role.OPERATOR_FINANCE)
    asked = remote("ledger", "post", "431001", "-", given=entry("there"))

    assert (local[0], asked[0]) == (0, 0), (local, asked)
    assert local[1].keys() == asked[1].keys()
    requested = {event.facts["requested_by"] for event in recorded("approval.requested")}
    assert requested >= {f"cli:{pwd.getpwuid(os.getuid()).pw_name}", sample.people[Role.OPERATOR_FINANCE].id}
    assert [remote("ledger", "post", code, "-", given=given)[:2] for code, given in wrong] == refused


def test_what_waits_is_listed_for_whoever_is_signed_in(
    sample: ConsoleSample, caller_as: Callable[[Role], Caller], signed_in_as: SignIn
) -> None:
    own = caller_as(Role.OPERATOR_APPROVER).get("/tasks").get_json()["items"]

    listed = signed_in_as(Role.OPERATOR_APPROVER)("task", "list")[1]["tasks"]

    assert listed == own != []
    assert {row["kind"] for row in own} == {"approval"}


@QUERY_BY_NAME
def test_every_query_answers_the_same_over_the_api(
    query: DeclaredQuery,
    sample: ConsoleSample,
    moyai: Moyai,
    signed_in_as: SignIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert query.cli is not None
    module = import_module(query.function.__module__)
    if hasattr(module, "identities_of"):
        monkeypatch.setattr(module, "identities_of", lambda app: EmptyKeycloak())
    parts = {part: part_text(query, part, sample) for part in query.parts}
    typed = {"tenant": "431001"} if query.cli.path == "drift" else {}
    typed |= {one.name: "2025" for one in query.filters if one.is_required}
    words = [*query.cli.path.split(), *parts.values(), *typed.values()]
    local, local_text = moyai(*words), moyai.text(*words)

    remote = signed_in_as(holder(query))

    if query.name in ABOUT_THE_ASKER:
        assert (remote(*words)[0], remote(*words)[1].keys()) == (local[0], local[1].keys())
        return
    # A cursor is signed for the list as it was asked for, so each way has its own.
    assert [_without_cursor(answer) for answer in remote(*words)[:2]] == [
        _without_cursor(answer) for answer in local[:2]
    ]
    if query.name == "get_cohort_plan":
        # Its JSON leaves out the names that people read, so they read the JSON.
        assert json.loads(remote.text(*words)[1]) == local[1]
    else:
        assert remote.text(*words)[:2] == local_text[:2]


@QUERY_BY_NAME
def test_a_wrong_filter_is_refused_alike_over_the_api(
    query: DeclaredQuery, sample: ConsoleSample, moyai: Moyai, signed_in_as: SignIn
) -> None:
    assert query.cli is not None
    options = [one for one in query.filters if one.enum is None and one.info.annotation is not bool]
    if not options:
        return
    words = [*query.cli.path.split(), *(part_text(query, part, sample) for part in query.parts)]
    for one in options:
        words += ["x" * 600] if one.name in query.cli.arguments else [one.option, "x" * 600]
    local = moyai(*words)

    assert signed_in_as(holder(query))(*words)[:2] == local[:2]
    assert local[0] == 2


def _without_cursor(answer: object) -> object:
    if not isinstance(answer, dict):
        return answer
    return {name: value for name, value in json.loads(json.dumps(answer)).items() if name != "next_cursor"}
