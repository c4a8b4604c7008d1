"""JSON read strictly: what two parsers could read differently is refused, with the place named.

Python's own reader lets the last of two equal keys win, accepts NaN, turns 0.1 into a float and overflows the stack on
deep nesting. Money must not depend on any of that. What the keys mean does not belong here.
"""

from __future__ import annotations

import json
from typing import Any, Final

from governance.kernel.errors import Invalid, message
from governance.kernel.yen import printable

MAX_DEPTH: Final = 32
MAX_DIGITS: Final = 100

NOT_UTF8 = message(
    "json.not_utf8",
    ja="JSON は BOM のない UTF-8 で保存してください。",
    en="JSON must be UTF-8 without a byte order mark.",
)
NOT_JSON = message(
    "json.not_json",
    ja="JSON として読めません（{line} 行 {column} 文字目）。",
    en="This is not JSON (line {line}, column {column}).",
)
TOO_DEEP = message(
    "json.too_deep",
    ja="JSON の入れ子が {most} 段を超えています。",
    en="The JSON is nested more than {most} deep.",
)
DUPLICATE_KEY = message(
    "json.key_twice",
    ja="キー「{given}」が同じ場所に二度あります。",
    en="The key “{given}” appears twice in one object.",
)
NOT_EXACT = message(
    "json.not_exact",
    ja='数値 {given} は使えません。整数か、小数・分数を文字列（例: "0.5"、"1/3"）で指定してください。',
    en='The number {given} cannot be used; give an integer, or a decimal or fraction as a string ("0.5", "1/3").',
)
NOT_TEXT = message(
    "json.not_text",
    ja="文字列に NUL 文字または不完全な文字が含まれています。",
    en="The string contains a NUL or an unpaired surrogate.",
)


class _Inexact(str):
    """The digits of a number that no integer holds, kept until its place is known."""


class _Object(dict[str, Any]):
    """An object whose text had `twice` as a key more than once."""

    duplicate_key: str | None = None


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
        raise Invalid(TOO_DEEP, most=MAX_DEPTH) from None
    return _checked(value, "", 1)


def _checked(value: Any, path: str, depth: int) -> Any:
    if isinstance(value, _Inexact):
        raise Invalid(NOT_EXACT, field=path or None, given=printable(value))
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, list | dict) and depth > MAX_DEPTH:
        raise Invalid(TOO_DEEP, field=path, most=MAX_DEPTH)
    if isinstance(value, list):
        return [_checked(item, f"{path}[{place}]", depth + 1) for place, item in enumerate(value)]
    if not isinstance(value, _Object):
        return value
    if value.duplicate_key is not None:
        raise Invalid(DUPLICATE_KEY, field=_join(path, value.duplicate_key), given=printable(value.duplicate_key))
    for key in value:
        _check_text(key, _join(path, key))
    return {key: _checked(item, _join(path, key), depth + 1) for key, item in value.items()}


def _check_text(text: str, path: str) -> None:
    if (not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)) or "\0" in text:
        raise Invalid(NOT_TEXT, field=path or None)


def _join(path: str, key: str) -> str:
    return f"{path}.{printable(key)}" if path else printable(key)


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    found = _Object(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                found.duplicate_key = key
                break
            seen.add(key)
    return found


def _integer(digits: str) -> int | _Inexact:
    return int(digits) if len(digits) <= MAX_DIGITS else _Inexact(digits)
