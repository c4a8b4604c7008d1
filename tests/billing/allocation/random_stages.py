"""Cases of stages drawn from a seed: every stage, basis and policy, up to 8 stages a pool and 60 members.

Most can be shared; some cannot, and then calculator and clerk must both say so.
"""

from __future__ import annotations

from random import Random
from typing import Any

Json = dict[str, Any]

KINDS = ("city", "town", "village")
YEAR = 2026
POLICIES = ("floor_total", "floor_each_component", "round_half_up", "largest_remainder")


def random_stages_case(random: Random, *, most_members: int = 60) -> Json:
    """Any case: 1 to `most_members` members, 1 to 3 pools, 1 to 4 components."""
    members = [
        f"{430000 + 11 * place}" for place in range(min(random.choice((1, 2, 3, 5, 8, 21, most_members)), most_members))
    ]
    facts = {code: _member(random) for code in members}
    pools = random.choice((1, 1, 1, 2, 3))
    stages: list[Json] = []
    case: Json = {
        "form": "cost_sharing/2",
        "fiscal_year": YEAR,
        "costs": [],
        "members": facts,
        "figures": _figures(random, facts),
        "previous_yen": {code: random.randint(1, 3_000_000) for code in members if random.random() < 0.8},
        "deductions_yen": [],
        "rule": {"form": "cost_sharing/2", "stages": stages},
    }
    together = pools > 1 and random.random() < 0.4
    for pool in range(pools):
        _pool(random, case, stages, pool, pools, rounds=not together or pool == pools - 1)
    if random.random() < 0.3:
        stages.append(_instalments(random))
    return case


def _member(random: Random) -> Json:
    facts: Json = {"kind": random.choice(KINDS)}
    if random.random() < 0.35:
        facts["joined_on"] = random.choice(
            ("2020-04-01", "2024-04-01", "2025-10-15", "2026-04-01", "2026-07-01", "2026-10-31", "2027-03-31")
        )
    if random.random() < 0.1 and facts.get("joined_on", "2020-04-01") < "2026-06-01":
        facts["left_on"] = random.choice(("2026-06-30", "2026-12-01", "2027-05-05"))
    if random.random() < 0.4:
        facts["services"] = ["決済基盤"]
    return facts


def _figures(random: Random, facts: dict[str, Json]) -> list[Json]:
    figures: list[Json] = []

    def add(basis: str, member: str, value: object, on: str) -> None:
        figures.append({"basis": basis, "member": member, "value": str(value), "on": on})

    ties = random.random() < 0.2
    # A number of 0 is a figure like any other: 双葉町 had no inhabitants in the census of 2020.
    for member in facts:
        people = 5000 if ties else random.choice((0, random.randint(1, 1000), random.randint(1000, 800_000)))
        add("statistic:population", member, people, "2020-10-01")
        if random.random() < 0.5:
            add("statistic:population", member, people + random.randint(0, 50), "2025-10-01")
        add("statistic:fiscal_index", member, f"0.{random.randint(10, 99)}", "2025-03-31")
        add("fixed", member, f"{random.randint(0, 99)}.5", "2026-04-01")
        add("statistic:area_km2", member, f"{random.randint(5, 900)}.{random.randint(0, 99):02}", "2024-10-01")
        alone = random.randint(100_000, 3_000_000)
        add("alone", member, alone, "2026-01-01")
        add("alone:without", member, random.choice((10**12, random.randint(0, 3_000_000))), "2026-01-01")
        if random.random() < 0.15 or member == min(facts):
            add("amount:special", member, random.randint(0, 600), "2026-04-01")
        for year in (2023, 2024, 2025):
            if year == 2025 or "joined_on" not in facts[member]:
                for on in (f"{year}-05-10", f"{year + 1}-02-10"):
                    add("usage:api_calls", member, random.choice((0, random.randint(1, 500_000))), on)
    random.shuffle(figures)
    return figures


def _ratio(random: Random) -> str:
    return random.choice(("1/2", "0.25", "1/3", "7/9", "0.999"))


def _pool(random: Random, case: Json, stages: list[Json], number: int, pools: int, *, rounds: bool) -> None:
    prefix = f"p{number}_"
    classes = [f"経費{number}{letter}" for letter in "あいう"[: random.randint(1, 3)]]
    most = random.choice((10_000, 10**6, 10**9, 10**13))
    case["costs"] += [{"class": name, "yen": random.randint(1_000, most)} for name in classes]
    stages.append({"id": f"{prefix}pool", "stage": "pool", "cost_classes": classes if pools > 1 else "all"})
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        stages.append(_before_the_split(random, case, classes, f"{prefix}s{len(stages)}"))
    if random.random() < 0.03:
        stages.append({"id": f"{prefix}all", "stage": "operator", "bears": "all"})
    split = _split(random, case)
    stages.append({"id": f"{prefix}split", "stage": "split", **split})
    discounted = any(part.get("factors", {}).get("joining") == "discount" for part in split.get("components", ()))
    limited = random.random() < 0.35
    if limited:
        for place in range(random.choice((1, 1, 2))):
            stages.append({"id": f"{prefix}limit{place}", "stage": "limit", **_limit(random, case)})
    each_possible = not limited and not discounted and rounds and pools == 1
    if rounds or "ratios_as_printed" in split:
        stages.append({"id": f"{prefix}round", "stage": "round", **_round(random, case, each_possible)})


def _before_the_split(random: Random, case: Json, classes: list[str], id: str) -> Json:
    members = sorted(case["members"])
    match random.choice(("deduct", "operator", "operator", "attribute", "amounts")):
        case "deduct":
            kind = random.choice(("grant", "carry_over", "specific_revenue", "other"))
            case["deductions_yen"].append({"kind": kind, "yen": random.randint(0, 2_000), "class": classes[0]})
            return {"id": id, "stage": "deduct", "kinds": [kind], "below_zero": random.choice(("refuse", "zero"))}
        case "attribute":
            if random.random() < 0.5 and len(classes) > 1:
                return {"id": id, "stage": "attribute", "what": classes[-1], "to": random.choice(members)}
            amounts = {code: random.randint(0, 500) for code in random.sample(members, min(2, len(members)))}
            mode = random.choice(("charge", "take_out_and_put_back"))
            return {"id": id, "stage": "attribute", "what": f"特別交付税{id}", "to": amounts, "mode": mode}
        case "amounts":
            return {"id": id, "stage": "attribute", "what": f"負担{id}", "basis": "amount:special"}
    match random.choice(("ratio", "ratio", "first_up_to", "none")):
        case "ratio":
            odd = random.choice(({}, {"odd_yen": "members"}, {"odd_yen": "operator"}))
            return {"id": id, "stage": "operator", "bears": "ratio", "ratio": _ratio(random), **odd}
        case "first_up_to":
            yen: object = random.randint(0, 5_000)
            if random.random() < 0.3:
                yen = [{"from_fiscal_year": 2024, "value": 3_000}, {"from_fiscal_year": 2026, "value": 4_000}]
            return {"id": id, "stage": "operator", "bears": "first_up_to", "yen": yen}
    return {"id": id, "stage": "operator", "bears": "none"}


def _split(random: Random, case: Json) -> Json:
    members = sorted(case["members"])
    if random.random() < 0.08:
        scale = 1000
        left = scale + random.choice((0, 0, -3, 5))
        table = {}
        for member in members[:-1]:
            part = random.randint(0, left // 2)
            table[member] = f"{part}/{scale}"
            left -= part
        table[members[-1]] = f"{min(left, scale)}/{scale}"
        return {"ratios_as_printed": table, "places": 3}
    count = random.choice((1, 1, 2, 2, 3, 4))
    parts = [random.randint(1, 100) for _ in range(count)]
    whole = sum(parts)
    components = [_component(random, members, case, f"{part}/{whole}") for part in parts]
    if random.random() < 0.1:
        for component in components:
            if component["basis"] == "alone":
                component.clear()
                component.update({"basis": "equal", "ratio": f"{parts[components.index(component)]}/{whole}"})
            if component.get("factors", {}).get("joining", "weight") != "weight":
                del component["factors"]
        return {"components": components, "ratios_as_printed": True, "places": random.choice((2, 3, 5))}
    return {"components": components}


def _component(random: Random, members: list[str], case: Json, ratio: str) -> Json:
    part: Json = {"ratio": ratio}
    match random.choice(("equal", "kind", "population", "statistic", "usage", "fixed", "alone", "power")):
        case "equal":
            part["basis"] = "equal"
        case "kind":
            part |= {"basis": "equal_by_kind", "weights": {"city": 100, "town": "50.00", "village": 50}}
        case "population":
            part |= {"basis": "statistic:population", "at": random.choice(("2020-10-01", "previous-10-01"))}
        case "statistic":
            part |= {"basis": random.choice(("statistic:fiscal_index", "statistic:area_km2"))}
        case "usage":
            at: Any = random.choice(
                (
                    "previous_fiscal_year",
                    "previous_calendar_year",
                    {"years": 2},
                    {"years": 3},
                    {"from": "previous-04-01", "to": "year-12-31"},
                )
            )
            part |= {"basis": "usage:api_calls", "at": at}
            if isinstance(at, dict) and "years" in at:
                part["average"] = random.choice(("sum_of_years", "mean_of_shares"))
        case "fixed":
            part |= {"basis": "fixed"}
            if random.random() < 0.7:
                part["weights"] = {code: f"{random.randint(0, 9999) / 100:.2f}" for code in members}
        case "alone":
            if random.random() < 0.8:
                return part | {"basis": "alone", "method": "tiers"}
            return part | {"basis": "alone", "method": "scrb"}
        case "power":
            power: Any = random.choice(
                ({"doubling": "3/2", "reference": 10_000}, {"power": "1/2", "reference": 10_000, "places": 6}, "1/3", 2)
            )
            part |= {"basis": "statistic:population", "at": "2020-10-01", "power": power}
    if random.random() < 0.25:
        part["inclusion"] = random.choice(
            (
                {"only": random.sample(members, max(1, len(members) // 2))},
                {"except": [members[0]]},
                {"kinds": ["city", "town"]},
                {"users_of": "決済基盤"},
            )
        )
    if random.random() < 0.35:
        part["factors"] = _factors(random, members)
    return part


def _factors(random: Random, members: list[str]) -> Json:
    factors: Json = {"joining": random.choice(("weight", "periods", "discount"))}
    if random.random() < 0.5:
        factors["by"] = random.choice(("months", "days", "year"))
    if random.random() < 0.3:
        factors["leaving"] = random.choice(("whole_year", "until_leaving"))
    if random.random() < 0.5:
        factors["waivers"] = random.sample(
            [
                {"joined_fiscal_year": 2025, "factors": ["0", "1/2"]},
                {"joined_fiscal_year": 2024, "factors": [0, "0.25", "3/4"]},
                {"factors": ["1/2"]},
            ],
            random.randint(1, 3),
        )
    if random.random() < 0.2:
        factors["members"] = random.sample(members, max(1, len(members) // 3))
    if factors["joining"] == "discount":
        factors["borne_by"] = random.choice(("operator", "carry_over", "member"))
        if factors["borne_by"] == "member":
            factors["member"] = random.choice(members)
    return factors


def _limit(random: Random, case: Json) -> Json:
    members = sorted(case["members"])
    stage: Json = {"measure": random.choice(("yen", "per_head", "of_previous"))}
    numbers = {"yen": (0, 100_000, 2_000_000), "per_head": (1, 50, 700), "of_previous": ("0", "1/2", "110/100")}
    low, middle, high = numbers[stage["measure"]]
    if random.random() < 0.7:
        stage["cap"] = random.choice((middle, high, {random.choice(members): high}))
    if random.random() < 0.4 or "cap" not in stage:
        stage["floor"] = random.choice((low, {random.choice(members): low}))
    if random.random() < 0.3:
        stage["on"] = "total"
    stage["excess_to"] = random.choice(("others", "others", "operator", "carry_over", "member"))
    if stage["excess_to"] == "member":
        stage["member"] = random.choice(members)
    return stage


def _round(random: Random, case: Json, each_possible: bool) -> Json:
    stage: Json = {"policy": random.choice([p for p in POLICIES if each_possible or p != "floor_each_component"])}
    stage["unit_yen"] = random.choice((1, 1, 1, 10, 100, 1000))
    stage["remainder_to"] = random.choice(("operator", "largest", "member", "carry_over"))
    if stage["remainder_to"] == "member":
        stage["member"] = random.choice(sorted(case["members"]))
    return stage


def _instalments(random: Random) -> Json:
    stage: Json = {"id": "pay", "stage": "instalments", "count": random.choice((2, 3, 4, 6))}
    stage["unit_yen"] = random.choice((1, 1, 1000))
    stage["round"] = random.choice(("down", "down", "up"))
    stage["odd_to"] = random.choice(("first", "last"))
    if random.random() < 0.3:
        stage["not_above_yen"] = random.choice((0, 10_000, 10_000_000))
    return stage
