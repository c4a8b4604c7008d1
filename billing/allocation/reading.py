"""The input of an allocation from JSON, as the contract of `moyai allocation compute` writes it.

`AllocationFile` is its strict model, whose JSON Schema is published; what it means and what cannot be shared is
decided by `AllocationInput`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Final

from pydantic import Field, Strict

from billing.allocation.input import MAX_TOTAL_YEN, AllocationInput, Component, Components, Deduction
from governance.kernel.errors import Invalid, message
from governance.kernel.split import Rounding
from governance.kernel.strict_json import read_json
from governance.kernel.strict_model import (
    DocumentError,
    ExactNumber,
    Path,
    StrictModel,
    WholeYen,
    read_document,
)
from governance.kernel.yen import MAX_YEN, printable

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

Number = Annotated[Fraction, ExactNumber(NOT_A_NUMBER, allows_negative=True)]


class ComponentEntry(StrictModel):
    """One basis (按分基準): its part of the pool, and the weight of each member by code; no entry is weight 0."""

    name: str
    ratio: Number
    weights: dict[str, Number]


class DeductionEntry(StrictModel):
    """A sum that is deducted before anything is shared, such as a grant (交付金)."""

    name: str
    yen: Annotated[int, WholeYen(0, MAX_TOTAL_YEN)]


class AllocationFile(StrictModel):
    """One pool of cost to share: deductions first, then the operator's part, then the components over the members.

    Ratios and weights are exact: an integer, or the text of a decimal ("60.00") or a fraction ("6/100"). The ratios
    of the components add up to exactly 1.
    """

    total_yen: Annotated[int, WholeYen(1, MAX_TOTAL_YEN, takes_text=True)]
    unit_yen: Annotated[int, WholeYen(1, MAX_YEN)]
    rounding: Annotated[Rounding, Strict(False)]
    components: list[ComponentEntry]
    operator_ratio: Number = Fraction(0)
    deductions_yen: list[DeductionEntry] = Field(default_factory=list)

    def value(self) -> AllocationInput:
        """The input as it is computed. Raises Invalid, naming the field, for one that cannot be shared."""
        return AllocationInput(
            total_yen=self.total_yen,
            unit_yen=self.unit_yen,
            rounding=self.rounding,
            components=Components(tuple(Component(part.name, part.ratio, part.weights) for part in self.components)),
            operator_ratio=self.operator_ratio,
            deductions=tuple(Deduction(deduction.name, deduction.yen) for deduction in self.deductions_yen),
        )


_OWNERS: Final[dict[Path, type[StrictModel]]] = {
    (): AllocationFile,
    ("components",): ComponentEntry,
    ("deductions_yen",): DeductionEntry,
}
"""The model of an object by its path without positions."""


def read_allocation_input(content: bytes) -> AllocationInput:
    """The input that a file holds. Raises Invalid, naming the field as `components[1].weights.431001`."""
    return allocation_input(read_json(content))


def allocation_input(value: Any) -> AllocationInput:
    """The input that a JSON value holds. Raises Invalid as `read_allocation_input` does."""
    return read_document(AllocationFile, value, _wording).value()


def _wording(error: DocumentError) -> Invalid:
    """Our refusal for what pydantic found (https://docs.pydantic.dev/latest/errors/validation_errors/)."""
    given = printable(error.given)
    match error.type:
        case "extra_forbidden":
            *place, key = error.path
            owner = _OWNERS[tuple(step for step in place if isinstance(step, str))]
            return Invalid(UNKNOWN_KEY, given=printable(key), known=", ".join(owner.model_fields))
        case "missing":
            return Invalid(MISSING_KEY, given=error.path[-1])
        case "enum":
            return Invalid(UNKNOWN_ROUNDING, given=given, known=", ".join(Rounding))
        case "list_type":
            return Invalid(NOT_A_LIST, given=given)
        case "string_type":
            return Invalid(NOT_A_NAME, given=given)
        case _:
            return Invalid(NOT_AN_OBJECT, given=given)
