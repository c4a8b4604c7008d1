"""The stages before the split: a pool and what comes off it, what members bear directly, the operator's part."""

from __future__ import annotations

from fractions import Fraction

from billing.allocation.staged_case import MEMBER_UNKNOWN
from billing.allocation.staged_state import StagedState, whole_yen
from billing.allocation.staged_workings import Input, figure_input, number_input
from governance.kernel.errors import Invalid, message
from governance.kernel.yen import printable
from governance.rules.stage_values import BelowZero, OddYen, OperatorBears
from governance.rules.stages import AttributeStage, DeductStage, OperatorStage, PoolStage
from governance.rules.yearly import Yearly

NOBODY_BEARS = message(
    "case.nobody_bears",
    ja="{yen} 円を負担する者がありません。",
    en="There are {yen} yen that nobody bears.",
    hint_ja="残額を負担する段階（按分または運営者負担）を加えてください。",
    hint_en="Add a stage that bears the rest: a split, or the operator.",
)
DEDUCTIONS_EXCEED = message(
    "case.deductions_exceed",
    ja="控除の合計 {given} 円が、経費の残額 {rest} 円を超えています。",
    en="The deductions of {given} yen exceed the {rest} yen that are left of the pool.",
)
ATTRIBUTED_EXCEEDS = message(
    "case.attributed_exceeds",
    ja="直接負担させる額 {given} 円が、経費の残額 {rest} 円を超えています。",
    en="The {given} yen attributed directly exceed the {rest} yen that are left of the pool.",
)
ATTRIBUTED_TWICE = message(
    "case.attributed_twice",
    ja="「{what}」は、すでに {member} に直接負担させています。",
    en="“{what}” is attributed to {member} already.",
)
CLASS_NOT_IN_POOL = message(
    "case.class_not_in_pool",
    ja="経費の種別「{given}」は、この経費区分にありません。",
    en="The cost class “{given}” is not in this pool.",
)
NO_AMOUNT = message(
    "case.no_amount",
    ja="「{basis}」の額がひとつもありません。",
    en="There is no amount “{basis}”.",
)
NOT_WHOLE_YEN = message(
    "case.amount_not_whole",
    ja="{member} の「{basis}」は円単位の整数にしてください（指定された値: {given}）。",
    en="The amount “{basis}” of {member} must be whole yen; {given} is not.",
)


def begin_pool(state: StagedState, stage: PoolStage, at: str) -> None:
    """The costs of the stage's classes become the rest. Raises Invalid where the pool before has some left."""
    if state.rest:
        raise Invalid(NOBODY_BEARS, field=at, yen=printable(state.rest))
    state.finish_pools()
    names = {cost.class_ for cost in state.case.costs}
    state.classes = frozenset(names if stage.cost_classes == "all" else stage.cost_classes)
    items = [cost for cost in state.case.costs if cost.class_ in state.classes]
    pool_yen = sum(cost.yen for cost in items)
    state.pools_yen += pool_yen
    state.rest = Fraction(pool_yen)
    state.rest_source = state.add(
        f"{stage.id}/pool",
        stage.id,
        "sum",
        (number_input(cost.yen, cost.name or cost.class_, unit="yen") for cost in items),
        state.rest,
        reference=stage.reference,
    )
    state.total_sources.append(state.rest_source)


def deduct(state: StagedState, stage: DeductStage, at: str) -> None:
    """Take the case's deductions of these kinds off the rest."""
    found = [
        one
        for one in state.case.deductions
        if one.kind in stage.kinds and (one.class_ is None or one.class_ in state.classes)
    ]
    given = sum(one.yen for one in found)
    if given > state.rest and stage.below_zero is BelowZero.REFUSE:
        raise Invalid(DEDUCTIONS_EXCEED, field=at, given=given, rest=printable(state.rest))
    taken = min(given, whole_yen(state.rest))
    inputs: list[Input] = [number_input(one.yen, one.name or one.kind.value, unit="yen") for one in found]
    given_row = state.add(f"{stage.id}/given", stage.id, "sum", inputs, Fraction(given))
    row = state.add(
        f"{stage.id}/deducted",
        stage.id,
        "least",
        [given_row, state.rest_source],
        Fraction(taken),
        reference=stage.reference,
    )
    state.deducted += taken
    state.deducted_sources.append(row)
    state.lower_rest(stage, Fraction(taken), [row])


def attribute(state: StagedState, stage: AttributeStage, at: str) -> None:
    """Charge amounts to members directly, each once."""
    amounts = _attributed_amounts(state, stage, at)
    total = sum(yen for yen, _ in amounts.values())
    if total > state.rest:
        raise Invalid(ATTRIBUTED_EXCEEDS, field=at, given=total, rest=printable(state.rest))
    rows = []
    for code, (yen, inputs) in amounts.items():
        position = state.positions.get(code)
        if position is None:
            raise Invalid(MEMBER_UNKNOWN, field=f"{at}.to", given=printable(code))
        if (stage.what, code) in state.attributed or (
            isinstance(stage.to, str) and (stage.what, "") in state.attributed
        ):
            raise Invalid(ATTRIBUTED_TWICE, field=f"{at}.what", what=stage.what, member=code)
        state.attributed |= {(stage.what, code)} | ({(stage.what, "")} if isinstance(stage.to, str) else set())
        state.direct[position] += yen
        row = state.add(
            f"{stage.id}/direct/{code}",
            stage.id,
            "sum",
            inputs,
            Fraction(yen),
            member=code,
            reference=stage.reference,
        )
        state.final_sources[position].append(row)
        rows.append(row)
    state.lower_rest(stage, Fraction(total), rows)


def _attributed_amounts(state: StagedState, stage: AttributeStage, at: str) -> dict[str, tuple[int, list[Input]]]:
    """Yen by member, with the inputs of the workings."""
    if isinstance(stage.to, str):
        items = [cost for cost in state.case.costs if cost.class_ == stage.what]
        if stage.what not in state.classes or not items:
            raise Invalid(CLASS_NOT_IN_POOL, field=f"{at}.what", given=stage.what)
        inputs = [number_input(cost.yen, cost.name or cost.class_, unit="yen") for cost in items]
        return {stage.to: (sum(cost.yen for cost in items), inputs)}
    if stage.to is not None:
        return {code: (yen, [number_input(yen, stage.what, unit="yen")]) for code, yen in sorted(stage.to.items())}
    found: dict[str, tuple[int, list[Input]]] = {}
    for code in state.members:
        figures = [figure for _, figure in state.case.figures.get((stage.basis or "", code), ())]
        for figure in figures:
            if figure.value.denominator != 1:
                raise Invalid(
                    NOT_WHOLE_YEN,
                    field=f"{at}.basis",
                    member=code,
                    basis=stage.basis or "",
                    given=printable(figure.value),
                )
        if figures:
            yen = sum(figure.value.numerator for figure in figures)
            found[code] = yen, [figure_input(figure) for figure in figures]
    if not found:
        raise Invalid(NO_AMOUNT, field=f"{at}.basis", basis=stage.basis or "")
    return found


def bear_as_operator(state: StagedState, stage: OperatorStage, at: str) -> None:
    """The operator's part of the rest; its odd yen as the rule says."""
    inputs: list[Input] = [state.rest_source]
    match stage.bears:
        case OperatorBears.ALL:
            part, formula = state.rest, "sum"
        case OperatorBears.NONE:
            part, formula, inputs = Fraction(0), "sum", []
        case OperatorBears.FIRST_UP_TO:
            most, said = state.value(_given(stage.yen), "first_up_to", f"{at}.yen")
            part, formula = min(state.rest, most), "least"
            inputs.append(said)
        case OperatorBears.RATIO:
            ratio, said = state.value(_given(stage.ratio), "ratio", f"{at}.ratio")
            inputs.append(said)
            if stage.odd_yen is OddYen.MEMBERS:
                part, formula = Fraction(state.rest * ratio // 1), "part_cut"
            else:
                part, formula = state.rest - state.rest * (1 - ratio) // 1, "part_with_odd_yen"
    row = state.add(f"{stage.id}/operator", stage.id, formula, inputs, part, unit_yen=1, reference=stage.reference)
    state.operator += part
    state.operator_sources.append(row)
    state.lower_rest(stage, part, [row])


def _given(yearly: Yearly | None) -> Yearly:
    if yearly is None:
        raise AssertionError("the model asks for this number")
    return yearly
