"""A rule or case without a form comes to the same yen when it is said as stages, and its digest stays."""

from __future__ import annotations

from random import Random
from typing import Any

from billing.allocation.calculation import compute
from billing.allocation.input import AllocationInput
from billing.allocation.staged_calculation import compute_stages
from billing.allocation.staged_case import staged_case
from governance.kernel.digest import digest_of
from governance.rules.conversion import as_stages
from governance.rules.cost_sharing import read_cost_sharing
from governance.rules.sentences import parse, render
from tests.billing.allocation.random_cases import random_case
from tests.governance.rules.test_cost_sharing import RULE

Json = dict[str, Any]


def as_case_of_stages(case: AllocationInput) -> Json:
    """The same pool: deductions, the operator's ratio, components of given weights, one rounding."""
    stages: list[Json] = [{"id": "pool", "stage": "pool"}]
    if case.deductions:
        stages.append({"id": "deductions", "stage": "deduct", "kinds": ["other"]})
    if case.operator_ratio:
        ratio = str(case.operator_ratio)
        stages.append({"id": "operator", "stage": "operator", "bears": "ratio", "ratio": ratio})
    components = [
        {
            "name": part.name,
            "ratio": str(part.ratio),
            "basis": "fixed",
            "weights": {member: str(weight) for member, weight in part.weights.items()},
        }
        for part in case.components.parts
    ]
    stages.append({"id": "split", "stage": "split", "components": components})
    stages.append({"id": "round", "stage": "round", "unit_yen": case.unit_yen, "policy": case.rounding.value})
    return {
        "form": "cost_sharing/2",
        "fiscal_year": 2026,
        "costs": [{"class": "運用", "yen": case.total_yen}],
        "members": {member: {} for member in case.components.members},
        "deductions_yen": [{"kind": "other", "yen": one.yen, "name": one.name} for one in case.deductions],
        "rule": {"form": "cost_sharing/2", "stages": stages},
    }


def test_a_case_comes_to_the_same_yen_as_stages() -> None:
    random = Random(13)
    for _ in range(300):
        case = random_case(random)
        if case.total_yen < case.unit_yen:
            continue
        found = compute(case)

        staged = compute_stages(staged_case(as_case_of_stages(case)), with_workings=False)

        assert dict(staged.shares_yen) == found.shares_yen
        assert staged.operator_yen == found.operator_yen
        assert staged.operator_residual_yen == found.operator_residual_yen
        assert staged.deductions_yen == found.deductions_yen


def test_a_body_without_a_form_is_said_as_stages_and_keeps_its_digest() -> None:
    before = digest_of(RULE)

    rule = as_stages(read_cost_sharing(RULE))

    assert digest_of(RULE) == before
    assert [stage.stage for stage in rule.stages] == ["pool", "deduct", "operator", "split", "round"]
    text = render(rule, "ja")
    assert text.startswith("経費から国県支出金、繰越金を控除し、残額の2分の1に相当する額")
    assert text.endswith("1,000円未満の端数は切り捨て、切り捨てた額の合計は県が負担する。")
    assert parse(text, "ja") == rule
