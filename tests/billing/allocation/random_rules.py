"""Bodies of rules drawn from a seed, with everything that a rule can say: names, notes, references, values by year."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.billing.allocation.random_stages import random_stages_case

Json = dict[str, Any]

NAMES = ("運営費", "共通経費", "第2号経費（更新分）", "A & B の経費", "データ連携、基盤", "負担金")
REFERENCE: Json = {
    "title": "負担金規程",
    "article": "第3条第2項",
    "url": "https://example.jp/reiki/1.html",
    "published_on": "2026-03-31",
}


def random_rule(random: Random) -> Json:
    """A body that is a rule; whether a case of it can be shared does not matter."""
    body: Json = random_stages_case(random, most_members=4)["rule"]
    for stage in body["stages"]:
        _decorate(random, stage)
    if random.random() < 0.3:
        body["title"] = {"ja": "データ連携基盤負担金規程"} | (
            {"en": "Rule on contributions"} if random.random() < 0.5 else {}
        )
    if random.random() < 0.3:
        body["applies_to"] = {"from_fiscal_year": random.choice((2019, 2026))}
        if random.random() < 0.5:
            body["applies_to"]["to_fiscal_year"] = 2030
    if random.random() < 0.3:
        body["in_force"] = random.choice(("promulgation", "2026-04-01", "2019-05-01"))
    if random.random() < 0.2:
        body["paid_before"] = "part_payment"
    if random.random() < 0.2:
        body["reference"] = _reference(random)
    return body


def _reference(random: Random) -> Json:
    return {key: text for key, text in REFERENCE.items() if key == "title" or random.random() < 0.6}


def _decorate(random: Random, stage: Json) -> None:
    if random.random() < 0.15:
        stage["name"] = random.choice(NAMES)
    if random.random() < 0.1:
        stage["note"] = "協議会で確認済み。端数の扱いは別に定める。"
    if random.random() < 0.1:
        stage["reference"] = _reference(random)
    match stage["stage"]:
        case "operator" if "ratio" in stage and random.random() < 0.4:
            stage["ratio"] = _by_year(random, ["1/2", "2/3", 0])
        case "operator" if "yen" in stage and random.random() < 0.4:
            stage["yen"] = _by_year(random, [4_000_000, 5_000_000])
        case "limit" if random.random() < 0.4:
            key = random.choice([name for name in ("floor", "cap") if name in stage])
            if not isinstance(stage[key], dict) and not ("floor" in stage and "cap" in stage):
                stage[key] = _by_year(random, ["105/100", "11/10", 2])
            if stage["measure"] == "per_head" and random.random() < 0.5:
                stage["basis"] = random.choice(("statistic:households", "statistic:population", "statistic:other"))
            if stage["measure"] == "per_head" and random.random() < 0.5:
                stage["at"] = "previous-10-01"
        case "attribute" if random.random() < 0.3:
            stage["what"] = random.choice(NAMES)
            stage["mode"] = "take_out_and_put_back"
        case "split":
            for part in stage.get("components", ()):
                _decorate_component(random, part)
        case "instalments" if random.random() < 0.5:
            days = ["05-20", "08-20", "11-20", "02-20", "12-01", "03-31"]
            stage["due"] = days[: stage["count"]]
            if random.random() < 0.5:
                stage["when_closed"] = random.choice(("day_before", "day_after"))


def _decorate_component(random: Random, part: Json) -> None:
    if random.random() < 0.15:
        part["name"] = random.choice(NAMES)
    if part["basis"].startswith(("statistic:", "usage:", "fixed", "alone")) and random.random() < 0.4:
        part["source"] = random.choice(
            ("国勢調査", "住民基本台帳", "e-Stat「なし」の表".replace("「なし」", ""), "実績表、月次")
        )
    if part["basis"].startswith("statistic:") and random.random() < 0.2:
        part["basis"] = random.choice(("statistic:unknown_one", "statistic:population_65plus", "statistic:staff"))
    if part["basis"].startswith("usage:") and random.random() < 0.2:
        part["basis"] = random.choice(("usage:tickets", "usage:visits"))


def _by_year(random: Random, values: list[Any]) -> list[Json]:
    found = []
    for place, value in enumerate(values[: random.randint(1, len(values))]):
        entry: Json = {"from_fiscal_year": 2024 + place, "value": value}
        if random.random() < 0.3:
            entry["reference"] = _reference(random)
        found.append(entry)
    return found
