"""The published rules as templates: each is a rule, is read back from its sentences, and comes to its golden cases."""

from __future__ import annotations

from typing import Any, Literal, get_args

import pytest

from governance.kernel.errors import Language
from governance.rules.sentences import parse, render
from governance.rules.stages import PoolStage, StagedRule, read_staged_rule
from governance.rules.templates import GoldenCase, RuleTemplate, rule_templates
from tests.billing.allocation.stages_cases import answer

Json = dict[str, Any]
TEMPLATES = rule_templates()
CASES = [(template, case) for template in TEMPLATES for case in template.cases]
EVIDENCE = Literal["published_full", "published_partial", "published_rule", "derived_from_published_rule"]


def test_every_published_example_has_a_template_with_its_source() -> None:
    assert {template.example for template in TEMPLATES} == {f"S{number:02}" for number in range(2, 15)}
    assert [template.id for template in TEMPLATES if template.example == "S10"] == ["tochigi", "fukushima", "tottori"]
    assert len({template.id for template in TEMPLATES}) == len(TEMPLATES) == 15
    for template in TEMPLATES:
        assert template.evidence in get_args(EVIDENCE)
        assert template.source.url is not None
        assert template.note.ja != ""
        assert template.note.en != ""


@pytest.mark.parametrize("template", TEMPLATES, ids=[template.id for template in TEMPLATES])
def test_a_template_is_a_rule_that_is_read_back_from_its_sentences(template: RuleTemplate) -> None:
    rule = read_staged_rule(template.body)

    languages: tuple[Language, ...] = ("ja", "en")
    for language in languages:
        text = render(rule, language)
        again = parse(text, language)
        assert again == rule
        assert again.digest == rule.digest
    assert rule.reference is not None


def without_other_pools(body: Json, cost_class: str) -> Json:
    """The rule with one pool alone, and the rounding at its end."""
    rule: StagedRule = read_staged_rule(body)
    start = next(
        place
        for place, stage in enumerate(rule.stages)
        if isinstance(stage, PoolStage) and cost_class in stage.cost_classes
    )
    stages = body["stages"]
    end = next(
        (place for place in range(start + 1, len(stages)) if stages[place]["stage"] in ("pool", "round")), len(stages)
    )
    return body | {"stages": [*stages[start:end], stages[-1]]}


@pytest.mark.parametrize(("template", "case"), CASES, ids=[f"{one.id}-{case.name}" for one, case in CASES])
def test_a_golden_case_comes_out_without_tolerance(template: RuleTemplate, case: GoldenCase) -> None:
    body = template.body if case.only_pool is None else without_other_pools(template.body, case.only_pool)
    members = case.given["members"]
    facts = members if isinstance(members, dict) else {code: {} for code in members}

    found = answer(
        {"form": "cost_sharing/2", "fiscal_year": case.fiscal_year, "rule": body} | case.given | {"members": facts}
    )

    found["instalments"] = {code: [one["yen"] for one in paid] for code, paid in found["instalments"].items()}
    assert {key: found[key] for key in case.expect} == case.expect
