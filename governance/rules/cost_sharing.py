"""What a cost-sharing rule says: the strict model of its body, whose JSON Schema is published.

Pure. A body is JSON as the decision adopted it; `read_cost_sharing` makes a frozen value of it or refuses it with the
field named. Ratios and weights are exact: an integer, or the text of a decimal or a fraction. Which statistics the
members have and what the split becomes is decided in billing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    PlainValidator,
    Strict,
    StringConstraints,
    Tag,
    WithJsonSchema,
)

from governance.kernel.errors import Invalid, message
from governance.kernel.field_type import Control, FieldType
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.split import Rounding
from governance.kernel.strict_json import read_json
from governance.kernel.strict_model import (
    DocumentError,
    ExactNumber,
    Path,
    StrictModel,
    WholeYen,
    field_path,
    read_document,
    refuse,
)
from governance.kernel.yen import printable

KEYS = message(
    "rule.keys",
    ja="負担金算定規程の「{where}」に使える項目は {known} です（指定された項目: {given}）。",
    en="“{where}” of a rule takes {known}; given: {given}.",
)
VALUE = message(
    "rule.value",
    ja="「{given}」は使えません。使えるのは {known} です。",
    en="“{given}” is not allowed here; allowed: {known}.",
)
NUMBER = message(
    "rule.number",
    ja='「{given}」は割合や重みとして読めません。整数か "60.00"・"1/10" のような文字列で、0 以上で指定してください。',
    en='“{given}” is not a ratio or weight; give a non-negative integer, or a string such as "60.00" or "1/10".',
)
RATIO_SUM = message(
    "rule.ratio_sum",
    ja="按分割合の合計は 1 でなければなりません（現在の合計: {given}）。",
    en="The ratios of the components must add up to exactly 1; they add up to {given}.",
)
OPERATOR_RATIO = message(
    "rule.operator_ratio",
    ja="運営者の負担割合は 0 以上 1 未満で指定してください（指定された値: {given}）。",
    en="The operator's ratio must be at least 0 and less than 1; {given} is not.",
)
NAME = message(
    "rule.component_name",
    ja="按分基準には、1〜100 文字の重複しない名称が必要です（指定された値: {given}）。",
    en="Each component needs a name of its own, of 1 to 100 characters; given: {given}.",
)
BASIS_DATE = message(
    "rule.basis_date",
    ja="基準日「{given}」は使えません。「前年の10月1日」「その年度の4月1日」「令和2年10月1日」のように入力してください。",
    en="“{given}” is not a basis date; write 2020-10-01, year-04-01 (that year's) or previous-10-01 (the year before).",
    hint_ja="API とコマンドでは previous-10-01、year-04-01、2020-10-01 の形です。",
    hint_en="A form understands “1 October of the year before”, too.",
)


class BasisKind(StrEnum):
    """What a component goes by (按分基準)."""

    EQUAL = "equal"
    """Every member counts the same."""
    EQUAL_BY_KIND = "equal_by_kind"
    """Members of one kind count the same: a city 100, a town 50."""
    STATISTIC = "statistic"
    """A dated statistic of each member, such as the census population."""
    FIXED = "fixed"
    """Weights that the rule itself gives, by the members' codes."""


class Inclusion(StrEnum):
    """Which members share the costs of a fiscal year."""

    MEMBERS_OF_YEAR = "members_of_year"
    """Every member that pays costs at any time of the fiscal year, for the whole year."""


class DeductionKind(StrEnum):
    """Money that can be deducted before the split."""

    GRANT = "grant"
    OTHER_REVENUE = "other_revenue"
    CARRY_OVER = "carry_over"


@dataclass(frozen=True, slots=True)
class BasisDate:
    """The day a statistic is of: a fixed one, or a month and day of the calendar year that `offset` names."""

    text: str
    fixed: date | None
    offset: int
    month: int
    day: int

    def of(self, year: FiscalYear) -> date:
        """The day for one fiscal year; `year` means the calendar year in which it begins."""
        return self.fixed or date(year.year + self.offset, self.month, self.day)


BASIS_DATE_PATTERN: Final = re.compile(r"([0-9]{4}|year|previous)-([0-9]{2})-([0-9]{2})")
_STATISTIC: Final = re.compile(r"statistic:[a-z][a-z0-9_]{0,39}")


def _read_name(given: Any) -> str:
    if not isinstance(given, str) or not given.strip() or len(given) > 100 or not given.isprintable():
        refuse(NAME, given=printable(given))
    return given


def _read_source(given: Any) -> str | None:
    if given is not None and (not isinstance(given, str) or not given.strip()):
        refuse(VALUE, given=printable(given), known='"国勢調査"')
    return given


def read_basis_date(given: Any) -> BasisDate:
    found = BASIS_DATE_PATTERN.fullmatch(given) if isinstance(given, str) else None
    try:
        if found and found[1].isdigit():
            fixed = date.fromisoformat(found[0])
            return BasisDate(found[0], fixed, 0, fixed.month, fixed.day)
        if found:
            # 29 February exists in no year one could rely on, so a year without it decides.
            day = date(2025, int(found[2]), int(found[3]))
            return BasisDate(found[0], None, {"year": 0, "previous": -1}[found[1]], day.month, day.day)
    except ValueError:
        pass
    refuse(BASIS_DATE, given=printable(given))


def _check_operator_ratio(ratio: Fraction) -> Fraction:
    if ratio >= 1:
        refuse(OPERATOR_RATIO, given=printable(ratio))
    return ratio


Number = Annotated[Fraction, ExactNumber(NUMBER)]
ComponentName = Annotated[
    str, PlainValidator(_read_name), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 100})
]
Source = Annotated[
    str | None,
    PlainValidator(_read_source),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1}, {"type": "null"}]}),
]
Weights = Annotated[dict[str, Number], Field(min_length=1)]


class Component(StrictModel):
    """One component (按分基準): its part of the pool, and the basis it is shared by."""

    name: ComponentName
    ratio: Number
    basis_text: str = Field(alias="basis")
    """The basis as the body writes it: `equal`, `statistic:population`."""

    @property
    def basis(self) -> BasisKind:
        """The kind of the basis."""
        return BasisKind(self.basis_text.partition(":")[0])


class EqualComponent(Component):
    """Every member counts the same."""

    basis_text: Literal["equal"] = Field(alias="basis")
    source: Source = None


class EqualByKindComponent(Component):
    """Members of one kind (city, town, village …) count the same; `weights` are by kind."""

    basis_text: Literal["equal_by_kind"] = Field(alias="basis")
    weights: Weights
    source: Source = None


class StatisticComponent(Component):
    """A dated statistic of each member. `source` is text that the source of each figure must contain."""

    basis_text: Annotated[str, StringConstraints(pattern=f"^{_STATISTIC.pattern}$")] = Field(alias="basis")
    basis_date: Annotated[
        BasisDate,
        PlainValidator(read_basis_date),
        WithJsonSchema({"type": "string", "pattern": f"^{BASIS_DATE_PATTERN.pattern}$"}),
    ]
    source: Source = None

    @property
    def statistic(self) -> str:
        """The name of the statistic, such as `population`."""
        return self.basis_text.partition(":")[2]


class FixedComponent(Component):
    """Weights by the members' codes. `source` says where they are from."""

    basis_text: Literal["fixed"] = Field(alias="basis")
    weights: Weights
    source: Source = None


def _tag_of_basis(given: Any) -> str | None:
    """Which component an object is by its basis; None where it has none, "unknown" for another basis."""
    basis = given.get("basis") if isinstance(given, dict) else None
    if not isinstance(basis, str):
        return None
    if _STATISTIC.fullmatch(basis):
        return BasisKind.STATISTIC.value
    return basis if basis in (BasisKind.EQUAL, BasisKind.EQUAL_BY_KIND, BasisKind.FIXED) else "unknown"


RuleComponent = EqualComponent | EqualByKindComponent | StatisticComponent | FixedComponent


def _check_components(components: tuple[RuleComponent, ...]) -> tuple[RuleComponent, ...]:
    """Names differ, and ratios add up to exactly 1."""
    names = [component.name for component in components]
    for place, name in enumerate(names):
        if name in names[:place]:
            refuse(NAME, at=f"[{place}].name", given=printable(name))
    if (total := sum((component.ratio for component in components), Fraction())) != 1:
        refuse(RATIO_SUM, given=printable(total))
    return components


Deductions = Annotated[
    frozenset[Annotated[DeductionKind, Strict(False)]],
    Strict(False),
    Field(json_schema_extra={"uniqueItems": False}),
]


class CostSharing(StrictModel):
    """The body of a cost-sharing rule: how the costs of a year are divided among the operator and the members.

    The operator pays `operator_ratio` of what is left after the deductions; the members share the rest by the
    components, whose ratios add up to exactly 1, in units of `unit_yen`.
    """

    components: Annotated[
        tuple[
            Annotated[
                Annotated[EqualComponent, Tag("equal")]
                | Annotated[EqualByKindComponent, Tag("equal_by_kind")]
                | Annotated[StatisticComponent, Tag("statistic")]
                | Annotated[FixedComponent, Tag("fixed")],
                Discriminator(_tag_of_basis),
            ],
            ...,
        ],
        Strict(False),
        Field(min_length=1),
        AfterValidator(_check_components),
    ]
    rounding: Annotated[Rounding, Strict(False)]
    operator_ratio: Annotated[Number, AfterValidator(_check_operator_ratio)] = Fraction(0)
    unit_yen: Annotated[int, WholeYen(1, 10**9)] = 1
    deductions: Deductions = frozenset()
    inclusion: Annotated[Inclusion, Strict(False)] = Inclusion.MEMBERS_OF_YEAR


RULE_BODY: Final = FieldType(
    name="rule_body",
    read=lambda text: read_json(text.encode()),
    control=Control.FILE,
    right=('{"components": [{"name": "均等割", "ratio": 1, "basis": "equal"}], "rounding": "largest_remainder"}',),
)
"""The body of a rule as a field: JSON, from a file or as text."""

_KNOWN_VALUES: Final[Mapping[str, str]] = {
    "components": "[{…}, …]",
    "weights": '{"431001": "60.00", …}',
    "basis": "equal, equal_by_kind, fixed, statistic:population, …",
    "rounding": ", ".join(Rounding),
    "deductions": ", ".join(DeductionKind),
    "inclusion": ", ".join(Inclusion),
}
_COMPONENT_TYPES: Final[Mapping[str | None, type[Component]]] = {
    "equal": EqualComponent,
    "equal_by_kind": EqualByKindComponent,
    "statistic": StatisticComponent,
    "fixed": FixedComponent,
}


def read_cost_sharing(body: Any) -> CostSharing:
    """The rule that a body says. Raises Invalid, naming the field as `body.components[1].ratio`."""
    return read_document(CostSharing, body, lambda error: _wording(error, body), root="body", place=_place)


def _place(path: Path) -> Path:
    """The place in the body: without the tag that pydantic adds for the kind of component."""
    match path:
        case ("components", int() as place, _, *rest):
            return ("components", place, *rest)
        case ("deductions", int()):
            return ("deductions",)
        case _:
            return path


def _wording(error: DocumentError, body: Any) -> Invalid:
    """Our refusal for what pydantic found (https://docs.pydantic.dev/latest/errors/validation_errors/)."""
    match error.type, error.path:
        case (("extra_forbidden" | "missing"), (*owner, _)):
            return _wrong_keys(tuple(owner), body)
        case "union_tag_invalid", path:
            field = field_path("body", (*path, "basis"))
            return Invalid(VALUE, field=field, given=printable(error.given["basis"]), known=_KNOWN_VALUES["basis"])
        case _, ("components", int()) | ():
            return _wrong_keys(error.path, body)
        case _, path:
            return Invalid(VALUE, given=printable(error.given), known=_KNOWN_VALUES.get(str(path[-1]), ""))


def _wrong_keys(path: Path, body: Any) -> Invalid:
    """The object at `path` is none, or has keys it may not have, or lacks some."""
    given = body
    for step in path:
        given = given[step]
    model: type[StrictModel] | None = _COMPONENT_TYPES.get(_tag_of_basis(given)) if path else CostSharing
    known = "name, ratio, basis, …" if model is None else ", ".join(_keys(model))
    keys = ", ".join(map(printable, given)) if isinstance(given, dict) and model is not None else printable(given)
    return Invalid(KEYS, where=field_path("body", path), known=known, given=keys)


def _keys(model: type[StrictModel]) -> list[str]:
    """The keys of an object as JSON has them, the required ones first."""
    fields = sorted(model.model_fields.items(), key=lambda field: not field[1].is_required())
    return [info.alias or name for name, info in fields]
