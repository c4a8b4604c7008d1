"""The explanation stored with each share: what is needed to compute it by hand, besides the lines of its components.

Pure. The explanation is stored as JSON with the share (`allocation_share.divisions`), so that a notice can be explained
years later without reading any other member's row. Adding a field needs a default: stored rows are read by this model.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from uuid import UUID

from billing.costs.states import ItemKind
from billing.runs.inputs import label_of
from billing.runs.preview import Preview, RuleAllocation, WorkingLine
from governance.kernel.models import ReadModel
from governance.kernel.split import Rounding
from tenancy.directory import TenantFacts


class PoolCost(ReadModel):
    """The costs of one pool, added up, under the pool's label."""

    label: str
    yen: int


class DeductedItem(ReadModel):
    """One sum that was deducted before the split; `yen` is positive."""

    name: str
    kind: ItemKind
    yen: int


class ShareExplanation(ReadModel):
    """What one rule allocated, and one member's step from exact to whole yen.

    `total_yen` - `deductions_yen` - `operator_yen` = `pool_yen`, which the members share. `operator_ratio` and
    `exact_yen` are exact numbers as text: an integer or a reduced fraction.
    """

    rule: str
    version: int
    version_id: UUID
    body_hash: str
    valid_from: date
    decided_by: str | None
    decision_number: str | None
    decided_on: date | None
    pools: tuple[PoolCost, ...]
    total_yen: int
    deductions: tuple[DeductedItem, ...]
    deductions_yen: int
    operator_ratio: str
    operator_yen: int
    pool_yen: int
    operator_residual_yen: int
    members: int
    rounding: Rounding
    unit_yen: int
    exact_yen: str
    cut_yen: int
    rank: int | None
    """The place, from 1, in the order in which the remainder is given out; None where the operator bears it."""
    adjustment_yen: int
    """`share_yen` - `cut_yen`."""
    share_yen: int


def member_lines(split: Preview, member: TenantFacts) -> Iterator[tuple[RuleAllocation, WorkingLine]]:
    """The components of one member, rule by rule; none for one that no longer takes part."""
    for rule_allocation in split.divisions:
        for line in rule_allocation.lines.get(label_of(member), []):
            yield rule_allocation, line


def share_explanation(rule_allocation: RuleAllocation, label: str) -> ShareExplanation:
    """The explanation of the share of the member called `label`. Raises KeyError for a label outside the allocation."""
    costs, allocation, step = rule_allocation.costs, rule_allocation.allocation, rule_allocation.steps[label]
    decision = costs.rule.decision
    return ShareExplanation(
        rule=costs.rule.label,
        version=costs.rule.number,
        version_id=costs.rule.id,
        body_hash=costs.rule.body_hash,
        valid_from=costs.rule.valid_from,
        decided_by=decision.decided_by if decision else None,
        decision_number=decision.number if decision else None,
        decided_on=decision.on if decision else None,
        pools=tuple(PoolCost(label=pool, yen=yen) for pool, yen in rule_allocation.pools_yen.items()),
        total_yen=allocation.total_yen,
        deductions=tuple(
            DeductedItem(name=item.name, kind=item.kind, yen=item.yen) for item in rule_allocation.deductions
        ),
        deductions_yen=allocation.deductions_yen,
        operator_ratio=str(costs.sharing.operator_ratio),
        operator_yen=allocation.operator_yen,
        pool_yen=allocation.pool_yen,
        operator_residual_yen=allocation.operator_residual_yen,
        members=len(rule_allocation.labels),
        rounding=costs.sharing.rounding,
        unit_yen=costs.sharing.unit_yen,
        exact_yen=str(step.exact_yen),
        cut_yen=step.cut_yen,
        rank=step.rank,
        adjustment_yen=step.adjustment_yen,
        share_yen=step.share_yen,
    )
