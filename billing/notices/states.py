"""How a notice is signed and addressed, what it asks for, and what it does with runs before its own."""

from __future__ import annotations

from typing import Final

from governance.kernel.labels import Label, LabelledEnum


class SealForm(LabelledEnum):
    """Whether the official seal is put on the paper."""

    OMITTED = "omitted", "公印省略", "omitted"
    AFFIXED = "affixed", "公印を押す", "affixed"


class AddresseeForm(LabelledEnum):
    """Whether a notice is to the head of a municipality or to the municipality."""

    HEAD = "head", "団体の長あて（例: 熊本市長　様）", "to its head (熊本市長　様)"
    ORGANIZATION = "organization", "団体あて（例: 熊本市　御中）", "to the organization (熊本市　御中)"


NOTICE_TITLES: Final = {
    "納入通知書": "Payment notice",
    "負担金決定通知書": "Notice of contribution",
    "負担金変更通知書": "Notice of a changed contribution",
}
"""What the papers are titled, as the law calls them, and what an English page calls them."""


def notice_title(title: str) -> Label:
    """The title of a notice as pages show it; one of an earlier version that has no English name stays."""
    return Label(title, NOTICE_TITLES.get(title, title))


class NoticeKind(LabelledEnum):
    """What a notice says of the amount: yen are due, the amount was lowered, or nothing is due and nothing changed."""

    DEMAND = "demand", "納入通知書", "demands for payment"
    REDUCTION = "reduction", "減額の通知書", "notices of a lower amount"
    UNCHANGED = "unchanged", "増減のない通知書", "notices without a change"


class EarlierRuns(LabelledEnum):
    """What is done about runs of the year whose notices were never issued."""

    COMBINE = (
        "combine",
        "未通知の回と合わせて、いまの負担額で通知する",
        "one notice of the amount in force for all",
    )
