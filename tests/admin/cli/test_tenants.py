"""`moyai tenant`, `moyai quota`, `moyai agreement` as a script sees them: one object, an exit code, words on stderr."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.ids import new_id
from tenancy import directory
from tests.admin.cli.command_line import Moyai
from tests.database_rows import rows

HEADER = "code6,name_ja,kana,kind,population_2020\n"
BASIS = ("--basis-date", "population", "2020-10-01", "--source-of-statistics", "国勢調査")


def _csv(folder: Path, *lines: str, encoding: str = "utf-8") -> str:
    path = folder / "members.csv"
    path.write_bytes((HEADER + "".join(lines)).encode(encoding))
    return str(path)


def _state(code: str) -> str:
    with tenant_scope(OPERATOR):
        return directory.tenant_by_code(db.session(), code).state.value


def test_a_file_is_imported_and_listed_and_shown(moyai: Moyai, tmp_path: Path) -> None:
    path = _csv(
        tmp_path, "431001,熊本市,クマモトシ,city,738865\n", "432148,阿蘇市,アソシ,city,24930\n", encoding="cp932"
    )

    code, imported, _ = moyai("tenant", "import", path, *BASIS, "--from", "2025-04-01")

    assert (code, imported["imported"]) == (0, 2)
    _, listed, _ = moyai("tenant", "list", "--state", "applied")
    assert [(row["code"], row["name"], row["state"]) for row in listed["tenants"]] == [
        ("431001", "熊本市", "applied"),
        ("432148", "阿蘇市", "applied"),
    ]
    _, shown, _ = moyai("tenant", "show", "432148")
    assert shown["statistics"] == [
        {"kind": "population", "value": "24930", "basis_date": "2020-10-01", "source": "国勢調査"}
    ]
    assert (shown["plan"], shown["quotas"], shown["accepted"]) == (None, {}, None)


@pytest.mark.parametrize("check", [True, False])
def test_a_wrong_row_is_named_with_its_line_and_nothing_is_imported(moyai: Moyai, tmp_path: Path, check: bool) -> None:
    path = _csv(tmp_path, "431001,熊本市,クマモトシ,city,738865\n", "432149,阿蘇市,アソシ,city,24930\n")
    before = rows("tenant")

    code, answer, text = moyai("tenant", "import", path, *BASIS, *(["--check"] if check else []))

    assert code == 2
    assert ("3: 432149 阿蘇市: code6" if check else "content.3.code6") in f"{text}{answer}"
    assert "432148" in f"{text}{answer}"
    if check:
        assert [row["accepted"] for row in answer["rows"]] == [True, False]
    assert rows("tenant") == before


def test_checking_a_good_file_changes_nothing(moyai: Moyai, tmp_path: Path) -> None:
    path = _csv(tmp_path, "431001,熊本市,クマモトシ,city,738865\n")
    before = rows("tenant")

    code, answer, _ = moyai("tenant", "import", path, *BASIS, "--check")

    assert (code, answer["accepted"], answer["encoding"]) == (0, True, "utf-8")
    assert rows("tenant") == before


def test_a_refused_registration_says_the_right_code_and_the_field(moyai: Moyai) -> None:
    before = rows("tenant")

    code, answer, text = moyai(
        "tenant", "register", "--code", "431002", "--name", "熊本市", "--kana", "クマモトシ", "--kind", "city"
    )

    error = json.loads(text)["error"] if text.strip().startswith("{") else answer["error"]
    assert (code, error["code"], error["field"]) == (2, "code.check_digit", "--code")
    assert "431001" in error["message"]
    assert rows("tenant") == before


def test_a_value_that_its_command_does_not_take_is_refused_with_the_field(moyai: Moyai) -> None:
    before = rows("tenant")

    refused = moyai.refusal(
        *("tenant", "register", "--code", "431001", "--name", "熊本市", "--kana", "クマモトシ", "--kind", "city"),
        *("--cohort", "A B"),
    )

    assert (refused[0], refused[2]) == (2, "--cohort")
    assert rows("tenant") == before


def test_an_unknown_code_is_refused(moyai: Moyai) -> None:
    assert moyai("tenant", "show", "431001")[0] == 1


def test_a_tenant_comes_in_by_agreement_plan_and_moves(moyai: Moyai, tmp_path: Path) -> None:
    moyai("tenant", "register", "--code", "431001", "--name", "熊本市", "--kana", "クマモトシ", "--kind", "city")
    text = tmp_path / "agreement.txt"
    text.write_text("第1条 目的", encoding="utf-8")
    for state in ("screening", "agreed", "provisioning"):
        assert moyai("tenant", "change-state", "431001", state, "--reason", "審査のとおり")[0] == 0
    assert moyai("tenant", "change-state", "431001", "active", "--reason", "開始")[0] == 1
    assert _state("431001") == "provisioning"

    _, published, _ = moyai(
        "agreement", "publish", "joint-use", str(text), "--title", "共同利用協定", "--from", "2025-04-01"
    )
    accepted = moyai(
        *("agreement", "accept", "431001", published["version_id"], "--signer", "肥後 花子", "--title", "市長"),
        *("--on-behalf-of", "熊本市", "--authority", "地方自治法第147条", "--signed-on", "2025-03-20"),
    )
    values = ("api_calls", "unlimited", "storage_gib", "50", "users", "10", "service_clients", "0")
    pairs = [word for at in range(0, 8, 2) for word in ("--set", values[at], values[at + 1])]
    assert moyai("quota", "define", "standard", "--label", "標準", *pairs)[1]["changed"] == 4
    assert moyai("quota", "assign", "431001", "standard")[0] == 0
    assert moyai("tenant", "change-state", "431001", "active", "--reason", "開始")[0] == 0

    _, shown, _ = moyai("tenant", "show", "431001")
    assert shown["state"] == "active"
    assert shown["accepted"] == published["sha256"] == accepted[1]["sha256"]
    assert shown["quotas"] == {"api_calls": None, "storage_gib": 50, "users": 10, "service_clients": 0}


def test_plans_quotas_and_requests_are_listed_as_the_api_has_them(moyai: Moyai) -> None:
    moyai("tenant", "register", "--code", "431001", "--name", "熊本市", "--kana", "クマモトシ", "--kind", "city")
    values = {"users": "10", "service_clients": "0", "storage_gib": "50", "api_calls": "unlimited"}
    pairs = [word for name, value in values.items() for word in ("--set", name, value)]
    moyai("quota", "define", "standard", "--label", "標準", *pairs)
    nothing = moyai("quota", "list", "431001")
    moyai("quota", "assign", "431001", "standard")
    _, asked, _ = moyai("quota", "request", "431001", "users", "9", "--reason", "減員")

    (plan,) = moyai("quota", "plans")[1]["plans"]
    _, in_force, _ = moyai("quota", "list", "431001")
    (listed,) = moyai("quota", "requests", "431001", "--state", "open")[1]["requests"]
    _, shown, _ = moyai("quota", "request-show", asked["request_id"])

    assert nothing[:2] == (0, {"quotas": []})
    assert (plan["name"], plan["label"], plan["quotas"]["users"]) == ("standard", "標準", 10)
    users = next(quota for quota in in_force["quotas"] if quota["dimension"] == "users")
    assert (users["value"], users["source"], users["measure"]) == (10, "plan", "gauge")
    assert listed == shown
    assert (shown["id"], shown["digest"]) == (asked["request_id"], asked["digest"])
    assert (shown["original_value"], shown["requested_value"], shown["state"]) == (10, 9, "open")
    assert moyai("quota", "requests", "--state", "approved")[1] == {"requests": []}
    assert "api_calls unlimited" in moyai.text("quota", "plans")[1]
    assert "10 → 9" in moyai.text("quota", "requests")[1]


def test_quotas_of_a_tenant_or_a_request_that_is_not_there_are_refused(moyai: Moyai) -> None:
    assert moyai.refusal("quota", "list", "431001")[:2] == (1, "not_found")
    assert moyai.refusal("quota", "request-show", str(new_id()))[:2] == (1, "not_found")


def test_the_command_line_does_not_decide_its_own_request(moyai: Moyai) -> None:
    moyai("tenant", "register", "--code", "431001", "--name", "熊本市", "--kana", "クマモトシ", "--kind", "city")
    pairs = [word for name in ("api_calls", "storage_gib", "users", "service_clients") for word in ("--set", name, "1")]
    moyai("quota", "define", "standard", "--label", "標準", *pairs)
    moyai("quota", "assign", "431001", "standard")
    _, asked, _ = moyai("quota", "request", "431001", "users", "9", "--reason", "増員")

    refusal = moyai.refusal(
        "quota", "decide", asked["request_id"], "approved", "--digest", asked["digest"], "--reason", "必要"
    )

    assert refusal == (1, "permission.decided_by_people", None)
    assert rows("quota_override") == []


@pytest.mark.parametrize(
    "words",
    [
        ("quota", "define", "standard", "--label", "標準", "--set", "users", "-1"),
        ("quota", "define", "standard", "--label", "標準", "--set", "users", "１２"),
        ("quota", "define", "standard", "--label", "標準", "--set", "users", "5"),
        ("tenant", "list", "--state", "sleeping"),
        ("tenant", "show", "431002"),
        ("tenant", "show", "43100"),
        ("tenant", "import", "/nowhere/at/all.csv"),
    ],
)
def test_wrong_usage_is_exit_code_2(moyai: Moyai, words: tuple[str, ...]) -> None:
    assert moyai(*words)[0] == 2
    assert rows("plan") == []


def test_the_operator_is_not_listed_among_those_who_take_part(moyai: Moyai) -> None:
    _, listed, _ = moyai("tenant", "list", "--state", "active")
    _, operator, _ = moyai("tenant", "show", "430005")

    assert listed["tenants"] == []
    assert operator["name"] == "熊本県"
