"""The kinds of rules, and the states of their versions."""

from __future__ import annotations

from enum import StrEnum

from governance.kernel.labels import LabelledEnum


class RuleKind(StrEnum):
    """What a rule decides."""

    COST_SHARING = "cost_sharing"


class RuleState(LabelledEnum):
    """A version on one day: not adopted yet, adopted for a later day, in force, or past its end."""

    DRAFT = "draft", "案（議決前）", "draft"
    COMING = "coming", "施行予定", "upcoming"
    IN_FORCE = "in_force", "施行中", "in force"
    OVER = "over", "終了", "ended"
