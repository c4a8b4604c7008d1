"""The year from the command line: rule, cost, run and notice, on a real database, in the words of the contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from admin.cli import main
from billing.runs.commands import RejectAllocation, reject_allocation
from governance.actors import command_line_actor
from governance.commands import ApprovalRequested
from tests import servers
from tests.billing.runs.test_preview import by_hand
from tests.billing.runs.test_runs import book_of
from tests.factories import BODY, THIRTEEN, Factory
from tests.second_person import approve, join


@pytest.fixture(autouse=True)
def environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, postgresql: servers.PostgreSQL, database_name: str
) -> None:
    for name, url in postgresql.urls(database_name).items():
        monkeypatch.setenv(name, url)
    monkeypatch.setenv("MOYAI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MOYAI_EXAMPLE", "1")


def moyai(*words: object, given: bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], input=given, standalone_mode=True)


def answer(*words: object, given: bytes | None = None) -> dict[str, Any]:
    result = moyai(*words, "--json", given=given)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def approve_of_shell(factory: Factory, requested: dict[str, Any]) -> dict[str, Any]:
    """Approve what the command line requested, whose account is somebody's. Returns what it gave."""
    join(command_line_actor(factory.actors.operator_tenant).id, factory.actors.operator_tenant)
    result = approve(ApprovalRequested.model_validate(requested), actor=factory.actors.approver).result
    assert result is not None
    return result


def test_a_rule_is_drafted_adopted_and_listed_with_its_decision(factory: Factory) -> None:
    body = json.dumps(BODY).encode()

    drafted = answer(
        "rule",
        "draft",
        "running-cost",
        "--label",
        "運営経費負担規則",
        "--body",
        "-",
        "--from",
        "2025-04-01",
        given=body,
    )
    decided = ("--decided-by", "運営協議会", "--number", "令和7年度第1号", "--on", "2025-03-24")
    requested = answer("rule", "adopt", drafted["version_id"], *decided)
    assert answer("rule", "list")["rules"][0]["decision"] is None
    approve_of_shell(factory, requested)

    [version] = answer("rule", "list")["rules"]
    assert version["body"] == BODY
    assert version["decision"] == {"decided_by": "運営協議会", "number": "令和7年度第1号", "on": "2025-03-24"}


def test_one_version_is_shown_as_the_list_has_it(factory: Factory) -> None:
    version_id = factory.draft()
    factory.adopt(version_id)

    [listed] = answer("rule", "list")["rules"]

    assert answer("rule", "show", version_id) == listed
    assert "均等割" in moyai("rule", "show", version_id).stdout
    assert moyai("rule", "show", "01900000-0000-7000-8000-000000000000").exit_code == 1


@pytest.mark.slow
def test_a_run_is_listed_and_shown_with_its_shares_and_workings(thirteen: Factory) -> None:
    run = thirteen.prepare()
    assert answer("allocation", "shares", "431001")["shares"] == []
    thirteen.approve(run)

    [summary] = answer("allocation", "runs")["runs"]
    shown = answer("allocation", "run", run.run_id)
    members = answer("allocation", "workings", run.run_id)["members"]
    [share] = answer("allocation", "shares", "431001", "--fiscal-year", 2025)["shares"]
    workings = answer("allocation", "share", "431001", share["id"])["items"]

    assert answer("allocation", "runs", "--fiscal-year", 2024)["runs"] == []
    assert summary.items() <= shown.items()
    assert shown["shares"][0] == share
    assert {one["code"]: one["share_yen"] for one in shown["shares"]} == by_hand(THIRTEEN, 12_000_000)
    assert [one["tenant_id"] for one in members] == [one["tenant_id"] for one in shown["shares"]]
    assert members[0]["workings"] == workings
    assert [line["component"] for line in workings] == ["均等割", "人口割"]
    line = f"12,000,000円 × {workings[0]['ratio']} × 1 ÷ 13 = {workings[0]['exact_yen']}"
    for words in (("workings", run.run_id), ("share", "431001", share["id"])):
        assert line in moyai("allocation", *words).stdout
    assert str(run.run_id) in moyai("allocation", "runs").stdout
    assert "5,907,051円" in moyai("allocation", "shares", "431001").stdout
    assert answer("allocation", "share", "434043", share["id"])["items"] == []


def test_cost_pools_are_listed_with_their_rule(thirteen: Factory) -> None:
    [pool] = answer("cost", "pools")["pools"]

    assert (pool["name"], pool["label"]) == ("running", "運営経費")
    assert pool["id"] in moyai("cost", "pools").stdout


def test_allocation_show_answers_as_the_contract_says(thirteen: Factory) -> None:
    prepared = thirteen.prepare()
    thirteen.approve(prepared)

    shown = answer("allocation", "show", 2025)

    assert shown["fiscal_year"] == 2025
    [run] = shown["runs"]
    assert (run["kind"], run["state"], run["total_yen"]) == ("estimate", "posted", 24_000_000)
    assert run["shares_yen"] == by_hand(THIRTEEN, 12_000_000)
    assert (run["operator_yen"], run["operator_residual_yen"]) == (12_000_000, 7)
    assert run["digest"] == prepared.digest
    assert "5,907,051円  熊本市" in moyai("allocation", "show", 2025).stdout


@pytest.mark.parametrize("words", [("approve", "--digest"), ("reject", "--reason")])
def test_the_command_line_decides_no_run(thirteen: Factory, words: tuple[str, str]) -> None:
    own = answer("allocation", "prepare", 2025)
    by_itself = moyai("allocation", words[0], own["run_id"], words[1], own["digest"], "--json")
    reject_allocation(RejectAllocation(run_id=UUID(own["run_id"]), reason="作り直し"), actor=thirteen.actors.approver)
    prepared = thirteen.prepare()
    of_another = moyai("allocation", words[0], prepared.run_id, words[1], prepared.digest, "--json")

    for refused in (by_itself, of_another):
        assert refused.exit_code == 1
        assert json.loads(refused.stdout)["error"]["code"] == "permission.decided_by_people"
    assert book_of(thirteen.actors.operator_tenant) == {}


def test_a_cost_is_recorded_listed_and_withdrawn(thirteen: Factory) -> None:
    words = ("--pool", "running", "--name", "回線使用料", "--yen", "1,200,000", "--source", "請求書第3号")
    item_id = answer("cost", "record", 2025, *words)["item_id"]
    answer("cost", "withdraw", item_id, "--reason", "二重登録")

    [_, recorded] = answer("cost", "list", 2025)["items"]

    assert (recorded["yen"], recorded["tax_kind"], recorded["withdrawn_reason"]) == (
        1_200_000,
        "out_of_scope",
        "二重登録",
    )
    assert thirteen.preview().total_yen == 24_000_000


@pytest.mark.parametrize("given", ["百円", "0", "-5", "1.5", "NaN", "9223372036854775808", "true", ""])
def test_what_is_no_amount_is_refused_with_the_option_named(thirteen: Factory, given: str) -> None:
    words = ("--pool", "running", "--name", "回線使用料", "--yen", given, "--source", "請求書")

    refused = moyai("cost", "record", 2025, *words, "--json")

    assert refused.exit_code == 2
    assert json.loads(refused.stdout)["error"]["field"] == "--yen"
    assert thirteen.preview().total_yen == 24_000_000


@pytest.mark.slow
def test_notices_are_issued_listed_and_written_as_pdf(thirteen: Factory, tmp_path: Path) -> None:
    thirteen.set_issuer()
    run = thirteen.prepare()
    thirteen.approve(run)
    file = tmp_path / "notice.pdf"

    requested = answer("notice", "issue", run.run_id, "--issued-on", "2025-06-02")
    assert answer("notice", "list", 2025)["notices"] == []
    issued = approve_of_shell(thirteen, requested)
    listed = answer("notice", "list", 2025)["notices"]
    written = answer("notice", "pdf", "2025-01-431001", "--output", file)
    again = moyai("notice", "pdf", "2025-01-431001", "--output", file)

    assert issued["due_on"] == "2025-06-16"
    assert {notice["number"][-6:]: notice["amount_yen"] for notice in listed} == by_hand(THIRTEEN, 12_000_000)
    assert file.read_bytes().startswith(b"%PDF-")
    assert written["bytes"] == file.stat().st_size
    assert again.exit_code == 1


def test_a_year_that_is_none_and_a_run_that_is_absent(thirteen: Factory) -> None:
    absent = "01900000-0000-7000-8000-000000000000"

    assert moyai("allocation", "show", 1800).exit_code == 2
    assert moyai("allocation", "show", 2025).exit_code == 0
    assert moyai("allocation", "reject", absent, "--reason", "理由").exit_code == 1
    assert moyai("notice", "issue", absent).exit_code == 1


@pytest.mark.parametrize("body", [b"[]", b'{"a": 1, "a": 2}', b"{", b"[" * 10_000, b" " * (2**20 + 1)])
def test_a_rule_whose_body_is_no_json_object_is_refused(factory: Factory, body: bytes) -> None:
    refused = moyai(
        "rule", "draft", "running-cost", "--label", "規則", "--body", "-", "--from", "2025-04-01", given=body
    )

    assert refused.exit_code == 2
    assert answer("rule", "list") == {"rules": []}
