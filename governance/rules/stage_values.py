"""The single values of a rule of stages: names, numbers, days, windows, powers, and what each option may be."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any, Final, NoReturn

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    Strict,
    WithJsonSchema,
)

from governance.kernel.errors import message
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.strict_model import (
    ExactNumber,
    refuse,
)
from governance.kernel.yen import printable
from governance.rules.cost_sharing import BASIS_DATE_PATTERN, BasisDate, read_basis_date
from governance.rules.yearly import (
    NUMBER,
    Yearly,
    YearlyNumber,
    YearlyYen,
    any_number,
    ratio,
)

MAX_LABEL_LENGTH: Final = 100
MAX_NOTE_LENGTH: Final = 1000
NOT_UNDERSTOOD = message(
    "rule.not_understood",
    ja="「{given}」は使えません。使えるもの: {known}。",
    en="“{given}” cannot be used here; what can: {known}.",
)
LABEL = message(
    "rule.label",
    ja="名称は 1〜{most} 文字で、制御文字と「」『』《》を含まないものにしてください（指定された値: {given}）。",
    en="A name has 1 to {most} characters, without control characters and 「」『』《》; {given} does not.",
)
STAGE_ID = message(
    "rule.stage_id",
    ja="段階の ID「{given}」は使えません。"
    "英小文字で始まる英小文字・数字・_ の 1〜40 文字で、重ならないものにしてください。",
    en="“{given}” is not a stage's id: 1 to 40 lower-case letters, digits and _, first a letter, each used once.",
)
NEEDS = message(
    "rule.needs_field",
    ja="「{given}」には項目「{needed}」が必要です。",
    en="“{given}” needs the field “{needed}”.",
)
NOT_WITH = message(
    "rule.field_not_with",
    ja="項目「{given}」は「{other}」と一緒には使えません。",
    en="The field “{given}” cannot be used together with “{other}”.",
)
TWICE = message(
    "rule.named_twice",
    ja="「{given}」が二度あります。",
    en="“{given}” is named twice.",
)
POWER = message(
    "rule.power",
    ja="指数は 0 より大きく {most} 以下、2 倍ごとの倍率は 1 より大きく {most_doubling} 以下、"
    "基準は 0 より大きい数、桁数は 0〜30 で指定してください。",
    en="A power is above 0 and at most {most}, the factor per doubling above 1 and at most {most_doubling}, "
    "the reference above 0, the places 0 to 30.",
)
WINDOW = message(
    "rule.window",
    ja='期間「{given}」は使えません。"previous_fiscal_year"、"fiscal_year"、"previous_calendar_year"、"calendar_year"、'
    '{{"years": 3}}、{{"from": "previous-01-01", "to": "year-12-31"}} のいずれかで指定してください。',
    en="“{given}” is not a window; give previous_fiscal_year, fiscal_year, previous_calendar_year, calendar_year, "
    '{{"years": 3}} or {{"from": "previous-01-01", "to": "year-12-31"}}.',
)
DUE_DAY = message(
    "rule.due_day",
    ja='納期限「{given}」は使えません。"05-20" のように月日で指定してください。',
    en='“{given}” is not a due day; give month and day, such as "05-20".',
)

SLUG: Final = r"[a-z][a-z0-9_]{0,39}"
_HIDDEN: Final = re.compile(r"[「」『』《》]")
IN_FORCE: Final = re.compile(r"^(promulgation|[0-9]{4}-[0-9]{2}-[0-9]{2})$")
_DUE: Final = re.compile(r"([0-9]{2})-([0-9]{2})")


class DeductedKind(StrEnum):
    """Money that comes off a pool before it is shared."""

    GRANT = "grant"
    SPECIFIC_REVENUE = "specific_revenue"
    CARRY_OVER = "carry_over"
    OTHER = "other"


class BelowZero(StrEnum):
    """What becomes of deductions above the pool."""

    REFUSE = "refuse"
    ZERO = "zero"


class AttributeMode(StrEnum):
    """How a direct attribution is said: charged to the member, or taken out before the split and put back after."""

    CHARGE = "charge"
    TAKE_OUT_AND_PUT_BACK = "take_out_and_put_back"


class OperatorBears(StrEnum):
    """What part of the rest the operator takes."""

    ALL = "all"
    NONE = "none"
    RATIO = "ratio"
    FIRST_UP_TO = "first_up_to"


class OddYen(StrEnum):
    """Who takes the odd yen of the operator's ratio."""

    OPERATOR = "operator"
    MEMBERS = "members"


class Average(StrEnum):
    """How the years of a window become one weight."""

    SUM_OF_YEARS = "sum_of_years"
    MEAN_OF_SHARES = "mean_of_shares"


class Joining(StrEnum):
    """What a joiner's (or leaver's) part of the year is multiplied with (rules with all three are found)."""

    WEIGHT = "weight"
    """The weight, before the total is formed: the others bear the rest."""
    PERIODS = "periods"
    """Each part of the year is shared by those who take part in it."""
    DISCOUNT = "discount"
    """The share; `borne_by` bears what is left."""


class CountedBy(StrEnum):
    """What a part of the year is counted in."""

    MONTHS = "months"
    DAYS = "days"
    YEAR = "year"
    """Not at all: a year begun is a whole year."""


class Leaving(StrEnum):
    """What a leaver owes of the year."""

    WHOLE_YEAR = "whole_year"
    UNTIL_LEAVING = "until_leaving"


class Measure(StrEnum):
    """What the numbers of a limit are."""

    YEN = "yen"
    PER_HEAD = "per_head"
    OF_PREVIOUS = "of_previous"


class LimitOn(StrEnum):
    """What a limit looks at."""

    SPLIT = "split"
    TOTAL = "total"


class ExcessTo(StrEnum):
    """Who bears what a limit cuts off."""

    OTHERS = "others"
    OPERATOR = "operator"
    MEMBER = "member"
    CARRY_OVER = "carry_over"


class Policy(StrEnum):
    """How amounts become a multiple of the unit."""

    CUT_TOTAL = "floor_total"
    CUT_EACH_COMPONENT = "floor_each_component"
    ROUND_HALF_UP = "round_half_up"
    LARGEST_REMAINDER = "largest_remainder"


class RemainderTo(StrEnum):
    """Who bears what rounding leaves."""

    OPERATOR = "operator"
    LARGEST = "largest"
    MEMBER = "member"
    CARRY_OVER = "carry_over"


def _line_of(most: int) -> Callable[[Any], str]:
    """Reads a line of at most so many characters, without the brackets of the rule's sentences."""

    def read(given: Any) -> str:
        if (
            not isinstance(given, str)
            or not given.strip()
            or given != given.strip()
            or len(given) > most
            or not given.isprintable()
            or _HIDDEN.search(given)
        ):
            refuse(LABEL, given=printable(given), most=most)
        return given

    return read


def _read_stage_id(given: Any) -> str:
    if not isinstance(given, str) or not re.fullmatch(SLUG, given):
        refuse(STAGE_ID, given=printable(given))
    return given


def read_due(given: Any) -> str:
    """A due day as month and day, inside a validator: 05-20."""
    found = _DUE.fullmatch(given) if isinstance(given, str) else None
    try:
        # 29 February exists in no year one could rely on, so a year without it decides.
        if found is not None:
            date(2025, int(found[1]), int(found[2]))
            return found[0]
    except ValueError:
        pass
    refuse(DUE_DAY, given=printable(given))


def read_in_force(given: Any) -> str:
    """From when a rule is in force, inside a validator: its promulgation, or a day."""
    try:
        if given == "promulgation" or (
            isinstance(given, str) and IN_FORCE.fullmatch(given) and date.fromisoformat(given)
        ):
            return str(given)
    except ValueError:
        pass
    refuse(NOT_UNDERSTOOD, given=printable(given), known="promulgation, 2026-04-01")


def unique(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, refused inside a validator where one stands twice."""
    for place, name in enumerate(names):
        if name in names[:place]:
            refuse(TWICE, at=f"[{place}]", given=printable(name))
    return names


Label = Annotated[
    str,
    PlainValidator(_line_of(MAX_LABEL_LENGTH)),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_LABEL_LENGTH, "pattern": "^[^「」『』《》]+$"}),
]


Note = Annotated[
    str,
    PlainValidator(_line_of(MAX_NOTE_LENGTH)),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_NOTE_LENGTH, "pattern": "^[^「」『』《》]+$"}),
]


StageId = Annotated[str, PlainValidator(_read_stage_id), WithJsonSchema({"type": "string", "pattern": f"^{SLUG}$"})]


Labels = Annotated[tuple[Label, ...], Strict(False), Field(min_length=1), AfterValidator(unique)]


Ratio = Annotated[Yearly, YearlyNumber(ratio)]


Amount = Annotated[Yearly, YearlyYen()]


Number = Annotated[Yearly, YearlyNumber(any_number)]


Exact = Annotated[
    Fraction,
    ExactNumber(NUMBER),
    PlainSerializer(lambda value: value.numerator if value.denominator == 1 else str(value)),
]


Weights = Annotated[dict[Label, Exact], Field(min_length=1)]


At = Annotated[
    BasisDate,
    PlainValidator(read_basis_date),
    PlainSerializer(lambda day: day.text),
    WithJsonSchema({"type": "string", "pattern": "^([0-9]{4}|year|previous)-([0-9]{2})-([0-9]{2})$"}),
]


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `starts_on` to `ends_on`, both included."""

    starts_on: date
    ends_on: date

    def __contains__(self, day: date) -> bool:
        return self.starts_on <= day <= self.ends_on


@dataclass(frozen=True, slots=True)
class Window:
    """The time over which use is counted: one period, or several fiscal years of their own."""

    given: Any
    """As the body has it."""
    years: int = 0
    first_day: BasisDate | None = None
    last_day: BasisDate | None = None

    def periods(self, year: FiscalYear) -> tuple[Period, ...]:
        """The periods for one fiscal year, oldest first: one for each fiscal year of `{"years": n}`."""
        if self.years:
            return tuple(_whole(FiscalYear(year.year - back)) for back in range(self.years, 0, -1))
        if self.first_day is not None and self.last_day is not None:
            return (Period(self.first_day.of(year), self.last_day.of(year)),)
        match self.given:
            case "previous_fiscal_year":
                return (_whole(FiscalYear(year.year - 1)),)
            case "fiscal_year":
                return (_whole(year),)
            case "previous_calendar_year":
                return (Period(date(year.year - 1, 1, 1), date(year.year - 1, 12, 31)),)
        return (Period(date(year.year, 1, 1), date(year.year, 12, 31)),)


_DAY_SCHEMA: Final = {"type": "string", "pattern": f"^{BASIS_DATE_PATTERN.pattern}$"}
_NAMED_WINDOWS: Final = ("previous_fiscal_year", "fiscal_year", "previous_calendar_year", "calendar_year")


def _whole(year: FiscalYear) -> Period:
    return Period(year.starts_on, year.ends_before - timedelta(days=1))


def _read_window(given: Any) -> Window:
    if isinstance(given, str) and given in _NAMED_WINDOWS:
        return Window(given)
    if isinstance(given, dict) and set(given) == {"years"}:
        years = given["years"]
        if type(years) is int and 1 <= years <= 20:
            return Window({"years": years}, years=years)
    if isinstance(given, dict) and set(given) == {"from", "to"}:
        first, last = read_basis_date(given["from"]), read_basis_date(given["to"])
        # Both fixed, or both of the year: 2025 stands for any.
        if first.of(FiscalYear(2025)) <= last.of(FiscalYear(2025)):
            return Window({"from": first.text, "to": last.text}, first_day=first, last_day=last)
    refuse(WINDOW, given=printable(given))


WindowOf = Annotated[
    Window,
    PlainValidator(_read_window),
    PlainSerializer(lambda window: window.given),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(_NAMED_WINDOWS)},
                {
                    "type": "object",
                    "properties": {"years": {"type": "integer", "minimum": 1, "maximum": 20}},
                    "required": ["years"],
                    "additionalProperties": False,
                },
                {
                    "type": "object",
                    "properties": {"from": _DAY_SCHEMA, "to": _DAY_SCHEMA},
                    "required": ["from", "to"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


@dataclass(frozen=True, slots=True)
class Power:
    """A basis to a power: `(value / reference) ** exponent`, rounded half even to `places`.

    The exponent is given as itself, or as the factor by which a doubled basis weighs more.
    """

    power: Fraction | None
    doubling: Fraction | None
    reference: Fraction = Fraction(1)
    places: int = 12

    def canonical(self) -> dict[str, Any]:
        """As a body has it, without what is the default."""
        found: dict[str, Any] = {}
        for name, value in (("power", self.power), ("doubling", self.doubling)):
            if value is not None:
                found[name] = plain_number(value)
        if self.reference != 1:
            found["reference"] = plain_number(self.reference)
        if self.places != 12:
            found["places"] = self.places
        return found


MAX_POWER: Final = 10
MAX_DOUBLING: Final = 1024


def plain_number(value: Fraction) -> int | str:
    return value.numerator if value.denominator == 1 else str(value)


def _read_power(given: Any) -> Power:
    def wrong() -> NoReturn:
        refuse(POWER, most=MAX_POWER, most_doubling=MAX_DOUBLING)

    if not isinstance(given, dict):
        given = {"power": given}
    if not set(given) <= {"power", "doubling", "reference", "places"} or len({"power", "doubling"} & set(given)) != 1:
        wrong()
    number = ExactNumber(NUMBER)
    power = number.read(given["power"]) if "power" in given else None
    doubling = number.read(given["doubling"]) if "doubling" in given else None
    reference = number.read(given.get("reference", 1))
    places = given.get("places", 12)
    if (power is not None and not 0 < power <= MAX_POWER) or (
        doubling is not None and not 1 < doubling <= MAX_DOUBLING
    ):
        wrong()
    if reference <= 0 or type(places) is not int or not 0 <= places <= 30:
        wrong()
    return Power(power, doubling, reference, places)


_NUMBER_SCHEMA: Final = {"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 81}]}
"""40 digits, a point or a stroke, 40 digits."""

PowerOf = Annotated[
    Power,
    PlainValidator(_read_power),
    PlainSerializer(Power.canonical),
    WithJsonSchema(
        {
            "anyOf": [
                _NUMBER_SCHEMA,
                {
                    "type": "object",
                    "properties": {
                        "power": _NUMBER_SCHEMA,
                        "doubling": _NUMBER_SCHEMA,
                        "reference": _NUMBER_SCHEMA,
                        "places": {"type": "integer", "minimum": 0, "maximum": 30},
                    },
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


def key_of(given: Any, key: str) -> Any:
    """The value of a key of an object; None where there is neither."""
    return given.get(key) if isinstance(given, dict) else None
