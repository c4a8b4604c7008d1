"""The body of a cost-sharing rule in either form: one proportion over one pool, or a list of stages.

Pure. A body that names a form is one of stages; the bodies of before name none and stay what they were.
"""

from __future__ import annotations

from typing import Any

from governance.rules.conversion import as_stages
from governance.rules.cost_sharing import CostSharing, read_cost_sharing
from governance.rules.stages import StagedRule, read_staged_rule


def read_rule_body(body: Any) -> CostSharing | StagedRule:
    """The rule that a body says. Raises Invalid, naming the field as `body.stages[1].components[0].ratio`."""
    return read_staged_rule(body) if is_of_stages(body) else read_cost_sharing(body)


def read_as_stages(body: Any) -> StagedRule:
    """The rule of a body of either form as stages. Raises Invalid also for a name that no stage may hold."""
    found = read_rule_body(body)
    return as_stages(found) if isinstance(found, CostSharing) else found


def is_of_stages(body: Any) -> bool:
    """Whether a body names a form, which only a rule of stages does."""
    return isinstance(body, dict) and "form" in body
