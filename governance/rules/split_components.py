"""The components of a split: bases and weights, who shares them, and how part years count."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    Field,
    Strict,
    StringConstraints,
    model_validator,
)

from governance.kernel.errors import message
from governance.kernel.strict_model import (
    StrictModel,
    refuse,
)
from governance.kernel.yen import printable
from governance.rules.stage_values import (
    NEEDS,
    NOT_UNDERSTOOD,
    NOT_WITH,
    SLUG,
    TWICE,
    At,
    Average,
    CountedBy,
    Exact,
    Joining,
    Label,
    Labels,
    Leaving,
    PowerOf,
    Ratio,
    Weights,
    WindowOf,
    key_of,
)

MAX_COMPONENTS: Final = 50
FACTOR_ABOVE_ONE = message(
    "rule.factor_above_one",
    ja="途中加入の係数は 0 以上 1 以下で指定してください（指定された値: {given}）。",
    en="A joiner's factor must be at least 0 and at most 1; {given} is not.",
)

_BASIS: Final = re.compile(rf"(statistic|usage):{SLUG}")


class StagedInclusion(StrictModel):
    """Which members share one component; exactly one of the four is given."""

    only: Labels | None = None
    except_: Labels | None = Field(default=None, alias="except")
    kinds: Labels | None = None
    users_of: Label | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> StagedInclusion:
        given = [name for name in ("only", "except_", "kinds", "users_of") if getattr(self, name) is not None]
        if len(given) != 1:
            refuse(NOT_UNDERSTOOD, given="{…}", known="only, except, kinds, users_of")
        return self


def _check_factor(factors: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    for place, factor in enumerate(factors):
        if factor > 1:
            refuse(FACTOR_ABOVE_ONE, at=f"[{place}]", given=printable(factor))
    return factors


class Waiver(StrictModel):
    """What members that joined in one fiscal year owe of their first years: 0 is waived, 1/2 is half.

    After the last factor it is 1. Without `joined_fiscal_year` it holds for all whose year has no waiver of its own.
    """

    joined_fiscal_year: Annotated[int, Field(ge=1989, le=2100)] | None = None
    factors: Annotated[
        tuple[Exact, ...], Strict(False), Field(min_length=1, max_length=20), AfterValidator(_check_factor)
    ]


def _check_waivers(waivers: tuple[Waiver, ...]) -> tuple[Waiver, ...]:
    years = [one.joined_fiscal_year for one in waivers]
    for place, year in enumerate(years):
        if year in years[:place]:
            refuse(TWICE, at=f"[{place}].joined_fiscal_year", given=printable(year))
    return waivers


class Factors(StrictModel):
    """How members are charged that take part in a part of the year, or joined lately."""

    joining: Annotated[Joining, Strict(False)]
    by: Annotated[CountedBy, Strict(False)] = CountedBy.MONTHS
    leaving: Annotated[Leaving, Strict(False)] = Leaving.WHOLE_YEAR
    waivers: Annotated[tuple[Waiver, ...], Strict(False), AfterValidator(_check_waivers)] = ()
    members: Labels | None = None
    """Whom it concerns; without it, everybody."""
    borne_by: Literal["operator", "member", "carry_over"] | None = None
    """Who bears a discount."""
    member: Label | None = None
    """The member that bears a discount, where `borne_by` is `member`."""

    @model_validator(mode="after")
    def _who_bears(self) -> Factors:
        if self.joining is Joining.DISCOUNT and self.borne_by is None:
            refuse(NEEDS, given="discount", needed="borne_by")
        if self.joining is not Joining.DISCOUNT and self.borne_by is not None:
            refuse(NOT_WITH, at=".borne_by", given="borne_by", other=self.joining.value)
        check_bearer(self.borne_by, self.member)
        return self


def check_bearer(bearer: str | None, member: str | None) -> None:
    """Refuse, inside a validator, a named member where nobody is one, and the reverse."""
    if bearer == "member" and member is None:
        refuse(NEEDS, given="member", needed="member")
    if bearer != "member" and member is not None:
        refuse(NOT_WITH, at=".member", given="member", other=printable(bearer))


class Component(StrictModel):
    """One component of a split (按分基準): its ratio, who shares it, and how part years count."""

    name: Label | None = None
    ratio: Ratio
    basis_text: str = Field(alias="basis")
    inclusion: StagedInclusion | None = None
    factors: Factors | None = None

    @property
    def basis(self) -> str:
        """The basis as the body has it: `equal`, `statistic:population`."""
        return self.basis_text


class StagedEqualComponent(Component):
    """Every member counts the same."""

    basis_text: Literal["equal"] = Field(alias="basis")


class StagedEqualByKindComponent(Component):
    """Members of one kind count the same; `weights` are by kind, as a city 100 and a town 50."""

    basis_text: Literal["equal_by_kind"] = Field(alias="basis")
    weights: Weights


class StagedStatisticComponent(Component):
    """A statistic of each member: the newest of a date not after `at`, with the source that is named."""

    basis_text: Annotated[str, StringConstraints(pattern=f"^statistic:{SLUG}$")] = Field(alias="basis")
    at: At | None = None
    source: Label | None = None
    power: PowerOf | None = None


class StagedUsageComponent(Component):
    """What each member used over a window."""

    basis_text: Annotated[str, StringConstraints(pattern=f"^usage:{SLUG}$")] = Field(alias="basis")
    at: WindowOf
    average: Annotated[Average, Strict(False)] = Average.SUM_OF_YEARS
    source: Label | None = None
    power: PowerOf | None = None

    @model_validator(mode="after")
    def _one_weight(self) -> StagedUsageComponent:
        if self.average is Average.MEAN_OF_SHARES and self.power is not None:
            refuse(NOT_WITH, at=".power", given="power", other="mean_of_shares")
        return self


class StagedFixedComponent(Component):
    """Weights that were agreed: the rule's own, by the members' codes, or without them the figures of basis `fixed`."""

    basis_text: Literal["fixed"] = Field(alias="basis")
    weights: Weights | None = None
    source: Label | None = None


class StagedAloneComponent(Component):
    """Stand-alone costs: `tiers` as the steps of an airport's runway, `scrb` by separable costs, remaining benefits.

    The figures are of the bases `alone` (each member's cost alone) and, for `scrb`, `alone:without` (the cost of all
    the others together); the cost of all is what the component shares.
    """

    basis_text: Literal["alone"] = Field(alias="basis")
    method: Literal["tiers", "scrb"]
    at: At | None = None
    source: Label | None = None

    @model_validator(mode="after")
    def _whole_years(self) -> StagedAloneComponent:
        if self.factors is not None:
            refuse(NOT_WITH, at=".factors", given="factors", other="alone")
        return self


COMPONENT_TYPES: Final[Mapping[str, type[Component]]] = {
    "equal": StagedEqualComponent,
    "equal_by_kind": StagedEqualByKindComponent,
    "statistic": StagedStatisticComponent,
    "usage": StagedUsageComponent,
    "fixed": StagedFixedComponent,
    "alone": StagedAloneComponent,
}


def tag_of_basis(given: Any) -> str | None:
    """The tag of a component's kind for pydantic, which tells the models apart by it."""
    kind = kind_of_basis(given.basis_text if isinstance(given, Component) else key_of(given, "basis"))
    return None if kind is None else f"‹{kind}›"


def kind_of_basis(basis: Any) -> str | None:
    """The kind of component that a basis is of; "unknown" for another text, None where there is no text."""
    if not isinstance(basis, str):
        return None
    if _BASIS.fullmatch(basis):
        return basis.partition(":")[0]
    return basis if basis in ("equal", "equal_by_kind", "fixed", "alone") else "unknown"
