"""The decision on a case of stages: each stage takes the rest and the members' amounts that the ones above it left.

Pure and exact. Preview, approval, replay and the command line call `compute_stages`. Amounts are fractions until a
`round` stage; every stage is checked: what came in is what was charged, what the operator took and what is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import Any

from billing.allocation.staged_case import StagedCase
from billing.allocation.staged_limit import limit
from billing.allocation.staged_pool import NOBODY_BEARS, attribute, bear_as_operator, begin_pool, deduct
from billing.allocation.staged_rounding import pay_in_instalments, round_to_yen
from billing.allocation.staged_split import split
from billing.allocation.staged_state import Instalment, StagedState, StageResult, whole_yen
from billing.allocation.staged_workings import Row, Workings, number_input
from governance.kernel.digest import digest_of
from governance.kernel.errors import Invalid
from governance.kernel.yen import printable
from governance.rules.stages import (
    AttributeStage,
    DeductStage,
    InstalmentsStage,
    LimitStage,
    OperatorStage,
    PoolStage,
    RoundStage,
    SplitStage,
    Stage,
)


@dataclass(frozen=True)
class StagedAllocation:
    """What each bears of one case.

    `sum(shares_yen.values()) + operator_yen + operator_residual_yen + deductions_yen + carried_over_yen == total_yen`,
    always.
    """

    case: StagedCase
    shares_yen: Mapping[str, int]
    """By member, in the order of their labels."""
    operator_yen: int
    operator_residual_yen: int
    """What rounding left to the operator; may be negative."""
    deductions_yen: int
    carried_over_yen: int
    """What nobody bears this year; negative where more was charged than the pool."""
    stages: tuple[StageResult, ...]
    instalments: Mapping[str, tuple[Instalment, ...]]
    """By member; empty where the rule has no such stage."""
    workings: Sequence[Row]

    @property
    def total_yen(self) -> int:
        return self.case.total_yen

    @cached_property
    def digest(self) -> str:
        """Names the inputs and the outcome together, whatever the order of members, costs and figures."""
        return digest_of(_canonical(self))


def compute_stages(case: StagedCase, *, with_workings: bool = True) -> StagedAllocation:
    """Share a case by its rule, stage by stage. Raises Invalid, naming the field, for what cannot be shared."""
    return _run(StagedState(case, Workings() if with_workings else None))


def _run(state: StagedState) -> StagedAllocation:
    for place, stage in enumerate(state.case.rule.stages):
        _run_stage(state, stage, f"rule.stages[{place}]", place)
    if state.rest:
        raise Invalid(NOBODY_BEARS, field="rule.stages", yen=printable(state.rest))
    state.finish_pools()
    shares = {code: state.finished[position] + state.direct[position] for position, code in enumerate(state.members)}
    found = StagedAllocation(
        case=state.case,
        shares_yen=shares,
        operator_yen=whole_yen(state.operator),
        operator_residual_yen=state.residual,
        deductions_yen=state.deducted,
        carried_over_yen=whole_yen(state.carried),
        stages=tuple(state.results),
        instalments=state.instalments,
        workings=_closing_rows(state, shares),
    )
    borne = sum(shares.values()) + found.operator_yen + found.operator_residual_yen
    if borne + found.deductions_yen + found.carried_over_yen != found.total_yen:
        raise ArithmeticError("the shares do not add up to the total")
    return found


def _run_stage(state: StagedState, stage: Stage, at: str, place: int) -> None:
    charged, operator = state.charged(), state.operator + state.residual
    incoming = state.rest + state.carried
    match stage:
        case PoolStage():
            begin_pool(state, stage, at)
            incoming = state.rest + state.carried
        case DeductStage():
            deduct(state, stage, at)
        case AttributeStage():
            attribute(state, stage, at)
        case OperatorStage():
            bear_as_operator(state, stage, at)
        case SplitStage():
            split(state, stage, at)
        case LimitStage():
            limit(state, stage, at, _unit_after(state, place))
        case RoundStage():
            round_to_yen(state, stage, at)
        case InstalmentsStage():
            pay_in_instalments(state, stage, at)
    result = StageResult(
        id=stage.id,
        in_yen=incoming,
        charged_yen=state.charged() - charged,
        operator_yen=state.operator + state.residual - operator,
        rest_yen=state.rest + state.carried,
    )
    if result.in_yen != result.charged_yen + result.operator_yen + result.rest_yen:
        raise ArithmeticError(f"the stage {stage.id} does not add up")
    state.results.append(result)


def _unit_after(state: StagedState, place: int) -> int:
    later = state.case.rule.stages[place:]
    return next(stage.unit_yen for stage in later if isinstance(stage, RoundStage))


def _closing_rows(state: StagedState, shares: Mapping[str, int]) -> Sequence[Row]:
    if state.workings is None:
        return ()
    ends = []
    for position, code in enumerate(state.members):
        ends.append(
            state.add(f"share/{code}", "end", "sum", state.final_sources[position], Fraction(shares[code]), member=code)
        )
    for name, sources, value in (
        ("operator", state.operator_sources, state.operator),
        ("operator_residual", state.residual_sources, Fraction(state.residual)),
        ("deductions", state.deducted_sources, Fraction(state.deducted)),
        ("carried_over", state.carried_sources, state.carried),
    ):
        ends.append(state.add(name, "end", "sum", sources, value))
    pools = [source for source in state.total_sources if source.endswith("/pool")]
    checks = [source for source in state.total_sources if not source.endswith("/pool")]
    total = state.add("total", "end", "sum", pools, Fraction(state.case.total_yen))
    state.add("adds_up", "end", "equals", [total, *ends], Fraction(state.case.total_yen), checked=checks)
    stage = state.case.rule.stages[-1]
    for code, payments in state.instalments.items():
        if not isinstance(stage, InstalmentsStage):
            raise AssertionError("instalments are the last stage")
        state.add(
            f"{stage.id}/payments/{code}",
            stage.id,
            "instalments",
            [f"share/{code}", number_input(len(payments), "count")],
            Fraction(shares[code]),
            member=code,
            unit_yen=stage.unit_yen,
            round=stage.round,
            odd_to=stage.odd_to,
            payments=[payment.yen for payment in payments],
            reference=stage.reference,
        )
    state.workings.close()
    return state.workings.rows


def _canonical(allocation: StagedAllocation) -> dict[str, Any]:
    case = allocation.case
    figures = [
        [basis, member, on.isoformat(), str(figure.value)]
        for (basis, member), found in sorted(case.figures.items())
        for on, figure in found
    ]
    return {
        "form": "moyai.allocation/2",
        "fiscal_year": case.fiscal_year.year,
        "costs": sorted([cost.class_, cost.yen, cost.name or ""] for cost in case.costs),
        "members": {
            code: {
                "kind": member.kind,
                "joined_on": _text(member.joined_on),
                "left_on": _text(member.left_on),
                "services": sorted(member.services),
            }
            for code, member in case.members.items()
        },
        "figures": figures,
        "previous_yen": dict(case.previous_yen),
        "deductions": sorted([one.kind.value, one.yen, one.name or "", one.class_ or ""] for one in case.deductions),
        "rule": _sorted_components(case.rule.canonical()),
        "operator_yen": allocation.operator_yen,
        "operator_residual_yen": allocation.operator_residual_yen,
        "carried_over_yen": allocation.carried_over_yen,
        "shares_yen": dict(allocation.shares_yen),
        "instalments": {
            code: [[payment.due, payment.yen] for payment in payments]
            for code, payments in allocation.instalments.items()
        },
    }


def _sorted_components(body: dict[str, Any]) -> dict[str, Any]:
    """The body with the components of each split in one order: theirs changes nothing."""
    stages = [
        stage | {"components": sorted(stage["components"], key=digest_of)} if "components" in stage else stage
        for stage in body["stages"]
    ]
    return body | {"stages": stages}


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
