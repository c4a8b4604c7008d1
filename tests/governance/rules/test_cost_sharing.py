"""What a cost-sharing rule may say, and every way in which it is refused by the place that is wrong."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from governance.kernel.errors import Invalid
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.split import Rounding
from governance.rules.cost_sharing import (
    BasisKind,
    CostSharing,
    DeductionKind,
    Inclusion,
    StatisticComponent,
    read_cost_sharing,
)

EQUAL: dict[str, Any] = {"name": "均等割", "ratio": "1/10", "basis": "equal"}
PEOPLE: dict[str, Any] = {
    "name": "人口割",
    "ratio": "0.9",
    "basis": "statistic:population",
    "basis_date": "2020-10-01",
    "source": "国勢調査",
}
RULE: dict[str, Any] = {
    "components": [EQUAL, PEOPLE],
    "operator_ratio": "1/2",
    "rounding": "floor_total__residual_to_operator",
    "unit_yen": 1000,
    "deductions": ["grant", "carry_over"],
}


def test_a_rule_is_read_exactly() -> None:
    rule = read_cost_sharing(RULE)

    assert [part.ratio for part in rule.components] == [Fraction(1, 10), Fraction(9, 10)]
    assert [part.basis for part in rule.components] == [BasisKind.EQUAL, BasisKind.STATISTIC]
    assert rule.components[1].basis_text == "statistic:population"
    assert rule.operator_ratio == Fraction(1, 2)
    assert rule.rounding is Rounding.FLOOR_TOTAL_TO_OPERATOR
    assert rule.unit_yen == 1000
    assert rule.deductions == {DeductionKind.GRANT, DeductionKind.CARRY_OVER}
    assert rule.inclusion is Inclusion.MEMBERS_OF_YEAR


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2020-10-01", date(2020, 10, 1)),
        ("year-04-01", date(2025, 4, 1)),
        ("previous-08-01", date(2024, 8, 1)),
    ],
)
def test_a_basis_date_is_fixed_or_counts_from_the_fiscal_year(text: str, day: date) -> None:
    rule = read_cost_sharing({**RULE, "components": [{**PEOPLE, "ratio": 1, "basis_date": text}]})

    [component] = rule.components
    assert isinstance(component, StatisticComponent)
    assert component.basis_date.of(FiscalYear(2025)) == day


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"components": []}, "body.components"),
        ({"components": "均等割"}, "body.components"),
        ({"components": [EQUAL]}, "body.components"),
        ({"components": [{**EQUAL, "ratio": 1}, {**EQUAL, "ratio": 0}]}, "body.components[1].name"),
        ({"components": [{**EQUAL, "ratio": "-1"}]}, "body.components[0].ratio"),
        ({"components": [{**EQUAL, "ratio": 1.0}]}, "body.components[0].ratio"),
        ({"components": [{**EQUAL, "ratio": True}]}, "body.components[0].ratio"),
        ({"components": [{**EQUAL, "ratio": "１"}]}, "body.components[0].ratio"),
        ({"components": [{**EQUAL, "ratio": "1/0"}]}, "body.components[0].ratio"),
        ({"components": [{**EQUAL, "name": " "}]}, "body.components[0].name"),
        ({"components": [{**EQUAL, "basis": "population"}]}, "body.components[0].basis"),
        ({"components": [{**EQUAL, "weights": {}}]}, "body.components[0].weights"),
        ({"components": [{**EQUAL, "basis": "fixed"}]}, "body.components[0].weights"),
        (
            {"components": [{**EQUAL, "basis": "fixed", "weights": {"431001": "x"}}]},
            "body.components[0].weights.431001",
        ),
        ({"components": [{**PEOPLE, "basis_date": "2025-02-29"}]}, "body.components[0].basis_date"),
        ({"components": [{**PEOPLE, "basis_date": "year-02-29"}]}, "body.components[0].basis_date"),
        ({"components": [{key: PEOPLE[key] for key in ("name", "ratio", "basis")}]}, "body.components[0].basis_date"),
        ({"components": [{**PEOPLE, "source": ""}]}, "body.components[0].source"),
        ({"components": [3]}, "body.components[0]"),
        ({"operator_ratio": 1}, "body.operator_ratio"),
        ({"rounding": "half_even"}, "body.rounding"),
        ({"unit_yen": 0}, "body.unit_yen"),
        ({"unit_yen": True}, "body.unit_yen"),
        ({"deductions": ["tax"]}, "body.deductions"),
        ({"deductions": "grant"}, "body.deductions"),
        ({"inclusion": "everybody"}, "body.inclusion"),
        ({"cap": 5}, "body.cap"),
    ],
)
def test_what_cannot_share_a_cost_is_refused_by_its_place(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read_cost_sharing({**RULE, **change})

    assert refusal.value.field == field
    assert refusal.value.text("ja")
    assert refusal.value.text("en")


@pytest.mark.parametrize("body", [None, [], "rule", {"rounding": "largest_remainder"}])
def test_a_body_that_is_no_rule_at_all_is_refused(body: Any) -> None:
    with pytest.raises(Invalid):
        read_cost_sharing(body)


def test_the_published_schema_knows_every_basis_and_refuses_unknown_keys() -> None:
    schema = CostSharing.model_json_schema()

    parts = schema["$defs"]
    bases = [parts[name]["properties"]["basis"] for name in sorted(parts) if name.endswith("Component")]
    assert [basis.get("const") or basis["pattern"] for basis in bases] == [
        "equal_by_kind",
        "equal",
        "fixed",
        "^statistic:[a-z][a-z0-9_]{0,39}$",
    ]
    assert len(schema["properties"]["components"]["items"]["oneOf"]) == len(bases)
    assert schema["required"] == ["components", "rounding"]
    for part in (schema, *(parts[name] for name in parts if name.endswith("Component"))):
        assert part["additionalProperties"] is False
