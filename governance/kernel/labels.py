"""Words that people read, in Japanese and English, kept beside the enum or the field they name."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, NamedTuple, Self

Language = Literal["ja", "en"]


class Label(NamedTuple):
    """One wording in both languages."""

    ja: str
    en: str

    def text(self, language: Language) -> str:
        """The wording in one language."""
        return self.ja if language == "ja" else self.en

    def __str__(self) -> str:
        """Both wordings, for a text that is stored or logged without a reader's language."""
        return f"{self.ja} / {self.en}"


class LabelledEnum(StrEnum):
    """An enum whose members carry their wording: `DONE = "done", "完了", "done"`. The value is what is stored."""

    ja: str
    en: str

    # The wordings have defaults so that looking a member up by its value, `State("open")`, type-checks.
    def __new__(cls, value: str, ja: str = "", en: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.ja = ja
        member.en = en
        return member

    def label(self, language: Language) -> str:
        """The wording of this member in one language."""
        return self.ja if language == "ja" else self.en
