"""What a member is told of a division besides its components: everything needed to work its share out by hand.

Pure. The facts are JSON values that stay with the share, so that a notice can be explained years later without
reading any other member's row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from billing.runs.inputs import label_of
from billing.runs.preview import Preview, RuleAllocation, WorkingLine
from tenancy.directory import TenantFacts


def member_lines(split: Preview, member: TenantFacts) -> Iterator[tuple[RuleAllocation, WorkingLine]]:
    """The components of one member, division by division; none for one that no longer takes part."""
    for rule_allocation in split.divisions:
        for line in rule_allocation.lines.get(label_of(member), []):
            yield rule_allocation, line


def share_explanation(rule_allocation: RuleAllocation, label: str) -> dict[str, Any]:
    """Rule and decision, costs by pool, what came off, what was left, and the step from exact to whole yen."""
    costs, allocation, step = rule_allocation.costs, rule_allocation.allocation, rule_allocation.steps[label]
    adoption = costs.rule.adoption
    return {
        "rule": costs.rule.label,
        "version": costs.rule.number,
        "version_id": str(costs.rule.id),
        "body_hash": costs.rule.body_hash,
        "valid_from": costs.rule.valid_from.isoformat(),
        "decided_by": adoption.decided_by if adoption else None,
        "decision_number": adoption.number if adoption else None,
        "decided_on": adoption.on.isoformat() if adoption else None,
        "pools": [{"label": pool, "yen": yen} for pool, yen in rule_allocation.pools_yen.items()],
        "total_yen": allocation.total_yen,
        "deductions": [
            {"name": item.name, "kind": item.kind.value, "yen": item.yen} for item in rule_allocation.deductions
        ],
        "deductions_yen": allocation.deductions_yen,
        "operator_ratio": str(costs.sharing.operator_ratio),
        "operator_yen": allocation.operator_yen,
        "pool_yen": allocation.pool_yen,
        "operator_residual_yen": allocation.operator_residual_yen,
        "members": len(rule_allocation.labels),
        "rounding": costs.sharing.rounding.value,
        "unit_yen": costs.sharing.unit_yen,
        "exact_yen": str(step.exact_yen),
        "cut_yen": step.cut_yen,
        "rank": step.rank,
        "adjustment_yen": step.adjustment_yen,
        "share_yen": step.share_yen,
    }
