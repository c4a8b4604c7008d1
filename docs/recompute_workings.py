"""Computes a case of stages again from its workings alone: python recompute_workings.py < result.json

It knows no rule and nothing of Moyai: each entry says its formula and names its inputs, which are earlier entries or
figures. Prints the shares; stops where an entry is missing or is not what its formula gives.
"""

import json
import sys
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction as F
from math import ceil, floor


class Wrong(Exception):
    """An entry is missing, or is not what its formula gives."""


def named(row, name):
    figures = [one for one in row["inputs"] if not isinstance(one, str)]
    return next((F(one["value"]) for one in figures if one.get("name") == name), None)


def number(exact):
    return Decimal(exact.numerator) / Decimal(exact.denominator)


def power(x, row):
    value = sum(F(one["value"]) for one in row["inputs"] if "basis" in one)
    with localcontext() as context:
        context.prec = 50
        doubling, base = named(row, "doubling"), value / named(row, "reference")
        exponent = number(doubling).ln() / Decimal(2).ln() if doubling else number(named(row, "power"))
        raised = (number(base).ln() * exponent).exp() if value else Decimal(0)
        context.prec = 1000
        return F(raised.quantize(Decimal(1).scaleb(-int(named(row, "places"))), ROUND_HALF_EVEN))


def runway(x, row):
    below = paid = F(0)
    for place, cost in enumerate(sorted(x[1:])):
        paid, below = paid + (cost - below) / (len(x) - 1 - place), cost
        if cost == x[0]:
            return paid


def scrb(x, row):
    amount, place, alone, separable = x[0], int(x[1]) - 1, x[2::2], [x[0] - without for without in x[3::2]]
    benefits = [a - m for a, m in zip(alone, separable, strict=True)]
    return separable[place] + (amount - sum(separable)) * benefits[place] / (sum(benefits) or 1)


def bounded(amount, x, row):
    bounds = dict(zip(row["bounds"], x[len(x) - len(row["bounds"]) :], strict=True))
    amount = max(amount, bounds.get("floor", F(0)))
    return min(amount, bounds["cap"]) if "cap" in bounds else amount


def bound(x, row):
    charged = named(row, "charged_directly") or 0
    exact = x[0] * (x[1] if len(x) - bool(charged) > 1 else 1)
    steps = (exact - charged) / row["unit_yen"]
    return max(0, (ceil(steps) if row["formula"] == "bound_up" else floor(steps)) * row["unit_yen"])


def paid(x, row):
    one = (floor if row["round"] == "down" else ceil)(x[0] / x[1] / row["unit_yen"]) * row["unit_yen"]
    odd, rest = x[0] - one * (x[1] - 1), [one] * int(x[1] - 1)
    if row["payments"] != ([odd, *rest] if row["odd_to"] == "first" else [*rest, odd]):
        raise Wrong(row["id"])
    return x[0]


FORMULAS = {
    "figure": lambda x, row: x[0],
    "excluded": lambda x, row: F(0),
    "sum": lambda x, row: sum(x),
    "difference": lambda x, row: x[0] - sum(x[1:]),
    "product": lambda x, row: x[0] * x[1] * (x[2] if len(x) > 2 else 1),
    "negative": lambda x, row: -x[0],
    "least": lambda x, row: min(x),
    "share": lambda x, row: x[0] * x[1] / x[2],
    "part_cut": lambda x, row: floor(x[0] * x[1]),
    "part_with_odd_yen": lambda x, row: x[0] - floor(x[0] * (1 - x[1])),
    "mean_of_shares": lambda x, row: sum(x[n] / x[n + 1] for n in range(0, len(x), 2)) / F(len(x), 2),
    "printed": lambda x, row: F(floor(sum(x[:-1]) * 10 ** int(x[-1]) + F(1, 2)), 10 ** int(x[-1])),
    "cut": lambda x, row: floor(x[0] / row["unit_yen"]) * row["unit_yen"],
    "cut_each": lambda x, row: sum(floor(one / row["unit_yen"]) * row["unit_yen"] for one in x),
    "half_up": lambda x, row: floor(x[0] / row["unit_yen"] + F(1, 2)) * row["unit_yen"],
    "units_left": lambda x, row: (floor(sum(x[: row["amounts"]])) - sum(x[row["amounts"] :])) // row["unit_yen"],
    "unit_by_rank": lambda x, row: x[0] + (row["unit_yen"] if row["rank"] <= x[1] else 0),
    "below_a_yen": lambda x, row: sum(x) - floor(sum(x)),
    "level": lambda x, row: F(row["exact"]),  # whether it is the right one, the check of its stage says
    "clamp": lambda x, row: bounded(x[0], x, row),
    "clamp_at_level": lambda x, row: bounded(x[0] * x[1], x, row),
    "equals": lambda x, row: x[0] if x[0] == sum(x[1:]) else None,
    "complete": lambda x, row: F(row["exact"]),
    "power": power, "runway": runway, "scrb": scrb, "bound_up": bound, "bound_down": bound, "instalments": paid,
}  # fmt: skip


def recompute(rows):
    """The shares by member. Raises Wrong for an entry that is missing or not what its formula gives."""
    value = {}
    for row in rows:
        if missing := [one for one in row["inputs"] if isinstance(one, str) and one not in value]:
            raise Wrong(f"{row['id']} needs {missing[0]}")
        inputs = [value[one] if isinstance(one, str) else F(one["value"]) for one in row["inputs"]]
        value[row["id"]] = FORMULAS[row["formula"]](inputs, row)
        if value[row["id"]] != F(row.get("after", row["exact"])):
            raise Wrong(row["id"])
    if value.get("complete") != len(rows) - 1:
        raise Wrong("the list is not complete")
    return {row["member"]: value[row["id"]] for row in rows if row["id"].startswith("share/")}


if __name__ == "__main__":
    for member, yen in recompute(json.load(sys.stdin)["workings"]).items():
        print(member, yen)
