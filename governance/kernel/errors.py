"""Refusals: what a person asked for and Moyai, rightly, did not do.

A refusal carries a reason (declared once, next to the rule that refuses) and facts, never a formatted string, so
that each door words it for its reader. A bug is not a refusal: it stays an ordinary exception, its text stays inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

Language = Literal["ja", "en"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is refused and what to do next, in Japanese and English, with `{fact}` places."""

    code: str
    ja: str
    en: str
    hint_ja: str = ""
    hint_en: str = ""


REASONS: dict[str, Reason] = {}
"""Every reason by its code: the catalogue that documentation and tests read."""


def reason(code: str, *, ja: str, en: str, hint_ja: str = "", hint_en: str = "") -> Reason:
    """Declare a reason once. A second declaration of the same code is a bug and raises ValueError."""
    if code in REASONS:
        raise ValueError(f"reason {code} is declared twice")
    REASONS[code] = Reason(code, ja, en, hint_ja, hint_en)
    return REASONS[code]


class Refused(Exception):
    """The base of all refusals. `field` names the input at fault, `facts` fill the reason's places."""

    kind: ClassVar[str] = "refused"

    def __init__(self, why: Reason, *, field: str | None = None, **facts: object) -> None:
        super().__init__(why.code)
        self.why = why
        self.field = field
        self.facts: Mapping[str, object] = facts

    @property
    def code(self) -> str:
        return self.why.code

    def message(self, language: Language = "ja") -> str:
        """What was wrong, with what was entered and what would be right."""
        return (self.why.ja if language == "ja" else self.why.en).format(**self.facts)

    def hint(self, language: Language = "ja") -> str:
        """What to do next; empty where the message says it all."""
        return (self.why.hint_ja if language == "ja" else self.why.hint_en).format(**self.facts)

    def __str__(self) -> str:
        return self.message("en")


class Invalid(Refused):
    """The input itself is not acceptable."""

    kind = "invalid"


class NotAllowed(Refused):
    """The actor lacks the permission, or would decide an own request."""

    kind = "not_allowed"


class NotFound(Refused):
    """Nothing of that name is visible to the actor: absent, or another tenant's. Both answer alike."""

    kind = "not_found"


class Conflict(Refused):
    """The thing is in a state that does not allow this."""

    kind = "conflict"


class Stale(Conflict):
    """What the actor looked at has changed since."""

    kind = "stale"


class Closed(Conflict):
    """The fiscal year or period no longer takes entries."""

    kind = "closed"


class KeyReused(Refused):
    """An idempotency key came back with another order."""

    kind = "key_reused"


class Unreachable(Refused):
    """A needed server does not answer now; asking again later may succeed."""

    kind = "unreachable"


NOT_FOUND = reason(
    "not_found",
    ja="{what}「{given}」は見つかりません。",
    en="There is no {what} “{given}”.",
    hint_ja="番号や名前を確かめてください。",
    hint_en="Check the number or the name.",
)
