"""JSON that two parsers could read differently is refused with its place."""

from __future__ import annotations

import pytest

from governance.kernel.errors import Invalid, Message
from governance.kernel.strict_json import (
    DUPLICATE_KEY,
    MAX_DEPTH,
    NOT_EXACT,
    NOT_JSON,
    NOT_TEXT,
    NOT_UTF8,
    TOO_DEEP,
    read_json,
)


def test_plain_json_is_read_as_it_is() -> None:
    value = read_json('{"a": [1, -2, true, null, "団体 😀"], "b": {}, "n": 9007199254740993}'.encode())

    assert value == {"a": [1, -2, True, None, "団体 😀"], "b": {}, "n": 2**53 + 1}
    assert type(value) is dict
    assert type(value["b"]) is dict


@pytest.mark.parametrize(
    ("content", "message", "field"),
    [
        (b'{"a": 1, "a": 1}', DUPLICATE_KEY, "a"),
        (b'{"a": [{"b": 1}, {"b": 1, "c": 2, "b": 3}]}', DUPLICATE_KEY, "a[1].b"),
        (b'{"a": 1, "\\u0061": 2}', DUPLICATE_KEY, "a"),
        (b"0.1", NOT_EXACT, None),
        (b'{"a": [1e3]}', NOT_EXACT, "a[0]"),
        (b'{"a": NaN}', NOT_EXACT, "a"),
        (b'{"a": -Infinity}', NOT_EXACT, "a"),
        (b'{"a": ' + b"1" * 101 + b"}", NOT_EXACT, "a"),
        (b'{"a": "\\ud800"}', NOT_TEXT, "a"),
        (b'{"a": "\\u0000"}', NOT_TEXT, "a"),
        (b'{"a\\u0000": 1}', NOT_TEXT, "a�"),
        (b"", NOT_JSON, None),
        (b"{'a': 1}", NOT_JSON, None),
        (b'{"a": 1} x', NOT_JSON, None),
        (b'{"a": 01}', NOT_JSON, None),
        (b'{"a": "\xff"}', NOT_UTF8, None),
        (b"\xef\xbb\xbf{}", NOT_UTF8, None),
        ('{"a": 1}'.encode("utf-16-le"), NOT_JSON, None),
    ],
)
def test_what_is_wrong_is_said_with_its_place(content: bytes, message: Message, field: str | None) -> None:
    with pytest.raises(Invalid) as refusal:
        read_json(content)

    assert refusal.value.message is message
    assert refusal.value.field == field
    assert refusal.value.text("ja")
    assert refusal.value.text("en")


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 10_000, 100_000])
def test_deep_nesting_is_refused_and_does_not_overflow(depth: int) -> None:
    for content in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth):
        with pytest.raises(Invalid) as refusal:
            read_json(content)
        assert refusal.value.message is TOO_DEEP


def test_nesting_up_to_the_bound_is_read() -> None:
    assert read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
