"""The kinds of rules, and the states of their versions."""

from __future__ import annotations

from enum import StrEnum

from governance.kernel.labels import LabelledEnum, Language


class RuleKind(StrEnum):
    """What a rule decides."""

    COST_SHARING = "cost_sharing"


class StageKind(LabelledEnum):
    """What a stage of a rule does (段階)."""

    POOL = "pool", "経費区分", "pool"
    DEDUCT = "deduct", "控除", "deduction"
    ATTRIBUTE = "attribute", "直接負担", "direct attribution"
    OPERATOR = "operator", "県負担", "prefecture's part"
    SPLIT = "split", "按分", "split"
    LIMIT = "limit", "限度", "limit"
    ROUND = "round", "端数処理", "rounding"
    INSTALMENTS = "instalments", "分割納付", "instalments"


class StageChangeKind(LabelledEnum):
    """What became of a stage from one version of a rule to another."""

    ADDED = "added", "追加", "added"
    REMOVED = "removed", "削除", "removed"
    MOVED = "moved", "移動", "moved"
    CHANGED = "changed", "変更", "changed"


class TextLanguage(LabelledEnum):
    """The language that a rule is written in as sentences."""

    JAPANESE = "ja", "日本語", "Japanese"
    ENGLISH = "en", "英語", "English"

    @property
    def language(self) -> Language:
        """The language as texts name it."""
        return "ja" if self is TextLanguage.JAPANESE else "en"


class RuleState(LabelledEnum):
    """A version on one day: not adopted yet, adopted for a later day, in force, or past its end."""

    DRAFT = "draft", "案（議決前）", "draft"
    COMING = "coming", "施行予定", "upcoming"
    IN_FORCE = "in_force", "施行中", "in force"
    OVER = "over", "終了", "ended"
