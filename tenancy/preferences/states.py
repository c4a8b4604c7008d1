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


class DigestFrequency(LabelledEnum):
    """On which mornings the mail comes that lists what waits."""

    DAILY = "daily", "毎日（休日を除く）", "every working day"
    WEEKLY = "weekly", "週に1度（月曜日、休日のときは次の業務日）", "once a week, on its first working day"
    NEVER = "never", "受け取らない", "never"
