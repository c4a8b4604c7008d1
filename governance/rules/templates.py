"""Published cost-sharing rules as ready templates, each with its source and golden cases.

`templates.json` beside this module holds them. A golden case says the year, what was given and what must come out, in
integers and text, with no tolerance; the tests compute every one.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from governance.kernel.models import ReadModel


class TemplateText(ReadModel):
    """A wording in both languages."""

    ja: str
    en: str


class TemplateSource(ReadModel):
    """Where a rule was published; an address where there is one."""

    title: str
    url: str | None = None


class GoldenCase(ReadModel):
    """Costs, members and figures of one year, and what must come out of the rule.

    With `only_pool` the case is of that pool alone: the other pools of the rule have no cost in it.
    """

    name: str
    fiscal_year: int
    given: dict[str, Any]
    expect: dict[str, Any]
    only_pool: str | None = None


class RuleTemplate(ReadModel):
    """One published rule: what is published of it (`evidence`), and what the template adds (`note`)."""

    id: str
    example: str
    """The number in the collection of published examples, S02 to S14."""
    evidence: str
    title: TemplateText
    source: TemplateSource
    note: TemplateText
    body: dict[str, Any]
    cases: tuple[GoldenCase, ...] = ()


@cache
def rule_templates() -> tuple[RuleTemplate, ...]:
    """Every template, in the order of the examples."""
    content = json.loads(files("governance.rules").joinpath("templates.json").read_text(encoding="utf-8"))
    return tuple(RuleTemplate.model_validate(one) for one in content["templates"])
