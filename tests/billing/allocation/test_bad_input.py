"""What cannot be shared is refused with its place named: exit code 2, standard output empty."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from admin.features.allocation.compute_cli import MAX_INPUT_BYTES, allocation

GOOD: dict[str, Any] = {
    "total_yen": 24_000_001,
    "unit_yen": 1,
    "rounding": "largest_remainder",
    "operator_ratio": "1/2",
    "deductions_yen": [{"name": "交付金", "yen": 1_000_000}],
    "components": [
        {"name": "均等割", "ratio": "1/10", "weights": {"431001": 1, "432024": 1}},
        {"name": "人口割", "ratio": "9/10", "weights": {"431001": 738_865, "432024": 123_067}},
    ],
}


def compute(text: str | bytes, *options: str) -> Result:
    return CliRunner().invoke(allocation, ["compute", "--input", "-", *options], input=text)


def changed(place: str, value: Any) -> dict[str, Any]:
    """The good case with one value changed; `place` is written as the refusal will name it."""
    case: dict[str, Any] = json.loads(json.dumps(GOOD))
    *path, last = [
        int(step) if step.isdecimal() and len(step) < 6 else step
        for step in place.replace("[", ".").replace("]", "").split(".")
    ]
    inside: Any = case
    for step in path:
        inside = inside[step]
    if value is ...:
        del inside[last]
    else:
        inside[last] = value
    return case


AMOUNTS = [
    0,
    -1,
    2**63,
    10**50,
    True,
    None,
    1.5,
    1e3,
    [1],
    {"yen": 1},
    "１２３",
    "",
    " 5",
    "+5",
    "1_000",
    "1,000",
    "٣",
    "1e3",
]

REFUSED: list[tuple[str, Any, str]] = [
    *(("total_yen", value, "total_yen") for value in AMOUNTS),
    *(("total_yen", value, "total_yen") for value in ["-5", "0", "5.0", "5\n", str(2**63), "9" * 101]),
    *(("unit_yen", value, "unit_yen") for value in [*AMOUNTS, "1"]),
    *(("deductions_yen[0].yen", value, "deductions_yen[0].yen") for value in [*AMOUNTS[1:], "5"]),
    ("deductions_yen[0].yen", 24_000_002, "deductions_yen"),
    ("deductions_yen[0].name", "", "deductions_yen[0].name"),
    ("deductions_yen[0].name", 7, "deductions_yen[0].name"),
    ("deductions_yen[0].note", "x", "deductions_yen[0].note"),
    ("deductions_yen[0].yen", ..., "deductions_yen[0].yen"),
    ("deductions_yen", {}, "deductions_yen"),
    ("rounding", "half_even", "rounding"),
    ("rounding", None, "rounding"),
    ("rounding", [], "rounding"),
    *((key, ..., key) for key in ["total_yen", "unit_yen", "rounding", "components"]),
    ("currency", "JPY", "currency"),
    *(
        ("operator_ratio", value, "operator_ratio")
        for value in ["-1/2", "3/2", 2, 0.5, "50%", "1/0", None, True, "１/２"]
    ),
    ("components", [], "components"),
    ("components", {}, "components"),
    ("components[1]", "人口割", "components[1]"),
    ("components[0].ratio", "2/10", "components"),
    ("components[0].ratio", "-1/10", "components[0].ratio"),
    ("components[0].ratio", "11/10", "components[0].ratio"),
    ("components[0].ratio", 0.1, "components[0].ratio"),
    ("components[0].ratio", "1/" + "9" * 41, "components[0].ratio"),
    ("components[0].ratio", ..., "components[0].ratio"),
    ("components[0].basis", "x", "components[0].basis"),
    ("components[1].name", "均等割", "components[1].name"),
    ("components[1].name", "人口\u202e割", "components[1].name"),
    ("components[1].name", "　", "components[1].name"),
    ("components[1].name", "あ" * 101, "components[1].name"),
    ("components[1].weights", {}, "components[1].weights"),
    ("components[1].weights", {"431001": 0, "432024": "0.00"}, "components[1].weights"),
    ("components[1].weights", ["431001"], "components[1].weights"),
    *(
        ("components[1].weights.431001", value, "components[1].weights.431001")
        for value in [
            -1,
            "-0.5",
            "-1/3",
            0.1,
            1e3,
            None,
            True,
            "",
            "1 2",
            "NaN",
            "1e3",
            ".5",
            "5.",
            "1/0",
            "１",
            "²",
            "十",
            10**40,
        ]
    ),
    ("components[1].weights", {"": 1}, "components[1].weights."),
]


@pytest.mark.parametrize(("place", "value", "field"), REFUSED)
def test_a_wrong_value_is_refused_by_its_place(place: str, value: Any, field: str) -> None:
    outcome = compute(json.dumps(changed(place, value)))

    assert outcome.exit_code == 2
    assert outcome.stdout == ""
    assert outcome.stderr.startswith(f"{field}: ")
    assert json.loads(compute(json.dumps(changed(place, value)), "--json").stderr)["error"]["field"] == field


@pytest.mark.parametrize(
    ("was", "becomes", "field"),
    [
        ('"total_yen": 24000001', '"total_yen": NaN', "total_yen"),
        ('"total_yen": 24000001', '"total_yen": Infinity', "total_yen"),
        ('"total_yen": 24000001', '"total_yen": -0', "total_yen"),
        ('"total_yen": 24000001', '"total_yen": 1e999', "total_yen"),
        ('"total_yen": 24000001', f'"total_yen": {"9" * 5_000}', "total_yen"),
        ('"total_yen": 24000001', '"total_yen": 1, "total_yen": 24000001', "total_yen"),
        ('"432024": 123067', f'"432024": {"9" * 5_000}', "components[1].weights.432024"),
        ('"432024": 123067', '"432024": 1, "432024": 123067', "components[1].weights.432024"),
        ('"432024": 123067', '"\\ud800": 1', "components[1].weights.�"),
        ('"432024": 123067', '"\\u0000": 1', "components[1].weights.�"),
    ],
)
def test_json_that_parsers_read_differently_is_refused_by_its_place(was: str, becomes: str, field: str) -> None:
    text = json.dumps(GOOD)
    assert was in text

    outcome = compute(text.replace(was, becomes))

    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith(f"{field}: ")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"24000001",
        b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
        json.dumps(GOOD).encode("utf-16"),
        json.dumps(GOOD, ensure_ascii=False).encode("cp932"),
        b"[" * 10_000,
        b"[" * 10_000 + b"]" * 10_000,
        b'{"components":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"components":' + b"[" * 32 + b"]" * 32 + b"}",
        json.dumps(GOOD).encode().ljust(MAX_INPUT_BYTES + 1),
    ],
    ids=lambda content: repr(content[:12]),
)
def test_what_is_no_case_at_all_is_refused(content: bytes) -> None:
    outcome = compute(content)

    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert len(outcome.stderr) < 500


def test_fractions_without_a_common_denominator_of_sane_size_are_refused() -> None:
    primes = [number for number in range(3, 3_000, 2) if all(number % by for by in range(3, int(number**0.5) + 1, 2))]
    weights = {f"団体{number}": f"1/{number}" for number in primes}

    outcome = compute(json.dumps(changed("components[1].weights", weights)))

    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith("components[1].weights: ")


def test_a_file_that_is_not_there_and_no_file_at_all_are_wrong_usage(tmp_path: Path) -> None:
    for arguments in (["--input", str(tmp_path / "case.json")], [], ["--input"]):
        outcome = CliRunner().invoke(allocation, ["compute", *arguments])

        assert (outcome.exit_code, outcome.stdout) == (2, "")
        assert "--input" in outcome.stderr


def test_a_refusal_is_worded_in_japanese_first_and_in_english() -> None:
    outcome = compute(json.dumps(changed("components[0].ratio", "2/10")))

    assert outcome.stderr.splitlines() == [
        "components: 按分割合の合計を 100％（1）にしてください（現在の合計: 11/10）。",
        "components: The ratios must add up to exactly 1; they add up to 11/10.",
    ]
