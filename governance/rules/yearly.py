"""A number of a rule that may change by fiscal year: one value, or a list of values with the year each begins in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from governance.kernel.errors import Invalid, Message, message
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.strict_model import ExactNumber, StrictModel, refuse
from governance.kernel.yen import MAX_YEN, printable

NUMBER = message(
    "rule.exact_number",
    ja='「{given}」は使えません。整数か "60.00"・"1/10" のような文字列で、0 以上で指定してください。',
    en='“{given}” cannot be used here; give a non-negative integer, or a string such as "60.00" or "1/10".',
)
RATIO = message(
    "rule.ratio_range",
    ja="割合は 0 以上 1 以下で指定してください（指定された値: {given}）。",
    en="A ratio must be at least 0 and at most 1; {given} is not.",
)
RATIO_BELOW_ONE = message(
    "rule.ratio_below_one",
    ja="運営者の負担割合は 0 以上 1 未満で指定してください（指定された値: {given}）。",
    en="The operator's ratio must be at least 0 and less than 1; {given} is not.",
    hint_ja="すべてを運営者が負担する場合は all を指定してください。",
    hint_en="Where the operator bears everything, say all.",
)
WHOLE_YEN = message(
    "rule.whole_yen",
    ja="金額は {least} 円以上 {most} 円以下の整数で指定してください（指定された値: {given}）。",
    en="An amount must be a whole number of {least} to {most} yen; {given} is not.",
)
YEARS = message(
    "rule.years_of_values",
    ja="年度ごとの値は、適用する最初の年度（from_fiscal_year）の古い順に、1 つ以上並べてください。",
    en="Values by year are a list of at least one, each with its first fiscal year (from_fiscal_year), oldest first.",
)
YEAR = message(
    "rule.fiscal_year",
    ja="「{given}」は会計年度として使えません。1989 から 2100 までの西暦の整数で指定してください。",
    en="“{given}” is not a fiscal year; give the year as an integer from 1989 to 2100.",
)
NO_VALUE_YET = message(
    "rule.no_value_for_year",
    ja="{year}年度の値がありません。この項目の値は {first} 年度から定められています。",
    en="There is no value for the fiscal year {year}; the values of this field begin in {first}.",
)

_KEYS: Final = {"from_fiscal_year", "value", "reference"}


ReferenceText = Annotated[str, StringConstraints(pattern=r"^[^「」『』《》\x00-\x1f]+$", max_length=500)]


class Reference(StrictModel):
    """Where a rule or a value stands in writing: title, article, address, day of publication."""

    title: ReferenceText
    article: ReferenceText | None = None
    url: ReferenceText | None = None
    published_on: ReferenceText | None = None


@dataclass(frozen=True, slots=True)
class ValueFrom:
    """A value from a fiscal year on, with its own reference. `from_fiscal_year` None: whatever the year."""

    from_fiscal_year: int | None
    value: Fraction
    reference: Reference | None = None


@dataclass(frozen=True, slots=True)
class Yearly:
    """The values of one number of a rule, oldest first."""

    values: tuple[ValueFrom, ...]

    @classmethod
    def always(cls, value: Fraction | int) -> Yearly:
        """One value, whatever the year."""
        return cls((ValueFrom(None, Fraction(value)),))

    def of(self, year: FiscalYear, *, field: str) -> ValueFrom:
        """The value for a fiscal year. Raises Invalid, naming the field, before the first of the values."""
        found = [one for one in self.values if one.from_fiscal_year is None or one.from_fiscal_year <= year.year]
        if not found:
            raise Invalid(NO_VALUE_YET, field=field, year=year.year, first=self.values[0].from_fiscal_year)
        return found[-1]

    @property
    def changes_in(self) -> frozenset[int]:
        """The fiscal years in which a value begins; none for one value."""
        return frozenset(one.from_fiscal_year for one in self.values if one.from_fiscal_year is not None)

    def canonical(self) -> Any:
        """As a body has it: an integer or the text of a reduced fraction, or the list by year."""
        if self.values[0].from_fiscal_year is None:
            return _plain(self.values[0].value)
        return [
            {"from_fiscal_year": one.from_fiscal_year, "value": _plain(one.value)}
            | ({} if one.reference is None else {"reference": one.reference.model_dump(exclude_none=True)})
            for one in self.values
        ]


def _plain(value: Fraction) -> int | str:
    return value.numerator if value.denominator == 1 else str(value)


def any_number(value: Fraction) -> None:
    """Every number of 0 or more."""


def ratio(value: Fraction) -> None:
    """0 to 1."""
    if value > 1:
        refuse(RATIO, given=printable(value))


def ratio_below_one(value: Fraction) -> None:
    """0 to less than 1."""
    if value >= 1:
        refuse(RATIO_BELOW_ONE, given=printable(value))


@dataclass(frozen=True, slots=True)
class YearlyNumber:
    """In `Annotated[Yearly, …]`: reads one exact number or a list by year, each checked by `check`."""

    check: Callable[[Fraction], None] = any_number
    message: Message = NUMBER

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._read,
            serialization=core_schema.plain_serializer_function_ser_schema(Yearly.canonical),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        one = self._number_schema(schema, handler)
        entry = {
            "type": "object",
            "properties": {
                "from_fiscal_year": {"type": "integer", "minimum": 1989, "maximum": 2100},
                "value": one,
                "reference": {"type": "object"},
            },
            "required": ["from_fiscal_year", "value"],
            "additionalProperties": False,
        }
        return {"anyOf": [one, {"type": "array", "items": entry, "minItems": 1}]}

    def _number_schema(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return ExactNumber(self.message).__get_pydantic_json_schema__(schema, handler)

    def _number(self, given: Any) -> Fraction:
        return ExactNumber(self.message).read(given)

    def _one(self, given: Any) -> Fraction:
        value = self._number(given)
        self.check(value)
        return value

    def _read(self, given: Any) -> Yearly:
        if not isinstance(given, list):
            return Yearly((ValueFrom(None, self._one(given)),))
        values = [self._entry(entry) for entry in given]
        years = [one.from_fiscal_year or 0 for one in values]
        if not values or years != sorted(set(years)):
            refuse(YEARS)
        return Yearly(tuple(values))

    def _entry(self, entry: Any) -> ValueFrom:
        if not isinstance(entry, dict) or not {"from_fiscal_year", "value"} <= set(entry) <= _KEYS:
            refuse(YEARS)
        year = entry["from_fiscal_year"]
        if type(year) is not int or not 1989 <= year <= 2100:
            refuse(YEAR, given=printable(year))
        try:
            reference = Reference.model_validate(entry["reference"]) if "reference" in entry else None
        except ValidationError:
            refuse(YEARS)
        return ValueFrom(year, self._one(entry["value"]), reference)


@dataclass(frozen=True, slots=True)
class YearlyYen(YearlyNumber):
    """In `Annotated[Yearly, …]`: whole yen from `least` to `most`, one amount or a list by year."""

    least: int = 0
    most: int = MAX_YEN

    def _number(self, given: Any) -> Fraction:
        if type(given) is not int or not self.least <= given <= self.most:
            refuse(WHOLE_YEN, given=printable(given), least=self.least, most=self.most)
        return Fraction(given)

    def _number_schema(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}
