"""Where amounts become yen: rounding, who bears what it leaves, and instalments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

from billing.allocation.basis_weights import BELOW_ZERO
from billing.allocation.exact_amounts import ExactAmounts
from billing.allocation.staged_state import Instalment, Shares, StagedState
from billing.allocation.staged_workings import reduced
from governance.kernel.errors import Invalid, message
from governance.kernel.split import Rounding, round_amounts
from governance.rules.stage_values import Policy, RemainderTo
from governance.rules.stages import InstalmentsStage, RoundStage

BOUND_BROKEN = message(
    "case.bound_broken",
    ja="残額を加えると、{member} の負担額 {yen} 円が限度または最低額を外れます。",
    en="With the remainder the share of {member}, {yen} yen, would be outside its limit.",
    hint_ja="残額の負担者を別に指定してください。",
    hint_en="Let somebody else bear the remainder (remainder_to).",
)
UNIT_ABOVE_POOL = message(
    "case.unit_above_pool",
    ja="端数処理の単位 {unit} 円が、経費 {pool} 円より大きくなっています。",
    en="The unit of {unit} yen is larger than the pool of {pool} yen.",
)
INSTALMENT_BELOW_ZERO = message(
    "case.instalment_below_zero",
    ja="{member} の負担額 {yen} 円は、{unit} 円単位の {count} 回に分けられません。",
    en="The share of {member}, {yen} yen, cannot be divided into {count} instalments in units of {unit} yen.",
)
_ROUNDINGS: Final[Mapping[Policy, Rounding]] = {
    Policy.CUT_TOTAL: Rounding.FLOOR_TOTAL_TO_OPERATOR,
    Policy.CUT_EACH_COMPONENT: Rounding.FLOOR_EACH_COMPONENT_TO_OPERATOR,
    Policy.ROUND_HALF_UP: Rounding.HALF_UP_TO_OPERATOR,
    Policy.LARGEST_REMAINDER: Rounding.LARGEST_REMAINDER,
}


def round_to_yen(state: StagedState, stage: RoundStage, at: str) -> None:
    """Make each member's amount a multiple of the unit; somebody bears what is left."""
    unit = stage.unit_yen
    if 0 < state.pools_yen < unit:
        raise Invalid(UNIT_ABOVE_POOL, field=f"{at}.unit_yen", unit=unit, pool=state.pools_yen)
    exact = ExactAmounts.sum_of(state.shares.components, len(state.members))
    by_component = [component.over(exact.denominator) for component in state.shares.components]
    rounded = round_amounts(
        exact.numerators, by_component, exact.denominator, unit_yen=unit, rounding=_ROUNDINGS[stage.policy]
    )
    shares = list(rounded)
    left_exactly = exact.total + state.rest - sum(shares)
    left = left_exactly // 1
    bearer: int | None = None
    if stage.remainder_to is RemainderTo.MEMBER:
        bearer = state.position(stage.member, f"{at}.member")
    elif stage.remainder_to is RemainderTo.LARGEST:
        # The first of the largest: a tie goes to the lower code.
        bearer = exact.numerators.index(max(exact.numerators))
    rows = _rounded_rows(state, stage, exact, by_component, shares)
    left_row = _left_row(state, stage, rows, left, left_exactly)
    state.rest = Fraction(0)
    if bearer is not None:
        shares[bearer] += left
        if left and state.workings is not None:
            code = state.members[bearer]
            rows[bearer] = state.add(
                f"{stage.id}/with_remainder/{code}",
                stage.id,
                "sum",
                [rows[bearer], left_row],
                Fraction(shares[bearer]),
                member=code,
            )
        elif state.workings is not None:
            state.residual_sources.append(left_row)
    elif stage.remainder_to is RemainderTo.CARRY_OVER:
        state.carried += left
        state.carried_sources.append(left_row)
    else:
        state.residual += left
        state.residual_sources.append(left_row)
    _check_rounded(state, shares, at)
    amounts = ExactAmounts(tuple(shares), 1)
    state.shares = Shares([amounts], [[row] for row in rows] or [[] for _ in state.members], is_rounded=True)


def _left_row(state: StagedState, stage: RoundStage, rows: Sequence[str], left: int, left_exactly: Fraction) -> str:
    """What rounding leaves. Less than a yen of it stays with who took an exact excess: operator or carry-over."""
    before = [source for sources in state.shares.sources for source in sources]
    together = sum((component.total for component in state.shares.components), Fraction(0)) + state.rest
    all_row = state.add(f"{stage.id}/all", stage.id, "sum", [*before, state.rest_source], together)
    exactly_row = state.add(f"{stage.id}/left_exactly", stage.id, "difference", [all_row, *rows], left_exactly)
    left_row = state.add(f"{stage.id}/left", stage.id, "cut", [exactly_row], left_exactly, unit_yen=1, after=left)
    below_a_yen = left_exactly - left
    below_row = state.add(f"{stage.id}/below_a_yen", stage.id, "difference", [exactly_row, left_row], below_a_yen)
    if state.operator.denominator == 1:
        state.carried += below_a_yen
        state.carried_sources.append(below_row)
        return left_row
    state.operator += below_a_yen
    state.operator_sources.append(below_row)
    if carried := state.carried - state.carried // 1:
        row = state.add(f"{stage.id}/carried_below_a_yen", stage.id, "below_a_yen", [*state.carried_sources], carried)
        state.operator += carried
        state.operator_sources.append(row)
        state.carried -= carried
        state.carried_sources.append(state.add(f"{stage.id}/carried_less", stage.id, "negative", [row], -carried))
    return left_row


def _rounded_rows(
    state: StagedState,
    stage: RoundStage,
    exact: ExactAmounts,
    by_component: Sequence[Sequence[int]],
    shares: Sequence[int],
) -> list[str]:
    if state.workings is None:
        return []
    unit = stage.unit_yen
    divisor = exact.denominator * unit
    if stage.policy is Policy.CUT_EACH_COMPONENT:
        return _rows_of_each_component(state, stage, exact.denominator, by_component, shares)
    amounts = state.amount_rows(stage, exact, "exact")
    if stage.policy is Policy.ROUND_HALF_UP:
        return [
            state.add(
                f"{stage.id}/yen/{code}",
                stage.id,
                "half_up",
                [amounts[position]],
                reduced(exact.numerators[position], exact.denominator),
                member=code,
                unit_yen=unit,
                before=exact.numerators[position] // divisor * unit,
                after=shares[position],
                reference=stage.reference,
            )
            for position, code in enumerate(state.members)
        ]
    is_hamilton = stage.policy is Policy.LARGEST_REMAINDER
    cut = [number // divisor * unit for number in exact.numerators]
    what = "cut" if is_hamilton else "yen"
    cut_rows = [
        state.add(
            f"{stage.id}/{what}/{code}",
            stage.id,
            "cut",
            [amounts[position]],
            reduced(exact.numerators[position], exact.denominator),
            member=code,
            unit_yen=unit,
            before=cut[position],
            after=cut[position],
            reference=stage.reference,
        )
        for position, code in enumerate(state.members)
    ]
    if not is_hamilton:
        return cut_rows
    units = sum(1 for share, before in zip(shares, cut, strict=True) if share > before)
    units_row = state.add(
        f"{stage.id}/units",
        stage.id,
        "units_left",
        [*amounts, *cut_rows],
        Fraction(units),
        unit_yen=unit,
        amounts=len(amounts),
    )
    order = sorted(range(len(cut)), key=lambda position: exact.numerators[position] % divisor, reverse=True)
    ranks = {position: rank for rank, position in enumerate(order, start=1)}
    return [
        state.add(
            f"{stage.id}/yen/{code}",
            stage.id,
            "unit_by_rank",
            [cut_rows[position], units_row],
            Fraction(shares[position]),
            member=code,
            unit_yen=unit,
            before=cut[position],
            after=shares[position],
            rank=ranks[position],
            units_left=units,
        )
        for position, code in enumerate(state.members)
    ]


def _rows_of_each_component(
    state: StagedState,
    stage: RoundStage,
    denominator: int,
    by_component: Sequence[Sequence[int]],
    shares: Sequence[int],
) -> list[str]:
    """Each component's amount is cut by itself; a member's sources are one a component, in their order."""
    return [
        state.add(
            f"{stage.id}/yen/{code}",
            stage.id,
            "cut_each",
            list(state.shares.sources[position]),
            reduced(sum(row[position] for row in by_component), denominator),
            member=code,
            unit_yen=stage.unit_yen,
            after=shares[position],
            reference=stage.reference,
        )
        for position, code in enumerate(state.members)
    ]


def _check_rounded(state: StagedState, shares: Sequence[int], at: str) -> None:
    for limits in state.shares.limits:
        for position, yen in enumerate(shares):
            high = limits.upper[position]
            outside = yen < limits.lower[position] or (high is not None and yen > high)
            if outside and position != limits.free:
                raise Invalid(BOUND_BROKEN, field=f"{at}.remainder_to", member=state.members[position], yen=yen)
    for position, yen in enumerate(shares):
        if yen < 0:
            raise Invalid(BELOW_ZERO, field=f"{at}.remainder_to", member=state.members[position])


def pay_in_instalments(state: StagedState, stage: InstalmentsStage, at: str) -> None:
    """Divide each member's whole share into payments."""
    state.finish_pools()
    for position, code in enumerate(state.members):
        share = state.finished[position] + state.direct[position]
        payments = _instalments(stage, share)
        if payments is None:
            raise Invalid(
                INSTALMENT_BELOW_ZERO,
                field=f"{at}.unit_yen",
                member=code,
                yen=share,
                count=stage.count,
                unit=stage.unit_yen,
            )
        days: Sequence[str | None] = stage.due or [None] * stage.count
        state.instalments[code] = tuple(map(Instalment, days, payments))


def _instalments(stage: InstalmentsStage, share: int) -> list[int] | None:
    """The payments of a share; None where the odd one would be below zero."""
    if stage.not_above_yen is not None and share <= stage.not_above_yen:
        return [share]
    unit = stage.unit_yen
    divisor = stage.count * unit
    one = (share // divisor if stage.round == "down" else -(-share // divisor)) * unit
    odd = share - one * (stage.count - 1)
    if odd < 0:
        return None
    return [odd, *[one] * (stage.count - 1)] if stage.odd_to == "first" else [*[one] * (stage.count - 1), odd]
