"""Forms of single values that both languages share: amounts, decimals, names, numbers that change by year."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

from governance.rules.sentences.patterns import Form, LongestFirst, Match, OneOf

_GROUPED: Final = r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)"


def plain(value: Fraction) -> int | str:
    """A number as a body has it."""
    return value.numerator if value.denominator == 1 else str(value)


def amount(unit: str) -> Form:
    """Whole yen with thousands separated: 1,000円."""
    return Match(
        _GROUPED + re.escape(unit),
        lambda value: f"{value:,}{unit}" if type(value) is int else None,
        lambda found: int(found[1].replace(",", "")),
    )


def decimal_text(value: Fraction) -> str | None:
    """The digits of a number that ends: 11.18; None for one that does not."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return None
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
    digits = f"{(value * 10**places).numerator:0{places + 1}}"
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


NUMBER: Final[Form] = Match(
    r"([0-9]+(?:\.[0-9]+|/[0-9]+)?)",
    lambda value: decimal_text(Fraction(value)) or str(Fraction(value)),
    lambda found: _number(found[1]),
)
"""A number as digits, where it ends; else as a fraction 1/3."""


def _number(text: str) -> int | str | None:
    try:
        return plain(Fraction(text))
    except ZeroDivisionError:
        return None


def integer(pattern: str = "[0-9]+") -> Form:
    """A whole number as digits."""
    return Match(f"({pattern})", lambda value: str(value) if type(value) is int else None, lambda found: int(found[1]))


QUOTED: Final[Form] = Match(
    "「([^「」『』《》]+)」", lambda value: f"「{value}」" if isinstance(value, str) else None, lambda found: found[1]
)
"""A name in 「」, which no name may hold."""


def name_form(stops: str, *, forbidden: str = "") -> Form:
    """A name without quotation marks where none of the `stops` is in it, else in 「」."""
    expression = f"[^{re.escape(stops)}「」『』《》]+?"

    def bare(value: Any) -> str | None:
        if not isinstance(value, str) or not re.fullmatch(expression, value):
            return None
        return None if forbidden and re.search(forbidden, value) else value

    class _Bare:
        def write(self, value: Any) -> str | None:
            return bare(value)

        def read(self, text: str, at: int) -> Iterator[tuple[Any, int]]:
            # Shortest first: the words after the name say where it ends.
            for end in range(at + 1, min(len(text), at + 100) + 1):
                if text[end - 1] in stops or text[end - 1] in "「」『』《》":
                    return
                if bare(text[at:end]) is not None:
                    yield text[at:end], end

    return OneOf(_Bare(), QUOTED)


def member_form(names: Mapping[str, str]) -> Form:
    """A member by its name, where one member alone has it; else its code in 「」."""
    once = {code: name for code, name in names.items() if list(names.values()).count(name) == 1}
    usable = {code: name for code, name in once.items() if not re.search(r"[\s「」『』《》、。（）()〔〕,.:;]", name)}
    return OneOf(LongestFirst(usable), QUOTED)


def yearly(form: Form, entry: Callable[[Form], Form]) -> Form:
    """One value, or the list of values by fiscal year, whose entries `entry` writes."""
    listed = entry(form)

    class _Yearly:
        def write(self, value: Any) -> str | None:
            return listed.write(value) if isinstance(value, list) else form.write(value)

        def read(self, text: str, at: int) -> Iterator[tuple[Any, int]]:
            yield from listed.read(text, at)
            yield from form.read(text, at)

    return _Yearly()


def mapped(form: Form, to_text: Callable[[Any], Any], to_value: Callable[[Any], Any]) -> Form:
    """A form of a value that the rule holds otherwise, such as the members' part for the operator's ratio."""

    class _Mapped:
        def write(self, value: Any) -> str | None:
            return form.write(to_text(value))

        def read(self, text: str, at: int) -> Iterator[tuple[Any, int]]:
            for value, end in form.read(text, at):
                yield to_value(value), end

    return _Mapped()


def complement(value: Any) -> Any:
    """1 less a ratio, as a body has it; of each value of a list by year."""
    if isinstance(value, list):
        return [one | {"value": plain(1 - Fraction(one["value"]))} for one in value]
    return plain(1 - Fraction(value))
