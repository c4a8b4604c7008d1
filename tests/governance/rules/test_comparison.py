"""What differs between two rules: by stage and field, with the sentences side by side."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

from governance.rules.comparison import RuleComparison, compare_rules
from governance.rules.sentences import parse
from governance.rules.stages import read_staged_rule
from tests.billing.allocation.random_rules import random_rule
from tests.governance.rules.test_sentences import FIRST, SECOND

Json = dict[str, Any]


def compared(before: Json, after: Json) -> RuleComparison:
    return compare_rules(read_staged_rule(before), read_staged_rule(after), "ja")


def second() -> Json:
    return parse(SECOND, "ja").canonical()


def test_one_changed_number_is_one_change_with_both_sentences() -> None:
    after = second()
    after["stages"][2]["yen"] = 5_000_000

    [change] = compared(second(), after).changes

    assert (change.id, change.kind) == ("operator_1", "changed")
    assert [(one.field, one.before, one.after) for one in change.fields] == [("yen", 4_000_000, 5_000_000)]
    assert change.sentence_before == "残額のうち4,000,000円までを県が負担する。"
    assert change.sentence_after == "残額のうち5,000,000円までを県が負担する。"


def test_a_number_written_otherwise_is_no_change() -> None:
    after = second()
    after["stages"][3]["components"][0]["ratio"] = "0.20"
    after["stages"][4]["cap"] = "110/100"

    found = compared(second(), after)

    assert found.changes == ()
    assert found.digest_before == found.digest_after


def test_stages_that_came_went_and_moved_are_said() -> None:
    before, after = second(), second()
    after["stages"].pop(4)
    after["stages"].append({"id": "instalments_1", "stage": "instalments", "count": 4})
    deduct, operator = after["stages"][1], after["stages"][2]
    after["stages"][1:3] = [operator, deduct]

    found = compared(before, after)

    assert [(one.id, one.kind) for one in found.changes] == [
        ("operator_1", "moved"),
        ("deduct_1", "moved"),
        ("instalments_1", "added"),
        ("limit_1", "removed"),
    ]
    added, removed = found.changes[2], found.changes[3]
    assert (added.sentence_before, removed.sentence_after) == (None, None)
    assert added.sentence_after == "負担金は4期に分割し、1円未満の端数は第1期に合算する。"
    assert removed.sentence_before is not None
    assert removed.sentence_before.startswith("ただし、各団体の負担額は前年度の負担額の100分の110を限度とし、")


def test_the_years_of_a_rule_are_a_change_of_its_head() -> None:
    [change] = compared(second() | {"applies_to": {"from_fiscal_year": 2026}}, second()).changes

    assert change.id == ""
    assert [(one.field, one.before, one.after) for one in change.fields] == [
        ("applies_to", {"from_fiscal_year": 2026}, None)
    ]


def test_a_rule_is_alike_to_itself_and_different_from_another() -> None:
    for seed in range(60):
        body = random_rule(Random(seed))
        assert compared(body, copy.deepcopy(body)).changes == ()
    found = compare_rules(parse(FIRST, "ja"), parse(SECOND, "ja"), "en")
    assert found.digest_before != found.digest_after
    assert {one.kind for one in found.changes} == {"changed", "added"}
