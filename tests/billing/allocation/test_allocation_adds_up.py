"""Any pool, any rule: the shares add up, the order of writing changes nothing, a second run changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.allocation.calculation import Allocation, compute
from billing.allocation.input import MAX_TOTAL_YEN, AllocationInput, Component, Components, Deduction
from billing.allocation.workings import computed, share_workings, workings
from governance.kernel.split import Rounding
from tests.billing.allocation.by_hand import shares_by_hand

pytestmark = pytest.mark.slow

CODES = ("431001", "432024", "432041", "432067", "432105", "432113", "432130", "432156", "432164", "434035", "435317")

totals = st.one_of(st.integers(1, 10_000), st.integers(1, 10**11), st.integers(2**53, MAX_TOTAL_YEN))
weights = st.one_of(
    st.integers(0, 3).map(Fraction),
    st.integers(0, 800_000).map(Fraction),
    st.builds(Fraction, st.integers(0, 10_000), st.sampled_from([1, 3, 7, 100, 999])),
)
units = st.sampled_from([1, 1, 1, 10, 100, 1000, 7])


@st.composite
def cases(draw: st.DrawFn) -> AllocationInput:
    """Any case that can be shared."""
    parts = draw(st.lists(st.integers(1, 100), min_size=1, max_size=4))
    members = CODES[: draw(st.integers(1, len(CODES)))]
    components = []
    for place, part in enumerate(parts):
        figures = draw(st.lists(weights, min_size=len(members), max_size=len(members)))
        given_weights = dict(zip(members, figures, strict=True))
        if not any(figures):
            given_weights[members[0]] = Fraction(1)
        components.append(Component(f"基準{place}", Fraction(part, sum(parts)), given_weights))
    total_yen = draw(totals)
    deductions = tuple(
        Deduction(f"控除{place}", total_yen * percent // 100)
        for place, percent in enumerate(draw(st.lists(st.integers(0, 50), max_size=2)))
    )
    return AllocationInput(
        total_yen=total_yen,
        unit_yen=draw(units),
        rounding=draw(st.sampled_from(Rounding)),
        components=Components(tuple(components)),
        operator_ratio=draw(st.sampled_from([Fraction(), Fraction(1), Fraction(1, 2), Fraction(1, 3), Fraction(7, 9)])),
        deductions=deductions,
    )


def added_up(allocation: Allocation) -> int:
    shares_yen = sum(allocation.shares_yen.values())
    return shares_yen + allocation.operator_yen + allocation.operator_residual_yen + allocation.deductions_yen


@settings(max_examples=20_000 // len(Rounding), deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_the_parts_add_up_to_the_total_and_are_those_worked_by_hand_in_20_000_cases(drawn: AllocationInput) -> None:
    for rounding in Rounding:
        case = replace(drawn, rounding=rounding)

        allocation = compute(case)

        assert added_up(allocation) == case.total_yen
        assert (allocation.shares_yen, allocation.operator_residual_yen) == shares_by_hand(case)
        assert all(share >= 0 for share in allocation.shares_yen.values())


@settings(max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(cases(), st.integers())
def test_the_order_of_members_and_components_changes_nothing(case: AllocationInput, seed: int) -> None:
    shuffle = Random(seed).shuffle
    parts = []
    for part in case.components.parts:
        entries = list(part.weights.items())
        shuffle(entries)
        parts.append(Component(part.name, part.ratio, dict(entries)))
    shuffle(parts)
    deductions = list(case.deductions)
    shuffle(deductions)

    turned = compute(replace(case, components=Components(tuple(parts)), deductions=tuple(deductions)))

    first, second = (computed(one).model_dump(mode="json") for one in (compute(case), turned))
    for answer in (first, second):
        answer["workings"].sort(key=lambda line: (line["member"], line["component"]))
    assert json.dumps(first) == json.dumps(second)


@settings(max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_the_same_case_gives_the_same_bytes_and_any_other_another_digest(case: AllocationInput) -> None:
    again = replace(case, components=Components(tuple(case.components.parts)))

    assert computed(compute(case)).model_dump_json() == computed(compute(again)).model_dump_json()
    other_unit = replace(case, unit_yen=case.unit_yen + 1)
    other_name = replace(case, deductions=(*case.deductions, Deduction("なし", 0)))
    assert len({compute(other).digest for other in (case, other_unit, other_name)}) == 3


@settings(max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_the_workings_explain_every_share(case: AllocationInput) -> None:
    allocation = compute(case)
    exact = dict.fromkeys(allocation.shares_yen, Fraction())
    for line in workings(allocation):
        assert line.exact_yen == allocation.pool_yen * line.ratio * line.weight / line.weight_total
        exact[line.member] += line.exact_yen

    lines = share_workings(allocation)

    assert sum(exact.values()) == allocation.pool_yen
    assert {line.member: line.exact_yen for line in lines} == exact
    assert {line.member: line.share_yen for line in lines} == allocation.shares_yen
    assert all(line.cut_yen + line.adjustment_yen == line.share_yen for line in lines)
    raised = [line for line in lines if line.adjustment_yen]
    if case.rounding is Rounding.LARGEST_REMAINDER:
        assert sorted(line.rank or 0 for line in raised) == list(range(1, len(raised) + 1))
    if case.rounding is Rounding.FLOOR_TOTAL_TO_LARGEST_SHARE:
        assert [line.rank for line in raised] in ([], [1])
