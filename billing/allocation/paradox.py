"""Where a unit more of cost would give a member less: a known property of handing out units by remainders (the Alabama
paradox), and of giving the remainder to one member. It is disclosed, not a mistake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from billing.allocation.staged_answer import Paradox
from billing.allocation.staged_calculation import StagedAllocation, compute_stages
from billing.allocation.staged_case import StagedCase, pool_of
from governance.kernel.errors import Invalid
from governance.rules.stage_values import Policy, RemainderTo
from governance.rules.stages import PoolStage, RoundStage


def paradoxes(allocation: StagedAllocation) -> tuple[Paradox, ...]:
    """The members that one unit more in a pool would charge less, or one unit less more; pools in their order.

    Computes the case twice more for each pool, where the rule rounds in a way that can do so.
    """
    case = allocation.case
    rounds = [stage for stage in case.rule.stages if isinstance(stage, RoundStage)]
    moving = [
        stage
        for stage in rounds
        if stage.policy is Policy.LARGEST_REMAINDER or stage.remainder_to in (RemainderTo.LARGEST, RemainderTo.MEMBER)
    ]
    if not moving:
        return ()
    unit = max(stage.unit_yen for stage in moving)
    return tuple(_of_pools(allocation, unit))


def _of_pools(allocation: StagedAllocation, unit_yen: int) -> Iterator[Paradox]:
    case = allocation.case
    for pool in case.rule.stages:
        if not isinstance(pool, PoolStage):
            continue
        cost_class = next((cost.class_ for cost in case.costs if pool in pool_of(case.rule, cost.class_)), None)
        if cost_class is None:
            continue
        more = _with_more(case, cost_class, unit_yen)
        if more is not None:
            yield from _fallen(allocation, more, cost_class, unit_yen)
        less = _with_more(case, cost_class, -unit_yen)
        if less is not None:
            yield from _fallen(less, allocation, cost_class, unit_yen)


def _with_more(case: StagedCase, cost_class: str, more_yen: int) -> StagedAllocation | None:
    place = next(place for place, cost in enumerate(case.costs) if cost.class_ == cost_class)
    yen = case.costs[place].yen + more_yen
    if yen < 0:
        return None
    costs = (*case.costs[:place], case.costs[place].model_copy(update={"yen": yen}), *case.costs[place + 1 :])
    try:
        return compute_stages(replace(case, costs=costs), with_workings=False)
    except Invalid:
        # A cost that cannot be shared, as below a deduction, says nothing of this one.
        return None


def _fallen(lower: StagedAllocation, higher: StagedAllocation, cost_class: str, unit_yen: int) -> Iterator[Paradox]:
    for member, share_yen in lower.shares_yen.items():
        if higher.shares_yen[member] < share_yen:
            yield Paradox(
                member=member,
                cost_class=cost_class,
                more_yen=unit_yen,
                share_yen=share_yen,
                share_with_more_yen=higher.shares_yen[member],
            )
