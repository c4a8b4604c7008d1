"""A cost-sharing rule as a list of stages (form `cost_sharing/2`): its strict models, whose JSON Schema is published.

Pure. Each stage takes what the stages above it left: `(pool, members) → amounts + workings + rest`. The order is the
order written; amounts are exact fractions until a `round` stage says yen. What the amounts become is decided in
billing. Bodies without a form are the rules of `cost_sharing.py`; they stay valid and keep their digests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    model_validator,
)

from governance.kernel.digest import digest_of
from governance.kernel.errors import Invalid, message
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.strict_model import (
    DocumentError,
    Path,
    StrictModel,
    WholeYen,
    field_path,
    read_document,
    refuse,
)
from governance.kernel.yen import MAX_YEN, printable
from governance.rules.split_components import (
    COMPONENT_TYPES,
    MAX_COMPONENTS,
    Component,
    Factors,
    StagedAloneComponent,
    StagedEqualByKindComponent,
    StagedEqualComponent,
    StagedFixedComponent,
    StagedInclusion,
    StagedStatisticComponent,
    StagedUsageComponent,
    Waiver,
    check_bearer,
    kind_of_basis,
    tag_of_basis,
)
from governance.rules.stage_values import (
    IN_FORCE,
    NEEDS,
    NOT_UNDERSTOOD,
    NOT_WITH,
    SLUG,
    STAGE_ID,
    Amount,
    At,
    AttributeMode,
    Average,
    BelowZero,
    CountedBy,
    DeductedKind,
    Exact,
    ExcessTo,
    Joining,
    Label,
    Labels,
    Leaving,
    LimitOn,
    Measure,
    Note,
    Number,
    OddYen,
    OperatorBears,
    Policy,
    RemainderTo,
    StageId,
    key_of,
    read_due,
    read_in_force,
    unique,
)
from governance.rules.yearly import (
    RATIO,
    Reference,
    Yearly,
    YearlyNumber,
    ratio_below_one,
)

FORM: Final = "cost_sharing/2"
MAX_STAGES: Final = 200
UNKNOWN_KEY = message(
    "rule.unknown_key",
    ja="「{given}」という項目はありません。使える項目: {known}。",
    en="Unknown field “{given}”; the known ones are {known}.",
)
MISSING_KEY = message(
    "rule.missing_key",
    ja="「{given}」がありません。",
    en="“{given}” is missing.",
)
CLASS_TWICE = message(
    "rule.class_twice",
    ja="経費の種別「{given}」が 2 つの経費区分に入っています。",
    en="The cost class “{given}” is in two pools.",
)
RATIO_SUM = message(
    "rule.ratios_of_components",
    ja="按分割合の合計は 1 でなければなりません（{year}現在の合計: {given}）。",
    en="The ratios of the components must add up to exactly 1; {year}they add up to {given}.",
)
ORDER = message(
    "rule.stage_order",
    ja="この段階「{stage}」は、ここには置けません。先に「{needed}」が必要です。",
    en="The stage “{stage}” cannot stand here; “{needed}” must come before it.",
)
AFTER_SPLIT = message(
    "rule.after_split",
    ja="段階「{stage}」は、同じ経費区分の按分より前に置いてください。按分した後には残額がありません。",
    en="The stage “{stage}” must come before the split of its pool: after the split nothing is left for it.",
)
SPLIT_TWICE = message(
    "rule.split_twice",
    ja="同じ経費区分を 2 度按分することはできません。按分した後には残額がありません。",
    en="One pool cannot be split twice: after the split nothing is left.",
)
ROUNDED_TWICE = message(
    "rule.rounded_twice",
    ja="端数処理が 2 度続いています。間に按分または限度の段階が必要です。",
    en="The amounts are rounded already: two roundings need a split or a limit between them.",
)
NOT_ROUNDED = message(
    "rule.not_rounded",
    ja="按分した額を円にする端数処理（round）の段階がありません。",
    en="No stage rounds what is split to yen; add a “round” stage at the end.",
)
CAP_BELOW_LOWER_BOUND = message(
    "rule.cap_below_floor",
    ja="限度額 {cap} が最低額 {floor} を下回っています。",
    en="The cap {cap} is below the floor {floor}.",
)
NO_BOUND = message(
    "rule.no_bound",
    ja="限度の段階には、最低額（floor）か限度額（cap）が必要です。",
    en="A limit needs a floor or a cap.",
)
PLACES = message(
    "rule.printed_places",
    ja="割合「{given}」は小数点以下 {places} 桁の数ではありません。",
    en="The ratio {given} has more than {places} decimal places.",
)
YEARS_ORDER = message(
    "rule.applies_to_years",
    ja="適用する最後の年度 {last} が、最初の年度 {first} より前です。",
    en="The last fiscal year it applies to, {last}, is before the first, {first}.",
)
YEAR_NOT_APPLIED = message(
    "rule.year_not_applied",
    ja="この規程は {year} 年度の負担金には適用されません。",
    en="This rule does not apply to the contributions of the fiscal year {year}.",
)
LAST_STAGE = message(
    "rule.instalments_last",
    ja="分割納付の段階は、規程の最後に 1 つだけ置いてください。",
    en="The stage of instalments stands once, as the last one of the rule.",
)
DUE_COUNT = message(
    "rule.due_count",
    ja="納期限の数 {given} が、分割の回数 {count} と一致しません。",
    en="There are {given} due days for {count} instalments.",
)
POOLS_LIST = message(
    "rule.pools_list",
    ja="経費区分の一覧（pools）は、段階の経費区分の ID を順に並べたもの（{known}）でなければなりません。",
    en="The list “pools” must name the ids of the pool stages in order: {known}.",
)
EACH_COMPONENT = message(
    "rule.each_component",
    ja="按分基準ごとの端数処理は、按分の直後にだけ使えます。限度・割引の後には按分基準ごとの額がありません。",
    en="Rounding each component is possible right after the split only: a limit leaves no amounts by component.",
)


POLICIES_OF_CONTRACT: Final[Mapping[str, tuple[Policy, RemainderTo]]] = {
    "floor_total__residual_to_operator": (Policy.CUT_TOTAL, RemainderTo.OPERATOR),
    "floor_total__residual_to_largest_share": (Policy.CUT_TOTAL, RemainderTo.LARGEST),
    "floor_each_component__residual_to_operator": (Policy.CUT_EACH_COMPONENT, RemainderTo.OPERATOR),
    "round_half_up__residual_to_operator": (Policy.ROUND_HALF_UP, RemainderTo.OPERATOR),
}
"""The names of the one-stage case: each says the policy and who bears the remainder."""


def _text_or_not(given: Any) -> str:
    return "‹text›" if isinstance(given, str) else "‹else›"


def _object_or_not(given: Any) -> str:
    return "‹object›" if isinstance(given, dict) else "‹else›"


class Stage(StrictModel):
    """What every stage has: an id that stays through versions, what it is called, where it stands in writing."""

    id: StageId
    stage: str
    name: Label | None = None
    reference: Reference | None = None
    note: Note | None = None


class PoolStage(Stage):
    """Begins a pool (経費区分): the costs of these classes, or all of them."""

    stage: Literal["pool"]
    cost_classes: Annotated[
        Annotated[Literal["all"], Tag("‹text›")] | Annotated[Labels, Tag("‹else›")], Discriminator(_text_or_not)
    ] = "all"


class DeductStage(Stage):
    """What comes off before anything is shared: grants, specific revenue, carry-over."""

    stage: Literal["deduct"]
    kinds: Annotated[
        tuple[Annotated[DeductedKind, Strict(False)], ...], Strict(False), Field(min_length=1), AfterValidator(unique)
    ]
    below_zero: Annotated[BelowZero, Strict(False)] = BelowZero.REFUSE


YenByMember = Annotated[
    dict[Label, Annotated[int, WholeYen(0, MAX_YEN)]],
    Field(min_length=1),
]


class AttributeStage(Stage):
    """Charges amounts to members directly, before the rest is shared.

    `to` is one member, who bears the whole cost class `what`; or yen by member. With `basis` instead of `to`, the
    amounts are figures of the year's case.
    """

    stage: Literal["attribute"]
    what: Label
    to: (
        Annotated[
            Annotated[Label, Tag("‹else›")] | Annotated[YenByMember, Tag("‹object›")], Discriminator(_object_or_not)
        ]
        | None
    ) = None
    basis: Annotated[str, StringConstraints(pattern=f"^amount:{SLUG}$")] | None = None
    mode: Annotated[AttributeMode, Strict(False)] = AttributeMode.CHARGE

    @model_validator(mode="after")
    def _to_or_basis(self) -> AttributeStage:
        if self.to is None and self.basis is None:
            refuse(MISSING_KEY, at=".to", given="to")
        if self.to is not None and self.basis is not None:
            refuse(NOT_WITH, at=".basis", given="basis", other="to")
        return self


class OperatorStage(Stage):
    """The operator's part of the rest: all, none, a ratio, or the first yen up to an amount."""

    stage: Literal["operator"]
    bears: Annotated[OperatorBears, Strict(False)]
    ratio: Annotated[Yearly, YearlyNumber(ratio_below_one)] | None = None
    yen: Amount | None = None
    odd_yen: Annotated[OddYen, Strict(False)] = OddYen.OPERATOR

    @model_validator(mode="after")
    def _fields_of_what_it_bears(self) -> OperatorStage:
        for name, owner in (("ratio", OperatorBears.RATIO), ("yen", OperatorBears.FIRST_UP_TO)):
            given = getattr(self, name) is not None
            if self.bears is owner and not given:
                refuse(NEEDS, at=f".{name}", given=owner.value, needed=name)
            if self.bears is not owner and given:
                refuse(NOT_WITH, at=f".{name}", given=name, other=self.bears.value)
        if self.odd_yen is not OddYen.OPERATOR and self.bears is not OperatorBears.RATIO:
            refuse(NOT_WITH, at=".odd_yen", given="odd_yen", other=self.bears.value)
        return self


def _check_components(components: tuple[Component, ...]) -> tuple[Component, ...]:
    for year in _years_of(components):
        total = sum((_value_in(component.ratio, year) for component in components), Fraction())
        if total != 1:
            refuse(RATIO_SUM, given=printable(total), year="" if year is None else f"{year}: ")
    return components


def _years_of(components: Sequence[Component]) -> Iterator[int | None]:
    years = sorted(frozenset().union(*(component.ratio.changes_in for component in components)))
    # A year before the first value of a component has no sum; computing such a year is refused.
    first = [min(component.ratio.changes_in) for component in components if component.ratio.changes_in]
    if not years:
        yield None
    yield from (year for year in years if year >= max(first))


def _value_in(yearly: Yearly, year: int | None) -> Fraction:
    begun = [
        one.value
        for one in yearly.values
        if one.from_fiscal_year is None or (year is not None and one.from_fiscal_year <= year)
    ]
    return begun[-1] if begun else Fraction()


class SplitStage(Stage):
    """Shares the rest among the members: by components, or by ratios multiplied as they are printed.

    `ratios_as_printed: true` rounds each member's ratio half up to `places` before it is multiplied; a table gives
    the printed ratios themselves. Their sum may differ from 1: the difference stays in the rest.
    """

    stage: Literal["split"]
    components: (
        Annotated[
            tuple[
                Annotated[
                    Annotated[StagedEqualComponent, Tag("‹equal›")]
                    | Annotated[StagedEqualByKindComponent, Tag("‹equal_by_kind›")]
                    | Annotated[StagedStatisticComponent, Tag("‹statistic›")]
                    | Annotated[StagedUsageComponent, Tag("‹usage›")]
                    | Annotated[StagedFixedComponent, Tag("‹fixed›")]
                    | Annotated[StagedAloneComponent, Tag("‹alone›")],
                    Discriminator(tag_of_basis),
                ],
                ...,
            ],
            Strict(False),
            Field(min_length=1, max_length=MAX_COMPONENTS),
            AfterValidator(_check_components),
        ]
        | None
    ) = None
    ratios_as_printed: Annotated[
        Annotated[bool, Strict(), Tag("‹else›")] | Annotated[dict[Label, Exact], Field(min_length=1), Tag("‹object›")],
        Discriminator(_object_or_not),
    ] = False
    places: Annotated[int, Field(ge=0, le=20)] | None = None

    @model_validator(mode="after")
    def _components_or_a_table(self) -> SplitStage:
        table = isinstance(self.ratios_as_printed, dict)
        if self.components is None and not table:
            refuse(MISSING_KEY, at=".components", given="components")
        if self.components is not None and table:
            refuse(NOT_WITH, at=".components", given="components", other="ratios_as_printed")
        if self.ratios_as_printed is not False and self.places is None:
            refuse(NEEDS, at=".places", given="ratios_as_printed", needed="places")
        if self.ratios_as_printed is False and self.places is not None:
            refuse(NOT_WITH, at=".places", given="places", other="components")
        if isinstance(self.ratios_as_printed, dict):
            for member, printed in self.ratios_as_printed.items():
                at = f".ratios_as_printed.{printable(member)}"
                ratio_at(printed, at)
                if (printed * 10 ** (self.places or 0)).denominator != 1:
                    refuse(PLACES, at=at, given=printable(printed), places=self.places)
        elif self.ratios_as_printed:
            for place, component in enumerate(self.components or ()):
                if isinstance(component, StagedAloneComponent) or (
                    component.factors is not None and component.factors.joining is not Joining.WEIGHT
                ):
                    refuse(NOT_WITH, at=".ratios_as_printed", given="ratios_as_printed", other=f"components[{place}]")
        return self


def ratio_at(value: Fraction, at: str) -> None:
    """Refuse a number above 1 at a place within a model."""
    if value > 1:
        refuse(RATIO, at=at, given=printable(value))


Bound = Annotated[
    Annotated[Number, Tag("‹else›")] | Annotated[dict[Label, Number], Field(min_length=1), Tag("‹object›")],
    Discriminator(_object_or_not),
]


class LimitStage(Stage):
    """Floors and caps of the members' amounts, and who bears what they cut off."""

    stage: Literal["limit"]
    floor: Bound | None = None
    cap: Bound | None = None
    measure: Annotated[Measure, Strict(False)]
    on: Annotated[LimitOn, Strict(False)] = LimitOn.SPLIT
    excess_to: Annotated[ExcessTo, Strict(False)]
    member: Label | None = None
    basis: Annotated[str, StringConstraints(pattern=f"^statistic:{SLUG}$")] | None = None
    """Heads of `per_head`; the population where nothing else is said."""
    at: At | None = None

    @model_validator(mode="after")
    def _bounds_are_possible(self) -> LimitStage:
        if self.floor is None and self.cap is None:
            refuse(NO_BOUND)
        check_bearer(self.excess_to.value, self.member)
        for name in ("basis", "at"):
            if getattr(self, name) is not None and self.measure is not Measure.PER_HEAD:
                refuse(NOT_WITH, at=f".{name}", given=name, other=self.measure.value)
        for cap, floor, at in self._pairs():
            years: list[int | None] = [*sorted(cap.changes_in | floor.changes_in)]
            for year in years or [None]:
                if _value_in(cap, year) < _value_in(floor, year) and _has_begun(cap, year):
                    refuse(
                        CAP_BELOW_LOWER_BOUND,
                        at=at,
                        cap=printable(_value_in(cap, year)),
                        floor=printable(_value_in(floor, year)),
                    )
        return self

    def _pairs(self) -> Iterator[tuple[Yearly, Yearly, str]]:
        """Each cap that meets a floor, with the place of the cap."""
        if self.cap is None or self.floor is None:
            return
        if isinstance(self.cap, Yearly) and isinstance(self.floor, Yearly):
            yield self.cap, self.floor, ".cap"
        elif isinstance(self.cap, dict):
            for member, cap in self.cap.items():
                floor = self.floor if isinstance(self.floor, Yearly) else self.floor.get(member)
                if floor is not None:
                    yield cap, floor, f".cap.{printable(member)}"
        elif isinstance(self.floor, dict):
            for floor in self.floor.values():
                yield self.cap, floor, ".cap"


def _has_begun(yearly: Yearly, year: int | None) -> bool:
    return any(one.from_fiscal_year is None or one.from_fiscal_year <= (year or 0) for one in yearly.values)


class RoundStage(Stage):
    """Makes yen of the amounts: a multiple of the unit each, and somebody bears what is left.

    `policy` is one of the four, or a name of the one-stage case, which says both it and `remainder_to`.
    """

    stage: Literal["round"]
    unit_yen: Annotated[int, WholeYen(1, 10**9)] = 1
    policy: Annotated[Policy, Strict(False)]
    remainder_to: Annotated[RemainderTo, Strict(False)] = RemainderTo.OPERATOR
    member: Label | None = None

    @model_validator(mode="before")
    @classmethod
    def _name_of_the_one_stage_case(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not isinstance(given.get("policy"), str):
            return given
        both = POLICIES_OF_CONTRACT.get(given["policy"])
        if both is None:
            return given
        if given.get("remainder_to", both[1].value) != both[1].value:
            refuse(NOT_WITH, at=".remainder_to", given="remainder_to", other=given["policy"])
        return given | {"policy": both[0].value, "remainder_to": both[1].value}

    @model_validator(mode="after")
    def _member_is_named(self) -> RoundStage:
        check_bearer(self.remainder_to.value, self.member)
        return self


class InstalmentsStage(Stage):
    """Divides each member's share into payments; a share not above `not_above_yen` is paid at once."""

    stage: Literal["instalments"]
    count: Annotated[int, Field(ge=1, le=12)]
    due: (
        Annotated[
            tuple[
                Annotated[
                    str, PlainValidator(read_due), WithJsonSchema({"type": "string", "pattern": "^[0-9]{2}-[0-9]{2}$"})
                ],
                ...,
            ],
            Strict(False),
            Field(min_length=1),
            AfterValidator(unique),
        ]
        | None
    ) = None
    when_closed: Literal["day_before", "day_after"] | None = None
    unit_yen: Annotated[int, WholeYen(1, 10**9)] = 1
    not_above_yen: Annotated[int, WholeYen(0, MAX_YEN)] | None = None
    round: Literal["down", "up"] = "down"
    odd_to: Literal["first", "last"] = "first"

    @model_validator(mode="after")
    def _a_day_for_each(self) -> InstalmentsStage:
        if self.due is not None and len(self.due) != self.count:
            refuse(DUE_COUNT, at=".due", given=len(self.due), count=self.count)
        if self.when_closed is not None and self.due is None:
            refuse(NEEDS, at=".due", given="when_closed", needed="due")
        return self


AnyStage = (
    PoolStage | DeductStage | AttributeStage | OperatorStage | SplitStage | LimitStage | RoundStage | InstalmentsStage
)


STAGE_TYPES: Final[Mapping[str, type[Stage]]] = {
    "pool": PoolStage,
    "deduct": DeductStage,
    "attribute": AttributeStage,
    "operator": OperatorStage,
    "split": SplitStage,
    "limit": LimitStage,
    "round": RoundStage,
    "instalments": InstalmentsStage,
}


def _tag_of_stage(given: Any) -> str | None:
    kind = given.stage if isinstance(given, Stage) else key_of(given, "stage")
    return f"‹{kind}›" if isinstance(kind, str) else None


class Title(StrictModel):
    """What a rule is called, in both languages."""

    ja: Label
    en: Label | None = None


class FiscalYears(StrictModel):
    """The fiscal years whose contributions a rule is for (適用), both included."""

    from_fiscal_year: Annotated[int, Field(ge=1989, le=2100)]
    to_fiscal_year: Annotated[int, Field(ge=1989, le=2100)] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> FiscalYears:
        if self.to_fiscal_year is not None and self.to_fiscal_year < self.from_fiscal_year:
            refuse(YEARS_ORDER, at=".to_fiscal_year", first=self.from_fiscal_year, last=self.to_fiscal_year)
        return self

    def __contains__(self, year: FiscalYear) -> bool:
        last = self.to_fiscal_year
        return self.from_fiscal_year <= year.year and (last is None or year.year <= last)


def _check_order(stages: tuple[AnyStage, ...]) -> tuple[AnyStage, ...]:
    """Each stage finds above it what it needs. Refuses the first one that does not."""
    ids: list[str] = []
    classes: list[str] = []
    split_in_pool = printed = shares = rounded = by_component = False
    for place, stage in enumerate(stages):
        at = f"[{place}]"
        if stage.id in ids:
            refuse(STAGE_ID, at=f"{at}.id", given=printable(stage.id))
        ids.append(stage.id)
        if not place and not isinstance(stage, PoolStage):
            refuse(ORDER, at=at, stage=stage.stage, needed="pool")
        match stage:
            case PoolStage():
                names = ["all"] if stage.cost_classes == "all" else list(stage.cost_classes)
                for name in names:
                    if name in classes or (place and "all" in (name, *classes)):
                        refuse(CLASS_TWICE, at=f"{at}.cost_classes", given=printable(name))
                    classes.append(name)
                if rounded:
                    shares = rounded = False
                split_in_pool = printed = False
            case DeductStage() | AttributeStage():
                if split_in_pool:
                    refuse(AFTER_SPLIT, at=at, stage=stage.stage)
            case OperatorStage():
                if split_in_pool and stage.bears in (OperatorBears.RATIO, OperatorBears.FIRST_UP_TO):
                    refuse(AFTER_SPLIT, at=f"{at}.bears", stage=f"operator {stage.bears.value}")
            case SplitStage():
                if split_in_pool and not printed:
                    refuse(SPLIT_TWICE, at=at)
                if rounded:
                    refuse(SPLIT_TWICE, at=at)
                split_in_pool = shares = True
                by_component = all(
                    component.factors is None or component.factors.joining is not Joining.DISCOUNT
                    for component in stage.components or ()
                ) and (by_component or not printed)
                printed = stage.ratios_as_printed is not False
            case LimitStage():
                if not shares:
                    refuse(ORDER, at=at, stage="limit", needed="split")
                rounded = by_component = False
            case RoundStage():
                if not shares:
                    refuse(ORDER, at=at, stage="round", needed="split")
                if rounded:
                    refuse(ROUNDED_TWICE, at=at)
                if stage.policy is Policy.CUT_EACH_COMPONENT and not by_component:
                    refuse(EACH_COMPONENT, at=f"{at}.policy")
                rounded = True
            case InstalmentsStage():
                if place != len(stages) - 1:
                    refuse(LAST_STAGE, at=at)
    if shares and not rounded:
        refuse(NOT_ROUNDED)
    return stages


class StagedRule(StrictModel):
    """The body of a cost-sharing rule as stages (form `cost_sharing/2`)."""

    form: Literal["cost_sharing/2"]
    title: Title | None = None
    applies_to: FiscalYears | None = None
    in_force: (
        Annotated[str, PlainValidator(read_in_force), WithJsonSchema({"type": "string", "pattern": IN_FORCE.pattern})]
        | None
    ) = None
    """From when the rule is in force (施行): its promulgation, or a day."""
    paid_before: Literal["part_payment"] | None = None
    """What was paid under the earlier rule counts as a part payment under this one (内払)."""
    reference: Reference | None = None
    pools: Annotated[tuple[StageId, ...], Strict(False)] | None = None
    """The ids of the pools, for readers; must be the pool stages in their order."""
    stages: Annotated[
        tuple[
            Annotated[
                Annotated[PoolStage, Tag("‹pool›")]
                | Annotated[DeductStage, Tag("‹deduct›")]
                | Annotated[AttributeStage, Tag("‹attribute›")]
                | Annotated[OperatorStage, Tag("‹operator›")]
                | Annotated[SplitStage, Tag("‹split›")]
                | Annotated[LimitStage, Tag("‹limit›")]
                | Annotated[RoundStage, Tag("‹round›")]
                | Annotated[InstalmentsStage, Tag("‹instalments›")],
                Discriminator(_tag_of_stage),
            ],
            ...,
        ],
        Strict(False),
        Field(min_length=1, max_length=MAX_STAGES),
        AfterValidator(_check_order),
    ]

    @model_validator(mode="after")
    def _pools_are_listed(self) -> StagedRule:
        known = tuple(stage.id for stage in self.stages if isinstance(stage, PoolStage))
        if self.pools is not None and self.pools != known:
            refuse(POOLS_LIST, at=".pools", known=", ".join(known))
        return self

    def canonical(self) -> dict[str, Any]:
        """The body without what is the default, numbers reduced: two ways to write one rule give the same."""
        dumped: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"pools"})
        return dumped

    @property
    def digest(self) -> str:
        """Names what the rule says, however its numbers were written."""
        return digest_of(self.canonical())

    def check_year(self, year: FiscalYear, *, field: str) -> None:
        """Raise Invalid where the rule is not for the contributions of this fiscal year."""
        if self.applies_to is not None and year not in self.applies_to:
            raise Invalid(YEAR_NOT_APPLIED, field=field, year=year.year)


def read_staged_rule(body: Any, *, root: str = "body") -> StagedRule:
    """The rule that a body says. Raises Invalid, naming the field as `body.stages[1].components[0].ratio`."""

    def worded(error: DocumentError) -> Invalid:
        return _wording(error, body, root)

    return read_document(StagedRule, body, worded, root=root, place=place_in_document)


def place_in_document(path: Path) -> Path:
    """The place in the body: without the tags that pydantic adds for the kind of a stage, a component or a value."""
    return tuple(step for step in path if isinstance(step, int) or not (step.startswith("‹") or step == "[key]"))


_KNOWN_VALUES: Final[Mapping[str, str]] = {
    "form": FORM,
    "stage": ", ".join(STAGE_TYPES),
    "basis": "equal, equal_by_kind, fixed, alone, statistic:…, usage:…, amount:…",
    "kinds": ", ".join(DeductedKind),
    "below_zero": ", ".join(BelowZero),
    "mode": ", ".join(AttributeMode),
    "bears": ", ".join(OperatorBears),
    "odd_yen": ", ".join(OddYen),
    "average": ", ".join(Average),
    "joining": ", ".join(Joining),
    "by": ", ".join(CountedBy),
    "leaving": ", ".join(Leaving),
    "measure": ", ".join(Measure),
    "on": ", ".join(LimitOn),
    "excess_to": ", ".join(ExcessTo),
    "policy": ", ".join((*Policy, *POLICIES_OF_CONTRACT)),
    "remainder_to": ", ".join(RemainderTo),
    "borne_by": "operator, member, carry_over",
    "method": "tiers, scrb",
    "round": "down, up",
    "odd_to": "first, last",
    "when_closed": "day_before, day_after",
    "paid_before": "part_payment",
    "cost_classes": 'all, ["運用"]',
    "to": '"431001", {"431001": 1000000}',
    "ratios_as_printed": 'true, {"431001": "0.333"}',
    "count": "1–12",
    "places": "0–20",
    "joined_fiscal_year": "1989–2100",
    "from_fiscal_year": "1989–2100",
    "to_fiscal_year": "1989–2100",
}


_EXPECTED: Final[Mapping[str, str]] = {
    "dict_type": "{…}",
    "model_type": "{…}",
    "model_attributes_type": "{…}",
    "tuple_type": "[…]",
    "list_type": "[…]",
    "string_type": '"…"',
    "int_type": "0, 1, 2, …",
}


def _wording(error: DocumentError, body: Any, root: str) -> Invalid:
    """Our refusal for what pydantic found (https://docs.pydantic.dev/latest/errors/validation_errors/)."""
    given = printable(error.given)
    match error.type:
        case "extra_forbidden":
            *owner, key = error.path
            return Invalid(UNKNOWN_KEY, given=printable(key), known=", ".join(_keys(_model_at(body, tuple(owner)))))
        case "missing":
            return Invalid(MISSING_KEY, given=error.path[-1])
        case "union_tag_invalid" | "union_tag_not_found" if isinstance(error.given, dict):
            key = "basis" if "components" in error.path else "stage"
            field = field_path(root, (*error.path, key))
            if key not in error.given:
                return Invalid(MISSING_KEY, field=field, given=key)
            value = printable(error.given[key])
            return Invalid(NOT_UNDERSTOOD, field=field, given=value, known=_KNOWN_VALUES[key])
        case "union_tag_invalid" | "union_tag_not_found":
            return Invalid(NOT_UNDERSTOOD, given=given, known="{…}")
    if (expected := _EXPECTED.get(error.type)) is not None:
        return Invalid(NOT_UNDERSTOOD, given=given, known=expected)
    last = next((step for step in reversed(error.path) if isinstance(step, str)), "")
    return Invalid(NOT_UNDERSTOOD, given=given, known=_KNOWN_VALUES.get(last, "…"))


_PARTS: Final[Mapping[str, type[StrictModel]]] = {
    "title": Title,
    "applies_to": FiscalYears,
    "reference": Reference,
    "inclusion": StagedInclusion,
    "factors": Factors,
    "waivers": Waiver,
}


def _model_at(body: Any, path: Path) -> type[StrictModel]:
    """The model of the object at a path of the body."""
    given = body
    for step in path:
        given = given[step]
    match [step for step in path if isinstance(step, str)]:
        case []:
            return StagedRule
        case ["stages"]:
            return STAGE_TYPES[given["stage"]]
        case ["stages", "components"]:
            return COMPONENT_TYPES[kind_of_basis(given["basis"]) or ""]
        case [*_, last]:
            return _PARTS[last]
    raise AssertionError(path)


def _keys(model: type[StrictModel]) -> list[str]:
    """The keys of an object as JSON has them."""
    return [info.alias or name for name, info in model.model_fields.items()]
