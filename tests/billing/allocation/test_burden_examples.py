"""The worked examples, exact under every policy, through the command an auditor would use."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from admin.features.allocation.compute_cli import allocation

EXAMPLES: dict[str, Any] = json.loads((Path(__file__).parent / "burden_examples.json").read_text(encoding="utf-8"))
WORKED = [example for example in EXAMPLES["examples"] if "derived_outputs" in example]
CASES = [(example, policy) for example in WORKED for policy in EXAMPLES["rounding_policies"]]


def case_of(example: dict[str, Any], policy: str) -> dict[str, Any]:
    inputs = example["inputs"]
    return {
        "total_yen": inputs["total_yen"],
        "unit_yen": inputs["unit_yen"],
        "rounding": policy,
        "operator_ratio": "1/2" if "operator_share" in inputs else "0",
        "components": inputs["components"],
    }


def answer_of(case: dict[str, Any]) -> dict[str, Any]:
    outcome = CliRunner().invoke(allocation, ["compute", "--input", "-"], input=json.dumps(case))
    assert outcome.exit_code == 0, outcome.stderr
    answer: dict[str, Any] = json.loads(outcome.stdout)
    return answer


def test_three_examples_are_worked_under_five_policies() -> None:
    assert len(CASES) == 15
    assert all(set(example["derived_outputs"]["policies"]) == set(EXAMPLES["rounding_policies"]) for example in WORKED)


@pytest.mark.parametrize(("example", "policy"), CASES, ids=[f"{example['id']}-{policy}" for example, policy in CASES])
def test_a_worked_example_comes_out_to_the_yen(example: dict[str, Any], policy: str) -> None:
    expected = example["derived_outputs"]["policies"][policy]

    answer = answer_of(case_of(example, policy))

    assert answer["shares_yen"] == expected["amounts"]
    assert answer["operator_residual_yen"] == expected.get("operator_residual", 0)
    pool = example["inputs"].get("shared_pool_yen", example["inputs"]["total_yen"])
    assert answer["operator_yen"] == example["inputs"]["total_yen"] - pool
    exact: dict[str, Fraction] = {}
    for line in answer["workings"]:
        exact[line["member"]] = exact.get(line["member"], Fraction()) + Fraction(line["exact_yen"])
    assert {member: str(yen) for member, yen in exact.items()} == example["derived_outputs"]["exact_shares_as_fraction"]


def test_an_odd_yen_of_the_operators_split_stays_with_the_operator() -> None:
    case = case_of(next(example for example in WORKED if example["id"] == "S13"), "largest_remainder")

    answer = answer_of(case | {"deductions_yen": [{"name": "交付金", "yen": 1_000_000}]})

    assert answer["deductions_yen"] == 1_000_000
    assert answer["operator_yen"] == 11_500_001
    assert sum(answer["shares_yen"].values()) == 11_500_000


def test_a_fixed_percentage_table_is_a_component_like_any_other() -> None:
    table = next(example for example in EXAMPLES["examples"] if example["id"] == "S02")["inputs"]["fixed_percent"]

    answer = answer_of(
        {
            "total_yen": 10_000,
            "unit_yen": 1,
            "rounding": "floor_total__residual_to_operator",
            "components": [{"name": "令和3年度計画処理量割", "ratio": 1, "weights": table}],
        }
    )

    assert answer["shares_yen"] == {
        "木津川市": 6000,
        "笠置町": 1118,
        "和束町": 1265,
        "精華町": 676,
        "南山城村": 941,
    }
    assert {line["weight_total"] for line in answer["workings"]} == {"100"}
