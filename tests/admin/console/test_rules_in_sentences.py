"""A rule written in sentences: read as stages, confirmed, drafted once, compared in words, adopted by nobody yet."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape

import pytest

from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from governance.rules.queries import RuleVersionFacts, rule_versions
from tests.admin.console.conftest import ConsoleSample
from tests.admin.console.test_forms import hidden
from tests.admin.visitors import Visit
from tests.factories import IN_FISCAL_YEAR_2025
from tests.words import foreign_words, readable

VisitAs = Callable[[Role], Visit]

TEXT = (
    "経費から繰越金を控除し、残額のうち4,000,000円までを県が負担する。その残額は、100分の20を均等割"
    "（市 100、町村 50）、100分の80を人口割（令和2年10月1日現在の国勢調査による。）により按分する。ただし、"
    "各団体の負担額は前年度の負担額の100分の110を限度とし、限度を超える額は他の団体が按分前の割合に応じて負担する。1円未満の端数は切り捨て、"
    "残額は端数の大きい団体から順に1円ずつ加算する。"
)
RULE = {"name": "by-stages", "label": "段階の規程", "valid_from": "2026-04-01", "valid_until": "", "text": TEXT}


@pytest.fixture(autouse=True)
def in_the_year() -> Iterator[None]:
    with clock.at(IN_FISCAL_YEAR_2025):
        yield


def versions() -> list[RuleVersionFacts]:
    with tenant_scope(OPERATOR):
        return rule_versions(db.session())


def text_in(page: str) -> str:
    """What stands in the field of the sentences."""
    found = re.search(r'<textarea id="text"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert found is not None
    return unescape(found[1])


def test_a_rule_is_written_in_sentences_drafted_once_and_adopted_by_nobody(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    count_before = len(versions())

    confirm = visit.submit("/rules/write", step="confirm", key="s", **RULE)
    unwritten = len(versions())
    sent = {**hidden(confirm), "step": "apply"}
    first, second = visit.submit("/rules/write", **sent), visit.submit("/rules/write", **sent)

    assert confirm.status_code == 200
    assert "残額のうち4,000,000円までを県が負担する。" in confirm.text
    assert unwritten == count_before
    assert (first.status_code, second.status_code) == (303, 303)
    (made,) = [one for one in versions() if one.name == "by-stages"]
    assert [stage["stage"] for stage in made.body["stages"]] == [
        "pool",
        "deduct",
        "operator",
        "split",
        "limit",
        "round",
    ]
    page = visit.get(first.headers["Location"]).text
    assert TEXT in page
    assert f"/rules/{made.id}/adopt" not in page
    assert "議決は記録できません" in page

    decision = {"decided_by": "協議会", "decision_number": "議案第3号", "decided_on": "2025-05-30"}
    adopted = visit.submit(f"/rules/{made.id}/adopt", step="apply", key="a", **decision)
    assert adopted.status_code == 409
    assert [one.decision for one in versions() if one.name == "by-stages"] == [None]


WRONG_TEXTS = (
    ("", "入力してください"),
    ("経費は、みんなで分ける。", "規程として読めません"),
    (TEXT.replace("100分の20", "100分の19"), "合計"),
    (TEXT.replace("1円未満の端数は切り捨て、残額は端数の大きい団体から順に1円ずつ加算する。", ""), "端数処理"),
    (TEXT + TEXT, ""),
)


def test_a_text_that_is_no_rule_is_shown_at_its_field_and_not_drafted(
    sample: ConsoleSample, visit_as: VisitAs, subtests: pytest.Subtests
) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    count_before = len(versions())

    for text, expected in WRONG_TEXTS:
        with subtests.test(text=text[:40]):
            answer = visit.submit("/rules/write", step="apply", key="w", **{**RULE, "text": text, "valid_from": ""})

            assert answer.status_code == 422
            assert 'href="#text"' in answer.text
            assert 'href="#valid_from"' in answer.text
            assert expected in answer.text
            assert text_in(answer.text).strip() == text
            assert len(versions()) == count_before


def test_the_next_version_begins_with_the_sentences_of_the_one_before_and_says_what_changes(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    address = f"/rules/write?after={sample.rule_version_id}"

    begun = text_in(visit.get(address).text)
    changed = begun.replace("100分の10を均等割、100分の90を人口割", "100分の30を均等割、100分の70を人口割")
    given = {**RULE, "text": changed}
    confirm = visit.submit(address, step="confirm", key="n", **given)
    drafted = visit.submit(address, **{**hidden(confirm), "step": "apply"})

    assert "100分の10を均等割" in begun
    assert changed != begun
    assert "100分の10を均等割" in confirm.text
    assert "100分の30を均等割" in confirm.text
    assert drafted.status_code == 303
    before, after = versions()
    assert (after.name, after.number) == (before.name, 2)
    page = visit.get(f"/rules/{after.id}/changes").text
    assert page.count("100分の10を均等割") == page.count("100分の30を均等割") == 1
    assert "違いはありません" not in page
    again = visit.get(f"/rules/draft?after={after.id}")
    assert again.status_code == 303
    assert text_in(visit.get(again.headers["Location"]).text) == changed
    assert "この版より前の版はありません" in visit.get(f"/rules/{before.id}/changes").text
    assert "100分の30を均等割" in visit.get(f"/rules/{before.id}/changes?base={after.id}").text


def test_a_template_fills_the_sentences_in_the_readers_language_and_either_is_read(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)

    japanese = text_in(visit.get("/rules/write?template=prefecture_half").text)
    english = text_in(visit.get("/rules/write?template=prefecture_half&lang=en").text)
    drafted = [
        visit.submit("/rules/write", step="apply", key=f"t{place}", **{**RULE, "name": f"t{place}", "text": text})
        for place, text in enumerate((japanese, english))
    ]

    assert "残額を県が負担する。" in japanese
    assert "the prefecture" in english
    assert [one.status_code for one in drafted] == [303, 303]
    bodies = [one.body for one in versions() if one.name in ("t0", "t1")]
    assert bodies[0] == bodies[1]


def test_a_municipality_reads_the_sentences_and_writes_none(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.TENANT_OWNER)
    count_before = len(versions())

    assert visit.get(f"/rules/{sample.rule_version_id}/changes").status_code == 200
    assert visit.get("/rules/write").status_code == 403
    assert visit.submit("/rules/write", step="apply", key="m", **RULE).status_code == 403
    assert len(versions()) == count_before


def test_the_page_with_the_published_rules_and_their_sources_has_no_foreign_word(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    page = visit_as(Role.OPERATOR_FINANCE).get("/rules/write").text

    assert "公共データ利用規約（第1.0版）" in page
    assert foreign_words(readable(page)) == set()
