"""What a run stores and is named by stays what it was: the digest, the versions of the inputs, the explanations."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from billing.costs.queries import CostItemFacts, CostPoolFacts
from billing.costs.states import ItemKind, TaxKind
from billing.runs.explanation import ShareExplanation, share_explanation
from billing.runs.inputs import CostsByRule, Inputs
from billing.runs.preview import InputVersions, Preview, compute_preview
from governance.kernel.digest import digest_of
from governance.kernel.fiscal_year import FiscalYear
from governance.rules.cost_sharing import read_cost_sharing
from governance.rules.queries import RuleDecision, RuleVersionFacts
from tenancy.directory import StatisticValue, TenantFacts, TenantKind, TenantState

BODY: dict[str, Any] = {
    "components": [
        {"name": "均等割", "ratio": "1/10", "basis": "equal"},
        {
            "name": "人口割",
            "ratio": "0.9",
            "basis": "statistic:population",
            "basis_date": "2020-10-01",
            "source": "国勢調査",
        },
    ],
    "operator_ratio": "1/2",
    "rounding": "largest_remainder",
    "unit_yen": 1000,
    "deductions": ["grant"],
}
BODY_HASH = "sha256:85031b0ed2ce27c434d7bc33902f3af2d329744c5ab0fe9a94b0539da9a03948"
DIGEST = "sha256:425b7a8a34f296890903c7b18227531ed2ad97f58be4a3d9a3d354ef296ac769"
VERSIONS: dict[str, Any] = {
    "fiscal_year": 2025,
    "members": [
        ["00000000-0000-0000-0000-00000000001f", "431001"],
        ["00000000-0000-0000-0000-000000000020", "434043"],
    ],
    "rules": [
        {
            "rule": "running-cost",
            "version": 3,
            "version_id": "00000000-0000-0000-0000-000000000014",
            "body_hash": BODY_HASH,
            "decision": ["運営協議会", "令和7年度第1号", "2025-03-24"],
            "items": [
                ["00000000-0000-0000-0000-000000000029", "running", "cost", 24_000_001],
                ["00000000-0000-0000-0000-00000000002a", "running", "grant", 1_000_000],
            ],
            "figures": [
                ["人口割", code, statistic_id, value, "2020-10-01", "令和2年国勢調査"]
                for code, statistic_id, value in (
                    ("431001", "00000000-0000-0000-0000-000000000033", "738865"),
                    ("434043", "00000000-0000-0000-0000-000000000034", "43337"),
                )
            ],
        }
    ],
    "revises": None,
}
EXPLANATION: dict[str, Any] = {
    "rule": "運営経費負担規則",
    "version": 3,
    "version_id": "00000000-0000-0000-0000-000000000014",
    "body_hash": BODY_HASH,
    "valid_from": "2025-04-01",
    "decided_by": "運営協議会",
    "decision_number": "令和7年度第1号",
    "decided_on": "2025-03-24",
    "pools": [{"label": "運営経費", "yen": 24_000_001}],
    "total_yen": 24_000_001,
    "deductions": [{"name": "交付金", "kind": "grant", "yen": 1_000_000}],
    "deductions_yen": 1_000_000,
    "operator_ratio": "1/2",
    "operator_yen": 11_500_001,
    "pool_yen": 11_500_000,
    "operator_residual_yen": 0,
    "members": 2,
    "rounding": "largest_remainder",
    "unit_yen": 1000,
}


def year() -> Preview:
    """The decision over fixed inputs, with fixed ids."""
    pool = CostPoolFacts(id=UUID(int=1), name="running", label="運営経費", rule_id=UUID(int=2))
    rule = RuleVersionFacts(
        id=UUID(int=20),
        name="running-cost",
        label="運営経費負担規則",
        number=3,
        body=BODY,
        body_hash=digest_of(BODY),
        valid_from=date(2025, 4, 1),
        valid_until=None,
        decision=RuleDecision(decided_by="運営協議会", number="令和7年度第1号", on=date(2025, 3, 24)),
    )
    items = (item(41, pool, ItemKind.COST, 24_000_001, "運用"), item(42, pool, ItemKind.GRANT, 1_000_000, "交付金"))
    figures = {"人口割": {UUID(int=31): population(51, 738_865), UUID(int=32): population(52, 43_337)}}
    costs = CostsByRule(rule, read_cost_sharing(BODY), items, figures)
    members = (member(31, "431001", "熊本市"), member(32, "434043", "菊陽町"))
    return compute_preview(Inputs(FiscalYear(2025), members, (costs,), None))


def item(number: int, pool: CostPoolFacts, kind: ItemKind, yen: int, name: str) -> CostItemFacts:
    return CostItemFacts(
        id=UUID(int=number),
        pool=pool,
        fiscal_year=2025,
        kind=kind,
        name=name,
        yen=yen,
        tax_kind=TaxKind.OUT_OF_SCOPE,
        tax_reason="負担金",
        source="契約書",
        incurred_on=None,
        recorded_at=datetime(2025, 4, 1, tzinfo=UTC),
        withdrawn_at=None,
        withdrawn_reason=None,
    )


def population(number: int, people: int) -> StatisticValue:
    return StatisticValue(
        value=Fraction(people), basis_date=date(2020, 10, 1), source="令和2年国勢調査", statistic_id=UUID(int=number)
    )


def member(number: int, code: str, name: str) -> TenantFacts:
    return TenantFacts(
        id=UUID(int=number),
        code=code,
        name=name,
        kana="カナ",
        name_en=None,
        kind=TenantKind.CITY,
        state=TenantState.ACTIVE,
        is_operator=False,
        cohort=None,
        valid_from=date(2024, 4, 1),
        valid_until=None,
    )


def test_the_digest_of_known_inputs_is_the_one_that_earlier_versions_stored() -> None:
    split = year()

    assert digest_of(BODY) == BODY_HASH
    assert split.versions.model_dump(mode="json") == VERSIONS
    assert split.digest == DIGEST


def test_stored_versions_are_read_and_written_again_unchanged() -> None:
    assert InputVersions.model_validate(VERSIONS) == year().versions
    assert InputVersions.model_validate(VERSIONS).model_dump(mode="json") == VERSIONS


def test_the_stored_explanation_has_the_keys_and_forms_it_had() -> None:
    split = year()

    stored = share_explanation(split.divisions[0], "431001").model_dump(mode="json")

    assert stored.items() >= EXPLANATION.items()
    assert stored.keys() - EXPLANATION.keys() == {"exact_yen", "cut_yen", "rank", "adjustment_yen", "share_yen"}
    assert stored["share_yen"] == stored["cut_yen"] + stored["adjustment_yen"] == split.shares_yen[UUID(int=31)]
    assert ShareExplanation.model_validate(stored).model_dump(mode="json") == stored


def test_a_stored_explanation_with_an_unknown_key_is_not_read() -> None:
    stored = share_explanation(year().divisions[0], "431001").model_dump(mode="json")

    with pytest.raises(ValidationError):
        ShareExplanation.model_validate({**stored, "share": 1})
