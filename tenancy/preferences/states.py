"""What a person may choose."""

from __future__ import annotations

from governance.kernel.labels import LabelledEnum


class ScreenLanguage(LabelledEnum):
    """The language of pages and of mails to the person."""

    JAPANESE = "ja", "日本語", "Japanese"
    ENGLISH = "en", "英語", "English"


class TableDensity(LabelledEnum):
    """How high the rows of tables are."""

    COMFORTABLE = "comfortable", "ゆったり", "comfortable"
    DENSE = "dense", "詰める", "dense"
