"""Yen are whole: anything a parser could read in two ways is refused with its field."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from governance.kernel.errors import Invalid
from governance.kernel.yen import (
    MAX_YEN,
    NOT_AN_AMOUNT,
    NOT_WHOLE,
    OUT_OF_RANGE,
    PositiveYen,
    Yen,
    format_amount,
    format_yen,
    printable,
    whole_yen,
    yen_from_form,
)


class Command(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)
    cost_yen: PositiveYen = 1
    difference_yen: Yen = 0


@pytest.mark.parametrize("given", [True, False, None, "5", "１２３", 5.0, float("nan"), float("inf"), [5], {"yen": 5}])
def test_what_is_not_a_whole_number_is_no_amount(given: object) -> None:
    with pytest.raises(Invalid) as refusal:
        whole_yen(given, field="cost_yen")

    assert refusal.value.message is NOT_WHOLE
    assert refusal.value.field == "cost_yen"
    with pytest.raises(ValidationError):
        Command(cost_yen=given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given", [0, -1, MAX_YEN + 1, 2**63, 10**5_000], ids=lambda given: f"{given.bit_length()} bits"
)
def test_an_amount_out_of_range_is_refused_with_the_range(given: int) -> None:
    with pytest.raises(Invalid) as refusal:
        whole_yen(given, field="cost_yen")

    assert refusal.value.message is OUT_OF_RANGE
    assert "1000000000000000" in refusal.value.text("ja")
    assert len(refusal.value.text("en")) < 200
    with pytest.raises(ValidationError):
        Command(cost_yen=given)


def test_the_bounds_themselves_are_amounts() -> None:
    assert whole_yen(1, field="x") == 1
    assert whole_yen(MAX_YEN, field="x") == MAX_YEN
    assert Command(cost_yen=MAX_YEN, difference_yen=-MAX_YEN).difference_yen == -MAX_YEN
    with pytest.raises(ValidationError):
        Command(difference_yen=-MAX_YEN - 1)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("5", 5),
        ("1234", 1234),
        ("1,234", 1234),
        ("24,000,000", 24_000_000),
        ("１，２００，０００円", 1_200_000),
        ("1２3", 123),
        ("¥5", 5),
        (" 5円 ", 5),
        ("5.0", 5),
        ("２００万", 2_000_000),
        ("1,234千円", 1_234_000),
        ("1億2,000万円", 120_000_000),
        ("1.5万円", 15_000),
        ("3億4千円", 300_004_000),
    ],
)
def test_a_form_understands_how_offices_write_amounts(text: str, amount: int) -> None:
    assert yen_from_form(text, field="cost_yen") == amount


@pytest.mark.parametrize("minus", ["-", "▲", "△", "－", "−"])
def test_an_amount_below_zero_is_understood_where_there_may_be_one(minus: str) -> None:
    assert yen_from_form(f"{minus}1,000円", field="difference_yen", least=-MAX_YEN) == -1_000
    with pytest.raises(Invalid) as refusal:
        yen_from_form(f"{minus}1,000円", field="cost_yen")
    assert refusal.value.message is OUT_OF_RANGE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+5",
        "1_000",
        "12,34",
        ",123",
        "1,23",
        "1234,567",
        "1e3",
        "0x5",
        "٣",
        "壱",
        "五",
        "円",
        "万円",
        "千円",
        "5.5",
        "0.00001万円",
        "5円5",
        "5万3億",
        "--5",
        "5\n6",
        "=1+1",
        "9" * 5000,
    ],
)
def test_a_form_refuses_what_python_would_have_read_or_guessed(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        yen_from_form(text, field="cost_yen")

    assert refusal.value.message is NOT_AN_AMOUNT
    assert refusal.value.field == "cost_yen"


@pytest.mark.parametrize("text", ["0", "-0", "-5", "-1,234", "1,000,000,000,000,001"])
def test_a_form_refuses_amounts_out_of_range(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        yen_from_form(text, field="cost_yen")

    assert refusal.value.message is OUT_OF_RANGE


def test_amounts_are_written_as_public_documents_write_them() -> None:
    assert [format_yen(amount) for amount in (0, 1234, -1234)] == ["0円", "1,234円", "▲1,234円"]
    assert [format_amount(amount) for amount in (24_000_000, -5)] == ["24,000,000", "▲5"]


def test_a_given_value_is_printed_short_and_plain() -> None:
    assert printable("\x1b[31m" + "あ" * 60) == "�[31m" + "あ" * 35 + "…"
    assert [printable(value) for value in (True, None, [1], {"a": 1})] == ["true", "null", "[…]", "{…}"]
