"""Patterns that work both ways: the same one writes a value as text and reads the text back.

An object is written by patterns that each take some of its keys; what no pattern takes is never left out silently,
for then the object is not written at all. Reading gives every way in which a text fits, the likeliest first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

Slots = dict[str, Any]
Written = tuple[str, frozenset[str]]

NOTHING: Final[frozenset[str]] = frozenset()


class Form(Protocol):
    """How one value is written and read."""

    def write(self, value: Any) -> str | None:
        """The text of a value; None where this form does not fit it."""

    def read(self, text: str, at: int) -> Iterator[tuple[Any, int]]:
        """Each value that the text may hold at a place, with the place after it."""


class Pattern(Protocol):
    """How some keys of an object are written and read."""

    def write(self, slots: Slots) -> Written | None:
        """The text, with the keys it holds; None where this pattern does not fit."""

    def read(self, text: str, at: int) -> Iterator[tuple[Slots, int]]:
        """Each set of keys that the text may hold at a place, with the place after it."""


class Lit:
    """Words. Those after the first are read as well, never written."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def write(self, slots: Slots) -> Written | None:
        return self.words[0], NOTHING

    def read(self, text: str, at: int) -> Iterator[tuple[Slots, int]]:
        for word in self.words:
            if text.startswith(word, at):
                yield {}, at + len(word)


class Slot:
    """The value of a key."""

    def __init__(self, key: str, form: Form) -> None:
        self.key = key
        self.form = form

    def write(self, slots: Slots) -> Written | None:
        if self.key not in slots:
            return None
        text = self.form.write(slots[self.key])
        return None if text is None else (text, frozenset({self.key}))

    def read(self, text: str, at: int) -> Iterator[tuple[Slots, int]]:
        for value, end in self.form.read(text, at):
            yield {self.key: value}, end


class Is:
    """A key with one value, said by the words around it."""

    def __init__(self, **values: Any) -> None:
        self.values = values

    def write(self, slots: Slots) -> Written | None:
        if any(slots.get(key) != value for key, value in self.values.items()):
            return None
        return "", frozenset(self.values)

    def read(self, text: str, at: int) -> Iterator[tuple[Slots, int]]:
        yield dict(self.values), at


class Without:
    """Fits only where none of the keys is there."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys

    def write(self, slots: Slots) -> Written | None:
        return None if any(key in slots for key in self.keys) else ("", NOTHING)

    def read(self, text: str, at: int) -> Iterator[tuple[Slots, int]]:
        yield {}, at


class Seq:
    """One pattern after the other."""

    def __init__(self, *parts: Pattern | str) -> None:
        self.parts: tuple[Pattern, ...] = tuple(Lit(part) if isinstance(part, str) else part for part in parts)

    def write(self, slots: Slots) -> Written | None:
        texts: list[str] = []
        keys: frozenset[str] = NOTHING
        for part in self.parts:
            written = part.write(slots)
            if written is None:
                return None
            texts.append(written[0])
            keys |= written[1]
        return "".join(texts), keys

    def read(self, text: str, at: int) -> Iterator[tuple[Slots, int]]:
        return self._read(text, at, 0)

    def _read(self, text: str, at: int, place: int) -> Iterator[tuple[Slots, int]]:
        if place == len(self.parts):
            yield {}, at
            return
        for found, middle in self.parts[place].read(text, at):
            for more, end in self._read(text, middle, place + 1):
                yield found | more, end


class Either:
    """The first of several patterns that fits."""

    def __init__(self, *choices: Pattern) -> None:
        self.choices = choices

    def write(self, slots: Slots) -> Written | None:
        return next((written for one in self.choices if (written := one.write(slots)) is not None), None)

    def read(self, text: str, at: int) -> Iterator[tuple[Slots, int]]:
        for one in self.choices:
            yield from one.read(text, at)


class Most:
    """The one of several patterns that takes the most keys of the object: what is optional is not forgotten."""

    def __init__(self, *choices: Pattern) -> None:
        self.choices = choices

    def write(self, slots: Slots) -> Written | None:
        fitting = [written for one in self.choices if (written := one.write(slots)) is not None]
        return max(fitting, key=lambda written: len(written[1]), default=None)

    def read(self, text: str, at: int) -> Iterator[tuple[Slots, int]]:
        for one in self.choices:
            yield from one.read(text, at)


def maybe(*parts: Pattern | str) -> Pattern:
    """The parts, or nothing where the object lacks their keys."""
    return Either(Seq(*parts), Seq())


class Words:
    """A form: one word for each value."""

    def __init__(self, words: Mapping[Any, str]) -> None:
        self.words = words

    def write(self, value: Any) -> str | None:
        return self.words.get(value) if isinstance(value, str) else None

    def read(self, text: str, at: int) -> Iterator[tuple[Any, int]]:
        for value, word in sorted(self.words.items(), key=lambda pair: -len(pair[1])):
            if text.startswith(word, at):
                yield value, at + len(word)


class Match:
    """A form: text that a regular expression finds; `to_value` gives None where it is not one after all."""

    def __init__(
        self, expression: str, to_text: Callable[[Any], str | None], to_value: Callable[[re.Match[str]], Any]
    ) -> None:
        self.expression = re.compile(expression)
        self.to_text = to_text
        self.to_value = to_value

    def write(self, value: Any) -> str | None:
        try:
            return self.to_text(value)
        except (TypeError, ValueError):
            # A value of another kind, such as a list by year: another form fits it.
            return None

    def read(self, text: str, at: int) -> Iterator[tuple[Any, int]]:
        found = self.expression.match(text, at)
        if found is None:
            return
        value = self.to_value(found)
        if value is not None:
            yield value, found.end()


class OneOf:
    """A form: the first of several that fits."""

    def __init__(self, *forms: Form) -> None:
        self.forms = forms

    def write(self, value: Any) -> str | None:
        return next((text for form in self.forms if (text := form.write(value)) is not None), None)

    def read(self, text: str, at: int) -> Iterator[tuple[Any, int]]:
        for form in self.forms:
            yield from form.read(text, at)


class ListOf:
    """A form: a list of at least one, with words between."""

    def __init__(self, form: Form, between: str) -> None:
        self.form = form
        self.between = between

    def write(self, value: Any) -> str | None:
        if not isinstance(value, list | tuple) or not value:
            return None
        texts = [self.form.write(one) for one in value]
        known = [text for text in texts if text is not None]
        return self.between.join(known) if len(known) == len(texts) else None

    def read(self, text: str, at: int) -> Iterator[tuple[Any, int]]:
        for first, middle in self.form.read(text, at):
            if text.startswith(self.between, middle):
                for rest, end in self.read(text, middle + len(self.between)):
                    yield [first, *rest], end
            yield [first], middle


class PairsOf:
    """A form: an object whose keys and values are written in pairs, in the order of the keys."""

    def __init__(self, key: Form, value: Form, *, between: str = " ", after: str = "", separator: str = "、") -> None:
        self.pair = ListOf(_Pair(key, value, between, after), separator)

    def write(self, value: Any) -> str | None:
        return self.pair.write(sorted(value.items())) if isinstance(value, dict) else None

    def read(self, text: str, at: int) -> Iterator[tuple[Any, int]]:
        for pairs, end in self.pair.read(text, at):
            found = dict(pairs)
            if len(found) == len(pairs):
                yield found, end


class _Pair:
    def __init__(self, key: Form, value: Form, between: str, after: str) -> None:
        self.key, self.value, self.between, self.after = key, value, between, after

    def write(self, pair: tuple[Any, Any]) -> str | None:
        key, value = self.key.write(pair[0]), self.value.write(pair[1])
        return None if key is None or value is None else f"{key}{self.between}{value}{self.after}"

    def read(self, text: str, at: int) -> Iterator[tuple[Any, int]]:
        for key, middle in self.key.read(text, at):
            if not text.startswith(self.between, middle):
                continue
            for value, end in self.value.read(text, middle + len(self.between)):
                if text.startswith(self.after, end):
                    yield (key, value), end + len(self.after)


class Bracketed:
    """A form between brackets."""

    def __init__(self, form: Form, opening: str, closing: str) -> None:
        self.form, self.opening, self.closing = form, opening, closing

    def write(self, value: Any) -> str | None:
        text = self.form.write(value)
        return None if text is None else f"{self.opening}{text}{self.closing}"

    def read(self, text: str, at: int) -> Iterator[tuple[Any, int]]:
        if text.startswith(self.opening, at):
            for value, end in self.form.read(text, at + len(self.opening)):
                if text.startswith(self.closing, end):
                    yield value, end + len(self.closing)


class ObjectOf:
    """A form: an object, all of whose keys a pattern takes."""

    def __init__(self, pattern: Pattern) -> None:
        self.pattern = pattern

    def write(self, value: Any) -> str | None:
        if not isinstance(value, dict):
            return None
        written = self.pattern.write(value)
        return None if written is None or written[1] < frozenset(value) else written[0]

    def read(self, text: str, at: int) -> Iterator[tuple[Any, int]]:
        yield from self.pattern.read(text, at)


class Complete:
    """The pattern only where it takes every key of the object but these."""

    def __init__(self, pattern: Pattern, *others: str) -> None:
        self.pattern = pattern
        self.others = frozenset(others)

    def write(self, slots: Slots) -> Written | None:
        written = self.pattern.write(slots)
        return None if written is None or frozenset(slots) - written[1] - self.others else written

    def read(self, text: str, at: int) -> Iterator[tuple[Slots, int]]:
        yield from self.pattern.read(text, at)


class LongestFirst:
    """A form over known texts: the longest that fits is tried first."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.by_value = texts
        self.by_length: Sequence[tuple[str, str]] = sorted(
            ((text, value) for value, text in texts.items()), key=lambda pair: -len(pair[0])
        )

    def write(self, value: Any) -> str | None:
        return self.by_value.get(value) if isinstance(value, str) else None

    def read(self, text: str, at: int) -> Iterator[tuple[Any, int]]:
        for name, value in self.by_length:
            if text.startswith(name, at):
                yield value, at + len(name)
