"""JSON read strictly: what two parsers could read differently is refused, with the place named.

Python's own reader lets the last of two equal keys win, accepts NaN, turns 0.1 into a float and overflows the stack on
deep nesting. Money must not depend on any of that. What the keys mean does not belong here.
"""

from __future__ import annotations

import json
from typing import Any, Final

from governance.kernel.errors import Invalid, reason
from governance.kernel.yen import shown

DEPTH_BOUND: Final = 32
DIGITS_BOUND: Final = 100

NOT_UTF8 = reason(
    "json.not_utf8",
    ja="JSON は BOM のない UTF-8 で保存してください。",
    en="JSON must be UTF-8 without a byte order mark.",
)
NOT_JSON = reason(
    "json.not_json",
    ja="JSON として読めません（{line} 行 {column} 文字目）。",
    en="This is not JSON (line {line}, column {column}).",
)
TOO_DEEP = reason(
    "json.too_deep",
    ja="JSON の入れ子が {most} 段を超えています。",
    en="The JSON is nested more than {most} deep.",
)
KEY_TWICE = reason(
    "json.key_twice",
    ja="キー「{given}」が同じ場所に二度あります。",
    en="The key “{given}” is there twice in one place.",
)
NOT_EXACT = reason(
    "json.not_exact",
    ja='数値 {given} は使えません。整数か、小数・分数を文字列（例: "0.5"、"1/3"）で指定してください。',
    en='The number {given} cannot be used; give an integer, or a decimal or fraction as a string ("0.5", "1/3").',
)
NOT_TEXT = reason(
    "json.not_text",
    ja="文字列に NUL 文字または不完全な文字が含まれています。",
    en="The string holds a NUL or half a surrogate pair.",
)


class _Inexact(str):
    """The digits of a number that no integer holds, kept until its place is known."""


class _Object(dict[str, Any]):
    """An object whose text had `twice` as a key more than once."""

    twice: str | None = None


def read_json(content: bytes) -> Any:
    """The value: dict, list, str, int, bool or None, no float. Raises Invalid, its field the path as `a[1].b`."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise Invalid(NOT_UTF8) from None
    if text.startswith("\ufeff"):
        raise Invalid(NOT_UTF8)
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_Inexact, parse_constant=_Inexact
        )
    except json.JSONDecodeError as wrong:
        raise Invalid(NOT_JSON, line=wrong.lineno, column=wrong.colno) from None
    except RecursionError:
        raise Invalid(TOO_DEEP, most=DEPTH_BOUND) from None
    return _checked(value, "", 1)


def _checked(value: Any, where: str, depth: int) -> Any:
    if isinstance(value, _Inexact):
        raise Invalid(NOT_EXACT, field=where or None, given=shown(value))
    if isinstance(value, str):
        _check_text(value, where)
    elif isinstance(value, list | dict) and depth > DEPTH_BOUND:
        raise Invalid(TOO_DEEP, field=where, most=DEPTH_BOUND)
    if isinstance(value, list):
        return [_checked(item, f"{where}[{place}]", depth + 1) for place, item in enumerate(value)]
    if not isinstance(value, _Object):
        return value
    if value.twice is not None:
        raise Invalid(KEY_TWICE, field=_inside(where, value.twice), given=shown(value.twice))
    for key in value:
        _check_text(key, _inside(where, key))
    return {key: _checked(item, _inside(where, key), depth + 1) for key, item in value.items()}


def _check_text(text: str, where: str) -> None:
    if (not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)) or "\0" in text:
        raise Invalid(NOT_TEXT, field=where or None)


def _inside(where: str, key: str) -> str:
    return f"{where}.{shown(key)}" if where else shown(key)


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    found = _Object(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                found.twice = key
                break
            seen.add(key)
    return found


def _integer(digits: str) -> int | _Inexact:
    return int(digits) if len(digits) <= DIGITS_BOUND else _Inexact(digits)
