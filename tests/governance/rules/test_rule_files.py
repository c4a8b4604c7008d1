"""`moyai rule render`, `parse`, `compare`, `templates` and `schema`: files in, files out, no database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from admin.features.rules.cli import rule
from governance.rules.stages import StagedRule
from tests.billing.allocation.stages_cases import NAMES
from tests.governance.rules.test_sentences import FIRST, THIRD


def call(*words: str, given: str = "") -> Result:
    return CliRunner().invoke(rule, list(words), input=given, catch_exceptions=False)


@pytest.fixture
def names(tmp_path: Path) -> str:
    """The members' names in a file."""
    file = tmp_path / "names.json"
    file.write_text(json.dumps(NAMES, ensure_ascii=False), encoding="utf-8")
    return str(file)


def test_a_sentence_becomes_a_rule_and_the_rule_that_sentence(names: str) -> None:
    parsed = call("parse", "--input", "-", "--names", names, given=THIRD)
    answer: dict[str, Any] = json.loads(parsed.stdout)
    rendered = call("render", "--input", "-", "--names", names, given=json.dumps(answer["rule"]))
    english = call("render", "--input", "-", "--language", "en", "--json", given=json.dumps(answer["rule"]))

    assert (parsed.exit_code, rendered.exit_code) == (0, 0)
    assert rendered.stdout == f"{THIRD}\n"
    said = json.loads(english.stdout)
    assert said["digest"] == answer["digest"]
    back = call("parse", "--input", "-", "--language", "en", given=said["text"])
    assert json.loads(back.stdout) == answer


def test_two_rules_are_compared_with_an_exit_code_for_scripts(tmp_path: Path) -> None:
    body = json.loads(call("parse", "--input", "-", given=FIRST).stdout)["rule"]
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    before.write_text(json.dumps(body), encoding="utf-8")
    body["stages"][1]["ratio"] = "1/3"
    after.write_text(json.dumps(body), encoding="utf-8")

    same = call("compare", "--before", str(before), "--after", str(before))
    differing = call("compare", "--before", str(before), "--after", str(after))
    as_json = call("compare", "--before", str(before), "--after", str(after), "--json")

    assert (same.exit_code, same.stdout) == (0, "")
    assert differing.exit_code == as_json.exit_code == 1
    assert "ratio: 1/2 → 1/3" in differing.stdout
    assert "+ 経費の3分の2に相当する額" in differing.stdout
    assert json.loads(as_json.stdout)["changes"][0]["fields"] == [{"field": "ratio", "before": "1/2", "after": "1/3"}]


def test_templates_and_schema_are_printed() -> None:
    listed = json.loads(call("templates", "--json").stdout)["templates"]
    one = json.loads(call("templates", "prefecture_half", "--json").stdout)

    assert len(listed) == 15
    assert one in listed
    assert one["cases"][0]["expect"]["shares_yen"]["431001"] == 5_907_051
    assert json.loads(call("schema").stdout) == StagedRule.model_json_schema(by_alias=True)
    assert set(json.loads(call("schema", "case").stdout)["required"]) >= {"form", "costs", "members", "rule"}
    refused = call("templates", "nothing")
    assert (refused.exit_code, refused.stdout) == (1, "")


@pytest.mark.parametrize(
    ("words", "given", "field", "code"),
    [
        (("render", "--input", "-", "--json"), '{"form": "cost_sharing/1"}', "body.form", "rule.not_understood"),
        (("render", "--input", "-", "--json"), "{", None, "json.not_json"),
        (("render", "--input", "-", "--json"), " " * (2**20 + 1), "--input", "rule.file_too_large"),
        (("parse", "--input", "-", "--json"), "負担しない。", "text", "rule.sentence_not_read"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    words: tuple[str, ...], given: str, field: str | None, code: str
) -> None:
    outcome = call(*words, given=given)

    error = json.loads(outcome.stdout or outcome.stderr)["error"]
    assert (outcome.exit_code, error.get("field"), error["code"]) == (2, field, code)


def test_names_that_are_no_names_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "names.json"
    file.write_text('["熊本市"]', encoding="utf-8")

    outcome = call("parse", "--input", "-", "--names", str(file), "--json", given=FIRST)

    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert json.loads(outcome.stderr)["error"]["field"] == "--names"
