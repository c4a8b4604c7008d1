"""A case from JSON, as the contract of `moyai allocation compute` writes it. Everything unknown is refused by name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, Final

from billing.allocation.input import MAX_TOTAL_YEN, AllocationInput, Component, Components, Deduction
from governance.kernel.errors import Invalid, message
from governance.kernel.split import Rounding
from governance.kernel.strict_json import read_json
from governance.kernel.yen import printable, whole_yen

NOT_AN_OBJECT = message(
    "allocation.not_an_object",
    ja="ここには JSON のオブジェクト {{…}} が必要です（指定された値: {given}）。",
    en="Expected a JSON object {{…}}, not {given}.",
)
NOT_A_LIST = message(
    "allocation.not_a_list",
    ja="ここには JSON の配列 […] が必要です（指定された値: {given}）。",
    en="Expected a JSON array […], not {given}.",
)
NOT_A_NAME = message(
    "allocation.not_a_name",
    ja="ここには名称の文字列が必要です（指定された値: {given}）。",
    en="Expected a name as a string, not {given}.",
)
MISSING_KEY = message(
    "allocation.missing_key",
    ja="「{given}」がありません。",
    en="“{given}” is missing.",
)
UNKNOWN_KEY = message(
    "allocation.unknown_key",
    ja="「{given}」という項目はありません。使える項目: {known}。",
    en="Unknown field “{given}”; the known ones are {known}.",
)
UNKNOWN_ROUNDING = message(
    "allocation.unknown_rounding",
    ja="端数処理「{given}」はありません。使えるもの: {known}。",
    en="Unknown rounding policy “{given}”; the known ones are {known}.",
)
NOT_A_NUMBER = message(
    "allocation.not_a_number",
    ja='整数か、"60.00"・"6/100" のような半角の文字列で指定してください（指定された値: {given}）。',
    en='Give an integer, or a string such as "60.00" or "6/100"; {given} is neither.',
)

MAX_NUMBER_DIGITS: Final = 40
_DIGITS: Final = f"[0-9]{{1,{MAX_NUMBER_DIGITS}}}"
_NUMBER = re.compile(rf"-?{_DIGITS}(?:\.{_DIGITS}|/{_DIGITS})?")
_TOTAL = re.compile(r"-?[0-9]{1,100}")


def read_allocation_input(content: bytes) -> AllocationInput:
    """The case that a file holds. Raises Invalid, naming the field as `components[1].weights.431001`."""
    allocation_input = _object(
        read_json(content),
        "",
        required=("total_yen", "unit_yen", "rounding", "components"),
        optional=("operator_ratio", "deductions_yen"),
    )
    return AllocationInput(
        total_yen=_total(allocation_input["total_yen"]),
        unit_yen=whole_yen(allocation_input["unit_yen"], field="unit_yen"),
        rounding=_rounding(allocation_input["rounding"]),
        components=_components(allocation_input["components"]),
        operator_ratio=_number(allocation_input.get("operator_ratio", 0), "operator_ratio"),
        deductions=_deductions(allocation_input.get("deductions_yen", [])),
    )


def _total(given: Any) -> int:
    """The one amount that may come as a string, for programs whose integers end at 2^53."""
    if isinstance(given, str) and _TOTAL.fullmatch(given):
        given = int(given)
    return whole_yen(given, field="total_yen", most=MAX_TOTAL_YEN)


def _rounding(given: Any) -> Rounding:
    try:
        return Rounding(given)
    except ValueError:
        raise Invalid(UNKNOWN_ROUNDING, field="rounding", given=printable(given), known=", ".join(Rounding)) from None


def _components(given: Any) -> Components:
    parts = []
    for path, item in _items(given, "components"):
        part = _object(item, path, required=("name", "ratio", "weights"))
        weights = _object(part["weights"], f"{path}.weights")
        parts.append(
            Component(
                name=_name(part["name"], f"{path}.name"),
                ratio=_number(part["ratio"], f"{path}.ratio"),
                weights={
                    member: _number(weight, f"{path}.weights.{printable(member)}") for member, weight in weights.items()
                },
            )
        )
    return Components(tuple(parts))


def _deductions(given: Any) -> tuple[Deduction, ...]:
    deductions = []
    for path, item in _items(given, "deductions_yen"):
        deduction = _object(item, path, required=("name", "yen"))
        deductions.append(
            Deduction(
                name=_name(deduction["name"], f"{path}.name"),
                yen=whole_yen(deduction["yen"], field=f"{path}.yen", least=0, most=MAX_TOTAL_YEN),
            )
        )
    return tuple(deductions)


def _number(given: Any, path: str) -> Fraction:
    """An exact number: an integer, or the text of a decimal or a fraction in ASCII digits."""
    if type(given) is int and abs(given) < 10**MAX_NUMBER_DIGITS:
        return Fraction(given)
    if isinstance(given, str) and _NUMBER.fullmatch(given):
        try:
            return Fraction(given)
        except ZeroDivisionError:
            pass
    raise Invalid(NOT_A_NUMBER, field=path, given=printable(given))


def _name(given: Any, path: str) -> str:
    if not isinstance(given, str):
        raise Invalid(NOT_A_NAME, field=path, given=printable(given))
    return given


def _items(given: Any, path: str) -> Iterable[tuple[str, Any]]:
    if not isinstance(given, list):
        raise Invalid(NOT_A_LIST, field=path, given=printable(given))
    return [(f"{path}[{place}]", item) for place, item in enumerate(given)]


def _object(
    given: Any, path: str, *, required: tuple[str, ...] | None = None, optional: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The object with all `needed` keys and no others but `optional`; any keys at all when `needed` is None."""
    if not isinstance(given, dict):
        raise Invalid(NOT_AN_OBJECT, field=path or None, given=printable(given))
    if required is None:
        return given
    prefix = f"{path}." if path else ""
    for key in given:
        if key not in required + optional:
            known = ", ".join(required + optional)
            raise Invalid(UNKNOWN_KEY, field=f"{prefix}{printable(key)}", given=printable(key), known=known)
    for key in required:
        if key not in given:
            raise Invalid(MISSING_KEY, field=f"{prefix}{key}", given=key)
    return given
