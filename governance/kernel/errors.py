"""Domain errors: requests that a rule refuses, as against bugs, which stay ordinary exceptions.

A DomainError holds a Message (declared once, beside the rule that refuses) and facts, not a formatted string: each
entry point renders it in the reader's language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType, ModuleType
from typing import ClassVar, Final, Self, TypeVar

from governance.kernel.clock import JST
from governance.kernel.labels import Label, LabelledEnum
from governance.kernel.labels import Language as Language

FoundT = TypeVar("FoundT")

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Message:
    """What is wrong and what to do next, in Japanese and English, with `{fact}` placeholders."""

    code: str
    ja: str
    en: str
    hint_ja: str = ""
    hint_en: str = ""


def message(code: str, *, ja: str, en: str, hint_ja: str = "", hint_en: str = "") -> Message:
    """A message, beside the rule that refuses with it. Codes are unique; tests/architecture says so."""
    return Message(code, ja, en, hint_ja, hint_en)


def collect_messages(modules: Iterable[ModuleType]) -> Mapping[str, Message]:
    """The messages that these modules name, by code. Raises ValueError for two different ones of one code."""
    found: dict[str, Message] = {}
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, Message) and found.setdefault(value.code, value) is not value:
                raise ValueError(f"message {value.code} is declared twice")
    return MappingProxyType(found)


class DomainError(Exception):
    """Base of all domain errors. `field` names the input at fault, `facts` fill the message's placeholders.

    A fact is shown as people read it: the label of a LabelledEnum's member, a Label in the message's language, several
    of them joined, an instant in Japan's time; anything else by its text.

    Attributes are set once: whoever knows the field by another name raises a new error, made by `at` or `renamed`.
    """

    kind: ClassVar[str] = "refused"

    def __init__(self, message: Message, *, field: str | None = None, **facts: object) -> None:
        super().__init__(message.code)
        self.message: Final = message
        self.field: Final = field
        self.facts: Final[Mapping[str, object]] = MappingProxyType(facts)

    def __setattr__(self, name: str, value: object) -> None:
        # Python itself sets attributes such as __traceback__ and __notes__ again and again.
        if name in self.__dict__ and not name.startswith("__"):
            raise AttributeError(
                f"{type(self).__name__}.{name} is set once; raise the error `at` another field instead"
            )
        super().__setattr__(name, value)

    def at(self, field: str | None) -> Self:
        """The same refusal about another field, or about none; this one stays as it is."""
        moved = type(self).__new__(type(self), *self.args)
        moved.__dict__.update(self.__dict__, field=field)
        return moved

    def renamed(self, rename: Callable[[str], str | None]) -> Self:
        """The same refusal with its field as `rename` calls it; one that names no field stays without."""
        return self.at(None if self.field is None else rename(self.field))

    @property
    def code(self) -> str:
        return self.message.code

    def text(self, language: Language = "ja") -> str:
        """What was wrong, with what was entered and what would be right."""
        return (self.message.ja if language == "ja" else self.message.en).format(**self._shown(language))

    def hint(self, language: Language = "ja") -> str:
        """What to do next; empty where the message says it all."""
        return (self.message.hint_ja if language == "ja" else self.message.hint_en).format(**self._shown(language))

    def _shown(self, language: Language) -> dict[str, object]:
        return {name: _shown(fact, language) for name, fact in self.facts.items()}

    def __str__(self) -> str:
        return self.text("en")


class Invalid(DomainError):
    """The input itself is not acceptable."""

    kind = "invalid"


class NotAllowed(DomainError):
    """The actor lacks the permission, or would decide their own request."""

    kind = "not_allowed"


class NotFound(DomainError):
    """Nothing of that name is visible to the actor: absent, or another tenant's. Both answer alike."""

    kind = "not_found"

    def text(self, language: Language = "ja") -> str:
        """What was not found. An id is left out: it says nothing to people, and programs know what they sent."""
        said = super().text(language)
        for found in set(_UUID.findall(said)):
            said = said.replace(f"「{found}」", "").replace(f" “{found}”", "")
        return said


class Conflict(DomainError):
    """The state of the object does not allow this."""

    kind = "conflict"


class Stale(Conflict):
    """What the actor reviewed (a digest or version) has changed since."""

    kind = "stale"


class Closed(Conflict):
    """The fiscal year or period no longer takes entries."""

    kind = "closed"


class IdempotencyKeyReused(DomainError):
    """An idempotency key was used before with another request."""

    kind = "key_reused"


class DependencyUnavailable(DomainError):
    """A needed server does not answer; the same request may succeed later."""

    kind = "unreachable"
    names_server: ClassVar[bool] = False
    """Whether the text says which server it is: operators read that, others read that it is not possible now."""


NOT_FOUND = message(
    "not_found",
    ja="{what}「{given}」は見つかりません。",
    en="The {what} “{given}” was not found.",
    hint_ja="番号や名前を確かめてください。",
    hint_en="Check the number or the name.",
)


def not_found(*, what: Label, given: object, field: str | None = None) -> NotFound:
    """The refusal of a name or id that finds nothing: `what` was looked for, `given` is what it was looked for by.

    `field` names the input at fault, where there is one.
    """
    return NotFound(NOT_FOUND, field=field, what=what, given=given if isinstance(given, LabelledEnum) else str(given))


def require_found(found: FoundT | None, *, what: Label, given: object, field: str | None = None) -> FoundT:
    """What a lookup found. Raises NotFound (see `not_found`) for None."""
    if found is None:
        raise not_found(what=what, given=given, field=field)
    return found


def _shown(fact: object, language: Language) -> object:
    if isinstance(fact, LabelledEnum):
        return fact.label(language)
    if isinstance(fact, Label):
        return fact.text(language)
    if isinstance(fact, tuple):
        return ("、" if language == "ja" else ", ").join(str(_shown(one, language)) for one in fact)
    if isinstance(fact, datetime):
        return fact.astimezone(JST).strftime("%Y-%m-%d %H:%M")
    return fact
