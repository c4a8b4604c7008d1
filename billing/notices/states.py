"""How a notice is signed and addressed."""

from __future__ import annotations

from governance.kernel.labels import LabelledEnum


class SealForm(LabelledEnum):
    """Whether the official seal is put on the paper."""

    OMITTED = "omitted", "公印省略", "omitted"
    AFFIXED = "affixed", "公印を押す", "affixed"


class AddresseeForm(LabelledEnum):
    """Whether a notice is to the head of a municipality or to the municipality."""

    HEAD = "head", "団体の長あて（例: 熊本市長　様）", "to its head (熊本市長　様)"
    ORGANIZATION = "organization", "団体あて（例: 熊本市　御中）", "to the organization (熊本市　御中)"
