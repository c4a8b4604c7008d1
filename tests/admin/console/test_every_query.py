"""Every declared query through API and command line: the same JSON of the same model, the same refusals."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

import pytest

from admin.features import FEATURES, all_cli_commands, api_routes
from admin.interface.permitted import command_permissions
from admin.interface.queries import DeclaredQuery
from billing.runs.states import RunKind
from governance.declaration import DeclaredField
from governance.permissions import ROLE_PERMISSIONS, Permission, Role
from tenancy.onboarding.commands import StartOnboarding, start_onboarding
from tests.admin.api.conftest import Caller
from tests.admin.cli.command_line import Moyai
from tests.admin.console.conftest import ConsoleSample
from tests.admin.empty_keycloak import EmptyKeycloak

WITHOUT_COMMAND: Final = {
    "list_tenant_onboardings": "`onboarding list CODE` asks the list of all with its filter",
    "get_contact": "`tenant contacts` prints each of the few contacts whole",
    "get_cost": "`cost list` prints each cost whole",
    "get_period": "`ledger periods` prints the few years with all that is known of them",
    "get_plan": "`quota plans` prints each of the few plans whole",
    "get_notice": "`notice show` names a notice by the number that is printed on it",
    "get_notice_pdf": "`notice pdf` writes a file, named by the number that is printed on it",
    "get_notice_archive": "`notice archive` writes a file",
    "get_application_attachment": "`application file` writes a file",
    "get_notices_pdf": "`notice print` writes a file",
    "get_council_sheet": "`allocation council-sheet` writes a file",
    "get_notice_sample": "`notice sample` writes a file, for the code of a municipality",
    "get_hand_back_archive": "`tenant hand-back` writes a file",
    "get_access_register": "`access-review register` writes a file",
    "get_leaving_statement_pdf": "`tenant leaving-statement-pdf` writes a file",
    "export_ledger": "`ledger export` writes the books as they come, which may be long",
    "get_audit_verification": "`audit verify` leaves out the break where there is none, as its contract says",
    "get_tenant": "see `tenant show`",
    "get_caller": "`whoami` also says where, and who acts where nobody is signed in",
    "get_permissions": "`permissions` also writes the documents, and is printed without a database",
    "get_system_status": "`status` answers while no server runs",
}
"""Addresses that no declaration gives a command, and why."""

WITHOUT_ADDRESS: Final = {
    "allocation show": "the form of the contract: all runs of a year with their shares by code",
    "audit verify": "see get_audit_verification",
    "cohort show": "the list of the API has all that is in it",
    "ledger export": "see export_ledger",
    "mail list": "emails are stored in a folder of the machine, and hold what only their reader may see",
    "tenant show": "its statistics, people, quotas, acceptance and state changes in one object",
    "notice pdf": "see get_notice_pdf",
    "notice sample": "see get_notice_sample",
    "notice archive": "see get_notice_archive",
    "application file": "see get_application_attachment",
    "notice print": "see get_notices_pdf",
    "allocation council-sheet": "see get_council_sheet",
    "notice show": "see get_notice",
    "tenant hand-back": "see get_hand_back_archive",
    "access-review register": "see get_access_register",
    "tenant leaving-statement-pdf": "see get_leaving_statement_pdf",
}
"""Commands that read and that no declaration gives, and why."""


def queries() -> list[DeclaredQuery]:
    return [
        query
        for feature in FEATURES
        if feature.api
        for query in import_module(f"admin.features.{feature.name}.api").routes.queries
    ]


QUERIES: Final = [query for query in queries() if query.cli is not None]
BY_NAME: Final = pytest.mark.parametrize(
    "query",
    QUERIES,
    ids=[query.name for query in QUERIES],
)
REQUIRED: Final = {"to": "suspended", "address": "192.0.2.7"}
"""What is given for a filter that must be given, where a year does not fit."""

DOES_NOT_HOLD: Final = frozenset({"drift", "service-client decide-access"})
"""Commands that end with 1 because what they ask does not hold here: Keycloak is empty, the client unknown."""

ABOUT_THE_ASKER: Final = frozenset({"list_tasks", "list_sessions"})
"""What is answered to each their own: whoever is at the machine gets another list than the one who calls the API."""


def test_every_address_that_reads_has_a_command_or_a_reason() -> None:
    asked = {query.name for query in QUERIES}

    assert {route.name for route in api_routes() if route.method == "GET"} - asked == set(WITHOUT_COMMAND)


def test_every_command_that_reads_has_an_address_or_a_reason() -> None:
    derived = {query.cli.path for query in QUERIES if query.cli is not None}
    reading = {
        path
        for path, permission in command_permissions(all_cli_commands()).items()
        if permission.value.endswith((":read", ":verify")) or permission is Permission.OVERVIEW_READ
    }

    assert derived <= reading
    assert reading - derived == set(WITHOUT_ADDRESS)


@BY_NAME
def test_every_filter_has_both_labels(query: DeclaredQuery) -> None:
    for one in query.filters:
        assert one.input.ja != one.name, one.name
        assert one.input.en != one.name, one.name


@BY_NAME
def test_api_and_command_line_answer_alike(
    query: DeclaredQuery,
    sample: ConsoleSample,
    caller_as: Callable[[Role], Caller],
    moyai: Moyai,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert query.cli is not None
    module = import_module(query.function.__module__)
    if hasattr(module, "identities_of"):
        monkeypatch.setattr(module, "identities_of", lambda app: EmptyKeycloak())
    parts = {part: part_text(query, part, sample) for part in query.parts}
    typed = {"tenant": "431001"} if query.cli.path == "drift" else {}
    typed |= {one.name: REQUIRED.get(one.name, "2025") for one in query.filters if one.is_required}
    path = query.rule
    for part, text in parts.items():
        path = path.replace(f"<{part}>", text)
    asked = typed | dict(query.cli.fixed) | ({} if query.page is None else {"limit": "200"})
    words = [*query.cli.path.split(), *parts.values(), *typed.values(), *(["--limit", "200"] if query.is_long else [])]

    response = caller_as(holder(query)).ask("GET", path, query_string=asked)
    served: dict[str, Any] = response.get_json()
    code, printed, stderr = moyai(*words)
    read = moyai.text(*words)

    assert response.status_code == 200, served
    assert code == (1 if query.cli.path in DOES_NOT_HOLD else 0), stderr
    if query.page is None:
        assert printed == served
    else:
        assert query.name in ABOUT_THE_ASKER or printed[query.cli.rows] == served["items"]
        assert printed.get("next_cursor") == served["next_cursor"]
        assert set(printed) == {query.cli.rows, *query.cli.repeats, *(["next_cursor"] if query.is_long else [])}
    assert read[0] == code
    assert len(read[1].splitlines()) >= len(served.get("items", ())) or query.name in ABOUT_THE_ASKER


@BY_NAME
def test_a_wrong_filter_is_refused_alike_at_its_name_all_in_one_answer(
    query: DeclaredQuery, sample: ConsoleSample, caller_as: Callable[[Role], Caller], moyai: Moyai
) -> None:
    assert query.cli is not None
    wrong = {one.name: "x" * 600 for one in query.filters if one.enum is None and one.info.annotation is not bool}
    if not wrong:
        return
    path = query.rule
    parts = {part: part_text(query, part, sample) for part in query.parts}
    for part, text in parts.items():
        path = path.replace(f"<{part}>", text)
    words = [*query.cli.path.split(), *parts.values()]
    words += [wrong[name] for name in query.cli.arguments]
    filters = {one.name: one for one in query.filters if one.name in wrong and one.name not in query.cli.arguments}
    words += [word for one in filters.values() for word in (one.option, wrong[one.name])]

    response = caller_as(holder(query)).ask("GET", path, query_string=wrong)
    code, printed, _ = moyai(*words)

    assert (response.status_code, code) == (422, 2)
    assert errors(response.get_json()) == [(name, "input.wrong") for name in wrong]
    assert errors(printed["error"]) == [(typed_name(name, filters), "input.wrong") for name in wrong]


def errors(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """Field and code of everything that an answer refuses."""
    return [(one["field"], one["code"]) for one in answer.get("errors") or [answer]]


def typed_name(name: str, options: dict[str, DeclaredField]) -> str:
    """What a person typed for this field of a query."""
    return options[name].option if name in options else {"tenant": "CODE"}.get(name, name.upper())


def part_text(query: DeclaredQuery, part: str, sample: ConsoleSample) -> str:
    """What stands for a part of the address in the sample."""
    if part == "onboarding":
        tenant_id = sample.joining["432032"]
        actor = sample.factory.actors.onboarding
        return str(start_onboarding(StartOnboarding(tenant_id=tenant_id), actor=actor).onboarding_id)
    if part == "client":
        return str(sample.factory.add_service_client(sample.tenant_id))
    if part == "run" and "notice-plan" in query.rule:
        factory = sample.factory
        factory.record(1_000_000, name="追加")
        revision = factory.prepare(RunKind.REVISION)
        factory.approve(revision)
        return str(revision.run_id)
    known: dict[str, Any] = {
        "tenant": "431001",
        "cohort": "fy2025-two",
        "run": sample.run_id,
        "share": sample.share_id,
        "entry": sample.entry_id,
        "request": sample.quota_request_id,
        "approval": sample.approval_id,
        "member": sample.member_id,
        "webhook": sample.webhook_id,
        "check": sample.check_id,
        "announcement": sample.announcement_id,
        "application": sample.application_id,
        "attachment": sample.attachment_id,
        "review": sample.review_id,
        "base": sample.rule_version_id,
        "version": sample.rule_version_id if "rule" in query.rule else sample.version_id,
    }
    return str(known[part])


def holder(query: DeclaredQuery) -> Role:
    """An operator's role that holds the permission."""
    return next(
        role for role in sorted(Role) if query.permission in ROLE_PERMISSIONS[role] and role.startswith("operator-")
    )
