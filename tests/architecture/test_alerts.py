"""The alert rules for Prometheus: each is whole, and says what to do.

That each metric exists is asserted on a real scrape, in tests/admin/test_metrics.py. `promtool check rules` (2.42) was
run by hand: Debian has it only inside the package of the server.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "docs" / "operations" / "alerts.yml"
PROMQL = {"sum", "max", "min", "by", "rate", "histogram_quantile", "absent", "and", "or", "on", "offset", "time"}
LABELS = {"instance", "kind", "pool", "client", "le", "status", "state"}


def _rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def metrics_in_alerts() -> set[str]:
    """The names of Moyai's metrics in all expressions."""
    return {name for rule in _rules() for name in re.findall(r"\bmoyai_\w+", rule["expr"])}


def test_every_rule_is_whole_and_says_in_sentences_what_it_is_and_what_to_do() -> None:
    rules = _rules()

    assert len(rules) >= 12
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}, rule["alert"]
        assert re.fullmatch(r"Moyai[A-Z]\w+", rule["alert"])
        assert re.search(r"\bmoyai_\w+", rule["expr"]), rule["alert"]
        assert re.fullmatch(r"\d+[smhd]", rule["for"])
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"].keys() == {"summary", "description", "action"}
        assert all(text.endswith(".") and len(text) > 20 for text in rule["annotations"].values()), rule["alert"]


def test_every_rule_stands_in_the_operators_page() -> None:
    page = (ROOT / "docs" / "OPERATING.md").read_text(encoding="utf-8")

    assert [rule["alert"] for rule in _rules() if f"`{rule['alert']}`" not in page] == []


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: rule["alert"])
def test_every_expression_is_made_of_metrics_labels_and_words_of_promql(rule: dict[str, Any]) -> None:
    expression = re.sub(r'"[^"]*"', "", rule["expr"])
    # A range such as [5m], a duration after offset.
    words = set(re.findall(r"[A-Za-z_]\w*", re.sub(r"\b\d+[smhd]\b", "", expression)))

    for opening, closing in ("()", "{}", "[]"):
        assert expression.count(opening) == expression.count(closing)
    assert {word for word in words if not word.startswith("moyai_")} <= PROMQL | LABELS
    assert re.search(r"[<>=]=?|absent", expression), "an alert needs a condition"
