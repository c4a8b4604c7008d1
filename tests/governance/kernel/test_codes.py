"""A code of a local public body carries its own check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from governance.kernel.codes import (
    CHECK_DIGIT,
    DESIGNATED_CITIES,
    FIVE_DIGITS,
    NO_SUCH_PREFECTURE,
    NOT_A_CODE,
    LocalGovernmentCode,
    LocalGovernmentKind,
)
from governance.kernel.errors import Invalid, Message

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "identifier_vectors.json").read_text(encoding="utf-8"))[
    "local_government_code"
]


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda vector: vector["code6"])
def test_a_published_code_is_a_code(vector: dict[str, Any]) -> None:
    code = LocalGovernmentCode.parse(vector["code6"])

    assert str(code) == vector["code6"]
    assert code.prefecture == vector["code6"][:2]


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=lambda vector: vector["code6"])
def test_a_code_that_cannot_be_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refusal:
        LocalGovernmentCode.parse(vector["code6"], field="members[2].code")

    assert refusal.value.field == "members[2].code"


def test_one_wrong_digit_is_always_noticed_and_the_right_code_named() -> None:
    for vector in VECTORS["valid"]:
        code = vector["code6"]
        for digit in set("0123456789") - {code[5]}:
            with pytest.raises(Invalid) as refusal:
                LocalGovernmentCode.parse(code[:5] + digit)
            assert refusal.value.message is CHECK_DIGIT
            assert refusal.value.facts["expected"] == code


@pytest.mark.parametrize(
    ("given", "candidates"),
    [
        ("43100", "431001"),
        ("11002", "110027 / 011002"),
        ("43000", "430005"),
        ("99999", ""),
        ("12131", "121312 / 012131"),
    ],
)
def test_five_digits_are_asked_for_and_not_padded(given: str, candidates: str) -> None:
    with pytest.raises(Invalid) as refusal:
        LocalGovernmentCode.parse(given)

    assert refusal.value.message is FIVE_DIGITS
    assert refusal.value.facts["candidates"] == candidates


@pytest.mark.parametrize(
    ("given", "message"),
    [
        *(
            (text, NOT_A_CODE)
            for text in ("", "4310011", "431 001", "４３１００１", "43100A", "431001\n", "-43100", "٤٣١٠٠١")
        ),
        ("000000", NO_SUCH_PREFECTURE),
        ("480002", NO_SUCH_PREFECTURE),
    ],
)
def test_what_is_no_code_is_refused(given: str, message: Message) -> None:
    with pytest.raises(Invalid) as refusal:
        LocalGovernmentCode.parse(given)

    assert refusal.value.message is message


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("430005", LocalGovernmentKind.PREFECTURE),
        ("431001", LocalGovernmentKind.CITY),
        ("432024", LocalGovernmentKind.CITY),
        ("431010", LocalGovernmentKind.WARD),
        ("131016", LocalGovernmentKind.SPECIAL_WARD),
        ("434043", LocalGovernmentKind.TOWN_OR_VILLAGE),
        ("438014", LocalGovernmentKind.UNION),
    ],
)
def test_the_number_says_what_kind_of_body_it_is(code: str, kind: LocalGovernmentKind) -> None:
    assert LocalGovernmentCode.parse(code).kind is kind


def test_there_are_twenty_designated_cities() -> None:
    assert len(DESIGNATED_CITIES) == 20
    assert all(city[2] == "1" for city in DESIGNATED_CITIES)


def test_codes_sort_lower_first() -> None:
    assert sorted(map(LocalGovernmentCode.parse, ["432024", "431001"])) == [
        LocalGovernmentCode("431001"),
        LocalGovernmentCode("432024"),
    ]
