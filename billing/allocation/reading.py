"""A case from JSON, as the contract of `moyai allocation compute` writes it. Everything unknown is refused by name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, Final

from billing.allocation.case import TOTAL_BOUND, Case, Component, Components, Deduction
from governance.kernel.errors import Invalid, reason
from governance.kernel.split import Rounding
from governance.kernel.strict_json import read_json
from governance.kernel.yen import shown, whole_yen

NOT_AN_OBJECT = reason(
    "allocation.not_an_object",
    ja="ここには JSON のオブジェクト {{…}} が必要です（指定された値: {given}）。",
    en="A JSON object {{…}} belongs here, not {given}.",
)
NOT_A_LIST = reason(
    "allocation.not_a_list",
    ja="ここには JSON の配列 […] が必要です（指定された値: {given}）。",
    en="A JSON array […] belongs here, not {given}.",
)
NOT_A_NAME = reason(
    "allocation.not_a_name",
    ja="ここには名称の文字列が必要です（指定された値: {given}）。",
    en="A name belongs here as a string, not {given}.",
)
MISSING_KEY = reason(
    "allocation.missing_key",
    ja="「{given}」がありません。",
    en="“{given}” is missing.",
)
UNKNOWN_KEY = reason(
    "allocation.unknown_key",
    ja="「{given}」という項目はありません。使える項目: {known}。",
    en="There is no “{given}” here; known are {known}.",
)
UNKNOWN_ROUNDING = reason(
    "allocation.unknown_rounding",
    ja="端数処理「{given}」はありません。使えるもの: {known}。",
    en="There is no rounding policy “{given}”; known are {known}.",
)
NOT_A_NUMBER = reason(
    "allocation.not_a_number",
    ja='整数か、"60.00"・"6/100" のような半角の文字列で指定してください（指定された値: {given}）。',
    en='Give an integer, or a string such as "60.00" or "6/100"; {given} is neither.',
)

NUMBER_DIGITS: Final = 40
_DIGITS: Final = f"[0-9]{{1,{NUMBER_DIGITS}}}"
_NUMBER = re.compile(rf"-?{_DIGITS}(?:\.{_DIGITS}|/{_DIGITS})?")
_TOTAL = re.compile(r"-?[0-9]{1,100}")


def read_case(content: bytes) -> Case:
    """The case that a file holds. Raises Invalid, naming the field as `components[1].weights.431001`."""
    case = _object(
        read_json(content),
        "",
        needed=("total_yen", "unit_yen", "rounding", "components"),
        optional=("operator_ratio", "deductions_yen"),
    )
    return Case(
        total_yen=_total(case["total_yen"]),
        unit_yen=whole_yen(case["unit_yen"], field="unit_yen"),
        rounding=_rounding(case["rounding"]),
        components=_components(case["components"]),
        operator_ratio=_number(case.get("operator_ratio", 0), "operator_ratio"),
        deductions=_deductions(case.get("deductions_yen", [])),
    )


def _total(given: Any) -> int:
    """The one amount that may come as a string, for programs whose integers end at 2^53."""
    if isinstance(given, str) and _TOTAL.fullmatch(given):
        given = int(given)
    return whole_yen(given, field="total_yen", most=TOTAL_BOUND)


def _rounding(given: Any) -> Rounding:
    try:
        return Rounding(given)
    except ValueError:
        raise Invalid(UNKNOWN_ROUNDING, field="rounding", given=shown(given), known=", ".join(Rounding)) from None


def _components(given: Any) -> Components:
    parts = []
    for where, item in _items(given, "components"):
        part = _object(item, where, needed=("name", "ratio", "weights"))
        weights = _object(part["weights"], f"{where}.weights")
        parts.append(
            Component(
                name=_name(part["name"], f"{where}.name"),
                ratio=_number(part["ratio"], f"{where}.ratio"),
                weights={
                    member: _number(weight, f"{where}.weights.{shown(member)}") for member, weight in weights.items()
                },
            )
        )
    return Components(tuple(parts))


def _deductions(given: Any) -> tuple[Deduction, ...]:
    deductions = []
    for where, item in _items(given, "deductions_yen"):
        deduction = _object(item, where, needed=("name", "yen"))
        deductions.append(
            Deduction(
                name=_name(deduction["name"], f"{where}.name"),
                yen=whole_yen(deduction["yen"], field=f"{where}.yen", least=0, most=TOTAL_BOUND),
            )
        )
    return tuple(deductions)


def _number(given: Any, where: str) -> Fraction:
    """An exact number: an integer, or the text of a decimal or a fraction in ASCII digits."""
    if type(given) is int and abs(given) < 10**NUMBER_DIGITS:
        return Fraction(given)
    if isinstance(given, str) and _NUMBER.fullmatch(given):
        try:
            return Fraction(given)
        except ZeroDivisionError:
            pass
    raise Invalid(NOT_A_NUMBER, field=where, given=shown(given))


def _name(given: Any, where: str) -> str:
    if not isinstance(given, str):
        raise Invalid(NOT_A_NAME, field=where, given=shown(given))
    return given


def _items(given: Any, where: str) -> Iterable[tuple[str, Any]]:
    if not isinstance(given, list):
        raise Invalid(NOT_A_LIST, field=where, given=shown(given))
    return [(f"{where}[{place}]", item) for place, item in enumerate(given)]


def _object(
    given: Any, where: str, *, needed: tuple[str, ...] | None = None, optional: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The object with all `needed` keys and no others but `optional`; any keys at all when `needed` is None."""
    if not isinstance(given, dict):
        raise Invalid(NOT_AN_OBJECT, field=where or None, given=shown(given))
    if needed is None:
        return given
    inside = f"{where}." if where else ""
    for key in given:
        if key not in needed + optional:
            known = ", ".join(needed + optional)
            raise Invalid(UNKNOWN_KEY, field=f"{inside}{shown(key)}", given=shown(key), known=known)
    for key in needed:
        if key not in given:
            raise Invalid(MISSING_KEY, field=f"{inside}{key}", given=key)
    return given
