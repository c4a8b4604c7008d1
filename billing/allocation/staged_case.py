"""A case of stages from JSON: the costs, members and figures of one fiscal year, and the rule that shares them.

`StagedFile` is its strict model, whose JSON Schema is published; `StagedCase` is what is computed. What the contract
of `moyai allocation compute` calls a case with `form`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Annotated, Any, Final, Literal

from pydantic import Field, PlainSerializer, PlainValidator, Strict, WithJsonSchema

from billing.allocation.input import MAX_TOTAL_YEN
from governance.kernel.errors import Invalid, message
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.strict_model import (
    DocumentError,
    ExactNumber,
    SchemaOf,
    StrictModel,
    WholeYen,
    read_document,
    refuse,
)
from governance.kernel.yen import MAX_YEN, printable
from governance.rules.stage_values import DeductedKind, Label
from governance.rules.stages import DeductStage, PoolStage, StagedRule, place_in_document, read_staged_rule

MISSING_KEY = message(
    "case.missing_key",
    ja="「{given}」がありません。",
    en="“{given}” is missing.",
)
UNKNOWN_KEY = message(
    "case.unknown_key",
    ja="「{given}」という項目はありません。使える項目: {known}。",
    en="Unknown field “{given}”; the known ones are {known}.",
)
NOT_UNDERSTOOD = message(
    "case.not_understood",
    ja="「{given}」は使えません。使えるもの: {known}。",
    en="“{given}” cannot be used here; what can: {known}.",
)
NOT_A_DAY = message(
    "case.not_a_day",
    ja="「{given}」は日付ではありません。2026-04-01 の形で指定してください。",
    en="“{given}” is not a day; write 2026-04-01.",
)
NOT_A_NUMBER = message(
    "case.not_a_number",
    ja='0 以上の整数か、"60.00"・"6/100" のような半角の文字列で指定してください（指定された値: {given}）。',
    en='Give a non-negative integer, or a string such as "60.00" or "6/100"; {given} is neither.',
)
CLASS_UNKNOWN = message(
    "case.class_in_no_pool",
    ja="経費の種別「{given}」は、規程のどの経費区分にも入っていません。",
    en="The cost class “{given}” is in none of the rule's pools.",
)
CLASS_TWICE = message(
    "case.class_twice",
    ja="経費の種別「{given}」は、複数の経費区分に入っています。",
    en="The cost class “{given}” is in more than one pool.",
)
MEMBER_UNKNOWN = message(
    "case.member_unknown",
    ja="「{given}」は、この年度の参加団体にありません。",
    en="“{given}” is not among the members of this year.",
)
JOINED_LATER = message(
    "case.joined_later",
    ja="{joined_on} に加入した団体は、{year}年度の参加団体ではありません。",
    en="A member that joined on {joined_on} is not a member of the fiscal year {year}.",
)
LEFT_EARLIER = message(
    "case.left_earlier",
    ja="{left_on} に脱退した団体は、{year}年度の参加団体ではありません。",
    en="A member that left on {left_on} is not a member of the fiscal year {year}.",
)
LEFT_BEFORE_JOINED = message(
    "case.left_before_joined",
    ja="脱退日 {left_on} が加入日 {joined_on} より前です。",
    en="The day of leaving {left_on} is before the day of joining {joined_on}.",
)
FIGURE_TWICE = message(
    "case.figure_twice",
    ja="「{basis}」の {member} の {on} の基準値が二度あります。",
    en="The figure “{basis}” of {member} on {on} is given twice.",
)
FIGURE_LATER = message(
    "case.figure_later",
    ja="基準値の日付 {on} が、計算日 {known_on} より後です。",
    en="The figure is dated {on}, after the day of the run, {known_on}.",
)
NOT_DEDUCTED = message(
    "case.not_deducted",
    ja="「{given}」を控除する段階が、この経費区分の規程にありません。",
    en="No stage of this pool deducts “{given}”.",
)
CLASS_NEEDED = message(
    "case.class_needed",
    ja="経費区分が複数あるため、控除する経費の種別（class）を指定してください。",
    en="The rule has more than one pool: say from which cost class (class) this is deducted.",
)
NO_MEMBER = message(
    "case.no_member",
    ja="参加団体がひとつもありません。",
    en="There is no member.",
)
NO_COST = message(
    "case.no_cost",
    ja="経費がひとつもありません。",
    en="There is no cost.",
)

_FIGURE_BASIS: Final = r"^((statistic|usage|amount):[a-z][a-z0-9_]{0,39}|fixed|alone|alone:without)$"


def _day(given: Any) -> date:
    try:
        if isinstance(given, str) and len(given) == 10:
            return date.fromisoformat(given)
    except ValueError:
        pass
    refuse(NOT_A_DAY, given=printable(given))


Day = Annotated[
    date,
    PlainValidator(_day),
    PlainSerializer(date.isoformat),
    WithJsonSchema({"type": "string", "format": "date"}),
]
Value = Annotated[Fraction, ExactNumber(NOT_A_NUMBER), PlainSerializer(str)]
Text = Annotated[str, Field(min_length=1, max_length=1000)]


class CostEntry(StrictModel):
    """One cost of the year in whole yen, with its class."""

    class_: Label = Field(alias="class")
    yen: Annotated[int, WholeYen(0, MAX_TOTAL_YEN, takes_text=True)]
    name: Text | None = None


class MemberEntry(StrictModel):
    """One member of the year: its kind, from when to when it takes part, the services it has chosen."""

    kind: Label | None = None
    joined_on: Day | None = None
    left_on: Day | None = None
    services: Annotated[tuple[Label, ...], Strict(False)] = ()
    name: Label | None = None


class FigureEntry(StrictModel):
    """One figure of a basis, with the day it is of and where it is from."""

    basis: Annotated[str, Field(pattern=_FIGURE_BASIS)]
    member: Label
    value: Value
    on: Day
    unit: Text | None = None
    source: Text | None = None
    document: Text | None = None
    entered_by: Text | None = None
    checked_by: Text | None = None
    entered_on: Day | None = None
    """When it was entered: of two figures of one day the later entered one corrects the earlier."""


class DeductionEntry(StrictModel):
    """Money that comes off a pool, such as a grant (交付金)."""

    kind: Annotated[DeductedKind, Strict(False)]
    yen: Annotated[int, WholeYen(0, MAX_TOTAL_YEN, takes_text=True)]
    name: Text | None = None
    class_: Label | None = Field(default=None, alias="class")


class StagedFile(StrictModel):
    """One fiscal year's costs, members and figures, and the rule as stages that shares them."""

    form: Literal["cost_sharing/2"]
    fiscal_year: Annotated[int, Field(ge=1989, le=2100)]
    costs: Annotated[tuple[CostEntry, ...], Strict(False)]
    members: dict[Label, MemberEntry]
    figures: Annotated[tuple[FigureEntry, ...], Strict(False)] = ()
    previous_yen: dict[Label, Annotated[int, WholeYen(0, MAX_YEN)]] = Field(default_factory=dict)
    deductions_yen: Annotated[tuple[DeductionEntry, ...], Strict(False)] = ()
    known_on: Day | None = None
    """The day of the run: no figure may be dated later, and what was entered later is not seen."""
    rule: Annotated[Any, SchemaOf(StagedRule)]


@dataclass(frozen=True)
class StagedCase:
    """What is computed. Made by `staged_case`, which has checked it: members by label, figures by (basis, member)."""

    fiscal_year: FiscalYear
    costs: tuple[CostEntry, ...]
    members: Mapping[str, MemberEntry]
    """In the order of their labels."""
    figures: Mapping[tuple[str, str], tuple[tuple[date, FigureEntry], ...]]
    """The figures of one basis and member, oldest first."""
    previous_yen: Mapping[str, int]
    deductions: tuple[DeductionEntry, ...]
    rule: StagedRule
    known_on: date | None = None

    @property
    def total_yen(self) -> int:
        """All costs of the year."""
        return sum(cost.yen for cost in self.costs)


def is_staged_case(value: Any) -> bool:
    """Whether a JSON value is a case of stages: it names a form, which the one-stage case does not."""
    return isinstance(value, dict) and "form" in value


def staged_case(value: Any) -> StagedCase:
    """The case that a JSON value holds. Raises Invalid, naming the field as `rule.stages[1].components[0].ratio`."""
    given = read_document(StagedFile, value, _wording, place=place_in_document)
    rule = read_staged_rule(given.rule, root="rule")
    year = FiscalYear(given.fiscal_year)
    rule.check_year(year, field="fiscal_year")
    if not given.costs:
        raise Invalid(NO_COST, field="costs")
    if not given.members:
        raise Invalid(NO_MEMBER, field="members")
    _check_members(given, year)
    _check_costs(given, rule)
    return StagedCase(
        fiscal_year=year,
        costs=given.costs,
        members=dict(sorted(given.members.items())),
        figures=_figures(given, year),
        previous_yen=given.previous_yen,
        deductions=given.deductions_yen,
        rule=rule,
        known_on=given.known_on,
    )


def pool_of(rule: StagedRule, cost_class: str) -> list[PoolStage]:
    """The pools that hold a cost class: one in a rule that fits its costs."""
    return [
        stage
        for stage in rule.stages
        if isinstance(stage, PoolStage) and (stage.cost_classes == "all" or cost_class in stage.cost_classes)
    ]


def stages_of_pool(rule: StagedRule, pool: PoolStage) -> list[Any]:
    """The stages from a pool to the next one."""
    start = rule.stages.index(pool)
    found: list[Any] = []
    for stage in rule.stages[start + 1 :]:
        if isinstance(stage, PoolStage):
            break
        found.append(stage)
    return found


def _check_members(given: StagedFile, year: FiscalYear) -> None:
    for code, member in given.members.items():
        at = f"members.{printable(code)}"
        if member.joined_on is not None and member.joined_on >= year.ends_before:
            raise Invalid(JOINED_LATER, field=f"{at}.joined_on", joined_on=member.joined_on, year=year.year)
        if member.left_on is not None:
            if member.joined_on is not None and member.left_on < member.joined_on:
                raise Invalid(
                    LEFT_BEFORE_JOINED, field=f"{at}.left_on", left_on=member.left_on, joined_on=member.joined_on
                )
            if member.left_on < year.starts_on:
                raise Invalid(LEFT_EARLIER, field=f"{at}.left_on", left_on=member.left_on, year=year.year)


def _check_costs(given: StagedFile, rule: StagedRule) -> None:
    for place, cost in enumerate(given.costs):
        if not pool_of(rule, cost.class_):
            raise Invalid(CLASS_UNKNOWN, field=f"costs[{place}].class", given=cost.class_)
    pools = [stage for stage in rule.stages if isinstance(stage, PoolStage)]
    classes = {cost.class_ for cost in given.costs}
    for place, deduction in enumerate(given.deductions_yen):
        at = f"deductions_yen[{place}]"
        if deduction.class_ is None and len(pools) > 1:
            raise Invalid(CLASS_NEEDED, field=f"{at}.class")
        if deduction.class_ is not None and deduction.class_ not in classes:
            raise Invalid(CLASS_UNKNOWN, field=f"{at}.class", given=deduction.class_)
        pool = pools[0] if deduction.class_ is None else pool_of(rule, deduction.class_)[0]
        if not any(isinstance(one, DeductStage) and deduction.kind in one.kinds for one in stages_of_pool(rule, pool)):
            raise Invalid(NOT_DEDUCTED, field=f"{at}.kind", given=deduction.kind.value)


def _figures(given: StagedFile, year: FiscalYear) -> dict[tuple[str, str], tuple[tuple[date, FigureEntry], ...]]:
    latest = given.known_on or year.last_day
    found: dict[tuple[str, str], dict[date, FigureEntry]] = {}
    for place, figure in enumerate(given.figures):
        at = f"figures[{place}]"
        if figure.on > latest:
            raise Invalid(FIGURE_LATER, field=f"{at}.on", on=figure.on, known_on=latest)
        if given.known_on is not None and figure.entered_on is not None and figure.entered_on > given.known_on:
            continue
        of_member = found.setdefault((figure.basis, figure.member), {})
        earlier = of_member.get(figure.on)
        if earlier is not None:
            if earlier.entered_on is None or figure.entered_on is None or earlier.entered_on == figure.entered_on:
                raise Invalid(FIGURE_TWICE, field=at, basis=figure.basis, member=figure.member, on=figure.on)
            if earlier.entered_on > figure.entered_on:
                continue
        of_member[figure.on] = figure
    return {key: tuple(sorted(by_day.items())) for key, by_day in found.items()}


_KNOWN_VALUES: Final[Mapping[str, str]] = {
    "form": "cost_sharing/2",
    "kind": ", ".join(DeductedKind),
    "basis": "statistic:…, usage:…, amount:…, fixed, alone, alone:without",
    "fiscal_year": "1989–2100",
    "costs": '[{"class": "運用", "yen": 24000001}]',
    "members": '{"431001": {}}',
    "figures": "[{…}]",
}
_OWNERS: Final[Mapping[str, type[StrictModel]]] = {
    "costs": CostEntry,
    "members": MemberEntry,
    "figures": FigureEntry,
    "deductions_yen": DeductionEntry,
}


def _wording(error: DocumentError) -> Invalid:
    """Our refusal for what pydantic found (https://docs.pydantic.dev/latest/errors/validation_errors/)."""
    match error.type:
        case "extra_forbidden":
            owner = _OWNERS[str(error.path[0])] if len(error.path) > 1 else StagedFile
            known = ", ".join(info.alias or name for name, info in owner.model_fields.items())
            return Invalid(UNKNOWN_KEY, given=printable(error.path[-1]), known=known)
        case "missing":
            return Invalid(MISSING_KEY, given=error.path[-1])
    last = next((step for step in reversed(error.path) if isinstance(step, str)), "")
    known = _KNOWN_VALUES.get(last, {"string_type": '"…"', "string_too_short": '"…"'}.get(error.type, "{…}"))
    return Invalid(NOT_UNDERSTOOD, given=printable(error.given), known=known)
