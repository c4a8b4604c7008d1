"""A rule without a form, said as stages: the same costs come to the same yen.

Pure. Such a rule is one pool of all costs: deductions, the operator's ratio, the components, one rounding. Stored
bodies are never rewritten; this is for reading them as sentences and for comparing them with rules of stages.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

from governance.kernel.split import Rounding
from governance.rules.cost_sharing import (
    CostSharing,
    DeductionKind,
    EqualByKindComponent,
    FixedComponent,
    RuleComponent,
    StatisticComponent,
)
from governance.rules.sentences.words import STATISTICS
from governance.rules.stages import FORM, StagedRule, read_staged_rule

_KINDS: Final = {
    DeductionKind.GRANT: "grant",
    DeductionKind.OTHER_REVENUE: "other",
    DeductionKind.CARRY_OVER: "carry_over",
}


def as_stages(sharing: CostSharing) -> StagedRule:
    """The rule as stages with their usual ids. Raises Invalid for a name that a rule of stages may not hold."""
    stages: list[dict[str, Any]] = [{"id": "pool_1", "stage": "pool"}]
    if sharing.deductions:
        kinds = [_KINDS[kind] for kind in DeductionKind if kind in sharing.deductions]
        stages.append({"id": "deduct_1", "stage": "deduct", "kinds": kinds})
    if sharing.operator_ratio:
        ratio = str(sharing.operator_ratio)
        stages.append({"id": "operator_1", "stage": "operator", "bears": "ratio", "ratio": ratio})
    stages.append({"id": "split_1", "stage": "split", "components": [_component(part) for part in sharing.components]})
    stages.append(
        {"id": "round_1", "stage": "round", "unit_yen": sharing.unit_yen, "policy": _policy(sharing.rounding)}
    )
    return read_staged_rule({"form": FORM, "stages": stages})


def _policy(rounding: Rounding) -> str:
    """The policy of a `round` stage: it takes the names of the one-stage case."""
    return rounding.value


def _component(part: RuleComponent) -> dict[str, Any]:
    found: dict[str, Any] = {"ratio": _text(part.ratio), "basis": part.basis_text}
    if part.name != _usual_name(part.basis_text):
        found["name"] = part.name
    if isinstance(part, StatisticComponent):
        found["at"] = part.basis_date.text
    if isinstance(part, EqualByKindComponent | FixedComponent):
        found["weights"] = {name: _text(weight) for name, weight in part.weights.items()}
    if isinstance(part, StatisticComponent | FixedComponent) and part.source is not None:
        found["source"] = part.source
    return found


def _usual_name(basis: str) -> str:
    """What the sentence calls a basis anyway: a component of this name needs none."""
    word = STATISTICS.get(basis)
    return "均等割" if basis in ("equal", "equal_by_kind") else f"{word.ja}割" if word else ""


def _text(value: Fraction) -> str:
    return str(value)
