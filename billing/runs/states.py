"""The kinds and states of an allocation run."""

from __future__ import annotations

from enum import StrEnum


class RunKind(StrEnum):
    """The first split of a year (概算), or a later one of the whole year that posts the difference (変更)."""

    ESTIMATE = "estimate"
    REVISION = "revision"


class RunState(StrEnum):
    """A run waits for one decision by another person; both decisions are final."""

    AWAITING_APPROVAL = "awaiting_approval"
    POSTED = "posted"
    REJECTED = "rejected"
