"""Cases of stages as the tests write them: municipalities of Kumamoto, with the census of 2020."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from admin.features.allocation.compute_cli import allocation

Json = dict[str, Any]

KUMAMOTO, YATSUSHIRO, HITOYOSHI, ARAO, TAMANA = "431001", "432024", "432032", "432041", "432067"
UBUYAMA, ASAGIRI = "434256", "435147"

_ROWS = list(
    csv.DictReader(
        (Path(__file__).parents[3] / "admin/example/kumamoto_municipalities.csv").read_text("utf-8").splitlines()
    )
)
POPULATION = {row["code6"]: int(row["population_2020"]) for row in _ROWS}
NAMES = {row["code6"]: row["name_ja"] for row in _ROWS}
KINDS = {row["code6"]: row["kind"].removeprefix("designated_") for row in _ROWS}


def rule(*stages: Json, **head: Any) -> Json:
    """The body of a rule; a stage without an id is named by its kind and place."""
    return {
        "form": "cost_sharing/2",
        "stages": [{"id": f"{stage['stage']}_{place}"} | stage for place, stage in enumerate(stages)],
        **head,
    }


def pool(*classes: str) -> Json:
    return {"stage": "pool", "cost_classes": list(classes) if classes else "all"}


def split(*components: Json, **more: Any) -> Json:
    return {"stage": "split", "components": list(components), **more}


def fixed(weights: dict[str, Any], ratio: Any = 1, **more: Any) -> Json:
    return {"ratio": ratio, "basis": "fixed", "weights": weights, **more}


def rounding(policy: str, unit_yen: int = 1, **more: Any) -> Json:
    return {"stage": "round", "policy": policy, "unit_yen": unit_yen, **more}


CUT = rounding("floor_total", remainder_to="operator")


def case(body: Json, costs: int | dict[str, int], members: Any, **more: Any) -> Json:
    """A case of fiscal 2026; `costs` are yen of one class 運用, or by class; `members` codes, or facts by code."""
    by_class = {"運用": costs} if isinstance(costs, int) else costs
    return {
        "form": "cost_sharing/2",
        "fiscal_year": 2026,
        "costs": [{"class": name, "yen": yen} for name, yen in by_class.items()],
        "members": {code: facts if isinstance(facts, dict) else {} for code, facts in _facts(members)},
        "rule": body,
        **more,
    }


def _facts(members: Any) -> list[tuple[str, Any]]:
    return list(members.items()) if isinstance(members, dict) else [(code, {}) for code in members]


def census(members: Any) -> list[Json]:
    """The figures of the census of 2020."""
    return [
        {
            "basis": "statistic:population",
            "member": code,
            "value": str(POPULATION[code]),
            "on": "2020-10-01",
            "source": "令和2年国勢調査",
        }
        for code in members
    ]


def run(given: Json, *options: str) -> Result:
    """`moyai allocation compute` on a case."""
    return CliRunner().invoke(allocation, ["compute", "--input", "-", *options], input=json.dumps(given))


def answer(given: Json) -> Json:
    """What the command prints on a case that can be shared."""
    outcome = run(given)
    assert outcome.exit_code == 0, outcome.stderr
    found: Json = json.loads(outcome.stdout)
    return found


def shares(given: Json) -> list[int]:
    """The shares in the order of the members' labels."""
    return list(answer(given)["shares_yen"].values())


def refusal(given: Json) -> tuple[str, str, str]:
    """Field, code and message of the refusal of a case that cannot be shared; nothing on standard output."""
    outcome = run(given, "--json")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    error = json.loads(outcome.stderr)["error"]
    return error["field"], error["code"], error["message"]
