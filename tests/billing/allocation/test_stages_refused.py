"""What cannot be shared by stages is refused at its field, in both languages: exit code 2, standard output empty."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner

from admin.features.allocation.compute_cli import allocation
from billing.allocation.staged_calculation import compute_stages
from billing.allocation.staged_case import staged_case
from governance.kernel.errors import Invalid
from tests.billing.allocation.random_stages import random_stages_case
from tests.billing.allocation.stages_cases import refusal

Json = dict[str, Any]
A, B, C = "431001", "432024", "432032"

GOOD: Json = {
    "form": "cost_sharing/2",
    "fiscal_year": 2026,
    "costs": [{"class": "運用", "yen": 24_000_001}, {"class": "更新", "yen": 1_000_000}],
    "members": {
        A: {"kind": "city", "joined_on": "2024-04-01"},
        B: {"kind": "city"},
        C: {"kind": "town", "joined_on": "2026-10-01"},
    },
    "figures": [
        *(
            {"basis": "statistic:population", "member": m, "value": v, "on": "2020-10-01"}
            for m, v in ((A, 738_865), (B, 123_067), (C, 31_108))
        ),
        *(
            {"basis": "usage:api_calls", "member": m, "value": "100", "on": f"{year}-06-01"}
            for m in (A, B, C)
            for year in (2024, 2025)
        ),
        *(
            {"basis": basis, "member": m, "value": v, "on": "2026-04-01"}
            for basis in ("alone", "alone:without")
            for m, v in ((A, 100), (B, 70), (C, 40))
        ),
        {"basis": "amount:tax", "member": A, "value": 5, "on": "2026-04-01"},
    ],
    "previous_yen": {A: 5_734_731, B: 1_000_000},
    "deductions_yen": [{"kind": "grant", "yen": 1_000_000}],
    "rule": {
        "form": "cost_sharing/2",
        "title": {"ja": "負担金規程"},
        "applies_to": {"from_fiscal_year": 2024},
        "stages": [
            {"id": "pool", "stage": "pool"},
            {"id": "grants", "stage": "deduct", "kinds": ["grant"]},
            {"id": "own", "stage": "attribute", "what": "更新", "to": A},
            {"id": "half", "stage": "operator", "bears": "ratio", "ratio": "1/2"},
            {
                "id": "split",
                "stage": "split",
                "components": [
                    {"ratio": "10/100", "basis": "equal"},
                    {"ratio": "90/100", "basis": "statistic:population", "at": "2020-10-01"},
                ],
            },
            {"id": "cap", "stage": "limit", "cap": 3, "measure": "of_previous", "excess_to": "others"},
            {"id": "yen", "stage": "round", "policy": "largest_remainder"},
            {"id": "pay", "stage": "instalments", "count": 4, "due": ["05-20", "08-20", "11-20", "02-20"]},
        ],
    },
}
POOL, GRANTS, OWN, HALF, SPLIT, CAP, YEN, PAY = (f"rule.stages[{place}]" for place in range(8))
EQUAL, PEOPLE = f"{SPLIT}.components[0]", f"{SPLIT}.components[1]"


def changed(path: str, value: Any) -> Json:
    """GOOD with one value set; `...` takes the key or the item out."""
    case = copy.deepcopy(GOOD)
    *steps, last = [int(place) if place else key for place, key in re.findall(r"\[([0-9]+)\]|([^.\[\]]+)", path)]
    owner: Any = case
    for step in steps:
        owner = owner[step]
    if value is ...:
        del owner[last]
    else:
        owner[last] = value
    return case


def factors(**given: Any) -> Json:
    return {"ratio": "10/100", "basis": "equal", "factors": given}


def component(**given: Any) -> Json:
    return {"ratio": "10/100", "basis": "equal"} | given


REFUSED: list[tuple[str, Any, str, str]] = [
    # What the issue lists.
    (f"{EQUAL}.ratio", "9.99/100", f"{EQUAL}.ratio", "rule.exact_number"),
    (f"{EQUAL}.ratio", "999/10000", SPLIT + ".components", "rule.ratios_of_components"),
    ("figures[2].member", A, "figures[2]", "case.figure_twice"),
    ("figures[2]", ..., f"{PEOPLE}.basis", "case.no_figure"),
    ("figures[0].on", "2027-04-01", "figures[0].on", "case.figure_later"),
    ("known_on", "2020-09-30", "figures[0].on", "case.figure_later"),
    ("total_yen", 5, "total_yen", "case.unknown_key"),
    ("rule.colour", "red", "rule.colour", "rule.unknown_key"),
    (f"{EQUAL}.weight", 1, f"{EQUAL}.weight", "rule.unknown_key"),
    (f"{CAP}.floor", "4", f"{CAP}.cap", "rule.cap_below_floor"),
    # C has no share of last year, so it has no cap and takes what the others leave.
    (f"{CAP}.cap", "1/100", "", ""),
    ("rule.stages[0]", {"id": "x", "stage": "round", "policy": "floor_total"}, POOL, "rule.stage_order"),
    (
        GRANTS,
        {"id": "x", "stage": "limit", "cap": 1, "measure": "yen", "excess_to": "others"},
        GRANTS,
        "rule.stage_order",
    ),
    (HALF, {"id": "x", "stage": "attribute", "what": "更新", "to": A}, f"{HALF}.what", "case.attributed_twice"),
    (f"{PEOPLE}.inclusion", {"only": ["434256"]}, PEOPLE, "case.no_weight"),
    (
        EQUAL,
        factors(joining="weight", waivers=[{"factors": ["3/2"]}]),
        f"{EQUAL}.factors.waivers[0].factors[0]",
        "rule.factor_above_one",
    ),
    (EQUAL, component(basis="usage:api_calls", at={"years": 3}), f"{EQUAL}.at", "case.window_before_data"),
    ("fiscal_year", 2023, "fiscal_year", "rule.year_not_applied"),
    # The case.
    ("form", "cost_sharing/3", "form", "case.not_understood"),
    ("fiscal_year", "2026", "fiscal_year", "case.not_understood"),
    ("fiscal_year", 1900, "fiscal_year", "case.not_understood"),
    ("fiscal_year", ..., "fiscal_year", "case.missing_key"),
    ("costs", [], "costs", "case.no_cost"),
    ("costs[0].yen", -1, "costs[0].yen", "yen.out_of_range"),
    ("costs[0].yen", 2**63, "costs[0].yen", "yen.out_of_range"),
    ("costs[0].class", "", "costs[0].class", "rule.label"),
    ("costs[0].kind", "grant", "costs[0].kind", "case.unknown_key"),
    ("members", {}, "members", "case.no_member"),
    (f"members.{C}.joined_on", "2027-04-01", f"members.{C}.joined_on", "case.joined_later"),
    (f"members.{C}.joined_on", "2026-13-01", f"members.{C}.joined_on", "case.not_a_day"),
    (f"members.{B}.left_on", "2026-03-31", f"members.{B}.left_on", "case.left_earlier"),
    (f"members.{C}.left_on", "2026-09-30", f"members.{C}.left_on", "case.left_before_joined"),
    (f"members.{B}.age", 3, f"members.{B}.age", "case.unknown_key"),
    ("figures[0].value", "-1", "figures[0].value", "case.not_a_number"),
    ("figures[0].value", "1/0", "figures[0].value", "case.not_a_number"),
    ("figures[0].value", "１", "figures[0].value", "case.not_a_number"),
    ("figures[0].basis", "population", "figures[0].basis", "case.not_understood"),
    ("figures[0].on", 20201001, "figures[0].on", "case.not_a_day"),
    ("figures[0].note", "x", "figures[0].note", "case.unknown_key"),
    (f"previous_yen.{A}", "5734731", f"previous_yen.{A}", "yen.not_whole"),
    (f"previous_yen.{A}", -1, f"previous_yen.{A}", "yen.out_of_range"),
    ("deductions_yen[0].kind", "gift", "deductions_yen[0].kind", "case.not_understood"),
    ("deductions_yen[0].kind", "carry_over", "deductions_yen[0].kind", "case.not_deducted"),
    ("deductions_yen[0].class", "建設", "deductions_yen[0].class", "case.class_in_no_pool"),
    ("deductions_yen[0].yen", 26_000_000, GRANTS, "case.deductions_exceed"),
    ("rule", ..., "rule", "case.missing_key"),
    # The head of the rule.
    ("rule", [], "rule", "rule.not_understood"),
    ("rule.form", "cost_sharing/1", "rule.form", "rule.not_understood"),
    ("rule.form", ..., "rule.form", "rule.missing_key"),
    ("rule.title", {"en": "Rule"}, "rule.title.ja", "rule.missing_key"),
    ("rule.title.ja", "「規程」", "rule.title.ja", "rule.label"),
    ("rule.applies_to.to_fiscal_year", 2023, "rule.applies_to.to_fiscal_year", "rule.applies_to_years"),
    ("rule.in_force", "2026-02-30", "rule.in_force", "rule.not_understood"),
    ("rule.pools", ["other"], "rule.pools", "rule.pools_list"),
    ("rule.stages", [], "rule.stages", "rule.not_understood"),
    ("rule.stages", {}, "rule.stages", "rule.not_understood"),
    # What every stage has.
    (POOL, "pool", POOL, "rule.not_understood"),
    (f"{POOL}.id", "Pool", f"{POOL}.id", "rule.stage_id"),
    (f"{GRANTS}.id", "pool", f"{GRANTS}.id", "rule.stage_id"),
    (f"{POOL}.id", ..., f"{POOL}.id", "rule.missing_key"),
    (f"{POOL}.stage", "pond", f"{POOL}.stage", "rule.not_understood"),
    (f"{POOL}.stage", ..., f"{POOL}.stage", "rule.missing_key"),
    (f"{POOL}.name", "x" * 101, f"{POOL}.name", "rule.label"),
    (f"{POOL}.reference", {"article": "3"}, f"{POOL}.reference.title", "rule.missing_key"),
    # pool, deduct, attribute, operator
    (f"{POOL}.cost_classes", ["運用"], "costs[1].class", "case.class_in_no_pool"),
    (f"{POOL}.cost_classes", ["運用", "運用"], f"{POOL}.cost_classes[1]", "rule.named_twice"),
    (f"{POOL}.cost_classes", [], f"{POOL}.cost_classes", "rule.not_understood"),
    (GRANTS, {"id": "x", "stage": "pool", "cost_classes": ["更新"]}, f"{GRANTS}.cost_classes", "rule.class_twice"),
    (f"{GRANTS}.kinds", ["grant", "grant"], f"{GRANTS}.kinds[1]", "rule.named_twice"),
    (f"{GRANTS}.kinds", ["grants"], f"{GRANTS}.kinds[0]", "rule.not_understood"),
    (f"{GRANTS}.below_zero", "cut", f"{GRANTS}.below_zero", "rule.not_understood"),
    (f"{OWN}.to", "434256", f"{OWN}.to", "case.member_unknown"),
    (f"{OWN}.to", ..., f"{OWN}.to", "rule.missing_key"),
    (f"{OWN}.basis", "amount:tax", f"{OWN}.basis", "rule.field_not_with"),
    (f"{OWN}.to", {A: -1}, f"{OWN}.to.{A}", "yen.out_of_range"),
    (f"{OWN}.to", {A: 30_000_000}, OWN, "case.attributed_exceeds"),
    (f"{OWN}.what", "建設", f"{OWN}.what", "case.class_not_in_pool"),
    (OWN, {"id": "x", "stage": "attribute", "what": "税", "basis": "amount:none"}, f"{OWN}.basis", "case.no_amount"),
    ("figures[15]", {"basis": "amount:tax", "member": A, "value": "5.5", "on": "2026-04-01"}, "", ""),
    (f"{HALF}.ratio", 1, f"{HALF}.ratio", "rule.ratio_below_one"),
    (f"{HALF}.ratio", ..., f"{HALF}.ratio", "rule.needs_field"),
    (f"{HALF}.ratio", 0.5, f"{HALF}.ratio", "json.not_exact"),
    (f"{HALF}.yen", 5, f"{HALF}.yen", "rule.field_not_with"),
    (f"{HALF}.ratio", [{"from_fiscal_year": 2027, "value": "1/3"}], f"{HALF}.ratio", "rule.no_value_for_year"),
    (f"{HALF}.ratio", [], f"{HALF}.ratio", "rule.years_of_values"),
    (
        f"{HALF}.ratio",
        [{"from_fiscal_year": 2026, "value": 0}, {"from_fiscal_year": 2026, "value": 0}],
        f"{HALF}.ratio",
        "rule.years_of_values",
    ),
    (f"{HALF}.ratio", [{"from_fiscal_year": "2026", "value": 0}], f"{HALF}.ratio", "rule.fiscal_year"),
    (HALF, {"id": "x", "stage": "operator", "bears": "first_up_to", "yen": "5"}, f"{HALF}.yen", "rule.whole_yen"),
    (
        HALF,
        {"id": "x", "stage": "operator", "bears": "none", "odd_yen": "members"},
        f"{HALF}.odd_yen",
        "rule.field_not_with",
    ),
    (CAP, {"id": "x", "stage": "operator", "bears": "first_up_to", "yen": 5}, f"{CAP}.bears", "rule.after_split"),
    (CAP, {"id": "x", "stage": "deduct", "kinds": ["other"]}, CAP, "rule.after_split"),
    (CAP, {"id": "x", "stage": "attribute", "what": "更新", "to": B}, CAP, "rule.after_split"),
    # split
    (CAP, {"id": "x", "stage": "split", "components": [{"ratio": 1, "basis": "equal"}]}, CAP, "rule.split_twice"),
    (f"{SPLIT}.components", [], f"{SPLIT}.components", "rule.not_understood"),
    (f"{SPLIT}.components", ..., f"{SPLIT}.components", "rule.missing_key"),
    (f"{EQUAL}.basis", "equality", f"{EQUAL}.basis", "rule.not_understood"),
    (f"{EQUAL}.basis", ..., f"{EQUAL}.basis", "rule.missing_key"),
    (f"{EQUAL}.ratio", "11/10", f"{EQUAL}.ratio", "rule.ratio_range"),
    (f"{EQUAL}.ratio", True, f"{EQUAL}.ratio", "rule.exact_number"),
    (f"{PEOPLE}.at", "2020-10-32", f"{PEOPLE}.at", "rule.basis_date"),
    (f"{PEOPLE}.at", "2019-10-01", f"{PEOPLE}.basis", "case.no_figure"),
    (f"{PEOPLE}.power", {"doubling": 1}, f"{PEOPLE}.power", "rule.power"),
    (f"{PEOPLE}.power", {"power": "1/2", "doubling": 2}, f"{PEOPLE}.power", "rule.power"),
    (f"{PEOPLE}.power", {"power": "1/2", "reference": 0}, f"{PEOPLE}.power", "rule.power"),
    (EQUAL, component(basis="equal_by_kind", weights={"city": 100}), f"{EQUAL}.weights", "case.no_kind"),
    (EQUAL, component(basis="equal_by_kind", weights={"city": -1}), f"{EQUAL}.weights.city", "rule.exact_number"),
    (EQUAL, component(basis="equal_by_kind"), f"{EQUAL}.weights", "rule.missing_key"),
    (EQUAL, component(basis="fixed", weights={A: 0, B: 0}), EQUAL, "case.no_weight"),
    (EQUAL, component(basis="fixed", weights={}), f"{EQUAL}.weights", "rule.not_understood"),
    (EQUAL, component(basis="usage:api_calls", at="last_year"), f"{EQUAL}.at", "rule.window"),
    (EQUAL, component(basis="usage:api_calls", at={"years": 0}), f"{EQUAL}.at", "rule.window"),
    (
        EQUAL,
        component(basis="usage:api_calls", at={"from": "year-04-01", "to": "previous-04-01"}),
        f"{EQUAL}.at",
        "rule.window",
    ),
    (EQUAL, component(basis="usage:storage", at="fiscal_year"), f"{EQUAL}.at", "case.window_before_data"),
    (
        EQUAL,
        component(basis="usage:api_calls", at={"years": 2}, average="median"),
        f"{EQUAL}.average",
        "rule.not_understood",
    ),
    (
        EQUAL,
        component(basis="alone", method="tiers", factors={"joining": "weight"}),
        f"{EQUAL}.factors",
        "rule.field_not_with",
    ),
    (EQUAL, component(basis="alone"), f"{EQUAL}.method", "rule.missing_key"),
    (EQUAL, component(basis="alone", method="scrb"), f"{EQUAL}.basis", "case.alone_below_separable"),
    (EQUAL, component(inclusion={}), f"{EQUAL}.inclusion", "rule.not_understood"),
    (EQUAL, component(inclusion={"only": [A], "except": [B]}), f"{EQUAL}.inclusion", "rule.not_understood"),
    (EQUAL, component(inclusion={"users_of": "決済"}), EQUAL, "case.no_weight"),
    (EQUAL, factors(), f"{EQUAL}.factors.joining", "rule.missing_key"),
    (EQUAL, factors(joining="share"), f"{EQUAL}.factors.joining", "rule.not_understood"),
    (EQUAL, factors(joining="discount"), f"{EQUAL}.factors", "rule.needs_field"),
    (EQUAL, factors(joining="weight", borne_by="operator"), f"{EQUAL}.factors.borne_by", "rule.field_not_with"),
    (EQUAL, factors(joining="discount", borne_by="member"), f"{EQUAL}.factors", "rule.needs_field"),
    (
        EQUAL,
        factors(joining="discount", borne_by="member", member="434256"),
        f"{EQUAL}.factors.member",
        "case.member_unknown",
    ),
    (
        EQUAL,
        factors(joining="weight", waivers=[{"factors": [0]}, {"factors": [0]}]),
        f"{EQUAL}.factors.waivers[1].joined_fiscal_year",
        "rule.named_twice",
    ),
    (EQUAL, component(inclusion={"only": [C]}, factors={"joining": "periods"}), EQUAL, "case.nobody_in_period"),
    (f"{SPLIT}.places", 3, f"{SPLIT}.places", "rule.field_not_with"),
    (f"{SPLIT}.ratios_as_printed", True, f"{SPLIT}.places", "rule.needs_field"),
    (f"{SPLIT}.ratios_as_printed", {A: "0.5"}, f"{SPLIT}.components", "rule.field_not_with"),
    (
        SPLIT,
        {"id": "x", "stage": "split", "ratios_as_printed": {A: "0.3333"}, "places": 3},
        f"{SPLIT}.ratios_as_printed.{A}",
        "rule.printed_places",
    ),
    (
        SPLIT,
        {"id": "x", "stage": "split", "ratios_as_printed": {A: 2}, "places": 3},
        f"{SPLIT}.ratios_as_printed.{A}",
        "rule.ratio_range",
    ),
    (
        SPLIT,
        {"id": "x", "stage": "split", "ratios_as_printed": {"434256": 1}, "places": 3},
        f"{SPLIT}.ratios_as_printed.434256",
        "case.member_unknown",
    ),
    # limit, round, instalments
    (f"{CAP}.cap", ..., CAP, "rule.no_bound"),
    (f"{CAP}.cap", {"434256": 1}, f"{CAP}.cap.434256", "case.member_unknown"),
    (f"{CAP}.measure", "percent", f"{CAP}.measure", "rule.not_understood"),
    (f"{CAP}.excess_to", ..., f"{CAP}.excess_to", "rule.missing_key"),
    (f"{CAP}.excess_to", "member", CAP, "rule.needs_field"),
    (f"{CAP}.member", A, f"{CAP}.member", "rule.field_not_with"),
    (f"{CAP}.at", "2020-10-01", f"{CAP}.at", "rule.field_not_with"),
    (
        CAP,
        {"id": "x", "stage": "limit", "cap": 1, "measure": "yen", "excess_to": "others"},
        f"{CAP}.cap",
        "case.caps_leave",
    ),
    (
        CAP,
        {"id": "x", "stage": "limit", "floor": 10**9, "measure": "yen", "excess_to": "others"},
        f"{CAP}.floor",
        "case.floors_exceed",
    ),
    (CAP, {"id": "x", "stage": "limit", "floor": 3, "cap": 4, "measure": "yen", "excess_to": "operator"}, "", ""),
    (f"{YEN}.policy", "ceiling", f"{YEN}.policy", "rule.not_understood"),
    (f"{YEN}.policy", "floor_each_component", f"{YEN}.policy", "rule.each_component"),
    (f"{YEN}.unit_yen", 0, f"{YEN}.unit_yen", "yen.out_of_range"),
    (f"{YEN}.unit_yen", 10**8, f"{YEN}.unit_yen", "case.unit_above_pool"),
    (f"{YEN}.remainder_to", "nobody", f"{YEN}.remainder_to", "rule.not_understood"),
    (f"{YEN}.remainder_to", "member", YEN, "rule.needs_field"),
    (YEN, ..., "rule.stages", "rule.not_rounded"),
    (PAY, {"id": "x", "stage": "round", "policy": "floor_total"}, PAY, "rule.rounded_twice"),
    (f"{PAY}.count", 13, f"{PAY}.count", "rule.not_understood"),
    (f"{PAY}.count", 3, f"{PAY}.due", "rule.due_count"),
    (f"{PAY}.due[0]", "02-30", f"{PAY}.due[0]", "rule.due_day"),
    (f"{PAY}.due[0]", "08-20", f"{PAY}.due[1]", "rule.named_twice"),
    (
        PAY,
        {"id": "x", "stage": "instalments", "count": 2, "when_closed": "day_before"},
        f"{PAY}.due",
        "rule.needs_field",
    ),
    (
        PAY,
        {"id": "x", "stage": "instalments", "count": 4, "unit_yen": 10**8, "round": "up"},
        f"{PAY}.unit_yen",
        "case.instalment_below_zero",
    ),
    (YEN, {"id": "x", "stage": "instalments", "count": 1}, YEN, "rule.instalments_last"),
]
NOT_REFUSED = [entry for entry in REFUSED if not entry[3]]
REFUSED = [entry for entry in REFUSED if entry[3]]


def test_the_case_can_be_shared_as_it_is() -> None:
    assert sum(compute_stages(staged_case(GOOD)).shares_yen.values()) > 10_000_000


def test_there_are_at_least_as_many_refusals_as_the_issue_asks_for() -> None:
    assert len(REFUSED) >= 78
    assert len({code for *_, code in REFUSED}) > 50


@pytest.mark.parametrize(("path", "value", "field", "code"), REFUSED, ids=[f"{e[3]}-{e[0]}" for e in REFUSED])
def test_what_cannot_be_shared_is_refused_at_its_field(path: str, value: Any, field: str, code: str) -> None:
    case = changed(path, value)
    if isinstance(value, float):
        # A number with a point is refused when the JSON is read.
        assert refusal(case)[:2] == (field, code)
        return
    with pytest.raises(Invalid) as refused:
        compute_stages(staged_case(case))
    assert (refused.value.field, refused.value.code) == (field, code)
    for language in ("ja", "en"):
        text = refused.value.text(language)
        assert text.endswith(("。", "."))
        assert not re.search(r"(?<!\{)\{[a-z_]+\}", text)
    assert re.search(r"[ぁ-ん]", refused.value.text("ja"))
    assert not re.search(r"[ぁ-ん]", refused.value.text("en"))


@pytest.mark.parametrize(("path", "value", "field", "code"), NOT_REFUSED)
def test_what_looks_wrong_and_is_not_is_shared(path: str, value: Any, field: str, code: str) -> None:
    assert compute_stages(staged_case(changed(path, value)))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"form": "cost_sharing/2", "form": "cost_sharing/2"}', "json.key_twice"),
        (b'{"form": "cost_sharing/2", "rule": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "json.too_deep"),
        (b'{"form": "cost_sharing/2", "rule": {"a": ' + b'{"a": ' * 40 + b"1" + b"}" * 42, "json.too_deep"),
        (b'{"form": "cost_sharing/2", "x": "' + b"x" * 2**20 + b'"}', "case.unknown_key"),
        (b'{"form": "cost_sharing/2", "costs": [{"yen": 1e3}]}', "json.not_exact"),
        (b'{"form": "cost_sharing/2", "costs": [{"yen": NaN}]}', "json.not_exact"),
        (b'{"form": "\\ud800"}', "json.not_text"),
        (b'\xef\xbb\xbf{"form": "cost_sharing/2"}', "json.not_utf8"),
        (b'{"form": "cost_sharing/2",', "json.not_json"),
        (b'{"form": null}', "case.not_understood"),
    ],
    ids=["twice", "deep", "deep objects", "1 MiB", "exponent", "NaN", "surrogate", "BOM", "cut off", "null"],
)
def test_a_file_that_two_programs_could_read_differently_is_refused(content: bytes, code: str) -> None:
    outcome = CliRunner().invoke(allocation, ["compute", "--input", "-", "--json"], input=content)

    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert json.loads(outcome.stderr)["error"]["code"] == code


def test_a_remainder_that_would_break_a_cap_is_refused() -> None:
    case = changed(CAP, {"id": "cap", "stage": "limit", "cap": {A: 8_000_000}, "measure": "yen", "excess_to": "others"})
    case["rule"]["stages"][6] = {"id": "yen", "stage": "round", "policy": "floor_total", "remainder_to": "member"}
    case["rule"]["stages"][6]["member"] = A

    assert refusal(case)[:2] == (f"{YEN}.remainder_to", "case.bound_broken")


def test_a_bound_in_units_may_leave_no_room() -> None:
    limit = {"id": "cap", "stage": "limit", "floor": 1_001, "cap": 1_999, "measure": "yen", "excess_to": "operator"}
    case = changed(CAP, limit)
    case["rule"]["stages"][6] |= {"unit_yen": 1000}

    assert refusal(case)[:2] == (f"{CAP}.cap", "case.cap_under_floor")


JUNK: tuple[Any, ...] = (
    None, True, 0, -1, 10**30, "", "x", "1/2", "1/0", "9" * 40, "0001-01-01", [], {}, [[[]]], {"": ""}, {A: "1"},
    {"years": 3}, 2100, "all", "statistic:population", [{"from_fiscal_year": 2026, "value": 1}], "year-02-29",
)  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from _places(inner, (*path, key))


def test_a_case_that_was_changed_anywhere_is_shared_or_refused_and_nothing_else() -> None:
    random = Random(13)
    refused: list[tuple[str, str]] = []
    for number in range(600):
        case = copy.deepcopy(GOOD) if number % 2 else random_stages_case(random, most_members=3)
        *steps, last = random.choice(list(_places(case)))
        owner: Any = case
        for step in steps:
            owner = owner[step]
        if random.random() < 0.2:
            del owner[last]
        else:
            owner[last] = copy.deepcopy(random.choice(JUNK))
        try:
            compute_stages(staged_case(case))
        except Invalid as refusal:
            refused.append((refusal.text("ja"), refusal.text("en")))
    assert 300 < len(refused) < 600
    assert [texts for texts in refused if texts[0] == texts[1]] == []


def test_money_that_no_stage_takes_is_refused() -> None:
    case = changed("rule.stages", GOOD["rule"]["stages"][:4])

    assert refusal(case)[:2] == ("rule.stages", "case.nobody_bears")


def _by_hand(change: Callable[[Json], None]) -> Json:
    case = copy.deepcopy(GOOD)
    change(case)
    return case


def test_deductions_of_several_pools_say_where_they_belong() -> None:
    def two_pools(case: Json) -> None:
        split = [{"ratio": 1, "basis": "equal"}]
        case["rule"]["stages"] = [
            {"id": "a", "stage": "pool", "cost_classes": ["運用"]},
            {"id": "b", "stage": "deduct", "kinds": ["grant"]},
            {"id": "c", "stage": "split", "components": split},
            {"id": "d", "stage": "pool", "cost_classes": ["更新"]},
            {"id": "e", "stage": "split", "components": split},
            {"id": "f", "stage": "round", "policy": "floor_total"},
        ]

    assert refusal(_by_hand(two_pools))[:2] == ("deductions_yen[0].class", "case.class_needed")
