"""The kinds of rules."""

from __future__ import annotations

from enum import StrEnum


class RuleKind(StrEnum):
    """What a rule decides."""

    COST_SHARING = "cost_sharing"
