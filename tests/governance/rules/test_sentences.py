"""A rule is written as sentences and read back to the same rule, in both languages; the reference's sentences as they
stand."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from governance.kernel.errors import Invalid, Language
from governance.rules.sentences import parse, render
from governance.rules.stages import StagedRule, read_staged_rule
from tests.billing.allocation.random_rules import random_rule
from tests.billing.allocation.stages_cases import NAMES, TAMANA, answer
from tests.billing.allocation.test_stages_worked import second_sentence, third_sentence

Json = dict[str, Any]

FIRST = (
    "経費の2分の1に相当する額（1円未満は切り捨てる。）を利用団体が負担し、残額を県が負担する。"
    "利用団体が負担する額は、100分の10を均等割、100分の90を人口割（令和2年10月1日現在の国勢調査による。）により"
    "按分して得た額の合計額とし、1円未満の端数は切り捨て、切り捨てた額の合計は県が負担する。"
)
SECOND = (
    "経費から繰越金を控除し、残額のうち4,000,000円までを県が負担する。"
    "その残額は、100分の20を均等割（市 100、町村 50）、"
    "100分の80を人口割（令和2年10月1日現在の国勢調査による。）により按分する。"
    "ただし、各団体の負担額は前年度の負担額の100分の110を限度とし、"
    "限度を超える額は他の団体が按分前の割合に応じて負担する。"
    "1円未満の端数は切り捨て、残額は端数の大きい団体から順に1円ずつ加算する。"
)
THIRD = (
    "個別機能の経費は、これを利用する玉名市が負担する。その他の経費は、API利用回数の直前3か年の合計により按分する。"
    "年度の中途に加入したあさぎり町の利用回数は、加入の日の属する月以後の月数を12で除した数を乗じて得た数とする。"
    "1,000円未満の端数は切り捨て、残額は負担額の最も大きい団体が負担する。"
    "負担金は4期に分割し、1,000円未満の端数は第1期に合算する。"
    "この規則は、公布の日から施行し、令和8年度分の負担金から適用する。"
)
RULES = 2_000
"""`make soak` takes 10,000."""


@pytest.mark.parametrize("sentence", [FIRST, SECOND, THIRD])
def test_the_references_sentences_are_read_and_written_as_they_stand(sentence: str) -> None:
    rule = parse(sentence, "ja", NAMES)

    assert render(rule, "ja", NAMES) == sentence
    english = render(rule, "en", NAMES)
    assert parse(english, "en", NAMES) == rule
    assert parse(english, "en", NAMES).digest == rule.digest


def test_the_rules_that_the_sentences_say_share_as_the_rules_they_were_written_for() -> None:
    second, third = second_sentence(), third_sentence()
    for case, sentence in ((second, SECOND), (third, THIRD)):
        said = case | {"rule": parse(sentence, "ja", NAMES).canonical()}
        assert answer(said)["shares_yen"] == answer(case)["shares_yen"]
    assert answer(third)["shares_yen"][TAMANA] == 6_134_000


@pytest.mark.slow
def test_every_random_rule_is_read_back_from_its_sentences() -> None:
    read_back(RULES)


def read_back(count: int) -> None:
    """Write and read so many random rules, in both languages by turns, with and without the members' names."""
    names = {"430000": "熊本市", "430011": "八代市", "430022": "熊本", "430033": "熊本"}
    languages: tuple[Language, ...] = ("ja", "en")
    for seed in range(count):
        rule = read_staged_rule(random_rule(Random(seed)))
        language = languages[seed % 2]
        known = names if seed % 4 < 2 else {}
        assert parse(render(rule, language, known), language, known) == rule, seed


def test_one_rule_has_one_digest_however_its_numbers_are_written() -> None:
    for seed in range(50):
        rule = read_staged_rule(random_rule(Random(seed)))
        again = read_staged_rule(rule.canonical())
        assert again == rule
        assert again.digest == rule.digest
        assert again.canonical() == rule.canonical()
    written = _one_split("0.10", "90/100")
    assert written.digest == _one_split("1/10", "0.9").digest != _one_split("2/10", "8/10").digest


def _one_split(first: str, second: str) -> StagedRule:
    components = [{"ratio": first, "basis": "equal"}, {"ratio": second, "basis": "statistic:population"}]
    return read_staged_rule(
        {
            "form": "cost_sharing/2",
            "stages": [
                {"id": "pool_1", "stage": "pool"},
                {"id": "split_1", "stage": "split", "components": components},
                {"id": "round_1", "stage": "round", "policy": "floor_total"},
            ],
        }
    )


def test_percent_may_be_typed_where_the_law_says_hundredths() -> None:
    assert parse(FIRST.replace("100分の10を", "10％を").replace("100分の90を", "90%を"), "ja") == parse(FIRST, "ja")


def test_a_line_may_begin_where_a_sentence_does() -> None:
    broken = SECOND.replace("負担する。その", "負担する。\n　その").replace("する。ただし", "する。\r\nただし")
    assert broken.count("\n") == 2
    assert parse(broken, "ja", NAMES) == parse(SECOND, "ja", NAMES)


@pytest.mark.parametrize(
    ("text", "field", "code"),
    [
        ("", "body.stages", "rule.not_understood"),
        ("経費は、みんなで負担する。", "text", "rule.sentence_not_read"),
        (FIRST.replace("100分の90を", "100分の89を"), "body.stages[2].components", "rule.ratios_of_components"),
        (FIRST + "以上。", "text", "rule.sentence_not_read"),
        (FIRST.replace("人口割", "身長割"), "text", "rule.sentence_not_read"),
        (FIRST.replace("令和2年10月1日", "平成32年10月1日"), "text", "rule.sentence_not_read"),
        (THIRD.replace("玉名市", "どこか市"), "text", "rule.sentence_not_read"),
        (
            FIRST.partition("利用団体が負担する額は")[0] + SECOND[SECOND.index("ただし、") :],
            "body.stages[2]",
            "rule.stage_order",
        ),
        ("経" * 100_001, "text", "rule.sentence_too_long"),
    ],
)
def test_a_text_that_is_no_rule_is_refused_with_its_place(text: str, field: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(text, "ja", NAMES)

    assert (refused.value.field, refused.value.code) == (field, code)


def test_a_refused_text_is_quoted_where_reading_stopped() -> None:
    with pytest.raises(Invalid) as refused:
        parse(FIRST.replace("切り捨てた額の合計は県が負担する。", "残りは知らない。"), "ja", NAMES)

    assert refused.value.facts["given"] == "1円未満の端数は切り捨て、残りは知らない。"
