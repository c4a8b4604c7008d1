"""`moyai allocation compute` answers with the contract's object, and the same input gives the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from admin.features.allocation.compute_cli import allocation
from tests.billing.allocation.test_bad_input import GOOD, changed, compute


def test_the_answer_has_the_contracts_keys_and_reduced_fractions() -> None:
    answer: dict[str, Any] = json.loads(compute(json.dumps(GOOD)).stdout)

    assert list(answer) == [
        "shares_yen",
        "operator_yen",
        "operator_residual_yen",
        "deductions_yen",
        "total_yen",
        "workings",
        "digest",
    ]
    assert answer["workings"][2] == {
        "member": "431001",
        "component": "人口割",
        "weight": "738865",
        "weight_total": "861932",
        "ratio": "9/10",
        "exact_yen": "1911813187500/215483",
    }
    assert answer["digest"].startswith("sha256:")
    assert len(answer["digest"]) == 71


def test_a_file_and_standard_input_give_the_same_bytes_each_time(tmp_path: Path) -> None:
    file = tmp_path / "case.json"
    file.write_text(json.dumps(GOOD, ensure_ascii=False), encoding="utf-8")

    from_file = CliRunner().invoke(allocation, ["compute", "--input", str(file)])

    assert from_file.exit_code == 0
    assert from_file.stdout_bytes == compute(json.dumps(GOOD)).stdout_bytes
    assert from_file.stdout_bytes == compute(json.dumps(GOOD), "--json").stdout_bytes
    assert from_file.stderr == ""


def test_one_number_written_in_several_ways_is_one_case() -> None:
    plain = json.loads(compute(json.dumps(GOOD)).stdout)
    for place, value in [
        ("total_yen", "24000001"),
        ("operator_ratio", "0.50"),
        ("components[0].ratio", "6/60"),
        ("components[1].ratio", "0.9"),
        ("components[1].weights.431001", "738865.00"),
    ]:
        assert json.loads(compute(json.dumps(changed(place, value))).stdout) == plain


def test_a_total_beyond_two_to_the_53_is_shared_to_the_yen() -> None:
    for given in (2**53 + 1, str(2**63 - 1)):
        answer = json.loads(compute(json.dumps(changed("total_yen", given))).stdout)

        assert answer["total_yen"] == int(given)
        rest = answer["operator_yen"] + answer["operator_residual_yen"] + answer["deductions_yen"]
        assert sum(answer["shares_yen"].values()) + rest == int(given)


def test_a_member_missing_from_a_component_has_weight_0_there() -> None:
    answer = json.loads(compute(json.dumps(changed("components[0].weights.432024", ...))).stdout)

    assert answer["workings"][1]["member"] == "432024"
    assert answer["workings"][1]["weight"] == "0"
    assert answer["workings"][1]["exact_yen"] == "0"
    explicit = json.loads(compute(json.dumps(changed("components[0].weights.432024", 0))).stdout)
    assert explicit == answer


def test_a_member_of_weight_0_everywhere_bears_nothing_under_any_policy() -> None:
    # 双葉町 had no inhabitants in the census of 2020.
    for policy in (
        "largest_remainder",
        "floor_total__residual_to_largest_share",
        "round_half_up__residual_to_operator",
    ):
        case = changed("rounding", policy)
        case["components"] = [{"name": "人口割", "ratio": 1, "weights": {"075469": 0, "075477": 1, "075485": 2}}]

        assert json.loads(compute(json.dumps(case)).stdout)["shares_yen"]["075469"] == 0


def test_deductions_may_take_everything_and_then_nobody_pays() -> None:
    answer = json.loads(compute(json.dumps(changed("deductions_yen[0].yen", 24_000_001))).stdout)

    assert set(answer["shares_yen"].values()) == {0}
    assert answer["operator_yen"] == 0
