"""Caps and floors: bounds drawn inward to the unit, and who bears what they cut off."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from billing.allocation.basis_weights import BELOW_ZERO, newest_figure
from billing.allocation.exact_amounts import ExactAmounts
from billing.allocation.fill_level import clamped, fill_to_one_level
from billing.allocation.staged_state import Limits, Shares, StagedState
from billing.allocation.staged_workings import Input, figure_input, number_input, reduced
from governance.kernel.errors import Invalid, message
from governance.kernel.yen import printable
from governance.rules.stage_values import ExcessTo, LimitOn, Measure
from governance.rules.stages import LimitStage

CAPS_LEAVE = message(
    "case.caps_leave",
    ja="限度額の合計が足りず、{yen} 円を負担する者がありません。",
    en="The caps leave {yen} yen that nobody bears.",
    hint_ja="限度を超える額の負担者を指定するか、限度額を上げてください。",
    hint_en="Say who bears the excess (excess_to), or raise the caps.",
)
LOWER_BOUNDS_EXCEED = message(
    "case.floors_exceed",
    ja="最低額の合計が、按分する額を {yen} 円上回ります。",
    en="The floors exceed what is shared by {yen} yen.",
)
CAP_UNDER_LOWER_BOUND = message(
    "case.cap_under_floor",
    ja="{member} の限度額 {cap} 円が最低額 {floor} 円を下回ります（{unit} 円単位）。",
    en="The cap {cap} of {member} is below its floor {floor} in units of {unit} yen.",
)


def limit(state: StagedState, stage: LimitStage, at: str, unit_yen: int) -> None:
    """Keep the members' amounts within bounds; what is cut off goes where the rule says."""
    exact = ExactAmounts.sum_of(state.shares.components, len(state.members))
    before = state.amount_rows(stage, exact, "before")
    free = state.position(stage.member, f"{at}.member") if stage.excess_to is ExcessTo.MEMBER else None
    lower, upper, bound_rows = _bounds(state, stage, at, unit_yen, free)
    pool = exact.total
    pool_row = state.add(f"{stage.id}/shared", stage.id, "sum", before, pool)
    level, level_row = Fraction(1), ""
    if stage.excess_to is ExcessTo.OTHERS:
        filled = fill_to_one_level(pool, exact, lower, upper)
        if filled is None:
            raise _refused_bounds(state, at, pool, exact, lower, upper)
        level, limited = filled
        level_row = state.add(f"{stage.id}/level", stage.id, "level", [pool_row], level)
    else:
        limited = clamped(
            exact,
            [0 if position == free else low for position, low in enumerate(lower)],
            [None if position == free else high for position, high in enumerate(upper)],
        )
    after = _limited_rows(state, stage, exact, limited, level, level_row, before, bound_rows, free)
    if stage.excess_to is ExcessTo.OTHERS:
        state.total_sources.append(state.add(f"{stage.id}/check", stage.id, "equals", [pool_row, *after], pool))
    else:
        limited = _bear_excess(state, stage, at, pool, pool_row, limited, before, after, free)
    limits = [*state.shares.limits, Limits(lower, upper, free)]
    state.shares = Shares([limited], [[row] for row in after] or [[] for _ in state.members], limits)


def _limited_rows(
    state: StagedState,
    stage: LimitStage,
    exact: ExactAmounts,
    limited: ExactAmounts,
    level: Fraction,
    level_row: str,
    before: Sequence[str],
    bound_rows: Sequence[dict[str, str]],
    free: int | None,
) -> list[str]:
    """One row a member: its amount at the level, between its bounds, and whether it reached one."""
    if state.workings is None:
        return []
    rows = []
    for position, code in enumerate(state.members):
        if position == free:
            rows.append(before[position])
            continue
        value, bounds = limited.numerators[position], bound_rows[position]
        # Against the amount without bounds: level × exact.
        over = value * level.denominator * exact.denominator
        plain = level.numerator * exact.numerators[position] * limited.denominator
        rows.append(
            state.add(
                f"{stage.id}/limited/{code}",
                stage.id,
                "clamp_at_level" if level_row else "clamp",
                [before[position], *([level_row] if level_row else []), *bounds.values()],
                reduced(value, limited.denominator),
                member=code,
                bounds=[*bounds],
                state="at_cap" if over < plain else "at_floor" if over > plain else "within",
                reference=stage.reference,
            )
        )
    return rows


def _bear_excess(
    state: StagedState,
    stage: LimitStage,
    at: str,
    pool: Fraction,
    pool_row: str,
    limited: ExactAmounts,
    before: Sequence[str],
    after: list[str],
    free: int | None,
) -> ExactAmounts:
    """Give what the bounds cut off to the one who bears it; gives the members' amounts, `after` their rows."""
    excess = pool - limited.total
    row = state.add(f"{stage.id}/excess", stage.id, "difference", [pool_row, *after], excess)
    if stage.excess_to is ExcessTo.OPERATOR:
        state.operator += excess
        state.operator_sources.append(row)
    elif stage.excess_to is ExcessTo.CARRY_OVER:
        state.carried += excess
        state.carried_sources.append(row)
    elif free is not None:
        code = state.members[free]
        amount = limited.at(free) + excess
        if amount < 0:
            raise Invalid(BELOW_ZERO, field=at, member=code)
        if after:
            after[free] = state.add(
                f"{stage.id}/limited/{code}",
                stage.id,
                "sum",
                [before[free], row],
                amount,
                member=code,
                state="bears_excess",
            )
        more = ExactAmounts.of([excess if position == free else 0 for position in range(len(state.members))])
        return ExactAmounts.sum_of([limited, more], len(state.members)).reduced()
    return limited


def _bounds(
    state: StagedState, stage: LimitStage, at: str, unit_yen: int, free: int | None
) -> tuple[list[int], list[int | None], list[dict[str, str]]]:
    """Floors and caps drawn inward to the unit, by position, with the ids of their workings."""
    lower: list[int] = []
    upper: list[int | None] = []
    rows: list[dict[str, str]] = []
    for position, code in enumerate(state.members):
        taken = state.direct[position] + state.finished[position] if stage.on is LimitOn.TOTAL else 0
        bounds: dict[str, int | None] = {"floor": None, "cap": None}
        made: dict[str, str] = {}
        for name in bounds:
            found = _bound(state, stage, name, code, at)
            if found is None:
                continue
            exact, inputs = found
            drawn = -(-(exact - taken) // unit_yen) if name == "floor" else (exact - taken) // unit_yen
            bounds[name] = max(0, int(drawn) * unit_yen)
            if taken:
                inputs.append(number_input(taken, "charged_directly", unit="yen"))
            made[name] = state.add(
                f"{stage.id}/{name}/{code}",
                stage.id,
                f"bound_{'up' if name == 'floor' else 'down'}",
                inputs,
                exact,
                member=code,
                unit_yen=unit_yen,
                after=bounds[name],
            )
        low, high = bounds["floor"] or 0, bounds["cap"]
        if high is not None and high < low and position != free:
            raise Invalid(CAP_UNDER_LOWER_BOUND, field=f"{at}.cap", member=code, cap=high, floor=low, unit=unit_yen)
        lower.append(low)
        upper.append(high)
        rows.append(made)
    return lower, upper, rows


def _bound(state: StagedState, stage: LimitStage, name: str, code: str, at: str) -> tuple[Fraction, list[Input]] | None:
    given = getattr(stage, name)
    where = f"{at}.{name}"
    if isinstance(given, dict):
        for named in given:
            state.position(named, f"{where}.{printable(named)}")
        given = given.get(code)
        where = f"{where}.{printable(code)}"
    if given is None:
        return None
    value, said = state.value(given, stage.measure.value, where)
    inputs: list[Input] = [said]
    match stage.measure:
        case Measure.YEN:
            return value, inputs
        case Measure.PER_HEAD:
            figure = newest_figure(state.case, stage.basis or "statistic:population", code, stage.at, at=at)
            return value * figure.value, [*inputs, figure_input(figure)]
    previous = state.case.previous_yen.get(code)
    if previous is None:
        return None
    return value * previous, [*inputs, number_input(previous, "previous_share", unit="yen")]


def _refused_bounds(
    state: StagedState, at: str, pool: Fraction, exact: ExactAmounts, lower: Sequence[int], upper: Sequence[int | None]
) -> Invalid:
    """Why the bounds cannot be kept: the floors are more than is shared, or the caps less."""
    if (least := sum(lower)) > pool:
        return Invalid(LOWER_BOUNDS_EXCEED, field=f"{at}.floor", yen=printable(least - pool))
    most = sum(
        high if weight and high is not None else low
        for weight, low, high in zip(exact.numerators, lower, upper, strict=True)
    )
    return Invalid(CAPS_LEAVE, field=f"{at}.cap", yen=printable(pool - most))
